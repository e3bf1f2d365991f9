"""Text as a search sees it: what is written in several ways becomes one word, in every script.

Full-width and half-width letters and digits are one (NFKC), capitals count like small letters, katakana like hiragana, Latin letters with and without
their marks alike. Devanagari keeps its vowel signs, which are letters to a reader. Scripts without spaces between words are cut into pairs, so that
any part of a name is found. What a text says is kept elsewhere, in its own script; this is for finding it alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

WORD_BYTES = 48
"""How much of a word counts, in UTF-8."""
MOST_WORDS = 4_096
"""How many different words of one text are kept."""
MOST_ASKED = 8
"""How many words of a question count."""
_KATAKANA = range(0x30A1, 0x30F7)
_TO_HIRAGANA = 0x60
_PLAIN = re.compile(r"[a-z0-9]+").findall
_UNSPACED = ("CJK UNIFIED", "CJK COMPATIBILITY", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC ITERATION")


def words(text: str) -> set[bytes]:
    """Return the words of a text under which it is found, at most `MOST_WORDS`."""
    if text.isascii():  # most are, and this is most of the time
        plain = {run[:WORD_BYTES].encode() for run in _PLAIN(text.lower())}
        if len(plain) <= MOST_WORDS:
            return plain
    found: set[bytes] = set()
    for run, unspaced in _runs(text):
        if len(found) >= MOST_WORDS:
            break
        found.update(_cut(run[at : at + 2]) for at in range(len(run))) if unspaced else found.add(_cut(run))
    return found


def asked(text: str) -> tuple[bytes, ...]:
    """Return the beginnings of words that a text must have to be found by a question, at most `MOST_ASKED`."""
    found: list[bytes] = []
    for run, unspaced in _runs(text):
        pairs = max(1, len(run) - 1)
        found += [_cut(run[at : at + 2]) for at in range(pairs)] if unspaced else [_cut(run)]
    return tuple(dict.fromkeys(found))[:MOST_ASKED]


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """Yield what stands together, folded, and whether it is of a script without spaces."""
    run, before = "", False
    folded = _folded(text)
    if folded.isascii():
        yield from ((run, False) for run in _PLAIN(folded))
        return
    for char in folded:
        if unicodedata.category(char)[0] not in "LNM":
            if run:
                yield run, before
            run = ""
            continue
        unspaced = unicodedata.name(char, "").startswith(_UNSPACED)
        if run and unspaced != before:
            yield run, before
            run = ""
        run, before = run + char, unspaced
    if run:
        yield run, before


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    if plain.isascii():
        return plain
    hiragana = "".join(chr(ord(char) - _TO_HIRAGANA) if ord(char) in _KATAKANA else char for char in plain)
    return "".join(_unmarked(char) for char in unicodedata.normalize("NFKC", hiragana))


def _unmarked(char: str) -> str:
    """Return a Latin letter without its marks; any other as it is."""
    apart = unicodedata.normalize("NFD", char)
    return apart[0] if len(apart) > 1 and apart[0].isascii() else char


def _cut(word: str) -> bytes:
    return word.encode("utf-8", "replace")[:WORD_BYTES]
