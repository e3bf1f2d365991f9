"""What a rule may say, how a box and a place are written, and how an alert is called."""

from __future__ import annotations

import hashlib
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from kizuna.domains.maritime.watchlog.kinds import KINDS
from kizuna.errors import RefusedError
from kizuna.kernel import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kizuna.domains.maritime.watchlog.records import RuleKind

DEGREE = 600_000
TOP_DKN = 1_022
"""The greatest speed that AIS can say (ITU-R M.1371-5)."""
_POLE, _HALF_ROUND = 90, 180
_EDGES, _PLACE = 4, 2
_NAME_CHARS = 16
_MMSI_DIGITS = 9


def _degrees(field: str, text: str, count: int, form: str) -> list[int]:
    """Return decimal degrees between commas in 1/600000 degree; the even ones are latitudes."""
    parts = text.split(",")
    try:
        found = [Decimal(part.strip()) for part in parts]
    except InvalidOperation:
        found = []
    bounds = (_POLE, _HALF_ROUND)
    # Compared as it is: arithmetic, which `abs` is too, fails on a number of a billion digits.
    sound = all(value.is_finite() and -bounds[nth % 2] <= value <= bounds[nth % 2] for nth, value in enumerate(found))
    if len(found) != count or not sound:
        raise RefusedError(
            f"`{field}` `{text[:60]}` is not {form}: write it in decimal degrees, south and west negative"
        )
    return [round(value * DEGREE) for value in found]


def box(text: str) -> tuple[int, int, int, int]:
    """Return south, west, north and east of a box in 1/600000 degree, from `5,80,10.5,90`.

    Raises:
        RefusedError: it is no box; one over 180 degrees is written as two rules.
    """
    south, west, north, east = _degrees("box", text, _EDGES, "`south,west,north,east`")
    if south >= north or west >= east:
        raise RefusedError(
            f"`box` `{text[:60]}` has no inside: the south edge comes before the north, the west before the east;"
            " write one over 180 degrees as two rules"
        )
    return south, west, north, east


def place(text: str) -> tuple[int, int]:
    """Return latitude and longitude in 1/600000 degree, from `18.95,72.83`.

    Raises:
        RefusedError: it is no place.
    """
    lat, lon = _degrees("position", text, _PLACE, "`latitude,longitude`")
    return lat, lon


def vessels(texts: Iterable[str]) -> tuple[int, ...]:
    """Return MMSI as numbers, ascending, each once.

    Raises:
        RefusedError: one has not nine digits.
    """
    found = set()
    for text in texts:
        if len(text) != _MMSI_DIGITS or not text.isascii() or not text.isdecimal():
            raise RefusedError(f"`mmsi` `{text[:20]}` is no MMSI: give its nine digits")
        found.add(int(text))
    return tuple(sorted(found))


def own_area(rule: str, version: int) -> str:
    """Return the name of the area that a rule's box is, as the search for entries knows it."""
    return f"{rule}@{version}"


def alert_name(
    rule: str, kind: str, mmsi: int | None, other_mmsi: int | None, area: str, from_ms: int, source_kind: str
) -> str:
    """Return the name of an alert: the same finding of the same rule is called the same, whenever and by whichever node it is said."""
    told = [rule, kind, mmsi, other_mmsi, area, from_ms, source_kind]
    return hashlib.sha256(canonical.encode(told)).hexdigest()[:_NAME_CHARS]


def check_rule(kind: RuleKind, *, area: str, boxed: bool, over_dkn: int, at_least_ms: int) -> None:
    """Accept what a rule of this kind may say.

    Raises:
        RefusedError: a field is missing, or says nothing to such a rule.
    """
    if kind == "area" and (area != "") == boxed:
        raise RefusedError(
            "a rule on an `area` takes either `area`, one of the watched areas of the settings, or a `box`"
        )
    if kind != "area" and area:
        raise RefusedError(f"`area` is for a rule of the kind `area`: limit a rule on `{kind}` by a `box`")
    if kind == "speed" and not 0 < over_dkn <= TOP_DKN:
        raise RefusedError(
            f"`over_dkn` `{over_dkn}` is no speed: give tenths of a knot from 1 to {TOP_DKN}, 25 knots as `250`"
        )
    if kind != "speed" and over_dkn:
        raise RefusedError(f"`over_dkn` says nothing to a rule on `{kind}`: leave it out")
    if not KINDS[kind].lasts and at_least_ms:
        raise RefusedError(f"`at_least_min` says nothing to a rule on `{kind}`: leave it out")
