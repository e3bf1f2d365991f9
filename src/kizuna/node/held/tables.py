"""The node's own projections: records held, outbox, channels and partners, as rows rebuilt from the journal.

Each journal entry kind has one function below. They never refuse and, like every projection, can be thrown away and rebuilt. What domains
project is put together with them in `kizuna.node.held.filling`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from kizuna.errors import RecordError
from kizuna.kernel import record
from kizuna.kernel.channel.wire import CURABLE
from kizuna.kernel.journal import Db, Entry
from kizuna.kernel.merkle import TILE_LEAVES, Tree, leaf_hash
from kizuna.kernel.record import Record
from kizuna.node.held import keytables
from kizuna.node.held.keytables import queue
from kizuna.node.held.noting import RELABELLED, STANDINGS, stand
from kizuna.node.held.parsed import header_of, parse
from kizuna.node.held.schema import NUMBER_OF

STUB_LANE = 2  # of what is shown again because its body was not handed over
SHOWINGS = "(SELECT COUNT(*) FROM leaf_out m WHERE m.channel = l.channel AND m.record = l.record AND m.record_id = l.record_id)"
"""In a query how often the channel of a leaf `l` has shown its record."""
MOST_SHOWINGS = 4


class Held(NamedTuple):
    """A record that an entry brought: its number, whether nothing of it was known before, and the notices that relabel it."""

    record: Record
    number: int
    new: bool
    relabels: tuple[str, ...]


def number_of(db: Db, record_id: str) -> int | None:
    """Return a record's number, the entry that first brought it, or None where it was never held."""
    rows = db.execute("SELECT seq FROM record WHERE id = ?", (record_id,))
    return int(rows[0][0]) if rows else None


def whole(db: Db, held: Record) -> Record:
    """Return a record with the disclosures of every holding of it: a second release may disclose more.

    An author may have committed to one name twice; what was opened first counts, whatever a second holding shows.
    """
    rows = db.execute(
        "SELECT b.body FROM record r JOIN holding h ON h.record = r.seq JOIN journal_body b ON b.seq = h.seq WHERE r.id = ? AND b.body IS NOT NULL"
        " ORDER BY h.seq",
        (held.id,),
    )
    found: Record | None = None
    for (body,) in rows:
        other = parse(bytes(body))
        with suppress(RecordError):
            found = other if found is None else record.merge(found, other)
    return held if found is None else found


# --- one function a kind of entry -------------------------------------------------------------------------------------------------


def _is_originators(channel: str, issuer: str) -> bool:
    """Return whether an act said on a channel, empty for our own, is the record's originator's: what others say of it counts for nothing."""
    return not channel or channel == f"signed/{issuer}" or channel.startswith(f"kizuna/{issuer}/")


class _Known(NamedTuple):
    """What was noted of a record before: its number, 0 where it was not, its standing, what relabels it, and whether a leaf showed it before."""

    number: int = 0
    standing: str = ""
    relabels: tuple[str, ...] = ()
    shown: bool = False


def _known(db: Db, record_id: str, issuer: str) -> _Known:
    """Return what was noted of a record before: asked at once, for speed."""
    rows = db.execute(
        "SELECT 'record', '', seq FROM record WHERE id = ? UNION ALL SELECT 'act', channel, strength FROM act WHERE record_id = ?"
        " UNION ALL SELECT 'notice', record_id, 0 FROM notice WHERE target = ? AND type = ?"
        " UNION ALL SELECT 'leaf', '', 0 FROM leaf_out WHERE record = 0 AND record_id = ?",
        (record_id, record_id, record_id, RELABELLED, record_id),
    )
    if not rows:  # so it is of most
        return _Known()
    number = next((seq for row, _, seq in rows if row == "record"), 0)
    acts = (strength for row, channel, strength in rows if row == "act" and _is_originators(channel, issuer))
    relabels = tuple(notice for row, notice, _ in rows if row == "notice")
    return _Known(number, STANDINGS[max(acts, default=0)], relabels, any(row == "leaf" for row, _, _ in rows))


