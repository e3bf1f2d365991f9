"""What the API shows of a node: answers as structs, read from one snapshot of the store each, never on the core's thread."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from kizuna.kernel import record
from kizuna.kernel.explain import Explanation, explain
from kizuna.kernel.instrument import Agreement, Instrument
from kizuna.kernel.intervals import contains
from kizuna.kernel.journal import Db
from kizuna.node.held.facts import load_record
from kizuna.node.held.relabelled import label_now
from kizuna.node.held.schema import NUMBER_OF
from kizuna.node.metrics import Health
from kizuna.web.books import RunningNode
from kizuna.web.errors import NotHeldError

_RECORD_ID = re.compile(r"[0-9a-f]{64}").fullmatch
MOST_ALERTS = 500
MOST_PLACES = 1000


class Warned(msgspec.Struct, frozen=True):
    """Something that a person must see to."""

    code: str
    sentence: str


class ChannelState(msgspec.Struct, frozen=True):
    """Both channels with one partner: `out` is what this node writes, `in` what it reads. Times are milliseconds UTC, 0 where never."""

    node: str
    out_epoch: int
    out_size: int
    out_root: str
    out_receipted: int
    out_receipted_at_ms: int
    out_due: int
    """Items that wait to be released now."""
    out_due_since_ms: int
    out_delayed: int
    """Items that a delay holds back for the time being."""
    out_stopped: str
    in_epoch: int
    in_size: int
    in_root: str
    in_seen: int
    """How far the partner's newest checkpoint reaches: beyond `in_size` there is more to fetch."""
    in_released_at_ms: int
    in_quarantined_bytes: int
    in_stopped: str


class PartnerState(msgspec.Struct, frozen=True):
    """An enrolled partner; `address` is empty where it is reached by bundles alone."""

    node: str
    party: str
    address: str
    key_version: int
    enrolled_at_ms: int


class Withheld(msgspec.Struct, frozen=True):
    """How many records of a type and grade were withheld from a party for a reason, counted when they were made."""

    party: str
    type: str
    grade: str
    reason: str
    count: int


class Status(msgspec.Struct, frozen=True):
    """How a node is."""

    node: str
    now_ms: int
    journal_seq: int
    journal_head: str
    halted: bool
    clock_in_doubt: bool
    certificate_days: int
    disk_free_bytes: int
    disk_free_percent: int
    warnings: tuple[Warned, ...]
    partners: tuple[PartnerState, ...]
    channels: tuple[ChannelState, ...]
    withheld_by_reason: dict[str, int]


class InstrumentState(msgspec.Struct, frozen=True):
    """An instrument version and whether it counts now; `note` says why not."""

    id: str
    version: str
    title: str
    kind: str
    parties: tuple[str, ...]
    basis: str
    in_force: bool
    suspended: bool
    current: bool
    note: str
    provisions: int


class InstrumentShown(msgspec.Struct, frozen=True):
    """An instrument version whole."""

    state: InstrumentState
    instrument: Instrument


class Place(msgspec.Struct, frozen=True):
    """An entry of a channel that carries a record; `outcome` is the partner's refusal code, `stub`, or empty."""

    channel: str
    epoch: int
    index: int
    released_at_ms: int
    instrument: str
    provision: str
    purpose: str
    names: tuple[str, ...]
    """The facts that this entry showed."""
    receipted: bool
    outcome: str


class RecordShown(msgspec.Struct, frozen=True):
    """A held record: what its header says in the clear, the facts that are disclosed to this node, and where it went."""

    id: str
    type: str
    issuer: str
    issued_on: str
    exercise: bool
    handling: str
    label: dict[str, int]
    own: bool
    standing: str
    facts: dict[str, Any]
    facts_withheld: int
    """How many digests are not opened: facts withheld from this node, or decoys."""
    released: tuple[Place, ...]
    received_in: tuple[str, ...]
    waiting_for: tuple[str, ...]


class Alert(msgspec.Struct, frozen=True):
    """Something that was brought to a person's attention."""

    seq: int
    at_ms: int
    kind: str
    channel: str
    sentence: str


