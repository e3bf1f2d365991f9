"""Random agreements, records and moments for the release tests: seeded, and half of them one step from a boundary."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import NamedTuple

import msgspec

from kizuna.kernel.instrument import (
    Agreement,
    Direction,
    EquivalenceRow,
    EquivalenceTable,
    Instrument,
    Obligations,
    Provision,
    Scope,
    day_ms,
    limited_date,
    version_of,
)
from kizuna.kernel.intervals import FOREVER, Intervals, contains
from kizuna.kernel.label import Grade, Label
from kizuna.kernel.release import Consent, ReleaseHeader

OWN = "ind"
START = 1_600_000_000_000
HOUR = 3_600_000
TYPES = tuple(f"maritime.kind-{letter}.v1" for letter in "abcdef")
PURPOSES = ("exercise-support", "maritime-domain-awareness", "search-and-rescue")
FIELDS = ("mmsi", "name", "lat_600000", "lon_600000", "speed_dkn", "chunks")
GUARD_MS = 2_000


class Case(NamedTuple):
    header: ReleaseHeader
    recipient: str
    now_ms: int
    purpose: str
    provision: str


def policy_of(party: str) -> str:
    return f"{party}.example.v1"


def _tables(rng: random.Random, partner: str) -> tuple[EquivalenceTable, ...]:
    def rows() -> tuple[EquivalenceRow, ...]:
        levels = sorted(rng.choices(range(6), k=5))
        return tuple(
            EquivalenceRow(from_level=level, to_levels=tuple(sorted({rng.randint(0, top), top})))
            for level, top in enumerate(levels)
            if rng.random() < 0.9
        )

    return tuple(
        EquivalenceTable(
            basis="example",
            caveats={"eyes": "watch"},
            from_policy=source,
            id="table",
            rows=rows(),
            to_policy=target,
            version=version,
        )
        for version in ("1", "2")
        for source, target in (
            (policy_of(OWN), policy_of(partner)),
            (policy_of(partner), policy_of(OWN)),
            (policy_of("fra"), policy_of(partner)),
        )
    )


def _provision(rng: random.Random, number: int, partner: str) -> Provision:
    common = {
        "basis": "example",
        "direction": Direction(from_party=OWN, to_party=partner),
        "id": f"p{number:02}",
        "record_types": tuple(sorted(rng.sample(TYPES, rng.randint(1, 2)))),
        "scope": rng.choice(("", "", "", "", "milan", "relief")),
    }
    if rng.random() < 0.05:
        return Provision(effect="forbids", **common)
    discloses = rng.sample(FIELDS, rng.randint(1, 5)) + rng.sample(("@actor", "@node", "@after"), rng.randint(0, 2))
    return Provision(
        backfill=True if rng.random() < 0.4 else msgspec.UNSET,
        discloses=tuple(discloses),
        effect="permits",
        equivalence=rng.choice(("table@1", "table@2", "table@1", "table@2", "")),
        exercise=rng.random() < 0.2,
        handling=rng.choice((("standard",), ("standard",), ("standard", "registered"))),
        max_classification={policy_of(partner): rng.randint(1, 5)},
        obligations=Obligations(
            delay_ms=rng.choice((0, 0, 0, HOUR)), drop_fields=tuple(rng.sample(FIELDS, rng.choice((0, 0, 1))))
        ),
        purposes=tuple(sorted(rng.sample(PURPOSES, rng.randint(1, 2)))),
        **common,
    )


def _stretches(rng: random.Random, count: int, longest_h: int) -> Intervals:
    edges = sorted(rng.sample(range(1, 2000), 2 * count))
    made = [(START + a * HOUR, START + min(b, a + longest_h) * HOUR) for a, b in pairwise(edges)][::2]
    return tuple(made)


def agreement(rng: random.Random, number: int, partner: str, provisions: int = 6) -> Agreement:
    instrument = Instrument(
        basis="example",
        id=f"agreement-{number}",
        in_force_on=limited_date("2018-10"),
        kind="memorandum",
        parties=(OWN, partner) if rng.random() < 0.7 else (OWN, partner, "fra"),
        provisions=tuple(_provision(rng, i, partner) for i in range(provisions)),
        scopes=("milan", "relief"),
        tables=_tables(rng, partner),
        title=f"agreement {number}",
    )
    in_force: Intervals = ((START, FOREVER),) if rng.random() < 0.5 else _stretches(rng, 1, 3000)
    scopes = tuple(
        Scope(start, instrument.id, name, end)
        for name in instrument.scopes
        for start, end in _stretches(rng, rng.randint(0, 2), 900)
    )
    return Agreement(
        instrument,
        version_of(instrument),
        in_force,
        _stretches(rng, rng.randint(0, 2), 200),
        scopes,
        ((START - HOUR, FOREVER),) if rng.random() < 0.8 else ((START + 100 * HOUR, START + 1900 * HOUR),),
    )


def world(rng: random.Random, partners: int = 4, each: int = 3, provisions: int = 6) -> list[Agreement]:
    names = [f"p-{i:02}" for i in range(partners)]
    return [agreement(rng, i * each + j, name, provisions) for i, name in enumerate(names) for j in range(each)]


def _header(rng: random.Random, made: Agreement, provision: Provision, now_ms: int) -> ReleaseHeader:
    """A record that this provision might well permit."""
    recipient = provision.direction.to_party
    grades = [Grade(policy_of(OWN), rng.randint(0, 2), frozenset(("eyes",) if rng.random() < 0.05 else ()))]
    if rng.random() < 0.1:
        grades.append(Grade(policy_of(rng.choice((recipient, "fra"))), rng.randint(0, 2)))
    return ReleaseHeader(
        type=rng.choice(provision.record_types),
        label=Label(
            grades=tuple(sorted(grades)),
            originators=frozenset({OWN}),
            purposes=frozenset(rng.sample(PURPOSES, rng.randint(1, 3)) + list(provision.purposes[:1])),
            releasable_to=frozenset({recipient, "zzz"}),
        ),
        issuer=OWN,
        at_ms=now_ms - rng.choice((0, 1000, HOUR, 2 * HOUR)),
        exercise=provision.exercise,
        handling=rng.choice(provision.handling),
        record_id="ab" * 32,
    )


def _edges(made: Agreement) -> list[int]:
    pairs = [*made.in_force, *made.suspended, *made.current, *((s.from_ms, s.to_ms) for s in made.scopes)]
    return [edge for pair in pairs for edge in pair if edge < FOREVER]


def _step_time(rng: random.Random, made: Agreement, provision: Provision, case: Case) -> Case:
    edge = rng.choice(_edges(made))
    off = rng.choice((-GUARD_MS - 1, -GUARD_MS, -1, 0, 1, GUARD_MS - 1, GUARD_MS))
    if rng.random() < 0.6:
        return case._replace(now_ms=edge + off)
    at_ms = edge + rng.choice((-1, 0))
    return case._replace(header=msgspec.structs.replace(case.header, at_ms=at_ms, backfill=rng.random() < 0.4))


def _step_delay(rng: random.Random, made: Agreement, provision: Provision, case: Case) -> Case:
    at_ms = case.now_ms - HOUR + rng.choice((-1, 0, 1))
    return case._replace(header=msgspec.structs.replace(case.header, at_ms=at_ms))


def _step_label(rng: random.Random, made: Agreement, provision: Provision, case: Case) -> Case:
    label = case.header.label
    if label is None:
        return case
    grades = list(label.grades)
    i = rng.randrange(len(grades)) if grades else 0
    grades[i : i + 1] = [msgspec.structs.replace(g, classification=rng.randint(0, 5)) for g in grades[i : i + 1]]
    day = "2020-09-14"
    changed: list[dict[str, object]] = [
        {"grades": tuple(grades)},
        {"grades": tuple(grades)},
        {"releasable_to": frozenset({"zzz"})},
        {"purposes": frozenset(rng.sample(PURPOSES, 1))},
        {"purposes": frozenset()},
        {"review_by": rng.choice((day, day, "2020-02-31", "2031-01-01"))},
        {"originators": label.originators | {"fra"}},
        {"grades": ()},
    ]
    change = rng.choice(changed)
    if change.get("review_by") == day:
        case = case._replace(now_ms=day_ms(day) + rng.choice((-1, 0, 1)))
    made_label = msgspec.structs.replace(label, **change)
    return case._replace(header=msgspec.structs.replace(case.header, label=made_label))


def _step_purpose(rng: random.Random, made: Agreement, provision: Provision, case: Case) -> Case:
    return case._replace(purpose=rng.choice((*PURPOSES, "unheard-of")), provision=rng.choice(("", provision.id, "p99")))


def _step_held(rng: random.Random, made: Agreement, provision: Provision, case: Case) -> Case:
    names = ["at", "purposes", "caveats/x", f"releasable_to/{case.recipient}", "releasable_to/zzz", "actor", "after/0"]
    names += [f"payload/{field}" for field in FIELDS] + ["payload/chunks/3", "payload/name/0/1", "derived_from/0"]
    named = [f"payload/{name}" for name in provision.discloses if not name.startswith("@")]
    held = frozenset(rng.sample(named, min(len(named), 2)) + rng.sample(names, rng.randint(0, 1)))
    return case._replace(header=msgspec.structs.replace(case.header, already_held=held))


def _step_closed(rng: random.Random, made: Agreement, provision: Provision, case: Case) -> Case:
    """A record that hides nothing, most often one that goes to parties to the instrument alone, of which some is held already."""
    named = [f"payload/{name}" for name in provision.discloses if not name.startswith("@")]
    parties = [party for party in made.instrument.parties if rng.random() < 0.9] + ["zzz"] * (rng.random() < 0.2)
    closed = {"at", "purposes", *named[:-1], *(f"releasable_to/{party}" for party in parties)}
    if rng.random() < 0.2:
        closed |= {rng.choice(("payload/mmsi", "actor", "payload/name/0/1"))}
    held = frozenset(name for name in closed if rng.random() < 0.5)
    return case._replace(header=msgspec.structs.replace(case.header, closed=frozenset(closed), already_held=held))


def _step_consent(rng: random.Random, made: Agreement, provision: Provision, case: Case) -> Case:
    fields = frozenset(rng.sample(FIELDS, 4)) | frozenset(provision.discloses[: rng.randint(0, 3)])
    purposes = (*PURPOSES, *provision.purposes * 4)
    consents = tuple(
        Consent(
            id=f"consent-{i}",
            originator=rng.choice(("fra", "fra", "fra", case.recipient)),
            relay=rng.choice((OWN, OWN, OWN, OWN, "fra")),
            recipient=rng.choice((case.recipient, case.recipient, case.recipient, "zzz")),
            fields=fields,
            purpose=rng.choice(purposes),
            expires_ms=case.now_ms + rng.choice((-1, 0, 1, HOUR, HOUR, HOUR)),
            records=frozenset(rng.choice((("ab" * 32,), ("ab" * 32,), ("cd" * 32,), ()))),
            record_type=rng.choice(("", case.header.type)),
            from_ms=case.header.at_ms + rng.choice((-1, 0, 1)),
            to_ms=case.header.at_ms + rng.choice((0, 1, HOUR)),
            single_use=rng.random() < 0.3,
            used=rng.random() < 0.3,
        )
        for i in range(rng.randint(0, 3))
    )
    held = frozenset(f"payload/{name}" for name in rng.sample(FIELDS, rng.choice((0, 0, 1))))
    header = msgspec.structs.replace(case.header, issuer=rng.choice(("fra", OWN)), consents=consents, already_held=held)
    label = header.label
    if label is not None and rng.random() < 0.5:
        header = msgspec.structs.replace(header, label=msgspec.structs.replace(label, originators=frozenset({"fra"})))
    return case._replace(header=header)


def _step_header(rng: random.Random, made: Agreement, provision: Provision, case: Case) -> Case:
    changed: list[dict[str, object]] = [
        {"exercise": not case.header.exercise},
        {"handling": rng.choice(("registered", "personal", "standard"))},
        {"type": rng.choice((*TYPES, "maritime.unknown.v1"))},
        {"label": None},
    ]
    return case._replace(header=msgspec.structs.replace(case.header, **rng.choice(changed)))


_STEPS = (_step_time, _step_time, _step_time, _step_label, _step_label, _step_purpose, _step_held, _step_consent)
_STEPS += (_step_delay, _step_header, _step_closed)


def _moment(rng: random.Random, made: Agreement, provision: Provision) -> int:
    """A moment at which the provision is in force, if a few tries find one."""
    open_ = [s for s in made.scopes if s.name == provision.scope]
    now_ms = START
    for _ in range(8):
        start, end = (open_[0].from_ms, open_[0].to_ms) if open_ else (START, START + 2000 * HOUR)
        now_ms = rng.randint(start, end)
        if contains(made.in_force, now_ms) and contains(made.current, now_ms) and not contains(made.suspended, now_ms):
            break
    return now_ms


def case(rng: random.Random, agreements: list[Agreement]) -> Case:
    """One release: half of them are moved by one step from what a provision permits, some by two."""
    made = rng.choice(agreements)
    provision = rng.choice(made.instrument.provisions)
    now_ms = _moment(rng, made, provision)
    found = Case(_header(rng, made, provision, now_ms), provision.direction.to_party, now_ms, "", "")
    steps = rng.choice((0, 0, 0, 1, 1, 1, 1, 2))
    for _ in range(steps):
        found = rng.choice(_STEPS)(rng, made, provision, found)
    return found
