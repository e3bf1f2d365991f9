"""The writer's rules: by which a reader's receipt is accepted.

A receipt is monotone, speaks of this writer's own roots, and chains to the receipt before it. Neither side can then deny what it receipted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from kizuna.errors import ForkError, RecordError
from kizuna.kernel.channel.wire import ACTS, Receipt, is_refusal, open_receipt
from kizuna.kernel.merkle import Tree

NO_RECEIPT = hashlib.sha256(b"").hexdigest()
"""What the first receipt names as the one before it."""


@dataclass(frozen=True)
class WriterState:
    """How far a channel's reader has receipted."""

    channel: str
    epoch: int
    receipted: int
    receipt_sha256: str = NO_RECEIPT


def check_receipt(state: WriterState, tree: Tree, data: bytes, public_key: bytes) -> Receipt | None:
    """Return a receipt that goes on from the last one, or None when it is an old one, or those before it are missing.

    Raises:
        RecordError: the receipt is malformed, or of another channel.
        SignatureError: the reader did not sign it.
        ForkError: it contradicts this writer's log or the reader's earlier receipts.
    """
    if hashlib.sha256(data).hexdigest() == state.receipt_sha256:
        return None
    receipt = open_receipt(data, public_key)
    if receipt.channel != state.channel:
        raise RecordError(f"receipt for `{receipt.channel}` came for `{state.channel}`")
    if receipt.epoch < state.epoch:
        return None
    if receipt.epoch > state.epoch or receipt.size > tree.size:
        raise ForkError(f"receipt of `{state.channel}` speaks of entries that were never written")
    if receipt.root != tree.root(receipt.size).hex():
        raise ForkError(f"receipt of `{state.channel}` at `{receipt.size}` names another root")
    if receipt.size < state.receipted:
        return None  # an old one: a reader restored from a backup is shown its newest receipt and goes on from there
    if receipt.previous_sha256 != state.receipt_sha256:
        return None  # one before it has not come yet: the answer shows the last one held, and the reader sends those after it
    _check_places(state, receipt)
    return receipt


def _check_places(state: WriterState, receipt: Receipt) -> None:
    refused = [item.index for item in receipt.refused]
    if receipt.size == state.receipted and not receipt.cured:
        raise RecordError("receipt says nothing new: it receipts no entry and cures none")
    places = refused + list(receipt.stubs) + [item.index for item in receipt.applied]
    if any(not state.receipted <= index < receipt.size for index in places):
        raise RecordError("receipt names an entry outside the range that it receipts")
    if any(not 0 <= index < state.receipted for index in receipt.cured):
        raise RecordError("receipt names an entry as cured that was not receipted before")
    lists = (refused, list(receipt.stubs), list(receipt.cured))
    if any(items != sorted(set(items)) for items in lists) or set(refused) & set(receipt.stubs):
        raise RecordError("receipt names entries twice or out of order")
    if not all(is_refusal(item.code) for item in receipt.refused) or any(
        item.act not in ACTS for item in receipt.applied
    ):
        raise RecordError("receipt holds a word that is not of this protocol")
