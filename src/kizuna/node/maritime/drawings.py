"""What officers draw on the chart: areas and lines, kept in one file of this node and shown to nobody outside it.

A drawing is its author's alone until it is shared; then officers of the author's nation see it whose clearance is not below the author's. A shared
area may be named by a rule of the watch. Drawings are working notes, not records: none crosses to a partner, and none is evidence.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Literal

import msgspec

from kizuna.domains.maritime.events.area import WatchArea
from kizuna.errors import ConfigError, RefusedError
from kizuna.node.people.accounts import Account
from kizuna.storage.private import write_private

FILE = "drawings.json"
MOST = 500
MOST_POINTS = 200
PREFIX = "drawn:"
"""Before the name of a drawn area where a rule names it."""
_NAME = re.compile(r"[^\x00-\x1f]{1,60}").fullmatch
_LEAST = {"area": 3, "line": 2}
_LAT, _LON = 90 * 600_000, 180 * 600_000


class Drawing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One area or line, its corners as latitude and longitude in 1/600000 degree."""

    name: str
    kind: Literal["area", "line"]
    points: tuple[tuple[int, int], ...]
    officer: str
    nationality: str
    clearance: int
    at_ms: int
    shared: bool = False


class Drawings:
    """The drawings of a node; any thread may ask."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def all(self) -> tuple[Drawing, ...]:
        """Return every drawing.

        Raises:
            ConfigError: the file cannot be read.
        """
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=tuple[Drawing, ...])
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigError(
                f"the drawings cannot be read ({error}): mend the file or move it away", where=str(self._path)
            ) from error

    def seen(self, account: Account) -> list[Drawing]:
        """Return what an officer may see, by name."""
        return sorted(
            (each for each in self.all() if admits(each, account)), key=lambda each: (each.name, each.officer)
        )

    def draw(self, drawing: Drawing) -> None:
        """Keep a drawing; one of the same name by the same officer is replaced.

        Raises:
            RefusedError: it is no area or line, its name is taken by a shared one, or there are too many.
        """
        check(drawing)
        with self._lock:
            held = [each for each in self.all() if (each.name, each.officer) != (drawing.name, drawing.officer)]
            if len(held) >= MOST:
                raise RefusedError(f"`{MOST}` drawings are kept already: remove some first")
            if drawing.shared and any(each.name == drawing.name and each.shared for each in held):
                raise RefusedError(f"`{drawing.name}` is the name of another's shared drawing: choose another")
            self._write((*held, drawing))

    def remove(self, name: str, officer: str) -> None:
        """Take an officer's own drawing away.

        Raises:
            RefusedError: the officer has none of that name.
        """
        with self._lock:
            held = self.all()
            kept = tuple(each for each in held if (each.name, each.officer) != (name, officer))
            if len(kept) == len(held):
                raise RefusedError(f"you have no drawing `{name[:60]}`: only its author removes one")
            self._write(kept)

    def _write(self, drawings: tuple[Drawing, ...]) -> None:
        write_private(self._path, msgspec.json.format(msgspec.json.encode(drawings), indent=1))

    def areas(self, named: Collection[str]) -> tuple[WatchArea, ...]:
        """Return those shared areas that rules name, as the search for entries knows them."""
        return tuple(
            WatchArea(PREFIX + each.name, each.points)
            for each in self.all()
            if each.kind == "area" and each.shared and PREFIX + each.name in named
        )


def admits(drawing: Drawing, account: Account) -> bool:
    """Return whether an officer may see a drawing."""
    if drawing.officer == account.officer:
        return True
    return drawing.shared and drawing.nationality == account.nationality and account.clearance >= drawing.clearance


def check(drawing: Drawing) -> None:
    """Accept a drawing that can be drawn.

    Raises:
        RefusedError: it cannot.
    """
    if not _NAME(drawing.name):
        raise RefusedError("a drawing needs a name of up to 60 characters: give it one")
    least = _LEAST[drawing.kind]
    if not least <= len(drawing.points) <= MOST_POINTS:
        raise RefusedError(
            f"a drawing of the kind `{drawing.kind}` has {least} to {MOST_POINTS} points: this one has `{len(drawing.points)}`"
        )
    for place in drawing.points:
        if abs(place[0]) > _LAT or abs(place[1]) > _LON:
            raise RefusedError(
                f"`{place[0] / 600_000:.4f},{place[1] / 600_000:.4f}` is no place of the earth: give degrees"
            )
    lons = [lon for _, lon in drawing.points]
    if drawing.kind == "area" and max(lons) - min(lons) > _LON:
        raise RefusedError("this area crosses 180 degrees: draw it as two")
