"""What many records say alike: whatever is said again and erased in whatever order, the search stands where the newest of them does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.kernel.journal import Db
from kizuna.node.held import seeking
from kizuna.node.held.filling import projections
from kizuna.storage.sqlite import SqliteStore, open_sqlite

THINGS = [bytes([number]) * 16 for number in range(3)]
SAID = seeking._Said("maritime.vessel", "431000001", "HARU", 0, " ind jpn ")


@pytest.fixture(scope="module")
def store() -> Iterator[SqliteStore]:
    opened = open_sqlite(":memory:", projections(()))
    yield opened
    opened.close()


def said(db: Db, doc: int, thing: bytes) -> None:
    """Let a record say what a thing is found by, as filling does."""
    if not seeking._say_again(db, doc, thing):
        seeking._keep(db, thing, doc, SAID, [b"haru"])


steps = st.lists(st.tuples(st.integers(1, 30), st.none() | st.sampled_from(THINGS)), max_size=60)


@given(steps)
@settings(max_examples=300, deadline=None)
def test_a_thing_stands_at_the_newest_record_that_says_it(
    store: SqliteStore, moves: list[tuple[int, bytes | None]]
) -> None:
    held: dict[int, bytes] = {}
    db = store._db
    for doc, thing in moves:
        if doc in held:
            seeking.forget(db, doc)
            del held[doc]
        if thing is not None:
            said(db, doc, thing)
            held[doc] = thing
    newest = {thing: max(doc for doc, of in held.items() if of == thing) for thing in set(held.values())}
    assert {bytes(thing): doc for thing, doc in db.execute("SELECT thing, doc FROM sought")} == newest
    assert {bytes(thing) for (thing,) in db.execute("SELECT thing FROM sought_word")} == set(newest)
    before = {
        doc: max((other for other, of in held.items() if of == held[doc] and other < doc), default=0) for doc in held
    }
    assert {
        doc: (bytes(thing), earlier)
        for doc, thing, earlier in db.execute("SELECT doc, thing, earlier FROM sought_again")
    } == {doc: (held[doc], earlier) for doc, earlier in before.items()}
    for table in seeking.TABLES:
        db.execute(f"DELETE FROM {table}")
