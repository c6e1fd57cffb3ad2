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
            BackupSettings,
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
        first, rules = first_settings, merge_rules
        for model, beginnings, kept, backup in (
            (OmmSettings, first.omm_settings, rules.OMM, rules.OMM_BACKUP),
            (SipSettings, first.sip_settings, rules.SIP, rules.SIP_BACKUP),
            (SystemSettings, first.system_settings, rules.SYSTEM, rules.SYSTEM_BACKUP),
            (BackupSettings, first.backup_settings, rules.BACKUP, rules.BACKUP_BACKUP),
            (Maintenance, first.maintenance, rules.MAINTENANCE, rules.MAINTENANCE_BACKUP),
        ):
            registry.register(model, beginnings=beginnings, rules=kept, backup=backup)
        registry.register(SetAside, rules=rules.SET_ASIDE, backup=rules.RECORD_BACKUP)
        registry.register(Split, rules=rules.RECORD, backup=rules.RECORD_BACKUP)
        registry.register(
            DataKey,
            secret=("wrapped",),
            beginnings=first.data_key,
            rules=rules.DATA_KEY,
            backup=rules.DATA_KEY_BACKUP,
        )
        hooks.while_active(
            after_promotion=services.omm_trial_revert_all,
            each_second=lambda: services.omm_trial_expire(timezone.now()),
        )
