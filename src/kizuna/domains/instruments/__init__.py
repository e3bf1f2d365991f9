"""Instruments: the agreements in force between parties, and what they say of them.

The agreement as data is the kernel's (`kizuna.kernel.instrument`); this domain keeps the records by which parties sign a version, suspend, resume
and terminate an instrument and open its scopes, the life of an agreement that they sign step by step, and what flowed under each clause. It ships
the bundled partnership.
"""

from kizuna.domains.instruments.cases import LIFE
from kizuna.domains.instruments.exports import EXPORTS
from kizuna.domains.instruments.operations import OPERATIONS
from kizuna.domains.instruments.projections import APPLY, SCHEMA, TABLES, crossed
from kizuna.domains.instruments.records import RECORDS
from kizuna.domains.instruments.shown import QUERIES
from kizuna.kernel.domain import Domain

DOMAIN = Domain(
    name="instruments", records=RECORDS, schema=SCHEMA, tables=TABLES, apply=APPLY, crossed=crossed, cases=(LIFE,),
    operations=OPERATIONS, queries=(*QUERIES, *EXPORTS),
)  # fmt: skip
