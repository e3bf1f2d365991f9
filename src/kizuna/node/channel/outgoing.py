"""The writer's half of a channel: its state, what its entries say, and where records were shown.

What is due is decided and appended in `kizuna.node.channel.sequencing`, what is served again decided anew in `kizuna.node.channel.again`; this
module answers from the log as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kizuna.errors import ChannelError, JournalCorruptError, RecordError
from kizuna.kernel import canonical, keys, note, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import origin
from kizuna.kernel.channel.writer import WriterState
from kizuna.kernel.journal import Entry, Store
from kizuna.kernel.merkle import Tree
from kizuna.node.held.facts import Identity
from kizuna.node.held.schema import NUMBER_OF
from kizuna.node.held.tables import MOST_SHOWINGS, SHOWINGS, STUB_LANE

SET_BACK_MS = 600_000
"""How far the clock may be set back between two entries; beyond that the last one's time was the wrong one."""
WITHDRAWN = ("destroy", "recall", "retract", "superseded")
"""Standings of a record that is released no more."""


@dataclass
class OutState:
    """A channel as its writer holds it in memory; the journal holds the same."""

    channel: str
    node: str
    epoch: int
    tree: Tree
    note: bytes
    receipted: int
    receipt: bytes
    receipt_sha256: str
    stopped: str
    released_at_ms: int = 0
    said: tuple[int, int] = (0, 0)
    """What the last entry says: when it was released, and up to which epoch and size the reverse channel was receipted."""
    bodies: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    """Header and body of what was sequenced in the step under way, by index: decided a moment ago, they are served without asking again."""
    bare: set[int] = field(default_factory=set)
    """Entries last served without the body that was denied by then, and of which no receipt has said so yet."""
    denied: dict[str, int] = field(default_factory=dict)
    """Outbox items that a decision denied, and until when not to ask again."""

    def writer_state(self) -> WriterState:
        """Return what judging a receipt needs."""
        return WriterState(self.channel, self.epoch, self.receipted, self.receipt_sha256)

    def stamp(self, now_ms: int) -> int:
        """Return when the next entry is released: not before the last one, though the clock was set back a little meanwhile."""
        ahead_ms = self.released_at_ms - now_ms
        self.released_at_ms = now_ms + ahead_ms if 0 < ahead_ms <= SET_BACK_MS else now_ms
        return self.released_at_ms

    def receipting(self, held: tuple[int, int]) -> tuple[int, int]:
        """Return how far the reverse channel is receipted: never less than an entry has said, though a restore has set us back."""
        self.said = max(self.said, held)
        return self.said


def load(store: Store, channel: str) -> OutState:
    """Return the writer's state of a channel from the store.

    Raises:
        ChannelError: there is no such channel.
        JournalCorruptError: its log is not the one that was signed; more must not be signed over it.
    """
    rows = store.query(
        "SELECT node, epoch, note, receipted, receipt, receipt_sha256, stopped, size, root FROM channel_out WHERE channel = ?",
        (channel,),
    )
    if not rows:
        raise ChannelError(f"there is no channel `{channel}`: enrol the partner first")
    node, epoch, signed, receipted, receipt, receipt_sha256, stopped, size, root = rows[0]
    tree = Tree(tiles=_tiles(store, channel, epoch), read=leaves(store, channel, epoch))
    tree.catch_up()
    if size > tree.size or (size and tree.root(size).hex() != root):
        raise JournalCorruptError(
            f"the log of `{channel}` as stored is not the one signed over `{size}` entries: verify the journal, then rebuild its tables"
        )
    last = wire.decode_header(header_at(store, channel, epoch, tree.size - 1)[0]) if tree.size else None
    return OutState(
        channel=channel,
        node=node,
        epoch=epoch,
        tree=tree,
        note=bytes(signed or b""),
        receipted=receipted,
        receipt=bytes(receipt or b""),
        receipt_sha256=receipt_sha256,
        stopped=stopped,
        released_at_ms=last.released_at_ms if last else 0,
        said=(last.receipted_epoch, last.receipted) if last else (0, 0),
    )


def leaves(store: Store, channel: str, epoch: int, *, table: str = "leaf_out") -> Callable[[int, int], list[bytes]]:
    """Return what reads the leaf hashes [start, end) of an epoch again, as far as they are written."""

    def read(start: int, end: int) -> list[bytes]:
        rows = store.query(
            f"SELECT leaf FROM {table} WHERE channel = ? AND epoch = ? AND idx >= ? AND idx < ? ORDER BY idx",
            (channel, epoch, start, end),
        )
        return [bytes(leaf) for (leaf,) in rows]

    return read


def _tiles(store: Store, channel: str, epoch: int) -> list[bytes]:
    """Return the roots of the tiles that an epoch has filled, from the first on."""
    rows = store.query(
        "SELECT number, root FROM leaf_tile WHERE channel = ? AND epoch = ? ORDER BY number", (channel, epoch)
    )
    return [bytes(root) for place, (number, root) in enumerate(rows) if number == place]


