"""Instruments: agreements as data, and whether they are in force.

An instrument is one canonical file of parties, dates, provisions and equivalence tables; the hash of its bytes is its *version*, and it
counts for release only once every party has signed that hash with its root key. Whether a record may cross under it is
`kizuna.kernel.release`'s judgement, reading it from a file `kizuna.kernel.instrument_file`'s.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import UNSET, UnsetType

from kizuna.errors import RecordError
from kizuna.kernel import canonical, sign
from kizuna.kernel.deadline import day_of
from kizuna.kernel.intervals import ALWAYS, FOREVER, Intervals, both, contains, normal, without

LANES = ("flash", "priority", "routine", "bulk")
"""From the most urgent to the least."""
EFFECTS = ("permits", "forbids")
KINDS = (
    "treaty",
    "declaration",
    "memorandum",
    "implementing-arrangement",
    "project-arrangement",
    "joint-statement",
    "action-plan",
    "summit-document",
)
BASES = ("primary", "stated-in-source", "news", "derived", "unconfirmed", "example")
"""What a statement rests on; `example` is ours, made up to show how the node works, and is shown as such wherever it is cited."""
HEADER_NAMES = frozenset({"@actor", "@after", "@exercise", "@node", "@subject"})
"""Facts of the statement that a provision may disclose beside payload fields; the label's own parts always travel with a record."""
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII).fullmatch
_WIRE_NAME = re.compile(r"[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*\.v[1-9][0-9]*").fullmatch


