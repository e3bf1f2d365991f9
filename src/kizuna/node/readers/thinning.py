"""What is left of a journal entry for readers who may not see every record: nothing, itself, or itself without what is not theirs.

Each kind of entry has one function below, and what no function knows is left out. Places in a channel are counted among the entries
that are left, so that a size, an index or a receipt tells nothing of those between. `kizuna.node.readers.extract` puts an extract together with it.

Whatever must be known of earlier entries is kept in tables beside the extract's own (`STATE`), in the same transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from kizuna.kernel import canonical
from kizuna.kernel.channel.wire import EntryHeader, channel_name, ends_of
from kizuna.kernel.instrument import Instrument
from kizuna.kernel.journal import ERASED, Db, Entry, Stored
from kizuna.kernel.label import MAX_CLASSIFICATION, Label
from kizuna.node.held.facts import label_held, labels_held
from kizuna.node.held.noting import NOTICE_TYPES, RELABELLED, target_of
from kizuna.node.held.parsed import parse
from kizuna.node.held.relabelled import relabels_of

VERSION = "1"
"""Counts up whenever something else would be left of an entry than before: extracts that are kept are then made anew."""
STATE = (
    "CREATE TABLE extract_judged (record_id TEXT PRIMARY KEY, sees BIGINT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE extract_kept (seq INTEGER PRIMARY KEY, place BIGINT NOT NULL)",
    """CREATE TABLE extract_place (
        channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL, place BIGINT NOT NULL, PRIMARY KEY (channel, epoch, idx)) WITHOUT ROWID""",
    """CREATE TABLE extract_end (
        kind TEXT NOT NULL, channel TEXT NOT NULL, epoch BIGINT NOT NULL, size BIGINT NOT NULL, visible BIGINT NOT NULL, quiet BIGINT NOT NULL,
        PRIMARY KEY (kind, channel)) WITHOUT ROWID""",
)
"""What was judged of records; which entries were left and where they stand; which entries of a channel were left and how many before each; and by
kind of statement and channel how far the last one reached, how much of that was left, and whether it was left out itself."""
STATE_TABLES = ("extract_judged", "extract_kept", "extract_place", "extract_end")
_decoder = msgspec.json.Decoder(EntryHeader)
_IDS = re.compile(r"[0-9a-f]{64}")
_BORNE = frozenset({"instrument", "notice", "record"})
"""Kinds of channel entry that carry a record."""
_HIDDEN, _SEEN, _UNHELD = 0, 1, 2
"""How a record was judged; one that was named while it was not held was not hidden, and must not be when it comes."""
_AT_ONCE = 500


class Readers(NamedTuple):
    """Who reads an extract: how far their clearance reaches in this node's policy, and their nation where it is not the node's own."""

    clearance: int
    nationality: str = ""

    @property
    def whole(self) -> bool:
        """Whether they may see whatever is held."""
        return self.clearance >= MAX_CLASSIFICATION and not self.nationality

    def admits(self, label: Label | None, level: int) -> bool:
        """Return whether a label is within clearance and nationality; `level` is its grade in this node's policy."""
        if label is None or level > self.clearance:
            return False
        return not self.nationality or self.nationality in label.releasable_to | label.originators

    def counts(self, level: int) -> bool:
        """Return whether something may be known of which the grade alone is kept."""
        return level <= self.clearance and not self.nationality


