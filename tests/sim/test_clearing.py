"""Destroyed at headquarters, gone from every chart room: what was withdrawn leaves the archive's files too, at every holder, through a power loss."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from kizuna.formats.positions_arrow import values_of
from kizuna.kernel.intervals import DAY_MS
from kizuna.node import effects as fx
from kizuna.node.maritime.clearing import left
from kizuna.sim.disk import PowerLossError
from kizuna.sim.federation import Federation
from kizuna.storage import positions
from kizuna.storage.archive_views import density
from tests.sim.test_retention import HOUR_MS, Office, heard, noon, pair

EVENING, NIGHT, LATE = 419_000_001, 419_000_002, 419_000_003
ACTS = ("retract", "recall", "destroy")


def on_disk(office: Office) -> list[int]:
    """Return the vessels that any other program finds in the files."""
    files = sorted(office.folder.rglob("*.parquet"))
    return sorted(mmsi for file in files for mmsi in pq.read_table(file)["mmsi"].to_pylist())


def batches(office: Office) -> list[str]:
    """Return the batches that are held, by when they were heard."""
    rows = office.node.store.query("SELECT record_id FROM maritime_batch ORDER BY window_from_ms")
    return [str(record_id) for (record_id,) in rows]


def scene(seed: str, folder: Path) -> tuple[Federation, Office, Office]:
    """Two ships of one day and one of the next, at India and at Japan, all in files, one for each day."""
    federation, india, japan = pair(seed, folder)
    heard(india.node, LATE, noon(federation) + HOUR_MS)
    federation.run(20_000)
    for office in (india, japan):
        office.picture.catch_up()
        office.clearing.once()
        assert office.rows() == on_disk(office) == [EVENING, NIGHT, LATE]
        archive = positions.PositionArchive(office.folder / "ind" / "live" / "s-coast")
        assert [archive.compact(day) for day in archive.days()] == [2, 1]
    return federation, india, japan


def vessels(office: Office) -> list[int]:
    office.picture.catch_up()
    return sorted(row.mmsi for row in office.picture.vessels()[0] if row.at_ms is not None)


@pytest.mark.parametrize("act", ACTS)
def test_what_headquarters_takes_back_is_in_no_file_of_any_holder(tmp_path: Path, act: str) -> None:
    federation, india, japan = scene(act, tmp_path)
    first = batches(india)[0]
    india.node.do(fx.Act(first, act, "an informant is in it", "officer:1:watch"))
    federation.run(60_000)
    for office in (india, japan):
        office.picture.catch_up()
        assert on_disk(office) == [EVENING, NIGHT, LATE]
        assert [each.entries for each in left(office.node.store, office.folder)] == [1]  # the doctor says so meanwhile
        assert office.clearing.once() == 1
        assert office.rows() == on_disk(office) == [NIGHT, LATE]
        assert EVENING not in vessels(office)
        assert left(office.node.store, office.folder) == []
        assert not office.node.store.verify().findings
        # the day's other ship is still where it was, counted once
        cells = density(office.picture.archives.select(0, 2**53), 600_000)
        assert cells["rows"].to_pylist() == [2]
        assert office.clearing.once() == 0
        shutil.rmtree(office.folder)  # made anew from the journal alone, the archive has no more
        office.open()
        assert office.rows() == [NIGHT, LATE]


def test_rows_that_are_not_written_yet_never_are(tmp_path: Path) -> None:
    federation, india, _ = scene("fresh", tmp_path)
    heard(india.node, 419_000_004, noon(federation) + 2 * HOUR_MS)
    india.picture.catch_up()
    india.node.do(fx.Act(batches(india)[2], "destroy", "an informant is in it", "officer:1:watch"))
    india.picture.catch_up()
    assert india.rows() == on_disk(india) == [EVENING, NIGHT, LATE]
    assert 419_000_004 not in vessels(india)


def test_a_batch_that_comes_after_its_withdrawal_is_shown_nowhere(tmp_path: Path) -> None:
    federation, india, japan = scene("after", tmp_path)
    heard(india.node, 419_000_005, noon(federation) + 2 * HOUR_MS)
    federation.run(20_000)
    india.node.do(fx.Act(batches(india)[2], "retract", "a wrong clock", "officer:1:watch"))
    federation.run(20_000)
    for office in (india, japan):  # both look at the journal only now
        assert office.rows() == [EVENING, NIGHT, LATE]
        assert 419_000_005 not in vessels(office)


def test_the_same_place_that_another_batch_tells_stays(tmp_path: Path) -> None:
    federation, india, _ = pair("same", tmp_path)
    heard(india.node, EVENING, noon(federation))
    india.picture.catch_up()
    first = batches(india)[0]
    assert india.rows() == [EVENING, EVENING, NIGHT]
    india.node.do(fx.Act(first, "retract", "said twice", "officer:1:watch"))
    india.picture.catch_up()
    india.clearing.once()
    assert india.rows() == on_disk(india) == [EVENING, NIGHT]


def test_a_query_that_runs_reads_what_it_began_with(tmp_path: Path) -> None:
    _, india, _ = scene("query", tmp_path)
    running = india.picture.archives.select(0, 2**53)
    first_day = next(running)
    file = max(india.folder.rglob("*.parquet"))
    with file.open("rb") as held:  # another program's
        for batch in batches(india):
            india.node.do(fx.Act(batch, "destroy", "an informant is in it", "officer:1:watch"))
        india.picture.catch_up()
        assert india.clearing.once() > 0
        assert pq.read_table(held).num_rows == 1
    assert values_of(first_day, "mmsi")[0].tolist() == [EVENING, LATE]
    assert list(running) == []
    assert on_disk(india) == []


class Stop:
    """Lets the machine stop at the n-th of some steps on the disk."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int) -> None:
        self.steps, self._at = 0, at
        for name in ("_replace", "_remove", "_sync"):
            patch.setattr(positions, name, self._step(getattr(positions, name)))

    def _step(self, real: Callable[..., None]) -> Callable[..., None]:
        def step(*given: object) -> None:
            self.steps += 1
            if self.steps == self._at:
                raise PowerLossError
            real(*given)

        return step


