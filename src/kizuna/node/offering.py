"""Asking what a domain shows: a query's request read from text, and the query run on one snapshot of the store.

The interface and the command line ask the same way; neither runs on the core's thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel.casework import Kinds
from kizuna.kernel.instrument import Agreement
from kizuna.kernel.journal import Store
from kizuna.kernel.operation import Desk, Happenings, Query, Wanted
from kizuna.kernel.ports import Random


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who asks, when and with what in view; see `kizuna.kernel.operation.Desk`."""

    now_ms: int
    party: str
    actor: str
    kinds: Kinds
    agreements: tuple[Agreement, ...]
    random: Random
    tellers: tuple[Happenings, ...] = ()


def wanted(query: Query, given: Iterable[tuple[str, str]]) -> Wanted:
    """Return a query's request from names and texts, as an address or a command line gives them.

    Raises:
        RecordError: a name is unknown or stands twice, or a text does not fit.
    """
    values: dict[str, str] = {}
    for name, text in given:
        if name in values:
            raise RecordError(f"`{name[:40]}` stands twice: say each thing once")
        values[name] = text
    try:
        return msgspec.convert(values, query.asks, strict=False)
    except msgspec.ValidationError as error:
        raise RecordError(f"`{query.name}` does not take this: {error}") from error


def ask(store: Store, query: Query, asked: Wanted, asker: Asker) -> Any:
    """Return what a query shows; see its own errors."""
    with store.view() as db:
        desk = Desk(
            db=db, now_ms=asker.now_ms, party=asker.party, actor=asker.actor, kinds=asker.kinds,
            agreements=asker.agreements, random=asker.random, tellers=asker.tellers,
        )  # fmt: skip
        return query.run(desk, asked)
