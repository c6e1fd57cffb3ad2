"""Base stations and their sites."""

from django.apps import AppConfig


class RfpsConfig(AppConfig):
    """DECT base stations (RFPs) and the sites they stand in."""

    name = "rfps"
    default_auto_field = "django.db.models.BigAutoField"
