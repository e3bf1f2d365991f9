"""The plugs of one node: follows the journal and hands each record to those plugs whose recipients may have it, decided at that moment.

A plug that sends (a chart, a team's picture) is given what is heard from now on; what a clause delays is asked about again when its time has come,
what it lets go only coarser is given so. A plug that is asked (a GIS, an analyst's program) has its gate here and is answered elsewhere. What was
given and what was not is counted and journalled by `kizuna.node.acts.handing`.
"""

from __future__ import annotations

import heapq
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import structlog

from kizuna.domains.maritime.records import OWN_UNIT_BATCH, RECORDS, SIMULATED, STATIC_REPORTED
from kizuna.errors import KizunaError
from kizuna.kernel.journal import Entry
from kizuna.kernel.ports import Clock
from kizuna.node import plug_settings
from kizuna.node.acts.handing import Row
from kizuna.node.channel.world import World
from kizuna.node.effects import NoteHanded
from kizuna.node.held import facts
from kizuna.node.held.parsed import parse
from kizuna.node.held.tables import clear_meta
from kizuna.node.plugs.forms import Cot, Form, Nmea, Told
from kizuna.node.plugs.outlets import Outlet, Outlets, OutletStatus
from kizuna.node.plugs.recipients import Gate, Given, Recipient, Rules, is_batch
from kizuna.node.plugs.showing import Positions, recent_batches
from kizuna.node.runner import Committed

if TYPE_CHECKING:
    from kizuna.kernel.record import Record
    from kizuna.node.maritime.feeding import Doer

PAGE = 100
WAKE_S = 1.0
ACCOUNT_MS = 60_000
"""How often what plugs were given is journalled."""
MOST_DELAYED = 100_000
"""Records that wait for the end of a delay, for each plug; the rest are dropped, and counted as withheld by their clause."""
REFILL_AT_ONCE = 200
SENDING: dict[str, tuple[Literal["tcp", "udp"], Callable[[str], Form]]] = {
    "cot-tcp": ("tcp", Cot),
    "cot-udp": ("udp", Cot),
    "nmea-tcp": ("tcp", lambda _party: Nmea()),
    "nmea-udp": ("udp", lambda _party: Nmea()),
}
"""Kinds of plug that send: by which transport, and what makes their form for our party."""
_STEPS = frozenset({"payload/place_step_600000", "payload/time_step_ms"})
_log = structlog.get_logger("kizuna.plugs")


class Tally:
    """Counts of one plug since they were last taken; for any thread."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, int, str]] = Counter()
        self._lock = threading.Lock()

    def count(self, type_: str, grade: str, given: Given) -> None:
        """Count one decision that was carried out, on a record of a type and grade (`kizuna.node.held.tables.clear_meta`)."""
        why = f"provision:{given.provision}" if given.permit and given.provision else given.reason
        with self._lock:
            self._counts[type_, grade, int(given.permit), why] += 1

    def take(self) -> tuple[Row, ...]:
        """Return what was counted; nothing is counted afterwards."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return tuple((*key, count) for key, count in sorted(taken.items()))

    def give_back(self, rows: Sequence[Row]) -> None:
        """Count again what could not be journalled."""
        with self._lock:
            for type_, grade, permit, why, count in rows:
                self._counts[type_, grade, permit, why] += count


