"""Functions compiled by Numba, typed as what they were written as.

A compiled function is kept in Numba's cache: beside its module, in the user's cache folder where that cannot be written, or where
`NUMBA_CACHE_DIR` says. The cache knows a function by its own file alone, though it calls helpers of others: so its name there bears a digest of
all modules that it is made of. Where nothing can be written, each process compiles anew.
"""

from __future__ import annotations

import inspect
import zlib
from typing import TYPE_CHECKING, Any, TypeVar, cast

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

F = TypeVar("F", bound="Callable[..., Any]")

_OPTIONS: dict[str, Any] = {"nogil": True, "boundscheck": False, "error_model": "numpy"}


def inlined(function: F) -> F:
    """Return a helper of compiled functions, compiled with each of them."""
    return cast("F", njit(**_OPTIONS)(function))


def compiled(*made_of: ModuleType) -> Callable[[F], F]:
    """Return the decorator of a function that Python calls; `made_of` are the other modules whose helpers it calls."""

    def decorate(function: F) -> F:
        digest = 0
        for part in (inspect.getmodule(function), *made_of):
            if part is not None:
                digest = zlib.crc32(inspect.getsource(part).encode(), digest)
        function.__qualname__ += f"-{digest:08x}"
        try:
            return cast("F", njit(cache=True, **_OPTIONS)(function))
        except RuntimeError:  # no folder can be written to
            return cast("F", njit(**_OPTIONS)(function))

    return decorate
