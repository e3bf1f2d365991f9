"""What a well-formed instrument is, beyond its types: every rule that a loader or a receiving node checks before anyone signs.

A fault names its place inside the instrument, so that a file's reader can show the line.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel.instrument import (
    BASES,
    EFFECTS,
    HEADER_NAMES,
    KINDS,
    LANES,
    EquivalenceTable,
    Instrument,
    LimitedDate,
    Obligations,
    Provision,
    is_wire_name,
    limited_date,
)
from kizuna.kernel.label import MAX_CLASSIFICATION, PARTY, WORD

Fields = Mapping[str, frozenset[str]]
"""Record type to the names of its payload fields."""


class Fault(msgspec.Struct, frozen=True):
    """What is wrong and where: `section` and `id` of the part, `field` in it, and a sentence with the remedy."""

    section: str
    id: str
    field: str
    message: str


def check(instrument: Instrument, known: Fields | None = None) -> None:
    """Accept a well-formed instrument; `known` gives the fields of record types that this node has.

    Raises:
        RecordError: the first fault, with its place.
    """
    for fault in faults(instrument, known):
        raise RecordError(f"{fault.section} `{fault.id}`, `{fault.field}`: {fault.message}")


def faults(instrument: Instrument, known: Fields | None = None) -> Iterator[Fault]:
    """Yield every fault of the instrument and its parts."""
    yield from _own_faults(instrument)
    for section, names in (
        ("provision", [provision.id for provision in instrument.provisions]),
        ("equivalence", [f"{table.name} from {table.from_policy}" for table in instrument.tables]),
    ):
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield Fault(section, name, "id", "stands twice: give each its own")
    for provision in instrument.provisions:
        for field, message in itertools.chain(
            _direction_faults(instrument, provision),
            _disclosure_faults(provision, known or {}),
            _effect_faults(instrument, provision),
            _obligation_faults(provision.obligations),
        ):
            yield Fault("provision", provision.id, field, message)
    for table in instrument.tables:
        for field, message in _table_faults(instrument, table):
            yield Fault("equivalence", f"{table.name} from {table.from_policy}", field, message)


def _own_faults(instrument: Instrument) -> Iterator[Fault]:
    def fault(field: str, message: str) -> Fault:
        return Fault("instrument", instrument.id, field, message)

    if not WORD(instrument.id):
        yield fault("id", f"`{instrument.id[:64]}` is not a lower-case name")
    if instrument.kind not in KINDS:
        yield fault("kind", f"`{instrument.kind}` is unknown: use one of {', '.join(KINDS)}")
    if instrument.basis not in BASES:
        yield fault("basis", f"`{instrument.basis}` is unknown: use one of {', '.join(BASES)}")
    parties = instrument.parties
    if len(parties) < 2 or len(set(parties)) != len(parties) or not all(PARTY(party) for party in parties):  # noqa: PLR2004 # two make an agreement
        yield fault("parties", "name two or more different parties, each a lower-case id")
    if instrument.id in (instrument.supersedes, instrument.parent):
        yield fault("supersedes", "an instrument cannot supersede itself or be its own parent")
    for field in ("signed_on", "in_force_on", "terminates_on"):
        date: LimitedDate | None = getattr(instrument, field)
        if date is not None and not _is_date(date):
            yield fault(field, f"`{date.value[:20]}` with precision `{date.precision[:20]}` is no date")


def _is_date(date: LimitedDate) -> bool:
    try:
        return limited_date(date.value or "unknown") == date
    except RecordError:
        return False


_Found = Iterator[tuple[str, str]]


def _direction_faults(instrument: Instrument, provision: Provision) -> _Found:
    if not WORD(provision.id):
        yield "id", f"`{provision.id[:64]}` is not a lower-case name"
    if provision.basis not in BASES:
        yield "basis", f"`{provision.basis}` is unknown: use one of {', '.join(BASES)}"
    pair = {provision.direction.from_party, provision.direction.to_party}
    if len(pair) != 2 or not pair <= set(instrument.parties):  # noqa: PLR2004 # from one to another
        yield "from", f"must go from one to another of the parties {', '.join(instrument.parties)}"
    if not provision.record_types:
        yield "record_types", "names no record type, so it would never apply: name at least one with its version"
    for wire_name in provision.record_types:
        if not is_wire_name(wire_name):
            yield "record_types", f"`{wire_name}` is no record type with version, such as `maritime.gap-detected.v1`"
    if provision.scope and provision.scope not in instrument.scopes:
        yield "scope", f"`{provision.scope}` is not among the instrument's scopes: add it there"
    if provision.backfill is False or (provision.backfill is True and provision.effect == "forbids"):
        yield "backfill", "is `true` where two persons may release what was made before, and is left out elsewhere"
    if provision.lane not in LANES:
        yield "lane", f"`{provision.lane}` is unknown: use one of {', '.join(LANES)}"


def _disclosure_faults(provision: Provision, known: Fields) -> _Found:
    for name in provision.discloses:
        if name.startswith("@"):
            if name not in HEADER_NAMES:
                yield "discloses", f"`{name}` is no header fact: use one of {', '.join(sorted(HEADER_NAMES))}"
            continue
        for wire_name in provision.record_types:
            if wire_name in known and name not in known[wire_name]:
                has = ", ".join(sorted(known[wire_name]))
                yield "discloses", f"`{wire_name}` has no field `{name}`: it has {has}"


def _effect_faults(instrument: Instrument, provision: Provision) -> _Found:
    if provision.effect not in EFFECTS:
        yield "effect", f"`{provision.effect}` is unknown: use one of {', '.join(EFFECTS)}"
    if provision.effect == "forbids":
        for field in ("discloses", "equivalence", "max_classification", "purposes"):
            if getattr(provision, field):
                yield field, "has no meaning where the effect is `forbids`, which holds for every purpose: remove it"
        return
    if not provision.purposes:
        yield "purposes", "is empty, so it would permit nothing: name at least one"
    if len(provision.max_classification) != 1:
        yield "max_classification", "name the recipient's one marking policy and its highest grade"
        return
    ((policy, maximum),) = provision.max_classification.items()
    if not 0 <= maximum <= MAX_CLASSIFICATION:
        yield "max_classification", f"`{maximum}` is not between 0 and {MAX_CLASSIFICATION}"
    names = {table.name for table in instrument.tables if table.to_policy == policy}
    if provision.equivalence and provision.equivalence not in names:
        yield "equivalence", f"no table `{provision.equivalence}` into `{policy}`: the instrument has {sorted(names)}"


def _obligation_faults(obligations: Obligations) -> _Found:
    for field in ("coarsen_600000", "delay_ms", "retain_days", "time_step_ms"):
        if getattr(obligations, field) < 0:
            yield field, "is negative"
    for area in obligations.areas:
        if area.south_600000 >= area.north_600000 or area.west_600000 >= area.east_600000:
            yield (
                "areas",
                "an area's south must lie below its north and its west before its east; split it at 180 degrees",
            )


def _table_faults(instrument: Instrument, table: EquivalenceTable) -> _Found:
    if table.basis not in BASES:
        yield "basis", f"`{table.basis}` is unknown: use one of {', '.join(BASES)}"
    if table.from_policy == table.to_policy or not WORD(table.from_policy) or not WORD(table.to_policy):
        yield "from_policy", "a table goes from one marking policy to another"
    levels = [row.from_level for row in table.rows]
    if levels != sorted(set(levels)):
        yield "rows", f"levels `{levels}` must stand once each, the lowest first"
    for row in table.rows:
        if not row.to_levels or not all(0 <= to <= MAX_CLASSIFICATION for to in (row.from_level, *row.to_levels)):
            yield "rows", f"row `{row.from_level}` needs grades between 0 and {MAX_CLASSIFICATION}"
            return
    for low, high in itertools.pairwise(levels):
        if (table.translate(low) or 0) > (table.translate(high) or 0):
            yield "rows", f"row `{high}` translates lower than row `{low}`: a higher grade may not become a lower one"
    yield from _return_faults(instrument, table)


def _return_faults(instrument: Instrument, table: EquivalenceTable) -> _Found:
    back = next(
        (
            t
            for t in instrument.tables
            if t.name == table.name and t.to_policy == table.from_policy and t.from_policy == table.to_policy
        ),
        None,
    )
    if back is None:
        yield "rows", f"has no way back: give `{table.name}` from `{table.to_policy}` to `{table.from_policy}` too"
        return
    for row in table.rows:
        there = max(row.to_levels)
        again = back.translate(there)
        if again is None:
            yield "rows", f"row `{row.from_level}` becomes `{there}`, which has no row on the way back: add it"
        elif again < row.from_level:
            yield (
                "rows",
                f"row `{row.from_level}` becomes `{there}` and comes back as `{again}`, which is lower: raise it",
            )
