"""Paths of the pages of accounts."""

from django.urls import path

from omm_portal.accounts.views import handover, own, sessions, signing, users

urlpatterns = [
    path("login/", signing.SignInPage.as_view(), name="login"),
    path("logout/", signing.SignOut.as_view(), name="logout"),
    path("handover/", handover.HandOver.as_view(), name="handover"),
    path("password/", own.PasswordPage.as_view(), name="password"),
    path("tokens/", own.TokenListPage.as_view(), name="token-list"),
    path("tokens/new/", own.TokenCreatePage.as_view(), name="token-new"),
    path("tokens/<uuid:pk>/delete/", own.TokenDeletePage.as_view(), name="token-delete"),
    path("sessions/", sessions.SessionsPage.as_view(), name="session-list"),
    path("users/", users.UserListPage.as_view(), name="user-list"),
    path("users/new/", users.UserCreatePage.as_view(), name="user-new"),
    path("users/<uuid:pk>/", users.UserEditPage.as_view(), name="user-edit"),
    path(
        "users/<uuid:pk>/password/", users.PasswordResetPage.as_view(), name="user-password-reset"
    ),
    path("users/<uuid:pk>/delete/", users.UserDeletePage.as_view(), name="user-delete"),
]
