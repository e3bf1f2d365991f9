"""The labels of a domain are found whole, however few or many of its records differ."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.kernel import canonical, labelled
from kizuna.kernel.journal import Db, Entry, Projections
from kizuna.kernel.label import label
from kizuna.storage.sqlite import open_sqlite

TEXTS = ("", *(canonical.encode(label("p.v1", level, originator="ind")).decode() for level in range(4)))
HELD = st.lists(
    st.tuples(
        st.sampled_from(("sea.a.v1", "sea.b.v1", "seabed.a.v1", "se.a.v1")), st.sampled_from(TEXTS), st.integers(0, 1)
    )
)


@given(HELD, st.sampled_from((1, 2, labelled._FEW)))
@settings(max_examples=60, deadline=None)
def test_every_label_of_a_domain_is_found_and_none_of_another(held: list[tuple[str, str, int]], few: int) -> None:
    def fill(db: Db, _seq: int, _entry: Entry) -> None:
        rows = [(number.to_bytes(2), type_, text, exercise) for number, (type_, text, exercise) in enumerate(held)]
        db.executemany(
            "INSERT INTO labelled_sort (sort, type, subject, label, exercise, records) VALUES (?,?,'',?,?,1)", rows
        )

    store = open_sqlite(":memory:", Projections("1", labelled.SCHEMA, labelled.TABLES, fill))
    store.commit([Entry("record", 0, {})])
    before, labelled._FEW = labelled._FEW, few
    try:
        with store.view() as db:
            labels, exercise = labelled.found(db, domains=("sea",))
    finally:
        labelled._FEW = before
        store.close()
    ours = [(text, drill) for type_, text, drill in held if type_.startswith("sea.")]
    told = ["" if each is None else canonical.encode(each).decode() for each in labels]
    assert told == sorted({text for text, _ in ours})
    assert exercise == any(drill for _, drill in ours)
