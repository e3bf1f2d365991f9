"""Who follows the journal is given the same entries whether it heard of them or reads them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kizuna.kernel.journal import Entry, Projections
from kizuna.node.maritime import following
from kizuna.node.maritime.following import Following
from kizuna.node.runner import Committed
from kizuna.storage.sqlite import SqliteStore, open_sqlite


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    opened = open_sqlite(":memory:", Projections("1", (), (), lambda _db, _seq, _entry: None))
    yield opened
    opened.close()


def commit(store: SqliteStore, count: int, *told: Following) -> None:
    entries = [
        Entry(kind="word", at_ms=number, meta={"number": number}, body=b"%d" % number) for number in range(count)
    ]
    seqs = store.commit(entries)
    for each in told:
        each.tell(Committed(tuple(zip(seqs, entries, strict=True))))


def followed(one: Following, first: int = 1, most: int = 7) -> list[tuple[int, Entry]]:
    found: list[tuple[int, Entry]] = []
    while page := one.page(first + len(found), most):
        assert len(page) <= most
        found += page
    return found


def test_what_was_heard_is_what_is_read_also_around_an_erasure_that_nobody_told_of(store: SqliteStore) -> None:
    heard, reads = Following(store), Following(store)
    commit(store, 10)  # before it was listened
    commit(store, 10, heard)
    store.erase(3, Entry(kind="erased", at_ms=1, meta={"target": 3, "reason": "asked"}))
    commit(store, 10, heard)
    found = followed(heard)
    assert found == followed(reads)
    assert [seq for seq, _ in found] == list(range(1, 32))
    assert found[2][1].body is None
    assert heard.page(32, 7) == []


def test_a_body_that_was_erased_before_its_page_came_is_followed_by_the_entry_that_says_so(store: SqliteStore) -> None:
    heard = Following(store)
    commit(store, 2, heard)
    store.erase(1, Entry(kind="erased", at_ms=1, meta={"target": 1, "reason": "asked"}))
    assert [entry.kind for _, entry in followed(heard)] == ["word", "word", "erased"]


def test_what_is_heard_is_bounded_by_number_and_by_size_and_nothing_is_lost(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, most in (("MOST_HEARD", 15), ("MOST_HEARD_BYTES", 15)):
        one = Following(store)
        with monkeypatch.context() as bounded:
            bounded.setattr(following, name, most)
            first = store.head().seq + 1
            commit(store, 10, one)
            commit(store, 10, one)
            commit(store, 5, one)
        assert [seq for seq, _ in followed(one, first)] == list(range(first, first + 25))
        assert not one.page(first + 25, 7)
