"""Paths of the pair's pages."""

from django.urls import path

from standby.views import actions, backups, log, maintenance, set_aside, settings, status, undo

urlpatterns = [
    path("", status.DashboardPage.as_view(), name="dashboard"),
    path("standby/", status.PairPage.as_view(), name="pair"),
    path("standby/switchover/", actions.SwitchoverPage.as_view(), name="switchover"),
    path("standby/reboot/", actions.RebootPage.as_view(), name="reboot"),
    path("standby/takeover/", actions.TakeoverPage.as_view(), name="takeover"),
    path(
        "standby/maintenance/",
        maintenance.MaintenancePage.as_view(),
        name="maintenance",
    ),
    path(
        "standby/maintenance/end/",
        maintenance.MaintenanceEnd.as_view(),
        name="maintenance-end",
    ),
    path("settings/omm/", settings.OmmSettingsPage.as_view(), name="omm-settings"),
    path("settings/omm/confirm/", settings.TrialConfirm.as_view(), name="omm-confirm"),
    path("settings/omm/revert/", settings.TrialRevert.as_view(), name="omm-revert"),
    path("settings/sip/", settings.SipSettingsPage.as_view(), name="sip-settings"),
    path("settings/system/", settings.SystemSettingsPage.as_view(), name="system-settings"),
    path("changes/", log.ChangeListPage.as_view(), name="change-list"),
    path("changes/undo/", undo.UndoPage.as_view(), name="undo"),
    path("changes/<int:seq>/", log.ChangePage.as_view(), name="change"),
    path("set-aside/", set_aside.SetAsidePage.as_view(), name="set-aside"),
    path(
        "set-aside/decide/<slug:choice>/",
        set_aside.DecideAllPage.as_view(),
        name="set-aside-decide-all",
    ),
    path("set-aside/<uuid:pk>/", set_aside.SetAsideChangePage.as_view(), name="set-aside-change"),
    path(
        "set-aside/<uuid:pk>/<slug:choice>/",
        set_aside.DecidePage.as_view(),
        name="set-aside-decide",
    ),
    path("splits/", set_aside.SplitListPage.as_view(), name="split-list"),
    path("splits/<uuid:pk>/", set_aside.SplitPage.as_view(), name="split"),
    path("splits/<uuid:pk>/copy/", set_aside.SplitCopyPage.as_view(), name="split-copy"),
    path("backups/", backups.BackupListPage.as_view(), name="backup-list"),
    path("backups/new/", backups.BackupMakePage.as_view(), name="backup-new"),
    path("backups/upload/", backups.BackupUploadPage.as_view(), name="backup-upload"),
    path("backups/settings/", backups.BackupSettingsPage.as_view(), name="backup-settings"),
    path("backups/<str:backup_id>/", backups.RestorePage.as_view(), name="backup"),
    path("backups/<str:backup_id>/file/", backups.BackupFile.as_view(), name="backup-file"),
    path(
        "backups/<str:backup_id>/delete/",
        backups.BackupDeletePage.as_view(),
        name="backup-delete",
    ),
    path("events/", log.EventListPage.as_view(), name="event-list"),
]
