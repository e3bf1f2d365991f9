"""The job that takes what was withdrawn, destroyed, erased or has ended out of the files of the archive, and what finds whether any is left there.

Each file says from which entries of the journal its rows are. One with an entry that stands no longer is made anew from its other entries, which are
still in the journal: the new file is durable before the old one goes, and only then is it written down up to where the archive is cleared. A loss of
power in between leaves the old file, or both, and the work still to do. Files of former versions do not say from which entries they are: where
anything of their party was withdrawn, such a day is made anew from all batches that stand.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from kizuna.errors import RecordError
from kizuna.formats.positions_arrow import empty
from kizuna.kernel.journal import Store
from kizuna.node.maritime.archives import NEVER, Archives, Files
from kizuna.node.maritime.picture import LivePicture
from kizuna.node.maritime.repeating import Repeating
from kizuna.node.maritime.withdrawn import entries_of_day, parties_with_withdrawn, standing

FIRST_S = 1.0
EVERY_S = 2.0
_LOOKS = 3


class Clearing(Repeating):
    """Clears the archives of one node every so often; `once` does it now.

    Args:
        store: knows what stands.
        picture: gives the rows of an entry; it follows the journal, and is made anew when rows have gone.
    """

    def __init__(self, store: Store, picture: LivePicture) -> None:
        super().__init__("clearing", first_s=FIRST_S, every_s=EVERY_S)
        self._store = store
        self._picture = picture
        self._archives = picture.archives
        self._once = threading.Lock()

    def once(self) -> int:
        """Clear what was withdrawn as far as the picture has followed the journal, and return how many files went or were made anew.

        Raises:
            KizunaError: a file is damaged, or the archive cannot be written; the rest is done the next time.
        """
        with self._once:
            archives = self._archives
            self._picture.wait(self._store.head().seq, 0)  # an erasure tells no observer
            seq, gone = archives.seq, archives.waiting()
            count = 0
            if gone or archives.cleared == NEVER:
                which = None if archives.cleared == NEVER else np.array(sorted(gone), np.int64)
                while found := list(
                    fallen(self._store, archives, which)
                ):  # again, should one have been joined meanwhile
                    count += sum(self._made_anew(files) for files in found)
            archives.note_cleared(seq, gone)
            if count:
                self._picture.look_again()
            return count

    def _made_anew(self, files: Files) -> int:
        told = [each for each in files.entries.values() if each is not None]
        if len(told) == len(files.entries):
            left = standing(self._store, np.unique(np.concatenate(told)))
        else:
            left = entries_of_day(self._store, files.key, files.day)
        tables, of = [empty()], [np.empty(0, np.int64)]
        for entry in left.tolist():
            found = self._picture.brought(entry)
            if found is not None and found[0] == files.key:
                tables.append(found[1])
                of.append(np.full(found[1].num_rows, entry, np.int64))
        done = self._archives.replace(files, pa.concat_tables(tables), np.concatenate(of))
        return len(files.entries) if done else 0


def fallen(store: Store, archives: Archives, gone: NDArray[np.int64] | None) -> Iterator[Files]:
    """Yield the files that have rows of these entries, with those that share an entry with them; of None, of any that stands no longer.

    They share one where a day was cut by vessels, and where a loss of power left a file beside what was made of it. Of a day one of whose files does
    not say from which entries it is, all are given, where anything of its party was withdrawn.

    Raises:
        RecordError: a file cannot be read.
    """
    parties: frozenset[str] | None = None
    for files in archives.contents():
        if any(each is None for each in files.entries.values()):
            parties = parties_with_withdrawn(store) if parties is None else parties
            if files.key.party in parties:
                yield files
            continue
        told = {part: each for part, each in files.entries.items() if each is not None}
        stale = [each for each in told.values() if _has(store, each, gone)]
        if stale:
            touched = np.concatenate(stale)
            yield files._replace(entries={part: each for part, each in told.items() if np.isin(each, touched).any()})


def _has(store: Store, entries: NDArray[np.int64], gone: NDArray[np.int64] | None) -> bool:
    if gone is None:
        return len(standing(store, entries)) < len(entries)
    return bool(np.isin(gone, entries).any())


class Left(NamedTuple):
    """A file of the archive that may hold rows of what was withdrawn, and how many of its entries stand no longer; None where it does not say."""

    path: Path
    entries: int | None


def left(store: Store, root: Path) -> list[Left]:
    """Return the files under an archive's folder that hold what stands no longer; looks at all, beside a running node too.

    Raises:
        RecordError: a file cannot be read.
    """
    for look in range(_LOOKS):
        try:
            found = [
                Left(part, None if each is None else len(each) - len(standing(store, each)))
                for files in fallen(store, Archives(root), None)
                for part, each in files.entries.items()
            ]
            return [each for each in found if each.entries != 0]
        except RecordError:  # the node that runs here may have joined it meanwhile
            if look == _LOOKS - 1:
                raise
    return []