def status(node: RunningNode, health: Health) -> Status:
    """Return how the node is."""
    head = node.store.head()
    with node.store.view() as db:
        by_reason = {
            reason: int(count)
            for reason, count in db.execute("SELECT reason, SUM(count) FROM withheld GROUP BY reason ORDER BY reason")
        }
        shown = channels(db, health.now_ms)
    return Status(
        node=node.identity.node,
        now_ms=health.now_ms,
        journal_seq=head.seq,
        journal_head=head.chain.hex(),
        halted=health.halted,
        clock_in_doubt=health.clock_in_doubt,
        certificate_days=health.certificate_days,
        disk_free_bytes=health.disk_free_bytes,
        disk_free_percent=health.disk_free_percent,
        warnings=tuple(Warned(code, sentence) for code, sentence in health.warnings),
        partners=partners(node),
        channels=shown,
        withheld_by_reason=by_reason,
    )


def partners(node: RunningNode) -> tuple[PartnerState, ...]:
    """Return the enrolled partners."""
    since = dict(node.store.query("SELECT node, enrolled_at_ms FROM partner WHERE removed_at_ms = 0"))
    return tuple(
        PartnerState(p.node, p.party, p.address, p.keyset.version, since.get(p.node, 0))
        for p in node.core.world.partners.values()
    )


def channels(db: Db, now_ms: int) -> tuple[ChannelState, ...]:
    """Return the channels with every partner that is or was enrolled."""
    rows = db.execute(
        "SELECT o.node, o.epoch, o.size, o.root, o.receipted, o.receipted_at_ms, o.stopped, o.channel,"
        " i.epoch, i.size, i.root, i.seen_size, i.released_at_ms, i.quarantined, i.stopped"
        " FROM channel_out o JOIN channel_in i ON i.node = o.node ORDER BY o.node"
    )
    found = []
    for row in rows:
        due, since_ms, delayed = db.execute(
            "SELECT SUM(CASE WHEN not_before_ms <= ? THEN 1 ELSE 0 END), MIN(not_before_ms),"
            " SUM(CASE WHEN not_before_ms > ? THEN 1 ELSE 0 END) FROM outbox WHERE channel = ?",
            (now_ms, now_ms, row[7]),
        )[0]
        found.append(
            ChannelState(
                node=row[0],
                out_epoch=row[1],
                out_size=row[2],
                out_root=row[3],
                out_receipted=row[4],
                out_receipted_at_ms=row[5],
                out_due=int(due or 0),
                out_due_since_ms=since_ms if due else 0,
                out_delayed=int(delayed or 0),
                out_stopped=row[6],
                in_epoch=row[8],
                in_size=row[9],
                in_root=row[10],
                in_seen=row[11],
                in_released_at_ms=row[12],
                in_quarantined_bytes=row[13],
                in_stopped=row[14],
            )
        )
    return tuple(found)


def withheld(db: Db) -> tuple[Withheld, ...]:
    """Return the counters of denials."""
    rows = db.execute(
        "SELECT party, type, grade, reason, count FROM withheld ORDER BY count DESC, party, type, grade, reason"
    )
    return tuple(Withheld(*row) for row in rows)


def alerts(db: Db, before_seq: int, limit: int) -> tuple[Alert, ...]:
    """Return the newest alerts before a sequence number, newest first."""
    rows = db.execute(
        "SELECT seq, at_ms, kind, channel, sentence FROM alert WHERE seq < ? ORDER BY seq DESC LIMIT ?",
        (before_seq, max(1, min(limit, MOST_ALERTS))),
    )
    return tuple(Alert(*row) for row in rows)


# --- instruments ------------------------------------------------------------------------------------------------------------------


def instruments(agreements: Sequence[Agreement], now_ms: int) -> tuple[InstrumentState, ...]:
    """Return every instrument version that is held."""
    return tuple(_state(agreement, now_ms) for agreement in agreements)


def instrument(agreements: Sequence[Agreement], name: str, now_ms: int) -> tuple[InstrumentShown, ...]:
    """Return the held versions of an instrument.

    Raises:
        NotHeldError: there is none of that id.
    """
    found = [agreement for agreement in agreements if agreement.instrument.id == name]
    if not found:
        raise NotHeldError("no such instrument is held")
    return tuple(InstrumentShown(_state(agreement, now_ms), agreement.instrument) for agreement in found)


