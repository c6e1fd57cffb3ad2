"""Users and API tokens of the portal."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and programs that may sign in; replicated like every other setting."""

    name = "omm_portal.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have users and tokens journalled."""
        from omm_portal.accounts.beginnings import administrator
        from omm_portal.accounts.models import ApiToken, User
        from standby.journal import registry

        registry.register(User, secret=("password",), beginnings=administrator)
        registry.register(ApiToken, secret=("digest",))
