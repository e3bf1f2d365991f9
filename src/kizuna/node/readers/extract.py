"""Extracts of the journal: what readers of one clearance and nationality may see, in order, with tables that the same code fills.

Whoever may not see all that a node holds asks an extract instead of the store. What an entry says of a record that its readers may not see is not
in it: not its line, not its place in a channel, not its part of a count. So every list, page, sum, order and search over it is what it would be on a
node that never had that record. Sequence numbers and places in channels are counted anew; a chain value stays the journal's own.

An extract lies in a file of its own and follows the journal from where it stood, page by page: what was taken, how far the journal was read, and what
must be known of that later are one transaction. Who asks for one that is far behind brings it some way further and is told to ask again. It is made
anew where a relabel, an erasure or another holding changes who may see a record that was judged before, where the journal is not the one that it
followed, and where other software made it.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Protocol

import msgspec

import kizuna
from kizuna.errors import JournalConflictError, KizunaError
from kizuna.kernel import canonical
from kizuna.kernel.journal import ERASED, GENESIS, Db, Entry, Head, Header, Projections, Store, Stored, restore
from kizuna.node.readers import thinning
from kizuna.node.readers.thinning import Judge, Readers, Thinning
from kizuna.storage import journal_sql
from kizuna.storage.extracts import ExtractStore

PAGE = 2_500
"""Entries of one transaction: one that is larger touches the same page of the file less often."""
PAGES_AT_ONCE = 4
"""So far one call reads the journal for an extract: a few seconds at most."""
_FOLLOWED, _JUDGED_BY = "extract_followed", "extract_judged_by"
"""Up to which entry the journal was taken, and where it ended when that was judged."""

_header_decoder = msgspec.json.Decoder(Header)


class ExtractBehindError(JournalConflictError):
    """An extract that is still being made: each call brings it further. How far it is would tell of what is left out."""


class Shelf(Protocol):
    """Where extracts are kept, each under a name; see `kizuna.storage.extracts.ExtractFolder`."""

    def names(self) -> list[str]:
        """Return the names of those that are kept."""
        ...

    def open(self, name: str, kept: Projections) -> ExtractStore:
        """Return one as it was left, or an empty one."""
        ...

    def anew(self, name: str, kept: Projections) -> ExtractStore:
        """Return an empty one in the place of what was there, which was closed."""
        ...

    def drop(self, name: str) -> None:
        """Remove one, which was closed."""
        ...

    def check_room(self) -> None:
        """Accept a disk on which they may grow."""
        ...


def name_of(readers: Readers) -> str:
    """Return the name under which the extract of some readers is kept."""
    return f"{readers.clearance}-{readers.nationality}".rstrip("-")


def readers_named(name: str) -> Readers | None:
    """Return whose extract a name is of, None where it is nobody's."""
    clearance, _, nationality = name.partition("-")
    return Readers(int(clearance), nationality) if clearance.isdigit() else None


class Extract:
    """What some readers may see of one store; for any thread."""

    def __init__(self, source: Store, readers: Readers, made: Projections, shelf: Shelf) -> None:
        self._source = source
        self._readers = readers
        self._shelf = shelf
        self._name = name_of(readers)
        self._made = replace(
            made,
            version=f"{made.version}/{thinning.VERSION}/{kizuna.__version__}/{self._name}",
            schema=made.schema + thinning.STATE,
            tables=made.tables + thinning.STATE_TABLES,
        )
        self._lock = threading.RLock()
        self._at = Head(0, GENESIS)
        self._scrubbed = True
        self._stretched = self._lost = False
        self._store = shelf.open(self._name, self._made)

    def follow(self) -> Store:
        """Return the store of the extract, brought up to where the journal ends.

        Raises:
            ExtractBehindError: it is not there yet: ask again.
            KizunaError: the journal cannot be read now, or the extract not be written; it stands where it stood.
        """
        with self._lock:
            for _ in range(PAGES_AT_ONCE):
                if not self.step():
                    return self._store
            raise ExtractBehindError("what you may see is being put together: ask again in a moment")

    def step(self) -> bool:
        """Take the next page of the journal; return whether there was anything to be done.

        Raises:
            KizunaError: see `follow`.
        """
        with self._lock:
            if self._lost or self._store.is_damaged:
                self._begin()
            if not self._scrubbed:
                self._scrubbed = self._store.scrub()
            if self._source.head() == self._at:
                return False
            self._shelf.check_room()
            try:
                page, self._at = self._read()
            except _StaleError:
                self._begin()
                return True
            if any(stored.entry.kind == ERASED for stored in page):
                self._scrubbed = self._store.scrub()
            if self._stretched and len(page) < PAGE:
                self._store.rest()
            self._stretched = len(page) == PAGE
            return bool(page)

    def close(self) -> None:
        """Let go of the file; whoever still reads it is told to ask again."""
        with self._lock:
            self._store.close()

    def _begin(self) -> None:
        self._store.close()
        self._at = Head(0, GENESIS)
        self._scrubbed = self._lost = True  # until there is a new one: a full disk may say no
        self._store = self._shelf.anew(self._name, self._made)
        self._lost = False

    def _read(self) -> tuple[list[Stored], Head]:
        """Take the next page, whole or not at all; return it, and how far the journal was read.

        Raises:
            _StaleError: it is not the journal that was followed, or an entry changes who may see what was judged before it came.
        """
        with self._store.writing() as own, self._source.view() as db:
            page, end = _next_page(own, db), journal_sql.read_head(db)
            if not page:
                return page, end
            self._take(own, db, page)
            journal_sql.set_meta(own, _FOLLOWED, str(page[-1].seq))
            journal_sql.set_meta(own, _JUDGED_BY, f"{end.seq} {end.chain.hex()}")
        return page, Head(page[-1].seq, page[-1].chain)

    def _take(self, own: Db, db: Db, page: Sequence[Stored]) -> None:
        judge = Judge(self._readers, own)
        if not judge.meet(db, page):
            raise _StaleError("who may see what was taken has changed")
        thin = Thinning(judge, own)
        left = [(stored, made) for stored in page if (made := thin.take(db, stored.seq, stored.entry)) is not None]
        rows = [
            stored._replace(
                seq=place, entry=made, header=stored.header if made is stored.entry else _said(stored, made)
            )
            for place, (stored, made) in enumerate(left, thin.first)
        ]
        thin.keep()
        self._store.append(rows)
        for row in rows:
            if row.entry.kind == ERASED:
                self._store.drop_body(row.entry.meta["target"], row.seq)
            self._made.apply(own, row.seq, row.entry)
        if self._made.settle is not None:
            self._made.settle(own)


