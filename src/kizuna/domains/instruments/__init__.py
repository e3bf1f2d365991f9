"""Instruments: the agreements in force between parties, and what they say of them.

The agreement as data is the kernel's (`kizuna.kernel.instrument`); this domain keeps the records by which parties sign a version, suspend, resume and
terminate an instrument and open its scopes, and ships the bundled partnership.
"""

from kizuna.domains.instruments.projections import APPLY, SCHEMA, TABLES
from kizuna.domains.instruments.records import RECORDS
from kizuna.kernel.domain import Domain

DOMAIN = Domain(name="instruments", records=RECORDS, schema=SCHEMA, tables=TABLES, apply=APPLY)
