"""The words of the pages in English, Japanese and Hindi: one gettext catalogue a language, read when the node starts.

The English text is the key. What a domain says of its operations and fields goes through the same catalogue; what has no translation is shown in
English rather than not at all, and tests say that there is none. A short word may mean something else at one desk: a vessel has a course, a school
gives one. Such a message bears the domain's name as its context (`msgctxt`) and counts on the pages of that desk alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages import pofile

from kizuna.kernel.explain import LANGUAGES

FOLDER = Path(__file__).resolve().parent / "words"
NAMES = {"en": "English", "ja": "日本語", "hi": "हिन्दी"}
_PREFERRED = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?))?\s*").fullmatch


@cache
def catalogue(language: str) -> Mapping[str, Mapping[str, str]]:
    """Return the translations of a language, of all its files: by the desk where they count, empty for all pages, then by the English text."""
    found: dict[str, dict[str, str]] = {"": {}}
    for path in sorted((FOLDER / language).glob("*.po")):
        for message in pofile.read_po(BytesIO(path.read_bytes()), locale=language):
            if isinstance(message.id, str) and message.id and isinstance(message.string, str) and message.string:
                found.setdefault(message.context or "", {})[message.id] = message.string
    return found


class Words:
    """The words of one language, at a desk or anywhere; called with an English text it returns the text in that language."""

    def __init__(self, language: str, desk: str = "") -> None:
        self.language = language if language in LANGUAGES else "en"
        found = catalogue(self.language)
        self._found = {**found[""], **found.get(desk, {})}

    def __call__(self, text: str | None, **values: Any) -> str:
        """Return the text in this language, with values in its braces; nothing for nothing."""
        if not text:
            return ""
        said = self._found.get(text, text)
        return said.format(**values) if values else said

    def knows(self, text: str) -> bool:
        """Return whether there is a translation."""
        return self.language == "en" or text in self._found


def language_of(header: str) -> str:
    """Return the first of our languages that an `Accept-Language` header prefers (RFC 9110 §12.5.4), English where it names none."""
    wishes = []
    for place, part in enumerate(header.split(",")[:20]):
        found = _PREFERRED(part)
        if found is not None and found[1].lower() in LANGUAGES:
            wishes.append((-float(found[2] or 1), place, found[1].lower()))
    return min(wishes)[2] if wishes else "en"
