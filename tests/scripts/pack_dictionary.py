"""Makes a dictionary for packing journals (`kizuna/storage/packing.py`) out of what nodes journal.

Run from the root of a checkout: `python tests/scripts/pack_dictionary.py FILE JOURNAL`. The stories of every domain are played by their tests; of
each kind of entry and each type of record a few headers and bodies are taken. JOURNAL is one of a demo partnership that has carried some thousand
records (`kizuna demo` makes one): what fills disks is taken from it, in the measure in which it does. A dictionary that was released is never
made anew: journals need it for ever. A new one gets a new name and new forms.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from unittest import mock

import pytest
import zstandard

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from kizuna.kernel.journal import Db, Stored  # noqa: E402 # after the path is set
from kizuna.node.domains import DOMAINS  # noqa: E402 # the same
from kizuna.node.held.filling import projections  # noqa: E402 # the same
from kizuna.storage import packed_sql, packing  # noqa: E402 # the same
from kizuna.storage.sqlite import open_sqlite  # noqa: E402 # the same

SIZE = 32 << 10
OF_EACH_KIND = 6
OF_WHAT_IS_FREQUENT = 1_200
LARGEST = 16 << 10
"""Larger samples would fill the dictionary with one text."""
STORIES = (
    "bundles", "casework", "consent", "dialogue_commitments", "dialogue_files", "dialogue_meetings", "enrolling", "erasing", "exercises",
    "federation", "instruments_life", "maritime", "positions", "protection", "relabelling", "retention", "rotating", "supply",
    "supply_documents", "supply_stock", "taking_back", "three_parties", "training", "unlinkable", "watchlog", "withdrawing",
)  # fmt: skip

_TYPE = re.compile(rb'\\?"type\\?":\\?"([a-z0-9.-]+)')

Kinds = dict[tuple[str, str, str], list[bytes]]


def told() -> Kinds:
    """Return what the stories' nodes journal, as zstd is to pack it, by where it lies, its kind and its type."""
    found: Kinds = defaultdict(list)

    def take(place: str, kind: str, data: bytes) -> None:
        text = packing.fold(data)[0]
        if len(text) <= LARGEST:
            named = _TYPE.search(text)
            found[place, kind, named[1].decode() if named else ""].append(text)

    append = packed_sql.Packing.append

    def noting(packing_of: packed_sql.Packing, db: Db, linked: Iterable[Stored]) -> None:
        entries = list(linked)
        for stored in entries:
            take("header", stored.entry.kind, stored.header)
            if stored.entry.body:
                take("body", stored.entry.kind, stored.entry.body)
        append(packing_of, db, entries)

    tests = [str(ROOT / "tests" / "sim" / f"test_{story}.py") for story in STORIES]
    with mock.patch.object(packed_sql.Packing, "append", noting):
        if pytest.main(["-q", "-p", "no:cacheprovider", "-n", "0", *tests]):
            raise SystemExit("a story failed: mend it first")
    return found


def spread(texts: list[bytes], count: int) -> list[bytes]:
    """Return at most `count` of them, from beginning to end."""
    return texts[:: max(1, -(-len(texts) // count))]


def frequent(journal: str) -> list[bytes]:
    """Return headers and statements of a journal in turn."""
    store = open_sqlite(journal, projections(DOMAINS))
    try:
        entries = list(store.read(1, store.head().seq))
    finally:
        store.close()
    bodies = [packing.fold(each.entry.body) for each in entries if each.entry.body]
    headers = spread([each.header for each in entries], OF_WHAT_IS_FREQUENT)
    statements = spread([text for text, runs in bodies if runs and len(text) <= LARGEST], OF_WHAT_IS_FREQUENT)
    return [text for pair in zip(headers, statements, strict=False) for text in pair]


def main(target: str, journal: str) -> None:
    """Write the dictionary, and say of what it was made."""
    kinds = told()
    groups = [spread(list(dict.fromkeys(texts)), OF_EACH_KIND) for texts in kinds.values()]
    texts = [text for group in sorted(groups, key=lambda group: (len(group), group)) for text in group]
    texts += frequent(journal)
    made = zstandard.train_dictionary(SIZE, [*texts]).as_bytes()
    Path(target).write_bytes(made)
    print(f"{len(made)} bytes from {len(texts)} samples of {len(kinds)} kinds, {sum(map(len, texts))} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
