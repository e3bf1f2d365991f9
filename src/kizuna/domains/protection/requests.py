"""What the requests of this domain share: their fields, and the step of a copy's case."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kizuna.domains.protection.cases import COPY
from kizuna.domains.protection.rules import ROLE
from kizuna.kernel.casework import CaseView
from kizuna.kernel.operation import Desk, Outcome
from kizuna.kernel.record import Body

ROLES = frozenset({ROLE})
DOCUMENT = Annotated[
    str, Meta(description="The document's register number, like `ind-2027-0001`: our name comes first.", min_length=1)
]
COPY_NAME = Annotated[str, Meta(description="The copy, like `ind-2027-0001-c3`.", min_length=1)]
DAY = Annotated[str, Meta(description="The day, YYYY-MM-DD.")]
TEXT = Annotated[str, Meta(description="In words; the other side reads it.", min_length=1, max_length=2000)]


def copy_of(desk: Desk, name: str) -> CaseView:
    """Return a copy that is held; raises RefusedError where none of that name is."""
    return desk.case(COPY, name)


def step(desk: Desk, name: str, body: Body) -> Outcome:
    """Return the next step of a copy; raises RefusedError where it would have no effect."""
    return Outcome((desk.step(COPY, copy_of(desk, name), body),))
