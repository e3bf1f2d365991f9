"""What parties say about the sea. Numbers are scaled integers, the units in their names; what was not known is left out, not guessed."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from kizuna.kernel.record import WITHHELD, Body, Withheld

SourceKind = Literal["live", "recorded", "simulated"]
"""Whether a source was heard as it happened, played back from a recording, or made up; made-up traffic never mixes with the others."""
SIMULATED: SourceKind = "simulated"
FeedState = Literal["live", "degraded", "silent"]
EventKind = Literal["gap", "encounter"]
"""Kinds of the first version."""
FoundKind = Literal[
    "disabling-suspected", "encounter", "gap", "identity-change", "identity-clash", "impossible-speed", "impossible-turn",
    "loitering", "on-land", "port-visit", "simultaneous-jumps",
]  # fmt: skip
Confidence = Literal["low", "high"]
Sureness = Literal["low", "medium", "high"]

Cell = Annotated[str, msgspec.Meta(pattern=r"\A[NS][0-9]{2}[EW][0-9]{3}\Z")]
Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
IDENTITY = r"\A(?:mmsi:[0-9]{9}|imo:[0-9]{7}|callsign:[A-Z0-9]{3,7}|name:[^\x00-\x1f]{1,40})\Z"
Identity = Annotated[str, msgspec.Meta(pattern=IDENTITY)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Mmsi = Annotated[int, msgspec.Meta(ge=0, lt=2**30)]
Latitude = Annotated[int, msgspec.Meta(ge=-90 * 600_000, le=90 * 600_000)]
Longitude = Annotated[int, msgspec.Meta(ge=-180 * 600_000, le=180 * 600_000)]


class BlobRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a chunk's rows are: the digest and the bytes of a blob."""

    sha256: Digest
    size: Count


class Chunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rows of one batch that lie in one cell of a degree, named by its south-west corner, such as `N05E095`."""

    blob: BlobRef
    cell: Cell
    rows: Count


class PositionBatch(Body, frozen=True):
    """Positions of one source in one half-open window of UTC, cut by cell at issue.

    A chunk's blob is `kizuna.formats.positions_arrow.canonical_ipc` of its rows; whole chunks are released or stay. A batch that its releaser made
    coarser for one partner says by which steps; it is the releaser's own claim.
    """

    __each__ = frozenset({"chunks"})

    window_from_ms: int | Withheld = WITHHELD
    window_to_ms: int | Withheld = WITHHELD
    source: str | Withheld = WITHHELD
    source_kind: SourceKind | Withheld = WITHHELD
    row_count: Count | Withheld = WITHHELD
    place_step_600000: Count | Withheld = WITHHELD
    time_step_ms: Count | Withheld = WITHHELD
    chunks: tuple[Chunk, ...] | Withheld = WITHHELD


class OwnUnitBatch(PositionBatch, frozen=True):
    """The same for the issuer's own units: their rows are cut out of every other batch, so that none of those can carry them."""


class StaticReported(Body, frozen=True):
    """What a vessel reports of itself and its voyage, newest value of each field; a field that nobody reported is left out."""

    mmsi: Mmsi | Withheld = WITHHELD
    imo_no: Count | Withheld = WITHHELD
    name: str | Withheld = WITHHELD
    callsign: str | Withheld = WITHHELD
    ship_type: Count | Withheld = WITHHELD
    length_m: Count | Withheld = WITHHELD
    beam_m: Count | Withheld = WITHHELD
    draught_dm: Count | Withheld = WITHHELD
    destination: str | Withheld = WITHHELD
    reported_at_ms: int | Withheld = WITHHELD
    source: str | Withheld = WITHHELD
    source_kind: SourceKind | Withheld = WITHHELD


STATIC_FIELDS = ("imo_no", "name", "callsign", "ship_type", "length_m", "beam_m", "draught_dm", "destination")
"""What a static report may tell of a vessel."""


class EventDetected(Body, frozen=True):
    """A gap or an encounter that the positions of one source show; a gap without `to_ms` is still open.

    `rule` names the threshold set and its version, `coverage_ref` the feed whose states were held against it, `batches` the records that hold the
    first and the last report that it rests on. A later finding of the same event has the same subject and follows the earlier one.
    """

    kind: EventKind | Withheld = WITHHELD
    mmsi: Mmsi | Withheld = WITHHELD
    other_mmsi: Mmsi | Withheld = WITHHELD
    from_ms: int | Withheld = WITHHELD
    to_ms: int | Withheld = WITHHELD
    lat_600000: Latitude | Withheld = WITHHELD
    lon_600000: Longitude | Withheld = WITHHELD
    rule: str | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    coverage_ref: str | Withheld = WITHHELD
    batches: tuple[str, ...] | Withheld = WITHHELD
    source_kind: SourceKind | Withheld = WITHHELD


