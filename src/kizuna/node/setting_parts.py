"""What the modules that read parts of the settings share: a table of the file, and how a fault in one is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

import msgspec

Fail = Callable[[Sequence[str | int], str], NoReturn]
"""Refuses what stands under a key, given as its path, with the line of the file."""


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: an unknown key in it is an error."""
