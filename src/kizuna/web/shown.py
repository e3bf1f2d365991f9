"""How values look on a page: instants, places, ids with where they lead, names as words. Everything is escaped here or by the template."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from babel import Locale
from babel.core import get_global
from babel.numbers import format_decimal
from markupsafe import Markup, escape

from kizuna.web.catalogue import Words

_RECORD_ID = re.compile(r"[0-9a-f]{64}").fullmatch
_CASE = re.compile(r"[a-z][a-z0-9-]{1,40}\.[a-z][a-z0-9-]{1,40}:\S{1,100}").fullmatch
_EVENT = re.compile(r"([^:]*: )?([a-z-]+) told by ([a-z]{3})\b((?s:.*))")
"""As the watch log writes it: the area where there is one, the kind of event, whose word it is, and what more was found."""
_UNSIGNED = re.compile(r"this version is not signed by (`[a-z]{3}`(?:, `[a-z]{3}`)*)")
_PARTY = re.compile(r"[a-z]{3}")
_DECIMAL = re.compile(r"(-?)([0-9]+)((?:\.[0-9]+)?)")
_CODES = re.compile(r"[a-z]{3}( [a-z]{3})*").fullmatch
_BACKTICKS = re.compile(r"`([^`]+)`")
NOTHING = "\N{EN DASH}"
"""What stands where there is no value."""
_MINUTES_OF_ARC = "\N{PRIME}"
_MOST_MS = 253_402_300_799_000
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_UNITS = {
    "kn": (1, " kn"), "dkn": (10, " kn"), "nm": (1, " nm"), "m": (1, " m"), "dm": (10, " m"), "deg": (1, "°"), "ddeg": (10, "°"),
    "percent": (1, " %"), "bytes": (1, " B"),
}  # fmt: skip
"""Units that stand at the end of a name: by what the value is divided, and how the unit is written."""
GRAVITY = {
    1: "very significant", 2: "moderately significant", 3: "less significant", 4: "petty",
}  # fmt: skip
"""The categories of an incident (maritime watch log)."""
_ACRONYMS = {"mmsi": "MMSI", "imo": "IMO", "id": "id", "utc": "UTC"}


def title(name: str) -> str:
    """Return a field's name as words: `opened_at_ms` is `Opened at`."""
    bare = name.removesuffix("_ms").removesuffix("_600000")
    stem, _, unit = bare.rpartition("_")
    bare = stem if stem and unit in _UNITS else bare
    words = [_ACRONYMS.get(word, word) for word in re.split(r"[_\s.-]+", bare) if word]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def state(name: str, words: Words) -> str:
    """Return what a state of a case is called: as the catalogue has it, in English as words."""
    said = words(name)
    return title(name) if said == name else said


def instant(at_ms: int | None) -> str:
    """Return an instant in UTC to the second, a dash where there is none."""
    if not at_ms or not 0 < at_ms < _MOST_MS:
        return NOTHING
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"


