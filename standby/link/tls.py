"""Who may speak on the peer channel: mutual TLS 1.3 with a certificate authority of the pair.

Both nodes derive the same authority key from the pair secret and issue their own certificate at
every start. Trust is that key, never the clock: validity dates are not checked.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from standby.link.keys import ca_key

VALID_FROM = datetime(2000, 1, 1, tzinfo=UTC)
VALID_TO = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

_CA_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "OMM pair")])
_NO_CHECK_TIME = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which ssl has no name for


class LinkContext(ssl.SSLContext):
    """A TLS context that knows who we are and, on a client, whom we expect."""

    node: str
    expected_peer: str | None


def server_context(
    secret: bytes, node_id: str, expected_peer: str | None = None, *, trusted: Iterable[bytes] = ()
) -> LinkContext:
    """For the listening side; clients without a certificate of the pair do not get in.

    ``trusted`` are other pair secrets whose holders are let in as well.
    """
    return _context(ssl.PROTOCOL_TLS_SERVER, (secret, *trusted), node_id, expected_peer)


def client_context(
    secret: bytes, node_id: str, expected_peer: str | None = None, *, trusted: Iterable[bytes] = ()
) -> LinkContext:
    """For the dialling side; with ``expected_peer`` any other node is refused."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, (secret, *trusted), node_id, expected_peer)


def peer_node_name(connection: ssl.SSLObject | ssl.SSLSocket) -> str:
    """The node id in the other side's verified certificate; empty when it has none."""
    certificate = connection.getpeercert() or {}
    subject = cast("Iterable[Iterable[tuple[str, str]]]", certificate.get("subject", ()))
    names = [value for part in subject for name, value in part if name == "commonName"]
    return names[0] if names else ""


def _context(
    protocol: ssl._SSLMethod, secrets: tuple[bytes, ...], node_id: str, expected_peer: str | None
) -> LinkContext:
    context = LinkContext(protocol)
    context.node = node_id
    context.expected_peer = expected_peer
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # names are node ids, compared by the channel
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= _NO_CHECK_TIME
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    for secret in dict.fromkeys(secrets):
        context.load_verify_locations(cadata=_authority(ca_key(secret)).decode())
    _load_own(context, *issue(ca_key(secrets[0]), node_id))
    return context


def issue(
    authority: Ed25519PrivateKey,
    node_id: str,
    valid: tuple[datetime, datetime] = (VALID_FROM, VALID_TO),
) -> tuple[bytes, bytes]:
    """A new certificate for ``node_id`` and its private key, both PEM."""
    key = Ed25519PrivateKey.generate()
    usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node_id)]))
        .issuer_name(_CA_NAME)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        .add_extension(_authority_key_id(authority), critical=False)
        .sign(authority, None)
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), private


def _authority_key_id(authority: Ed25519PrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())


def _authority(authority: Ed25519PrivateKey) -> bytes:
    """The authority's own certificate, PEM; the same bytes on both nodes."""
    public = authority.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_CA_NAME)
        .issuer_name(_CA_NAME)
        .public_key(public)
        .serial_number(1)
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_TO)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_signing_only(), critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority, None)
    )
    return certificate.public_bytes(Encoding.PEM)


@lru_cache(maxsize=1)
def _signing_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load_own(context: ssl.SSLContext, certificate: bytes, private: bytes) -> None:
    with _memory_file(certificate) as chain, _memory_file(private) as key:
        context.load_cert_chain(chain, key)


@contextmanager
def _memory_file(content: bytes) -> Iterator[str]:
    """The path of a file that never reaches a disk: ssl reads keys from files only."""
    fd = os.memfd_create("omm-link", os.MFD_CLOEXEC)
    try:
        os.write(fd, content)
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)
