"""The receipts that this node has signed, as its journal holds them: which of them have arrived the writer says."""

from __future__ import annotations

from kizuna.kernel.channel.writer import NO_RECEIPT
from kizuna.kernel.journal import Store

MOST_RECEIPTS = 10_000
STARTING_RECEIPTS = 128
"""Receipts shown again after a start, until the writer says which it holds."""


def newest_receipts(store: Store, channel: str, epoch: int) -> list[bytes]:
    """Return the newest receipts of an epoch, oldest first: which of them have arrived is not known after a start."""
    rows = store.query(
        "SELECT b.body FROM receipt_out r JOIN journal_body b ON b.seq = r.seq WHERE r.channel = ? AND r.epoch = ? ORDER BY r.seq DESC LIMIT ?",
        (channel, epoch, STARTING_RECEIPTS),
    )
    return [bytes(body) for (body,) in rows][::-1]


def receipts_after(store: Store, channel: str, epoch: int, sha256: str) -> list[bytes] | None:
    """Return an epoch's receipts signed after the one of this digest, oldest first, or None where this node does not know that one."""
    rows = store.query(
        "SELECT r.sha256, b.body FROM receipt_out r JOIN journal_body b ON b.seq = r.seq WHERE r.channel = ? AND r.epoch = ?"
        " ORDER BY r.seq DESC LIMIT ?",
        (channel, epoch, MOST_RECEIPTS),
    )
    later: list[bytes] = []
    for digest, body in rows:
        if digest == sha256:
            return later[::-1]
        later.append(bytes(body))
    return later[::-1] if sha256 == NO_RECEIPT else None
