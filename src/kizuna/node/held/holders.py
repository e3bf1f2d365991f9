"""Who has a record, as this node's channels tell it: whom it was shown, who receipted it, and whom a consent of ours lets have it through another.

Read by whoever must reach every holder at once: a compromise, a downgrade. What parties hold on paper is the register's.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel.channel import wire
from kizuna.kernel.journal import Db, Header
from kizuna.kernel.lifecycle import ConsentGranted
from kizuna.kernel.operation import Holding
from kizuna.node.held import noting
from kizuna.node.held.parsed import parse
from kizuna.node.held.schema import NUMBER_OF
from kizuna.node.held.tables import whole


def holdings(db: Db, record_id: str) -> tuple[Holding, ...]:
    """Return whom the channels show to have a record, each node once, and after them those whom consents name."""
    shown = tuple(_shown(db, record_id))
    relays = {held.party for held in shown}
    return shown + tuple(held for held in _consented(db, record_id) if held.by in relays)


def _shown(db: Db, record_id: str) -> Iterator[Holding]:
    rows = db.execute(
        "SELECT l.channel, l.epoch, l.idx, c.epoch, c.receipted, j.header FROM leaf_out l JOIN channel_out c ON c.channel = l.channel"
        f" JOIN journal_entry j ON j.seq = l.seq WHERE l.record = {NUMBER_OF}"
        " AND l.kind = 'record' AND l.outcome <> 'stub' ORDER BY l.seq",
        (record_id,),
    )
    found: dict[str, Holding] = {}
    for channel, epoch, index, newest, size, header in rows:
        own, reader = wire.ends_of(channel)
        before = found.get(reader)
        found[reader] = Holding(
            party=reader.partition("/")[0],
            node=reader,
            by=own.partition("/")[0],
            receipted=(epoch == newest and index < size) or (before is not None and before.receipted),
            since_ms=before.since_ms if before is not None else msgspec.json.decode(bytes(header), type=Header).at_ms,
        )
    yield from (found[reader] for reader in sorted(found))


def _consented(db: Db, record_id: str) -> Iterator[Holding]:
    rows = db.execute(
        # COALESCE: so that SQLite begins with the notices, which are few, and not with all that is held
        "SELECT n.record_id, b.body FROM notice n JOIN record r ON r.id = COALESCE(n.record_id, '') JOIN holding h ON h.record = r.seq"
        " JOIN journal_body b ON b.seq = h.seq"
        " WHERE n.type = ? AND b.body IS NOT NULL ORDER BY n.record_id, h.seq",
        (noting.GRANTED,),
    )
    seen = set[str]()
    for consent, body in rows:
        if consent in seen:
            continue
        seen.add(consent)
        held = whole(db, parse(bytes(body)))
        try:
            terms = noting.body_of(held)
        except RecordError:
            continue  # a payload that does not fit its type consents to nothing
        if isinstance(terms, ConsentGranted) and record_id in (terms.records or ()) and terms.recipient and terms.relay:
            yield Holding(party=terms.recipient, node="", by=terms.relay, receipted=False, since_ms=held.at_ms or 0)
