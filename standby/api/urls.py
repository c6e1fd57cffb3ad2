"""Paths of the pair below /api/v1/."""

from django.urls import path

from standby.api import actions, backups, set_aside, status, undo, views

urlpatterns = [
    path("status/", status.StatusView.as_view(), name="status"),
    path("settings/omm/", views.OmmSettingsView.as_view(), name="settings-omm"),
    path("settings/omm/confirm/", views.OmmConfirmView.as_view(), name="settings-omm-confirm"),
    path("settings/omm/revert/", views.OmmRevertView.as_view(), name="settings-omm-revert"),
    path("settings/sip/", views.SipSettingsView.as_view(), name="settings-sip"),
    path("settings/system/", views.SystemSettingsView.as_view(), name="settings-system"),
    path("changes/", views.ChangeListView.as_view(), name="change-list"),
    path("changes/undo/", undo.UndoView.as_view(), name="change-undo"),
    path("set-aside/", set_aside.SetAsideListView.as_view(), name="set-aside-list"),
    path(
        "set-aside/decide/", set_aside.SetAsideDecideAllView.as_view(), name="set-aside-decide-all"
    ),
    path(
        "set-aside/<uuid:pk>/decide/",
        set_aside.SetAsideDecideView.as_view(),
        name="set-aside-decide",
    ),
    path("splits/", set_aside.SplitListView.as_view(), name="split-list"),
    path("splits/<uuid:pk>/", set_aside.SplitView.as_view(), name="split"),
    path("splits/<uuid:pk>/copy/", set_aside.SplitCopyView.as_view(), name="split-copy"),
    path("settings/backup/", backups.BackupSettingsView.as_view(), name="settings-backup"),
    path("backups/", backups.BackupListView.as_view(), name="backup-list"),
    path("backups/upload/", backups.BackupUploadView.as_view(), name="backup-upload"),
    path("backups/<str:backup_id>/", backups.BackupDetailView.as_view(), name="backup"),
    path("backups/<str:backup_id>/file/", backups.BackupFileView.as_view(), name="backup-file"),
    path(
        "backups/<str:backup_id>/preview/",
        backups.BackupPreviewView.as_view(),
        name="backup-preview",
    ),
    path(
        "backups/<str:backup_id>/restore/",
        backups.BackupRestoreView.as_view(),
        name="backup-restore",
    ),
    path("events/", views.EventListView.as_view(), name="event-list"),
    path("standby/samples/", views.SamplesView.as_view(), name="standby-samples"),
    path("standby/switchover/", actions.SwitchoverView.as_view(), name="standby-switchover"),
    path("standby/reboot/", actions.RebootView.as_view(), name="standby-reboot"),
    path("standby/takeover/", actions.TakeoverView.as_view(), name="standby-takeover"),
    path("standby/maintenance/", views.MaintenanceView.as_view(), name="standby-maintenance"),
    path("standby/preflight/", actions.PreflightView.as_view(), name="standby-preflight"),
]