@pytest.mark.parametrize("at", range(1, 8))
def test_a_power_loss_anywhere_leaves_the_old_file_with_the_work_to_do_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    _, india, _ = scene(f"stop-{at}", tmp_path)
    india.picture.archives.flush()
    india.node.do(fx.Act(batches(india)[0], "destroy", "an informant is in it", "officer:1:watch"))
    india.picture.catch_up()
    with monkeypatch.context() as patch:
        stop = Stop(patch, at)
        try:
            india.clearing.once()
        except PowerLossError:
            assert bool(left(india.node.store, india.folder)) == (EVENING in on_disk(india))  # the doctor knows
        else:
            assert stop.steps < at
    assert {NIGHT, LATE} <= set(on_disk(india))
    india.open()
    india.clearing.once()
    assert india.rows() == on_disk(india) == [NIGHT, LATE]
    assert left(india.node.store, india.folder) == []


def test_a_loss_after_the_journal_said_so_and_before_anyone_looked(tmp_path: Path) -> None:
    federation, india, japan = scene("unseen", tmp_path)
    for office in (india, japan):
        office.picture.archives.flush()
    india.node.do(fx.Act(batches(india)[0], "destroy", "an informant is in it", "officer:1:watch"))
    federation.run(60_000)
    for office in (india, japan):  # neither picture had followed; both start anew
        office.open()
        office.clearing.once()
        assert office.rows() == on_disk(office) == [NIGHT, LATE]


def test_an_archive_of_a_former_version_is_cleared_of_what_was_destroyed_then(tmp_path: Path) -> None:
    _, india, japan = scene("former", tmp_path)
    for office in (india, japan):
        for file in office.folder.rglob("*.parquet"):
            rows = pq.read_table(file)
            pq.write_table(rows, file)  # as it was written when no file said where its rows are from
        progress = next(office.folder.rglob("journalled.json"))
        progress.write_text(json.dumps({"ended": 0, "seq": json.loads(progress.read_text())["seq"]}))
    india.node.do(fx.Act(batches(india)[0], "destroy", "an informant is in it", "officer:1:watch"))
    for path in india.folder.rglob("*.parquet"):
        assert path.exists()
    india.open()
    assert {each.entries for each in left(india.node.store, india.folder)} == {None}
    assert india.clearing.once() == 2
    assert india.rows() == on_disk(india) == [NIGHT, LATE]
    assert left(india.node.store, india.folder) == []
    japan.open()
    assert japan.clearing.once() == 0  # nothing of anyone was withdrawn there
    assert on_disk(japan) == [EVENING, NIGHT, LATE]


def test_a_damaged_progress_file_has_everything_looked_at(tmp_path: Path) -> None:
    federation, india, _ = scene("progress", tmp_path)
    india.node.do(fx.Act(batches(india)[0], "destroy", "an informant is in it", "officer:1:watch"))
    next(india.folder.rglob("journalled.json")).write_bytes(b"{")
    india.open()
    india.picture.archives.flush()
    india.clearing.once()
    assert set(india.rows()) == set(on_disk(india)) == {NIGHT, LATE}
    assert federation.now_ms < noon(federation) + 3 * DAY_MS