def released_entry(
    header: bytes,
    now_ms: int,
    item: str,
    names: tuple[str, ...],
    acts: list[list[str]],
    body: bytes | None = None,
    *,
    queued: str = "",
    keys_said: list[list[int]] | None = None,
) -> Entry:
    """Return the journal entry of one appended leaf; a body is kept where it stands nowhere else.

    `queued` is the kind of the outbox row that it settles, where that is another than the entry's own.
    """
    meta: dict[str, Any] = {"acts": acts, "header": header.decode(), "item": item, "names": list(names)}
    if queued:
        meta["queued"] = queued
    if keys_said:
        meta["keys"] = keys_said
    return Entry(kind="released", at_ms=now_ms, meta=meta, body=body)


def checkpoint_note(identities: Iterable[Identity], channel: str, epoch: int, tree: Tree) -> bytes:
    """Return this node's checkpoint over a channel's log as it is now, signed with the keys of each identity."""
    checkpoint = note.Checkpoint(origin(channel, epoch), tree.size, tree.root())
    first, *more = (note.sign_checkpoint(checkpoint, each.keys[sign.Purpose.CHECKPOINT]) for each in identities)
    return note.Note(first.text, (*first.signatures, *(each.signatures[0] for each in more))).to_bytes()


class _Version(msgspec.Struct):
    version: int


def keys_said(body: bytes, *, known: bool) -> list[list[int]]:
    """Return, of the body of a `keys` entry of our own, `[[version, 1 where it revokes that, 1 where the reader surely holds it]]`."""
    envelope = sign.read_envelope(body)
    version = msgspec.json.decode(envelope.payload_bytes(), type=_Version).version
    return [[version, int(keys.is_revocation(envelope)), int(known)]]


class _ActBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    act: str
    record: str
    targets: tuple[tuple[int, int], ...]


def act_body(act: str, record_id: str, targets: tuple[tuple[int, int], ...]) -> bytes:
    """Return the body of an act entry: what to do with the record shown at these (epoch, index) places of this channel."""
    return canonical.encode(_ActBody(act, record_id, targets))


def acts_of(body: bytes) -> tuple[tuple[str, str, tuple[tuple[int, int], ...]], ...]:
    """Return act, record id and places of an act entry's body.

    Raises:
        RecordError: the body is malformed, or its act is unknown.
    """
    said = canonical.decode(body, type=_ActBody)
    if said.act not in wire.ACTS or not said.targets:
        raise RecordError(f"act `{said.act[:20]}` is not one of `{'`, `'.join(wire.ACTS)}`, or it has no target")
    return ((said.act, said.record, said.targets),)


def lost_again(store: Store, state: OutState, now_ms: int) -> list[Entry]:
    """Return the entry that queues again what was served without its body although a receipt says that the reader holds it; usually none.

    A reader that was restored lost it, and has no word for that: its receipts go on from the one that it had given before. It is decided anew.
    """
    lost = [index for index in sorted(state.bare) if index < state.receipted]
    state.bare.difference_update(lost)
    rows: list[list[str | int]] = []
    for index in lost:
        rows += [
            [state.channel, item, "record", STUB_LANE, now_ms]
            for (item,) in store.query(
                "SELECT l.record_id FROM leaf_out l WHERE l.channel = ? AND l.epoch = ? AND l.idx = ? AND l.kind = 'record' AND l.outcome = ''"
                f" AND l.record_id <> '' AND {SHOWINGS} < {MOST_SHOWINGS}",
                (state.channel, state.epoch, index),
            )
        ]
    return [Entry(kind="queued", at_ms=now_ms, meta={"bare": True, "rows": rows})] if rows else []


def retraction(store: Store, channel: str, record_id: str) -> bytes:
    """Return the body that retracts a record at every place where a channel showed it; empty where it never did."""
    places = holders(store, record_id).get(channel)
    return act_body("retract", record_id, tuple(places)) if places else b""


def holders(store: Store, record_id: str) -> dict[str, list[tuple[int, int]]]:
    """Return the (epoch, index) places at which each channel has shown a record, by channel."""
    found: dict[str, list[tuple[int, int]]] = {}
    for channel, epoch, index in store.query(
        f"SELECT channel, epoch, idx FROM leaf_out WHERE record = {NUMBER_OF} AND kind = 'record'"
        " ORDER BY channel, epoch, idx",
        (record_id,),
    ):
        found.setdefault(channel, []).append((epoch, index))
    return found


def stands(store: Store, record_id: str) -> bool:
    """Return whether a record may still be handed over: it was neither retracted nor recalled nor destroyed."""
    rows = store.query("SELECT standing FROM record WHERE id = ?", (record_id,))
    return bool(rows) and rows[0][0] not in WITHDRAWN


def header_at(store: Store, channel: str, epoch: int, index: int) -> tuple[bytes, frozenset[str], str]:
    """Return the header bytes of an entry written, the names that it disclosed, and the item that it carried."""
    rows = store.query(
        "SELECT e.header FROM leaf_out l JOIN journal_entry e ON e.seq = l.seq WHERE l.channel = ? AND l.epoch = ? AND l.idx = ?",
        (channel, epoch, index),
    )
    if not rows:
        raise RecordError(f"there is no entry `{index}`")
    meta = msgspec.json.decode(bytes(rows[0][0]))["meta"]
    return meta["header"].encode(), frozenset(meta["names"]), meta["item"]