@dataclass
class Plug:
    """One plug: its gate, its account, and where it sends to; a plug that is asked has neither form nor outlet."""

    kind: str
    gate: Gate
    officer: str = ""
    form: Form | None = None
    outlet: Outlet | None = None
    positions: Positions | None = None
    """Of a plug that is asked: what it was given of positions."""
    pending: deque[str] = field(default_factory=deque)
    """Batches that are still to be looked at anew."""
    tally: Tally = field(default_factory=Tally)
    delayed: list[tuple[int, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name in the settings."""
        return self.gate.recipient.name

    def count(self, held: Record, given: Given) -> None:
        """Put a decision into the account."""
        type_, _, grade = clear_meta(held)
        self.tally.count(type_, grade, given)


def recipient_of(each: plug_settings.Plug) -> Recipient:
    """Return who stands behind a plug of the settings."""
    return Recipient(
        name=each.name,
        party=each.party,
        purpose=each.purpose,
        clearance=each.clearance,
        nationality=each.nationality,
        exercise=each.exercise,
        simulated=each.simulated,
    )


def rules_of(world: World) -> Rules:
    """Return the rules as a running node has them; every question is answered as of now."""

    def stopped() -> str:
        return "halted" if world.halted else "clock" if world.clock_in_doubt else ""

    return Rules(
        lambda: world.releaser, world.store, stopped, lambda record_id: record_id in world.withdrawn, world.blobs.get
    )


class Plugging:
    """Feeds the plugs of a running node; `runner.observe(plugging.observe)`, then `start`."""

    def __init__(self, runner: Doer, world: World, plugs: Sequence[plug_settings.Plug], clock: Clock) -> None:
        self._runner = runner
        self._world = world
        self._store = world.store
        self._clock = clock
        rules = rules_of(world)
        self.plugs = tuple(_made(each, Gate(rules, recipient_of(each)), world.identity.party) for each in plugs)
        self._asked = tuple(plug for plug in self.plugs if plug.positions is not None)
        self._outlets = Outlets([plug.outlet for plug in self.plugs if plug.outlet is not None])
        self._seq = self._caught_up_to = 0
        self._accounted_ms = self._filled_ms = 0
        self._rules: tuple[int, bool] | None = None
        """The version of the rules, and whether anything was released, when the plugs that are asked were last given all anew."""
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="kizuna-plugs", daemon=True)

    def start(self) -> None:
        """Open the outlets, and hand on what is journalled from now on."""
        if self.plugs:
            self._outlets.start()
            self._seq = self._store.head().seq
            self._accounted_ms = self._clock.now_ms()
            self._thread.start()

    def stop(self) -> None:
        """Hand on what is journalled, journal the account, and close the outlets; before the runner stops."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._outlets.stop()

    def observe(self, _committed: Committed) -> None:
        """Learn that the journal has grown; returns at once."""
        self._wake.set()

    def statuses(self) -> list[OutletStatus]:
        """Return how the outlets are."""
        return [outlet.status() for outlet in self._outlets.outlets.values()]

    def caught_up(self, seq: int) -> bool:
        """Return whether everything up to a journal entry was handed on, and nothing waits to be looked at anew."""
        return self._caught_up_to >= seq and not any(plug.pending for plug in self.plugs)

    def asked_by(self, kind: str, officer: str) -> Plug | None:
        """Return the plug of a kind that an officer's token stands for, or None: then nothing is given."""
        return next((plug for plug in self.plugs if plug.kind == kind and plug.officer == officer), None)

    # --- the thread ----------------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(WAKE_S)
            self._wake.clear()
            self._guarded()
        self._guarded()

    def _guarded(self) -> None:
        """Go on after a fault that has passed by the next time, such as a busy store."""
        try:
            self.catch_up()
        except KizunaError as error:
            _log.warning("plugs wait", error=type(error).__name__)

    def catch_up(self) -> None:
        """Hand on what is journalled by now and what a delay held until now; the thread does this by itself.

        Raises:
            KizunaError: the journal cannot be read now.
        """
        while self.plugs:
            page = list(self._store.read(self._seq + 1, PAGE))
            for stored in page:
                self._take(stored.entry)
                self._seq = stored.seq
            if len(page) < PAGE:
                break
        now_ms = self._clock.now_ms()
        for plug in self.plugs:
            while plug.delayed and plug.delayed[0][0] <= now_ms:
                self._hand_held(plug, heapq.heappop(plug.delayed)[1], now_ms)
        self._refill(now_ms)
        # Not before: where the rules have changed, what was handed on is cleared and given anew.
        self._caught_up_to = self._seq
        if self._stopping or now_ms - self._accounted_ms >= ACCOUNT_MS:
            self._accounted_ms = now_ms
            self._account()

    def _refill(self, now_ms: int) -> None:
        """Give the plugs that are asked their positions anew where the rules have changed since, some at a time."""
        passed = any(self._filled_ms < edge <= now_ms for edge in self._world.boundaries)
        rules = self._world.rules_version, self._world.releasing
        if self._asked and (passed or rules != self._rules):
            self._rules, self._filled_ms = rules, now_ms
            batches = recent_batches(self._store, now_ms)
            for plug in self._asked:
                if plug.positions is not None:
                    plug.positions.clear()
                plug.pending, plug.delayed = deque(batches), []
        for plug in self._asked:
            for _ in range(min(REFILL_AT_ONCE, len(plug.pending))):
                self._hand_held(plug, plug.pending.popleft(), now_ms)
            if plug.pending and not self._stopping:
                self._wake.set()

    def _hand_held(self, plug: Plug, record_id: str, now_ms: int) -> None:
        held = facts.load_record(self._store, record_id)
        if held is not None:
            self._hand(plug, held, now_ms, anew=True)

    def _take(self, entry: Entry) -> None:
        if entry.kind not in {"record", "received"} or entry.body is None or entry.meta.get("code"):
            return
        if entry.kind == "received" and entry.meta["kind"] != "record":
            return
        held = parse(entry.body)
        if held.clear.type != STATIC_REPORTED and not is_batch(RECORDS.get(held.clear.type, object)):
            return
        if entry.kind == "record" and not _STEPS.isdisjoint(held.disclosed):
            return  # made coarser for a partner from rows that are here already
        now_ms = self._clock.now_ms()
        for plug in self.plugs:
            self._hand(plug, held, now_ms)

    def _hand(self, plug: Plug, held: Record, now_ms: int, *, anew: bool = False) -> None:
        """Decide, and send or keep what is given; a record that is damaged concerns no other."""
        asked = plug.positions is not None
        if (held.clear.type == STATIC_REPORTED) if asked else held.disclosed.get("payload/source_kind") == "recorded":
            return  # a plug that is asked is told of ships when it asks; and what was played back is no live picture
        try:
            given = plug.gate.rule(held, now_ms)
            if not given.permit and given.not_before_ms > now_ms and len(plug.delayed) < MOST_DELAYED:
                heapq.heappush(plug.delayed, (given.not_before_ms, held.id))
                return
            if plug.positions is not None and given.permit:
                plug.positions.add(held.id, given, plug.gate.positions(held, given))
            if asked:
                if not given.permit and not anew:
                    plug.count(held, given)  # what it may have is counted when it asks
                return
            plug.count(held, given)
            said = self._said(plug, held, given, now_ms) if given.permit else []
        except KizunaError as error:
            _log.warning("record not handed on", source=plug.name, error=type(error).__name__)
            return
        if said and plug.outlet is not None:
            plug.outlet.send(said)

    def _said(self, plug: Plug, held: Record, given: Given, now_ms: int) -> list[bytes]:
        form = plug.form
        if form is None:
            return []
        facts_given = plug.gate.said(held, given)
        source = facts_given.get("source")
        told = Told(
            issuer=held.clear.issuer,
            source=source if isinstance(source, str) else "",
            own_unit=held.clear.type == OWN_UNIT_BATCH,
            simulated=held.disclosed.get("payload/source_kind") == SIMULATED,
            exercise=plug.gate.recipient.exercise,
            grades=given.grades,
            releasable_to=frozenset(
                name.partition("/")[2] for name in given.names if name.startswith("releasable_to/")
            ),
            now_ms=now_ms,
        )
        if held.clear.type == STATIC_REPORTED:
            return form.static(facts_given, told)
        return form.positions(plug.gate.positions(held, given), told)

    def _account(self) -> None:
        """Journal what was given and what was not since the last time."""
        for plug in self.plugs:
            rows = plug.tally.take()
            who = plug.gate.recipient
            if not rows:
                continue
            try:
                self._runner.do(NoteHanded(who.name, who.party, who.purpose, rows)).result(timeout=WAKE_S * 30)
            except TimeoutError:
                _log.warning(
                    "plug's account is slow", source=plug.name
                )  # asked for all the same: counting it again would be wrong
            except KizunaError as error:
                plug.tally.give_back(rows)
                _log.warning("plug's account waits", source=plug.name, error=type(error).__name__)


def _made(each: plug_settings.Plug, gate: Gate, own_party: str) -> Plug:
    if each.kind not in SENDING:
        return Plug(each.kind, gate, each.officer, positions=Positions())
    transport, form = SENDING[each.kind]
    return Plug(each.kind, gate, form=form(own_party), outlet=Outlet(each.name, transport, each.address))
