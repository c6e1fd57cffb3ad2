"""Users and API tokens; both replicate to the standby OMM."""

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

USER_NAME = RegexValidator(
    r"^[\w.@+-]+\Z", _("Letters, digits and the signs . @ + - _ only, without blanks.")
)


class AccountRole(models.TextChoices):
    """What an account may do."""

    FULL = "full", _("Full access")
    READ = "read", _("Read-only")


class UserManager(BaseUserManager["User"]):
    """Finds users by name; creating them goes through the services and the journal."""


class User(AbstractBaseUser):
    """A person or program that signs in.

    Has no ``last_login`` column: Django would write the replicated row at every sign-in.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(_("user name"), max_length=64, unique=True, validators=[USER_NAME])
    display_name = models.CharField(_("display name"), max_length=120, blank=True)
    role = models.CharField(_("role"), max_length=8, choices=AccountRole, default=AccountRole.READ)
    is_active = models.BooleanField(_("enabled"), default=True)
    must_change_password = models.BooleanField(_("must change the password"), default=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    last_login = None

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()

    class Meta:
        ordering: ClassVar = ["username"]

    def __str__(self) -> str:
        return self.username

    @property
    def has_full_access(self) -> bool:
        """True when the account may change settings."""
        return self.is_active and self.role == AccountRole.FULL


class ApiToken(models.Model):
    """A program's key to the REST endpoints; only its SHA-256 digest is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="tokens")
    name = models.CharField(_("name"), max_length=120, blank=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering: ClassVar = ["-created_at", "id"]

    def __str__(self) -> str:
        return self.name or str(self.pk)


class TokenUse(models.Model):
    """When a token was last used on this node (node-local, never replicated)."""

    token_id = models.UUIDField(primary_key=True)
    last_used_at = models.DateTimeField()


class RedeemedTicket(models.Model):
    """What is worth nothing here any more (node-local): a hand-over ticket that was used, or all
    tickets of a session that has ended at the other OMM (then ``id`` is the session's mark).
    """

    id = models.UUIDField(primary_key=True)
    redeemed_at = models.DateTimeField(default=timezone.now, db_index=True)
