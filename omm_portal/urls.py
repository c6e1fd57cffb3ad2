"""All paths: pages at the top, REST under /api/v1/."""

from django.urls import URLPattern, URLResolver, include, path
from django.views.i18n import set_language

from omm_portal import problems
from omm_portal.docs import DocsView, SchemaView
from omm_portal.metrics import MetricsView

api_urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("standby.api.urls")),
    path("", include("rfps.api.urls")),
    path("", include("omm_portal.accounts.api.urls")),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("docs/", DocsView.as_view(), name="docs"),
]

urlpatterns = [
    path("api/v1/", include((api_urlpatterns, "api"))),
    path("language/", set_language, name="language"),
    path("metrics", MetricsView.as_view(), name="metrics"),
    path("", include("standby.urls")),
    path("", include("rfps.urls")),
    path("", include("omm_portal.accounts.urls")),
]

handler400 = problems.handler400
handler403 = problems.handler403
handler404 = problems.handler404
handler500 = problems.handler500
