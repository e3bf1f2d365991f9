"""Tables of keys, and the outbox row by which what is told of them waits; `kizuna.node.held.tables` calls these for each entry of the journal."""

from __future__ import annotations

from collections.abc import Sequence

from kizuna.kernel.journal import Db, Entry


def queue(db: Db, channel: str, item: str, kind: str, lane: int, seq: int, not_before_ms: int) -> None:  # a row
    """Let an item wait on a channel; one that waits already keeps its place."""
    db.execute(
        "INSERT INTO outbox (channel, item, kind, lane, seq, not_before_ms) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (channel, item, kind) DO NOTHING",
        (channel, item, kind, lane, seq, not_before_ms),
    )


def keyset(db: Db, _seq: int, entry: Entry) -> None:
    """Note a partner's newer key set."""
    db.execute(
        "INSERT INTO keyset (node, version, envelope) VALUES (?,?,?) ON CONFLICT (node, version) DO NOTHING",
        (entry.meta["node"], entry.meta["version"], entry.body),
    )


def key_revoked(db: Db, _seq: int, entry: Entry) -> None:
    """Note from where on a partner's keys do not count; the earliest place holds."""
    meta = entry.meta
    db.execute(
        "INSERT INTO revoked_key (node, version, epoch, idx) VALUES (?,?,?,?) ON CONFLICT (node, version) DO UPDATE SET"
        " epoch = excluded.epoch, idx = excluded.idx WHERE excluded.epoch < revoked_key.epoch"
        " OR (excluded.epoch = revoked_key.epoch AND excluded.idx < revoked_key.idx)",
        (meta["node"], meta["version"], meta["epoch"], meta["index"]),
    )


def own_key(db: Db, seq: int, entry: Entry) -> None:
    """Our own key set or revocation: due on the channels that it names as soon as it is journalled."""
    for channel in entry.meta["channels"]:
        queue(db, channel, str(seq), "keys", 0, seq, 0)  # it waits for no hour: the clock may have been wrong
    if entry.kind == "own-keyset":
        db.execute("INSERT INTO own_key (seq, version) VALUES (?,?)", (seq, entry.meta["version"]))


def told(db: Db, place: tuple[str, int, int], said: Sequence[Sequence[int]]) -> None:
    """Note that an entry at (channel, epoch, index) told its reader of own keys: `[version, revoked, known]` of each."""
    for version, revoked, known in said:
        db.execute(
            "INSERT INTO told_key (channel, epoch, idx, version, revoked, known) VALUES (?,?,?,?,?,?)"
            " ON CONFLICT (channel, epoch, idx) DO NOTHING",
            (*place, version, revoked, known),
        )
