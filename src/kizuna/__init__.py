"""Kizuna: an open cooperation node for defence partnerships.

The package holds the layers named in `docs/philosophy.md`; this module holds the version alone.
"""

__version__ = "0.1.0"
