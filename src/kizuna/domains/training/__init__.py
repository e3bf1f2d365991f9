"""Training, grants and investment: from a pledge over seats, equipment and money to the evidence, with every gap shown.

Pledges and industry items are cited facts; courses, transactions and evidence are what one party states; a seat, a grant and an investment are cases
that two parties share.
"""

from kizuna.domains.training.cases import CASES
from kizuna.domains.training.documents import QUERIES
from kizuna.domains.training.giving import OPERATIONS as GIVING
from kizuna.domains.training.operations import OPERATIONS
from kizuna.domains.training.projections import APPLY, SCHEMA, TABLES
from kizuna.domains.training.records import (
    RECORDS,
    CourseOffered,
    EvidenceFiled,
    IndustryStated,
    PledgeStated,
    TransactionReported,
)
from kizuna.domains.training.seats import OPERATIONS as SEATS
from kizuna.kernel.domain import Domain, Seek

DOMAIN = Domain(
    name="training", records=RECORDS, schema=SCHEMA, tables=TABLES, apply=APPLY, cases=CASES, operations=(*OPERATIONS, *SEATS, *GIVING),
    queries=QUERIES,
    sought={  # not who the trainees are: a person is looked up at the desk that needs to, for its purpose
        CourseOffered: Seek(kind="training.course", title=("title", "course"), ref=("course",)),
        EvidenceFiled: Seek(kind="training.evidence"),
        IndustryStated: Seek(kind="training.industry", title=("text", "item"), ref=("item",)),
        PledgeStated: Seek(kind="training.pledge", title=("text", "pledge"), ref=("pledge",)),
        TransactionReported: Seek(kind="training.transaction", title=("text", "transaction"), ref=("transaction",)),
    },
)  # fmt: skip
