"""The domain: any order of arrival gives the same rows, and what they say of agreements."""

import itertools
import json
from pathlib import Path
from typing import Any

import apsw
import cedarpy
import pytest

from kizuna.domains.instruments import DOMAIN, queries
from kizuna.domains.instruments.records import Resumed, ScopeClosed, ScopeOpened, Suspended, Terminated, VersionSigned
from kizuna.errors import RecordError
from kizuna.kernel import cedar, instrument, sign
from kizuna.kernel.domain import Fact
from kizuna.kernel.instrument import Scope, agreements, day_ms, read_signature, sign_version
from kizuna.kernel.instrument_file import load_partnership
from kizuna.kernel.label import label
from kizuna.kernel.release import Index, ReleaseHeader

BUNDLED = Path(queries.__file__).parent / "bundled" / "india-japan"
NAVIES = "ind-jpn-2018-navy-implementing-arrangement"
ROOTS = {party: sign.SigningKey(bytes([i]) * 32, sign.Purpose.ROOT) for i, party in enumerate(("ind", "jpn"))}
MARK = label("ind.example.v1", 0, originator="ind")


class Memory:
    """An SQLite database in memory, through the port that projections use."""

    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")
        for statement in DOMAIN.schema:
            self.connection.execute(statement)

    def execute(self, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
        return list(self.connection.execute(sql, params))

    def executemany(self, sql: str, rows: Any) -> None:
        self.connection.executemany(sql, rows)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        return {table: self.execute(f"SELECT * FROM {table} ORDER BY 1, 2") for table in DOMAIN.tables}


def fact(name: str, body: Any, issuer: str, at_ms: int) -> Fact[Any]:
    wire_name = next(wire for wire, kind in DOMAIN.records.items() if kind is type(body))
    return Fact(
        name, wire_name, body, issuer, f"{issuer}/node", "officer:1:legal", "", at_ms, MARK, "", issuer == "ind"
    )


def told(facts: Any) -> Memory:
    db = Memory()
    for said in facts:
        DOMAIN.apply[type(said.body)](db, said)
    return db


OPENED = {"instrument": NAVIES, "name": "milan", "from_ms": 100, "to_ms": 900}
STORY = (
    fact("r1", VersionSigned(instrument=NAVIES, version="ab", envelope="{}"), "ind", 1),
    fact("r2", Suspended(instrument=NAVIES, reason="x"), "jpn", 10),
    fact("r3", Resumed(instrument=NAVIES, lifts="r2"), "jpn", 20),
    fact("r4", ScopeOpened(**OPENED), "ind", 30),
    fact("r5", ScopeOpened(**OPENED), "jpn", 40),
)


def test_every_order_of_arrival_with_duplicates_gives_the_same_rows() -> None:
    expected = told(STORY).rows()
    for order in itertools.permutations(STORY):
        assert told([*order, order[0]]).rows() == expected


def test_a_fuller_second_release_fills_what_was_withheld() -> None:
    bare = fact("r3", Resumed(instrument=NAVIES), "jpn", 20)
    assert told([bare, *STORY]).rows() == told(STORY).rows() == told([*STORY, bare]).rows()
    shut = fact("r4", ScopeOpened(instrument=NAVIES), "ind", 30)
    assert told([shut, *STORY]).rows() == told(STORY).rows() == told([*STORY, shut]).rows()
    assert queries.scopes(told([shut, STORY[4]])) == ()


def test_acts_become_statuses_of_their_issuer() -> None:
    db = told([*STORY, fact("r6", Terminated(instrument=NAVIES), "ind", 99)])
    found = {status.id: (status.act, status.party, status.at_ms, status.lifts) for status in queries.statuses(db)}
    assert found == {
        "r2": ("suspended", "jpn", 10, ""),
        "r3": ("resumed", "jpn", 20, "r2"),
        "r6": ("terminated", "ind", 99, ""),
    }


def test_a_scope_is_open_only_where_both_opened_it_alike_and_either_closes_it() -> None:
    assert queries.scopes(told(STORY[:4])) == ()
    assert queries.scopes(told([*STORY[:4], fact("r5", ScopeOpened(**OPENED | {"to_ms": 901}), "jpn", 40)])) == ()
    assert queries.scopes(told(STORY)) == (Scope(100, NAVIES, "milan", 900),)
    closing = fact("r6", ScopeClosed(instrument=NAVIES, closes="r5"), "jpn", 500)
    for order in itertools.permutations([*STORY[3:], closing]):
        assert queries.scopes(told(order)) == (Scope(100, NAVIES, "milan", 500),)
    stranger = fact("r6", ScopeClosed(instrument=NAVIES, closes="r5"), "ind", 500)
    assert queries.scopes(told([*STORY, stranger])) == (Scope(100, NAVIES, "milan", 900),)


@pytest.fixture(scope="module")
def partnership() -> list[instrument.Instrument]:
    return load_partnership([(path.name, path.read_text(encoding="utf-8")) for path in sorted(BUNDLED.glob("*.toml"))])


def signed(value: instrument.Instrument, at: str) -> list[instrument.VersionSignature]:
    pinned = {party: key.public for party, key in ROOTS.items()}
    return [read_signature(sign_version(value, party, day_ms(at), key), pinned) for party, key in ROOTS.items()]


def test_the_bundled_partnership_has_its_twelve_instruments_each_cited(
    partnership: list[instrument.Instrument],
) -> None:
    assert len(partnership) == 12
    assert all(made.citations for made in partnership)
    dated = {made.id for made in partnership if made.in_force_on.bounds()}
    assumed = {made.id for made in partnership if made.basis == "example"}
    assert NAVIES in dated
    assert dated - assumed <= {"ind-jpn-2020-reciprocal-supplies-services"}, "a date without a source is an assumption"
    navies = next(made for made in partnership if made.id == NAVIES)
    assert navies.basis == "example"
    assert {clause.basis for clause in navies.provisions} == {"example"} == {table.basis for table in navies.tables}
    assert navies.signed_on == instrument.limited_date("2018-10")


def test_bundled_facts_equal_the_compiled_ones(partnership: list[instrument.Instrument], shared_dir: Path) -> None:
    facts = json.loads((shared_dir / "data" / "india-japan.json").read_text(encoding="utf-8"))["instruments"]
    for said in facts:
        made = next(i for i in partnership if i.id == said["id"])
        assert (made.title, made.kind, made.binding) == (said["title"], said["kind"], said["binding"]["value"])
        assert (made.parent or None, made.supersedes or None) == (said["parent"], said["supersedes"])
        assert (made.signed_on.value, made.signed_on.precision) == (
            said["signed"]["value"],
            said["signed"]["precision"],
        )
        if made.basis != "example":
            assert made.in_force_on.precision == said["in_force"]["precision"]
        assert {stated.id for stated in made.stated} == {p["id"] for p in said["provisions"]}


def test_unknown_in_force_denies_though_both_sign(partnership: list[instrument.Instrument]) -> None:
    undated = [made for made in partnership if made.basis != "example"]
    said = [signature for made in undated for signature in signed(made, "2024-01-01")]
    held = header("maritime.static-reported.v1")
    assert Index.build("ind", agreements(undated, said)).decide(held, "jpn", held.at_ms).reason == "no-provision"
    without = [made for made in undated if not made.in_force_on.bounds()]
    assert Index.build("ind", agreements(without, said)).decide(held, "jpn", held.at_ms).reason == "no-instrument"


def header(wire_name: str, issuer: str = "ind", level: int = 1) -> ReleaseHeader:
    partner = "jpn" if issuer == "ind" else "ind"
    mark = label(
        f"{issuer}.example.v1",
        level,
        originator=issuer,
        releasable_to=(partner,),
        purposes=("maritime-domain-awareness",),
    )
    return ReleaseHeader(type=wire_name, label=mark, issuer=issuer, at_ms=day_ms("2026-01-01"))


@pytest.mark.parametrize(("own", "partner"), [("ind", "jpn"), ("jpn", "ind")])
def test_shipping_information_crosses_as_the_example_rules_say(
    partnership: list[instrument.Instrument], own: str, partner: str
) -> None:
    navies = next(made for made in partnership if made.id == NAVIES)
    index = Index.build(own, agreements([navies], signed(navies, "2024-01-01")))
    now_ms = day_ms("2026-01-01")
    lanes = {}
    for kind in ("position-batch", "static-reported", "event-detected", "feed-reported"):
        decision = index.decide(header(f"maritime.{kind}.v1", own), partner, now_ms)
        assert decision.permit, (kind, decision)
        lanes[kind] = decision.lane
        assert index.decide(header(f"maritime.{kind}.v1", own, 2), partner, now_ms).reason == "level"
    assert lanes == {
        "position-batch": "bulk",
        "static-reported": "routine",
        "event-detected": "priority",
        "feed-reported": "routine",
    }
    forbidden = index.decide(header("maritime.own-unit-batch.v1", own), partner, now_ms)
    assert forbidden.reason == f"provision:no-own-units-to-{partner}"
    delayed = index.decide(header("maritime.area-entered.v1", own), partner, now_ms)
    assert (delayed.permit, delayed.not_before_ms) == (False, now_ms + 3_600_000)
    assert index.decide(header("maritime.area-entered.v1", own), partner, now_ms + 3_600_000).permit


def test_the_example_rules_are_sound_cedar_that_says_what_it_rests_on(partnership: list[instrument.Instrument]) -> None:
    navies = next(made for made in partnership if made.id == NAVIES)
    made = agreements([navies], signed(navies, "2024-01-01"))
    text = cedar.policies("ind", "jpn", made, 2000)
    outward = [clause for clause in navies.provisions if clause.direction.from_party == "ind"]
    assert (
        text.count("[example]") == text.count("@id(") == len(outward) > 6
    )  # how many is for each domain's rule file to say
    result = cedarpy.validate_policies(text, cedar.schema(made))
    assert result.validation_passed, [str(error) for error in result.errors]


def within(areas: tuple[instrument.Area, ...], lat_deg: float, lon_deg: float) -> bool:
    lat, lon = int(lat_deg * 600_000), int(lon_deg * 600_000)
    return any(a.south_600000 <= lat < a.north_600000 and a.west_600000 <= lon < a.east_600000 for a in areas)


def test_positions_go_from_the_named_waters_alone(partnership: list[instrument.Instrument]) -> None:
    navies = next(made for made in partnership if made.id == NAVIES)
    positions = [p for p in navies.provisions if "maritime.position-batch.v1" in p.record_types]
    assert len(positions) == 2
    for clause in positions:
        areas = clause.obligations.areas
        for lat, lon in ((13.0, 88.0), (3.0, 100.5), (15.0, 114.0), (29.0, 125.0)):
            assert within(areas, lat, lon)
        for lat, lon in (
            (15.0, 65.0),
            (34.3, 133.5),
            (35.4, 139.8),
            (32.7, 129.8),
        ):  # Arabian Sea, Seto, Tokyo, Nagasaki
            assert not within(areas, lat, lon)


def test_what_permits_lists_the_clauses_of_the_day(partnership: list[instrument.Instrument]) -> None:
    navies = next(made for made in partnership if made.id == NAVIES)
    made = agreements([navies], signed(navies, "2024-01-01"))
    found = queries.what_permits(made, "ind", "jpn", "2026-01-01")
    shipping = [row.provision for row in found if not row.provision.startswith("watch-")]
    assert len(found) > len(shipping)
    assert shipping == [
        "area-entries-found-to-jpn",
        "area-entries-to-jpn",
        "events-found-to-jpn",
        "events-to-jpn",
        "feed-health-to-jpn",
        "shipping-positions-to-jpn",
        "static-data-to-jpn",
        "thresholds-to-jpn",
    ]
    assert {row.basis for row in found} == {"example"}
    assert queries.what_permits(made, "ind", "jpn", "2023-12-31") == ()
    assert queries.what_permits(made, "ind", "aus", "2026-01-01") == ()
    with pytest.raises(RecordError):
        queries.what_permits(made, "ind", "jpn", "2026-01")
