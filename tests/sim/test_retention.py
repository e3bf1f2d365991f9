"""Positions end: by the node's rules and by the agreement's term, journalled first, out of journal and archive, through a power loss anywhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.domains.maritime import DOMAIN as MARITIME
from kizuna.domains.maritime.operations import cut_batches
from kizuna.domains.maritime.records import POSITION_BATCH, STATIC_REPORTED, StaticReported
from kizuna.domains.maritime.retention import Held, Rule, endings
from kizuna.errors import ChannelError
from kizuna.formats.ais import PositionReport
from kizuna.formats.positions_arrow import from_reports, values_of
from kizuna.kernel.instrument import Obligations
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.label import label
from kizuna.node import effects as fx
from kizuna.node.acts import erasing
from kizuna.node.maritime.ageing import Ageing
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.clearing import Clearing
from kizuna.node.maritime.picture import LivePicture
from kizuna.sim.disk import PowerLossError
from kizuna.sim.federation import Federation, SimNode
from tests.sim.test_maritime import SimClock
from tests.sim.test_recovery import projected
from tests.sim.world import POLICY, arrangement, provision, sign_instrument

HOUR_MS = 3_600_000
COAST = ArchiveKey("ind", "live", "coast")
TEN = Rule(days=10, source_kind="live")
FIELDS = ("window_from_ms", "window_to_ms", "source", "source_kind", "chunks", "row_count")


class Clock(SimClock):
    """The clock of one node, which may be ahead of the others'."""

    def __init__(self, node: SimNode) -> None:
        self._node = node

    def now_ms(self) -> int:
        return self._node.now_ms


class Office:
    """One node with its archive, and the job that ends positions, which its picture follows at once."""

    def __init__(self, node: SimNode, folder: Path, rules: tuple[Rule, ...] = ()) -> None:
        self.node, self.folder, self.rules = node, folder / node.identity.party, rules
        self.open()

    def open(self) -> None:
        """Start anew from disk and journal."""
        clock = Clock(self.node)
        self.picture = LivePicture(
            self.node.store, self.node.blobs, Archives(self.folder), self.node.identity.party, clock
        )
        self.picture.rebuild()
        self.clearing = Clearing(self.node.store, self.picture)
        self.ageing = Ageing(self, self.node.store, self.picture, self.clearing, self.rules, clock=clock)

    def do(self, command: fx.Command) -> Any:
        from concurrent.futures import Future  # noqa: PLC0415 # one reply

        reply: Future[Any] = Future()
        crashes = self.node.crashes
        reply.set_result(self.node.do(command))
        if self.node.crashes != crashes:
            raise PowerLossError  # it had answered, and died of what it did next
        self.picture.catch_up()
        return reply

    def rows(self, key: ArchiveKey = COAST) -> list[int]:
        """Return the vessels that the archive has rows of."""
        self.picture.archives.flush()
        return sorted(values_of(self.picture.archives.read(key, 0, 2**53), "mmsi")[0].tolist())

    def ended(self) -> list[dict[str, Any]]:
        """Return what the journal says has ended."""
        entries = [stored.entry for stored in self.node.store.read(1, 100_000)]
        return [entry.meta for entry in entries if entry.kind == "positions-ended"]

    def audit(self) -> erasing.BlobAudit:
        with self.node.store.view() as db:
            return erasing.audit(db, self.node.blobs.has)


def heard(node: SimNode, mmsi: int, at_ms: int) -> None:
    """Say that one vessel was heard, in a batch of its own, and who it is."""
    report = PositionReport(
        mmsi=mmsi, msg_type=1, received_ms=at_ms, lon_600000=90 * 600_000, lat_600000=10 * 600_000, speed_dkn=101,
        course_ddeg=900, heading_deg=90, nav_status=0, station="",
    )  # fmt: skip
    own = label(POLICY, 0, originator="ind", releasable_to=("jpn",), purposes=("coordination",))
    said = cut_batches(from_reports([report], received_ms=at_ms), source="coast", source_kind="live")
    drafts = [fx.Draft(s.type, s.body, own, "system:feed", subject=s.subject, blobs=s.blobs) for s in said]
    name = StaticReported(mmsi=mmsi, name="EVENING TIDE", reported_at_ms=at_ms, source="coast", source_kind="live")
    node.do(fx.Say((*drafts, fx.Draft(STATIC_REPORTED, name, own, "system:feed"))))


