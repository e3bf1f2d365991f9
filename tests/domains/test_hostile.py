"""What a partner with a real key may sign: any value that fits a field. No such record may stop a projection, the fold of a case, or a page's query.

Each record here is really issued and read from a journal, so that whatever the kernel refuses does not count, and whatever it lets through does.
Chance comes from a seed, which a failure names.
"""

from __future__ import annotations

from random import Random
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from kizuna.errors import KizunaError
from kizuna.kernel import casework, record, sign
from kizuna.kernel.domain import Domain, tellers
from kizuna.kernel.journal import Entry
from kizuna.kernel.label import label
from kizuna.kernel.operation import Query
from kizuna.kernel.record import WITHHELD, Body, Facts, Record, Withheld
from kizuna.node.domains import DOMAINS
from kizuna.node.held.filling import kinds_of, projections
from kizuna.node.held.tables import clear_meta
from kizuna.node.offering import Asker, ask, fields, wanted
from kizuna.storage.sqlite import open_sqlite
from tests.domains.test_shape import every_domain

STORIES = 60
LAST_DAY_MS = 253_402_300_799_999
NOW_MS = 1_790_000_000_000
NUMBERS = (0, 1, 2, -1, 59, 600_000, 999_999_999, NOW_MS, LAST_DAY_MS, LAST_DAY_MS + 1, 2**53 - 1, -(2**53) + 1)
TEXTS = (
    "", "a", "ind", "jpn", "usa", "ind-2026-navy-0007", "jpn-1", "2026-04-01", "9999-12-31", "0000-00-00", "2026-02-30", "2026", "USD", "JPY", "XXX",
    "1.5", "-0", "1e400", "NaN", "Infinity", "9" * 400, "fuel", "l", "kg", "../..", "officer:1:desk", "%s{0}", "x" * 2000, "\u0915\u094d\u0937",
    "0" * 64, "record:" + "0" * 64, "; drop table record", "\u202eabc", "maritime.incident:ind-1", "supply.order:ind-2026-navy-0007",
)  # fmt: skip
KINDS = kinds_of(DOMAINS)
PROJECTIONS = projections(DOMAINS)
KEYS = {party: sign.SigningKey(party.encode().ljust(32, b".")) for party in ("ind", "jpn")}


def odd(hint: Any, rng: Random) -> Any:  # noqa: PLR0911 # one return for each kind of type
    """Return a value that fits a type, often an odd one."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return odd(args[0], rng)
    if origin is Literal:
        return rng.choice(args)
    if origin is tuple:
        return tuple(odd(args[0], rng) for _ in range(rng.randrange(4)))
    if origin in (UnionType, Union):
        return odd(rng.choice(args), rng)
    if hint is Withheld:
        return WITHHELD
    if hint in (type(None), bool):
        return None if hint is not bool else rng.random() < 0.5  # half of the time
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        hints = get_type_hints(hint, include_extras=True)
        return hint(**{name: odd(hints[name], rng) for name in hint.__struct_fields__})
    return rng.choice({int: NUMBERS, str: TEXTS}[hint])


def body(kind: type[Body], rng: Random) -> Body:
    """Return a record's body, most of whose fields are disclosed."""
    hints = get_type_hints(kind, include_extras=True)
    made = {}
    for name in kind.__struct_fields__:
        told = tuple(arg for arg in get_args(hints[name]) if arg is not Withheld)
        made[name] = WITHHELD if rng.random() < 0.1 else odd(rng.choice(told), rng)  # one in ten
    return kind(**made)


def issued(domain: Domain, rng: Random) -> list[Record]:
    """Return what two parties sign, each knowing of some that came before; what the kernel does not let them sign is left out."""
    classes = {**domain.records, **(casework.SHARED if domain.cases else {})}
    keys = ("ind-2026-navy-0007", "ind-1", "jpn-1", "x")
    subjects = ["", "mmsi:1", *(kind.subject(key) for kind in domain.cases for key in keys)]
    one_case = rng.choice(subjects)
    story: list[Record] = []
    for _ in range(rng.randrange(1, 9)):
        name = rng.choice(sorted(classes))
        party = rng.choice(("ind", "jpn"))
        stated = Facts(
            node=f"{party}/node",
            actor=rng.choice(("officer:1:desk", "officer:2:logistics", "system:test")),
            at_ms=rng.choice((0, NOW_MS, NOW_MS + 1, LAST_DAY_MS)),
            subject=rng.choice((one_case, one_case, *subjects)),
            after=tuple({each.id for each in story if rng.random() < 0.5}),  # half of them
        )
        mark = label(f"{party}.example.v1", 0, originator=party, releasable_to=("ind", "jpn"), purposes=("exercise",))
        try:
            made = record.issue(
                name, body(classes[name], rng), mark, stated, KEYS[party], rng.randbytes, closed=rng.random() < 0.9
            )
        except KizunaError:
            continue
        story.append(made)
    return story


def askable(domain: Domain) -> list[Query]:
    """Return the queries that need nothing to be said."""
    return [query for query in domain.queries if not any(field.needed for field in fields(query.asks).values())]


@every_domain
@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_a_partner_can_sign_stops_a_table_or_a_page(domain: Domain, seed: int) -> None:
    asker = Asker(
        now_ms=NOW_MS, party="ind", actor="officer:1:desk", kinds=KINDS, agreements=(),
        random=Random(seed).randbytes, tellers=tellers(DOMAINS),
    )  # fmt: skip
    store = open_sqlite(":memory:", PROJECTIONS)
    try:
        for number in range(STORIES):
            for each in issued(domain, Random(f"{domain.name} {seed} {number}")):
                meta = {"clear": clear_meta(each), "due": [], "held": [], "item": each.id}
                store.commit([Entry(kind="record", at_ms=NOW_MS, meta=meta, body=each.bytes())])
        for query in askable(domain):
            try:
                ask(store, query, wanted(query, []), asker)
            except KizunaError:
                continue
    finally:
        store.close()


def test_each_domain_has_something_to_ask() -> None:
    assert all(askable(domain) for domain in DOMAINS if domain.queries)
