"""What a channel's reader has been told and must be told before a record goes to it: consents, relabels, and that two persons asked."""

from __future__ import annotations

from kizuna.kernel.journal import Store
from kizuna.node.channel.releasing import Releaser
from kizuna.node.held import facts
from kizuna.node.held.schema import NUMBER_OF


def opened(store: Store, releaser: Releaser, party: str, record_id: str, now_ms: int) -> frozenset[str]:
    """Return which facts of an own record's notices are opened to a party for the sake of consents."""
    held = facts.load_record(store, record_id)
    if held is None or held.clear.issuer != releaser.index.own_party:
        return frozenset()
    return releaser.ledger.opened(releaser.header(held), party, now_ms)


def untold(store: Store, releaser: Releaser, channel: str, record_id: str, consents: tuple[str, ...]) -> list[str]:
    """Return the notices that a channel must have shown before a record goes on it: its relabels, and the consents that it rests on."""
    wanted = [*releaser.ledger.relabels_of(record_id), *consents]
    return [notice for notice in wanted if not _was_told(store, channel, notice)]


def _was_told(store: Store, channel: str, notice: str) -> bool:
    rows = store.query(
        f"SELECT 1 FROM leaf_out WHERE record = {NUMBER_OF} AND channel = ? AND kind = 'notice'"
        " AND outcome NOT IN ('lost', 'stub') LIMIT 1",
        (notice, channel),
    )
    return bool(rows)


def backfilled(store: Store, channel: str, item: str) -> bool:
    """Return whether two persons asked that a record follow on a channel."""
    return bool(store.query("SELECT 1 FROM backfilled WHERE channel = ? AND item = ?", (channel, item)))
