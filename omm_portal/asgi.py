"""Where requests enter: status and health before Django, pages and REST, WebSockets."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omm_portal.settings")
_django = get_asgi_application()

# Only now are the settings and models there.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from omm_portal.front import FrontDoor  # noqa: E402
from standby.consumers import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": FrontDoor(_django),
        "websocket": URLRouter(websocket_urlpatterns),
    }
)