def pair(seed: str, folder: Path, days: int = 30) -> tuple[Federation, Office, Office]:
    """India hears two vessels a day apart, and releases both to Japan for thirty days."""
    federation = Federation(seed)
    delhi, yokosuka = (federation.add(name, (INSTRUMENTS, MARITIME)) for name in ("ind/delhi", "jpn/yokosuka"))
    federation.introduce(delhi, yokosuka)
    clauses = [
        provision("ind", "jpn", id=name, record_types=(type_,), discloses=shown, obligations=Obligations(retain_days=days))
        for name, type_, shown in (("seen", POSITION_BATCH, FIELDS), ("named", STATIC_REPORTED, ("mmsi", "name", "reported_at_ms", "source_kind")))
    ]  # fmt: skip
    made = arrangement("ind", "jpn", *clauses)
    for node in (delhi, yokosuka):
        sign_instrument(node, made)
    federation.run(10_000)
    heard(delhi, 419_000_001, noon(federation))
    heard(delhi, 419_000_002, noon(federation) + DAY_MS)
    federation.run(20_000)
    india, japan = Office(delhi, folder, (TEN,)), Office(yokosuka, folder)
    for office in (india, japan):
        assert office.rows() == [419_000_001, 419_000_002]
    return federation, india, japan


def leap(federation: Federation, office: Office, to_ms: int) -> None:
    """Set a node's clock ahead, and wait until it is believed."""
    office.node.skew_ms = to_ms - federation.now_ms - 120_000
    federation.run(120_000)


def noon(federation: Federation) -> int:
    """Return the noon of the day before yesterday, by the clock of the federation."""
    return federation.now_ms // DAY_MS * DAY_MS + 12 * HOUR_MS - 2 * DAY_MS


def past(federation: Federation) -> int:
    """Return an hour after ten days after the day on which the first vessel was heard."""
    return noon(federation) + 12 * HOUR_MS + 10 * DAY_MS + HOUR_MS


def test_a_rule_ends_the_day_that_is_old_enough_and_leaves_the_next(tmp_path: Path) -> None:
    federation, india, japan = pair("rule", tmp_path)
    leap(federation, india, past(federation) - 2 * HOUR_MS)
    assert list(india.ageing.due()) == []
    leap(federation, india, past(federation))
    (found,) = india.ageing.due()
    assert (found.rows, len(found.days), found.ending.rule) == (1, 1, "settings, any/live/any: 10 days")
    assert india.rows() == [419_000_001, 419_000_002]  # asking changes nothing
    assert india.ageing.once() == 1
    assert india.rows() == [419_000_002]
    assert india.ageing.once() == 0
    (said,) = india.ended()
    assert (said["rule"], said["rows"], said["files"], said["party"]) == (found.ending.rule, 1, 1, "ind")
    assert len(said["files_sha256"]) == 64
    assert india.audit().missing == ()
    assert len(india.audit().erased) == 1
    before = projected(india.node)
    india.node.store.rebuild()
    assert projected(india.node) == before
    assert not india.node.store.verify().findings
    # made anew from the journal alone, the archive has no more
    shutil.rmtree(india.folder)
    india.open()
    assert india.rows() == [419_000_002]
    india.clearing.once()
    assert india.rows() == [419_000_002]
    # what a partner holds is the partner's to end
    federation.run(60_000)
    assert japan.rows() == [419_000_001, 419_000_002]
    assert not [channel for channel in india.node.core.world.outs.values() if channel.stopped]


def test_a_partners_positions_and_records_end_with_the_agreements_term(tmp_path: Path) -> None:
    federation, india, japan = pair("term", tmp_path)
    assert japan.ageing.once() == 0
    midnight_ms = federation.now_ms // DAY_MS * DAY_MS
    leap(federation, japan, midnight_ms + 30 * DAY_MS - HOUR_MS)
    assert japan.ageing.once() == 0
    assert japan.node.store.query("SELECT COUNT(*) FROM maritime_static") == [(2,)]
    leap(federation, japan, midnight_ms + 30 * DAY_MS + HOUR_MS)
    assert japan.ageing.once() == 2
    leap(federation, japan, midnight_ms + 31 * DAY_MS)
    assert {said["rule"] for said in japan.ended()} == {f"{INSTRUMENT}, seen: 30 days"}
    assert japan.rows() == []
    assert not list(japan.folder.rglob("*.parquet"))
    assert japan.node.store.query("SELECT COUNT(*) FROM maritime_static") == [(0,)]
    assert japan.audit() == erasing.BlobAudit(0, japan.audit().erased, ())
    before = projected(japan.node)
    japan.node.store.rebuild()
    assert projected(japan.node) == before
    assert india.rows() == [419_000_001, 419_000_002]


