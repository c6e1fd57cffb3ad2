"""Paths of sites and base stations below /api/v1/."""

from django.urls import path

from rfps.api import views

urlpatterns = [
    path("sites/", views.SiteListView.as_view(), name="site-list"),
    path("sites/<uuid:pk>/", views.SiteView.as_view(), name="site"),
    path("rfps/", views.RfpListView.as_view(), name="rfp-list"),
    path("rfps/<uuid:pk>/", views.RfpView.as_view(), name="rfp"),
]