class Judge:
    """Which records some readers may see, each asked about once; for the time of one transaction of `own`, in which what was found is kept."""

    def __init__(self, readers: Readers, own: Db) -> None:
        self.readers = readers
        self._own = own
        self._known: dict[str, int] = {}
        self._found: dict[str, int] = {}

    def meet(self, db: Db, page: Sequence[Stored]) -> bool:
        """Ask about whatever some entries name, at once; return False where one of them changes what was judged before it came."""
        moved = {name for stored in page for name in concerned(db, stored.entry)}
        names = moved | {name for stored in page for name in _named(stored.entry)}
        self._known = dict(_chosen(self._own, "SELECT record_id, sees FROM extract_judged WHERE record_id", names))
        judged = {record_id for record_id, sees in self._known.items() if sees != _UNHELD or record_id not in moved}
        fresh = dict(_chosen(db, "SELECT id, seq FROM record WHERE id", names - judged))
        above = self._above(db, page, fresh)
        asked = self._asks_all(db, (fresh.keys() - above) | (moved & judged)) | dict.fromkeys(above, False)
        for record_id, sees in asked.items():
            before = self._known.get(record_id)
            if before is not None and sees != (before != _HIDDEN):
                return False
            if before != int(sees):
                self._note(record_id, int(sees))
        return True

    def keep(self) -> None:
        """Write down what was found."""
        self._own.executemany(
            "INSERT INTO extract_judged (record_id, sees) VALUES (?,?) ON CONFLICT (record_id) DO UPDATE SET sees = excluded.sees",
            sorted(self._found.items()),
        )

    def sees(self, db: Db, record_id: str) -> bool:
        """Return whether a held record may be seen; of one whose body was erased, whether it may be known."""
        known = self._known.get(record_id)
        if known is None or known == _UNHELD:
            known = self._note(record_id, int(self.asks(db, record_id)))
        return known == _SEEN

    def hides(self, db: Db, record_id: str) -> bool:
        """Return whether a name is that of a record which may not be seen."""
        known = self._known.get(record_id)
        if known is None and not db.execute("SELECT 1 FROM record WHERE id = ?", (record_id,)):
            known = self._note(record_id, _UNHELD)
        return known != _UNHELD and not self.sees(db, record_id)

    def asks(self, db: Db, record_id: str) -> bool:
        """Return what `sees` does, as the journal says it now."""
        label, level, _ = label_held(db, record_id, relabels_of(db, record_id))
        return self._admits(db, record_id, label, level)

    def _asks_all(self, db: Db, record_ids: Collection[str]) -> dict[str, bool]:
        plain: dict[str, tuple[Label | None, int, bool]] = {}
        for some in _chunks(record_ids):
            plain |= labels_held(db, some)
        return {
            each: self._admits(db, each, *plain[each][:2]) if each in plain else self.asks(db, each)
            for each in record_ids
        }

    def _above(self, db: Db, page: Sequence[Stored], fresh: Mapping[str, int]) -> set[str]:
        """Return the records that first come by these entries, graded above the clearance and never relabelled: no body need be read."""
        theirs = Label((), frozenset({self.readers.nationality}))
        found = {
            stored.entry.meta["item"]
            for stored in page
            if stored.entry.body is not None
            and fresh.get(stored.entry.meta.get("item", "")) == stored.seq
            and not self.readers.admits(theirs, _told(stored.entry))
        }
        relabelled = _chosen(db, f"SELECT target FROM notice WHERE type = '{RELABELLED}' AND target", found)
        return found - {target for (target,) in relabelled}

    def _admits(self, db: Db, record_id: str, label: Label | None, level: int) -> bool:
        if label is not None:
            return self.readers.admits(label, level)
        return self.readers.counts(_level_left(db, record_id))

    def _note(self, record_id: str, sees: int) -> int:
        self._known[record_id] = self._found[record_id] = sees
        return sees


