"""The one visible shape of a domain: plain frozen data that the node lists in one tuple.

A domain names its record classes, its tables, how each record class fills them, and how its volume is cut for release. It says nothing about
signatures, channels or storage; those reach it as a `Fact`, a record that has been verified and decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from kizuna.kernel.casework import CaseKind
from kizuna.kernel.instrument import Obligations
from kizuna.kernel.journal import Db
from kizuna.kernel.label import Label
from kizuna.kernel.operation import Happenings, Operation, Query
from kizuna.kernel.record import Body

B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True)
class Fact(Generic[B]):
    """One verified record as a projection sees it.

    `own` tells a record of this node from a partner's; `exercise` is the name of the exercise, `?` where it was withheld, or empty; `after` are
    the ids that its author had folded, as far as they were disclosed.
    A second release of the same record may disclose more: the same id then comes again with a fuller body.
    """

    record_id: str
    type: str
    body: B
    issuer: str
    node: str
    actor: str
    subject: str
    at_ms: int
    label: Label
    exercise: str
    own: bool
    after: tuple[str, ...] = ()


Apply = Callable[[Db, Fact[Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One record that went over a channel, ours or a partner's: where it stands, and under which clause it was released."""

    record: str
    type: str
    channel: str
    epoch: int
    index: int
    instrument: str
    provision: str
    purpose: str
    released_at_ms: int


Cross = Callable[[Db, Crossing], None]
"""Keeps that a record crossed; each crossing is told once."""
Forget = Callable[[Db, str], None]
"""Takes what a record with this id had said out of rows that are not its own; its own rows go by themselves."""
Portion = Callable[[Body, Obligations], frozenset[str]]
"""Which committed items of a record a release may disclose: returns names such as `payload/chunks/3`."""


Derive = Callable[[Body, Callable[[str], bytes], Obligations], tuple[Body, tuple[bytes, ...]] | None]
"""Makes from a body, with a reader of its blobs by digest, the body and blobs that obligations allow; None where nothing of it is left."""
BlobCheck = Callable[[bytes], object]
"""Accepts a blob that a record shows, or raises RecordError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seek:
    """What of a record of one class is looked for, and as what it is found.

    `kind` groups what is found, `title` are the fields of which the first that says anything names it, or all together where it takes them `whole`;
    `ref` those that tell which thing it is about, the record's subject where there are none; `text` are the fields that are looked through, all texts
    where none is named.
    """

    kind: str
    title: tuple[str, ...] = ()
    ref: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Domain:
    """What a domain gives to the node.

    `records` maps wire name to class; `schema` holds portable SQL, one statement each; `apply` maps a class to its projection, which never
    refuses and gives the same rows for every order of arrival; `forget` mends the rows that are made of several records when the body of one is
    erased; `crossed` keeps what flowed under which clause; `portions` cuts a record whose items are released one by one; `derivations` rewrites
    one that obligations let go only coarser; `blob_checks` judges the large objects that a received record shows. `cases` are the kinds of
    two-party work whose steps are records of this domain; `operations` are what officers do and `queries` what they are shown: interface, command
    line and pages offer just these. `happenings` tells other domains' briefs what happened between two days. `sought` says what is looked for of
    records that are not steps of a case; those are found by all that they say.
    """

    name: str
    records: Mapping[str, type[Body]]
    schema: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    apply: Mapping[type[Body], Apply] = field(default_factory=dict)
    forget: Forget | None = None
    crossed: Cross | None = None
    portions: Mapping[type[Body], Portion] = field(default_factory=dict)
    derivations: Mapping[type[Body], Derive] = field(default_factory=dict)
    blob_checks: Mapping[type[Body], BlobCheck] = field(default_factory=dict)
    cases: tuple[CaseKind, ...] = ()
    operations: tuple[Operation, ...] = ()
    queries: tuple[Query, ...] = ()
    happenings: Happenings | None = None
    sought: Mapping[type[Body], Seek] = field(default_factory=dict)


def tellers(domains: Iterable[Domain]) -> tuple[Happenings, ...]:
    """Return what each of some domains tells of what happened."""
    return tuple(domain.happenings for domain in domains if domain.happenings is not None)
