"""The pair: roles, journal, peer link."""

from django.apps import AppConfig


class StandbyConfig(AppConfig):
    """OMM standby (manual section 7.15)."""

    name = "standby"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the pair's settings journalled, and every database connection guarded."""
        from django.core import checks
        from django.db.backends.signals import connection_created
        from django.db.models.signals import post_migrate, pre_migrate
        from django.utils import timezone

        from standby import first_settings, hooks, merge_rules, services
        from standby.journal import guard, registry
        from standby.journal.checks import check_models
        from standby.models import (
            DataKey,
            Maintenance,
            OmmSettings,
            SetAside,
            SipSettings,
            Split,
            SystemSettings,
        )

        connection_created.connect(guard.on_connection_created, dispatch_uid="journal-guard")
        pre_migrate.connect(guard.on_pre_migrate, dispatch_uid="journal-guard")
        post_migrate.connect(guard.on_post_migrate, dispatch_uid="journal-guard")
        checks.register(check_models)
        for model, beginnings, rules in (
            (OmmSettings, first_settings.omm_settings, merge_rules.OMM),
            (SipSettings, first_settings.sip_settings, merge_rules.SIP),
            (SystemSettings, first_settings.system_settings, merge_rules.SYSTEM),
            (Maintenance, first_settings.maintenance, merge_rules.MAINTENANCE),
        ):
            registry.register(model, beginnings=beginnings, rules=rules)
        registry.register(SetAside, rules=merge_rules.RECORD)
        registry.register(Split, rules=merge_rules.RECORD)
        registry.register(
            DataKey,
            secret=("wrapped",),
            beginnings=first_settings.data_key,
            rules=merge_rules.DATA_KEY,
        )
        hooks.while_active(
            after_promotion=services.omm_trial_revert_all,
            each_second=lambda: services.omm_trial_expire(timezone.now()),
        )
