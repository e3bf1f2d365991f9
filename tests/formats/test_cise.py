"""CISE messages: read and written alike, signed in a profile of their own, and nothing hostile gets further than our errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from kizuna.errors import ConfigError, KizunaError, RecordError, SignatureError
from kizuna.formats import cise
from kizuna.formats.cise import ACK_CODES, Message, Payload, Service, Vessel
from kizuna.formats.cise_signature import Key, authorities, essence, sign, verify
from tests.formats.cise_keys import NOW_MS, Network

NETWORK = Network()
KEY = NETWORK.key("delhi.example")
TRUSTED = authorities(NETWORK.authorities)
SAGAR = Vessel(
    mmsi=419000001, imo_no=9074729, name="SAGAR & <CO>", callsign="ATAA", length_m=120, beam_m=18, draught_dm=75, lat_600000=600_000,
    lon_600000=-61_800_000, course_ddeg=900, speed_dkn=101, heading_deg=90, at_ms=NOW_MS, simulated=True,
)  # fmt: skip


def message(**more: object) -> Message:
    payload = Payload(
        level="EURestricted",
        sensitivity="Amber",
        purpose="SAR",
        personal=False,
        retain_until_ms=NOW_MS,
        vessels=(SAGAR, Vessel(name="X")),
    )
    told: dict[str, object] = {
        "kind": "Push", "id": "m-1", "correlation_id": "m-0", "created_ms": NOW_MS, "sender": Service("a"),
        "recipient": Service("b", role="Consumer"), "payload": payload,
    }  # fmt: skip
    return Message(**(told | more))  # type: ignore[arg-type] # fields of several kinds


def signed(made: Message, key: Key = KEY, *, sha1: bool = False) -> bytes:
    root = cise.element(made)
    sign(root, key, unsafe_sha1=sha1)
    return cise.as_bytes(root)


@pytest.mark.parametrize(
    "made",
    [
        message(),
        message(kind="PullRequest", pull_type="Request", requires_ack=True),
        message(kind="PullResponse", code="Success"),
        message(kind="Acknowledgement", payload=None, code="BadRequest", detail="not so"),
    ],
)
def test_what_is_written_reads_back(made: Message) -> None:
    root = cise.parse(signed(made))
    assert cise.read(root) == made
    assert verify(root, TRUSTED, NOW_MS).subject == "CN=delhi.example"


def test_white_space_and_prefixes_change_nothing_and_values_do() -> None:
    data = signed(message())
    indented = cise.parse(data)
    etree.indent(indented, "    ")
    assert not verify(cise.parse(cise.as_bytes(indented)), TRUSTED, NOW_MS).weak
    renamed = data.replace(b"m:Push", b"q:Push").replace(b"xmlns:m=", b"xmlns:q=").replace(b'"m:Xml', b'"q:Xml')
    verify(cise.parse(renamed), TRUSTED, NOW_MS)
    for old, new in ((b"SAGAR", b"SAGAT"), (b"<MMSI>419", b"<MMSI>519"), (b"EURestricted", b"NonClassified")):
        with pytest.raises(SignatureError, match="not what was signed"):
            verify(cise.parse(data.replace(old, new)), TRUSTED, NOW_MS)


def test_sha1_is_taken_in_and_told_to_be_weak() -> None:
    assert verify(cise.parse(signed(message(), sha1=True)), TRUSTED, NOW_MS).weak


def test_who_signed_must_be_certified_and_the_profile_kept() -> None:
    data = signed(message())
    root = cise.parse(data)
    stranger = authorities(Network().authorities)
    for trusted, now_ms in ((stranger, NOW_MS), ((), NOW_MS), (TRUSTED, NOW_MS + 10**12)):
        with pytest.raises(SignatureError):
            verify(root, trusted, now_ms)
    for old, new in (
        (b'match="s:Signature"', b'match="*"'),
        (b"xmldsig-more#rsa-sha256", b"xmldsig-more#rsa-md5"),
        (b'URI=""', b'URI="http://elsewhere.example/"'),
        (b"xsl:apply-templates", b"xsl:copy-of"),
    ):
        with pytest.raises(KizunaError):
            verify(cise.parse(data.replace(old, new)), TRUSTED, NOW_MS)
    bare = cise.element(message())
    with pytest.raises(SignatureError, match="does not bear one"):
        verify(bare, TRUSTED, NOW_MS)
    twice = cise.parse(data)
    sign(twice, KEY)
    with pytest.raises(SignatureError, match="does not bear one"):
        verify(twice, TRUSTED, NOW_MS)
    secret, _ = NETWORK.participant("one.example")
    with pytest.raises(ConfigError):
        Key(secret, NETWORK.participant("other.example")[1])


BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><a>&b;</a>'
HEAD = b'<m:Push xmlns:m="http://www.cise.eu/servicemodel/v1/message/">'


@pytest.mark.parametrize(
    "data",
    [
        BOMB, b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', b"<a>&unknown;</a>", b"<a" * 100_000, b"<a>" * 300 + b"</a>" * 300, b"",
        b'<?xml version="1.0" encoding="UTF-16"?><a/>', BOMB.decode().encode("utf-16"), b"<a>" + b"x" * cise.MAX_BYTES + b"</a>", b"\xff\xfe<",
    ],
)  # fmt: skip
def test_no_document_that_is_not_plain_is_read(data: bytes) -> None:
    with pytest.raises(RecordError):
        cise.parse(data)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<MessageID>1</MessageID>", b"<MessageID>1</MessageID><CreationDateTime>soon</CreationDateTime>",
        b"<MessageID>1</MessageID><CreationDateTime>0001-01-01T00:00:00Z</CreationDateTime>",
        b"<MessageID>1</MessageID><CreationDateTime>2026-01-01T00:00:00Z</CreationDateTime><Payload>" + b"<Vessel/>" * 2_001 + b"</Payload>",
    ],
)  # fmt: skip
def test_a_message_without_what_it_needs_is_refused(body: bytes) -> None:
    with pytest.raises(RecordError):
        cise.read(cise.parse(HEAD + body + b"</m:Push>"))
    with pytest.raises(RecordError, match="no message of CISE"):
        cise.read(cise.parse(b"<Push/>"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_changed_only_our_errors_come(data: st.DataObject) -> None:
    made = bytearray(SIGNED)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(made) - 1))
        made[at : at + data.draw(st.integers(0, 12))] = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"<a>", b"&#0;", b"</", b"9" * 400])
        )
    try:
        root = cise.parse(bytes(made))
        cise.read(root)
        verify(root, TRUSTED, NOW_MS)
    except KizunaError:
        return


SIGNED = signed(message())


def test_handling_words_come_from_the_table_and_the_label() -> None:
    rows = {("ind.example.v1", 0): "NonClassified", ("ind.example.v1", 1): "EURestricted"}
    assert cise.level_of([("ind.example.v1", 0), ("ind.example.v1", 1)], rows) == "EURestricted"
    assert cise.level_of([("ind.example.v1", 2)], rows) is None
    assert cise.level_of([("ind.example.v1", 0), ("jpn.example.v1", 0)], rows) is None
    assert cise.level_of([], rows) is None
    words = {"tlp:clear": "White", "tlp:green": "Green", "tlp:amber": "Amber", "tlp:amber-strict": "Red", "": "Red"}
    assert {mark: cise.sensitivity_of(frozenset({mark})) for mark in words} == words
    assert cise.sensitivity_of(frozenset({"tlp:green", "tlp:amber"})) == "Amber"
    assert len(ACK_CODES) == 15
    payload = cise.read(cise.parse(SIGNED.replace(b"<IsPersonalData>false</IsPersonalData>", b""))).payload
    assert payload is not None
    assert payload.personal, "what says nothing is personal"
    assert essence(etree.fromstring("<a> <b x='1'>t &amp; u</b>\n<c/></a>")) == b"<a><b>t &amp; u</b><c></c></a>"


def why_not(root: etree._Element) -> str:
    """Return why a message does not verify where no authority is trusted; that alone is said last."""
    with pytest.raises(SignatureError) as caught:
        verify(root, (), NOW_MS)
    return str(caught.value)


def test_public_messages_verify_or_fail_as_their_suite_says(shared_dir: Path) -> None:
    folder = shared_dir / "data" / "cise"
    if not folder.is_dir():
        pytest.skip(
            "the adaptor's public messages are not at hand: they are other people's, and not part of this project"
        )
    for path in sorted(folder.glob("**/*Signature*.xml")):
        said = why_not(cise.parse(path.read_bytes()))
        assert ("no authority" in said) is ("incorrect" not in path.parts), path


def test_a_good_signature_fails_for_its_authority_alone() -> None:
    assert "no authority" in why_not(cise.parse(SIGNED))
    assert "not what was signed" in why_not(cise.parse(SIGNED.replace(b"SAGAR", b"SAGAT")))
