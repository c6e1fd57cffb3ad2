"""Paths of the pages of base stations and sites."""

from django.urls import path

from rfps import views

urlpatterns = [
    path("rfps/", views.RfpListPage.as_view(), name="rfp-list"),
    path("rfps/new/", views.RfpCreatePage.as_view(), name="rfp-new"),
    path("rfps/<uuid:pk>/", views.RfpEditPage.as_view(), name="rfp-edit"),
    path("rfps/<uuid:pk>/delete/", views.RfpDeletePage.as_view(), name="rfp-delete"),
    path("sites/", views.SiteListPage.as_view(), name="site-list"),
    path("sites/new/", views.SiteCreatePage.as_view(), name="site-new"),
    path("sites/<uuid:pk>/", views.SiteEditPage.as_view(), name="site-edit"),
    path("sites/<uuid:pk>/delete/", views.SiteDeletePage.as_view(), name="site-delete"),
]
