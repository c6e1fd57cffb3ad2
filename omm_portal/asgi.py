"""Where requests enter: status and health before Django, pages and REST, WebSockets."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omm_portal.settings")
django.setup(set_prefix=False)

# Only now are the settings and models there.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from omm_portal.front import FrontDoor  # noqa: E402
from omm_portal.handler import OneThreadHandler  # noqa: E402
from standby.consumers import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": FrontDoor(OneThreadHandler()),
        "websocket": URLRouter(websocket_urlpatterns),
    }
)
