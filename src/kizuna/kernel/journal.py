"""The journal: a node's only truth, an append-only chain of entries.

An entry is a canonical header and an optional body. The chain runs over headers, and a header names its body's digest, so that a body can
be erased by a journalled act while the chain still verifies. This module holds what is pure: the bytes, the chain, the audit, and the ports
that a store fills. Disks, transactions and locks are left to `kizuna.storage`; what the entries mean is left to the node.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import msgspec

from kizuna.errors import ConfigError, JournalConflictError, JournalCorruptError, KizunaError, RecordError, RefusedError
from kizuna.kernel import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

GENESIS = bytes(32)
"""The chain value before the first entry."""

ERASED = "erased"
"""The kind of the entry that journals an erasure; only `Store.erase` appends it."""

RESERVED_PREFIX = "journal_"
"""Tables of this prefix belong to the store; a projection may not use it."""

_CHAIN_DOMAIN = b"kizuna.journal.v1\0"


class Entry(msgspec.Struct, frozen=True):
    """One fact that the node keeps: `meta` holds canonical JSON values, `at_ms` is milliseconds since the Unix epoch, UTC.

    An entry whose body was erased is replayed with `body=None`.
    """

    kind: str
    at_ms: int
    meta: dict[str, Any]
    body: bytes | None = None


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the chain covers of an entry; `body_sha256` is lowercase hex, or `None` where the entry never had a body."""

    at_ms: int
    body_sha256: str | None
    body_size: int
    kind: str
    meta: dict[str, Any]


class Head(NamedTuple):
    """Where a journal ends: the last sequence number (0 when empty) and the chain value there."""

    seq: int
    chain: bytes


class Row(NamedTuple):
    """An entry as a store holds it, not yet judged."""

    seq: int
    header: bytes
    chain: bytes
    body: bytes | None
    erased_by: int | None


class Stored(NamedTuple):
    """An entry with its place in the chain; `erased_by` is the sequence number of the entry that erased its body."""

    seq: int
    entry: Entry
    header: bytes
    chain: bytes
    erased_by: int | None = None


class Finding(NamedTuple):
    """One fault that an audit found; `seq` is 0 where it concerns the journal as a whole."""

    seq: int
    message: str


class Verification(msgspec.Struct, frozen=True):
    """What an audit found: entries seen, the recomputed head, bodies erased by a journalled act, and the faults."""

    count: int
    head: Head
    erased: int
    findings: tuple[Finding, ...]


class OutcomeUnknownError(JournalConflictError):
    """A commit whose answer was lost while nobody could be asked whether it was made: never make it again, read the journal anew."""


class Db(Protocol):
    """Portable SQL for projections and queries.

    Placeholders are `?`; types are BIGINT, DOUBLE PRECISION, TEXT and BYTES; a NULL parameter whose type nothing implies is written
    `CAST(? AS TEXT)`. A table whose first column is a BIGINT_KEY, or that is CLUSTERED by another key, takes the least room.
    """

    def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows, none for a write."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one write once for each row."""


@dataclass(frozen=True)
class Projections:
    """The tables that are rebuilt from entries, and how an entry fills them.

    `apply` never refuses: an exception in it is a bug and aborts the commit whole. `schema` may use the type BYTES; `tables` names what
    `schema` creates, each table before those that refer to it. Whatever a body put into a table, the `erased` entry must take out: a replay
    does not have that body. `settle` is called once at the end of each transaction, for what is made of several entries together.
    """

    version: str
    schema: tuple[str, ...]
    tables: tuple[str, ...]
    apply: Callable[[Db, int, Entry], None]
    settle: Callable[[Db], None] | None = None

    def __post_init__(self) -> None:
        for table in self.tables:
            if table.startswith(RESERVED_PREFIX):
                raise ConfigError(f"projection table `{table}` takes the journal's own prefix: rename it")

    @cached_property
    def fingerprint(self) -> str:
        """The version and a digest of the schema: where it differs from the stored one, the store rebuilds."""
        digest = hashlib.sha256(canonical.encode([self.schema, self.tables])).hexdigest()
        return f"{self.version}:{digest[:16]}"


Progress: TypeAlias = "Callable[[int, int], None]"
"""Is told now and then how many entries are done, and how many there are."""


