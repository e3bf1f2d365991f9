"""What is left of a journal entry for readers who may not see every record: nothing, itself, or itself without what is not theirs.

Each kind of entry has one function below, and what no function knows is left out. Places in a channel are counted among the entries
that are left, so that a size, an index or a receipt tells nothing of those between. `kizuna.node.readers.extract` puts an extract together with it.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from kizuna.kernel import canonical
from kizuna.kernel.channel.wire import EntryHeader, channel_name, ends_of
from kizuna.kernel.instrument import Instrument
from kizuna.kernel.journal import Db, Entry
from kizuna.kernel.label import MAX_CLASSIFICATION, Label
from kizuna.node.held.facts import label_held
from kizuna.node.held.noting import NOTICE_TYPES, RELABELLED, target_of
from kizuna.node.held.parsed import parse
from kizuna.node.held.relabelled import relabels_of

_decoder = msgspec.json.Decoder(EntryHeader)
_IDS = re.compile(r"[0-9a-f]{64}")
_BORNE = frozenset({"instrument", "notice", "record"})
"""Kinds of channel entry that carry a record."""


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
    """Which records some readers may see, each asked about once."""

    def __init__(self, readers: Readers) -> None:
        self.readers = readers
        self.known: dict[str, bool] = {}

    def sees(self, db: Db, record_id: str) -> bool:
        """Return whether a held record may be seen; of one whose body was erased, whether it may be known."""
        known = self.known.get(record_id)
        if known is None:
            known = self.known[record_id] = self.asks(db, record_id)
        return known

    def asks(self, db: Db, record_id: str) -> bool:
        """Return what `sees` does, as the journal says it now."""
        label, level, _ = label_held(db, record_id, relabels_of(db, record_id))
        return (
            self.readers.admits(label, level) if label is not None else self.readers.counts(_level_left(db, record_id))
        )

    def hides(self, db: Db, record_id: str) -> bool:
        """Return whether a name is that of a record which may not be seen."""
        held = db.execute("SELECT 1 FROM record WHERE id = ?", (record_id,))
        return bool(held) and not self.sees(db, record_id)


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


def _highest(grade: str) -> int:
    """Return the highest grade of a text like `ind.desk.v1:2,common.v1:1`."""
    return max((int(part.rpartition(":")[2]) for part in grade.split(",") if part), default=MAX_CLASSIFICATION)


def concerned(entry: Entry) -> Iterator[str]:
    """Yield the records of which an entry may change who sees them: the one that it brings, and the one that it relabels."""
    if entry.kind not in {"record", "received"} or entry.meta.get("code") or not entry.meta["item"]:
        return
    yield entry.meta["item"]
    type_ = entry.meta["clear"][0] if entry.kind == "record" else _decoder.decode(entry.meta["header"]).type
    if entry.body is not None and type_ == RELABELLED:
        yield target_of(parse(entry.body))


class Thinning:
    """Takes the entries of one journal in order and gives what is left of each."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.kept: list[int] = []
        """The sequence numbers of the entries that were left; their own are their places here, from 1."""
        self.places: dict[tuple[str, int], list[int]] = {}
        """By channel and epoch the indices of the entries that were left."""
        self._ends: dict[tuple[str, str], tuple[int, int, int]] = {}
        """By kind of entry and channel: its epoch, how far it reached, and how much of that was left."""
        self._quiet: set[tuple[str, str]] = set()
        """Kinds of entry whose last one on a channel was left out."""

    def take(self, db: Db, seq: int, entry: Entry) -> Entry | None:
        """Return what is left of the next entry, None where nothing is."""
        thin = _BY_KIND.get(entry.kind)
        made = None if thin is None else thin(self, db, entry)
        if made is not None:
            self.kept.append(seq)
        return made

    def place(self, seq: int) -> int:
        """Return the number that an entry has among those that were left, 0 where it is none of them."""
        at = bisect_left(self.kept, seq)
        return at + 1 if at < len(self.kept) and self.kept[at] == seq else 0

    def count(self, channel: str, epoch: int, size: int) -> int:
        """Return how many of the first entries of a channel were left."""
        return bisect_left(self.places.get((channel, epoch), []), size)

    # --- helpers of the functions below ------------------------------------------------------------------------------------------

    def speaks(self, db: Db, names: Iterable[str]) -> bool:
        """Return whether all records that are named may be known."""
        return not any(self.judge.hides(db, name) for name in names)

    def moved(self, kind: str, channel: str, epoch: int, size: int) -> int | None:
        """Return how much of a channel a statement covers; None where it was made only for what was left out."""
        visible = self.count(channel, epoch, size)
        before = self._ends.get((kind, channel), (epoch, 0, 0))
        self._ends[kind, channel] = (epoch, size, visible)
        silent = (epoch, size) != before[:2] and (epoch, visible) == (before[0], before[2])
        (self._quiet.add if silent else self._quiet.discard)((kind, channel))
        return None if silent else visible

    def is_quiet(self, kind: str, channel: str) -> bool:
        """Return whether the last entry of a kind on a channel was left out."""
        return (kind, channel) in self._quiet

    def item(self, db: Db, item: str, kind: str) -> str | None:
        """Return how an item of an outbox is named among what is left, None where it is not: a record by its id, others by their entry."""
        if kind in _BORNE or not item.isdigit():
            return None if self.judge.hides(db, item) else item
        place = self.place(int(item))
        return str(place) if place else None

    def renumbered(self, header: EntryHeader) -> str | None:
        """Return a channel entry's header with its place among those that are left; None where it is the same."""
        places = self.places.setdefault((header.channel, header.epoch), [])
        at = bisect_left(places, header.index)
        if at == len(places) or places[at] != header.index:
            places.insert(at, header.index)
        receipted = self.count(_reverse(header.channel), header.receipted_epoch, header.receipted)
        if (at, receipted) == (header.index, header.receipted):
            return None
        return canonical.encode(msgspec.structs.replace(header, index=at, receipted=receipted)).decode()


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
    places = thin.places.get((channel, epoch), [])

    def at(index: int) -> int | None:
        found = bisect_left(places, index)
        return found if found < len(places) and places[found] == index else None

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
