"""The account of every split: what its loser set aside, against what is listed here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q

from standby.domain.accounting import Account, Tally, digest_of
from standby.models import SetAside, Split


def accounts(splits: Iterable[Split]) -> dict[UUID, Account]:
    """The accounts without the identities of the changes; one query for all."""
    held = list(splits)
    tallies = _tallies([split.pk for split in held])
    return {split.pk: Account(split.loser_changes, tallies[split.pk]) for split in held}


def full_account(split: Split) -> Account:
    """The account of one split with the identities compared; reads every id once all are here."""
    return _with_digest(split, accounts([split])[split.pk])


def _with_digest(split: Split, account: Account) -> Account:
    if not split.digest or account.here != split.loser_changes:
        return account
    found = SetAside.objects.filter(split=split.pk).values_list("pk", flat=True)
    digests = (split.digest, digest_of(str(key) for key in found.iterator()))
    return Account(account.expected, account.tallies, digests)


def _tallies(keys: list[UUID]) -> Mapping[UUID, dict[str, Tally]]:
    found: dict[UUID, dict[str, Tally]] = {key: {} for key in keys}
    rows = SetAside.objects.filter(split__in=keys).values("split", "state")
    counted = rows.annotate(
        all=Count("pk"), judged=Count(F("judged_at")), decided=Count("pk", filter=~Q(decided_by=""))
    )
    for row in counted.order_by():
        tally = Tally(row["all"], row["judged"], row["decided"])
        if row["split"] is not None:
            found[row["split"]][row["state"]] = tally
    return found


@dataclass(slots=True)
class Accountant:
    """Looks at all splits again and again; identities are compared once, when all are here."""

    missing: int = 0
    """Changes of losers that are on their way, or lost."""
    problems: dict[UUID, list[str]] = field(default_factory=dict)
    """What must never be, by split."""
    _compared: dict[UUID, tuple[Any, ...]] = field(default_factory=dict)

    def look(self) -> None:
        """Compare the accounts with what is listed now."""
        splits = list(Split.objects.all())
        found = accounts(splits)
        self.missing = sum(account.missing for account in found.values())
        self.problems = {
            split.pk: texts for split in splits if (texts := self._texts(split, found[split.pk]))
        }

    def _texts(self, split: Split, account: Account) -> list[str]:
        facts = (account.here, split.loser_changes, split.digest)
        if self._compared.get(split.pk) != facts:
            account = _with_digest(split, account)
            texts = list(account.problems())
            if not texts and not account.missing:
                self._compared[split.pk] = facts
            return texts
        return list(account.problems())
