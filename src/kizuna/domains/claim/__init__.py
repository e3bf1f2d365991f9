"""Claims: facts that may be disputed, with their sources, precision and confidence; those that contradict stand side by side until a person decides.

The record classes and the fold are the kernel's (`kizuna.kernel.claim`), the tables too (`kizuna.kernel.claimbook`); this domain has what officers do
with claims, the reading of articles, and the bundled disagreements between sources.
"""

from kizuna.domains.claim.operations import OPERATIONS
from kizuna.domains.claim.projections import APPLY, SCHEMA, TABLES, forget
from kizuna.domains.claim.queries import QUERIES
from kizuna.domains.claim.records import RECORDS
from kizuna.kernel.claim import ClaimAsserted, ClaimAssertedV2
from kizuna.kernel.domain import Domain, Seek

DOMAIN = Domain(
    name="claim", records=RECORDS, schema=SCHEMA, tables=TABLES, apply=APPLY, forget=forget, operations=OPERATIONS,
    queries=QUERIES, sought=dict.fromkeys((ClaimAsserted, ClaimAssertedV2), Seek(kind="claim", title=("subject", "predicate", "value"), whole=True)),
)  # fmt: skip
