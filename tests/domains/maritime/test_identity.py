"""Who a vessel is: check digits, flags, and sets of identities that links join and unlinks part."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.domains.maritime import DOMAIN
from kizuna.domains.maritime.identity import Link, flag_of, imo_is_right, station_of, suggestions, vessel_of
from kizuna.domains.maritime.identity_desk import LinkAsked, UnlinkAsked, VesselWanted, held_links, link, unlink, vessel
from kizuna.domains.maritime.records import IDENTITY_LINKED, IDENTITY_UNLINKED
from kizuna.errors import RefusedError
from kizuna.formats.ais import StaticReport
from kizuna.kernel.casework import Kinds
from kizuna.kernel.domain import Fact
from kizuna.kernel.journal import Db, Entry, Projections
from kizuna.kernel.label import label
from kizuna.kernel.operation import Desk
from kizuna.kernel.record import Body
from kizuna.storage.sqlite import SqliteStore, open_sqlite


@pytest.mark.parametrize(
    ("imo_no", "right"), [(9074729, True), (9074728, False), (907472, False), (0, False), (10_000_000, False)]
)
def test_an_imo_number_has_a_check_digit(imo_no: int, *, right: bool) -> None:
    assert imo_is_right(imo_no) is right


@given(st.integers(1_000_000, 9_999_999))
def test_one_in_ten_numbers_is_an_imo_number(number: int) -> None:
    assert sum(imo_is_right(number // 10 * 10 + digit) for digit in range(10)) == 1


@pytest.mark.parametrize(
    ("mmsi", "kind", "flag"),
    [
        (419_000_001, "ship", "IN"), (431_000_001, "ship", "JP"), (4_310_001, "coast", "JP"), (41_900_001, "group", "IN"),
        (111_232_501, "aircraft", "GB"), (992_351_000, "aid", "GB"), (984_191_234, "craft", "IN"), (970_123_456, "device", None),
        (841_912_345, "handheld", "IN"), (299_000_001, "ship", None), (123_456_789, "unknown", None), (0, "coast", None),
    ],
)  # fmt: skip
def test_an_mmsi_says_what_and_whose_it_is(mmsi: int, kind: str, flag: str | None) -> None:
    assert station_of(mmsi) == kind
    assert flag_of(mmsi) == flag


def joined(a: str, b: str, at_ms: int = 0) -> Link:
    return Link(f"{at_ms}{a}{b}", a, b, "seen", manual=True, party="ind", actor="officer:1:watch", at_ms=at_ms)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=12),
    st.randoms(use_true_random=False),
)
def test_every_member_of_a_vessel_names_the_same_vessel(pairs: list[tuple[str, str]], rng: Random) -> None:
    links = [joined(a, b, k) for k, (a, b) in enumerate(pairs)]
    whole, used = vessel_of("a", links)
    rng.shuffle(links)
    for member in whole:
        assert vessel_of(member, links) == (whole, used)
    assert all({each.identity_a, each.identity_b} <= whole for each in used)


def static(mmsi: int, **given: Any) -> StaticReport:
    values: dict[str, Any] = dict.fromkeys(StaticReport.__struct_fields__)
    return StaticReport(**(values | {"mmsi": mmsi, "msg_type": 5} | given))


def test_static_data_suggest_what_an_officer_may_link() -> None:
    found = suggestions([
        static(419_000_001, imo_no=9074729), static(352_000_001, imo_no=9074729), static(352_000_002, imo_no=1234568),
        static(1, callsign="VTAA", name="SEA STAR"), static(2, callsign="VTAA", name="SEA STAR"), static(3, name="SEA STAR"),
    ])  # fmt: skip
    pairs = [(each.identity_a, each.identity_b) for each in found]
    assert pairs == [
        ("imo:9074729", "mmsi:352000001"), ("imo:9074729", "mmsi:419000001"), ("mmsi:000000001", "mmsi:000000002"),
    ]  # fmt: skip


class Node:
    """The tables of one node, and a desk at them."""

    def __init__(self) -> None:
        self.said: list[Fact[Any]] = []

        def apply(db: Db, _seq: int, entry: Entry) -> None:
            fact = self.said[entry.meta["at"]]
            DOMAIN.apply[type(fact.body)](db, fact)

        self.store: SqliteStore = open_sqlite(":memory:", Projections("1", DOMAIN.schema, DOMAIN.tables, apply))

    def say(self, kind: str, body: Body, *, party: str = "ind", at_ms: int = 1) -> str:
        record_id = f"{len(self.said):064x}"
        mark = label("ind.example.v1", 0, originator=party)
        self.said.append(
            Fact(
                record_id=record_id, type=kind, body=body, issuer=party, node=f"{party}/node", actor="officer:1:watch", subject="",
                at_ms=at_ms, label=mark, exercise="", own=party == "ind",
            )
        )  # fmt: skip
        self.store.commit([Entry(kind="record", at_ms=0, meta={"at": len(self.said) - 1})])
        return record_id

    def desk(self, db: Db) -> Desk:
        return Desk(db=db, now_ms=5, party="ind", actor="officer:7:watch", kinds=Kinds({}, {}), random=bytes)


A, B, C = "mmsi:419000001", "imo:9074729", "mmsi:352000001"


def test_a_merge_is_made_seen_and_undone() -> None:
    node = Node()
    with node.store.view() as db:
        made = link(node.desk(db), LinkAsked(identity_a=A, identity_b=B, basis="seen in port")).statements[0]
    assert made.type == IDENTITY_LINKED
    first = node.say(made.type, made.body)
    second = node.say(
        IDENTITY_LINKED, type(made.body)(identity_a=B, identity_b=C, basis="register", manual=False), party="jpn"
    )
    with node.store.view() as db:
        desk = node.desk(db)
        shown = vessel(desk, VesselWanted(identity=C))
        assert shown.identities == tuple(sorted((A, B, C)))
        assert shown.flags == ("IN", "PA")
        assert [(each.party, each.manual, each.basis) for each in shown.links] == [
            ("ind", True, "seen in port"),
            ("jpn", False, "register"),
        ]
        with pytest.raises(RefusedError, match="one vessel already"):
            link(desk, LinkAsked(identity_a=A, identity_b=C, basis="again"))
        undone = unlink(desk, UnlinkAsked(link=second, reason="another hull")).statements[0]
    assert undone.type == IDENTITY_UNLINKED
    node.say(undone.type, undone.body)
    with node.store.view() as db:
        assert vessel(node.desk(db), VesselWanted(identity=A)).identities == tuple(sorted((A, B)))
        assert [each.record_id for each in held_links(db)] == [first]
        with pytest.raises(RefusedError, match="names `0` links"):
            unlink(node.desk(db), UnlinkAsked(link=second, reason="twice"))


def test_what_a_partner_undoes_of_ours_stays_linked_here() -> None:
    node = Node()
    with node.store.view() as db:
        body = link(node.desk(db), LinkAsked(identity_a=A, identity_b=B, basis="seen")).statements[0].body
        undoing = unlink
    first = node.say(IDENTITY_LINKED, body)
    with node.store.view() as db:
        gone = undoing(node.desk(db), UnlinkAsked(link=first, reason="doubt")).statements[0].body
    node.say(IDENTITY_UNLINKED, gone, party="jpn")
    with node.store.view() as db:
        assert len(held_links(db)) == 1


@pytest.mark.parametrize(
    ("a", "b", "why"), [(A, "imo:9074728", "last digit"), (A, A, "itself already")]
)  # fmt: skip
def test_what_cannot_be_linked_is_refused(a: str, b: str, why: str) -> None:
    node = Node()
    with node.store.view() as db, pytest.raises(RefusedError, match=why):
        link(node.desk(db), LinkAsked(identity_a=a, identity_b=b, basis="x"))
