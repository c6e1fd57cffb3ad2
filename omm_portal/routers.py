"""Which of the node's two databases a model lives in."""

from typing import Any

from django.db import models

LIVE_MODELS = frozenset(
    {
        "standby.event",
        "standby.sample",
        "rfps.rfplive",
        "accounts.tokenuse",
        "accounts.redeemedticket",
        "sessions.session",
    }
)
LIVE_APPS = frozenset({"axes"})
"""Apps all of whose tables are live, those of later versions too."""
LIVE = "live"
DEFAULT = "default"


class LiveRouter:
    """Node-local rows that change often live apart, so that they never wait for configuration."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str:
        """The database of a model."""
        return LIVE if _is_live(model._meta.app_label, model._meta.model_name) else DEFAULT

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str:
        """The database of a model."""
        return self.db_for_read(model)

    def allow_relation(self, one: models.Model, other: models.Model, **hints: Any) -> bool:
        """Rows relate only inside one database."""
        classes = one.__class__, other.__class__  # not type(): request.user is a lazy stand-in
        return self.db_for_read(classes[0]) == self.db_for_read(classes[1])

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool | None:
        """Each table is made in its own database only; code without a model where its app is."""
        return _is_live(app_label, model_name) == (db == LIVE)


def _is_live(app_label: str, model_name: str | None) -> bool:
    return app_label in LIVE_APPS or f"{app_label}.{model_name}".lower() in LIVE_MODELS
