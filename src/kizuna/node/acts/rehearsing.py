"""What would go to whom if something were said or labelled so: decided by the same rules as a release, journalled by nobody.

A rehearsed record is signed by a key that is made for it and forgotten at once, so that no rehearsal can be taken for a record of this node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from kizuna.errors import RefusedError, UnknownTypeError
from kizuna.kernel import record, sign
from kizuna.kernel.label import Label
from kizuna.kernel.record import Record
from kizuna.kernel.release import ReleaseDecision, ReleaseHeader, covers
from kizuna.node import effects as fx
from kizuna.node.channel.incoming import TREATY_TYPES
from kizuna.node.channel.releasing import Ruling, header_of
from kizuna.node.channel.world import World

PAYLOAD = "payload/"


@dataclass(frozen=True)
class Seen:
    """What one partner would get of a record: `names` are the committed names that would be shown, empty where nothing would go.

    `coarser` says that a clause lets it have only a rewritten record in this one's place.
    """

    party: str
    decision: ReleaseDecision
    names: frozenset[str]
    waits_until_ms: int = 0
    coarser: bool = False

    @property
    def permit(self) -> bool:
        """Whether something would go, now or once its delay is over."""
        return self.decision.permit


@dataclass(frozen=True)
class Rehearsed:
    """A record that was not said: its type and label, its facts by name where there are any, and what each partner would see of it."""

    type: str
    label: Label
    names: tuple[str, ...]
    header: ReleaseHeader
    facts: dict[str, object]
    seen: tuple[Seen, ...]


def rehearsed(world: World, draft: fx.Draft, now_ms: int) -> Rehearsed:
    """Return what would become of a draft if it were said now.

    Raises:
        RecordError: the draft is malformed.
    """
    about = record.Facts(
        node=world.identity.node, actor=draft.actor, at_ms=now_ms if draft.at_ms is None else draft.at_ms, subject=draft.subject,
        after=draft.after, exercise=draft.exercise, derived_from=draft.derived_from, handling=draft.handling,
    )  # fmt: skip
    return _seen_of(world, _issued(world, draft.type, draft.body, draft.label, about, closed=draft.closed), now_ms)


def relabelled(world: World, held: Record, label: Label, now_ms: int) -> Rehearsed:
    """Return what would become of a held record of our own if it were said anew under another label.

    Raises:
        RefusedError: it is not our own.
        UnknownTypeError: this node does not know its type.
    """
    if held.clear.issuer != world.identity.party:
        raise RefusedError(f"record `{held.id[:16]}` is of `{held.clear.issuer}`: only its originator labels it")
    kind = world.classes.get(held.clear.type)
    if kind is None:
        raise UnknownTypeError(f"record type `{held.clear.type}` is not one that this node knows")
    about = record.Facts(
        node=held.text("node"), actor=held.text("actor"), at_ms=held.at_ms or now_ms, subject=held.text("subject"),
        after=held.listed("after"), exercise=held.text("exercise"), derived_from=held.listed("derived_from"), handling=held.clear.handling,
    )  # fmt: skip
    return _seen_of(world, _issued(world, held.clear.type, record.body_of(held, kind), label, about), now_ms)


def of_type(world: World, type_: str, label: Label, now_ms: int) -> Rehearsed:
    """Return what would become of any record of a type under a label: the fields that each partner would see of it.

    Raises:
        UnknownTypeError: this node does not know the type.
    """
    kind = world.classes.get(type_)
    if kind is None:
        raise UnknownTypeError(f"record type `{type_[:60]}` is not one that this node knows: choose one of the list")
    header = ReleaseHeader(type=type_, label=label, issuer=world.identity.party, at_ms=now_ms)
    names = tuple(f"{PAYLOAD}{field.name}" for field in msgspec.structs.fields(kind))
    seen = []
    for partner in _parties(world):
        decision = world.releaser.index.decide(header, partner, now_ms)
        dropped = {f"{PAYLOAD}{field}" for field in decision.obligations.drop_fields}
        shown = frozenset(name for name in names if covers(decision.discloses, name) and name not in dropped)
        seen.append(_seen(partner, decision, shown if decision.permit else frozenset(), now_ms, coarser=False))
    return Rehearsed(type_, label, names, header, {}, tuple(seen))


def _issued(
    world: World, type_: str, body: record.Body, label: Label, about: record.Facts, *, closed: bool = False
) -> Record:
    key = sign.SigningKey(world.random(sign.KEY_BYTES), sign.Purpose.RECORD)
    return record.issue(type_, body, label, about, key, world.random, closed=closed)


def _seen_of(world: World, made: Record, now_ms: int) -> Rehearsed:
    if made.clear.type in TREATY_TYPES:
        raise RefusedError(f"`{made.clear.type}` goes to whom its label names, by no clause: there is nothing to try")
    rulings = [(party, world.releaser.rule(made, party, now_ms)) for party in _parties(world)]
    label = record.label_of(made)
    return Rehearsed(
        made.clear.type, label, tuple(sorted(made.disclosures)), header_of(made), made.disclosed,
        tuple(_of_ruling(world, made, party, ruling, now_ms) for party, ruling in rulings),
    )  # fmt: skip


def _of_ruling(world: World, made: Record, party: str, ruling: Ruling, now_ms: int) -> Seen:
    names = ruling.names if ruling.permit else frozenset[str]()
    coarser = world.releaser.derivation(made, ruling) is not None
    return _seen(party, ruling.decision, names, now_ms, coarser=coarser)


def _seen(party: str, decision: ReleaseDecision, names: frozenset[str], now_ms: int, *, coarser: bool) -> Seen:
    waits_ms = decision.not_before_ms if not decision.permit and decision.not_before_ms > now_ms else 0
    return Seen(party, decision, names, waits_ms, coarser)


def _parties(world: World) -> Sequence[str]:
    return sorted({partner.party for partner in world.partners.values()})
