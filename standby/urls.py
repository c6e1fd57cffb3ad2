"""Paths of the pair's pages."""

from django.urls import path

from standby import maintenance_views, views

urlpatterns = [
    path("", views.DashboardPage.as_view(), name="dashboard"),
    path("standby/", views.PairPage.as_view(), name="pair"),
    path("standby/switchover/", views.SwitchoverPage.as_view(), name="switchover"),
    path("standby/reboot/", views.RebootPage.as_view(), name="reboot"),
    path("standby/takeover/", views.TakeoverPage.as_view(), name="takeover"),
    path(
        "standby/maintenance/",
        maintenance_views.MaintenancePage.as_view(),
        name="maintenance",
    ),
    path(
        "standby/maintenance/end/",
        maintenance_views.MaintenanceEnd.as_view(),
        name="maintenance-end",
    ),
    path("settings/omm/", views.OmmSettingsPage.as_view(), name="omm-settings"),
    path("settings/omm/confirm/", views.TrialConfirm.as_view(), name="omm-confirm"),
    path("settings/omm/revert/", views.TrialRevert.as_view(), name="omm-revert"),
    path("settings/sip/", views.SipSettingsPage.as_view(), name="sip-settings"),
    path("settings/system/", views.SystemSettingsPage.as_view(), name="system-settings"),
    path("changes/", views.ChangeListPage.as_view(), name="change-list"),
    path("changes/<int:seq>/", views.ChangePage.as_view(), name="change"),
    path("set-aside/", views.SetAsidePage.as_view(), name="set-aside"),
    path("set-aside/<uuid:pk>/", views.SetAsideChangePage.as_view(), name="set-aside-change"),
    path("events/", views.EventListPage.as_view(), name="event-list"),
]
