"""The job that ends positions: by the settings' `[[retention]]`, and by the term of the agreement under which a partner released them.

A batch that is to go is named in the journal first, with the rule, its rows and what files they lay in (`positions-ended`); then its bodies and
blobs go by journalled acts, as in every erasure; then `kizuna.node.maritime.clearing` takes it out of the archive, as all that stands no longer.
All of it may be done again: what the power cut off is found in the journal when the node starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import pyarrow as pa

from kizuna.domains.maritime.records import SIMULATED
from kizuna.domains.maritime.retention import Ending, Held, Rule, endings
from kizuna.formats.positions_arrow import values_of
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.journal import Store
from kizuna.kernel.ports import Clock
from kizuna.node.effects import EndPositions
from kizuna.node.maritime.archives import ArchiveKey
from kizuna.node.maritime.clearing import Clearing
from kizuna.node.maritime.feeding import Doer
from kizuna.node.maritime.picture import LivePicture
from kizuna.node.maritime.repeating import Repeating

FIRST_S = 5.0
EVERY_S = 600.0
AT_ONCE = 200
"""Batches that one entry of the journal ends."""
REPLY_S = 120.0

_LEFT = (
    " EXISTS (SELECT 1 FROM record r JOIN holding h ON h.record = r.seq WHERE r.id = b.record_id AND h.seq >"
    " COALESCE((SELECT MAX(e.seq) FROM positions_ended e WHERE e.record_id = b.record_id), 0))"
)
"""What was named as ended is held no more, though its bodies may still be there for a moment; what came again since then is."""


class Found(msgspec.Struct, frozen=True):
    """What ends, with the days that the archive has rows of it, and how many rows there are."""

    ending: Ending
    days: tuple[int, ...]
    rows: int


class Ageing(Repeating):
    """Ends positions every so often; `once` looks now.

    Args:
        runner: journals what ends.
        store: knows the batches.
        picture: gives the rows of a batch, and keeps the archives where they lie besides; it follows the journal while this works.
        clearing: takes them out of the archives.
        rules: of the settings.
        clock: the node's clock.
    """

    def __init__(
        self,
        runner: Doer,
        store: Store,
        picture: LivePicture,
        clearing: Clearing,
        rules: Sequence[Rule],
        *,
        clock: Clock,
    ) -> None:
        super().__init__("retention", first_s=FIRST_S, every_s=EVERY_S)
        self._runner = runner
        self._store = store
        self._picture = picture
        self._archives = picture.archives
        self._clearing = clearing
        self._rules = rules
        self._clock = clock

    def due(self) -> Iterator[Found]:
        """Yield what is to end now, at most `AT_ONCE` batches at a time; nothing is changed by asking."""
        for ending in endings(self._held(), self._rules, self._clock.now_ms()):
            for first in range(0, len(ending.records), AT_ONCE):
                some = msgspec.structs.replace(ending, records=ending.records[first : first + AT_ONCE])
                tables = [table for record_id in some.records if (table := self._rows(record_id)) is not None]
                times = [values_of(table, "time_ms")[0] // DAY_MS for table in tables]
                days = np.unique(np.concatenate([np.empty(0, np.int64), *times])).tolist()
                yield Found(some, tuple(days), sum(table.num_rows for table in tables))

    def once(self) -> int:
        """End what is to end now, take it out of the archive, and return how many batches it was.

        Raises:
            KizunaError: the journal or the archive cannot be written, or the clock is in doubt; the rest is done the next time.
        """
        self._archives.flush()
        count = 0
        for found in self.due():
            ending = found.ending
            key = ArchiveKey(ending.party, ending.source_kind, ending.source)
            files, sha256 = self._archives.digest(key, found.days)
            command = EndPositions(
                *key, rule=ending.rule, records=ending.records, days=found.days, rows=found.rows, files=files, files_sha256=sha256
            )  # fmt: skip
            self._runner.do(command).result(REPLY_S)
            self._picture.wait(self._store.head().seq, REPLY_S)
            count += len(ending.records)
        self._clearing.once()
        return count

    def _held(self) -> list[Held]:
        """Return the batches that may have to go: those with a term, and those that are older than the shortest rule."""
        now_ms = self._clock.now_ms()
        oldest_ms = now_ms - min(rule.days for rule in self._rules) * DAY_MS if self._rules else -1
        rows = self._store.query(
            "SELECT b.record_id, b.party, COALESCE(b.source_kind, ?), COALESCE(b.source, ''), COALESCE(b.window_to_ms, 0), t.ends_ms,"
            " COALESCE(t.term, '') FROM maritime_batch b LEFT JOIN retained t ON t.record_id = b.record_id AND t.term <> '' AND b.own = 0"
            f" WHERE (t.ends_ms <= ? OR b.window_to_ms <= ?) AND {_LEFT} ORDER BY b.record_id",
            (SIMULATED, now_ms + DAY_MS, oldest_ms),
        )
        return [Held(*row) for row in rows]

    def _rows(self, record_id: str) -> pa.Table | None:
        found = self._picture.batch(record_id)
        return None if found is None else found[1]
