"""Case: work that two sides do together, whatever it is about; signatures and the end of conflicts are the same in every domain.

The fold is the kernel's (`kizuna.kernel.case`, `kizuna.kernel.casework`); which records are steps of which kind of case is each domain's. This domain
gives what all kinds share: the tables, the records by which a side signs or a conflict ends, and the views of cases and deadlines.
"""

from kizuna.domains.case.operations import OPERATIONS
from kizuna.domains.case.projections import SCHEMA, TABLES
from kizuna.domains.case.queries import QUERIES
from kizuna.domains.case.records import RECORDS
from kizuna.kernel.domain import Domain

DOMAIN = Domain(name="case", records=RECORDS, schema=SCHEMA, tables=TABLES, operations=OPERATIONS, queries=QUERIES)
