"""What a partner would get of something before it is said, as a page shows it: field by field, with the label, the clause and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kizuna.kernel.explain import explain
from kizuna.kernel.instrument import Instrument, Provision
from kizuna.kernel.marking import marking
from kizuna.kernel.release import ReleaseDecision
from kizuna.node.acts.rehearsing import PAYLOAD, Rehearsed, Seen
from kizuna.web.pages.page import View


class Clause(msgspec.Struct, frozen=True):
    """A clause that lets something go or holds it back, as an officer reads it."""

    instrument: str
    title: str
    version: str
    provision: str
    article: str
    text: str
    example: bool
    effect: str


class Column(msgspec.Struct, frozen=True):
    """What one partner would see: `says` by field where values are known, `shows` the fields that would be shown."""

    party: str
    permit: bool
    sentence: str
    remedy: str
    clause: Clause | None
    shows: tuple[str, ...]
    stays: tuple[str, ...]
    says: dict[str, Any]
    waits_until_ms: int
    coarser: bool


class Tried(msgspec.Struct, frozen=True):
    """A rehearsed record: its type, its marking, the fields of what it says, and a column for each partner."""

    type: str
    marked: str
    fields: tuple[str, ...]
    columns: tuple[Column, ...]


def tried(view: View, made: Rehearsed) -> Tried:
    """Return a rehearsal in the reader's language."""
    fields = tuple(name for name in made.names if name.startswith(PAYLOAD))
    marked = marking(made.label, language=view.words.language, exercise=made.header.exercise)
    return Tried(made.type, marked, fields, tuple(_column(view, made, seen, fields) for seen in made.seen))


def _column(view: View, made: Rehearsed, seen: Seen, fields: tuple[str, ...]) -> Column:
    said = explain(
        view.office.node.core.world.releaser.index, made.header, seen.party, view.now_ms, view.words.language, "",
        ruled=seen.decision,
    )  # fmt: skip
    shows = tuple(name for name in fields if name in seen.names)
    return Column(
        party=seen.party, permit=seen.permit, sentence=said.sentence, remedy=said.remedy, clause=clause_of(view, seen.decision), shows=shows,
        stays=tuple(name for name in fields if name not in seen.names),
        says={name.removeprefix(PAYLOAD): made.facts[name] for name in shows if name in made.facts}, waits_until_ms=seen.waits_until_ms,
        coarser=seen.coarser,
    )  # fmt: skip


def clause_of(view: View, decision: ReleaseDecision) -> Clause | None:
    """Return the clause that a decision names, None where it names none."""
    return clause_named(view, decision.provision, decision.instrument)


def clause_named(view: View, provision: str, instrument: str = "") -> Clause | None:
    """Return a clause by its id, and its instrument's where that is known; None where none is held."""
    for agreement in view.agreements:
        if instrument in ("", agreement.instrument.id):
            for each in agreement.instrument.provisions:
                if each.id == provision:
                    return clause_shown(agreement.instrument, agreement.version, each)
    return None


def clause_shown(instrument: Instrument, version: str, provision: Provision) -> Clause:
    """Return a provision of an instrument as an officer reads it."""
    return Clause(
        instrument.id, instrument.title, version, provision.id, provision.article, provision.text,
        provision.basis == "example", provision.effect,
    )  # fmt: skip


def fields_of(value: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return the named fields that have a value, in the order of the names."""
    return {name: value[name] for name in names if value.get(name) not in (None, "", (), [])}
