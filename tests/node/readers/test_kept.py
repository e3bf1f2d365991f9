"""Extracts in files: they go on where they stood, through crashes and restarts, and are made anew where they must not go on."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

from kizuna.errors import ConfigError, JournalConflictError, KizunaError, RefusedError
from kizuna.kernel import record, sign
from kizuna.kernel.journal import Entry, Store
from kizuna.node import effects as fx
from kizuna.node.held.filling import projections
from kizuna.node.held.tables import clear_meta
from kizuna.node.readers import extract, thinning
from kizuna.node.readers.extract import Extracts, Shelf, name_of
from kizuna.node.readers.thinning import STATE_TABLES, Readers, Thinning
from kizuna.sim.disk import PowerLossError
from kizuna.sim.federation import SimNode
from kizuna.storage import extracts as files
from kizuna.storage.extracts import ExtractFolder
from kizuna.storage.sqlite import open_sqlite
from tests.node.readers.shelves import InMemory, OnSimDisk
from tests.sim.world import DOMAINS, POLICY, note, pair

DESK, SECOND = "officer:1:desk", "officer:2:security"
LOW, GUEST = Readers(1), Readers(15, "jpn")
TABLES = (*projections(DOMAINS).tables, *STATE_TABLES, "journal_entry", "journal_body")


def whole(store: Store) -> dict[str, list[str]]:
    """Return all rows of all tables, what is kept between transactions among them."""
    return {table: sorted(map(repr, store.query(f"SELECT * FROM {table}"))) for table in TABLES}


def fresh(source: Store, readers: Readers) -> dict[str, list[str]]:
    return whole(followed(Extracts(source, projections(DOMAINS), InMemory()), readers))


def followed(extracts: Extracts, readers: Readers) -> Store:
    while True:
        with contextlib.suppress(extract.ExtractBehindError):
            return extracts.of(readers)


def alike(found: dict[str, list[str]], wanted: dict[str, list[str]]) -> None:
    assert {table for table in TABLES if found[table] != wanted[table]} == set()


def opened(source: Store, shelf: Shelf) -> Extracts:
    return Extracts(source, projections(DOMAINS), shelf)


# --- any steps, any crashes ---------------------------------------------------------------------------------------------------------


def tell(india: SimNode, japan: SimNode, rng: Random, said: list[str], number: int) -> None:
    """Do one thing that changes what some may see, or what they are shown."""
    match rng.randrange(8):
        case 0 if said:
            act: Any = fx.Relabel(rng.choice(said), "wrong", DESK, SECOND, grades={POLICY: rng.randrange(4)})
        case 1 if said:
            act = fx.Act(rng.choice(said), rng.choice(["retract", "destroy"]), "asked for", DESK)
        case 2:
            japan.do(fx.Say((note(f"theirs {number}", "jpn", "ind", level=rng.choice([1, 2])),)))
            return
        case _:
            to = rng.choice([(), ("jpn",)])
            drafts = tuple(note(f"n{number}.{each}", "ind", *to, level=rng.choice([1, 2])) for each in range(3))
            said += [one.record_id for one in india.do(fx.Say(drafts))]
            return
    with contextlib.suppress(RefusedError):  # of what was destroyed before, say
        india.do(act)


@pytest.mark.parametrize("seed", range(6))
def test_any_steps_with_crashes_between_give_what_one_go_gives(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = Random(seed)
    monkeypatch.setattr(extract, "PAGE", rng.choice([1, 3, 10, 500]))
    federation, india, japan, _ = pair(f"kept {seed}")
    shelf, said = OnSimDisk(rng), list[str]()
    extracts = opened(india.store, shelf)
    for number in range(25):
        tell(india, japan, rng, said, number)
        if rng.random() < 0.7:
            federation.run(rng.choice([100, 3_000]))
        shelf.disk.fail_at = shelf.disk.steps + rng.randrange(200) if rng.random() < 0.5 else None
        try:
            for _ in range(rng.randrange(6)):
                for readers in (LOW, GUEST):
                    if not extracts.bring():
                        extracts.of(readers)
        except (PowerLossError, KizunaError):
            shelf.disk.is_on = False
        if not shelf.disk.is_on or rng.random() < 0.2:
            die(extracts)
            shelf.disk.restart()
            extracts = opened(india.store, shelf)
    shelf.disk.fail_at = None
    for readers in (LOW, GUEST):
        alike(whole(followed(extracts, readers)), fresh(india.store, readers))
    extracts.close()
    shelf.close()
    federation.close()


def die(extracts: Extracts) -> None:
    """Let go of everything without a power to write with."""
    while extracts._held:
        with contextlib.suppress(PowerLossError, KizunaError, apsw.Error):
            extracts.close()


# --- files --------------------------------------------------------------------------------------------------------------------------


class Counted:
    """Counts the entries that are judged."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken = 0
        honest = Thinning.take

        def take(thin: Thinning, *given: Any) -> Entry | None:
            self.taken += 1
            return honest(thin, *given)

        monkeypatch.setattr(Thinning, "take", take)

    def during(self, work: Callable[[], Any]) -> int:
        before = self.taken
        work()
        return self.taken - before