def test_of_a_day_only_what_ended_goes(tmp_path: Path) -> None:
    federation, india, japan = pair("mixed", tmp_path)
    midnight_ms, noon_ms = federation.now_ms // DAY_MS * DAY_MS, noon(federation)
    for office in (japan, india):  # in this order, so that nothing comes from what the reader takes for the future
        leap(federation, office, midnight_ms + 3 * DAY_MS)
    heard(india.node, 419_000_003, noon_ms + HOUR_MS)  # a receiver held it back
    federation.run(20_000)
    japan.picture.catch_up()
    assert japan.rows() == [419_000_001, 419_000_002, 419_000_003]
    leap(federation, japan, midnight_ms + 30 * DAY_MS + HOUR_MS)
    assert japan.ageing.once() == 2
    assert japan.rows() == [419_000_003]
    leap(federation, japan, midnight_ms + 33 * DAY_MS + HOUR_MS)
    assert japan.ageing.once() == 1
    assert japan.rows() == []


INSTRUMENT = arrangement("ind", "jpn", provision("ind", "jpn")).id


@pytest.mark.parametrize("steps", range(1, 40, 4))
def test_a_power_loss_anywhere_leaves_no_row_of_what_ended(tmp_path: Path, steps: int) -> None:
    federation, india, _ = pair(f"power-{steps}", tmp_path)
    leap(federation, india, past(federation))
    india.node.disk.fail_at = india.node.disk.steps + steps
    with_loss = False
    try:
        india.ageing.once()
    except PowerLossError:
        with_loss = True
    india.node.disk.fail_at = None
    india.node.crash()
    federation.run(120_000)
    if india.ended() and with_loss:  # named as ended: it goes without being asked for again
        assert india.audit().missing == ()
    india.open()
    india.ageing.once()
    assert india.rows() == [419_000_002]
    assert (india.audit().held, len(india.audit().erased), india.audit().missing) == (1, 1, ())
    assert {tuple(said["records"]) for said in india.ended()} == {tuple(india.ended()[0]["records"])}


def test_the_archive_is_mended_where_only_the_journal_says_that_something_ended(tmp_path: Path) -> None:
    federation, india, _ = pair("between", tmp_path)
    before = tmp_path / "before"
    shutil.copytree(india.folder, before)
    leap(federation, india, past(federation))
    india.ageing.once()
    shutil.rmtree(india.folder)
    shutil.copytree(before, india.folder)  # as if the power had gone before the files did
    india.rules = ()
    india.open()
    assert india.rows() == [419_000_001, 419_000_002]
    assert india.ageing.once() == 0
    assert india.rows() == [419_000_002]


def test_while_the_clock_is_in_doubt_nothing_ends(tmp_path: Path) -> None:
    federation, india, _ = pair("doubt", tmp_path)
    leap(federation, india, past(federation))
    india.node.skew_ms -= DAY_MS  # back by a day: now nobody can say which is right
    federation.run(1_000)
    india.node.skew_ms += 2 * DAY_MS
    federation.run(200)
    with pytest.raises(ChannelError, match="in doubt"):
        india.ageing.once()
    assert india.rows() == [419_000_001, 419_000_002]


WORDS = st.sampled_from(["", "ind", "jpn"])
HELD = st.builds(
    Held, st.text("abcdef", min_size=4, max_size=4), st.sampled_from(["ind", "jpn"]), st.sampled_from(["live", "recorded"]),
    st.sampled_from(["coast", "hill"]), st.integers(0, 5).map(lambda day: day * DAY_MS),
    st.none() | st.integers(0, 9).map(lambda day: day * DAY_MS + 5),
    st.just("the term"),
)  # fmt: skip


@given(
    st.lists(HELD, unique_by=lambda each: each.record_id),
    st.lists(st.builds(Rule, st.integers(1, 4), WORDS)),
    st.integers(0, 9),
)
def test_a_batch_ends_once_and_only_by_a_rule_that_speaks_of_it(held: list[Held], rules: list[Rule], day: int) -> None:
    found = endings(held, rules, day * DAY_MS)
    by_id = {each.record_id: each for each in held}
    gone = [(record_id, ending) for ending in found for record_id in ending.records]
    assert len({record_id for record_id, _ in gone}) == len(gone)
    for record_id, ending in gone:
        each = by_id[record_id]
        assert (ending.party, ending.source_kind, ending.source) == (each.party, each.source_kind, each.source)
    for each in held:
        by_term = each.term_ms is not None and each.term_ms - DAY_MS < day * DAY_MS
        by_rule = each.to_ms > 0 and any(
            rule.party in {"", each.party} and each.to_ms + rule.days * DAY_MS <= day * DAY_MS
            for rule in rules  # whole days
        )
        assert (each.record_id in dict(gone)) == (by_term or by_rule)
    assert msgspec.to_builtins(endings(held[::-1], rules, day * DAY_MS)) == msgspec.to_builtins(found)
