"""What base stations would understand from a DHCP configuration that somebody pastes.

Accepts the bytes of option 43 in hexadecimal, or a configuration of a known server. It reads what
matters to base stations and knows the mistakes that the servers' own checkers pass; it is no
parser of the whole language.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from rfps.dhcp.option43 import (
    LONGEST,
    MAGICS,
    BadOption,
    Code,
    Told,
    Understood,
    encode,
    from_hex,
    understand,
)
from rfps.dhcp.reading import Read, Unreadable, read
from standby.domain.sentence import Sentence, say

MAX_TEXT = 200_000
"""Characters that are looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to mend (``is_error``) or to look at."""

    text: Sentence
    is_error: bool = True


@dataclass(slots=True)
class Verdict:
    """What was found."""

    server: str
    """Code of the server whose configuration it is; "hex" for bytes alone."""
    option43: bytes | None = None
    understood: list[Understood] = field(default_factory=list)
    magic: str | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """True when base stations would find their OMMs."""
        return not any(finding.is_error for finding in self.findings)

    def address(self, code: Code) -> IPv4Address | None:
        """The address that base stations take from a sub-option; the first of its kind counts."""
        for each in self.understood:
            if each.code is code and each.problem is None:
                return IPv4Address(each.value)
        return None


def check(text: str, expected: Told | None = None) -> Verdict:
    """Judge pasted text; with ``expected`` also whether it says what the settings say.

    Raises BadOption when the text is neither hexadecimal nor a configuration that is known.
    """
    if len(text) > MAX_TEXT:
        raise BadOption(say("more than %(most)s characters", most=MAX_TEXT))
    try:
        octets: bytes | None = from_hex(text)
    except BadOption:
        octets = None
    verdict = Verdict("hex", octets) if octets else _of_configuration(text)
    _judge(verdict, expected)
    return verdict


def _of_configuration(text: str) -> Verdict:
    try:
        found = read(text)
    except Unreadable as problem:
        raise BadOption(problem.text) from None
    verdict = Verdict(found.server, found.option43, magic=found.magic)
    verdict.findings += [Finding(text) for text in found.mistakes]
    verdict.findings += _about_sending(found)
    return verdict


def _about_sending(found: Read) -> Iterator[Finding]:
    """Options that a server knows and still does not send to base stations."""
    if found.magic is None:
        yield Finding(say("option 224 is missing: base stations ignore the offer"))
    elif found.magic not in MAGICS:
        yield Finding(
            say(
                "option 224 is %(value)s: base stations ignore offers without %(wanted)s",
                value=repr(found.magic),
                wanted=MAGICS[-1],
            )
        )
    if found.option43 is None:
        yield Finding(say("option 43 is missing: base stations learn no OMM address"))
    for code in found.not_forced:
        yield Finding(
            say(
                "option %(code)s is sent to those only that ask for it; base stations may not",
                code=code,
            ),
            is_error=code != 224,
        )
    if not found.is_scoped:
        yield Finding(
            say("other devices get these options too: nothing limits them to base stations"),
            is_error=False,
        )


def _judge(verdict: Verdict, expected: Told | None) -> None:
    if verdict.option43 is None:
        return
    try:
        verdict.understood = understand(verdict.option43)
    except BadOption as problem:
        verdict.findings.append(Finding(problem.text))
        return
    verdict.findings += _about_bytes(verdict.option43, verdict.understood)
    if verdict.address(Code.FIRST_OMM) is None:
        verdict.findings.append(Finding(say("the first OMM (sub-option 10) is missing")))
    elif verdict.address(Code.SECOND_OMM) is None:
        verdict.findings.append(
            Finding(say("the second OMM (sub-option 19) is missing: no standby"), is_error=False)
        )
    if expected is not None:
        verdict.findings += _differences(verdict, expected)


def _about_bytes(octets: bytes, parts: Iterable[Understood]) -> Iterator[Finding]:
    if len(octets) > LONGEST:
        yield Finding(
            say("%(count)s bytes: some servers cut that off", count=len(octets)), is_error=False
        )
    seen: set[int] = set()
    end = 0
    for each in parts:
        code = each.part.code
        end = each.part.start + len(each.part.octets)
        if each.problem is not None:
            yield Finding(say("sub-option %(code)s: %(problem)s", code=code, problem=each.problem))
        if each.code is None:
            yield Finding(
                say("sub-option %(code)s is not known to base stations", code=code), is_error=False
            )
        if code in seen:
            yield Finding(say("sub-option %(code)s is there twice", code=code))
        seen.add(code)
    rest = octets[end:].strip(b"\0")
    if rest and rest[1:]:
        yield Finding(say("%(count)s bytes after the end mark are not read", count=len(rest) - 1))


def _differences(verdict: Verdict, expected: Told) -> Iterator[Finding]:
    wanted = {each.code: each.value for each in understand(encode(expected))}
    found = {each.code: each.value for each in verdict.understood if each.problem is None}
    omms = {Code.FIRST_OMM, Code.SECOND_OMM}
    if {found.get(code) for code in omms} == {wanted.get(code) for code in omms}:
        if found.get(Code.FIRST_OMM) != wanted.get(Code.FIRST_OMM):
            yield Finding(
                say("the two OMM addresses are the other way round than in the settings"),
                is_error=False,
            )
        omms = set()
    for code, value in wanted.items():
        if code is None or found.get(code) == value or (code not in omms and code in _OMM_CODES):
            continue
        yield Finding(
            say(
                "sub-option %(code)s says %(found)s, the settings say %(wanted)s",
                code=int(code),
                found=found.get(code) or say("nothing"),
                wanted=value,
            ),
            is_error=code in omms,
        )


_OMM_CODES = {Code.FIRST_OMM, Code.SECOND_OMM}
