"""Paths of the pair below /api/v1/."""

from django.urls import path

from standby.api import actions, status, views

urlpatterns = [
    path("status/", status.StatusView.as_view(), name="status"),
    path("settings/omm/", views.OmmSettingsView.as_view(), name="settings-omm"),
    path("settings/omm/confirm/", views.OmmConfirmView.as_view(), name="settings-omm-confirm"),
    path("settings/omm/revert/", views.OmmRevertView.as_view(), name="settings-omm-revert"),
    path("settings/sip/", views.SipSettingsView.as_view(), name="settings-sip"),
    path("settings/system/", views.SystemSettingsView.as_view(), name="settings-system"),
    path("changes/", views.ChangeListView.as_view(), name="change-list"),
    path("set-aside/", views.SetAsideListView.as_view(), name="set-aside-list"),
    path("events/", views.EventListView.as_view(), name="event-list"),
    path("standby/samples/", views.SamplesView.as_view(), name="standby-samples"),
    path("standby/switchover/", actions.SwitchoverView.as_view(), name="standby-switchover"),
    path("standby/reboot/", actions.RebootView.as_view(), name="standby-reboot"),
    path("standby/takeover/", actions.TakeoverView.as_view(), name="standby-takeover"),
    path("standby/maintenance/", views.MaintenanceView.as_view(), name="standby-maintenance"),
    path("standby/preflight/", actions.PreflightView.as_view(), name="standby-preflight"),
]
