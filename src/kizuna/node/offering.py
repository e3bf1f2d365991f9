"""Asking what a domain shows, and what a request is made of: a query's request read from text, and the query run on one snapshot of the store.

Interface, command line and pages ask the same way; none runs on the core's thread.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from kizuna.errors import RecordError
from kizuna.formats.instants import LAST_MS
from kizuna.kernel.canonical import MAX_INTEGER
from kizuna.kernel.casework import Kinds
from kizuna.kernel.instrument import Agreement
from kizuna.kernel.journal import Store
from kizuna.kernel.operation import Desk, Happenings, Query, Wanted
from kizuna.kernel.ports import Random
from kizuna.node.held.holders import holdings

LABEL = "label"
"""The field of a request in which its label is asked for."""
_FILE = "file"


@dataclass(frozen=True)
class FieldAsked:
    """A field of a request: its type without `None`, what is said of it, and what stands where nothing is given."""

    name: str
    type: Any
    meta: msgspec.Meta | None
    needed: bool
    default: Any

    @property
    def said(self) -> str:
        """What it is, in a sentence."""
        return (self.meta.description if self.meta is not None else None) or self.name.replace("_", " ")

    @property
    def file(self) -> bool:
        """Whether it holds a file's content."""
        return bool(self.meta is not None and self.meta.extra and self.meta.extra.get(_FILE))


def fields(kind: type[msgspec.Struct]) -> dict[str, FieldAsked]:
    """Return the fields of a request by name, in their order, without the label that any request may ask for."""
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for field in msgspec.structs.fields(kind):
        if field.name == LABEL:
            continue
        hint, meta = hints[field.name], None
        if get_origin(hint) is Annotated:
            hint, *notes = get_args(hint)
            meta = next((note for note in reversed(notes) if isinstance(note, msgspec.Meta)), None)  # the outermost
        default = field.default if field.default is not msgspec.NODEFAULT else None
        found[field.name] = FieldAsked(field.name, _bare(hint), meta, field.required, default)
    return found


def _bare(hint: Any) -> Any:
    """Return a type without `| None` and without notes of its own."""
    if get_origin(hint) in (types.UnionType, Union):
        rest = [arg for arg in get_args(hint) if arg is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else hint
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


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
        asked = msgspec.convert(values, query.asks, strict=False)
    except msgspec.ValidationError as error:
        raise RecordError(f"`{query.name}` does not take this: {error}") from error
    for name in values:
        value = getattr(asked, name)
        if isinstance(value, int) and abs(value) > (LAST_MS if name.endswith("_ms") else MAX_INTEGER):
            raise RecordError(f"`{query.name}` does not take `{value}` as `{name}`: nothing here is there")
    return asked


def ask(store: Store, query: Query, asked: Wanted, asker: Asker) -> Any:
    """Return what a query shows; see its own errors."""
    with store.view() as db:
        desk = Desk(
            db=db, now_ms=asker.now_ms, party=asker.party, actor=asker.actor, kinds=asker.kinds,
            agreements=asker.agreements, random=asker.random, tellers=asker.tellers, holdings=holdings,
        )  # fmt: skip
        return query.run(desk, asked)
