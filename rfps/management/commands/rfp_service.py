"""``manage.py rfp_service``: serves base stations while this OMM is active."""

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from rfps.link.service import serve


class Command(BaseCommand):
    """The base stations' side of this node."""

    help = "Serve base stations while this OMM is active (started by manage.py omm)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop."""
        asyncio.run(serve(settings.OMM))
