"""Users and API tokens of the portal."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and programs that may sign in; replicated like every other setting."""

    name = "omm_portal.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
