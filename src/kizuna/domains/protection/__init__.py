"""Classified material: the register of numbered copies, who has them, what is ordered and allowed of them, and what to do when one is compromised.

Marking and translating grades is the kernel's; what may be released at all is for the agreements.
"""

from kizuna.domains.protection.cases import COPY
from kizuna.domains.protection.compromises import COMPROMISE
from kizuna.domains.protection.operations import OPERATIONS
from kizuna.domains.protection.projections import APPLY, SCHEMA, TABLES
from kizuna.domains.protection.queries import QUERIES
from kizuna.domains.protection.records import RECORDS
from kizuna.kernel.domain import Domain

DOMAIN = Domain(
    name="protection", records=RECORDS, schema=SCHEMA, tables=TABLES, apply=APPLY, cases=(COPY, COMPROMISE), operations=OPERATIONS,
    queries=QUERIES,
)  # fmt: skip
