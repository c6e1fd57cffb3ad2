"""Users and API tokens of the portal."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and programs that may sign in; replicated like every other setting."""

    name = "omm_portal.accounts"
    label = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have users and tokens journalled, and hear of sessions that end at the other OMM."""
        from omm_portal.accounts import merge_rules, sessions, tickets
        from omm_portal.accounts.beginnings import administrator
        from omm_portal.accounts.models import ApiToken, User
        from standby import hooks
        from standby.journal import registry

        registry.register(
            User,
            secret=("password",),
            beginnings=administrator,
            rules=merge_rules.USER,
            backup=merge_rules.USER_BACKUP,
        )
        registry.register(
            ApiToken,
            secret=("digest",),
            rules=merge_rules.TOKEN,
            backup=merge_rules.TOKEN_BACKUP,
        )
        hooks.when_told(tickets.VOID, sessions.ended_there)
