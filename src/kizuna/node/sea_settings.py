"""The settings of waters, known places and how long positions are kept: their tables, and what is wrong with them.

`kizuna.node.settings` reads the file that they stand in; `docs/operations.md` lists each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from kizuna.domains.maritime.retention import Rule
from kizuna.kernel import label
from kizuna.node.setting_parts import Fail, Part

_POLE, _HALF_TURN = 90, 180


class Area(Part, frozen=True, kw_only=True):
    """Waters that officers watch, a box in degrees; west greater than east crosses 180 degrees."""

    name: str
    south: float
    west: float
    north: float
    east: float


class Anchorage(Part, frozen=True, kw_only=True):
    """A known anchorage, in degrees: ships that lie close together there are not meeting at sea."""

    name: str
    lat: float
    lon: float


class Retention(Part, frozen=True, kw_only=True):
    """Positions of these sources end so many days after they were heard; what is left out means any."""

    days: int
    party: str = ""
    source_kind: Literal["", "live", "recorded", "simulated"] = ""
    source: str = ""

    def rule(self) -> Rule:
        """Return it as the decision takes it."""
        return Rule(self.days, self.party, self.source_kind, self.source)


def check_areas(areas: Sequence[Area], refuse: Fail) -> None:
    """Accept boxes of the earth."""
    for index, area in enumerate(areas):
        if not -_POLE <= area.south < area.north <= _POLE or max(abs(area.west), abs(area.east)) > _HALF_TURN:
            refuse(("areas", index, "name"), f"`{area.name}` is no box of the earth: degrees, south below north")


def check_anchorages(anchorages: Sequence[Anchorage], refuse: Fail) -> None:
    """Accept places of the earth."""
    for index, each in enumerate(anchorages):
        if not -_POLE <= each.lat <= _POLE or not -_HALF_TURN <= each.lon <= _HALF_TURN:
            refuse(
                ("anchorages", index, "name"),
                f"`{each.name}` is no place of the earth: give `lat` and `lon` in degrees",
            )


def check_retention(rules: Sequence[Retention], refuse: Fail) -> None:
    """Accept rules that name whole days and parties."""
    for index, each in enumerate(rules):
        if each.days < 1:
            refuse(
                ("retention", index, "days"), f"`{each.days}` is not at least 1: give whole days, or remove the table"
            )
        if each.party and not label.PARTY(each.party):
            refuse(("retention", index, "party"), f"`{each.party[:64]}` is not a party's lower-case name")
