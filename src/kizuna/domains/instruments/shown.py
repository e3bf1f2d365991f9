"""What is shown of agreements: graph, time line, state on a day, what is permitted, what flowed, and one agreement's page with its sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from kizuna.domains.instruments import rules
from kizuna.domains.instruments.queries import Permitted, what_permits
from kizuna.domains.instruments.rules import LifeEvent
from kizuna.errors import RefusedError
from kizuna.kernel.claim import Status
from kizuna.kernel.claimbook import HeldClaim, about, date_words
from kizuna.kernel.instrument import Agreement, Instrument, LimitedDate, day_ms
from kizuna.kernel.intervals import DAY_MS, contains
from kizuna.kernel.journal import Db
from kizuna.kernel.operation import Desk, Query, Wanted

_Instrument = Annotated[str, Meta(description="The agreement's id.", min_length=1)]
_Maybe = Annotated[str, Meta(description="Only of this agreement, by its id.")]
_On = Annotated[str, Meta(description="On this day, `YYYY-MM-DD`; today if not given.")]
ENTRY = "entry into force"
DATES: Mapping[str, str] = {"sign": "signature", "approve": "approval", "enter-force": ENTRY, "use": "first use"}
"""The predicates of claims on an agreement's dates, by the step that they are about."""


class GraphWanted(Wanted, frozen=True):
    """The whole graph, on a day."""

    on: _On = ""


class PageWanted(Wanted, frozen=True):
    """Which agreement."""

    instrument: _Instrument


class TimelineWanted(Wanted, frozen=True):
    """Whose time line."""

    instrument: _Maybe = ""
    limit: Annotated[int, Meta(description="At most so many, the earliest first.", ge=1, le=1000)] = 200


class StateWanted(Wanted, frozen=True):
    """Which state, and when."""

    instrument: _Maybe = ""
    on: _On = ""


class PermittedWanted(Wanted, frozen=True):
    """What we may send to whom, and when."""

    to: Annotated[str, Meta(description="The party that would get it.", min_length=1)]
    on: _On = ""


class FlowsWanted(Wanted, frozen=True):
    """What flowed."""

    instrument: _Maybe = ""
    limit: Annotated[int, Meta(description="At most so many rows.", ge=1, le=1000)] = 200


class Node(msgspec.Struct, frozen=True):
    """An agreement in the graph; `state` is by its parties' own steps, dates keep their precision."""

    id: str
    title: str
    kind: str
    parties: tuple[str, ...]
    signed_on: str
    in_force_on: str
    state: str
    basis: str


class Edge(msgspec.Struct, frozen=True):
    """`kind` is `parent` (from an agreement to the one on which it rests) or `supersedes` (from the newer); one on a circle does not count."""

    newer: str
    older: str
    kind: str
    counts: bool


class Graph(msgspec.Struct, frozen=True):
    """All agreements that are held, and how they hang together."""

    on: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class TimelineRow(msgspec.Struct, frozen=True):
    """Something that happened to an agreement: `told_by` is `text` (the agreement as loaded), `parties` (a signed step) or a party's own act."""

    instrument: str
    on: str
    precision: str
    what: str
    told_by: str
    note: str


class StateRow(msgspec.Struct, frozen=True):
    """Where an agreement stood on a day: by its parties' steps, and for release, with the reason."""

    instrument: str
    on: str
    state: str
    for_release: str
    why: str


class Flow(msgspec.Struct, frozen=True):
    """How many records of a type crossed under a clause, and when the first and the last were released, milliseconds UTC."""

    instrument: str
    provision: str
    type: str
    channel: str
    records: int
    first_ms: int
    last_ms: int


class Dated(msgspec.Struct, frozen=True):
    """What is claimed of one of its dates, in words, with the claims and their sources."""

    what: str
    words: str
    claims: tuple[HeldClaim, ...]


class Page(msgspec.Struct, frozen=True):
    """One agreement: what its text says, where its parties say that it stands, what is claimed of it, and where each can be read."""

    instrument: Instrument
    state: str
    lines: tuple[str, ...]
    steps: tuple[LifeEvent, ...]
    evidence: tuple[tuple[str, str, str], ...]
    evidence_missing: tuple[tuple[str, str], ...]
    dates: tuple[Dated, ...]
    names: tuple[str, ...]
    sources: tuple[str, ...]


# --- what is held -----------------------------------------------------------------------------------------------------------------


def instruments_of(desk: Desk) -> dict[str, Instrument]:
    """Return the agreements that are held, by id: the version that counts now, else the last of those that are held."""
    found: dict[str, Instrument] = {}
    ordered = sorted(
        desk.agreements,
        key=lambda made: (made.instrument.id, contains(made.current, desk.now_ms) and not made.note, made.version),
    )
    for made in ordered:
        found[made.instrument.id] = made.instrument
    return found


