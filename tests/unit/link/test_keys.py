"""Keys: the same on both nodes, different for every purpose."""

import pytest

from standby.link.keys import DJANGO, LINK_CA, TICKET, ca_key, derive, heartbeat_key

SECRET = b"correct horse battery staple 32 bytes"


def test_the_same_secret_gives_the_same_keys() -> None:
    assert derive(SECRET, DJANGO) == derive(SECRET, DJANGO)
    assert ca_key(SECRET).private_bytes_raw() == ca_key(SECRET).private_bytes_raw()
    assert len(derive(SECRET, DJANGO, length=50)) == 50


def test_every_purpose_secret_and_direction_has_a_key_of_its_own() -> None:
    keys = {
        derive(SECRET, DJANGO),
        derive(SECRET, TICKET),
        derive(SECRET, LINK_CA),
        derive(SECRET + b"x", DJANGO),
        heartbeat_key(SECRET, "a"),
        heartbeat_key(SECRET, "b"),
    }
    assert len(keys) == 6


def test_these_keys_never_change() -> None:
    """Nodes of different versions must agree on them."""
    assert derive(b"x" * 32, DJANGO).hex() == KNOWN_DJANGO
    assert heartbeat_key(b"x" * 32, "a").hex() == KNOWN_HEARTBEAT


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        derive(b"", DJANGO)


KNOWN_DJANGO = "b3a20308c6a92e0828a80126fb9588254fcac7ef6f889806eae7cb58fddace04"
KNOWN_HEARTBEAT = "dce2647024f70e69f29c63c7ebaf0a9b69ff26d6efe591e3d70bf5d2875e2154"