class Store(Protocol):
    """A durable journal with its projections; safe to call from several threads."""

    def commit(self, entries: Sequence[Entry]) -> list[int]:
        """Append all entries and apply the projections in one transaction; return their sequence numbers once durable.

        Raises:
            RecordError: an entry's header cannot be written as canonical JSON; nothing was kept.
            RefusedError: an entry is of kind `erased`; nothing was kept.
            JournalConflictError: another writer holds the journal, or opened it with other projections.
            OutcomeUnknownError: the answer was lost: it may have been made.
            JournalCorruptError: the store is damaged; stop.
            ConfigError: the disk is full, read-only or failing; nothing was acknowledged.
        """

    def head(self) -> Head:
        """Return the last sequence number and chain value."""

    def read(self, from_seq: int, limit: int) -> Iterator[Stored]:
        """Yield at most `limit` entries from `from_seq` on, each checked against its header.

        Raises:
            JournalCorruptError: a header or body is not what was appended.
        """

    def view(self) -> AbstractContextManager[Db]:
        """Return a read snapshot: what is read through it does not change while it is open."""

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of one query in a snapshot of its own."""

    def erase(self, target: int, entry: Entry) -> int:
        """Append `entry` (see `check_erasure`) and delete the body of `target` in one transaction; return the new sequence number.

        Raises:
            RefusedError: `target` has no body to erase, or `entry` does not say what it erases.
        """

    def rebuild(self, progress: Progress | None = None) -> None:
        """Drop the projections and fill them again from the journal, in one transaction."""

    def verify(self, *, expected: Head | None = None, progress: Progress | None = None) -> Verification:
        """Recompute every header, chain value and body digest; `expected` is a head known from elsewhere, against truncation."""

    def close(self) -> None:
        """Release what the store holds; calling it again does nothing."""


_header_decoder = msgspec.json.Decoder(Header)


def header_bytes(entry: Entry) -> bytes:
    """Return the canonical header that the chain covers.

    Raises:
        RecordError: `meta` holds what canonical JSON cannot say.
    """
    body = entry.body
    return canonical.encode(
        {  # the fields of `Header`
            "at_ms": entry.at_ms,
            "body_sha256": None if body is None else hashlib.sha256(body).hexdigest(),
            "body_size": 0 if body is None else len(body),
            "kind": entry.kind,
            "meta": entry.meta,
        }
    )


def parse_header(data: bytes) -> Header:
    """Return the header of canonical bytes.

    Raises:
        RecordError: the bytes are not a canonical header.
    """
    return canonical.decode(data, type=Header)


def next_chain(previous: bytes, header: bytes) -> bytes:
    """Return the 32-byte chain value of an entry from the one before it (`GENESIS` for the first) and its header."""
    return hashlib.sha256(_CHAIN_DOMAIN + previous + header).digest()


def link(head: Head, entries: Iterable[Entry]) -> list[Stored]:
    """Return `entries` chained onto `head`, each with `meta` as a replay will read it.

    Projections must see the same values live and replayed, so what JSON would change (a tuple) is changed here already.

    Raises:
        RecordError: an entry cannot be written as a canonical header.
        RefusedError: an entry claims to be an erasure.
    """
    linked = []
    seq, chain = head
    for entry in entries:
        if entry.kind == ERASED:
            raise RefusedError("an entry of kind `erased` is appended by erasing a body, not by a commit")
        stored = link_one(Head(seq, chain), entry)
        seq, chain = stored.seq, stored.chain
        linked.append(stored)
    return linked


def link_one(head: Head, entry: Entry) -> Stored:
    """Return one entry of any kind chained onto `head`; see `link`."""
    header = header_bytes(entry)
    try:
        parsed = _header_decoder.decode(header)  # our own canonical bytes: only their values are wanted
    except msgspec.ValidationError as error:
        raise RecordError(f"an entry's header cannot be replayed: {error}") from error
    if not parsed.kind:
        raise RecordError("an entry without a kind cannot be replayed: name its kind")
    entry = Entry(kind=parsed.kind, at_ms=parsed.at_ms, meta=parsed.meta, body=entry.body)
    return Stored(head.seq + 1, entry, header, next_chain(head.chain, header))


def check_erasure(target: int, entry: Entry) -> None:
    """Check that `entry` is of kind `erased` and that its meta says `target` (an integer) and `reason` (text).

    Raises:
        RefusedError: it is not, or it carries a body.
    """
    reason = entry.meta.get("reason")
    if entry.kind != ERASED or entry.body is not None or entry.meta.get("target") != target:
        raise RefusedError(f"erasing entry `{target}` needs an entry of kind `erased` that names it as `target`")
    if not isinstance(reason, str) or not reason:
        raise RefusedError(f"erasing entry `{target}` needs a `reason`: say who asked for it and why")


def restore(row: Row) -> Stored:
    """Return the entry of a stored row, checked against its header.

    The chain is not followed here: that is `verify_rows`.

    Raises:
        JournalCorruptError: the header cannot be read, or the body is not the one that was appended.
    """
    try:
        header = parse_header(row.header)
    except RecordError as error:
        raise JournalCorruptError(f"entry `{row.seq}`: its header cannot be read ({error}): stop and verify") from error
    fault = _body_fault(header, row.body)
    if fault and not (row.body is None and row.erased_by is not None):
        raise JournalCorruptError(f"entry `{row.seq}`: {fault}: stop and verify the journal")
    entry = Entry(kind=header.kind, at_ms=header.at_ms, meta=header.meta, body=row.body)
    return Stored(row.seq, entry, row.header, row.chain, row.erased_by)


def _body_fault(header: Header, body: bytes | None) -> str:
    if body is None:
        return "its body is missing" if header.body_sha256 is not None else ""
    if header.body_sha256 is None:
        return "it has a body though its header names none"
    if len(body) != header.body_size or hashlib.sha256(body).hexdigest() != header.body_sha256:
        return "its body was altered"
    return ""


class _Audit:
    """Follows the chain row by row and collects what does not fit."""

    def __init__(self, expected: Head | None) -> None:
        self.expected = expected
        self.head = Head(0, GENESIS)
        self.count = 0
        self.findings: list[Finding] = []
        self.absent: dict[int, int | None] = {}
        self.erasures: dict[int, int] = {}
        self.gaps: list[range] = []

    def find(self, seq: int, message: str) -> None:
        self.findings.append(Finding(seq, message))

    def add(self, row: Row) -> None:
        previous = self.head
        self.count += 1
        if row.seq != previous.seq + 1:
            self.gaps.append(range(previous.seq + 1, row.seq))
            self.find(previous.seq + 1, f"entries `{previous.seq + 1}` to `{row.seq - 1}` are missing")
        elif next_chain(previous.chain, row.header) != row.chain:
            self.find(row.seq, f"entry `{row.seq}`: header and chain do not follow from entry `{previous.seq}`")
        # Going on from the stored value tells one altered entry from a broken rest.
        self.head = Head(row.seq, row.chain)
        if self.expected is not None and row.seq == self.expected.seq and row.chain != self.expected.chain:
            self.find(row.seq, f"entry `{row.seq}` is not the one that was there when its chain value was noted")
        self._add_content(row)

    def _add_content(self, row: Row) -> None:
        try:
            header = parse_header(row.header)
        except RecordError as error:
            self.find(row.seq, f"entry `{row.seq}`: its header cannot be read: {error}")
            return
        if header.kind == ERASED and isinstance(header.meta.get("target"), int):
            self.erasures[header.meta["target"]] = row.seq
        fault = _body_fault(header, row.body)
        if fault and row.body is None:
            self.absent[row.seq] = row.erased_by
        elif fault:
            self.find(row.seq, f"entry `{row.seq}`: {fault}")

    def close(self, stray: Iterable[int]) -> Verification:
        for seq, mark in sorted(self.absent.items()):
            if seq in self.erasures and mark in {None, self.erasures[seq]}:
                continue
            claim = (
                f", and entry `{mark}`, which is said to have erased it, does not say so" if mark is not None else ""
            )
            self.find(seq, f"entry `{seq}`: its body is missing{claim}")
        for target, seq in sorted(self.erasures.items()):
            if target not in self.absent and not any(target in gap for gap in self.gaps):
                self.find(target, f"entry `{target}`: its body is there though entry `{seq}` erased it")
        for seq in stray:
            self.find(seq, f"a body is kept for entry `{seq}`, which is not in the journal")
        if self.expected is not None and self.head.seq < self.expected.seq:
            self.find(
                self.head.seq + 1,
                f"the journal ends at entry `{self.head.seq}`, but entry `{self.expected.seq}` was there: its tail is missing",
            )
        erased = sum(seq in self.erasures for seq in self.absent)
        return Verification(self.count, self.head, erased, tuple(sorted(self.findings)))


def verify_rows(rows: Iterable[Row], *, stray: Iterable[int] = (), expected: Head | None = None) -> Verification:
    """Return what an audit of all rows, in order of `seq`, finds.

    `stray` are the numbers of bodies without an entry. Someone who rewrites the whole chain is found only by `expected`, a head that was
    noted elsewhere. A store that fails while it is read ends the audit with that as a finding.
    """
    audit = _Audit(expected)
    try:
        for row in rows:
            audit.add(row)
        stray = list(stray)
    except KizunaError as error:
        audit.find(0, f"the journal cannot be read beyond entry `{audit.head.seq}`: {error}")
        return audit.close(())
    return audit.close(stray)
