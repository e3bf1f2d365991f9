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
from markupsafe import Markup, escape

from kizuna.web.catalogue import Words

_RECORD_ID = re.compile(r"[0-9a-f]{64}").fullmatch
_CASE = re.compile(r"[a-z][a-z0-9-]{1,40}\.[a-z][a-z0-9-]{1,40}:\S{1,100}").fullmatch
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
_ACRONYMS = {"mmsi": "MMSI", "imo": "IMO", "id": "id", "utc": "UTC"}


def title(name: str) -> str:
    """Return a field's name as words: `opened_at_ms` is `Opened at`."""
    bare = name.removesuffix("_ms").removesuffix("_600000")
    stem, _, unit = bare.rpartition("_")
    bare = stem if stem and unit in _UNITS else bare
    words = [_ACRONYMS.get(word, word) for word in re.split(r"[_\s.-]+", bare) if word]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


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


def place(lat_600000: int | None, lon_600000: int | None) -> str:
    """Return a position in degrees and decimal minutes, as charts are read."""
    if lat_600000 is None or lon_600000 is None:
        return NOTHING
    return f"{_angle(lat_600000, 2, 'N', 'S')} {_angle(lon_600000, 3, 'E', 'W')}"


def party(code: str, language: str) -> str:
    """Return the name of a party in a language where its code is a country's (ISO 3166-1 alpha-3), else the code."""
    found = get_global("territory_aliases").get(code.upper(), ())
    return str(Locale(language).territories.get(found[0], code)) if found else code


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
        return _number(name, value)
    if isinstance(value, str):
        return _text(name, value, words)
    if isinstance(value, Mapping):
        return Markup("<br>").join(
            Markup("{}: {}").format(words(str(key)), cell(str(key), each, words)) for key, each in value.items()
        )
    if isinstance(value, list | tuple):
        if all(isinstance(each, str | int) for each in value):
            return Markup(", ").join(cell(name, each, words) for each in value)
        return Markup("<code>{}</code>").format(json.dumps(value, ensure_ascii=False))
    return escape(str(value))


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
    return escape(words(value)) if name in _SAID_BY_US else escape(value)


_SAID_BY_US = frozenset({"state", "kind", "effect", "transition", "reason", "standing", "confidence", "source_kind"})
"""Fields whose values are words of ours, which the catalogue may know; all else is shown as it was said."""