class AreaEntered(Body, frozen=True):
    """A vessel that was outside a watched area at `from_ms` and inside at `to_ms`: a type of its own, for agreements treat it apart."""

    mmsi: Mmsi | Withheld = WITHHELD
    area: str | Withheld = WITHHELD
    from_ms: int | Withheld = WITHHELD
    to_ms: int | Withheld = WITHHELD
    lat_600000: Latitude | Withheld = WITHHELD
    lon_600000: Longitude | Withheld = WITHHELD
    rule: str | Withheld = WITHHELD
    confidence: Confidence | Withheld = WITHHELD
    coverage_ref: str | Withheld = WITHHELD
    batches: tuple[str, ...] | Withheld = WITHHELD
    source_kind: SourceKind | Withheld = WITHHELD


class Sighting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A position report that an event rests on."""

    mmsi: Mmsi
    time_ms: int
    lat_600000: Latitude
    lon_600000: Longitude


class _Found(Body, frozen=True):
    """What every event of the second version says.

    It cites its numbers by the id and the digest of their set, and what it rests on by some of the positions, how many there are, and the digest
    of them all, by vessel and time; `batches` are the records that hold the first and the last of them. One that is changed by late positions
    names the records that it supersedes; where nothing is left of it, it no longer holds. One without `to_ms` may still go on.
    """

    vessels: tuple[Mmsi, ...] | Withheld = WITHHELD
    from_ms: int | Withheld = WITHHELD
    to_ms: int | Withheld = WITHHELD
    lat_600000: Latitude | Withheld = WITHHELD
    lon_600000: Longitude | Withheld = WITHHELD
    what: str | Withheld = WITHHELD
    confidence: Sureness | Withheld = WITHHELD
    holds: bool | Withheld = WITHHELD
    supersedes: tuple[Digest, ...] | Withheld = WITHHELD
    threshold_set: str | Withheld = WITHHELD
    threshold_sha256: Digest | Withheld = WITHHELD
    evidence: tuple[Sighting, ...] | Withheld = WITHHELD
    evidence_count: Count | Withheld = WITHHELD
    evidence_sha256: Digest | Withheld = WITHHELD
    coverage_ref: str | Withheld = WITHHELD
    batches: tuple[str, ...] | Withheld = WITHHELD
    source_kind: SourceKind | Withheld = WITHHELD


class EventFound(_Found, frozen=True):
    """An event of any kind that the positions of a party's own sources show."""

    kind: FoundKind | Withheld = WITHHELD
    port: str | Withheld = WITHHELD


class AreaEntryFound(_Found, frozen=True):
    """A vessel that was outside a watched area at `from_ms` and inside at `to_ms`: a type of its own, for agreements treat it apart."""

    area: str | Withheld = WITHHELD


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number of a set, by its name with the unit in it."""

    name: str
    value: int


class ThresholdsPublished(Body, frozen=True):
    """The numbers that decide what an event is; `sha256` is what events cite, the digest of their canonical JSON with the id."""

    id: str | Withheld = WITHHELD
    sha256: Digest | Withheld = WITHHELD
    values: tuple[Threshold, ...] | Withheld = WITHHELD


class FeedReported(Body, frozen=True):
    """A feed changed its state: a silent feed is not an empty sea."""

    source: str | Withheld = WITHHELD
    source_kind: SourceKind | Withheld = WITHHELD
    state: FeedState | Withheld = WITHHELD
    from_ms: int | Withheld = WITHHELD
    rate_per_min: Count | Withheld = WITHHELD


class IdentityLinked(Body, frozen=True):
    """Two identities are held to be one vessel's: who holds it is the record's actor, why is the basis; a program says so with `manual` false.

    An identity is written with its kind, such as `mmsi:419000001`, `imo:9074729`, `callsign:VTAA` or `name:SEA STAR`.
    """

    identity_a: Identity | Withheld = WITHHELD
    identity_b: Identity | Withheld = WITHHELD
    basis: str | Withheld = WITHHELD
    manual: bool | Withheld = WITHHELD


class IdentityUnlinked(Body, frozen=True):
    """A link is held no more: for everybody where its issuer says so, else for the party that says it."""

    link: Digest | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


POSITION_BATCH = "maritime.position-batch.v1"
OWN_UNIT_BATCH = "maritime.own-unit-batch.v1"
STATIC_REPORTED = "maritime.static-reported.v1"
EVENT_DETECTED = "maritime.event-detected.v1"
AREA_ENTERED = "maritime.area-entered.v1"
EVENT_FOUND = "maritime.event-detected.v2"
AREA_ENTRY_FOUND = "maritime.area-entered.v2"
THRESHOLDS_PUBLISHED = "maritime.thresholds-published.v1"
FEED_REPORTED = "maritime.feed-reported.v1"
IDENTITY_LINKED = "maritime.identity-linked.v1"
IDENTITY_UNLINKED = "maritime.identity-unlinked.v1"

RECORDS: dict[str, type[Body]] = {
    AREA_ENTERED: AreaEntered,
    AREA_ENTRY_FOUND: AreaEntryFound,
    EVENT_FOUND: EventFound,
    EVENT_DETECTED: EventDetected,
    FEED_REPORTED: FeedReported,
    IDENTITY_LINKED: IdentityLinked,
    IDENTITY_UNLINKED: IdentityUnlinked,
    OWN_UNIT_BATCH: OwnUnitBatch,
    POSITION_BATCH: PositionBatch,
    STATIC_REPORTED: StaticReported,
    THRESHOLDS_PUBLISHED: ThresholdsPublished,
}
