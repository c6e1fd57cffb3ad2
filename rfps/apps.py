"""Base stations and their sites."""

from django.apps import AppConfig


class RfpsConfig(AppConfig):
    """DECT base stations (RFPs) and the sites they stand in."""

    name = "rfps"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have sites and base stations journalled and counted for the status document."""
        from rfps import (
            lookups,  # noqa: F401 - it registers itself
            merge_rules,
        )
        from rfps.models import Rfp, RfpKey, Site
        from rfps.overview import address_effect, rfp_counts
        from rfps.selectors import rfp_connected_count, rfp_count
        from rfps.states import LABELS
        from standby import hooks, panels, presentation
        from standby.journal import registry

        registry.register(Site, rules=merge_rules.SITE, backup=merge_rules.SITE_BACKUP)
        registry.register(Rfp, rules=merge_rules.RFP, backup=merge_rules.RFP_BACKUP)
        registry.register(RfpKey, rules=merge_rules.KEY, backup=merge_rules.KEY_BACKUP)
        hooks.count_rfps(configured=rfp_count, connected=rfp_connected_count)
        panels.add("dashboard", "rfps/counts_card.html", rfp_counts)
        panels.add("omm-settings", "rfps/address_effect.html", address_effect)
        presentation.add_kind("rfp", LABELS)
