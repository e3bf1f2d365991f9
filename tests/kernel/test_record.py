"""Records: any part of the facts may be withheld, none may be altered, and nothing withheld is in the bytes."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import random
import unicodedata
from base64 import b64decode, b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import RecordError, SignatureError
from kizuna.kernel import canonical, record, sign
from kizuna.kernel.label import Grade, Label, label
from kizuna.kernel.record import WITHHELD, Body, Facts, Record, Withheld

KEY = sign.SigningKey(b"\x07" * 32)
TYPE = "example.sighting-reported.v1"
AT_MS = 1_790_000_000_123
LABEL = label("ind", 2, originator="ind", releasable_to=("jpn",), purposes=("ops",), caveats=("fusion",))


class Sighting(Body, frozen=True):
    """A body with plain fields and one that is committed item by item."""

    __each__ = frozenset({"crew"})
    name: str | Withheld = WITHHELD
    speed_dkn: int | Withheld | None = WITHHELD
    crew: tuple[str, ...] | Withheld = WITHHELD


FULL = Sighting(name="Kongō", speed_dkn=123, crew=("ada", "bo", "chi", "dan"))


def facts(**changed: Any) -> Facts:
    parts: dict[str, Any] = {
        "node": "ind/fusion-delhi",
        "actor": "officer:o7:watch",
        "at_ms": AT_MS,
        "subject": "mmsi:419000001",
    }
    return Facts(**(parts | {"after": ("0a" * 32, "0b" * 32)} | changed))


def made(body: Body = FULL, *, closed: bool = False, of: Label = LABEL, seed: int = 1, **changed: Any) -> Record:
    return record.issue(TYPE, body, of, facts(**changed), KEY, random.Random(seed).randbytes, closed=closed)


WHOLE = made()
NAMES = sorted(WHOLE.disclosures)


def opened(data: bytes) -> dict[str, Any]:
    """Return an entry body as plain values, to be altered and packed again."""
    parts: dict[str, Any] = json.loads(data)
    return parts


def packed(parts: dict[str, Any]) -> bytes:
    parts["disclosures"].sort(key=canonical.encode)
    return canonical.encode(parts)


def signed(clear: dict[str, Any], disclosures: list[Any]) -> bytes:
    """Return a body around any statement, well signed: what a hostile issuer can make."""
    envelope = sign.seal("statement", canonical.encode(clear), KEY)
    return packed({"disclosures": disclosures, "envelope": json.loads(canonical.encode(envelope))})


def statement(disclosures: list[Any], **changed: Any) -> dict[str, Any]:
    clear: dict[str, Any] = json.loads(canonical.encode(WHOLE.clear))
    clear["digests"] = sorted(commitment(item) for item in disclosures)
    return clear | changed


def commitment(item: Any) -> str:
    return canonical.b64(hashlib.sha256(b"kizuna.field.v1\0" + canonical.encode(item)).digest())


def salted(name: str, value: Any) -> list[Any]:
    return [canonical.b64(hashlib.sha256(name.encode()).digest()), name, value]


def test_what_is_issued_reads_back_whole() -> None:
    assert record.read(WHOLE.bytes()) == WHOLE
    record.verify(WHOLE, KEY.public)
    assert record.body_of(WHOLE, Sighting) == FULL
    assert record.label_of(WHOLE) == LABEL
    assert WHOLE.at_ms == AT_MS
    assert WHOLE.text("subject") == "mmsi:419000001"
    assert WHOLE.listed("after") == ("0a" * 32, "0b" * 32)
    assert WHOLE.clear.issued_on == "2026-09-21"


NFC_TEXT = st.text().map(lambda text: unicodedata.normalize("NFC", text))
WORDS = st.frozensets(st.sampled_from(["a", "b", "c:d"]))
PARTIES = st.frozensets(st.sampled_from(["aus", "ind", "jpn"]))
REVIEWS = st.none() | st.just("2027-01-01")
LABELS = st.builds(
    Label,
    grades=WORDS.map(lambda caveats: (Grade("a", 1, caveats), Grade("b", 2))),
    originators=PARTIES.filter(bool),
    purposes=WORDS,
    releasable_to=PARTIES,
    review_by=REVIEWS,
)
SAID = st.just(WITHHELD)
BODIES = st.builds(
    Sighting,
    name=SAID | NFC_TEXT,
    speed_dkn=SAID | st.none() | st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER),
    crew=SAID | st.lists(NFC_TEXT, min_size=1, max_size=3).map(tuple),
)


@given(BODIES, LABELS)
def test_every_record_reads_back_as_its_issuer_holds_it(body: Body, of: Label) -> None:
    issued = made(body, of=of)
    for data in (issued.bytes(), issued.bytes(issued.disclosures)):
        for held in (record.read(data), record.reread(data)):
            assert held == issued
            assert held.label == issued.label == of
            assert held.bytes() == data
    record.verify(record.read(issued.bytes()), KEY.public)
    assert record.body_of(issued, Sighting) == body


@given(st.sets(st.sampled_from(NAMES)))
def test_any_part_of_the_facts_keeps_id_and_signature(names: set[str]) -> None:
    shown = record.read(WHOLE.bytes(names))
    assert shown.id == WHOLE.id
    record.verify(shown, KEY.public)
    assert set(shown.disclosed) == names
    assert shown.disclosed == {name: WHOLE.disclosed[name] for name in names}
    body = record.body_of(shown, Sighting)
    assert (body.name is WITHHELD) == ("payload/name" not in names)
    assert (body.speed_dkn is WITHHELD) == ("payload/speed_dkn" not in names)


def test_items_are_disclosed_one_by_one() -> None:
    shown = record.read(WHOLE.bytes(["payload/crew/2", "payload/crew/0"]))
    assert record.body_of(shown, Sighting) == Sighting(crew=("ada", "chi"))


def test_a_name_that_is_not_held_is_passed_over() -> None:
    shown = record.read(WHOLE.bytes(["subject"]))
    assert shown.bytes(["subject", "actor", "payload/none"]) == shown.bytes()


@given(
    st.sets(
        st.sampled_from(["payload/name", "payload/speed_dkn", "subject", "actor", "node", "purposes", "payload/crew/1"])
    )
)
def test_nothing_withheld_is_in_the_bytes(names: set[str]) -> None:
    canaries = {
        "payload/name": "canaryname", "payload/speed_dkn": 918273645, "payload/crew/1": "canarycrew", "subject": "canarysubject",
        "actor": "canaryactor", "node": "ind/canarynode", "purposes": "canarypurpose",
    }  # fmt: skip
    issued = record.issue(
        TYPE,
        Sighting(name="canaryname", speed_dkn=918273645, crew=("x", "canarycrew")),
        label("ind", 1, originator="ind", purposes=("canarypurpose",)),
        facts(subject="canarysubject", actor="canaryactor", node="ind/canarynode"),
        KEY,
        random.Random(3).randbytes,
    )
    data = issued.bytes(names)
    payload = record.read(data).envelope.payload_bytes()
    for name, canary in canaries.items():
        held = str(canary).encode() in data
        assert held == (name in names)
        assert str(canary).encode() not in payload
        assert (name.encode() in data) == (name in names)


def test_the_statement_names_no_field() -> None:
    payload = WHOLE.envelope.payload_bytes()
    assert set(json.loads(payload)) == {
        "digests",
        "exercise",
        "handling",
        "issued_on",
        "issuer",
        "key",
        "label",
        "type",
    }
    for name in NAMES:
        assert f'"{name}"'.encode() not in payload


@pytest.mark.parametrize("index", range(len(NAMES)))
@pytest.mark.parametrize("part", ["salt", "name", "value"])
def test_an_altered_disclosure_is_refused(index: int, part: str) -> None:
    parts = opened(WHOLE.bytes())
    item = parts["disclosures"][index]
    if part == "salt":
        item[0] = canonical.b64(b"\x01" * 32)
    elif part == "name":
        item[1] = "payload/other"
    else:
        item[2] = not item[2] if isinstance(item[2], bool) else "other"
    with pytest.raises(RecordError):
        record.read(packed(parts))


def test_an_altered_digest_changes_the_id_and_breaks_the_signature() -> None:
    parts = opened(WHOLE.bytes([]))
    payload = json.loads(b64decode(parts["envelope"]["payload"]))
    payload["digests"] = sorted([*payload["digests"][1:], canonical.b64(b"\x02" * 32)])
    parts["envelope"]["payload"] = b64encode(canonical.encode(payload)).decode()
    altered = record.read(packed(parts))
    assert altered.id != WHOLE.id
    with pytest.raises(SignatureError):
        record.verify(altered, KEY.public)


def test_another_key_does_not_verify() -> None:
    with pytest.raises(SignatureError):
        record.verify(WHOLE, sign.SigningKey(b"\x08" * 32).public)


def test_one_digest_is_not_opened_twice() -> None:
    parts = opened(WHOLE.bytes(["subject"]))
    parts["disclosures"] *= 2
    with pytest.raises(RecordError):
        record.read(packed(parts))


def test_one_name_is_not_opened_twice_although_both_are_signed() -> None:
    two = [[canonical.b64(bytes([i]) * 32), "subject", str(i)] for i in range(2)]
    with pytest.raises(RecordError, match="twice"):
        record.read(signed(statement(two), two))
    alone = record.read(signed(statement(two), two[:1]))
    with pytest.raises(RecordError, match="two ways"):
        record.merge(alone, record.read(signed(statement(two), two[1:])))


def test_bytes_do_not_move_between_salt_and_value() -> None:
    salt = canonical.b64(b"\x05" * 32)
    genuine = [salt, "subject", "abc"]
    for moved in ([salt[:-1], "subject", salt[-1] + "abc"], [salt + "a", "subject", "bc"], [salt + "subject", "abc"]):
        with pytest.raises(RecordError):
            record.read(signed(statement([genuine]), [moved]))
        with pytest.raises(RecordError):
            record.read(signed(statement([moved]), [moved]))


BAD_FACTS = {
    "unknown name": ("subject2", "x"),
    "empty name": ("", "x"),
    "name in capitals": ("Subject", "x"),
    "no field": ("payload/", 1),
    "deep field": ("payload/a/0/b", 1),
    "index with zero in front": ("after/00", "0a" * 32),
    "index of another script": ("after/१", "0a" * 32),
    "parent is no id": ("after/0", "x"),
    "source in capitals": ("derived_from/0", "0A" * 32),
    "instant as text": ("at", str(AT_MS)),
    "instant as boolean": ("at", True),
    "instant of another day": ("at", AT_MS + 86_400_000),
    "node of another party": ("node", "jpn/yokosuka"),
    "node of a party with our beginning": ("node", "india/delhi"),
    "exercise in a real record": ("exercise", "jimex"),
    "releasable false": ("releasable_to/jpn", False),
    "releasable one": ("releasable_to/jpn", 1),
    "releasable to nobody": ("releasable_to/", True),
    "caveats as text": ("caveats/ind", "a"),
    "purposes out of order": ("purposes", ["b", "a"]),
    "purposes twice": ("purposes", ["a", "a"]),
    "originators as numbers": ("originators", [1]),
    "review date as number": ("review_by", 20260101),
    "decomposed text": ("subject", "e\u0301"),
    "decomposed text within": ("payload/a", {"b": ["e\u0301"]}),
    "float": ("payload/a", 1.5),
    "float within": ("payload/a", [{"b": 1.5}]),
    "large integer": ("payload/a", 2**53),
    "deep value": ("payload/a", [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]),
}


def loose(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


@pytest.mark.parametrize(("name", "value"), BAD_FACTS.values(), ids=BAD_FACTS.keys())
def test_a_malformed_fact_is_refused_although_signed(name: str, value: Any) -> None:
    item = salted(name, value)
    clear = statement([]) | {"digests": [canonical.b64(hashlib.sha256(b"kizuna.field.v1\0" + loose(item)).digest())]}
    body = {"disclosures": [item], "envelope": json.loads(signed(clear, []))["envelope"]}
    with pytest.raises(RecordError):
        record.read(loose(body))


def test_the_same_way_of_packing_reads_a_good_fact() -> None:
    item = salted("payload/a", {"b": ["é"]})
    body = {"disclosures": [item], "envelope": json.loads(signed(statement([item]), []))["envelope"]}
    assert record.read(loose(body)).disclosed == {"payload/a": {"b": ["é"]}}


DIGESTS = [canonical.b64(bytes([i]) * 32) for i in range(3)]
BAD_STATEMENTS: dict[str, dict[str, Any]] = {
    "digests out of order": {"digests": sorted(DIGESTS, reverse=True)},
    "digest twice": {"digests": [DIGESTS[0], DIGESTS[0]]},
    "digest too short": {"digests": [DIGESTS[0][:-1]]},
    "lengths that even out": {"digests": sorted([DIGESTS[0][:-1], DIGESTS[1] + "A"])},
    "second spelling of a digest": {"digests": [DIGESTS[0][:-1] + "B"]},
    "digest in plain base64": {"digests": ["+" + DIGESTS[0][1:]]},
    "too many digests": {"digests": sorted(canonical.b64(i.to_bytes(32)) for i in range(4097))},
    "unknown handling": {"handling": "secret"},
    "day in short form": {"issued_on": "20260921"},
    "no such day": {"issued_on": "2026-02-30"},
    "issuer in capitals": {"issuer": "IND"},
    "empty issuer": {"issuer": ""},
    "another key": {"key": "00" * 16},
    "key in capitals": {"key": "AB" * 16},
    "no grade": {"label": []},
    "policy twice": {"label": [{"classification": 1, "policy": "a"}] * 2},
    "grade too high": {"label": [{"classification": 16, "policy": "a"}]},
    "grade below zero": {"label": [{"classification": -1, "policy": "a"}]},
    "grade as boolean": {"label": [{"classification": False, "policy": "a"}]},
    "policy of many words": {"label": [{"classification": 1, "policy": "A policy"}]},
    "type without version": {"type": "example"},
    "type with a line feed": {"type": "example.v1\n"},
    "type too long": {"type": "a" * 90 + ".v1"},
    "exercise as number": {"exercise": 0},
    "unknown member": {"subject": "x"},
}


@pytest.mark.parametrize("changed", BAD_STATEMENTS.values(), ids=BAD_STATEMENTS.keys())
def test_a_malformed_statement_is_refused_although_signed(changed: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        record.read(signed(statement([], **changed), []))


def test_a_statement_without_change_is_read() -> None:
    assert record.read(signed(statement([]), [])).disclosed == {}


def test_another_payload_type_is_refused() -> None:
    envelope = sign.seal("receipt", WHOLE.envelope.payload_bytes(), KEY)
    with pytest.raises(RecordError):
        record.read(packed({"disclosures": [], "envelope": json.loads(canonical.encode(envelope))}))


def test_disclosures_stand_in_order() -> None:
    parts = opened(WHOLE.bytes())
    parts["disclosures"].reverse()
    with pytest.raises(RecordError):
        record.read(canonical.encode(parts))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"disclosures"', b' {"disclosures"'),
        (b'","subject","', b'", "subject","'),
        (b'"subject"', b'"\\u0073ubject"'),
        (b'{"disclosures":', b'{"disclosures":[],"disclosures":'),
        (b'{"keyid"', b'{"keyid":"x","keyid"'),
        (b"}]}}", b"}]} }"),
    ],
)
def test_another_spelling_of_a_body_is_refused(old: bytes, new: bytes) -> None:
    data = WHOLE.bytes()
    assert data.count(old) == 1
    with pytest.raises(RecordError):
        record.read(data.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'{"digests"', b'{ "digests"'),
        (b'"exercise":false', b'"exercise":true,"exercise":false'),
        (b'"ind"', b'"\\u0069nd"'),
    ],
)
def test_another_spelling_of_a_statement_is_refused_although_signed(old: bytes, new: bytes) -> None:
    payload = canonical.encode(statement([])).replace(old, new)
    envelope = sign.seal("statement", payload, KEY)
    with pytest.raises(RecordError, match="canonical form"):
        record.read(packed({"disclosures": [], "envelope": json.loads(canonical.encode(envelope))}))


@pytest.mark.parametrize("sig", ["", "AAAA", "é" * 88, b64encode(bytes(63)).decode()])
def test_a_signature_that_cannot_be_one_is_refused_on_reading(sig: str) -> None:
    parts = opened(WHOLE.bytes())
    parts["envelope"]["signatures"][0]["sig"] = sig
    with pytest.raises(RecordError):
        record.read(packed(parts))


def test_oversize_is_refused_on_reading_and_on_issue() -> None:
    with pytest.raises(RecordError):
        record.read(b" " * (record.MAX_BODY_BYTES + 1))
    with pytest.raises(RecordError):
        made(Sighting(name="x" * record.MAX_BODY_BYTES))


@pytest.mark.parametrize(("crew", "size"), [(0, 16), (5, 16), (6, 32), (21, 32), (22, 64)])
def test_digests_are_padded_with_decoys(crew: int, size: int) -> None:
    issued = made(Sighting(crew=tuple(f"c{i}" for i in range(crew))))
    assert len(issued.disclosures) == 11 + crew
    assert len(issued.clear.digests) == size
    assert issued.closed == (len(issued.disclosures) == size)


def test_the_smallest_padding_is_eight() -> None:
    issued = made(Sighting(), of=label("ind", 0, originator="ind"), after=())
    assert len(issued.disclosures) == len(issued.clear.digests) == 8


def test_a_closed_statement_shows_that_nothing_is_hidden() -> None:
    issued = made(closed=True)
    assert issued.closed
    assert len(issued.clear.digests) == len(issued.disclosures)
    assert record.read(issued.bytes()).closed
    assert not record.read(issued.bytes(NAMES[1:])).closed
    assert not WHOLE.closed


def test_salts_are_fresh_for_each_fact_and_record() -> None:
    rng = random.Random(5)
    salts = [
        json.loads(raw)[0]
        for _ in range(2)
        for raw in record.issue(TYPE, FULL, LABEL, facts(), KEY, rng.randbytes).disclosures.values()
    ]
    assert len(set(salts)) == len(salts)


def test_the_same_randomness_gives_the_same_bytes() -> None:
    parties = frozenset({"jpn", "usa", "aus", "gbr", "fra"})
    of = Label((Grade("ind", 1),), frozenset({"ind"}), frozenset({"a", "b"}), parties)
    assert made(of=of).bytes() == made(of=of).bytes()
    committed = [name for name in made(of=of).disclosures if name.startswith("releasable_to/")]
    assert committed == sorted(committed)  # a set's own order differs from process to process
    assert made(of=of, seed=2).id != made(of=of).id


SHARES = st.sets(st.sampled_from(NAMES)).map(lambda names: record.read(WHOLE.bytes(names)))


@given(SHARES, SHARES, SHARES)
def test_merging_is_a_union_in_any_order(one: Record, other: Record, third: Record) -> None:
    both = record.merge(one, other)
    assert both.disclosed == one.disclosed | other.disclosed
    assert both.bytes() == record.merge(other, one).bytes()
    assert record.merge(both, third).bytes() == record.merge(one, record.merge(other, third)).bytes()
    assert record.merge(one, one) == one
    assert record.read(both.bytes()) == both


def test_of_two_signatures_merging_keeps_one_in_any_order() -> None:
    parts = opened(WHOLE.bytes())
    parts["envelope"]["signatures"][0]["sig"] = b64encode(bytes(64)).decode()
    other = record.read(packed(parts))
    assert record.merge(WHOLE, other) == record.merge(other, WHOLE)


def test_different_records_do_not_merge() -> None:
    with pytest.raises(RecordError):
        record.merge(WHOLE, made(seed=2))


@pytest.mark.parametrize("withheld", ["caveats/ind", "originators", "review_by"])
def test_a_label_with_a_withheld_part_denies(withheld: str) -> None:
    shown = record.read(WHOLE.bytes([name for name in NAMES if name != withheld]))
    found = record.label_of(shown)
    assert found.releasable_to == found.purposes == frozenset()
    assert found.originators == {"ind"}
    assert found.grades[0].classification == 2


def test_caveats_of_a_policy_without_a_grade_are_refused() -> None:
    item = salted("caveats/nato", ["x"])
    with pytest.raises(RecordError):
        record.label_of(record.read(signed(statement([item]), [item])))


def test_a_malformed_label_part_is_refused() -> None:
    items = [salted("caveats/ind", ["Eyes Only"])]
    with pytest.raises(RecordError):
        record.label_of(record.read(signed(statement(items), items)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("payload/unknown", 1),
        ("payload/name/0", "x"),
        ("payload/crew", ["x"]),
        ("payload/name", 1),
        ("payload/speed_dkn", True),
    ],
)
def test_a_payload_that_is_not_of_its_class_is_refused(name: str, value: Any) -> None:
    item = salted(name, value)
    held = record.read(signed(statement([item]), [item]))
    with pytest.raises(RecordError):
        record.body_of(held, Sighting)


def test_null_is_not_absent() -> None:
    issued = made(Sighting(speed_dkn=None))
    body = record.body_of(record.read(issued.bytes()), Sighting)
    assert body.speed_dkn is None
    assert body.name is WITHHELD


def test_an_exercise_is_marked_in_the_clear_and_named_in_a_commitment() -> None:
    issued = made(exercise="jimex-26")
    assert issued.clear.exercise
    assert issued.text("exercise") == "jimex-26"
    assert not WHOLE.clear.exercise


@pytest.mark.parametrize(
    "changed",
    [{"node": "IND/x"}, {"node": "ind"}, {"at_ms": -(10**18)}, {"at_ms": 10**18}, {"handling": "secret"}, {"after": ("x",)},
     {"derived_from": ("0A" * 32,)}, {"subject": "e\u0301"}, {"actor": "\ud800"}, {"at_ms": 10**40}, {"at_ms": 1.5}],
)  # fmt: skip
def test_malformed_facts_are_not_issued(changed: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        made(**changed)


@pytest.mark.parametrize(
    "parts",
    [{"name": "e\u0301"}, {"name": "\ud800"}, {"name": object()}, {"name": {"a": float("nan")}}, {"speed_dkn": 2**53},
     {"speed_dkn": 1.5}, {"crew": ("e\u0301",)}, {"crew": (2**53,)}],
)  # fmt: skip
def test_a_payload_that_canonical_form_cannot_say_is_not_issued(parts: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        made(Sighting(**parts))


@pytest.mark.parametrize(
    "parts",
    [{"grades": ()}, {"grades": (Grade("a", 16),)}, {"grades": (Grade("A", 1),)}, {"originators": frozenset()},
     {"releasable_to": frozenset({"JPN"})}, {"purposes": frozenset({"e\u0301"})}, {"review_by": "2026-02-30"}],
)  # fmt: skip
def test_a_malformed_label_is_not_issued(parts: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        made(of=msgspec.structs.replace(LABEL, **parts))


def test_more_facts_than_a_statement_can_commit_to_are_not_issued() -> None:
    with pytest.raises(RecordError, match="4096"):
        made(Sighting(crew=("a",) * 4096))


def test_only_a_record_key_signs_records() -> None:
    key = sign.SigningKey(b"\x07" * 32, sign.Purpose.RECEIPT)
    with pytest.raises(RecordError):
        record.issue(TYPE, FULL, LABEL, facts(), key, random.Random(1).randbytes)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(RecordError):
        record.read(data)


@settings(max_examples=300)
@given(st.integers(0, len(WHOLE.bytes()) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_mutated_bodies_are_refused_or_another_reading(at: int, new: bytes, cut: int) -> None:
    data = WHOLE.bytes()
    mutated = data[:at] + new + data[at + cut :]
    try:
        found = record.read(mutated)
    except RecordError:
        return
    assert found.bytes() == mutated
    if found.envelope != WHOLE.envelope:
        with pytest.raises(SignatureError):
            record.verify(found, KEY.public)
    else:
        assert found == WHOLE


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
PATHS = [
    (*prefix, key)
    for prefix, keys in {
        (): ("disclosures", "envelope"),
        ("disclosures", 0): (0, 1, 2),
        ("envelope",): ("payload", "payloadType", "signatures"),
        ("envelope", "signatures", 0): ("keyid", "sig"),
    }.items()
    for key in keys
]


@given(st.sampled_from(PATHS), JSON_VALUES)
def test_any_value_in_any_place_raises_nothing_else(path: tuple[Any, ...], value: Any) -> None:
    parts = opened(WHOLE.bytes())
    inner: Any = parts
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    data = json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()
    with contextlib.suppress(RecordError):
        assert record.read(data).bytes() == data


@given(st.sampled_from(sorted(statement([]))), JSON_VALUES)
def test_any_value_in_a_signed_statement_raises_nothing_else(member: str, value: Any) -> None:
    payload = json.dumps(statement([]) | {member: value}, sort_keys=True, separators=(",", ":")).encode()
    envelope = json.loads(canonical.encode(sign.seal("statement", payload, KEY)))
    data = canonical.encode({"disclosures": [], "envelope": envelope})
    with contextlib.suppress(RecordError):
        assert record.read(data).bytes() == data


def test_disclosures_of_one_record_open_nothing_in_another() -> None:
    other = made(seed=9)
    for name in itertools.islice(NAMES, 3):
        parts = opened(WHOLE.bytes([]))
        parts["disclosures"] = [json.loads(other.disclosures[name])]
        with pytest.raises(RecordError):
            record.read(packed(parts))