class _StaleError(JournalConflictError):
    """What was taken is no longer what these readers may see, or not of this journal."""


def _next_page(own: Db, db: Db) -> list[Stored]:
    """Return what follows in the journal.

    Raises:
        _StaleError: it is not the one that was followed: that of a restored backup, say.
    """
    followed = int(journal_sql.get_meta(own, _FOLLOWED) or 0)
    judged_by = journal_sql.get_meta(own, _JUDGED_BY)
    if judged_by is not None:
        seq, chain = judged_by.split()
        rows = db.execute("SELECT chain FROM journal_entry WHERE seq = ?", (int(seq),))
        if int(seq) and (not rows or bytes(rows[0][0]).hex() != chain):
            raise _StaleError("this is not the journal that was followed")
    return [restore(row) for row in journal_sql.rows_from(db, followed + 1, PAGE)]


def _said(stored: Stored, made: Entry) -> bytes:
    """Return the header of what is left of an entry; of its body it says what the journal's own does."""
    header = _header_decoder.decode(stored.header)
    return canonical.encode(msgspec.structs.replace(header, meta=made.meta))


class Extracts:
    """The extracts of one node, made when somebody asks; for any thread."""

    def __init__(self, source: Store, made: Projections, shelf: Shelf) -> None:
        self._source = source
        self._made = made
        self._shelf = shelf
        self._lock = threading.Lock()
        self._held: dict[Readers, Extract] = {}
        self._closed = False

    def of(self, readers: Readers) -> Store:
        """Return what some readers may see, up to where the journal ends now.

        Raises:
            ExtractBehindError: it is still being made: ask again.
            KizunaError: the journal cannot be read now, or the extract not be written.
        """
        return self._source if readers.whole else self._of(readers).follow()

    def bring(self) -> bool:
        """Bring each extract that is kept one page further; return whether one of them was behind.

        Raises:
            KizunaError: see `of`.
        """
        kept = [readers for name in self._shelf.names() if (readers := readers_named(name)) is not None]
        behind = [self._of(readers).step() for readers in kept]
        return any(behind)

    def keep(self, wanted: Collection[Readers]) -> None:
        """Remove the extracts of all but these readers.

        Raises:
            ConfigError: a file cannot be removed.
        """
        with self._lock:
            for name in self._shelf.names():
                readers = readers_named(name)
                if readers not in wanted:
                    if readers in self._held:
                        self._held.pop(readers).close()
                    self._shelf.drop(name)

    def close(self) -> None:
        """Let go of the files, each brought one page further before: what was erased last is not left in one."""
        with self._lock:
            self._closed = True
            while self._held:
                with closing(self._held.popitem()[1]) as extract, suppress(KizunaError):
                    extract.step()

    def _of(self, readers: Readers) -> Extract:
        with self._lock:
            if self._closed:
                raise JournalConflictError("the node is stopping: ask again once it runs")
            extract = self._held.get(readers)
            if extract is None:
                extract = self._held[readers] = Extract(self._source, readers, self._made, self._shelf)
            return extract
