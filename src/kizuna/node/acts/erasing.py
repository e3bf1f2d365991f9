"""Erasing what a destruction calls for: every body of a record, and each blob that no other record names, by journalled acts.

The order is what makes it safe to lose power anywhere: the blobs are named in the journal first, for once the bodies are gone nobody could say which
they were; then the bodies go, then the files. What was left undone is found when the node starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kizuna.kernel.journal import Db, Entry
from kizuna.node import effects as fx
from kizuna.node.channel.world import World
from kizuna.node.effects import Effect
from kizuna.node.held import facts
from kizuna.node.held.parsed import forget

_ALIVE = "EXISTS (SELECT 1 FROM blob_use u WHERE u.sha256 = {0} AND u.record_id <> ?)"


def erase(world: World, record_id: str, reason: str, now_ms: int, channel: str = "") -> list[Effect]:
    """Return the effects that erase a record's bodies, those in a channel's quarantine too, and its own blobs; headers and chain stay."""
    blobs = world.store.query(
        f"SELECT sha256 FROM blob_use b WHERE record_id = ? AND NOT {_ALIVE.format('b.sha256')} ORDER BY sha256",
        (record_id, record_id),
    )
    if not blobs:
        return _bodies(world, record_id, reason, now_ms, channel)
    world.blobs.erasing.update(sha256 for (sha256,) in blobs)
    entries = [
        Entry(kind="blob-erased", at_ms=now_ms, meta={"item": record_id, "reason": reason, "sha256": sha256})
        for (sha256,) in blobs
    ]

    def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
        return [*_bodies(world, record_id, reason, later_ms, channel), *_files(world, record_id)]

    return [world.commit(entries, then, lambda _error: [])]  # what is not done now is done at the next start


def _bodies(world: World, record_id: str, reason: str, now_ms: int, channel: str) -> list[Effect]:
    rows = world.store.query(
        "SELECT h.seq FROM record r JOIN holding h ON h.record = r.seq JOIN journal_body b ON b.seq = h.seq WHERE r.id = ? AND b.body IS NOT NULL"
        " UNION SELECT l.seq FROM leaf_in l JOIN journal_body b ON b.seq = l.seq"
        " WHERE l.record_id = ? AND l.channel = ? AND l.code <> '' AND b.body IS NOT NULL ORDER BY 1",
        (record_id, record_id, channel),
    )
    for (seq,) in rows:
        forget(facts.body_at(world.store, seq) or b"")
    return [
        fx.Erase(seq, Entry(kind="erased", at_ms=now_ms, meta={"reason": reason, "target": seq})) for (seq,) in rows
    ]


def _files(world: World, record_id: str) -> list[Effect]:
    """Return what deletes the blobs that the journal says are erased and that no record but this one names: another may have come meanwhile."""
    rows = world.store.query(
        f"SELECT sha256 FROM blob_erased e WHERE NOT {_ALIVE.format('e.sha256')} ORDER BY sha256", (record_id,)
    )
    return [fx.EraseBlob(sha256) for (sha256,) in rows if world.blobs.present(sha256)]


def unfinished(world: World, now_ms: int) -> list[Effect]:
    """Return the erasures that a destruction or an end of positions calls for and that are not done.

    The power may have gone in between, or a record came after its destruction.
    """
    rows = world.store.query(
        # COALESCE: so that SQLite begins with the acts, which are few, and not with all that is held
        "SELECT DISTINCT r.id FROM act a JOIN record r ON r.id = COALESCE(a.record_id, '') JOIN holding h ON h.record = r.seq"
        " WHERE a.act = 'destroy' AND r.standing = 'destroy' ORDER BY r.id"
    )
    ended = world.store.query(
        "SELECT DISTINCT e.record_id FROM positions_ended e JOIN record r ON r.id = e.record_id"
        " JOIN holding h ON h.record = r.seq AND h.seq < e.seq ORDER BY 1"
    )
    left = [(item, "destroyed") for (item,) in rows] + [(item, "its time has passed") for (item,) in ended]
    return [effect for item, reason in left for effect in erase(world, item, reason, now_ms)] + _files(world, "")


@dataclass(frozen=True)
class BlobAudit:
    """What an audit of the blobs finds: how many records name and are held, the journal entry that erased each erased one, and which are missing."""

    held: int
    erased: dict[str, int]
    missing: tuple[str, ...]


def audit(db: Db, present: Callable[[str], bool]) -> BlobAudit:
    """Return which blobs are held, erased by a journalled act, or missing: named by a record and gone without one."""
    named = [sha256 for (sha256,) in db.execute("SELECT DISTINCT sha256 FROM blob_use ORDER BY sha256")]
    gone = db.execute(
        "SELECT sha256, seq FROM blob_erased e WHERE NOT EXISTS (SELECT 1 FROM blob_use u WHERE u.sha256 = e.sha256) ORDER BY sha256"
    )
    missing = tuple(sha256 for sha256 in named if not present(sha256))
    return BlobAudit(len(named) - len(missing), {sha256: seq for sha256, seq in gone if not present(sha256)}, missing)
