"""What an office states by itself: mechanisms, positions, documents exchanged, the roadmap's frame; and the facts that this package ships."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from kizuna.domains.dialogue import records
from kizuna.domains.dialogue.asking import ROLES, Sources, Text, date, known_meeting, or_withheld
from kizuna.domains.dialogue.meetings import PURPOSES
from kizuna.errors import RefusedError
from kizuna.kernel import canonical
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Statement
from kizuna.kernel.record import Body

Name = Annotated[str, Meta(description="Its name.", min_length=1, max_length=100)]
To = Annotated[tuple[str, ...], Meta(description="A party that may have it; it stays at home where none is given.")]
Note = Annotated[str, Meta(description="A remark.", max_length=2000)]
Party = Annotated[str, Meta(description="The party.")]
BUNDLED = "india-japan.json"
_NAMES = {
    "mechanisms": (records.MECHANISM, "mechanism"),
    "meetings": (records.MEETING_CITED, "meeting"),
    "commitments": (records.COMMITMENT_CITED, "commitment"),
    "positions": (records.POSITION, "position"),
    "documents": (records.DOCUMENT, "exchange"),
    "roadmap": (records.ROADMAP, "item"),
}


class DescribeAsked(Asked, frozen=True):
    """Describe a mechanism."""

    mechanism: Name
    title: Text
    level: Annotated[records.Level, Meta(description="The level at which it meets.")]
    parties: Annotated[tuple[str, ...], Meta(description="A party to it; named twice.", min_length=2, max_length=2)]
    posts: Annotated[tuple[str, ...], Meta(description="A post that chairs it; may be repeated.")] = ()
    cadence_months: Annotated[
        int, Meta(description="How often it should meet, in months; 0 where nobody said.", ge=0)
    ] = 0
    host_rule: Annotated[Literal["alternates", "none"], Meta(description="Who hosts.")] = "none"
    note: Note = ""
    sources: Sources = ()
    to: To = ()


class PositionAsked(Asked, frozen=True):
    """Note a position: a view, not a promise."""

    position: Name
    text: Text
    held_by: Annotated[tuple[str, ...], Meta(description="A party that holds it; may be repeated.", min_length=1)]
    meeting: Annotated[str, Meta(description="The meeting at which it was voiced.")]
    why: Annotated[str, Meta(description="Why it is no commitment.")] = ""
    sources: Sources = ()
    to: To = ()


class DocumentAsked(Asked, frozen=True):
    """Note that a document was given or explained."""

    exchange: Name
    giver: Party
    taker: Party
    text: Text
    on: Annotated[str, Meta(description="When: YYYY, YYYY-MM or YYYY-MM-DD.")]
    meeting: Annotated[str, Meta(description="The meeting at which it was given.")] = ""
    sha256: Annotated[str, Meta(description="Its digest, hex, where it is held.", pattern=r"\A(?:[0-9a-f]{64})?\Z")] = (
        ""
    )
    sources: Sources = ()
    to: To = ()


class RoadmapAsked(Asked, frozen=True):
    """State a roadmap, a goal or an initiative."""

    item: Name
    kind: Annotated[records.RoadmapKind, Meta(description="What it is.")]
    title: Text
    parent: Annotated[str, Meta(description="What it is part of.")] = ""
    horizon_on: Annotated[str, Meta(description="By when: YYYY, YYYY-MM or YYYY-MM-DD.")] = ""
    commitment: Annotated[str, Meta(description="The commitment that asked for it.")] = ""
    note: Note = ""
    sources: Sources = ()
    to: To = ()


class LoadAsked(Asked, frozen=True):
    """Load the facts that are shipped."""

    to: To = ()


def _stated(type_: str, body: Body, to: tuple[str, ...]) -> Outcome:
    return Outcome((Statement(type=type_, body=body, to=to, purposes=PURPOSES),))


def describe(_desk: Desk, asked: DescribeAsked) -> Outcome:
    """Describe a mechanism."""
    body = records.MechanismDescribed(
        mechanism=asked.mechanism, title=asked.title, level=asked.level, parties=asked.parties, posts=or_withheld(asked.posts),
        cadence_months=or_withheld(asked.cadence_months or None), host_rule=asked.host_rule, note=or_withheld(asked.note),
        sources=or_withheld(asked.sources),
    )  # fmt: skip
    return _stated(records.MECHANISM, body, asked.to)


def position(desk: Desk, asked: PositionAsked) -> Outcome:
    """Note a position.

    Raises:
        RefusedError: the meeting is not known.
    """
    known_meeting(desk, asked.meeting)
    body = records.PositionNoted(
        position=asked.position, text=asked.text, held_by=asked.held_by, meeting=asked.meeting, why=or_withheld(asked.why),
        sources=or_withheld(asked.sources),
    )  # fmt: skip
    return _stated(records.POSITION, body, asked.to)


def document(_desk: Desk, asked: DocumentAsked) -> Outcome:
    """Note a document that was exchanged.

    Raises:
        RefusedError: the date is none, or giver and taker are one.
    """
    if asked.giver == asked.taker:
        raise RefusedError(f"`{asked.giver}` cannot be giver and taker: name two parties")
    body = records.DocumentExchanged(
        exchange=asked.exchange, giver=asked.giver, taker=asked.taker, text=asked.text, on=date(asked.on, "date"),
        meeting=or_withheld(asked.meeting), sha256=or_withheld(asked.sha256), sources=or_withheld(asked.sources),
    )  # fmt: skip
    return _stated(records.DOCUMENT, body, asked.to)


def roadmap_item(_desk: Desk, asked: RoadmapAsked) -> Outcome:
    """State a part of the roadmap's frame.

    Raises:
        RefusedError: the horizon is no date, or a goal or initiative is part of nothing.
    """
    if asked.kind != "roadmap" and not asked.parent:
        raise RefusedError(f"a `{asked.kind}` is part of something: name its `parent`")
    horizon = date(asked.horizon_on, "horizon") if asked.horizon_on else ""
    body = records.RoadmapItemSet(
        item=asked.item, kind=asked.kind, parent=or_withheld(asked.parent), title=asked.title, horizon_on=or_withheld(horizon),
        commitment=or_withheld(asked.commitment), note=or_withheld(asked.note), sources=or_withheld(asked.sources),
    )  # fmt: skip
    return _stated(records.ROADMAP, body, asked.to)


@cache
def bundled() -> tuple[tuple[str, str, Body], ...]:
    """Return the facts of the India-Japan partnership that this package ships, as wire name, name and body."""
    data = (files("kizuna.domains.dialogue") / "bundled" / BUNDLED).read_bytes()
    found = msgspec.json.decode(data)
    return tuple(
        (wire, row[field], msgspec.convert(row, records.STATEMENTS[wire]))
        for part, (wire, field) in _NAMES.items()
        for row in found[part]
    )


def load(desk: Desk, asked: LoadAsked) -> Outcome:
    """State every shipped fact that this node does not hold in the same words already."""
    held = {
        (wire, name): body
        for wire, name, body in desk.db.execute(
            "SELECT type, name, body FROM dialogue_said WHERE own = 1 ORDER BY at_ms, record_id"
        )
    }
    fresh = [
        Statement(type=wire, body=body, to=asked.to, purposes=PURPOSES)
        for wire, name, body in bundled()
        if held.get((wire, name)) != canonical.encode(body).decode()
    ]
    return Outcome(fresh, {"loaded": len(fresh), "held": len(bundled()) - len(fresh)})


def _operation(name: str, text: str, asks: type[Asked], run: Any) -> Operation:
    return Operation(name=name, text=text, asks=asks, run=run, roles=ROLES)


OPERATIONS = (
    _operation("describe-mechanism", "Describe a mechanism of two parties.", DescribeAsked, describe),
    _operation("note-position", "Note a view that was voiced; it is no commitment.", PositionAsked, position),
    _operation("note-document", "Note a document that was given or explained.", DocumentAsked, document),
    _operation("set-roadmap-item", "State a roadmap, a goal or an initiative.", RoadmapAsked, roadmap_item),
    _operation(
        "load-bundled",
        "State the shipped facts of the India-Japan partnership, each with its sources.",
        LoadAsked,
        load,
    ),
)
