"""Paths of the pages of accounts."""

from django.urls import path

from omm_portal.accounts import views

urlpatterns = [
    path("login/", views.SignInPage.as_view(), name="login"),
    path("logout/", views.SignOut.as_view(), name="logout"),
    path("handover/", views.HandOver.as_view(), name="handover"),
    path("password/", views.PasswordPage.as_view(), name="password"),
    path("tokens/", views.TokenListPage.as_view(), name="token-list"),
    path("tokens/new/", views.TokenCreatePage.as_view(), name="token-new"),
    path("tokens/<uuid:pk>/delete/", views.TokenDeletePage.as_view(), name="token-delete"),
    path("sessions/", views.SessionsPage.as_view(), name="session-list"),
    path("users/", views.UserListPage.as_view(), name="user-list"),
    path("users/new/", views.UserCreatePage.as_view(), name="user-new"),
    path("users/<uuid:pk>/", views.UserEditPage.as_view(), name="user-edit"),
    path("users/<uuid:pk>/delete/", views.UserDeletePage.as_view(), name="user-delete"),
]
