"""Extracts of the journal: they follow it through relabels, acts and erasures, and are at every moment what they would be if they were made then."""

from __future__ import annotations

from typing import Any

import pytest

from kizuna.errors import JournalConflictError
from kizuna.kernel.journal import Store
from kizuna.node import effects as fx
from kizuna.node.held.filling import HANDLERS, projections
from kizuna.node.readers import extract, thinning
from kizuna.node.readers.extract import Extracts
from kizuna.node.readers.thinning import Readers, Thinning
from kizuna.sim.federation import SimNode
from tests.node.readers.shelves import InMemory
from tests.sim.world import DOMAINS, POLICY, note, pair

DESK, SECOND = "officer:1:desk", "officer:2:security"
READERS = (Readers(1), Readers(2), Readers(15, "jpn"), Readers(1, "aus"))


def texts(store: Store) -> set[str]:
    return {text for (text,) in store.query("SELECT text FROM note")}


def dump(store: Store) -> list[Any]:
    """Return every row of every table, and where each entry stands; a header says of a body that was erased later what it was."""
    made = projections(DOMAINS)
    return [store.query("SELECT seq, chain FROM journal_entry ORDER BY seq")] + [
        sorted(map(repr, store.query(f"SELECT * FROM {table}"))) for table in made.tables
    ]


def agree(node: SimNode, followed: Extracts) -> None:
    fresh = Extracts(node.store, projections(DOMAINS), InMemory())
    for readers in READERS:
        assert dump(followed.of(readers)) == dump(fresh.of(readers)), readers


def test_what_is_seen_follows_labels_and_acts() -> None:
    federation, india, japan, _ = pair("extract")
    extracts = Extracts(india.store, projections(DOMAINS), InMemory())
    agree(india, extracts)

    def told() -> list[set[str]]:
        federation.run(5_000)
        agree(india, extracts)
        return [texts(extracts.of(readers)) for readers in READERS]

    opened, secret = (
        said.record_id
        for said in india.do(fx.Say((note("open", "ind", "jpn", level=1), note("secret", "ind", level=2))))
    )
    japan.do(fx.Say((note("theirs", "jpn", "ind", level=1),)))
    assert told() == [{"open", "theirs"}, {"open", "secret", "theirs"}, {"open", "theirs"}, set()]
    india.do(fx.Relabel(opened, "wrong", DESK, SECOND, grades={POLICY: 3}))
    assert told() == [{"theirs"}, {"secret", "theirs"}, {"open", "theirs"}, set()]
    india.do(fx.Relabel(secret, "not so", DESK, SECOND, grades={POLICY: 0}))
    assert told() == [{"secret", "theirs"}, {"secret", "theirs"}, {"open", "theirs"}, set()]
    india.do(fx.Relabel(opened, "back", DESK, SECOND, grades={POLICY: 1}))
    assert told()[0] == {"open", "secret", "theirs"}
    india.do(fx.Act(secret, "destroy", "asked for", DESK))
    assert told()[0] == {"open", "theirs"}
    for readers in READERS:
        bodies = extracts.of(readers).query("SELECT body FROM journal_body WHERE body IS NOT NULL")
        assert not any(b"secret" in bytes(body) for (body,) in bodies)
    federation.close()


def test_what_takes_long_is_made_call_by_call(monkeypatch: pytest.MonkeyPatch) -> None:
    federation, india, _, _ = pair("slowly")
    for number in range(40):
        india.do(fx.Say((note(f"note {number}", "ind", level=1),)))
    federation.run(5_000)
    fresh = Extracts(india.store, projections(DOMAINS), InMemory())
    low = Readers(1)
    whole = dump(fresh.of(low))
    monkeypatch.setattr(extract, "PAGE", 5)
    monkeypatch.setattr(extract, "PAGES_AT_ONCE", 3)
    slow = Extracts(india.store, projections(DOMAINS), InMemory())
    sentences = set()
    refused = 0
    found = None
    while found is None:
        try:
            found = slow.of(low)
        except extract.ExtractBehindError as error:
            sentences.add(str(error))
            refused += 1
    assert refused > 2
    assert len(sentences) == 1, "how far it is would tell of what is left out"
    assert dump(found) == whole
    assert slow.of(low) is found
    federation.close()


def test_no_kind_of_entry_that_fills_a_table_is_forgotten() -> None:
    assert set(HANDLERS) <= set(thinning._BY_KIND)


def test_who_may_see_all_reads_the_store_itself() -> None:
    federation, india, _, _ = pair("whole")
    extracts = Extracts(india.store, projections(DOMAINS), InMemory())
    assert extracts.of(Readers(15)) is india.store
    assert extracts.of(Readers(14)) is not india.store
    assert extracts.of(Readers(15, "jpn")) is not india.store
    federation.close()


def test_places_in_a_channel_are_counted_among_what_is_seen() -> None:
    federation, india, _, _ = pair("places")
    extracts = Extracts(india.store, projections(DOMAINS), InMemory())
    low = Readers(1)

    def size() -> tuple[int, list[int]]:
        federation.run(5_000)
        store = extracts.of(low)
        ((reached, receipted),) = store.query("SELECT size, receipted FROM channel_out")
        assert reached == receipted
        return reached, [index for (index,) in store.query("SELECT idx FROM leaf_out ORDER BY idx")]

    before, _ = size()
    india.do(fx.Say((note("not for them", "ind", "jpn", level=2),)))
    assert size()[0] == before
    seq = extracts.of(low).head().seq
    india.do(fx.Say((note("not for them either", "ind", "jpn", level=2),)))
    assert size()[0] == before
    assert extracts.of(low).head().seq == seq, "nothing has happened"
    india.do(fx.Say((note("for them", "ind", "jpn", level=1),)))
    assert size() == (before + 1, list(range(before + 1)))
    assert india.store.query("SELECT size FROM channel_out") == [(before + 3,)]
    federation.close()


@pytest.mark.parametrize("readers", READERS)
def test_an_extract_is_made_anew_after_a_fault(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that cannot be read now leaves nothing half taken."""
    federation, india, _, _ = pair("fault")
    extracts = Extracts(india.store, projections(DOMAINS), InMemory())
    honest, calls = Thinning.take, [0]

    def failing(self: Thinning, *given: Any) -> Any:
        calls[0] += 1
        if calls[0] == 7:
            raise JournalConflictError("another writer holds the journal")
        return honest(self, *given)

    monkeypatch.setattr(Thinning, "take", failing)
    with pytest.raises(JournalConflictError):
        extracts.of(readers)
    agree(india, extracts)
    federation.close()
