"""Exercises: the register of series and editions, and how frequent, complex and diverse they are.

Past editions are cited facts, each with who states it; the next one is a case that its parties share. Serials, injects and lessons are planning, and
not part of the register.
"""

from kizuna.domains.exercises.cases import EDITION
from kizuna.domains.exercises.documents import QUERIES
from kizuna.domains.exercises.operations import OPERATIONS
from kizuna.domains.exercises.projections import APPLY, SCHEMA, TABLES
from kizuna.domains.exercises.queries import happenings
from kizuna.domains.exercises.records import RECORDS, EditionStated, SeriesStated
from kizuna.kernel.domain import Domain, Seek

DOMAIN = Domain(
    name="exercises", records=RECORDS, schema=SCHEMA, tables=TABLES, apply=APPLY, cases=(EDITION,), operations=OPERATIONS,
    queries=QUERIES, happenings=happenings,
    sought={
        SeriesStated: Seek(kind="exercises.series", title=("name", "series"), ref=("series",)),
        EditionStated: Seek(kind=EDITION.name, title=("name", "edition"), ref=("edition",)),
    },
)  # fmt: skip
