"""The node's own projections: records held, outbox, channels and partners, as rows rebuilt from the journal.

Each journal entry kind has one function below. They never refuse and, like every projection, can be thrown away and rebuilt. What a domain
projects from a record is called from here, once for each holding that discloses more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel import record
from kizuna.kernel.channel.wire import EntryHeader
from kizuna.kernel.domain import Domain, Fact
from kizuna.kernel.journal import Db, Entry, Projections
from kizuna.kernel.merkle import leaf_hash
from kizuna.kernel.record import Record

VERSION = "1"

SCHEMA = (
    """CREATE TABLE record (
        id TEXT PRIMARY KEY, type TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL, at_ms BIGINT NOT NULL,
        exercise BIGINT NOT NULL, own BIGINT NOT NULL, seq BIGINT NOT NULL, standing TEXT NOT NULL)""",
    "CREATE INDEX record_by_type ON record (type, at_ms)",
    """CREATE TABLE holding (
        seq BIGINT PRIMARY KEY, record_id TEXT NOT NULL, channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL)""",
    "CREATE INDEX holding_by_record ON holding (record_id)",
    """CREATE TABLE outbox (
        channel TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL, lane BIGINT NOT NULL, seq BIGINT NOT NULL,
        not_before_ms BIGINT NOT NULL, PRIMARY KEY (channel, item, kind))""",
    "CREATE INDEX outbox_by_lane ON outbox (channel, lane, seq)",
    """CREATE TABLE leaf_out (
        channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL, leaf BYTES NOT NULL, seq BIGINT NOT NULL, kind TEXT NOT NULL,
        record_id TEXT NOT NULL, type TEXT NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (channel, epoch, idx))""",
    "CREATE INDEX leaf_out_by_record ON leaf_out (record_id)",
    """CREATE TABLE channel_out (
        channel TEXT PRIMARY KEY, node TEXT NOT NULL, epoch BIGINT NOT NULL, size BIGINT NOT NULL, root TEXT NOT NULL, note BYTES,
        receipted BIGINT NOT NULL, receipt BYTES, receipt_sha256 TEXT NOT NULL, receipted_at_ms BIGINT NOT NULL, stopped TEXT NOT NULL)""",
    """CREATE TABLE leaf_in (
        channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL, leaf BYTES NOT NULL, seq BIGINT NOT NULL, kind TEXT NOT NULL,
        record_id TEXT NOT NULL, type TEXT NOT NULL, code TEXT NOT NULL, PRIMARY KEY (channel, epoch, idx))""",
    "CREATE INDEX leaf_in_by_record ON leaf_in (record_id)",
    """CREATE TABLE channel_in (
        channel TEXT PRIMARY KEY, node TEXT NOT NULL, epoch BIGINT NOT NULL, size BIGINT NOT NULL, root TEXT NOT NULL, frontier BYTES NOT NULL,
        seen_size BIGINT NOT NULL, seen_root TEXT NOT NULL, note BYTES, receipt BYTES, receipt_sha256 TEXT NOT NULL,
        released_at_ms BIGINT NOT NULL, receipted_epoch BIGINT NOT NULL, receipted BIGINT NOT NULL, quarantined BIGINT NOT NULL,
        stopped TEXT NOT NULL)""",
    """CREATE TABLE partner (
        node TEXT PRIMARY KEY, party TEXT NOT NULL, card BYTES NOT NULL, version BIGINT NOT NULL, enrolled_at_ms BIGINT NOT NULL,
        removed_at_ms BIGINT NOT NULL)""",
    """CREATE TABLE receipt_out (
        channel TEXT NOT NULL, epoch BIGINT NOT NULL, sha256 TEXT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (channel, sha256))""",
    "CREATE TABLE keyset (node TEXT NOT NULL, version BIGINT NOT NULL, envelope BYTES NOT NULL, PRIMARY KEY (node, version))",
    """CREATE TABLE bundle_out (
        seq BIGINT PRIMARY KEY, channel TEXT NOT NULL, epoch BIGINT NOT NULL, from_size BIGINT NOT NULL, to_size BIGINT NOT NULL,
        made_at_ms BIGINT NOT NULL, not_after_ms BIGINT NOT NULL)""",
    """CREATE TABLE withheld (
        party TEXT NOT NULL, type TEXT NOT NULL, grade TEXT NOT NULL, reason TEXT NOT NULL, count BIGINT NOT NULL,
        PRIMARY KEY (party, type, grade, reason))""",
    "CREATE TABLE instrument_version (sha256 TEXT PRIMARY KEY, instrument TEXT NOT NULL, seq BIGINT NOT NULL)",
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL, seq BIGINT NOT NULL)",
    """CREATE TABLE act (
        record_id TEXT NOT NULL, channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL, act TEXT NOT NULL,
        strength BIGINT NOT NULL, confirmed_at_ms BIGINT NOT NULL, backups_pending_until_ms BIGINT NOT NULL,
        PRIMARY KEY (record_id, channel, act))""",
    "CREATE TABLE alert (seq BIGINT PRIMARY KEY, at_ms BIGINT NOT NULL, kind TEXT NOT NULL, channel TEXT NOT NULL, sentence TEXT NOT NULL)",
)
TABLES = tuple(statement.split()[2] for statement in SCHEMA if statement.startswith("CREATE TABLE"))

_header_decoder = msgspec.json.Decoder(EntryHeader)

STANDINGS = ("", "superseded", "retract", "recall", "destroy")
"""From the weakest to the strongest: a stronger one holds in every order of arrival."""


_MOST_PARSED = 8192
_MOST_PARSED_BYTES = 64 << 20
_parsed: dict[bytes, Record] = {}
_parsed_bytes = [0]


def parse(body: bytes) -> Record:
    """Return the record of a body that is journalled, and so was judged before; cached, for several ask for it within a moment."""
    held = _parsed.get(body)
    return remember(body, record.reread(body)) if held is None else held


def remember(body: bytes, held: Record) -> Record:
    """Keep a record whose body will be asked for, and return it; the oldest ones make room."""
    _parsed_bytes[0] += 0 if body in _parsed else len(body)
    _parsed[body] = held
    if len(_parsed) > _MOST_PARSED or _parsed_bytes[0] > _MOST_PARSED_BYTES:
        for old in list(_parsed)[: len(_parsed) // 8 + 1]:
            _parsed.pop(old, None)
        _parsed_bytes[0] = sum(map(len, _parsed))
    return held


def forget(body: bytes) -> None:
    """Drop a record that was parsed: its body is erased."""
    _parsed.pop(body, None)


def fact_of(held: Record, domain_type: type[record.Body], *, own: bool) -> Fact[record.Body]:
    """Return a record as projections see it.

    Raises:
        RecordError: its payload does not fit the class.
    """
    clear = held.clear
    return Fact(
        record_id=held.id,
        type=clear.type,
        body=record.body_of(held, domain_type),
        issuer=clear.issuer,
        node=held.text("node"),
        actor=held.text("actor"),
        subject=held.text("subject"),
        at_ms=held.at_ms or 0,
        label=record.label_of(held),
        exercise=(held.text("exercise") or "?") if clear.exercise else "",
        own=own,
    )


def projections(domains: Sequence[Domain]) -> Projections:
    """Return the tables of node and domains and the one function that fills them."""
    classes = {name: (domain, kind) for domain in domains for name, kind in domain.records.items()}

    def apply(db: Db, seq: int, entry: Entry) -> None:
        handler = _HANDLERS.get(entry.kind)
        if handler is not None:
            handler(db, seq, entry)
        if entry.kind == "record" and entry.body is not None:
            _project(db, parse(entry.body), classes, own=True)
        elif entry.kind == "received":
            held = _hold_received(db, seq, entry)
            if held is not None:
                _project(db, held, classes, own=False)

    return Projections(
        version=VERSION,
        schema=SCHEMA + tuple(statement for domain in domains for statement in domain.schema),
        tables=TABLES + tuple(table for domain in domains for table in domain.tables),
        apply=apply,
    )


def _project(db: Db, held: Record, classes: dict[str, tuple[Domain, type[record.Body]]], *, own: bool) -> None:
    known = classes.get(held.clear.type)
    apply = known[0].apply.get(known[1]) if known is not None else None
    if known is None or apply is None:
        return
    try:
        fact = fact_of(held, known[1], own=own)
    except RecordError:
        return  # a payload that does not fit its class is kept and never projected
    apply(db, fact)


def whole(db: Db, held: Record) -> Record:
    """Return a record with the disclosures of every holding of it: a second release may disclose more.

    An author may have committed to one name twice; what was opened first counts, whatever a second holding shows.
    """
    rows = db.execute(
        "SELECT b.body FROM holding h JOIN journal_body b ON b.seq = h.seq WHERE h.record_id = ? AND b.body IS NOT NULL"
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


def _note_record(db: Db, held: Record, seq: int, *, own: bool) -> bool:
    """Note a record as held and return whether it was not before."""
    rows = db.execute(
        "INSERT INTO record (id, type, issuer, subject, at_ms, exercise, own, seq, standing)"
        " VALUES (?,?,?,?,?,?,?,?, COALESCE((SELECT act FROM act WHERE record_id = ? ORDER BY strength DESC LIMIT 1), ''))"
        " ON CONFLICT (id) DO UPDATE SET at_ms = CASE WHEN record.at_ms = 0 THEN excluded.at_ms ELSE record.at_ms END,"
        " subject = CASE WHEN record.subject = '' THEN excluded.subject ELSE record.subject END RETURNING seq",
        (
            held.id,
            held.clear.type,
            held.clear.issuer,
            held.text("subject"),
            held.at_ms or 0,
            int(held.clear.exercise),
            int(own),
            seq,
            held.id,
        ),
    )
    return bool(rows[0][0] == seq)


def _record(db: Db, seq: int, entry: Entry) -> None:
    body = entry.body
    if body is None:
        return
    held = parse(body)
    _note_record(db, held, seq, own=True)
    db.execute(
        "INSERT INTO holding (seq, record_id, channel, epoch, idx) VALUES (?,?,'',0,0)",
        (seq, held.id),
    )
    for channel, kind, lane, not_before_ms in entry.meta["due"]:
        _queue(db, channel, held.id, kind, lane, seq, not_before_ms)
    _count_withheld(db, held, entry.meta["held"])


def _count_withheld(db: Db, held: Record, rows: list[list[Any]]) -> None:
    grade = ",".join(f"{grade.policy}:{grade.classification}" for grade in held.clear.label)
    for party, reason, count in rows:
        db.execute(
            "INSERT INTO withheld (party, type, grade, reason, count) VALUES (?,?,?,?,?)"
            " ON CONFLICT (party, type, grade, reason) DO UPDATE SET count = withheld.count + excluded.count",
            (party, held.clear.type, grade, reason, count),
        )


def _queue(db: Db, channel: str, item: str, kind: str, lane: int, seq: int, not_before_ms: int) -> None:  # a row
    db.execute(
        "INSERT INTO outbox (channel, item, kind, lane, seq, not_before_ms) VALUES (?,?,?,?,?,?)"
        " ON CONFLICT (channel, item, kind) DO NOTHING",
        (channel, item, kind, lane, seq, not_before_ms),
    )


def _queued(db: Db, seq: int, entry: Entry) -> None:
    meta = entry.meta
    for channel, item, kind, lane, not_before_ms in meta["rows"]:
        _queue(db, channel, item, kind, lane, seq, not_before_ms)


def _released(db: Db, seq: int, entry: Entry) -> None:
    meta = entry.meta
    data = meta["header"].encode()
    header = _header_decoder.decode(data)
    channel, item = header.channel, meta["item"]
    db.execute(
        "INSERT INTO leaf_out (channel, epoch, idx, leaf, seq, kind, record_id, type, outcome) VALUES (?,?,?,?,?,?,?,?,'')"
        " ON CONFLICT (channel, epoch, idx) DO NOTHING",
        (channel, header.epoch, header.index, leaf_hash(data), seq, header.kind, item, header.type),
    )
    db.execute("DELETE FROM outbox WHERE channel = ? AND item = ? AND kind = ?", (channel, item, header.kind))
    for act, record_id in meta.get("acts", ()):
        db.execute(
            "INSERT INTO act (record_id, channel, epoch, idx, act, strength, confirmed_at_ms, backups_pending_until_ms)"
            " VALUES (?,?,?,?,?,?,0,0) ON CONFLICT (record_id, channel, act) DO NOTHING",
            (record_id, channel, header.epoch, header.index, act, STANDINGS.index(act)),
        )


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
    data = meta["header"].encode()
    header, code = _header_decoder.decode(data), meta["code"]
    channel, epoch, index = header.channel, header.epoch, header.index
    record_id = meta["item"]
    db.execute(
        "INSERT INTO leaf_in (channel, epoch, idx, leaf, seq, kind, record_id, type, code) VALUES (?,?,?,?,?,?,?,?,?)"
        " ON CONFLICT (channel, epoch, idx) DO UPDATE SET code = excluded.code, record_id = excluded.record_id, seq = excluded.seq",
        (channel, epoch, index, leaf_hash(data), seq, header.kind, record_id, header.type, code),
    )
    size = len(entry.body or b"")
    if code and not meta["again"]:
        db.execute("UPDATE channel_in SET quarantined = quarantined + ? WHERE channel = ?", (size, channel))
    elif not code and meta["again"]:
        db.execute("UPDATE channel_in SET quarantined = quarantined - ? WHERE channel = ?", (size, channel))
    for act, target in meta["acts"]:
        _stand(db, channel, epoch, index, act, target)


def _hold_received(db: Db, seq: int, entry: Entry) -> Record | None:
    """Note a received record as held; return it with every disclosure of every holding, or None where nothing is held."""
    meta = entry.meta
    if meta["code"] or entry.body is None or meta["kind"] not in {"record", "instrument"}:
        return None
    header = _header_decoder.decode(meta["header"])
    held = parse(entry.body)
    new = _note_record(db, held, seq, own=False)
    db.execute(
        "INSERT INTO holding (seq, record_id, channel, epoch, idx) VALUES (?,?,?,?,?)",
        (seq, held.id, header.channel, header.epoch, header.index),
    )
    return held if new else whole(db, held)


def _stand(db: Db, channel: str, epoch: int, index: int, act: str, record_id: str) -> None:  # a row
    db.execute(
        "INSERT INTO act (record_id, channel, epoch, idx, act, strength, confirmed_at_ms, backups_pending_until_ms)"
        " VALUES (?,?,?,?,?,?,0,0) ON CONFLICT (record_id, channel, act) DO NOTHING",
        (record_id, channel, epoch, index, act, STANDINGS.index(act)),
    )
    db.execute(
        "UPDATE record SET standing = (SELECT act FROM act WHERE record_id = ? ORDER BY strength DESC LIMIT 1) WHERE id = ?",
        (record_id, record_id),
    )


def _acted(db: Db, _seq: int, entry: Entry) -> None:
    _stand(db, "", 0, 0, entry.meta["act"], entry.meta["item"])


def _progress_in(db: Db, _seq: int, entry: Entry) -> None:
    meta = entry.meta
    db.execute(
        "UPDATE channel_in SET epoch = ?, size = ?, root = ?, frontier = ?, seen_size = ?, seen_root = ?, note = ?, released_at_ms = ?,"
        " receipted_epoch = ?, receipted = ? WHERE channel = ?",
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
        "INSERT INTO partner (node, party, card, version, enrolled_at_ms, removed_at_ms) VALUES (?,?,?,?,?,0)"
        " ON CONFLICT (node) DO UPDATE SET card = excluded.card, version = excluded.version, removed_at_ms = 0",
        (meta["node"], meta["party"], entry.body, meta["version"], entry.at_ms),
    )
    db.execute(
        "INSERT INTO channel_out (channel, node, epoch, size, root, note, receipted, receipt, receipt_sha256, receipted_at_ms, stopped)"
        " VALUES (?,?,0,0,?,NULL,0,NULL,?,0,'') ON CONFLICT (channel) DO NOTHING",
        (meta["channel_out"], meta["node"], meta["empty_root"], meta["no_receipt"]),
    )
    db.execute(
        "INSERT INTO channel_in (channel, node, epoch, size, root, frontier, seen_size, seen_root, note, receipt, receipt_sha256,"
        " released_at_ms, receipted_epoch, receipted, quarantined, stopped) VALUES (?,?,0,0,?,?,0,?,NULL,NULL,?,0,0,0,0,'')"
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


def _keyset(db: Db, _seq: int, entry: Entry) -> None:
    db.execute(
        "INSERT INTO keyset (node, version, envelope) VALUES (?,?,?) ON CONFLICT (node, version) DO NOTHING",
        (entry.meta["node"], entry.meta["version"], entry.body),
    )


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


_HANDLERS: dict[str, Callable[[Db, int, Entry], None]] = {
    "acted": _acted,
    "alert": _alert,
    "bundle-out": _bundle_out,
    "checkpoint": _checkpoint,
    "instrument": _instrument,
    "keyset": _keyset,
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