def ago(at_ms: int | None, now_ms: int, words: Words) -> str:
    """Return how long ago an instant is, in one unit."""
    if not at_ms:
        return words("never")
    seconds = max(0, (now_ms - at_ms) // 1000)
    if seconds >= _DAY:
        return words("{n} d ago", n=seconds // _DAY)
    if seconds >= _HOUR:
        return words("{n} h ago", n=seconds // _HOUR)
    return words("{n} min ago", n=seconds // _MINUTE) if seconds >= _MINUTE else words("{n} s ago", n=seconds)


def coded(text: str) -> Markup:
    """Return a sentence whose values and commands stand in backticks with these set as code."""
    parts = _BACKTICKS.split(text)  # every second one stood in backticks
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def grouped(number: str, language: str) -> str:
    """Return a decimal number with its thousands apart, as the language writes them; what is none stays as it is."""
    found = _DECIMAL.fullmatch(number)
    if found is None:
        return number
    sign, whole, rest = found.groups()
    return sign + format_decimal(int(whole), locale="en_IN" if language == "hi" else language) + rest


def place(lat_600000: int | None, lon_600000: int | None) -> str:
    """Return a position in degrees and decimal minutes, as charts are read."""
    if lat_600000 is None or lon_600000 is None:
        return NOTHING
    return f"{_angle(lat_600000, 2, 'N', 'S')} {_angle(lon_600000, 3, 'E', 'W')}"


def party(code: str | None, language: str) -> str:
    """Return the name of a party in a language where its code is a country's (ISO 3166-1 alpha-3), else the code; a dash where there is none."""
    if not code:
        return NOTHING
    found = get_global("territory_aliases").get(code.upper(), ())
    return str(Locale(language).territories.get(found[0], code)) if found else code


def told(what: str | None, words: Words) -> str:
    """Return what an alert found in the reader's words, where it is an event that a party told of; else as it is."""
    found = _EVENT.match(what or "")
    if found is None:
        return what or NOTHING
    head, kind, code, rest = found.groups()
    return (head or "") + words("{kind}, told by {party}", kind=words(kind), party=party(code, words.language)) + rest


def noted(note: str, words: Words) -> Markup:
    """Return why an agreement does not count, in the reader's words where only signatures lack; else as it was said."""
    found = _UNSIGNED.fullmatch(note)
    if found is None:
        return coded(words(note))
    names = ", ".join(party(code, words.language) for code in _PARTY.findall(found[1]))
    return escape(words("this version is not signed by {parties}", parties=names))


def _angle(value: int, width: int, plus: str, minus: str) -> str:
    tenths = round(abs(value) / 1000)  # 1/600000 degree is 1/10000 minute
    degrees, rest = divmod(tenths, 600)
    return f"{degrees:0{width}d}°{rest / 10:04.1f}{_MINUTES_OF_ARC}{minus if value < 0 else plus}"


def cell(name: str, value: Any, words: Words) -> Markup:  # noqa: PLR0911 # one return for each kind of value
    """Return a value under a field's name as a page shows it: instants, places, and ids as links to what they name."""
    if value is None or value == "" or value in ((), [], {}):
        return escape(NOTHING)
    if isinstance(value, bool):
        return escape(words("yes") if value else words("no"))
    if isinstance(value, int):
        return _number(name, value) if name != "category" else escape(words(GRAVITY.get(value, str(value))))
    if isinstance(value, str):
        return _text(name, value, words)
    if isinstance(value, Mapping):
        return Markup("<br>").join(
            Markup("{}: {}").format(_called(str(key), words), cell(str(key), each, words))
            for key, each in value.items()
        )
    if isinstance(value, list | tuple):
        if all(isinstance(each, str | int) for each in value):
            return Markup(", ").join(cell(name, each, words) for each in value)
        if all(isinstance(each, list | tuple) for each in value):
            return Markup("<br>").join(Markup(" · ").join(cell("", part, words) for part in each) for each in value)
        if all(isinstance(each, Mapping) for each in value):
            return Markup("<br>").join(_line(each, words) for each in value)
        return Markup("<code>{}</code>").format(json.dumps(value, ensure_ascii=False))
    return escape(str(value))


def _called(key: str, words: Words) -> str:
    """Return what a part of a value is called: a party by its name, all else by its field's."""
    name = party(key, words.language) if _CODES(key) else key
    return words(title(key)) if name == key else name


def _line(value: Mapping[Any, Any], words: Words) -> Markup:
    """Return the parts of a value in one line."""
    parts = (
        Markup("{}: {}").format(_called(str(key), words), cell(str(key), each, words)) for key, each in value.items()
    )
    return Markup(" · ").join(parts)


def _number(name: str, value: int) -> Markup:
    if name.endswith("_ms"):
        return Markup('<time datetime="{0}">{0}</time>').format(instant(value))
    if name.endswith("mmsi"):
        return Markup('<a href="/vessels/{0}">{0}</a>').format(value)
    if name.endswith("_600000"):
        return escape(f"{value / 600_000:.4f}°")
    divisor, unit = _UNITS.get(name.rpartition("_")[2], (1, "")) if "_" in name else (1, "")
    return escape(f"{value / divisor:.1f}{unit}" if divisor > 1 else f"{value}{unit}")


def _text(name: str, value: str, words: Words) -> Markup:
    if _RECORD_ID(value):
        return Markup('<a class="mono" href="/records/{}">{}…</a>').format(value, value[:12])
    if _CASE(value):
        return Markup('<a href="/cases/{}">{}</a>').format(quote(value, safe=":"), value)
    if name in _OF_PARTIES and _CODES(value):
        return Markup(", ").join(party(code, words.language) for code in value.split())
    return escape(words(value)) if name in _SAID_BY_US else escape(value)


_SAID_BY_US = frozenset({"state", "kind", "effect", "transition", "reason", "standing", "confidence", "source_kind"})
"""Fields whose values are words of ours, which the catalogue may know; all else is shown as it was said."""
_OF_PARTIES = frozenset({
    "actors", "addressee", "asker", "asserted_by", "author", "beneficiary", "donor", "given_by", "guest", "home", "host", "issuer", "lead",
    "lead_party", "next_host", "observers", "originator", "originators", "other", "owner_party", "parties", "partner", "partners", "party",
    "provider", "releasable_to", "requester", "stated_by", "waits_for",
})  # fmt: skip
"""Fields that name parties by their codes, which are shown by their names."""
