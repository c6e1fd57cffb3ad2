"""A journalled model with a field of every kind; its table exists in the journal's tests only."""

from __future__ import annotations

import uuid

from django.db import models


class Sample(models.Model):
    """One of each."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=64, unique=True)
    text = models.TextField(blank=True)
    number = models.BigIntegerField(null=True)
    small = models.PositiveSmallIntegerField(default=0)
    flag = models.BooleanField(default=False)
    maybe = models.BooleanField(null=True)
    at = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    other = models.UUIDField(null=True)
    address = models.GenericIPAddressField(null=True)
    data = models.JSONField(default=dict)
    blob = models.BinaryField(default=b"")
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT)
    stamp = models.DateTimeField(auto_now=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        app_label = "journal_tests"

    def __str__(self) -> str:
        return self.name