def supersessions(desk: Desk) -> dict[str, set[str]]:
    """Return which agreements took the place of which: by their texts and by what their parties have signed, newer to older."""
    found: dict[str, set[str]] = {}
    for made in instruments_of(desk).values():
        if made.supersedes:
            found.setdefault(made.id, set()).add(made.supersedes)
    for older, newer in desk.db.execute(
        "SELECT instrument, by_instrument FROM instruments_event WHERE step = 'supersede'"
    ):
        found.setdefault(newer, set()).add(older)
    return found


def life_of(db: Db, instrument: str, parties: Sequence[str]) -> tuple[LifeEvent, ...]:
    """Return the steps of an agreement's life that took effect, in their order."""
    rows = db.execute(
        "SELECT e.step, e.on_date, e.parties, e.until, e.by_instrument, e.note FROM instruments_event e"
        " JOIN instruments_life l ON l.case_id = e.case_id WHERE e.instrument = ? AND l.parties = ? ORDER BY e.place",
        (instrument, ".".join(sorted(parties))),
    )
    return tuple(
        LifeEvent(step=step, on=on, parties=tuple(said.split()), until=until, by=by, note=note)
        for step, on, said, until, by, note in rows
    )


def day_of(desk: Desk, on: str) -> str:
    """Return the day that is asked for, or today in UTC.

    Raises:
        RefusedError: it is no day.
    """
    if not on:
        return _today(desk.now_ms)
    found = rules.bounds(on)
    if found is None or found[0] != found[1]:
        raise RefusedError(f"`on`: `{on[:20]}` is no day `YYYY-MM-DD`")
    return on


def _today(now_ms: int) -> str:
    from_epoch = now_ms // DAY_MS
    return rules.day_after_epoch(from_epoch)


def date_text(date: LimitedDate | None) -> str:
    """Return a date as precisely as it is known, `unknown` where it is not, and nothing where none is stated."""
    return "" if date is None else date.value or rules.UNKNOWN


# --- queries ----------------------------------------------------------------------------------------------------------------------


def graph(desk: Desk, wanted: GraphWanted) -> Graph:
    """Return all agreements with their parents and successors.

    Raises:
        RefusedError: the day is no day.
    """
    on = day_of(desk, wanted.on)
    held = instruments_of(desk)
    newer_to_older = supersessions(desk)
    circles = rules.cycles(newer_to_older)
    edges = [Edge(made.id, made.parent, "parent", counts=True) for made in held.values() if made.parent]
    edges += [
        Edge(newer, older, "supersedes", (newer, older) not in circles)
        for newer, targets in newer_to_older.items()
        for older in targets
    ]
    nodes = [
        Node(
            made.id, made.title, made.kind, made.parties, date_text(made.signed_on), date_text(made.in_force_on),
            rules.state_on(life_of(desk.db, made.id, made.parties), made.parties, on), made.basis,
        )
        for made in held.values()
    ]  # fmt: skip
    return Graph(on, tuple(nodes), tuple(sorted(edges, key=lambda edge: (edge.newer, edge.older, edge.kind))))


def timeline(desk: Desk, wanted: TimelineWanted) -> Sequence[TimelineRow]:
    """Return what happened to agreements, the earliest first; what has no date comes last."""
    rows = [
        row for made in instruments_of(desk).values() if wanted.instrument in ("", made.id) for row in _told(desk, made)
    ]
    rows.sort(key=lambda row: (rules.bounds(row.on) or ("9999", ""), row.instrument, row.what))
    return rows[: wanted.limit]


def _told(desk: Desk, made: Instrument) -> list[TimelineRow]:
    stated = {"signed": made.signed_on, "in force": made.in_force_on, "ends": made.terminates_on}
    rows = [
        TimelineRow(made.id, date_text(date), date.precision, what, "text", made.basis)
        for what, date in stated.items()
        if date is not None
    ]
    rows += [
        TimelineRow(
            made.id, each.on, rules.precision(each.on), each.step, "parties", f"by {each.by}" if each.by else each.note
        )
        for each in life_of(desk.db, made.id, made.parties)
    ]
    acts = desk.db.execute(
        "SELECT act, at_ms, party FROM instruments_status WHERE instrument = ? AND at_ms > 0 ORDER BY at_ms, record_id",
        (made.id,),
    )
    rows += [
        TimelineRow(made.id, _today(at_ms), "day", act, party, "")
        for act, at_ms, party in acts
        if party in made.parties
    ]
    return rows


def state(desk: Desk, wanted: StateWanted) -> Sequence[StateRow]:
    """Return where agreements stood at the end of a day.

    Raises:
        RefusedError: the day is no day.
    """
    on = day_of(desk, wanted.on)
    at_ms = min(day_ms(on) + DAY_MS - 1, desk.now_ms) if on == _today(desk.now_ms) else day_ms(on) + DAY_MS - 1
    return [
        StateRow(
            made.instrument.id, on,
            rules.state_on(life_of(desk.db, made.instrument.id, made.instrument.parties), made.instrument.parties, on),
            *_for_release(made, at_ms),
        )
        for made in sorted(desk.agreements, key=lambda made: (made.instrument.id, made.version))
        if wanted.instrument in ("", made.instrument.id)
    ]  # fmt: skip