class LimitedDate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A date as far as it is known: `precision` is `day`, `month`, `year` or `unknown`, and `value` is cut to match."""

    precision: str = "unknown"
    value: str = ""

    def bounds(self) -> tuple[str, str] | None:
        """Return the first and last day that the date may be, `YYYY-MM-DD`, or None where it is unknown."""
        if self.precision == "unknown":
            return None
        year, _, rest = self.value.partition("-")
        month, _, day = rest.partition("-")
        last_month = month or "12"
        last_day = day or f"{calendar.monthrange(int(year), int(last_month))[1]:02}"
        return f"{year}-{month or '01'}-{day or '01'}", f"{year}-{last_month}-{last_day}"


def limited_date(text: str) -> LimitedDate:
    """Return the date that `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or `unknown` says.

    Raises:
        RecordError: the text is none of these, or no day of the calendar.
    """
    if text == "unknown":
        return LimitedDate()
    found = _DATE(text)
    if found is None:
        raise RecordError(f"date `{text[:20]}` is not `YYYY`, `YYYY-MM`, `YYYY-MM-DD` or `unknown`")
    made = LimitedDate(precision=("year", "month", "day")[found.lastindex - 1 if found.lastindex else 0], value=text)
    try:
        for day in made.bounds() or ():
            day_ms(day)
    except ValueError as error:
        raise RecordError(f"date `{text}` is not in the calendar") from error
    return made


def day_ms(day: str) -> int:
    """Return the start of a day `YYYY-MM-DD` in milliseconds UTC; raises ValueError where there is no such day."""
    return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * 1000


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A box of the sea in 1/600000 degree: south and west edges belong to it, north and east ones do not."""

    east_600000: int
    north_600000: int
    south_600000: int
    west_600000: int


class Obligations(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is done to a record on its way out, and what its recipient must do with it."""

    areas: tuple[Area, ...] = ()
    """Positions outside all of these stay; no area means no limit by place."""
    coarsen_600000: int = 0
    """The grid that positions snap to, in 1/600000 degree."""
    delay_ms: int = 0
    """How long after its instant a record stays at home."""
    drop_fields: tuple[str, ...] = ()
    """Payload fields or table columns that stay at home, whatever the clause discloses."""
    exclude_own_units: bool = False
    no_onward: bool = True
    retain_days: int = 0
    """After how many days the recipient destroys it; 0: no limit."""
    time_step_ms: int = 0
    unlinkable: bool = False

    @property
    def transforms(self) -> bool:
        """Whether it takes more than withholding whole facts: a record that cannot be cut or rewritten must then stay."""
        return bool(self.areas or self.coarsen_600000 or self.exclude_own_units or self.time_step_ms or self.unlinkable)

    @property
    def rewrites(self) -> bool:
        """Whether it asks for coarser values: a new statement of the releaser's in place of the record."""
        return self.coarsen_600000 > 1 or self.time_step_ms > 1


class Direction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From whom to whom a provision lets records flow."""

    from_party: str
    to_party: str


class Provision(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One clause that a machine can apply; what it does not name stays closed."""

    article: str = ""
    backfill: bool | UnsetType = UNSET
    """Whether records from before it opened may follow by an act of two persons; where nothing is said of it, the bytes are as they always were."""
    basis: str
    direction: Direction
    discloses: tuple[str, ...] = ()
    """Payload fields by name, and header facts as `@actor`, `@node`, `@subject`, `@after`, `@exercise`."""
    effect: str
    equivalence: str = ""
    """`id@version` of the table that translates the label; empty: only grades of the recipient's own policy pass."""
    exercise: bool = False
    """Whether it is for records made for an exercise, or for real ones; a clause that forbids applies to both."""
    handling: tuple[str, ...] = ("standard",)
    id: str
    lane: str = "routine"
    max_classification: dict[str, int] = {}
    """The recipient's marking policy, and the highest translated grade in it."""
    obligations: Obligations = Obligations()
    purposes: tuple[str, ...] = ()
    record_types: tuple[str, ...]
    scope: str = ""
    """The scope that must be open, or empty."""
    text: str = ""


class EquivalenceRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The grades of the other policy that one grade meets: the highest of them is its translation."""

    from_level: int
    to_levels: tuple[int, ...]


class EquivalenceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One direction of an agreed equivalence of markings; the opposite direction has the same id and version."""

    basis: str
    caveats: dict[str, str] = {}
    """Caveat to caveat; one without a row does not translate."""
    from_policy: str
    id: str
    rows: tuple[EquivalenceRow, ...]
    to_policy: str
    version: str

    @property
    def name(self) -> str:
        """How a provision names it, `id@version`."""
        return f"{self.id}@{self.version}"

    def translate(self, level: int) -> int | None:
        """Return the highest grade that meets this one, or None where no row says."""
        return max((to for row in self.rows if row.from_level == level for to in row.to_levels), default=None)


class Citation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a statement can be read."""

    note: str = ""
    source: str


class Stated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the text is known to say, for people: nothing is released by it."""

    basis: str
    effect: str
    """`permits`, `obliges`, `forbids-without-consent` or `purpose`."""
    id: str
    text: str


class Instrument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One agreement. Its dates keep the precision with which they are known."""

    basis: str
    binding: bool | None = None
    citations: tuple[Citation, ...] = ()
    id: str
    in_force_on: LimitedDate = LimitedDate()
    kind: str
    parent: str = ""
    parties: tuple[str, ...]
    provisions: tuple[Provision, ...] = ()
    scopes: tuple[str, ...] = ()
    """Names of the scopes that it reserves provisions for."""
    signed_on: LimitedDate = LimitedDate()
    stated: tuple[Stated, ...] = ()
    supersedes: str = ""
    tables: tuple[EquivalenceTable, ...] = ()
    terminates_on: LimitedDate | None = None
    """None: no end is stated; unknown: it ends, one does not know when, and so it permits nothing."""
    title: str


def version_of(instrument: Instrument) -> str:
    """Return the version: the SHA-256 of the instrument's canonical bytes, in lower-case hex."""
    return hashlib.sha256(canonical.encode(instrument)).hexdigest()


class VersionSignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A party's word that it agrees to one version of an instrument."""

    instrument: str
    party: str
    signed_at_ms: int
    version: str


def sign_version(instrument: Instrument, party: str, signed_at_ms: int, root: sign.SigningKey) -> sign.Envelope:
    """Return the party's signed agreement to this version; `root` is its root key."""
    statement = VersionSignature(instrument.id, party, signed_at_ms, version_of(instrument))
    return sign.seal("instrument", canonical.encode(statement), root)


def read_signature(envelope: sign.Envelope, roots: Mapping[str, bytes]) -> VersionSignature:
    """Return what a party signed, after verifying it under that party's root public key.

    Raises:
        RecordError: the envelope is malformed, or its party has no root key here.
        SignatureError: the signature does not verify.
    """
    said = canonical.decode(envelope.payload_bytes(), type=VersionSignature)
    root = roots.get(said.party)
    if root is None:
        raise RecordError(f"no root key of party `{said.party[:32]}` is pinned: enrol it first")
    if envelope.key_id != sign.key_id(sign.Purpose.ROOT, root):
        raise RecordError(f"signed by key `{envelope.key_id[:32]}`, which is not the root key of `{said.party}`")
    sign.unseal("instrument", envelope, root)
    return said


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One party's act on an instrument: `suspended`, `resumed` (which names the suspension that it lifts) or `terminated`."""

    act: str
    at_ms: int
    id: str
    instrument: str
    party: str
    lifts: str = ""


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named operation or exercise that opens the provisions reserved for it, and closes by itself."""

    from_ms: int
    instrument: str
    name: str
    to_ms: int


class Agreement(msgspec.Struct, frozen=True):
    """One version of an instrument with the instants at which it counts; `current` is when this version is the signed one."""

    instrument: Instrument
    version: str
    in_force: Intervals
    suspended: Intervals = ()
    scopes: tuple[Scope, ...] = ()
    current: Intervals = ALWAYS
    note: str = ""
    """In words, why it is not in force at all; empty where it is."""


class InForce(msgspec.Struct, frozen=True):
    """Whether an instrument is in force: `state` is one of `STATES`, `reason` says why in words."""

    state: str
    reason: str


STATES = ("unsigned", "unknown", "not-yet", "in-force", "suspended", "terminated", "expired")


def suspensions(statuses: Iterable[Status], parties: Sequence[str]) -> Intervals:
    """Return when the instrument is suspended: any party's suspension, until that same party lifts that same one.

    The fold reads a set, so order and duplicates of arrival do not matter; a suspension without its own resumption holds for ever.
    """
    acts = {status for status in statuses if status.party in parties}
    found = []
    for act in acts:
        if act.act == "suspended":
            ends = [s.at_ms for s in acts if s.act == "resumed" and s.party == act.party and s.lifts == act.id]
            found.append((act.at_ms, min(ends, default=FOREVER)))
    return normal(found)


def _termination(instrument: Instrument, statuses: Iterable[Status]) -> int:
    ends = [s.at_ms for s in statuses if s.act == "terminated" and s.party in instrument.parties]
    if instrument.terminates_on is not None:
        bounds = instrument.terminates_on.bounds()
        ends.append(day_ms(bounds[0]) if bounds else 0)  # to end too early is safe, too late is not
    return min(ends, default=FOREVER)


def term(instrument: Instrument, statuses: Iterable[Status] = ()) -> Intervals:
    """Return from when to when the instrument is in force by its dates and terminations, suspensions not counted.

    A date of entry known to the month or year counts from its last day; an unknown one never.
    """
    bounds = instrument.in_force_on.bounds()
    if bounds is None:
        return ()
    return normal([(day_ms(bounds[1]), _termination(instrument, statuses))])


def _unsigned(instrument: Instrument, signatures: Iterable[VersionSignature]) -> tuple[list[str], int]:
    version = version_of(instrument)
    dates: dict[str, int] = {}
    for said in signatures:
        if said.instrument == instrument.id and said.version == version:
            dates[said.party] = min(said.signed_at_ms, dates.get(said.party, FOREVER))
    missing = [party for party in instrument.parties if party not in dates]
    return missing, max((dates[party] for party in instrument.parties if party in dates), default=0)


def in_force(  # noqa: PLR0911 # one return for each state
    instrument: Instrument, signatures: Iterable[VersionSignature], statuses: Iterable[Status], now_ms: int
) -> InForce:
    """Return whether this version of the instrument is in force, with the reason in words.

    `signatures` are verified ones (`read_signature`).
    """
    missing, signed_ms = _unsigned(instrument, (said for said in signatures if said.signed_at_ms <= now_ms))
    if missing:
        return InForce("unsigned", f"this version is not signed by {', '.join(f'`{party}`' for party in missing)}")
    bounds = instrument.in_force_on.bounds()
    if bounds is None:
        return InForce("unknown", "its entry into force is not known")
    mine = [status for status in statuses if status.instrument == instrument.id]
    if now_ms < day_ms(bounds[1]):
        return InForce("not-yet", f"it counts as in force from {bounds[1]}")
    if now_ms >= _termination(instrument, ()):
        return InForce("expired", f"its term has ended ({_said(instrument.terminates_on)})")
    if now_ms >= _termination(instrument, mine):
        return InForce("terminated", "a party has terminated it")
    if contains(suspensions(mine, instrument.parties), now_ms):
        return InForce("suspended", "a party has suspended it and not resumed it")
    return InForce("in-force", f"in force since {bounds[1]}, signed by all parties by {day_of(signed_ms)}")


def _said(date: LimitedDate | None) -> str:
    return date.value if date is not None and date.value else "at an unknown date"


def agreements(
    instruments: Iterable[Instrument],
    signatures: Sequence[VersionSignature],
    statuses: Sequence[Status] = (),
    scopes: Sequence[Scope] = (),
) -> tuple[Agreement, ...]:
    """Return what `kizuna.kernel.release.Index` is built from: each version of each instrument with its instants.

    Of several versions that all parties signed, each counts from its last signature until the next version's. An instrument that
    supersedes another ends it when it enters into force itself. One that is unsigned or of unknown date is returned with no instants and
    a note that says so. `signatures` are verified ones.
    """
    made: list[Agreement] = []
    families: dict[str, list[tuple[int, str, Instrument]]] = {}
    for instrument in instruments:
        missing, signed_ms = _unsigned(instrument, signatures)
        version = version_of(instrument)
        if missing:
            names = ", ".join(f"`{party}`" for party in missing)
            made.append(Agreement(instrument, version, (), note=f"this version is not signed by {names}"))
        else:
            families.setdefault(instrument.id, []).append((signed_ms, version, instrument))
    for name, versions in families.items():
        ordered = sorted(versions, key=_by_signature)
        own = [status for status in statuses if status.instrument == name]
        open_scopes = tuple(scope for scope in scopes if scope.instrument == name)
        for i, (signed_ms, version, instrument) in enumerate(ordered):
            until = ordered[i + 1][0] if i + 1 < len(ordered) else FOREVER
            instants = term(instrument, own)
            made.append(
                Agreement(
                    instrument,
                    version,
                    instants,
                    suspensions(own, instrument.parties),
                    open_scopes,
                    normal([(signed_ms, until)]),
                    "" if instants else "its entry into force is not known, or its term is empty",
                )
            )
    return _superseded(made)


def _by_signature(item: tuple[int, str, Instrument]) -> tuple[int, str]:
    return item[0], item[1]


def _superseded(made: list[Agreement]) -> tuple[Agreement, ...]:
    ends: dict[str, Intervals] = {}
    for agreement in made:
        if agreement.instrument.supersedes and agreement.in_force:
            target = agreement.instrument.supersedes
            starts = both(agreement.in_force, agreement.current)
            ends[target] = normal((*ends.get(target, ()), *((start, FOREVER) for start, _ in starts)))
    return tuple(
        msgspec.structs.replace(agreement, in_force=without(agreement.in_force, ends[agreement.instrument.id]))
        if agreement.instrument.id in ends
        else agreement
        for agreement in made
    )


def is_wire_name(name: str) -> bool:
    """Return whether the name is a record type with its version: `maritime.position-batch.v1`."""
    return _WIRE_NAME(name) is not None
