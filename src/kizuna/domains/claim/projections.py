"""The tables of claims; the kernel fills them (`kizuna.kernel.claimbook`), since other domains ask what is claimed of their subjects."""

from kizuna.kernel.claimbook import APPLY, SCHEMA, TABLES, forget

__all__ = ["APPLY", "SCHEMA", "TABLES", "forget"]
