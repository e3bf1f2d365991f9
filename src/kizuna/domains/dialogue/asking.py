"""What the requests of the dialogue's operations share: keys, days, and one way to make an operation that is one step of a case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta

from kizuna.domains.dialogue import lookup, rules
from kizuna.domains.dialogue.lookup import MeetingRow
from kizuna.errors import RefusedError
from kizuna.kernel.casework import CaseKind
from kizuna.kernel.operation import Desk, Outcome
from kizuna.kernel.record import WITHHELD, Body

ROLES = frozenset({"desk"})
Key = Annotated[str, Meta(description="Its name; begins with the party that opens it, like `ind-fighter-exercise`.")]
Reason = Annotated[str, Meta(description="Why; the other side reads it.", min_length=1, max_length=2000)]
Text = Annotated[str, Meta(description="In words.", min_length=1, max_length=4000)]
Sources = Annotated[tuple[str, ...], Meta(description="Where it is said: addresses or titles; may be repeated.")]


def or_withheld(value: Any) -> Any:
    """Return a value, or that it is not said where it is empty."""
    return WITHHELD if value in ("", None, ()) else value


def day(text: str, what: str) -> str:
    """Return a day `YYYY-MM-DD`.

    Raises:
        RefusedError: it is none.
    """
    if not rules.exact(text):
        raise RefusedError(f"{what} `{text[:20]}` is no day: write it as `YYYY-MM-DD`")
    return text


def date(text: str, what: str) -> str:
    """Return a date as far as it is known.

    Raises:
        RefusedError: it is none.
    """
    if rules.bounds(text) is None:
        raise RefusedError(f"{what} `{text[:20]}` is no date: write `YYYY`, `YYYY-MM` or `YYYY-MM-DD`")
    return text


def known_mechanism(desk: Desk, name: str) -> str:
    """Return the name of a mechanism that is held.

    Raises:
        RefusedError: none is called so.
    """
    if lookup.mechanism(desk.db, name) is None:
        raise RefusedError(
            f"mechanism `{name[:100]}` is not known here: choose one of `kizuna dialogue mechanisms`, or describe it first"
        )
    return name


def known_meeting(desk: Desk, name: str) -> MeetingRow:
    """Return a meeting that is held.

    Raises:
        RefusedError: none is called so.
    """
    found = lookup.meeting(desk.db, name)
    if found is None:
        raise RefusedError(f"meeting `{name[:100]}` is not known here: look it up with `kizuna dialogue series`")
    return found


def stepping(kind: CaseKind, body: Callable[[Any], Body]) -> Callable[[Desk, Any], Outcome]:
    """Return an operation whose request has a `key`, and which says one step of that case."""

    def run(desk: Desk, asked: Any) -> Outcome:
        view = desk.case(kind, asked.key.removeprefix(f"{kind.name}:"))
        return Outcome((desk.step(kind, view, body(asked)),))

    return run