def _chunks(names: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


def _chosen(db: Db, sql: str, names: Collection[str]) -> Iterator[tuple[Any, ...]]:
    for some in _chunks(names):
        yield from db.execute(f"{sql} IN ({','.join('?' * len(some))})", some)


def _level_left(db: Db, record_id: str) -> int:
    """Return the grade of a record whose body was erased, as its entry's header keeps it; the highest where none is told or the body is there."""
    rows = db.execute(
        "SELECT e.header FROM record r JOIN journal_entry e ON e.seq = r.seq JOIN journal_body b ON b.seq = r.seq"
        " WHERE r.id = ? AND b.body IS NULL",
        (record_id,),
    )
    for (header,) in rows:
        entry = msgspec.json.decode(bytes(header))
        if entry["kind"] == "record":
            return _highest(entry["meta"]["clear"][2])
        return max(
            (grade.classification for grade in _decoder.decode(entry["meta"]["header"]).label),
            default=MAX_CLASSIFICATION,
        )
    return MAX_CLASSIFICATION


def _told(entry: Entry) -> int:
    """Return the highest grade that the header of an entry that brings a record tells in this node's policy, -1 where it tells none."""
    if entry.kind == "record":
        return _highest(entry.meta["clear"][2])
    if entry.kind != "received" or entry.meta["code"] or entry.meta["stub"]:
        return -1
    return max((grade.classification for grade in _decoder.decode(entry.meta["header"]).label), default=-1)


def _highest(grade: str) -> int:
    """Return the highest grade of a text like `ind.desk.v1:2,common.v1:1`."""
    return max((int(part.rpartition(":")[2]) for part in grade.split(",") if part), default=MAX_CLASSIFICATION)


def concerned(db: Db, entry: Entry) -> Iterator[str]:
    """Yield the records of which an entry may change who sees them: the one that it brings or erases, and the one that that relabels."""
    said = entry
    if entry.kind == ERASED:
        ((header,),) = db.execute("SELECT header FROM journal_entry WHERE seq = ?", (entry.meta["target"],))
        of = msgspec.json.decode(bytes(header))
        said = Entry(kind=of["kind"], at_ms=0, meta=of["meta"])
    meta = said.meta
    if said.kind not in {"record", "received"} or meta.get("code") or not meta["item"]:
        return
    yield meta["item"]
    type_ = meta["clear"][0] if said.kind == "record" else _decoder.decode(meta["header"]).type
    if type_ == RELABELLED:
        for (target,) in db.execute("SELECT target FROM notice WHERE record_id = ?", (meta["item"],)):
            yield target


def _named(entry: Entry) -> Iterator[str]:
    """Yield the records that an entry may speak of."""
    meta = entry.meta
    if meta.get("item"):
        yield meta["item"]
    if entry.kind == "queued":
        yield from (row[1] for row in meta["rows"])
    yield from (target for _, target in meta.get("acts", ()))
    yield from meta.get("records", ())


class Thinning:
    """Takes the entries of one journal in order and gives what is left of each; for the time of one transaction of `own`."""

    def __init__(self, judge: Judge, own: Db) -> None:
        self.judge = judge
        self._own = own
        self.first = _one(own, "SELECT MAX(place) FROM extract_kept") + 1
        """The place of the next entry that is left."""
        self._taken: dict[int, int] = {}

    def take(self, db: Db, seq: int, entry: Entry) -> Entry | None:
        """Return what is left of the next entry, None where nothing is."""
        thin = _BY_KIND.get(entry.kind)
        made = None if thin is None else thin(self, db, entry)
        if made is not None:
            self._taken[seq] = self.first + len(self._taken)
        return made

    def keep(self) -> None:
        """Write down what was taken."""
        self._own.executemany("INSERT INTO extract_kept (seq, place) VALUES (?,?)", self._taken.items())
        self.judge.keep()

    def place(self, seq: int) -> int:
        """Return the number that an entry has among those that were left, 0 where it is none of them."""
        return self._taken.get(seq) or _one(self._own, "SELECT place FROM extract_kept WHERE seq = ?", seq)

    def count(self, channel: str, epoch: int, size: int) -> int:
        """Return how many of the first entries of a channel were left."""
        sql = (
            "SELECT place + 1 FROM extract_place WHERE channel = ? AND epoch = ? AND idx < ? ORDER BY idx DESC LIMIT 1"
        )
        return _one(self._own, sql, channel, epoch, size)

    def at(self, channel: str, epoch: int, index: int) -> int | None:
        """Return the place of an entry of a channel among those that were left, None where it is none of them."""
        rows = self._own.execute(
            "SELECT place FROM extract_place WHERE channel = ? AND epoch = ? AND idx = ?", (channel, epoch, index)
        )
        return int(rows[0][0]) if rows else None

    # --- helpers of the functions below ------------------------------------------------------------------------------------------

    def speaks(self, db: Db, names: Iterable[str]) -> bool:
        """Return whether all records that are named may be known."""
        return not any(self.judge.hides(db, name) for name in names)

    def moved(self, kind: str, channel: str, epoch: int, size: int) -> int | None:
        """Return how much of a channel a statement covers; None where it was made only for what was left out."""
        visible = self.count(channel, epoch, size)
        rows = self._own.execute(
            "SELECT epoch, size, visible FROM extract_end WHERE kind = ? AND channel = ?", (kind, channel)
        )
        before = rows[0] if rows else (epoch, 0, 0)
        silent = (epoch, size) != before[:2] and (epoch, visible) == (before[0], before[2])
        self._own.execute(
            "INSERT INTO extract_end (kind, channel, epoch, size, visible, quiet) VALUES (?,?,?,?,?,?) ON CONFLICT (kind, channel)"
            " DO UPDATE SET epoch = excluded.epoch, size = excluded.size, visible = excluded.visible, quiet = excluded.quiet",
            (kind, channel, epoch, size, visible, int(silent)),
        )
        return None if silent else visible

    def is_quiet(self, kind: str, channel: str) -> bool:
        """Return whether the last entry of a kind on a channel was left out."""
        return bool(_one(self._own, "SELECT quiet FROM extract_end WHERE kind = ? AND channel = ?", kind, channel))

    def item(self, db: Db, item: str, kind: str) -> str | None:
        """Return how an item of an outbox is named among what is left, None where it is not: a record by its id, others by their entry."""
        if kind in _BORNE or not item.isdigit():
            return None if self.judge.hides(db, item) else item
        place = self.place(int(item))
        return str(place) if place else None

    def renumbered(self, header: EntryHeader) -> str | None:
        """Return a channel entry's header with its place among those that are left; None where it is the same."""
        channel, epoch = header.channel, header.epoch
        at = self.count(channel, epoch, header.index)
        if self.at(channel, epoch, header.index) is None:
            self._own.execute(
                "UPDATE extract_place SET place = place + 1 WHERE channel = ? AND epoch = ? AND idx > ?",
                (channel, epoch, header.index),
            )
            self._own.execute(
                "INSERT INTO extract_place (channel, epoch, idx, place) VALUES (?,?,?,?)",
                (channel, epoch, header.index, at),
            )
        receipted = self.count(_reverse(channel), header.receipted_epoch, header.receipted)
        if (at, receipted) == (header.index, header.receipted):
            return None
        return canonical.encode(msgspec.structs.replace(header, index=at, receipted=receipted)).decode()


def _one(db: Db, sql: str, *params: Any) -> int:
    """Return a single number, 0 where there is none."""
    rows = db.execute(sql, params)
    return int(rows[0][0] or 0) if rows else 0


def _reverse(channel: str) -> str:
    writer, reader = ends_of(channel)
    return channel_name(reader, writer)


# --- one function a kind of entry -------------------------------------------------------------------------------------------------


def _with(entry: Entry, **values: Any) -> Entry:
    return msgspec.structs.replace(entry, meta=entry.meta | values)


def _target(entry: Entry, type_: str) -> list[str]:
    return [target_of(parse(entry.body))] if entry.body is not None and type_ in NOTICE_TYPES else []


def _everybodys(_thin: Thinning, _db: Db, entry: Entry) -> Entry:
    return entry


def _record(thin: Thinning, db: Db, entry: Entry) -> Entry | None:
    meta = entry.meta
    seen = thin.judge.sees(db, meta["item"]) and thin.speaks(db, _target(entry, meta["clear"][0]))
    return entry if seen else None


def _received(thin: Thinning, db: Db, entry: Entry) -> Entry | None:
    meta, header = entry.meta, _decoder.decode(entry.meta["header"])
    if header.kind in _BORNE and (meta["code"] or meta["stub"]):
        seen = thin.judge.readers.counts(
            max((grade.classification for grade in header.label), default=MAX_CLASSIFICATION)
        )
    elif header.kind in _BORNE:
        seen = thin.judge.sees(db, meta["item"]) and thin.speaks(db, _target(entry, header.type))
    else:
        seen = True
    if not seen or not thin.speaks(db, (target for _, target in meta["acts"])):
        return None
    changed = thin.renumbered(header)
    return entry if changed is None else _with(entry, header=changed)


def _released(thin: Thinning, db: Db, entry: Entry) -> Entry | None:
    meta, header = entry.meta, _decoder.decode(entry.meta["header"])
    item = thin.item(db, meta["item"], meta.get("queued", header.kind)) if meta["item"] else ""
    if item is None or not thin.speaks(db, (target for _, target in meta["acts"])):
        return None
    changed = thin.renumbered(header)
    return (
        entry if changed is None and item == meta["item"] else _with(entry, header=changed or meta["header"], item=item)
    )


def _queued(thin: Thinning, db: Db, entry: Entry) -> Entry | None:
    named = [(row, thin.item(db, row[1], row[2])) for row in entry.meta["rows"]]
    rows = [[row[0], item, *row[2:]] for row, item in named if item is not None]
    return _with(entry, rows=rows) if rows or not named else None


def _of_item(thin: Thinning, db: Db, entry: Entry) -> Entry | None:
    return entry if thin.speaks(db, [entry.meta["item"]]) else None


def _alert(thin: Thinning, db: Db, entry: Entry) -> Entry | None:
    return entry if thin.speaks(db, _IDS.findall(entry.meta["sentence"])) else None


def _read(thin: Thinning, db: Db, entry: Entry) -> Entry | None:
    records = [each for each in entry.meta["records"] if not thin.judge.hides(db, each)]
    return _with(entry, records=records) if records else None


def _handed(thin: Thinning, _db: Db, entry: Entry) -> Entry | None:
    rows = [row for row in entry.meta["rows"] if thin.judge.readers.counts(_highest(row[1]))]
    return _with(entry, rows=rows) if rows else None


def _erased(thin: Thinning, _db: Db, entry: Entry) -> Entry | None:
    place = thin.place(entry.meta["target"])
    return _with(entry, target=place) if place else None


def _instrument(thin: Thinning, _db: Db, entry: Entry) -> Entry | None:
    """Leave an agreement to our own people and to those of its parties."""
    nation = thin.judge.readers.nationality
    return (
        entry
        if not nation or (entry.body and nation in canonical.decode(entry.body, type=Instrument).parties)
        else None
    )


def _checkpoint(thin: Thinning, _db: Db, entry: Entry) -> Entry | None:
    meta = entry.meta
    size = thin.moved(entry.kind, meta["channel"], meta["epoch"], meta["size"])
    return None if size is None else _with(entry, size=size)


def _progress_in(thin: Thinning, _db: Db, entry: Entry) -> Entry | None:
    meta, channel = entry.meta, entry.meta["channel"]
    size = thin.moved(entry.kind, channel, meta["epoch"], meta["size"])
    if size is None:
        return None
    receipted = thin.count(_reverse(channel), meta["receipted_epoch"], meta["receipted"])
    unseen = thin.count(channel, meta["epoch"], meta["seen_size"])  # what has not come has no grade, and is not counted
    seen = meta["seen_size"] if size == meta["size"] else unseen
    return _with(entry, size=size, receipted=receipted, seen_size=seen)


def _receipt_in(thin: Thinning, _db: Db, entry: Entry) -> Entry | None:
    meta, channel, epoch = entry.meta, entry.meta["channel"], entry.meta["epoch"]
    at = partial(thin.at, channel, epoch)
    told = {
        name: [[place, *rest] for index, *rest in meta[name] if (place := at(index)) is not None]
        for name in ("applied", "refused")
    }
    named = {name: [place for index in meta[name] if (place := at(index)) is not None] for name in ("cured", "stubs")}
    size = thin.moved(entry.kind, channel, epoch, meta["size"])
    if size is None and not any((*told.values(), *named.values())):
        return None
    return _with(entry, size=thin.count(channel, epoch, meta["size"]), **told, **named)


def _receipt_out(thin: Thinning, _db: Db, entry: Entry) -> Entry | None:
    return None if thin.is_quiet("progress-in", entry.meta["channel"]) else entry


def _cosigned(thin: Thinning, _db: Db, entry: Entry) -> Entry | None:
    return None if thin.is_quiet("checkpoint", entry.meta["channel"]) else entry


def _ended(thin: Thinning, db: Db, entry: Entry) -> Entry | None:
    """Leave the batches that are known; rows, days and files are those of all that ended together."""
    records = [each for each in entry.meta["records"] if not thin.judge.hides(db, each)]
    return _with(entry, records=records, days=[], files=0, files_sha256="", rows=0) if records else None


def _bundle_out(thin: Thinning, _db: Db, entry: Entry) -> Entry | None:
    meta = entry.meta
    first, last = (thin.count(meta["channel"], meta["epoch"], meta[name]) for name in ("from_size", "to_size"))
    return _with(entry, from_size=first, to_size=last)


_BY_KIND: dict[str, Callable[[Thinning, Db, Entry], Entry | None]] = {
    "account": _everybodys,
    "act-body": _of_item,
    "acted": _of_item,
    "alert": _alert,
    "blob-erased": _of_item,
    "bundle-out": _bundle_out,
    "checkpoint": _checkpoint,
    "cosigned": _cosigned,
    "erased": _erased,
    "handed": _handed,
    "instrument": _instrument,
    "introduced": _everybodys,
    "key-revoked": _everybodys,
    "keyset": _everybodys,
    "own-key-revoked": _everybodys,
    "own-keyset": _everybodys,
    "partner": _everybodys,
    "partner-removed": _everybodys,
    "positions-ended": _ended,
    "progress-in": _progress_in,
    "queued": _queued,
    "read": _read,
    "receipt-in": _receipt_in,
    "receipt-out": _receipt_out,
    "received": _received,
    "record": _record,
    "released": _released,
    "reopened": _everybodys,
    "setting": _everybodys,
}
