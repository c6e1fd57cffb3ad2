"""Base stations and their sites."""

from django.apps import AppConfig


class RfpsConfig(AppConfig):
    """DECT base stations (RFPs) and the sites they stand in."""

    name = "rfps"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have sites and base stations journalled and counted for the status document."""
        from rfps.models import Rfp, Site
        from rfps.selectors import rfp_connected_count, rfp_count
        from rfps.states import LABELS
        from standby import hooks, presentation
        from standby.journal import registry

        registry.register(Site)
        registry.register(Rfp)
        hooks.count_rfps(configured=rfp_count, connected=rfp_connected_count)
        presentation.add_kind("rfp", LABELS)