def _hold(db: Db, held: Record, seq: int, place: tuple[str, int, int], *, own: bool) -> Held:
    """Note a record as held by an entry, which brought it from `(channel, epoch, index)`."""
    clear = held.clear
    known = _known(db, held.id, clear.issuer)
    number = known.number or seq
    db.execute("INSERT INTO holding (seq, record, channel, epoch, idx) VALUES (?,?,?,?,?)", (seq, number, *place))
    db.execute(
        "INSERT INTO record (id, type, issuer, subject, at_ms, exercise, own, seq, standing) VALUES (?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (id) DO UPDATE SET at_ms = CASE WHEN record.at_ms = 0 THEN excluded.at_ms ELSE record.at_ms END,"
        " subject = CASE WHEN record.subject = '' THEN excluded.subject ELSE record.subject END",
        (
            held.id,
            clear.type,
            clear.issuer,
            held.text("subject"),
            held.at_ms or 0,
            int(clear.exercise),
            int(own),
            seq,
            known.standing,
        ),
    )
    _place(db, held.id, number, known)
    return Held(held, number, not known.number, known.relabels)


def _place(db: Db, record_id: str, number: int, known: _Known) -> None:
    """Say to the leaves that showed a record before it was held, as after a restore, what its number is."""
    if known.shown:
        db.execute("UPDATE leaf_out SET record = ? WHERE record = 0 AND record_id = ?", (number, record_id))


def _note_erased(db: Db, record_id: str, type_: str, issuer: str, seq: int, *, own: bool) -> None:
    """Note a record whose body an erasure has taken since: that it was held stays known, what it said does not."""
    known = _known(db, record_id, issuer)
    db.execute(
        "INSERT INTO record (id, type, issuer, subject, at_ms, exercise, own, seq, standing)"
        " VALUES (?,?,?,'',0,0,?,?,?) ON CONFLICT (id) DO NOTHING",
        (record_id, type_, issuer, int(own), seq, known.standing),
    )
    _place(db, record_id, known.number or seq, known)


def _record(db: Db, seq: int, entry: Entry) -> None:
    meta = entry.meta
    for channel, kind, lane, not_before_ms in meta["due"]:
        queue(db, channel, meta["item"], kind, lane, seq, not_before_ms)
    _count_withheld(db, meta["clear"][0], meta["clear"][2], meta["held"])


def hold(db: Db, seq: int, entry: Entry) -> Held | None:
    """Note the record that an entry brings as held; return it with every disclosure of every holding, or None where nothing is held by it."""
    hold_it = {"record": _hold_own, "received": _hold_received}.get(entry.kind)
    return None if hold_it is None else hold_it(db, seq, entry)


def _hold_own(db: Db, seq: int, entry: Entry) -> Held | None:
    if entry.body is None:
        type_, issuer, _ = entry.meta["clear"]
        _note_erased(db, entry.meta["item"], type_, issuer, seq, own=True)
        return None
    return _hold(db, parse(entry.body), seq, ("", 0, 0), own=True)


def clear_meta(held: Record) -> list[str]:
    """Return what a record's journal entry says of it in the header, which outlives the body: type, issuer, grades."""
    grade = ",".join(f"{grade.policy}:{grade.classification}" for grade in held.clear.label)
    return [held.clear.type, held.clear.issuer, grade]


def erased(db: Db, target: int) -> list[tuple[int, str]]:
    """Take out what the body of an entry put into the tables; return number and id of the records of which nothing is held any more."""
    rows = db.execute("SELECT r.seq, r.id FROM holding h JOIN record r ON r.seq = h.record WHERE h.seq = ?", (target,))
    db.execute("DELETE FROM holding WHERE seq = ?", (target,))
    gone = [
        (number, record_id)
        for number, record_id in rows
        if not db.execute("SELECT seq FROM holding WHERE record = ? LIMIT 1", (number,))
    ]
    for number, _ in gone:
        db.execute("UPDATE record SET subject = '', at_ms = 0, exercise = 0 WHERE seq = ?", (number,))
    return gone