@pytest.fixture
def told() -> Any:
    federation, india, japan, _ = pair("kept")
    india.do(fx.Say(tuple(note(f"note {each}", "ind", "jpn", level=1 + each % 2) for each in range(30))))
    federation.run(5_000)
    yield federation, india, japan
    federation.close()


def test_a_restart_goes_on_where_it_stood(told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, india, _ = told
    counted, folder = Counted(monkeypatch), tmp_path / "data" / "extracts"
    first = opened(india.store, ExtractFolder(folder))
    assert counted.during(lambda: first.of(LOW)) == india.store.head().seq
    first.close()
    india.do(fx.Say((note("one more", "ind", level=1),)))
    second = opened(india.store, ExtractFolder(folder))
    assert counted.during(second.bring) == 1
    assert counted.during(lambda: second.of(LOW)) == 0
    alike(whole(second.of(LOW)), fresh(india.store, LOW))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in sorted(folder.glob("*.sqlite"))] == ["1.000001.sqlite"]
    count, size = files.space_of(folder)
    assert (count, size > 10_000) == (1, True)
    held = second.of(LOW)
    second.close()
    with pytest.raises(JournalConflictError, match="ask again"):
        held.head()


def test_what_stands_is_not_what_was_followed(told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that lost its end, though never read to there, and other software: each makes it anew."""
    _, india, _ = told
    (hidden,) = india.do(fx.Say((note("lowered", "ind", level=2),)))
    backup = india.backup()
    india.do(fx.Relabel(hidden.record_id, "not so", DESK, SECOND, grades={POLICY: 0}))
    monkeypatch.setattr(extract, "PAGE", india.store.head().seq - 2)
    first = opened(india.store, ExtractFolder(tmp_path))
    with contextlib.suppress(extract.ExtractBehindError):
        monkeypatch.setattr(extract, "PAGES_AT_ONCE", 1)
        first.of(LOW)
    first.close()
    india.restore(backup)
    monkeypatch.undo()
    counted = Counted(monkeypatch)
    second = opened(india.store, ExtractFolder(tmp_path))
    assert counted.during(lambda: followed(second, LOW)) == india.store.head().seq
    alike(whole(second.of(LOW)), fresh(india.store, LOW))
    assert "lowered" not in {text for (text,) in second.of(LOW).query("SELECT text FROM note")}
    second.close()
    monkeypatch.setattr(thinning, "VERSION", "of other software")
    third = opened(india.store, ExtractFolder(tmp_path))
    assert counted.during(lambda: followed(third, LOW)) == india.store.head().seq
    third.close()
    assert len(list(tmp_path.glob("*.sqlite"))) == 1


def test_a_damaged_extract_is_made_anew(told: Any, tmp_path: Path) -> None:
    _, india, _ = told
    first = opened(india.store, ExtractFolder(tmp_path))
    held = first.of(LOW)
    wanted = whole(held)
    first.close()
    (path,) = tmp_path.glob("*.sqlite")
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)  # all but the first page
    path.write_bytes(data)
    second = opened(india.store, ExtractFolder(tmp_path))
    for _ in range(3):
        with contextlib.suppress(JournalConflictError):
            alike(whole(second.of(LOW)), wanted)
            break
    else:
        pytest.fail("it was not made anew")
    second.close()


def test_what_is_erased_is_gone_from_the_files(told: Any, tmp_path: Path) -> None:
    federation, india, _ = told
    (secret,) = india.do(fx.Say((note("canarywords", "ind", level=1),)))
    federation.run(2_000)
    extracts = opened(india.store, ExtractFolder(tmp_path))

    def held() -> bool:
        return any(b"canarywords" in path.read_bytes() for path in tmp_path.iterdir())

    extracts.of(LOW)
    assert held()
    india.do(fx.Act(secret.record_id, "destroy", "asked for", DESK))
    federation.run(5_000)
    with extracts.of(LOW).view():  # somebody reads what was there before
        while extracts.bring():
            pass
    extracts.bring()
    assert not held()
    alike(whole(extracts.of(LOW)), fresh(india.store, LOW))
    extracts.close()
    assert not held()


def test_a_full_disk_refuses_and_keeps_what_was_whole(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, india, _ = told
    shelf = OnSimDisk(Random(1))
    extracts = opened(india.store, shelf)
    extracts.of(LOW)
    shelf.disk.capacity = shelf.disk.used
    india.do(fx.Say(tuple(note(f"more {each}", "ind", level=1) for each in range(50))))
    with pytest.raises(ConfigError, match="disk full"):
        extracts.of(LOW)
    india.do(fx.Say((note("the node itself goes on", "ind", level=1),)))
    shelf.disk.capacity = None
    alike(whole(extracts.of(LOW)), fresh(india.store, LOW))
    (said,) = india.do(fx.Say((note("raised", "ind", level=1),)))
    extracts.of(LOW)
    india.do(fx.Relabel(said.record_id, "wrong", DESK, SECOND, grades={POLICY: 3}))
    shelf.is_full = True
    for _ in range(2):
        with pytest.raises(ConfigError, match="disk full"):
            extracts.of(LOW)
    shelf.is_full = False
    alike(whole(followed(extracts, LOW)), fresh(india.store, LOW))
    extracts.close()
    with pytest.raises(JournalConflictError, match="stopping"):
        extracts.of(LOW)
    shelf.close()
    kept = opened(india.store, ExtractFolder(tmp_path))
    kept.of(LOW)
    monkeypatch.setattr(files, "_LEAST_FREE_BYTES", 1 << 62)
    assert kept.of(LOW).head().seq > 0, "nothing is to be written"
    india.do(fx.Say((note("no room", "ind", level=1),)))
    with pytest.raises(ConfigError, match="nearly full"):
        kept.of(LOW)
    kept.close()


def test_what_nobody_reads_any_more_is_removed(told: Any, tmp_path: Path) -> None:
    _, india, _ = told
    extracts = opened(india.store, ExtractFolder(tmp_path))
    held = {readers: extracts.of(readers) for readers in (LOW, GUEST)}
    assert ExtractFolder(tmp_path).names() == sorted(map(name_of, held))
    extracts.keep({GUEST, Readers(15)})
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {name_of(GUEST)}
    with pytest.raises(JournalConflictError, match="ask again"):
        held[LOW].head()
    assert extracts.of(GUEST) is held[GUEST]
    alike(whole(extracts.of(LOW)), fresh(india.store, LOW))
    extracts.close()


@pytest.mark.parametrize("level", [1, 2])
def test_a_name_that_was_spoken_before_its_record_came(
    level: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is unsaid where the record turns out to be hidden, and stays where it does not."""
    source = open_sqlite(":memory:", projections(DOMAINS))
    key = sign.SigningKey(bytes(32), sign.Purpose.RECORD)
    facts = record.Facts(node="ind/delhi", actor="officer:7:watch", at_ms=1)
    said = note("late", "ind", level=level)
    held = record.issue(said.type, said.body, said.label, facts, key, Random(1).randbytes)
    source.commit([Entry("read", 1, {"actor": "officer:7:watch", "records": [held.id]})])
    extracts = opened(source, ExtractFolder(tmp_path))
    assert extracts.of(LOW).query("SELECT item FROM audit") == [(held.id,)]
    meta = {"clear": clear_meta(held), "due": [], "held": [], "item": held.id}
    source.commit([Entry("record", 2, meta, held.bytes())])
    counted = Counted(monkeypatch)
    assert counted.during(lambda: extracts.of(LOW)) == level, "made anew, or not"
    assert extracts.of(LOW).query("SELECT item FROM audit") == ([(held.id,)] if level == 1 else [])
    alike(whole(extracts.of(LOW)), fresh(source, LOW))
    extracts.close()
    source.close()
