"""Real stories with one or two fields of one record changed, signed again by the party that said it: what a partner can sign deep in a case.

`tests/domains/test_hostile.py` makes records up, and few of those get a case beyond its first state. Here a field of a record of a story takes a
value that its author might have sent; every later record names the new one. No table, fold or query may stop at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from kizuna.domains.dialogue import DOMAIN as DIALOGUE
from kizuna.domains.supply import DOMAIN as SUPPLY
from kizuna.domains.training import DOMAIN as TRAINING
from kizuna.domains.training import giving, seats
from kizuna.errors import KizunaError
from kizuna.kernel import casework, record
from kizuna.kernel.domain import Domain, tellers
from kizuna.kernel.journal import Entry
from kizuna.kernel.operation import Query
from kizuna.kernel.record import WITHHELD, Body, Facts, Record, Withheld
from kizuna.node.domains import DOMAINS
from kizuna.node.held import facts
from kizuna.node.held.tables import clear_meta
from kizuna.node.offering import Asker, ask, fields, wanted
from kizuna.sim.federation import SimNode
from kizuna.storage.sqlite import SqliteStore, open_sqlite
from tests.domains.test_hostile import KEYS, KINDS, NOW_MS, NUMBERS, PROJECTIONS, odd
from tests.sim import dialogue_world, supply_world, test_training
from tests.sim.test_dialogue_commitments import CASE as PROMISE
from tests.sim.test_dialogue_commitments import KEY as COMMITMENT
from tests.sim.test_dialogue_commitments import MINISTERIAL, exercise, spoken

MOST_STORIES = 60
"""Of each domain: a few seconds."""
PRINTED = frozenset({"order-form", "receipt", "discrepancy-letter", "statement-print"})
"""Set in type, which takes longer than all the rest of a story; they show what `order` and `statement` show."""
SIDES = (("ind", "jpn"), ("jpn", "ind"))
FAR = (*NUMBERS, 10**15, -(10**15))


class Said(NamedTuple):
    """One record of a story, and what it says."""

    record: Record
    body: Body


class Story(NamedTuple):
    """What both parties said, the earliest first; the states that the cases came to; and what queries may be asked for."""

    said: tuple[Said, ...]
    states: frozenset[tuple[str, str]]
    known: dict[str, str]


# --- three stories ----------------------------------------------------------------------------------------------------------------


def supply() -> Story:
    federation, india, japan = supply_world.pair("mutated")
    number = supply_world.invoiced(federation, japan, india)
    supply_world.operate(japan, "pay", supply_world.PAYER, order_no=number, payment_ref="MOD-77")
    federation.run(3_000)
    return _told(SUPPLY, {"order_no": number, "year": "2026"}, india, japan)


def dialogue() -> Story:
    federation, india, japan = spoken(1)
    dialogue_world.confirmed(federation, india, japan, COMMITMENT, "jpn-2022-statement", 3)
    dialogue_world.under_way(federation, india, japan, COMMITMENT)
    exercise(india)
    federation.run(5_000)
    dialogue_world.does(india, "claim-done", key=COMMITMENT, done_on="2023-01-12", text="held")
    federation.run(5_000)
    dialogue_world.does(japan, "accept-done", key=COMMITMENT)
    dialogue_world.does(japan, "score", key=COMMITMENT, value=1, rationale="held", as_of="2023-04-05")
    federation.run(5_000)
    dialogue_world.does(japan, "verify", key=COMMITMENT)
    federation.run(5_000)
    dialogue_world.signs(india, PROMISE)
    stone = {
        "key": "ind-roadmap-text",
        "other": "jpn",
        "owner_party": "ind",
        "title": "text",
        "baseline_on": "2026-12-31",
    }
    dialogue_world.does(india, "plan-milestone", **stone)
    given = {"exchange": "jpn-strategy", "giver": "jpn", "taker": "ind", "text": "the new strategy", "on": "2022-12-16"}
    dialogue_world.does(japan, "note-document", **given, to=("ind",))
    federation.run(5_000)
    dialogue_world.signs(japan, "dialogue.milestone:ind-roadmap-text")
    federation.run(5_000)
    dialogue_world.does(india, "start-milestone", key="ind-roadmap-text")
    dialogue_world.does(india, "move-forecast", key="ind-roadmap-text", forecast_on="2027-03-31", reason="talks go on")
    federation.run(5_000)
    known = {
        "commitment": COMMITMENT,
        "meeting": MINISTERIAL,
        "minute": "jpn-2022-statement",
        "first": "2010",
        "last": "2030",
    }
    return _told(DIALOGUE, known | {"mechanism": "ind-jpn-2plus2-ministerial"}, india, japan)


def training() -> Story:
    federation, india, japan = test_training.offered("mutated")
    test_training.teach(federation, india, japan, 17, test_training.SEAT)
    follow = seats.FollowUpAsked(seat=test_training.SEAT, on="2028-06-28", finding="teaches at home")
    test_training.do(japan, "follow-up", follow)
    grant = "jpn-boats-2027"
    pledged = giving.PledgeGrantAsked(grant=grant, beneficiary="ind", item="patrol boat", quantity=2)
    test_training.do(japan, "pledge-grant", pledged)
    federation.run(5_000)
    test_training.do(japan, "agree-grant", giving.AgreeAsked(grant=grant, terms="as pledged"))
    federation.run(5_000)
    test_training.sign(india, f"training.grant:{grant}")
    federation.run(5_000)
    return _told(TRAINING, {"pledge": test_training.PLEDGE, "on": "2030-01-01"}, india, japan)


def _told(domain: Domain, known: dict[str, str], *nodes: SimNode) -> Story:
    classes = {**domain.records, **casework.SHARED}
    found: list[Said] = []
    for node in nodes:
        for record_id, type_ in node.store.query("SELECT id, type FROM record WHERE own = 1 ORDER BY seq"):
            held = facts.load_record(node.store, record_id) if type_ in classes else None
            if held is not None:
                found.append(Said(held, record.body_of(held, classes[type_])))
    found.sort(key=lambda said: said.record.at_ms or 0)
    named = {name for said in found for name in said.record.listed("after")}
    texts = msgspec.json.encode([_texts(said.body) for said in found]).decode()
    kinds: dict[str, int] = {}
    kept = []
    for said in found:  # of what nothing else names and nobody asks for, bundled facts mostly, a few of each kind
        kinds[said.record.clear.type] = count = kinds.get(said.record.clear.type, 0) + 1
        wanted = (
            said.record.id in named
            or said.record.id in texts
            or any(text in known.values() for text in msgspec.structs.astuple(said.body))
        )
        if said.record.closed or wanted or count <= 3:
            kept.append(said)
    subjects = {said.record.text("subject") for said in kept}
    states = nodes[0].store.query("SELECT case_id, state FROM case_state")
    return Story(tuple(kept), frozenset((case, state) for case, state in states if case in subjects), known)


# --- signing again ----------------------------------------------------------------------------------------------------------------


def _texts(value: Any) -> Any:
    """Return a body with what is withheld left out, as plain data."""
    if isinstance(value, msgspec.Struct):
        return {name: _texts(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list | tuple):
        return [_texts(each) for each in value]
    return None if value is WITHHELD else value


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for old, new in names.items() if len(value) >= 64 else ():  # the length of an id
            value = value.replace(old, new)
        return value
    if isinstance(value, tuple):
        return tuple(_renamed(each, names) for each in value)
    if isinstance(value, dict):
        return {_renamed(name, names): _renamed(each, names) for name, each in value.items()}
    if isinstance(value, msgspec.Struct):
        changed = {name: _renamed(getattr(value, name), names) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **changed)
    return value


def again(said: Said, names: dict[str, str], rng: Random, at_ms: int | None = None) -> Said:
    """Return a record as the same party signs it anew, by its key in these tests, with other records named as they are called now."""
    held = said.record
    body = _renamed(said.body, names)
    stated = Facts(
        node=held.text("node"),
        actor=held.text("actor"),
        at_ms=(held.at_ms or 0) if at_ms is None else at_ms,
        subject=held.text("subject"),
        after=tuple(names.get(name, name) for name in held.listed("after")),
    )
    key = KEYS[held.clear.issuer]
    made = record.issue(held.clear.type, body, held.label, stated, key, rng.randbytes, closed=held.closed)
    return Said(made, body)


def _mutated(value: Any, hint: Any, rng: Random) -> Any:
    """Return a value of a type with one thing about it changed."""
    if get_origin(hint) in (Annotated, UnionType, Union):
        told = next(arg for arg in get_args(hint) if arg not in (Withheld, type(None)))
        return (
            odd(hint, rng) if value in (None, WITHHELD) or rng.random() < 0.1 else _mutated(value, told, rng)
        )  # one in ten
    if isinstance(value, tuple) and value and rng.random() < 0.8:  # four in five
        place = rng.randrange(len(value))
        return (*value[:place], _mutated(value[place], get_args(hint)[0], rng), *value[place + 1 :])
    if isinstance(value, msgspec.Struct):
        name = rng.choice(value.__struct_fields__)
        hints = get_type_hints(type(value), include_extras=True)
        return msgspec.structs.replace(value, **{name: _mutated(getattr(value, name), hints[name], rng)})
    if type(value) is int:
        return rng.choice((*FAR, value + 1, value - 1, -value))
    if hint is str and rng.random() < 0.3:  # three in ten
        return rng.choice((value * 2, value[:-1], value[::-1], f"-{value}", f"{value}0"))
    return odd(hint, rng)


def changes(story: Story, rng: Random) -> Iterator[tuple[int, Body | None, int | None]]:
    """Yield what to change: a record by its place, and its body with one or two fields changed or the instant at which it was said."""
    chosen = [(place, name) for place, said in enumerate(story.said) for name in ("", *said.body.__struct_fields__)]
    rng.shuffle(chosen)
    for place, name in chosen[:MOST_STORIES]:
        body = story.said[place].body
        if not name:
            yield place, None, rng.choice((0, 1, NOW_MS, 253_402_300_799_999))
            continue
        hints = get_type_hints(type(body), include_extras=True)
        names = {name, rng.choice(body.__struct_fields__)} if rng.random() < 0.3 else {name}  # three in ten
        new = {each: _mutated(getattr(body, each), hints[each], rng) for each in sorted(names)}
        yield place, msgspec.structs.replace(body, **new), None


def resigned(story: Story, rng: Random) -> list[Record]:
    """Return a story as both parties sign it anew."""
    return _onward(story, [], rng, 0, None, None)


def changed(
    story: Story, made: list[Record], rng: Random, place: int, body: Body | None, at_ms: int | None
) -> list[Record]:
    """Return a story signed anew with one record changed, and all after it; raises what the kernel does not let them sign."""
    return _onward(story, made[:place], rng, place, body, at_ms)


def _onward(
    story: Story, made: list[Record], rng: Random, place: int, body: Body | None, at_ms: int | None
) -> list[Record]:
    made = [*made]
    names = {said.record.id: new.id for said, new in zip(story.said, made, strict=False)}
    for number in range(len(made), len(story.said)):
        said, mine = story.said[number], number == place
        new = again(Said(said.record, body) if mine and body is not None else said, names, rng, at_ms if mine else None)
        names[said.record.id] = new.record.id
        made.append(new.record)
    return made


# --- what must hold ---------------------------------------------------------------------------------------------------------------


def filled(records: Sequence[Record]) -> SqliteStore:
    """Return a store that holds records: every table is filled, every case folded."""
    store = open_sqlite(":memory:", PROJECTIONS)
    store.commit([
        Entry(
            kind="record", at_ms=NOW_MS, body=each.bytes(),
            meta={"clear": clear_meta(each), "due": [], "held": [], "item": each.id},
        )
        for each in records
    ])  # fmt: skip
    return store


def askable(domain: Domain, known: dict[str, str]) -> list[tuple[Query, list[tuple[str, str]]]]:
    """Return the queries whose needed fields are known, with all that is known of their fields."""
    found = []
    for query in domain.queries:
        asked = fields(query.asks)
        if query.name not in PRINTED and all(name in known for name, field in asked.items() if field.needed):
            found.append((query, [(name, known[name]) for name in asked if name in known]))
    return found


def ask_all(
    store: SqliteStore, domain: Domain, known: dict[str, str], rng: Random, sides: Sequence[tuple[str, str]] = SIDES
) -> list[str]:
    """Ask all that may be asked, from both sides or one; return what was refused."""
    refused = []
    for party, partner in sides:
        asker = Asker(
            now_ms=NOW_MS, party=party, actor="officer:1:desk", kinds=KINDS, agreements=(), random=rng.randbytes,
            tellers=tellers(DOMAINS),
        )  # fmt: skip
        for query, given in askable(domain, known | {"partner": partner}):
            try:
                ask(store, query, wanted(query, given), asker)
            except KizunaError as error:
                refused.append(f"{query.name}: {error}")
    return refused


@pytest.mark.parametrize(("domain", "tell"), [(SUPPLY, supply), (DIALOGUE, dialogue), (TRAINING, training)])
def test_no_field_of_a_real_story_stops_a_table_a_fold_or_a_query(domain: Domain, tell: Callable[[], Story]) -> None:
    story, rng = tell(), Random(f"{domain.name} mutated")
    whole = resigned(story, rng)
    store = filled(whole)
    try:
        assert set(store.query("SELECT case_id, state FROM case_state")) >= story.states, (
            "a story signed anew goes as far"
        )
        assert story.states
        assert ask_all(store, domain, story.known, rng) == []
    finally:
        store.close()
    signed = 0
    for place, body, at_ms in changes(story, rng):
        try:
            records = changed(story, whole, rng, place, body, at_ms)
        except KizunaError:
            continue
        signed += 1
        store = filled(records)
        try:
            ask_all(store, domain, story.known, rng, SIDES[signed % 2 :][:1])
        except Exception as error:
            error.add_note(f"record {place}, {story.said[place].record.clear.type}: {body or at_ms}")
            raise
        finally:
            store.close()
    assert signed > MOST_STORIES // 2
