"""Training, grants and investment: from a pledge over seats, equipment and money to the evidence, with every gap shown.

Pledges and industry items are cited facts; courses, transactions and evidence are what one party states; a seat, a grant and an investment are cases
that two parties share.
"""

from kizuna.domains.training.cases import CASES
from kizuna.domains.training.documents import QUERIES
from kizuna.domains.training.giving import OPERATIONS as GIVING
from kizuna.domains.training.operations import OPERATIONS
from kizuna.domains.training.projections import APPLY, SCHEMA, TABLES
from kizuna.domains.training.records import RECORDS
from kizuna.domains.training.seats import OPERATIONS as SEATS
from kizuna.kernel.domain import Domain

DOMAIN = Domain(
    name="training", records=RECORDS, schema=SCHEMA, tables=TABLES, apply=APPLY, cases=CASES, operations=(*OPERATIONS, *SEATS, *GIVING),
    queries=QUERIES,
)  # fmt: skip