def _state(agreement: Agreement, now_ms: int) -> InstrumentState:
    held = agreement.instrument
    suspended = contains(agreement.suspended, now_ms)
    return InstrumentState(
        id=held.id,
        version=agreement.version,
        title=held.title,
        kind=held.kind,
        parties=tuple(held.parties),
        basis=held.basis,
        in_force=contains(agreement.in_force, now_ms) and not suspended,
        suspended=suspended,
        current=contains(agreement.current, now_ms),
        note=agreement.note,
        provisions=len(held.provisions),
    )


# --- records ----------------------------------------------------------------------------------------------------------------------


def held_record(node: RunningNode, record_id: str) -> record.Record:
    """Return a held record.

    Raises:
        NotHeldError: there is none of that id, or its body was erased.
    """
    held = load_record(node.store, record_id) if _RECORD_ID(record_id) else None
    if held is None:
        raise NotHeldError("no such record is held")
    return held


def record_shown(node: RunningNode, record_id: str) -> RecordShown:
    """Return a held record and where it went.

    Raises:
        NotHeldError: there is none of that id, or its body was erased.
    """
    held = held_record(node, record_id)
    with node.store.view() as db:
        ((own, standing),) = db.execute("SELECT own, standing FROM record WHERE id = ?", (record_id,))
        released = _places(db, record_id)
        received = db.execute(
            "SELECT DISTINCT h.channel FROM record r JOIN holding h ON h.record = r.seq WHERE r.id = ? AND h.channel <> '' ORDER BY h.channel",
            (record_id,),
        )
        waiting = db.execute("SELECT DISTINCT channel FROM outbox WHERE item = ? ORDER BY channel", (record_id,))
        label = label_now(db, held)
    clear = held.clear
    return RecordShown(
        id=held.id,
        type=clear.type,
        issuer=clear.issuer,
        issued_on=clear.issued_on,
        exercise=clear.exercise,
        handling=clear.handling,
        label={grade.policy: grade.classification for grade in (clear.label if label is None else label.grades)},
        own=bool(own),
        standing=standing,
        facts=held.disclosed,
        facts_withheld=len(clear.digests) - len(held.disclosures),
        released=released,
        received_in=tuple(channel for (channel,) in received),
        waiting_for=tuple(channel for (channel,) in waiting),
    )


def _places(db: Db, record_id: str) -> tuple[Place, ...]:
    rows = db.execute(
        "SELECT l.channel, l.epoch, l.idx, l.outcome, e.header, c.epoch, c.receipted FROM leaf_out l"
        " JOIN journal_entry e ON e.seq = l.seq JOIN channel_out c ON c.channel = l.channel"
        f" WHERE l.record = {NUMBER_OF} AND l.kind IN ('record', 'instrument')"
        " ORDER BY l.channel, l.epoch, l.idx LIMIT ?",
        (record_id, MOST_PLACES),
    )
    found = []
    for channel, epoch, index, outcome, header, now_epoch, receipted in rows:
        meta = msgspec.json.decode(bytes(header))["meta"]
        said = msgspec.json.decode(meta["header"])
        found.append(
            Place(
                channel=channel,
                epoch=epoch,
                index=index,
                released_at_ms=said["released_at_ms"],
                instrument=said["instrument"],
                provision=said["provision"],
                purpose=said["purpose"],
                names=tuple(meta["names"]),
                receipted=epoch == now_epoch and index < receipted,
                outcome=outcome,
            )
        )
    return tuple(found)


class Explained(msgspec.Struct, frozen=True):
    """Why a record may or may not go to a party now, and the facts that it would show."""

    decision: Explanation
    discloses: tuple[str, ...]
    marked_now: tuple[str, ...]
    """What stands in the way whatever the agreements say: `halted`, `clock`."""


def explained(node: RunningNode, record_id: str, recipient: str, now_ms: int, language: str, purpose: str) -> Explained:
    """Return the decision on a held record in words.

    Raises:
        NotHeldError: the record is not held.
    """
    held = held_record(node, record_id)
    world = node.core.world
    releaser = world.releaser
    ruling = releaser.rule(held, recipient, now_ms, purpose=purpose)
    stops = (("halted", world.halted), ("clock", world.clock_in_doubt))
    return Explained(
        decision=explain(
            releaser.index, releaser.header(held), recipient, now_ms, language, purpose, ruled=ruling.decision
        ),
        discloses=tuple(sorted(ruling.names)),
        marked_now=tuple(word for word, on in stops if on),
    )
