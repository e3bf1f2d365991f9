"""What officers do with the life of an agreement: propose its next step with their evidence; the other parties sign with `case endorse`.

Signing a version, suspending, terminating and scopes are acts of one party with keys or at once, and stand by themselves
(`kizuna.node.acts.agreeing`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Meta

from kizuna.domains.instruments import rules
from kizuna.domains.instruments.cases import LIFE, key_of
from kizuna.domains.instruments.records import (
    ApprovalGiven,
    EvidenceGiven,
    ForceEntered,
    NegotiationOpened,
    Superseded,
    TermRenewed,
    TextSigned,
    UseBegun,
)
from kizuna.domains.instruments.shown import instruments_of, supersessions
from kizuna.errors import RefusedError
from kizuna.kernel.instrument import Instrument
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome
from kizuna.kernel.record import Body

DESKS = frozenset({"desk"})

_Note = Annotated[str, Meta(description="What else to know of it.", max_length=2000)]


class StepAsked(Asked, frozen=True, kw_only=True):
    """A step of an agreement's life, with our evidence."""

    instrument: Annotated[str, Meta(description="The agreement's id.", min_length=1)]
    on: Annotated[
        str, Meta(description="When, as precisely as it is known: `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or `unknown`.")
    ]
    sources: Annotated[tuple[str, ...], Meta(description="Our evidence: where it can be read.")]
    note: _Note = ""


class ForceAsked(StepAsked, frozen=True, kw_only=True):
    """Its entry into force."""

    until: Annotated[str, Meta(description="Until when, where its term is stated.")] = ""


class RenewAsked(StepAsked, frozen=True, kw_only=True):
    """The renewal of its term."""

    until: Annotated[str, Meta(description="Until when it is renewed.", min_length=1)]


class SupersedeAsked(StepAsked, frozen=True, kw_only=True):
    """Another agreement takes its place."""

    by: Annotated[str, Meta(description="The id of the agreement that takes its place.", min_length=1)]


class EvidenceAsked(Asked, frozen=True, kw_only=True):
    """Our own evidence for a step that the other side has proposed."""

    instrument: Annotated[str, Meta(description="The agreement's id.", min_length=1)]
    step: Annotated[
        Literal["negotiate", "sign", "approve", "enter-force", "use", "renew", "supersede"],
        Meta(description="For which step."),
    ]
    sources: Annotated[tuple[str, ...], Meta(description="Our evidence: where it can be read.", min_length=1)]
    note: _Note = ""


def _instrument(desk: Desk, name: str) -> Instrument:
    """Return an agreement that is held and of which our party is one.

    Raises:
        RefusedError: it is not held, or is none of ours.
    """
    held = instruments_of(desk).get(name)
    if held is None:
        raise RefusedError(
            f"no instrument `{name[:80]}` is held: `kizuna instrument load` keeps one, `kizuna instrument show` lists them"
        )
    if desk.party not in held.parties:
        raise RefusedError(f"`{desk.party}` is not a party to `{name}`: only {', '.join(held.parties)} tell its life")
    return held


def _step(desk: Desk, name: str, body: Body) -> Outcome:
    held = _instrument(desk, name)
    key = key_of(held.id, held.parties)
    view = desk.find(LIFE, key)
    said = desk.open(LIFE, key, body) if view is None else desk.step(LIFE, view, body)
    return Outcome((said,), {"case": said.subject})


def _plain(made: Callable[..., Body]) -> Callable[[Desk, StepAsked], Outcome]:
    def run(desk: Desk, asked: StepAsked) -> Outcome:
        """Propose a step; see `Desk.step` for what is refused."""
        return _step(desk, asked.instrument, made(on=asked.on, sources=asked.sources, note=asked.note))

    return run


def enter_force(desk: Desk, asked: ForceAsked) -> Outcome:
    """Propose that it entered into force; see `Desk.step` for what is refused."""
    body = ForceEntered(on=asked.on, until=asked.until, sources=asked.sources, note=asked.note)
    return _step(desk, asked.instrument, body)


def renew(desk: Desk, asked: RenewAsked) -> Outcome:
    """Propose that its term was renewed; see `Desk.step` for what is refused."""
    body = TermRenewed(on=asked.on, until=asked.until, sources=asked.sources, note=asked.note)
    return _step(desk, asked.instrument, body)


def supersede(desk: Desk, asked: SupersedeAsked) -> Outcome:
    """Propose that another agreement took its place.

    Raises:
        RefusedError: the other is not held, or was itself, over others, superseded by this one; see also `Desk.step`.
    """
    _instrument(desk, asked.by)
    known = {newer: set(older) for newer, older in supersessions(desk).items()}
    known.setdefault(asked.by, set()).add(asked.instrument)
    if (asked.by, asked.instrument) in rules.cycles(known):
        raise RefusedError(
            f"`{asked.instrument}` has itself taken the place of `{asked.by}`: supersession runs in no circle"
        )
    body = Superseded(on=asked.on, by=asked.by, sources=asked.sources, note=asked.note)
    return _step(desk, asked.instrument, body)


def evidence(desk: Desk, asked: EvidenceAsked) -> Outcome:
    """Give our own evidence for a step; see `Desk.step` for what is refused.

    Raises:
        RefusedError: the agreement has no life told so far.
    """
    held = _instrument(desk, asked.instrument)
    view = desk.case(LIFE, key_of(held.id, held.parties))
    return Outcome(
        (desk.step(LIFE, view, EvidenceGiven(step=asked.step, sources=asked.sources, note=asked.note)),),
        {"case": view.id},
    )


def _operation(name: str, text: str, asks: type[Asked], run: Callable[..., Outcome]) -> Operation:
    return Operation(name=name, text=text, asks=asks, run=run, roles=DESKS)


OPERATIONS = (
    _operation("negotiated", "Propose that talks on it began; its parties sign.", StepAsked, _plain(NegotiationOpened)),
    _operation("text-signed", "Propose that its text was signed; its parties sign.", StepAsked, _plain(TextSigned)),
    _operation("approved", "Say that our own side has approved it.", StepAsked, _plain(ApprovalGiven)),
    _operation("entered-force", "Propose that it entered into force; its parties sign.", ForceAsked, enter_force),
    _operation(
        "first-used", "Propose that it was used for the first time; its parties sign.", StepAsked, _plain(UseBegun)
    ),
    _operation("renewed", "Propose that its term was renewed; its parties sign.", RenewAsked, renew),
    _operation("superseded", "Propose that another took its place; its parties sign.", SupersedeAsked, supersede),
    _operation("evidence", "Give our own evidence for a step.", EvidenceAsked, evidence),
)
