"""What all REST views share: guarded writes, their headers, strict input, bounded bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import IO, Any, ClassVar, Protocol

from django.db import models
from django.db.models import Model
from rest_framework import exceptions, serializers, status
from rest_framework.fields import empty
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from omm_portal.accounts.models import User
from omm_portal.problems import ContentTooLarge
from standby.fields import SecretField
from standby.replication import outcome
from standby.written import Written

SOURCE = "api"
MAX_BODY = 8 * 1024 * 1024
"""Bytes of a request; 4,096 base stations in one list are about 2 MB."""
NO_VERSION = -1
"""A version that no object ever has."""

_ENTITY_TAG = re.compile(r'\s*(?:"(\d{1,18})"|(\*))\s*\Z')


class Versioned(Protocol):
    """An object that counts its changes."""

    version: int


def etag(row: Versioned) -> str:
    """The entity tag of an object: its version, quoted."""
    return f'"{row.version}"'


def expected_version(request: Request) -> int | None:
    """The version that ``If-Match`` names; None when any will do, NO_VERSION when none can."""
    header = request.headers.get("If-Match")
    if header is None:
        return None
    found = _ENTITY_TAG.match(header)
    if found is None:
        return NO_VERSION
    return None if found[2] else int(found[1])


def account(request: Request) -> User:
    """The signed-in user; a view whose permissions let nobody else in may rely on it."""
    if not isinstance(request.user, User):
        raise exceptions.NotAuthenticated
    return request.user


def actor(request: Request) -> str:
    """The name that the change log shows for whoever asks."""
    return account(request).username


def write_response(
    written: Written[Any],
    data: Any = None,
    *,
    code: int = status.HTTP_200_OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer a write: waits shortly for the peer and says whether the change is safe."""
    result = outcome(written.receipt)
    found = {"OMM-Replication": result.word, "OMM-Journal-Seq": str(result.seq), **(headers or {})}
    if isinstance(written.value, Model) and hasattr(written.value, "version"):
        found.setdefault("ETag", f'"{written.value.version}"')
    return Response(data, status=code, headers=found)


def deleted_response(written: Written[None]) -> Response:
    """Answer a removal."""
    return write_response(written, code=status.HTTP_204_NO_CONTENT)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses names it does not know, so that a misspelt field is not silently left out."""

    def to_internal_value(self, data: Any) -> Any:
        """Read-only fields may be sent back; they are ignored."""
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in data if name not in self.fields)
            if unknown:
                message = "There is no such field."
                raise serializers.ValidationError({name: [message] for name in unknown})
        return super().to_internal_value(data)


class AddressField(serializers.IPAddressField):
    """An IP address; an empty text means none where none is allowed."""

    def run_validation(self, data: Any = empty) -> Any:
        """None for an empty text."""
        return super().run_validation(None if data == "" and self.allow_null else data)


class WriteOnlySecret(serializers.CharField):
    """A secret: it can be set, or taken away with an empty text, and is never told."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.update(write_only=True, required=False, allow_blank=True)
        kwargs.pop("style", None)
        super().__init__(**kwargs)


class StrictModelSerializer(StrictSerializer, serializers.ModelSerializer[Any]):
    """The same for fields that come from a model."""

    serializer_field_mapping: ClassVar = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.GenericIPAddressField: AddressField,
        SecretField: WriteOnlySecret,
    }


class BoundedJSONParser(JSONParser):
    """JSON of at most MAX_BODY bytes, not nested absurdly deep."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Raises ContentTooLarge and ParseError."""
        request = (parser_context or {}).get("request")
        length = request.META.get("CONTENT_LENGTH") if request is not None else None
        if str(length or "0").isdigit() and int(length or 0) > MAX_BODY:
            raise ContentTooLarge
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise exceptions.ParseError("The document is nested too deeply.") from None


class TolerantJSONRenderer(JSONRenderer):
    """UTF-8, also when an error repeats half a character that somebody sent."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Half characters (surrogates) leave as escapes, since UTF-8 has none."""
        try:
            return super().render(data, accepted_media_type, renderer_context)
        except UnicodeEncodeError:
            return json.dumps(data, cls=self.encoder_class).encode("ascii")


class LenientNegotiation(DefaultContentNegotiation):
    """Answers in JSON even to those that did not ask for it."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The renderer asked for, else the first."""
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(
                request, renderers, format_suffix
            )
        except exceptions.NotAcceptable:
            return renderers[0], renderers[0].media_type
        return chosen
