"""Every change to sites and base stations: validated, journalled, guarded against stale edits.

All functions raise ValidationError (by field), StaleObject, Conflict and whatever the journal
raises when this OMM accepts no change (GateClosed, Busy).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from rfps.models import Rfp, RfpKey, Site
from rfps.validation import MAX_RFPS, MAX_SITES, own_problems
from standby import journal
from standby.domain.sentence import say, say_count
from standby.rules import row_problems
from standby.written import Conflict, ElementsInvalid, Written, expect_version

RFP_FIELDS = frozenset(
    field.attname for field in Rfp._meta.concrete_fields if field.name not in {"id", "version"}
) | {"site"}
"""What a caller may set; ``site`` takes a Site, ``site_id`` its UUID."""

Problems = dict[str, list[str]]


def site_create(*, name: str, actor: str, source: str = "web") -> Written[Site]:
    """Add a site."""
    site = Site(name=name)
    with journal.change(actor=actor, source=source) as change:
        if Site.objects.count() >= MAX_SITES:
            raise Conflict("limit", no_more_sites())
        _refuse(site_problems(site))
        change.save(site)
    return Written(site, change.receipt)


def site_update(
    *, site: Site, name: str, expected_version: int | None = None, actor: str, source: str = "web"
) -> Written[Site]:
    """Rename a site."""
    with journal.change(actor=actor, source=source) as change:
        current = expect_version(Site.objects.filter(pk=site.pk).first(), expected_version)
        current.name = name
        _refuse(site_problems(current))
        change.save(current)
    return Written(current, change.receipt)


def site_delete(
    *, site: Site, expected_version: int | None = None, actor: str, source: str = "web"
) -> Written[None]:
    """Remove a site that no base station belongs to."""
    with journal.change(actor=actor, source=source) as change:
        current = expect_version(Site.objects.filter(pk=site.pk).first(), expected_version)
        refuse_used_site(current)
        change.delete(current)
    return Written(None, change.receipt)


def refuse_used_site(site: Site) -> None:
    """Raise Conflict while base stations belong to the site."""
    used = Rfp.objects.filter(site=site).count()
    if used:
        text = say_count(
            "%(count)s base station belongs to the site %(name)s.",
            "%(count)s base stations belong to the site %(name)s.",
            used,
            name=site.name,
        )
        raise Conflict("in-use", text)


def no_more_sites() -> str:
    """What is said when there would be too many."""
    return say("A pair holds at most %(count)s sites.", count=MAX_SITES)


def rfp_create(*, values: Mapping[str, Any], actor: str, source: str = "web") -> Written[Rfp]:
    """Add one base station."""
    try:
        written = rfp_create_many(items=[values], actor=actor, source=source)
    except ElementsInvalid as error:
        raise error.errors[0] from None
    return Written(written.value[0], written.receipt)


def no_more_rfps() -> str:
    """What is said when there would be too many."""
    return say("A pair holds at most %(count)s base stations.", count=MAX_RFPS)


def rfp_create_many(
    *, items: Sequence[Mapping[str, Any]], actor: str, source: str = "web"
) -> Written[list[Rfp]]:
    """Add base stations in one transaction; raises ElementsInvalid, and then saves none."""
    rfps = [_applied(Rfp(), values) for values in items]
    with journal.change(actor=actor, source=source) as change:
        if Rfp.objects.count() + len(rfps) > MAX_RFPS:
            raise Conflict("limit", no_more_rfps())
        _raise_elements(problems_of_many(dict(enumerate(rfps))))
        change.save_all(rfps)
    return Written(rfps, change.receipt)


def rfps_check(items: Mapping[int, Mapping[str, Any]]) -> dict[int, ValidationError]:
    """The rules that new base stations would break, by the caller's index; saves nothing."""
    rfps = {index: _applied(Rfp(), values) for index, values in items.items()}
    found = problems_of_many(rfps)
    return {index: ValidationError(problems) for index, problems in found.items()}


def rfp_update(
    *,
    rfp: Rfp,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    actor: str,
    source: str = "web",
) -> Written[Rfp]:
    """Save changes to a base station; raises StaleObject if someone else saved first."""
    with journal.change(actor=actor, source=source) as change:
        current = expect_version(Rfp.objects.filter(pk=rfp.pk).first(), expected_version)
        _applied(current, changes)
        _refuse(rfp_problems(current))
        change.save(current)
    return Written(current, change.receipt)


def rfp_delete(
    *, rfp: Rfp, expected_version: int | None = None, actor: str, source: str = "web"
) -> Written[None]:
    """Remove a base station."""
    with journal.change(actor=actor, source=source) as change:
        current = expect_version(Rfp.objects.filter(pk=rfp.pk).first(), expected_version)
        change.delete(current)
        change.delete_all(RfpKey.objects.filter(mac=current.mac))
    return Written(None, change.receipt)


def _applied(rfp: Rfp, values: Mapping[str, Any]) -> Rfp:
    unknown = values.keys() - RFP_FIELDS
    if unknown:
        raise ValueError(f"not fields of a base station: {sorted(unknown)}")
    for field, value in values.items():
        setattr(rfp, field, value)
    return rfp


def site_problems(site: Site) -> Problems:
    """Every rule that a new or changed site breaks, by field."""
    problems = row_problems(site)
    if not problems and Site.objects.filter(name=site.name).exclude(pk=site.pk).exists():
        problems["name"] = [str(_("A site of this name exists already."))]
    return problems


def rfp_problems(rfp: Rfp, before: Rfp | None = None) -> Problems:
    """Every rule that a new or changed base station breaks, by field.

    ``before`` is the row as it is: what is not changed against it is not looked up again.
    """
    return problems_of_many({0: rfp}, {0: before} if before else {}).get(0, {})


def _refuse(problems: Problems) -> None:
    if problems:
        raise ValidationError(problems)


def problems_of_many(
    rfps: Mapping[int, Rfp], before: Mapping[int, Rfp] | None = None
) -> dict[int, Problems]:
    """Rules broken by each of ``rfps`` (new or changed), with two queries however many.

    ``before`` are those rows that exist, as they are.
    """
    was = before or {}
    problems = {index: own_problems(rfp) for index, rfp in rfps.items()}
    taken = _macs_taken(
        rfp for index, rfp in rfps.items() if index not in was or was[index].mac != rfp.mac
    )
    sites = {known.site_id for known in was.values() if known.site_id is not None}
    sites |= _sites_known(rfp for rfp in rfps.values() if rfp.site_id not in sites)
    for index, rfp in rfps.items():
        if "mac" not in problems[index] and taken.setdefault(rfp.mac, rfp.pk) != rfp.pk:
            text = _("A base station with this MAC address exists already.")
            problems[index]["mac"] = [str(text)]
        if rfp.site_id is not None and rfp.site_id not in sites:
            problems[index]["site"] = [str(_("There is no such site."))]
    return {index: found for index, found in problems.items() if found}


def _macs_taken(rfps: Iterable[Rfp]) -> dict[str, uuid.UUID]:
    macs = [rfp.mac for rfp in rfps]
    return dict(Rfp.objects.filter(mac__in=macs).values_list("mac", "pk")) if macs else {}


def _sites_known(rfps: Iterable[Rfp]) -> set[uuid.UUID]:
    wanted = {rfp.site_id for rfp in rfps if rfp.site_id is not None}
    return set(Site.objects.filter(pk__in=wanted).values_list("pk", flat=True)) if wanted else set()


def _raise_elements(problems: Mapping[int, Problems]) -> None:
    if problems:
        raise ElementsInvalid({at: ValidationError(found) for at, found in problems.items()})
