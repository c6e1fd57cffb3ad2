"""The pair: roles, journal, peer link."""

from django.apps import AppConfig


class StandbyConfig(AppConfig):
    """OMM standby (manual section 7.15)."""

    name = "standby"
    default_auto_field = "django.db.models.BigAutoField"
