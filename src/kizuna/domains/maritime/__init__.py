"""Maritime: one picture from own and partner feeds, its events, and shipping information to exchange.

Positions travel as signed batches cut by cell; static data, events and the health of feeds are records of their own. What a batch holds stands in
Arrow blobs and in the archive, never in SQL rows.
"""

from kizuna.domains.maritime import events_desk
from kizuna.domains.maritime.identity_desk import OPERATIONS, QUERIES
from kizuna.domains.maritime.operations import derive_batch
from kizuna.domains.maritime.projections import APPLY, SCHEMA, TABLES
from kizuna.domains.maritime.records import (
    RECORDS,
    AreaEntered,
    AreaEntryFound,
    EventDetected,
    EventFound,
    IdentityLinked,
    OwnUnitBatch,
    PositionBatch,
    StaticReported,
)
from kizuna.domains.maritime.rules import releasable_chunks
from kizuna.domains.maritime.watchlog import projections as watch_tables
from kizuna.domains.maritime.watchlog import records as watch_records
from kizuna.domains.maritime.watchlog.cases import INCIDENT, REQUEST, VOI
from kizuna.domains.maritime.watchlog.operations import OPERATIONS as WATCH_OPERATIONS
from kizuna.domains.maritime.watchlog.sheet import QUERIES as WATCH_QUERIES
from kizuna.domains.maritime.watchlog.spoofing import OPERATIONS as SPOOFING_OPERATIONS
from kizuna.formats.positions_arrow import parse_ipc
from kizuna.kernel.domain import Domain, Seek

DOMAIN = Domain(
    name="maritime",
    records=RECORDS | watch_records.RECORDS,
    schema=SCHEMA + watch_tables.SCHEMA,
    tables=TABLES + watch_tables.TABLES,
    apply=APPLY | watch_tables.APPLY,
    forget=watch_tables.forget,
    cases=(INCIDENT, VOI, REQUEST),
    portions={OwnUnitBatch: releasable_chunks, PositionBatch: releasable_chunks},
    derivations={PositionBatch: derive_batch},
    blob_checks={OwnUnitBatch: parse_ipc, PositionBatch: parse_ipc},
    operations=OPERATIONS + WATCH_OPERATIONS + SPOOFING_OPERATIONS,
    queries=QUERIES + events_desk.QUERIES + WATCH_QUERIES,
    sought={
        AreaEntered: Seek(kind="maritime.event", title=("area",), text=("area", "mmsi")),
        AreaEntryFound: Seek(kind="maritime.event", title=("area", "what"), text=("area", "what", "vessels")),
        EventDetected: Seek(kind="maritime.event", title=("kind",), text=("kind", "mmsi", "other_mmsi")),
        EventFound: Seek(
            kind="maritime.event", title=("kind", "what", "port"), text=("kind", "what", "port", "vessels")
        ),
        IdentityLinked: Seek(
            kind="maritime.identity", title=("identity_a",), text=("identity_a", "identity_b", "basis")
        ),
        StaticReported: Seek(
            kind="maritime.vessel",
            title=("name", "mmsi"),
            ref=("mmsi",),
            text=("mmsi", "imo_no", "name", "callsign", "destination"),
        ),
        watch_records.AlertRaised: Seek(
            kind="maritime.alert", title=("what",), text=("what", "mmsi", "other_mmsi", "area", "alert")
        ),
        watch_records.IncidentNoted: Seek(kind="maritime.note"),
        watch_records.RuleWritten: Seek(kind="maritime.rule", title=("title", "rule"), ref=("rule",)),
    },
)
