"""The tables of all cases; the node fills them from the steps of every kind (`kizuna.kernel.casework`)."""

from kizuna.kernel.casework import SCHEMA, TABLES

__all__ = ["SCHEMA", "TABLES"]
