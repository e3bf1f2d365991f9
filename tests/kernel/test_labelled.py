"""The labels of a domain are found whole, however few or many of its records differ, and nothing is left of one that is forgotten."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.kernel import canonical, labelled
from kizuna.kernel.journal import Db, Entry, Projections
from kizuna.kernel.label import Label, label
from kizuna.storage.sqlite import open_sqlite
from tests.kernel.test_record import made

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


LABELS = (None, *(label("p.v1", level, originator="ind") for level in range(2)))
SAID = [made(subject=subject, seed=seed) for seed, subject in enumerate(("one", "one", "two", ""))]
CHANGES = st.lists(
    st.tuples(st.integers(0, len(SAID) - 1), st.one_of(st.just("forget"), st.sampled_from(LABELS))), max_size=24
)


@given(CHANGES)
@settings(max_examples=60, deadline=None)
def test_sorts_are_those_of_the_records_as_they_are_labelled_last(
    changes: list[tuple[int, Label | str | None]],
) -> None:
    last: dict[int, Label | None] = {}

    def fill(db: Db, _seq: int, _entry: Entry) -> None:
        for number, change in changes:
            if isinstance(change, str):
                labelled.forget(db, number)
                last.pop(number, None)
            else:
                labelled.note(db, number, SAID[number], change, new=number not in last)
                last[number] = change

    store = open_sqlite(":memory:", Projections("1", labelled.SCHEMA, labelled.TABLES, fill))
    store.commit([Entry("record", 0, {})])
    with store.view() as db:
        found = {subject: labelled.found(db, subjects=[subject])[0] for subject in ("one", "two", "")}
    kept = store.query(
        "SELECT s.records, COUNT(l.record) FROM labelled_sort s LEFT JOIN labelled l ON l.sort = s.sort GROUP BY s.sort, s.records"
    )
    store.close()
    for subject, labels in found.items():
        assert set(labels) == {now for number, now in last.items() if SAID[number].text("subject") == subject}
    assert all(count == there > 0 for count, there in kept)
    assert sum(count for count, _ in kept) == len(last)
