"""Paths of users and tokens below /api/v1/."""

from django.urls import path

from omm_portal.accounts.api import views

urlpatterns = [
    path("tokens/", views.TokenListView.as_view(), name="token-list"),
    path("tokens/<uuid:pk>/", views.TokenView.as_view(), name="token"),
    path("users/", views.UserListView.as_view(), name="user-list"),
    path("users/me/", views.MeView.as_view(), name="user-me"),
    path("users/me/password/", views.PasswordView.as_view(), name="user-me-password"),
    path("users/<uuid:pk>/", views.UserView.as_view(), name="user"),
]