def _for_release(made: Agreement, at_ms: int) -> tuple[str, str]:
    if made.note:
        return "closed", made.note
    if not contains(made.current, at_ms):
        return "closed", f"version {made.version[:16]} was not the one that all parties had signed"
    if not contains(made.in_force, at_ms):
        return "closed", "not in force"
    if contains(made.suspended, at_ms):
        return "closed", "suspended by a party"
    return "open", f"in force, version {made.version[:16]}"


def permitted(desk: Desk, wanted: PermittedWanted) -> Sequence[Permitted]:
    """Return the clauses under which our records may go to a party on a day.

    Raises:
        RefusedError: the day is no day.
    """
    return what_permits(desk.agreements, desk.party, wanted.to, day_of(desk, wanted.on))


def flows(desk: Desk, wanted: FlowsWanted) -> Sequence[Flow]:
    """Return what crossed under which clause, by agreement."""
    where, given = (
        ("WHERE instrument = ?", (wanted.instrument,)) if wanted.instrument else ("WHERE instrument <> ''", ())
    )
    rows = desk.db.execute(
        f"SELECT instrument, provision, type, channel, records, first_ms, last_ms FROM instruments_flow {where}"
        " ORDER BY instrument, provision, type, channel LIMIT ?",
        (*given, wanted.limit),
    )
    return [Flow(*row) for row in rows]


def page(desk: Desk, wanted: PageWanted) -> Page:
    """Return one agreement's page.

    Raises:
        RefusedError: it is not held.
    """
    made = instruments_of(desk).get(wanted.instrument)
    if made is None:
        raise RefusedError(f"no instrument `{wanted.instrument[:80]}` is held: `graph` lists them")
    claims = about(desk.db, made.id)
    steps = life_of(desk.db, made.id, made.parties)
    dates = tuple(_dated(claims, made, steps, step, predicate) for step, predicate in DATES.items())
    evidence = tuple(
        desk.db.execute(
            "SELECT e.step, e.party, e.source FROM instruments_evidence e JOIN instruments_life l ON l.case_id = e.case_id"
            " WHERE l.instrument = ? AND l.parties = ? ORDER BY e.step, e.party, e.source",
            (made.id, ".".join(sorted(made.parties))),
        )
    )
    given = {(step, party) for step, party, _ in evidence}
    needed = {(each.step, party) for each in steps if each.step != "expire" for party in each.parties}
    state_now = rules.state_on(steps, made.parties, _today(desk.now_ms))
    told = [
        f"state: {state_now}",
        *(f"{row.what}: {row.words}" for row in dates if row.words != rules.UNKNOWN or row.what == "in force"),
    ]
    sources = [citation.source for citation in made.citations] + [source for _, _, source in evidence]
    sources += [source.ref for row in dates for claim in row.claims for source in claim.sources]
    names = [claim.value for claim in claims if claim.predicate == "also called" and claim.status != Status.WITHDRAWN]
    return Page(
        instrument=made, state=state_now, lines=tuple(told), steps=steps, evidence=evidence, dates=dates,
        evidence_missing=tuple(sorted(needed - given)), names=tuple(dict.fromkeys(names)), sources=tuple(dict.fromkeys(sources)),
    )  # fmt: skip


_WHAT = {"sign": "signed", "approve": "approved", "enter-force": "in force", "use": "first used"}


def _dated(
    claims: Sequence[HeldClaim], made: Instrument, steps: Sequence[LifeEvent], step: str, predicate: str
) -> Dated:
    """Return a date as its parties have signed it, else as claims have it, else as the text was loaded, an assumption said to be one."""
    held = tuple(claim for claim in claims if claim.predicate == predicate)
    signed = [each.on for each in steps if each.step == step and each.on != rules.UNKNOWN]
    loaded = {"sign": made.signed_on, "enter-force": made.in_force_on}.get(step)
    if signed:
        words = f"{', '.join(dict.fromkeys(signed))}, signed by its parties"
    elif held:
        words = date_words(held)
    elif loaded is not None and loaded.value:
        words = f"{loaded.value} as {'assumed by the example rules' if made.basis == 'example' else 'loaded'}, no claim on it is held"
    else:
        words = rules.UNKNOWN
    return Dated(_WHAT[step], words, held)


QUERIES = (
    Query(
        name="graph", text="All agreements, what they rest on and what took their place.", asks=GraphWanted, run=graph
    ),
    Query(name="page", text="One agreement with its dates, steps and sources.", asks=PageWanted, run=page),
    Query(name="timeline", text="What happened to agreements, the earliest first.", asks=TimelineWanted, run=timeline),
    Query(name="state", text="Where agreements stood on a day.", asks=StateWanted, run=state),
    Query(
        name="permitted",
        text="What we may send to a party on a day, and under which clause.",
        asks=PermittedWanted,
        run=permitted,
    ),
    Query(name="flows", text="What crossed under which clause.", asks=FlowsWanted, run=flows),
)
