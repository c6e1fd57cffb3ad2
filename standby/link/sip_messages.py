"""SIP messages as RFC 3261 writes them: the requests a probe sends, the answers it gets."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

MAX_MESSAGE = 65536
_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2}) [^\r\n]*")
_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) (\S{1,1000}) SIP/2\.0")
_HEADER = re.compile(rb"([A-Za-z0-9!%*_+`'~.-]+)[ \t]*:[ \t]*(.*)", re.DOTALL)
_SHORT = {b"v": b"via", b"f": b"from", b"t": b"to", b"i": b"call-id", b"l": b"content-length"}
_PLAIN = re.compile(r"[^\x00-\x20<>\x7f]*")
_NEEDED = (b"via", b"from", b"to", b"call-id", b"cseq")


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A request or an answer; header names in lower case, long form, in their order."""

    start: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    def header(self, name: bytes) -> bytes:
        """The first value of a header, empty when there is none."""
        return next((value for key, value in self.headers if key == name), b"")

    @property
    def status(self) -> int | None:
        """The status code; None for a request."""
        found = _STATUS_LINE.fullmatch(self.start)
        return int(found[1]) if found else None

    @property
    def method(self) -> str:
        """The method of a request; empty for an answer."""
        found = _REQUEST_LINE.fullmatch(self.start)
        return found[1].decode() if found else ""


def parse(data: bytes) -> SipMessage | None:
    """The message whose headers ``data`` holds; None when it is not valid SIP."""
    head, separator, _body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not separator or len(head) > MAX_MESSAGE:
        return None
    start, *lines = re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n")
    if not (_STATUS_LINE.fullmatch(start) or _REQUEST_LINE.fullmatch(start)):
        return None
    headers = []
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:
            return None
        name = found[1].lower()
        headers.append((_SHORT.get(name, name), found[2].rstrip()))
    if not {name for name, _value in headers}.issuperset(_NEEDED):
        return None
    return SipMessage(start, tuple(headers))


def content_length(message: SipMessage) -> int:
    """Bytes of body that follow on a stream; 0 when it is not said, -1 when it is nonsense."""
    value = message.header(b"content-length") or b"0"
    return int(value) if value.isdigit() and len(value) < 9 else -1


def bracketed(host: str) -> str:
    """An IPv6 address in brackets, anything else as it is."""
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class SipRequest:
    """One request outside a dialog, and how to tell its answers from others'.

    ``domain`` is the server as configured, ``user`` the number that is registered (REGISTER).
    """

    method: str
    domain: str
    port: int
    transport: str
    user: str = ""
    call_id: str = field(default_factory=lambda: secrets.token_hex(16))
    branch: str = field(default_factory=lambda: "z9hG4bK" + secrets.token_hex(8))
    tag: str = field(default_factory=lambda: secrets.token_hex(8))

    def encode(self, own_host: str, own_port: int) -> bytes:
        """The request as it leaves ``own_host``. A REGISTER has no Contact: it asks for the
        bindings of the number and changes none. Raises ValueError for a server or number that
        cannot stand in a request.
        """
        if not all(_PLAIN.fullmatch(text) for text in (self.domain, self.user)):
            raise ValueError("not a SIP server or number")
        domain = bracketed(self.domain)
        own = bracketed(own_host)
        address = f"sip:{self.user}@{domain}" if self.user else f"sip:omm@{own}"
        target = f"sip:{domain}" if self.method == "REGISTER" else f"sip:{domain}:{self.port}"
        lines = [
            f"{self.method} {target} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {own}:{own_port};branch={self.branch};rport",
            "Max-Forwards: 70",
            f"From: <{address}>;tag={self.tag}",
            f"To: <{address if self.method == 'REGISTER' else target}>",
            f"Call-ID: {self.call_id}",
            f"CSeq: 1 {self.method}",
            *self._extra(own, own_port),
            "User-Agent: OMM",
            "Content-Length: 0",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _extra(self, own: str, own_port: int) -> list[str]:
        if self.method == "REGISTER":
            return []
        return [f"Contact: <sip:omm@{own}:{own_port}>", "Accept: application/sdp"]

    def answered_by(self, message: SipMessage | None) -> bool:
        """Whether this is an answer to this very request, whatever its status."""
        return (
            message is not None
            and message.status is not None
            and message.header(b"call-id") == self.call_id.encode()
            and message.header(b"cseq").split() == [b"1", self.method.encode()]
        )


def answer(request: SipMessage, status: int, reason: str, source: tuple[str, int]) -> bytes:
    """An answer to ``request``, which came from ``source``."""
    lines = [f"SIP/2.0 {status} {reason}".encode()]
    top = True
    for name, value in request.headers:
        if name == b"via":
            lines.append(b"Via: " + (_routed(value, source) if top else value))
            top = False
    to = request.header(b"to")
    if b";tag=" not in to:
        to += b";tag=" + secrets.token_hex(8).encode()
    lines += [
        b"From: " + request.header(b"from"),
        b"To: " + to,
        b"Call-ID: " + request.header(b"call-id"),
        b"CSeq: " + request.header(b"cseq"),
        b"Content-Length: 0",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _routed(via: bytes, source: tuple[str, int]) -> bytes:
    """The top Via with where the request really came from (RFC 3581)."""
    host, port = source
    filled = re.sub(rb";rport(?=;|$)", b";rport=%d" % port, via)
    return filled + b";received=" + host.encode()
