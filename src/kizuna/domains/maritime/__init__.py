"""Maritime: one picture from own and partner feeds, its events, and shipping information to exchange.

Positions travel as signed batches cut by cell; static data, events and the health of feeds are records of their own. What a batch holds stands in
Arrow blobs and in the archive, never in SQL rows.
"""

from kizuna.domains.maritime.identity_desk import OPERATIONS, QUERIES
from kizuna.domains.maritime.operations import derive_batch
from kizuna.domains.maritime.projections import APPLY, SCHEMA, TABLES
from kizuna.domains.maritime.records import RECORDS, OwnUnitBatch, PositionBatch
from kizuna.domains.maritime.rules import releasable_chunks
from kizuna.formats.positions_arrow import parse_ipc
from kizuna.kernel.domain import Domain

DOMAIN = Domain(
    name="maritime",
    records=RECORDS,
    schema=SCHEMA,
    tables=TABLES,
    apply=APPLY,
    portions={OwnUnitBatch: releasable_chunks, PositionBatch: releasable_chunks},
    derivations={PositionBatch: derive_batch},
    blob_checks={OwnUnitBatch: parse_ipc, PositionBatch: parse_ipc},
    operations=OPERATIONS,
    queries=QUERIES,
)
