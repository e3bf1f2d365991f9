"""The chain and the audit, without a store."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import JournalCorruptError, RecordError, RefusedError
from kizuna.kernel.journal import (
    GENESIS,
    Db,
    Entry,
    Head,
    Projections,
    Row,
    header_bytes,
    link,
    link_one,
    next_chain,
    restore,
    verify_rows,
)

META = st.dictionaries(
    st.text("abcdefgh_", min_size=1, max_size=6),
    st.one_of(
        st.integers(-(2**53) + 1, 2**53 - 1),
        st.text("abé", max_size=5),
        st.booleans(),
        st.none(),
        st.lists(st.integers(0, 9)),
    ),
    max_size=3,
)
ENTRIES = st.lists(
    st.builds(
        Entry,
        kind=st.sampled_from(["record", "receipt"]),
        at_ms=st.integers(0, 2**52),
        meta=META,
        body=st.one_of(st.none(), st.binary(max_size=40)),
    ),
    min_size=2,
    max_size=6,
)


def rows(entries: list[Entry]) -> list[Row]:
    return [Row(each.seq, each.header, each.chain, each.entry.body, None) for each in link(Head(0, GENESIS), entries)]


def test_the_header_is_canonical_and_names_the_body() -> None:
    digest = hashlib.sha256(b"body").hexdigest()
    assert header_bytes(Entry("record", 5, {"b": 1, "a": [True, None]}, b"body")) == (
        b'{"at_ms":5,"body_sha256":"'
        + digest.encode()
        + b'","body_size":4,"kind":"record","meta":{"a":[true,null],"b":1}}'
    )
    assert header_bytes(Entry("bare", 5, {})) == b'{"at_ms":5,"body_sha256":null,"body_size":0,"kind":"bare","meta":{}}'


def test_the_chain_is_what_its_definition_says() -> None:
    header = header_bytes(Entry("bare", 5, {}))
    expected = hashlib.sha256(b"kizuna.journal.v1\0" + bytes(32) + header).hexdigest()
    assert next_chain(GENESIS, header).hex() == expected
    assert link(Head(0, GENESIS), [Entry("bare", 5, {})])[0].chain.hex() == expected


@pytest.mark.parametrize(
    "bad",
    [
        Entry("x", 1, {"speed": 1.5}),
        Entry("x", 1, {"big": 2**53}),
        Entry("x", 1, {"é": 1}),
        Entry("x", 1, {"o": object()}),
        Entry("", 1, {}),
        Entry("x", "1", {}),  # type: ignore[arg-type] # what a careless caller passes
        Entry("x", 1, [1]),  # type: ignore[arg-type] # what a careless caller passes
    ],
)
def test_an_entry_that_canonical_json_cannot_say_is_refused(bad: Entry) -> None:
    with pytest.raises(RecordError):
        link(Head(0, GENESIS), [bad])


def test_only_an_erasure_may_say_erased() -> None:
    with pytest.raises(RefusedError):
        link(Head(0, GENESIS), [Entry("erased", 1, {"target": 1, "reason": "x"})])


@given(entries=ENTRIES)
@settings(max_examples=60)
def test_what_was_linked_is_restored_and_verifies(entries: list[Entry]) -> None:
    kept = rows(entries)
    assert [restore(row).entry for row in kept] == entries
    found = verify_rows(kept, expected=Head(kept[-1].seq, kept[-1].chain))
    assert (found.count, found.head, found.findings) == (len(kept), Head(kept[-1].seq, kept[-1].chain), ())
    halves = link(Head(0, GENESIS), entries[:1])
    assert link(Head(1, halves[0].chain), entries[1:])[-1].chain == kept[-1].chain


@given(entries=ENTRIES, data=st.data())
@settings(max_examples=120)
def test_any_single_change_is_found(entries: list[Entry], data: st.DataObject) -> None:
    kept = rows(entries)
    head = Head(kept[-1].seq, kept[-1].chain)
    at = data.draw(st.integers(0, len(kept) - 1))
    field = data.draw(st.sampled_from(["header", "chain", "body", "drop", "swap"]))
    value: Any = getattr(kept[at], field, None)
    if field == "swap":
        other = data.draw(st.integers(0, len(kept) - 1).filter(lambda index: index != at))
        first, second = kept[at], kept[other]
        kept[at], kept[other] = second._replace(seq=first.seq), first._replace(seq=second.seq)
    elif field == "drop":
        del kept[at]
    elif value:
        flipped = bytearray(value)
        flipped[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        kept[at] = kept[at]._replace(**{field: bytes(flipped)})
    else:
        kept[at] = kept[at]._replace(body=b"added" if value is None else None)
    assert verify_rows(kept, expected=head).findings


def test_a_rewritten_chain_is_found_by_a_head_noted_elsewhere() -> None:
    noted = rows([Entry("a", 1, {}), Entry("b", 2, {})])[-1]
    forged = rows([Entry("a", 1, {"forged": True}), Entry("b", 2, {}), Entry("c", 3, {})])
    assert verify_rows(forged).findings == ()
    assert [found.seq for found in verify_rows(forged, expected=Head(noted.seq, noted.chain)).findings] == [2]


def test_an_erasure_explains_a_missing_body_and_no_other() -> None:
    kept = rows([Entry("a", 1, {}, b"one"), Entry("a", 1, {}, b"two")])
    last = link_one(Head(2, kept[-1].chain), Entry("erased", 3, {"target": 1, "reason": "x"}))
    kept.append(Row(last.seq, last.header, last.chain, None, None))
    assert [found.seq for found in verify_rows(kept).findings] == [1]
    kept[0] = kept[0]._replace(body=None, erased_by=3)
    assert (verify_rows(kept).erased, verify_rows(kept).findings) == (1, ())
    kept[1] = kept[1]._replace(body=None, erased_by=3)
    assert [found.seq for found in verify_rows(kept).findings] == [2]


def test_a_body_lost_without_an_erasure_is_never_restored() -> None:
    (row,) = rows([Entry("a", 1, {}, b"one")])
    with pytest.raises(JournalCorruptError, match="missing"):
        restore(row._replace(body=None))
    assert restore(row._replace(body=None, erased_by=9)).entry.body is None
    with pytest.raises(JournalCorruptError, match="header cannot be read"):
        restore(row._replace(header=b"{}"))


def test_the_fingerprint_follows_version_and_schema() -> None:
    def nothing(db: Db, seq: int, entry: Entry) -> None:
        """Project nothing."""

    made = {
        Projections(version, (schema,), ("t",), nothing).fingerprint for version in ("1", "2") for schema in ("x", "y")
    }
    assert len(made) == 4
