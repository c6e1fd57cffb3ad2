"""What a merged or restored site or base station must keep to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError

from rfps.models import Rfp, RfpKey, Site
from rfps.services import (
    no_more_rfps,
    no_more_sites,
    problems_of_many,
    refuse_used_site,
    rfp_problems,
    site_problems,
)
from rfps.validation import MAX_RFPS, MAX_SITES, own_problems
from standby.domain.sentence import say
from standby.journal import BackupRules, Rules
from standby.written import Conflict


def _site_check(site: Site, before: Site | None) -> None:
    if before is None and Site.objects.count() >= MAX_SITES:
        raise Conflict("limit", no_more_sites())
    if problems := site_problems(site):
        raise ValidationError(problems)


def _rfp_check(rfp: Rfp, before: Rfp | None) -> None:
    if before is None and Rfp.objects.count() >= MAX_RFPS:
        raise Conflict("limit", no_more_rfps())
    if problems := rfp_problems(rfp, before):
        raise ValidationError(problems)


def _rfps_check(rfps: Sequence[Rfp]) -> None:
    if Rfp.objects.count() > MAX_RFPS:
        raise Conflict("limit", no_more_rfps())
    for problems in problems_of_many(dict(enumerate(rfps))).values():
        raise ValidationError(problems)


SITE_BACKUP = BackupRules(most=MAX_SITES, no_more=no_more_sites)
RFP_BACKUP = BackupRules(most=MAX_RFPS, no_more=no_more_rfps, problems=own_problems)


def _key_removal(key: RfpKey) -> None:
    """A base station must not lose the only key that it can prove itself with."""
    others = RfpKey.objects.filter(mac=key.mac).exclude(pk=key.pk)
    if not others.exists() and Rfp.objects.filter(mac=key.mac).exists():
        raise Conflict("in-use", say("The base station %(mac)s needs this key.", mac=key.mac))


def _key_never(ours: Mapping[str, Any] | None, former: Mapping[str, Any]) -> dict[str, str]:
    """A key that was proved is never told in clear again."""
    if ours is None or not ours["proved"] or former.get("proved", True):
        return {}
    return {"proved": say("The base station has proved this key: it is never told again.")}


def _key_prepare(key: RfpKey, before: RfpKey | None) -> None:
    """A back-up may be older than the proof."""
    key.proved = key.proved or (before is not None and before.proved)


SITE = Rules(check=_site_check, check_removal=refuse_used_site)
RFP = Rules(check=_rfp_check, check_many=_rfps_check)
KEY = Rules(check_removal=_key_removal, never=_key_never)
KEY_BACKUP = BackupRules(prepare=_key_prepare)
