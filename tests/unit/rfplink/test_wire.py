"""The base stations' wire against recorded facts, and over any bytes."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfps.link import wire
from rfps.link.cipher import KEY, Opener, Sealer, proves, re_enrolment
from rfps.link.session import Admission, NoProof, Session, Stage
from tests.unit.rfplink.clients import introduction, to_omm

RFPA = bytes(range(64))
CHALLENGE = bytes(range(0x80, 0xA0))
PROOF = bytes.fromhex("CBADBFCE49DA9E70")
HEARTBEAT = bytes.fromhex("B0C5D877303BCEF691BF9AE0EB6CB903")


class TestCheckValues:
    """Values that were recorded or worked out elsewhere."""

    def test_what_the_omm_sends(self) -> None:
        sealer = Sealer(RFPA, CHALLENGE)
        frames = wire.Welcome(interval=15).frames()
        assert [sealer.seal(frame).hex().upper() for frame in frames[:3]] == [
            "AC9C596F4F37CEAA",
            "A0EF9F11EA0BE875F4410EC9282D0F72",
            "E5AFCE9DF49D8B80",
        ]

    @pytest.mark.parametrize(
        "sealed",
        [
            "CBADBFCE49DA9E70B0C5D877303BCEF691BF9AE0EB6CB903",
            "10B481916C5780B92D1FF29F78614CB0F79A5C6FB1BF435C",
        ],
        ids=["zeros as padding", "odd padding"],
    )
    def test_what_a_base_station_sends(self, sealed: str) -> None:
        data = bytes.fromhex(sealed)
        assert proves(RFPA, CHALLENGE, data[:8])
        proof, beat = Opener(RFPA, CHALLENGE).feed(data)
        assert (proof.kind, proof.payload) == (wire.Kind.ENCRYPTION_CONF, b"")
        assert beat.kind == wire.Kind.HEARTBEAT
        assert wire.read_uptime(beat.payload) == pytest.approx(15.0005)

    def test_another_key_is_refused_at_once(self) -> None:
        assert not proves(bytes(range(1, 65)), CHALLENGE, PROOF)

    def test_re_enrolment(self) -> None:
        frame = re_enrolment(RFPA, CHALLENGE, b"$1$$a3Tq9y3fbERI9SeBx1YJV1")
        assert frame.kind == 0x0125
        assert frame.payload.hex().upper() == (
            "651B55017B163F88428EEA58669058256AC18046E8D4F91A2C917B17A1C0B700"
            "F6C4EDCFE8907CA7574F8B9498DA6D6B705285A3171EE191ECBBF46CC1545B17"
            "503D725E2A287A82795C6ACBAB0FCA6FE05DD2088BD8EE6AAA7FC621F63F9780"
        )

    @pytest.mark.parametrize(
        "bad", [b"", b"$1$abc$a3Tq9y3fbERI9SeBx1YJV1", b"$1$$short", b"$1$$" + b"!" * 22]
    )
    def test_a_hash_of_another_form_is_refused(self, bad: bytes) -> None:
        with pytest.raises(ValueError, match="hash"):
            re_enrolment(RFPA, CHALLENGE, bad)

    def test_syslog(self) -> None:
        assert wire.syslog(IPv4Address("10.77.0.9"), 514).encode().hex() == (
            "0107001400000000000000000000ffff0a4d000902020000"
        )
        assert wire.syslog(None).payload == bytes(20)


class TestIntroduction:
    @pytest.mark.parametrize("length", sorted(wire.INIT_LENGTHS))
    def test_every_form_is_read(self, length: int) -> None:
        found = wire.read_introduction(introduction(length))
        assert found.mac == "00:30:42:00:00:01"
        assert found.software == "8.1-DK12"
        assert found.hardware_type == "RFP 43"
        assert found.features == ("normal power", "indoor", "WLAN", "encryption")
        assert not found.too_old

    def test_a_text_without_an_end_is_cut_at_its_field(self) -> None:
        found = wire.read_introduction(introduction(software=b"x" * 0x90))
        assert found.software == "x" * 0x90

    @given(st.binary(max_size=0x90))
    def test_any_text_becomes_one_that_can_be_shown(self, text: bytes) -> None:
        software = wire.read_introduction(introduction(software=text)).software
        assert software.isprintable()
        assert software.isascii()

    @pytest.mark.parametrize(
        ("number", "name"),
        [
            (0x100D, "RFP 43 L"),
            (0x2010, "RFP 44 SL"),
            (0x15, "PC"),
            (0x300D, "0x0000300D"),
            (0x0A, "0x0000000A"),
        ],
    )
    def test_names_of_the_hardware(self, number: int, name: str) -> None:
        assert wire.hardware_name(number) == name

    def test_in_pieces(self) -> None:
        reader = wire.IntroductionReader()
        data = wire.Frame(wire.Kind.INIT, introduction()).encode()
        found = [reader.feed(data[i : i + 1]) for i in range(len(data))]
        assert found[:-1] == [None] * (len(data) - 1)
        assert found[-1] is not None

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            ("00030008", "type 0x0003"),
            ("01200000", "0 bytes"),
            ("0120FFFF", "65535 bytes"),
            ("474554202F", "type 0x4745"),
        ],
    )
    def test_all_else_is_refused_by_its_header(self, data: str, reason: str) -> None:
        with pytest.raises(wire.WireProblem, match=reason):
            wire.IntroductionReader().feed(bytes.fromhex(data))

    def test_nothing_may_follow_before_the_ack(self) -> None:
        with pytest.raises(wire.WireProblem, match="before the ACK"):
            wire.IntroductionReader().feed(wire.Frame(0x0120, introduction()).encode() + b"\0")


def introduced() -> Session:
    session = Session(CHALLENGE)
    assert session.opening() == bytes.fromhex("012D0020") + CHALLENGE
    session.feed(wire.Frame(wire.Kind.INIT, introduction()).encode())
    assert session.stage is Stage.ADMISSION
    return session


class TestSession:
    def test_a_new_base_station_gets_its_key_and_proves_it(self) -> None:
        session = introduced()
        sent = session.admit(Admission((RFPA,), give=True))
        assert sent == bytes.fromhex("01240040") + RFPA + bytes.fromhex("000100080120FFFF01000000")
        assert session.feed(PROOF + HEARTBEAT)[0].kind == wire.Kind.HEARTBEAT
        assert session.key == RFPA
        assert (
            session.send(wire.Frame(wire.Kind.OMM_CONTROL, bytes(4))).hex().upper()
            == "AC9C596F4F37CEAA"
        )

    def test_a_known_one_is_told_no_key(self) -> None:
        assert introduced().admit(Admission((RFPA,))) == bytes.fromhex("000100080120FFFF01000000")

    def test_of_two_keys_the_one_that_is_held_counts(self) -> None:
        session = introduced()
        other = bytes(64)
        session.admit(Admission((other, RFPA)))
        session.feed(PROOF[:5])
        assert session.stage is Stage.PROOF
        session.feed(PROOF[5:])
        assert session.key == RFPA

    def test_without_its_key_it_is_refused_on_the_first_block(self) -> None:
        session = introduced()
        session.admit(Admission((bytes(range(1, 65)),)))
        with pytest.raises(NoProof):
            session.feed(PROOF)

    def test_refused_for_now_or_for_good(self) -> None:
        assert introduced().refuse(for_good=False).hex() == "0121000402000000"
        assert introduced().refuse(for_good=True).hex() == "000200080120ffff04000004"

    def test_nothing_is_encrypted_before_the_proof(self) -> None:
        with pytest.raises(wire.WireProblem):
            introduced().send(wire.ACK)

    @given(st.binary(max_size=600), st.lists(st.integers(1, 64), max_size=30))
    def test_no_bytes_break_it(self, data: bytes, cuts: list[int]) -> None:
        """Whatever comes, in whatever pieces: frames, or a WireProblem; nothing else."""
        session = Session(CHALLENGE)
        try:
            for cut in [*cuts, len(data)]:
                session.feed(data[:cut])
                data = data[cut:]
        except wire.WireProblem:
            return
        assert session.stage in {Stage.INTRODUCTION, Stage.ADMISSION}


messages = st.lists(
    st.builds(wire.Frame, st.integers(0, 0xFFFF), st.binary(max_size=300)), max_size=12
)


@given(
    messages, st.binary(min_size=KEY, max_size=KEY), st.binary(min_size=32, max_size=32), st.data()
)
def test_frames_come_through_whatever_the_pieces(
    frames: list[wire.Frame], key: bytes, challenge: bytes, data: st.DataObject
) -> None:
    """What a base station encrypts is read frame by frame, padded with anything, cut anywhere."""
    plain = b""
    for frame in frames:
        raw = frame.encode()
        plain += raw + data.draw(st.binary(min_size=-len(raw) % 8, max_size=-len(raw) % 8))
    sealed = to_omm(key, challenge).encryptor().update(plain)
    opener, found = Opener(key, challenge), []
    while sealed:
        cut = data.draw(st.integers(1, len(sealed)))
        found += opener.feed(sealed[:cut])
        sealed = sealed[cut:]
    assert found == frames


def test_the_proof_of_the_hash_is_over_challenge_hash_and_cipher_text() -> None:
    h = b"$1$$a3Tq9y3fbERI9SeBx1YJV1"
    payload = re_enrolment(RFPA, CHALLENGE, h).payload
    assert payload[64:] == hashlib.sha256(CHALLENGE + h + payload[:64]).digest()
