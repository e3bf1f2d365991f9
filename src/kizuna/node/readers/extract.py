"""Extracts of the journal: what readers of one clearance and nationality may see, in order, with tables that the same code fills.

Whoever may not see all that a node holds asks an extract instead of the store. What an entry says of a record that its readers may not see is not
in it: not its line, not its place in a channel, not its part of a count. So every list, page, sum, order and search over it is what it would be on a
node that never had that record. Sequence numbers and places in channels are counted anew; a chain value stays the journal's own.

An extract lives in memory and follows the journal; who asks for one that is far behind brings it some way further and is told to ask again. Where
a relabel, an erasure or another holding changes who may see a record that was judged before, it is made anew. Its store is read by one at a time:
inside a view of it, nothing is waited for that asks it too.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from kizuna.errors import JournalConflictError, KizunaError
from kizuna.kernel.journal import ERASED, Db, Entry, Projections, Store, Stored, parse_header
from kizuna.node.readers.thinning import Judge, Readers, Thinning, concerned
from kizuna.storage.sqlite import open_sqlite

PAGE = 500
PAGES_AT_ONCE = 20
"""So far one call reads the journal for an extract: a few seconds at most."""
_WAS_ERASED = f"was-{ERASED}"
"""The kind of entry that keeps the place of an erasure whose target never had a body here."""
MOST_HELD = 8
"""Extracts that are kept; the one that was asked least lately goes first."""


class ExtractBehindError(JournalConflictError):
    """An extract that is still being made: each call brings it further. How far it is would tell of what is left out."""


class Extract:
    """What some readers may see of one store; for any thread."""

    def __init__(self, source: Store, readers: Readers, made: Projections) -> None:
        self._source = source
        self._readers = readers
        self._made = made
        self._lock = threading.RLock()
        self._begin()

    def _begin(self) -> None:
        chains: dict[int, bytes] = {}

        def apply(db: Db, seq: int, entry: Entry) -> None:
            self._made.apply(db, seq, entry)
            db.execute("UPDATE journal_entry SET chain = ? WHERE seq = ?", (chains.pop(seq), seq))

        self._chains = chains
        self._store = open_sqlite(":memory:", replace(self._made, apply=apply))
        self._thinning = Thinning(Judge(self._readers))
        self._seq = 0

    def follow(self) -> Store:
        """Return the store of the extract, brought up to where the journal ends; a former one that somebody still reads is left as it is.

        Raises:
            ExtractBehindError: it is not there yet: ask again.
            KizunaError: the journal cannot be read now.
        """
        with self._lock:
            try:
                for _ in range(PAGES_AT_ONCE):
                    if not self._step():
                        return self._store
            except KizunaError:
                self._begin()  # what was taken in half is not known
                raise
            raise ExtractBehindError("what you may see is being put together: ask again in a moment")

    def _step(self) -> bool:
        page = list(self._source.read(self._seq + 1, PAGE))
        if not page:
            return False
        thin = self._thinning
        with self._source.view() as db:
            if any(self._is_stale(db, stored) for stored in page):
                self._begin()
                return True
            taken = [(stored, made) for stored in page if (made := thin.take(db, stored.seq, stored.entry)) is not None]
        first = len(thin.kept) - len(taken) + 1
        self._chains.update((first + place, stored.chain) for place, (stored, _) in enumerate(taken))
        self._keep([made for _, made in taken])
        self._seq = page[-1].seq
        return True

    def _keep(self, entries: Sequence[Entry]) -> None:
        """Append what was left; what is erased after it was taken is erased here too."""
        waiting: list[Entry] = []
        for entry in entries:
            if entry.kind != ERASED:
                waiting.append(entry)
                continue
            self._store.commit(waiting)
            waiting, target = [], entry.meta["target"]
            if self._store.query("SELECT 1 FROM journal_body WHERE seq = ? AND body IS NOT NULL", (target,)):
                self._store.erase(target, entry)
            else:  # it was erased before this extract was made
                waiting = [Entry(kind=_WAS_ERASED, at_ms=entry.at_ms, meta=entry.meta)]
        self._store.commit(waiting)

    def _is_stale(self, db: Db, stored: Stored) -> bool:
        """Return whether an entry changes who may see what was judged before it came."""
        thin, entry = self._thinning, stored.entry
        names = list(concerned(entry))
        place = thin.place(entry.meta["target"]) if entry.kind == ERASED else 0
        for (header,) in self._store.query("SELECT header FROM journal_entry WHERE seq = ?", (place,)) if place else ():
            names.append(parse_header(bytes(header)).meta.get("item", ""))
        known = [each for each in names if each in thin.judge.known]
        return any(thin.judge.asks(db, each) != thin.judge.known[each] for each in known)


class Extracts:
    """The extracts of one node, made when somebody asks; for any thread."""

    def __init__(self, source: Store, made: Projections) -> None:
        self._source = source
        self._made = made
        self._lock = threading.Lock()
        self._held: OrderedDict[Readers, Extract] = OrderedDict()

    def of(self, readers: Readers) -> Store:
        """Return what some readers may see, up to where the journal ends now.

        Raises:
            ExtractBehindError: it is still being made: ask again.
            KizunaError: the journal cannot be read now.
        """
        if readers.whole:
            return self._source
        with self._lock:
            extract = self._held.get(readers)
            if extract is None:
                extract = self._held[readers] = Extract(self._source, readers, self._made)
            self._held.move_to_end(readers)
            while len(self._held) > MOST_HELD:
                self._held.popitem(last=False)
        return extract.follow()
