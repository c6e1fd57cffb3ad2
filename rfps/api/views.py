"""Endpoints of sites and base stations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import exceptions, generics, status
from rest_framework.request import Request
from rest_framework.response import Response

from omm_portal.api import (
    SOURCE,
    actor,
    deleted_response,
    etag,
    expected_version,
    write_response,
)
from rfps import services
from rfps.api.serializers import RfpSerializer, SiteSerializer
from rfps.filters import RfpFilterSet, SiteFilterSet
from rfps.models import Rfp, Site
from rfps.selectors import rfp_list, rfp_states, site_list
from rfps.validation import MAX_RFPS
from standby.written import Conflict, ElementsInvalid

ONE_OR_MANY = PolymorphicProxySerializer(
    component_name="RfpOneOrMany",
    serializers=[RfpSerializer, RfpSerializer(many=True)],
    resource_type_field_name=None,
    many=False,
)


class SiteListView(generics.ListAPIView[Site]):
    """All sites."""

    serializer_class = SiteSerializer
    filterset_class = SiteFilterSet
    ordering_fields: ClassVar = ["name"]

    def get_queryset(self) -> QuerySet[Site]:
        """All sites by name."""
        return site_list()

    @extend_schema(responses={201: SiteSerializer})
    def post(self, request: Request) -> Response:
        """Add a site."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        written = services.site_create(
            **serializer.validated_data, actor=actor(request), source=SOURCE
        )
        data = self.get_serializer(written.value).data
        return write_response(written, data, code=status.HTTP_201_CREATED)


class SiteView(generics.GenericAPIView[Site]):
    """One site."""

    serializer_class = SiteSerializer

    def get_queryset(self) -> QuerySet[Site]:
        """All sites."""
        return site_list()

    def get(self, request: Request, pk: str) -> Response:
        """Show a site."""
        site = self.get_object()
        return Response(self.get_serializer(site).data, headers={"ETag": etag(site)})

    def patch(self, request: Request, pk: str) -> Response:
        """Rename a site."""
        site = self.get_object()
        serializer = self.get_serializer(site, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        written = services.site_update(
            site=site,
            name=serializer.validated_data.get("name", site.name),
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        data = self.get_serializer(written.value).data
        return write_response(written, {**data, "rfp_count": getattr(site, "rfp_count", 0)})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Remove a site that no base station belongs to."""
        written = services.site_delete(
            site=self.get_object(),
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return deleted_response(written)


class RfpListView(generics.GenericAPIView[Rfp]):
    """All base stations."""

    serializer_class = RfpSerializer
    filterset_class = RfpFilterSet
    ordering_fields: ClassVar = ["mac", "name", "cluster", "paging_area", "site__name"]

    def get_queryset(self) -> QuerySet[Rfp]:
        """All base stations by MAC address."""
        return rfp_list()

    @extend_schema(responses=RfpSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List base stations with their state."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(_shown(page or []))

    @extend_schema(request=ONE_OR_MANY, responses={201: ONE_OR_MANY})
    def post(self, request: Request) -> Response:
        """Add one base station, or a list of them in one transaction."""
        if isinstance(request.data, list):
            return self._post_many(request, request.data)
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        written = services.rfp_create(
            values=serializer.validated_data, actor=actor(request), source=SOURCE
        )
        data = _shown([written.value])[0]
        return write_response(written, data, code=status.HTTP_201_CREATED)

    def _post_many(self, request: Request, items: list[Any]) -> Response:
        written = services.rfp_create_many(
            items=_parsed(items), actor=actor(request), source=SOURCE
        )
        return write_response(written, _shown(written.value), code=status.HTTP_201_CREATED)


class RfpView(generics.GenericAPIView[Rfp]):
    """One base station."""

    serializer_class = RfpSerializer

    def get_queryset(self) -> QuerySet[Rfp]:
        """All base stations."""
        return rfp_list()

    def get(self, request: Request, pk: str) -> Response:
        """Show a base station with its state."""
        rfp = self.get_object()
        return Response(_shown([rfp])[0], headers={"ETag": etag(rfp)})

    def patch(self, request: Request, pk: str) -> Response:
        """Change a base station."""
        rfp = self.get_object()
        serializer = self.get_serializer(rfp, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        written = services.rfp_update(
            rfp=rfp,
            changes=serializer.validated_data,
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return write_response(written, _shown([written.value])[0])

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Remove a base station."""
        written = services.rfp_delete(
            rfp=self.get_object(),
            expected_version=expected_version(request),
            actor=actor(request),
            source=SOURCE,
        )
        return deleted_response(written)


def _shown(rfps: list[Rfp]) -> list[dict[str, Any]]:
    """Base stations as JSON, their states read with one query."""
    states = rfp_states(rfp.pk for rfp in rfps)
    serializer = RfpSerializer(rfps, many=True, context={"states": states})
    return list(serializer.data)


def _parsed(items: list[Any]) -> list[dict[str, Any]]:
    """The values of a list's elements; raises ElementsInvalid naming every bad one."""
    if len(items) > MAX_RFPS:
        raise Conflict("limit", services.no_more_rfps())
    values: dict[int, dict[str, Any]] = {}
    errors: dict[int, ValidationError] = {}
    serializer = RfpSerializer()  # one for all: making its fields costs more than using them
    for index, item in enumerate(items):
        try:
            values[index] = serializer.run_validation(item)
        except exceptions.ValidationError as error:
            errors[index] = ValidationError(_messages(error.detail))
    if errors:
        raise ElementsInvalid({**errors, **services.rfps_check(values)})
    return list(values.values())


def _messages(errors: Any) -> dict[str, list[str]]:
    """The framework's errors of one element, by field."""
    by_field = errors if isinstance(errors, Mapping) else {"non_field_errors": errors}
    return {name: [str(text) for text in texts] for name, texts in by_field.items()}