def _count_withheld(db: Db, type_: str, grade: str, rows: list[list[Any]]) -> None:
    for party, reason, count in rows:
        db.execute(
            "INSERT INTO withheld (party, type, grade, reason, count) VALUES (?,?,?,?,?)"
            " ON CONFLICT (party, type, grade, reason) DO UPDATE SET count = withheld.count + excluded.count",
            (party, type_, grade, reason, count),
        )


def _queued(db: Db, seq: int, entry: Entry) -> None:
    meta = entry.meta
    for channel, item, kind, lane, not_before_ms in meta["rows"]:
        queue(db, channel, item, kind, lane, seq, not_before_ms)
        if meta.get("bare"):  # it was shown, and is not held any more
            bare = f"UPDATE leaf_out SET outcome = 'stub' WHERE record = {NUMBER_OF} AND channel = ? AND kind = 'record' AND outcome = ''"
            db.execute(bare, (item, channel))


def _released(db: Db, seq: int, entry: Entry) -> None:
    meta = entry.meta
    header = header_of(meta["header"])
    channel, item = header.channel, meta["item"]
    if not item and header.kind in {"act", "keys"} and entry.body is not None:
        item = str(seq)  # taken back after a restore: the word itself lies here, and nowhere else
    db.execute(
        "INSERT INTO leaf_out (channel, epoch, idx, leaf, seq, kind, record_id, type, record, outcome)"
        f" VALUES (?,?,?,?,?,?,?,?,COALESCE({NUMBER_OF}, 0),'') ON CONFLICT (channel, epoch, idx) DO NOTHING",
        (
            channel,
            header.epoch,
            header.index,
            leaf_hash(meta["header"].encode()),
            seq,
            header.kind,
            item,
            header.type,
            item,
        ),
    )
    if (header.index + 1) % TILE_LEAVES == 0:
        _tile(db, channel, header.epoch, header.index // TILE_LEAVES)
    db.execute(
        "DELETE FROM outbox WHERE channel = ? AND item = ? AND kind = ?",
        (channel, item, meta.get("queued", header.kind)),
    )
    if header.kind == "epoch":
        _lose(db, channel)
    keytables.told(db, (channel, header.epoch, header.index), meta.get("keys", ()))
    for act, record_id in meta.get("acts", ()):
        db.execute(
            "INSERT INTO act (record_id, channel, epoch, idx, act, strength, confirmed_at_ms, backups_pending_until_ms)"
            " VALUES (?,?,?,?,?,?,0,0) ON CONFLICT (record_id, channel, act) DO NOTHING",
            (record_id, channel, header.epoch, header.index, act, STANDINGS.index(act)),
        )


def _tile(db: Db, channel: str, epoch: int, number: int) -> None:
    """Keep the root of a tile that was just filled: a start then need not read its leaves."""
    rows = db.execute(
        "SELECT leaf FROM leaf_out WHERE channel = ? AND epoch = ? AND idx >= ? AND idx < ? ORDER BY idx",
        (channel, epoch, number * TILE_LEAVES, (number + 1) * TILE_LEAVES),
    )
    if len(rows) == TILE_LEAVES:
        db.execute(
            "INSERT INTO leaf_tile (channel, epoch, number, root) VALUES (?,?,?,?) ON CONFLICT (channel, epoch, number) DO NOTHING",
            (channel, epoch, number, Tree(bytes(leaf) for (leaf,) in rows).root()),
        )


def _lose(db: Db, channel: str) -> None:
    """Queue again what a log that is being closed held beyond its last receipt: whether the reader has it nobody here knows."""
    unreceipted = (
        "channel = ? AND outcome = '' AND record_id <> '' AND kind IN ('act', 'instrument', 'keys', 'notice', 'record')"
        " AND EXISTS (SELECT 1 FROM channel_out c"
        " WHERE c.channel = leaf_out.channel AND c.epoch = leaf_out.epoch AND leaf_out.idx >= c.receipted)"
    )
    db.execute(
        "INSERT INTO outbox (channel, item, kind, lane, seq, not_before_ms)"
        f" SELECT channel, record_id, kind, 0, MIN(seq), 0 FROM leaf_out WHERE {unreceipted} GROUP BY channel, record_id, kind"
        " ON CONFLICT (channel, item, kind) DO NOTHING",
        (channel,),
    )
    db.execute(f"UPDATE leaf_out SET outcome = 'lost' WHERE {unreceipted}", (channel,))


def _checkpoint(db: Db, _seq: int, entry: Entry) -> None:
    meta = entry.meta
    db.execute(
        "UPDATE channel_out SET size = ?, root = ?, note = ?,"
        " receipted = CASE WHEN epoch = ? THEN receipted ELSE 0 END,"
        " receipt_sha256 = CASE WHEN epoch = ? THEN receipt_sha256 ELSE ? END, epoch = ? WHERE channel = ?",
        (
            meta["size"],
            meta["root"],
            entry.body,
            meta["epoch"],
            meta["epoch"],
            meta["no_receipt"],
            meta["epoch"],
            meta["channel"],
        ),
    )


def _receipt_in(db: Db, _seq: int, entry: Entry) -> None:
    meta = entry.meta
    channel, epoch = meta["channel"], meta["epoch"]
    db.execute(
        "UPDATE channel_out SET receipted = ?, receipt = ?, receipt_sha256 = ?, receipted_at_ms = ? WHERE channel = ?",
        (meta["size"], entry.body, meta["sha256"], entry.at_ms, channel),
    )
    for index, code in meta["refused"]:
        db.execute(
            "UPDATE leaf_out SET outcome = ? WHERE channel = ? AND epoch = ? AND idx = ?", (code, channel, epoch, index)
        )
    for index in meta["stubs"]:
        db.execute(
            "UPDATE leaf_out SET outcome = 'stub' WHERE channel = ? AND epoch = ? AND idx = ?", (channel, epoch, index)
        )
        # Its body was not handed over: it waits again, and is decided anew. A reader that says so of everything is not served for ever.
        db.execute(
            "INSERT INTO outbox (channel, item, kind, lane, seq, not_before_ms)"
            f" SELECT l.channel, l.record_id, l.kind, {STUB_LANE}, l.seq, CAST(? AS BIGINT) FROM leaf_out l WHERE l.channel = ? AND l.epoch = ?"
            f" AND l.idx = ? AND l.kind = 'record' AND {SHOWINGS} < {MOST_SHOWINGS} ON CONFLICT (channel, item, kind) DO NOTHING",
            (entry.at_ms, channel, epoch, index),
        )
    for index in meta["cured"]:
        db.execute(
            "UPDATE leaf_out SET outcome = '' WHERE channel = ? AND epoch = ? AND idx = ?", (channel, epoch, index)
        )
    for index, act, pending_ms in meta["applied"]:
        db.execute(
            "UPDATE act SET confirmed_at_ms = ?, backups_pending_until_ms = ? WHERE channel = ? AND epoch = ? AND idx = ? AND act = ?",
            (entry.at_ms, pending_ms, channel, epoch, index, act),
        )


def _received(db: Db, seq: int, entry: Entry) -> None:
    meta = entry.meta
    header, code = header_of(meta["header"]), meta["code"]
    channel, epoch, index = header.channel, header.epoch, header.index
    record_id = meta["item"]
    db.execute(
        "INSERT INTO leaf_in (channel, epoch, idx, leaf, seq, kind, record_id, type, code) VALUES (?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (channel, epoch, idx) DO UPDATE SET code = excluded.code, record_id = excluded.record_id, seq = excluded.seq",
        (channel, epoch, index, leaf_hash(meta["header"].encode()), seq, header.kind, record_id, header.type, code),
    )
    size = header.body_size  # not the body's: it may have been erased since
    if code in CURABLE and not meta["again"]:
        db.execute("UPDATE channel_in SET quarantined = quarantined + ? WHERE channel = ?", (size, channel))
    elif not code and meta["again"]:
        db.execute("UPDATE channel_in SET quarantined = quarantined - ? WHERE channel = ?", (size, channel))
    for act, target in meta["acts"]:
        stand(db, channel, epoch, index, act, target)


def _hold_received(db: Db, seq: int, entry: Entry) -> Held | None:
    meta = entry.meta
    if meta["code"] or meta["stub"] or meta["kind"] not in {"record", "instrument", "notice"}:
        return None
    header = header_of(meta["header"])
    if entry.body is None:
        _note_erased(db, meta["item"], header.type, meta.get("issuer") or header.channel.split("/")[1], seq, own=False)
        return None
    held = _hold(db, parse(entry.body), seq, (header.channel, header.epoch, header.index), own=False)
    return held if held.new else held._replace(record=whole(db, held.record))


def _acted(db: Db, _seq: int, entry: Entry) -> None:
    """An act of our own: the record is released no more."""
    stand(db, "", 0, 0, entry.meta["act"], entry.meta["item"])
    db.execute("DELETE FROM outbox WHERE item = ? AND kind = 'record'", (entry.meta["item"],))


def _act_body(db: Db, seq: int, entry: Entry) -> None:
    """What a holder is to be told is due as soon as it is journalled: a crash in between loses no retraction."""
    queue(db, entry.meta["channel"], str(seq), "act", 0, seq, 0)


def _progress_in(db: Db, _seq: int, entry: Entry) -> None:
    meta = entry.meta
    db.execute(
        "UPDATE channel_in SET epoch = ?, size = ?, root = ?, frontier = ?, seen_size = ?, seen_root = ?, note = ?, released_at_ms = ?,"
        " receipted_epoch = ?, receipted = ?, lead = ? WHERE channel = ?",
        (
            meta["epoch"],
            meta["size"],
            meta["root"],
            bytes.fromhex(meta["frontier"]),
            meta["seen_size"],
            meta["seen_root"],
            entry.body,
            meta["released_at_ms"],
            meta["receipted_epoch"],
            meta["receipted"],
            " ".join(meta.get("lead", ())),  # older entries do not say it
            meta["channel"],
        ),
    )


def _receipt_out(db: Db, seq: int, entry: Entry) -> None:
    db.execute(
        "INSERT INTO receipt_out (channel, epoch, sha256, seq) VALUES (?,?,?,?) ON CONFLICT (channel, sha256) DO NOTHING",
        (entry.meta["channel"], entry.meta["epoch"], entry.meta["sha256"], seq),
    )
    db.execute(
        "UPDATE channel_in SET receipt = ?, receipt_sha256 = ? WHERE channel = ?",
        (entry.body, entry.meta["sha256"], entry.meta["channel"]),
    )


def _partner(db: Db, _seq: int, entry: Entry) -> None:
    meta = entry.meta
    db.execute(
        "INSERT INTO partner (node, party, card, version, enrolled_at_ms, removed_at_ms, own_version) VALUES (?,?,?,?,?,0,?)"
        " ON CONFLICT (node) DO UPDATE SET card = excluded.card, version = excluded.version, own_version ="
        " CASE WHEN partner.removed_at_ms = 0 THEN partner.own_version ELSE excluded.own_version END, removed_at_ms = 0",
        (meta["node"], meta["party"], entry.body, meta["version"], entry.at_ms, meta.get("own_version", 0)),
    )
    db.execute(
        "INSERT INTO channel_out (channel, node, epoch, size, root, note, receipted, receipt, receipt_sha256, receipted_at_ms, stopped)"
        " VALUES (?,?,0,0,?,NULL,0,NULL,?,0,'') ON CONFLICT (channel) DO NOTHING",
        (meta["channel_out"], meta["node"], meta["empty_root"], meta["no_receipt"]),
    )
    db.execute(
        "INSERT INTO channel_in (channel, node, epoch, size, root, frontier, seen_size, seen_root, note, receipt, receipt_sha256,"
        " released_at_ms, receipted_epoch, receipted, quarantined, stopped, lead)"
        " VALUES (?,?,0,0,?,?,0,?,NULL,NULL,?,0,0,0,0,'','')"
        " ON CONFLICT (channel) DO NOTHING",
        (
            meta["channel_in"],
            meta["node"],
            meta["empty_root"],
            bytes.fromhex(meta["frontier"]),
            meta["empty_root"],
            meta["no_receipt"],
        ),
    )


def _partner_removed(db: Db, _seq: int, entry: Entry) -> None:
    db.execute("UPDATE partner SET removed_at_ms = ? WHERE node = ?", (entry.at_ms, entry.meta["node"]))


def _instrument(db: Db, seq: int, entry: Entry) -> None:
    db.execute(
        "INSERT INTO instrument_version (sha256, instrument, seq) VALUES (?,?,?) ON CONFLICT (sha256) DO NOTHING",
        (entry.meta["sha256"], entry.meta["instrument"], seq),
    )


def _setting(db: Db, seq: int, entry: Entry) -> None:
    db.execute(
        "INSERT INTO setting (name, value, seq) VALUES (?,?,?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value, seq = excluded.seq",
        (entry.meta["name"], entry.meta["value"], seq),
    )


def _handed(db: Db, _seq: int, entry: Entry) -> None:
    plug, party = entry.meta["plug"], entry.meta["party"]
    for type_, grade, permit, reason, count in entry.meta["rows"]:
        db.execute(
            "INSERT INTO handed (plug, party, type, grade, permit, reason, count) VALUES (?,?,?,?,?,?,?)"
            " ON CONFLICT (plug, party, type, grade, permit, reason) DO UPDATE SET count = handed.count + excluded.count",
            (plug, party, type_, grade, permit, reason, count),
        )


def _bundle_out(db: Db, seq: int, entry: Entry) -> None:
    meta = entry.meta
    db.execute(
        "INSERT INTO bundle_out (seq, channel, epoch, from_size, to_size, made_at_ms, not_after_ms) VALUES (?,?,?,?,?,?,?)",
        (seq, meta["channel"], meta["epoch"], meta["from_size"], meta["to_size"], entry.at_ms, meta["not_after_ms"]),
    )


def _alert(db: Db, seq: int, entry: Entry) -> None:
    meta = entry.meta
    db.execute(
        "INSERT INTO alert (seq, at_ms, kind, channel, sentence) VALUES (?,?,?,?,?)",
        (seq, entry.at_ms, meta["kind"], meta["channel"], meta["sentence"]),
    )
    if meta["stop"]:
        for table in ("channel_in", "channel_out"):
            db.execute(f"UPDATE {table} SET stopped = ? WHERE channel = ?", (meta["kind"], meta["channel"]))


def _reopened(db: Db, _seq: int, entry: Entry) -> None:
    for table in ("channel_in", "channel_out"):
        db.execute(f"UPDATE {table} SET stopped = '' WHERE channel = ?", (entry.meta["channel"],))


HANDLERS: dict[str, Callable[[Db, int, Entry], None]] = {
    "act-body": _act_body,
    "acted": _acted,
    "alert": _alert,
    "bundle-out": _bundle_out,
    "checkpoint": _checkpoint,
    "handed": _handed,
    "instrument": _instrument,
    "key-revoked": keytables.key_revoked,
    "keyset": keytables.keyset,
    "own-key-revoked": keytables.own_key,
    "own-keyset": keytables.own_key,
    "partner": _partner,
    "partner-removed": _partner_removed,
    "progress-in": _progress_in,
    "queued": _queued,
    "receipt-in": _receipt_in,
    "receipt-out": _receipt_out,
    "received": _received,
    "record": _record,
    "released": _released,
    "reopened": _reopened,
    "setting": _setting,
}
