"""The receipts that this node has signed, as its journal holds them: which of them have arrived the writer says."""

from __future__ import annotations

import hashlib

import msgspec

from kizuna.kernel import sign
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.writer import NO_RECEIPT
from kizuna.kernel.journal import Store

BACKUP_DAYS_MS = 30 * 86_400_000
"""How long this node's backups may still hold what it destroyed; stated in receipts."""
MOST_RECEIPTS = 10_000
STARTING_RECEIPTS = 128
"""Receipts shown again after a start, until the writer says which it holds."""


def newest_receipts(store: Store, channel: str, epoch: int, held: int) -> list[bytes]:
    """Return the newest receipts of an epoch, oldest first: which of them have arrived is not known after a start.

    One that speaks of more than is held was given before a restore and came back from the writer, who needs it no second time.
    """
    rows = store.query(
        "SELECT b.body FROM (SELECT seq FROM receipt_out WHERE channel = ? AND epoch = ? ORDER BY seq DESC LIMIT ?) r"
        " JOIN journal_body b ON b.seq = r.seq ORDER BY r.seq DESC",
        (channel, epoch, STARTING_RECEIPTS),
    )
    return [receipt for (body,) in reversed(rows) if _size(receipt := bytes(body)) <= held]


def _size(receipt: bytes) -> int:
    return msgspec.json.decode(sign.read_envelope(receipt).payload_bytes(), type=_Size).size


class _Size(msgspec.Struct):
    size: int


def receipts_after(store: Store, channel: str, epoch: int, sha256: str) -> list[bytes] | None:
    """Return an epoch's receipts signed after the one of this digest, oldest first, or None where this node does not know that one."""
    known = store.query(
        "SELECT seq FROM receipt_out WHERE channel = ? AND sha256 = ? AND epoch = ?", (channel, sha256, epoch)
    )
    if not known and sha256 != NO_RECEIPT:
        return None
    rows = store.query(
        "SELECT b.body FROM receipt_out r JOIN journal_body b ON b.seq = r.seq WHERE r.channel = ? AND r.epoch = ? AND r.seq > ?"
        " ORDER BY r.seq DESC LIMIT ?",
        (channel, epoch, known[0][0] if known else 0, MOST_RECEIPTS),
    )
    if known and len(rows) == MOST_RECEIPTS:
        return None
    return [bytes(body) for (body,) in reversed(rows)]


def receipt_of_digest(store: Store, channel: str, sha256: str) -> bytes:
    """Return the receipt of a digest; no bytes where this node knows none, or it is that of none."""
    rows = store.query(
        "SELECT b.body FROM receipt_out r JOIN journal_body b ON b.seq = r.seq WHERE r.channel = ? AND r.sha256 = ?",
        (channel, sha256),
    )
    return bytes(rows[0][0]) if rows else b""


def receipt_since(
    store: Store, last: wire.Receipt, previous: bytes, size: int, root: bytes, at_ms: int
) -> wire.Receipt:
    """Return the receipt that goes on from `last`, whose bytes are `previous`, up to `size` entries: the journal holds what became of them.

    A message that was under way when this node was restored may have brought the writer a receipt that the restored journal does not know: the
    receipts signed since then go on from another one, and count for nothing there.
    """
    rows = store.query(
        "SELECT l.idx, l.code, l.kind, l.record_id, a.act FROM leaf_in l LEFT JOIN act a"
        " ON a.channel = l.channel AND a.epoch = l.epoch AND a.idx = l.idx WHERE l.channel = ? AND l.epoch = ? AND l.idx >= ? AND l.idx < ?"
        " ORDER BY l.idx, a.act",
        (last.channel, last.epoch, last.size, size),
    )
    refused = {index: code for index, code, _, _, _ in rows if code}
    return wire.Receipt(
        applied=tuple(
            wire.Applied(act, at_ms + BACKUP_DAYS_MS, index) for index, code, _, _, act in rows if act and not code
        ),
        at_ms=at_ms,
        channel=last.channel,
        cured=(),
        epoch=last.epoch,
        previous_sha256=hashlib.sha256(previous).hexdigest(),
        refused=tuple(wire.Refused(code, index) for index, code in refused.items()),
        root=root.hex(),
        size=size,
        stubs=tuple(index for index, code, kind, item, _ in rows if kind == "record" and not item and not code),
    )
