"""Third parties' information on three nodes: India originates, Japan relays, Australia receives, and holds nothing of India but a pinned card."""

from __future__ import annotations

import dataclasses
import itertools
from random import Random
from typing import Any

import msgspec
import pytest

from kizuna.errors import RefusedError
from kizuna.kernel.lifecycle import ConsentGranted
from kizuna.node import effects as fx
from kizuna.node.held import facts
from kizuna.node.held.holders import holdings
from kizuna.sim.federation import Federation, SimNode
from tests.sim.test_recovery import projected
from tests.sim.test_withdrawing import act, bodies
from tests.sim.world import DOMAINS, arrangement, note, notes, provision, sign_instrument

DAY_MS = 86_400_000


@dataclasses.dataclass
class Three:
    federation: Federation
    delhi: SimNode
    yokosuka: SimNode
    canberra: SimNode

    def run(self, for_ms: int = 10_000) -> None:
        self.federation.run(for_ms)


def three(seed: str, *, introduced: bool = True, **kwargs: Any) -> Three:
    federation = Federation(seed, **kwargs)
    delhi, yokosuka, canberra = (federation.add(n, DOMAINS) for n in ("ind/delhi", "jpn/yokosuka", "aus/canberra"))
    wide = ("text", "source")
    federation.introduce(delhi, yokosuka)
    federation.introduce(yokosuka, canberra)
    for one, other in ((delhi, yokosuka), (yokosuka, canberra)):
        pair = one.identity.party, other.identity.party
        made = arrangement(*pair, provision(*pair, discloses=wide), provision(*reversed(pair), discloses=wide))
        sign_instrument(one, made)
        sign_instrument(other, made)
    if introduced:
        canberra.do(fx.Introduce(delhi.card(), "officer:1:security"))
    federation.run(10_000)
    return Three(federation, delhi, yokosuka, canberra)


def terms(node: SimNode, *records: str, **changes: Any) -> ConsentGranted:
    values: dict[str, Any] = {
        "records": records, "record_type": None, "from_ms": None, "to_ms": None, "relay": "jpn", "recipient": "aus",
        "fields": ("text",), "purpose": "coordination", "expires_ms": node.now_ms + DAY_MS, "single_use": False,
    }  # fmt: skip
    return ConsentGranted(**(values | changes))


def grant(node: SimNode, *records: str, **changes: Any) -> str:
    return str(node.do(fx.GrantConsent(terms(node, *records, **changes), "officer:3:liaison")))


def say(world: Three, text: str, *to: str) -> str:
    return str(world.delhi.do(fx.Say((note(text, "ind", *(to or ("aus", "jpn"))),)))[0].record_id)


def shown(node: SimNode, record_id: str) -> set[str]:
    rows = node.store.query(
        "SELECT b.body FROM record r JOIN holding h ON h.record = r.seq JOIN journal_body b ON b.seq = h.seq WHERE r.id = ?",
        (record_id,),
    )
    return {item[1] for (body,) in rows for item in msgspec.json.decode(bytes(body))["disclosures"]}


def codes(node: SimNode, record_id: str) -> list[str]:
    return [
        code for (code,) in node.store.query("SELECT code FROM leaf_in WHERE record_id = ? ORDER BY idx", (record_id,))
    ]


def released(node: SimNode, record_id: str, kind: str = "record") -> int:
    ((count,),) = node.store.query(
        "SELECT COUNT(*) FROM leaf_out WHERE record_id = ? AND kind = ? AND channel LIKE '%/aus/%'", (record_id, kind)
    )
    return int(count)


@pytest.mark.parametrize("order", ["consent first", "record first"])
def test_a_relay_passes_on_what_the_originator_consents_to_and_no_more(order: str) -> None:
    world = three(f"passes {order}")
    if order == "record first":
        record_id = say(world, "seen at dawn")
        world.run()
        assert notes(world.yokosuka) == {"seen at dawn"}
        assert notes(world.canberra) == set()
        grant(world.delhi, record_id)
    else:
        grant(world.delhi, record_type="notes.note-said.v1", from_ms=0, to_ms=world.delhi.now_ms + DAY_MS)
        world.run()
        record_id = say(world, "seen at dawn")
    world.run()
    assert notes(world.canberra) == {"seen at dawn"}
    assert "payload/source" in shown(world.yokosuka, record_id)
    assert "payload/source" not in shown(world.canberra, record_id)
    assert {"payload/text", "releasable_to/aus"} <= shown(world.canberra, record_id)
    assert "releasable_to/jpn" not in shown(world.canberra, record_id)
    assert world.canberra.store.query("SELECT issuer FROM record WHERE id = ?", (record_id,)) == [("ind",)]
    for node in (world.delhi, world.yokosuka, world.canberra):
        before = projected(node)
        node.store.rebuild()
        assert projected(node) == before
        assert node.alerts == []


def test_without_consent_nothing_goes_on_and_says_why() -> None:
    world = three("without")
    record_id = say(world, "kept between two")
    world.run()
    held = world.yokosuka.core.world.releaser
    from_store = facts.load_record(world.yokosuka.store, record_id)
    assert from_store is not None
    (opened,) = say_opened(world, record_id)
    assert opened == "releasability"
    grant(world.delhi, record_id, purpose="search-and-rescue")
    world.run()
    again = facts.load_record(world.yokosuka.store, record_id)
    assert again is not None
    assert held.rule(again, "aus", world.yokosuka.now_ms).decision.reason == "no-consent"
    assert notes(world.canberra) == set()
    assert not any(b"kept between two" in data for _, to, data in world.federation.wire if to == world.canberra.name)


def say_opened(world: Three, record_id: str) -> list[str]:
    held = facts.load_record(world.yokosuka.store, record_id)
    assert held is not None
    return [world.yokosuka.core.world.releaser.rule(held, "aus", world.yokosuka.now_ms).decision.reason]


def test_a_revoked_consent_denies_from_then_on() -> None:
    world = three("revoked")
    consent = grant(world.delhi, record_type="notes.note-said.v1", from_ms=0, to_ms=world.delhi.now_ms + DAY_MS)
    say(world, "before")
    world.run()
    world.delhi.do(fx.RevokeConsent(consent, "trust is gone", "officer:3:liaison"))
    say(world, "after")
    world.run()
    assert notes(world.yokosuka) == {"before", "after"}
    assert notes(world.canberra) == {"before"}
    for node in (world.delhi, world.yokosuka, world.canberra):
        assert node.core.world.ledger.consents == ()


def test_an_expired_consent_denies() -> None:
    world = three("expired")
    until = {"expires_ms": world.delhi.now_ms + 30_000}
    grant(world.delhi, record_type="notes.note-said.v1", from_ms=0, to_ms=world.delhi.now_ms + DAY_MS, **until)
    say(world, "in time")
    world.run(40_000)
    say(world, "too late")
    world.run()
    assert notes(world.canberra) == {"in time"}


def test_a_single_use_is_spent_once() -> None:
    world = three("single")
    grant(
        world.delhi, record_type="notes.note-said.v1", from_ms=0, to_ms=world.delhi.now_ms + DAY_MS, single_use=True
    )  # fmt: skip
    world.run()
    said = {say(world, "one"): "one", say(world, "two"): "two"}
    world.run(120_000)
    assert len(notes(world.canberra)) == 1
    assert sum(released(world.yokosuka, record_id) for record_id in said) == 1


def test_what_a_party_signed_counts_only_once_its_card_was_compared() -> None:
    world = three("introduced", introduced=False)
    record_id = say(world, "from a stranger")
    consent = grant(world.delhi, record_id)
    world.run()
    assert codes(world.canberra, consent) == ["unknown-key"]
    assert codes(world.canberra, record_id) == ["no-consent"]
    assert notes(world.canberra) == set()
    world.canberra.do(fx.Introduce(world.delhi.card(), "officer:1:security"))
    world.run(60_000)
    assert codes(world.canberra, consent) == [""]
    assert notes(world.canberra) == {"from a stranger"}


def test_one_root_for_a_party_also_where_it_was_only_introduced() -> None:
    world = three("roots")
    other = Federation("another world").add("ind/delhi", DOMAINS)
    for command in (fx.Introduce, fx.Enrol):
        with pytest.raises(RefusedError):
            world.canberra.do(command(other.card(), "officer:1:security"))
    with pytest.raises(RefusedError):
        world.canberra.do(fx.Introduce(world.canberra.card(), "officer:1:security"))


@pytest.mark.parametrize("name", ["retract", "recall", "destroy"])
def test_a_withdrawal_reaches_whoever_has_it_by_a_relay(name: str) -> None:
    world = three(f"onward-{name}")
    record_id = say(world, "canary-onward")
    grant(world.delhi, record_id)
    world.run()
    assert notes(world.canberra) == {"canary-onward"}
    act(world.delhi, record_id, name)
    world.run()
    for node in (world.delhi, world.yokosuka, world.canberra):
        assert node.store.query("SELECT standing FROM record WHERE id = ?", (record_id,)) == [(name,)]
        assert (b"canary-onward" in bodies(node)) == (name != "destroy")
        before = projected(node)
        node.store.rebuild()
        assert projected(node) == before
    ((confirmed,),) = world.yokosuka.store.query(
        "SELECT confirmed_at_ms FROM act WHERE record_id = ? AND channel LIKE '%/aus/%' AND act = ?", (record_id, name)
    )
    assert confirmed


@pytest.mark.parametrize("order", list(itertools.permutations(["consent", "record", "withdrawal"])))
def test_consent_record_and_withdrawal_end_alike_in_every_order(order: tuple[str, ...]) -> None:
    """The links are cut and mended in between, so that each node learns of the three in another order."""
    world = three(f"orders {order}")
    cut = frozenset((world.delhi.name, world.yokosuka.name)), frozenset((world.yokosuka.name, world.canberra.name))
    record_id = ""
    for step in order:
        world.federation.weather.cut.update(cut)
        if step == "record" or not record_id:
            record_id = record_id or say(world, "canary of orders")
        if step == "consent" and not world.delhi.store.query("SELECT 1 FROM act"):
            grant(world.delhi, record_id)
        if step == "withdrawal":
            act(world.delhi, record_id, "recall")
        world.federation.weather.cut.clear() if step != order[1] else world.federation.weather.cut.discard(cut[0])
        world.run(40_000)
    world.federation.weather.cut.clear()
    world.run(120_000)
    standings = [
        node.store.query("SELECT standing FROM record WHERE id = ?", (record_id,))
        for node in (world.yokosuka, world.canberra)
    ]
    assert all(rows in ([], [("recall",)]) for rows in standings)


@pytest.mark.parametrize("seed", range(6))
def test_weather_and_power_loss_lose_no_consent_and_pass_on_nothing_else(seed: int) -> None:
    world = three(f"storm-{seed}")
    rng = Random(seed)
    weather = world.federation.weather
    weather.loss, weather.twice = 0.2, 0.2
    open_, shut = [], []
    for number in range(12):
        record_id = say(world, f"note {number}")
        (open_ if number % 2 else shut).append((record_id, f"note {number}"))
        if number % 2:
            grant(world.delhi, record_id)
        node = rng.choice([world.yokosuka, world.canberra])
        node.disk.fail_at = node.disk.steps + rng.randrange(1, 25)
        world.run(rng.randrange(1_000, 4_000))
    for node in (world.yokosuka, world.canberra):
        node.disk.fail_at = None
    weather.loss = weather.twice = 0.0
    world.run(180_000)
    assert notes(world.canberra) == {text for _, text in open_}
    for record_id, _ in open_:
        assert "payload/source" not in shown(world.canberra, record_id)
    assert not any(b"note 0" in data for _, to, data in world.federation.wire if to == world.canberra.name)
    assert world.yokosuka.crashes + world.canberra.crashes > 0


def test_who_is_no_party_to_a_consent_learns_nothing_of_it() -> None:
    world = three("fourth")
    manila = world.federation.add("phl/manila", DOMAINS)
    for node in (world.delhi, world.yokosuka):
        world.federation.introduce(node, manila)
        made = arrangement(node.identity.party, "phl")
        sign_instrument(node, made)
        sign_instrument(manila, made)
    world.run()
    record_id = say(world, "for three", "aus", "jpn", "phl")
    consent = grant(world.delhi, record_id)
    world.run()
    world.delhi.do(
        fx.Relabel(record_id, "narrowed", "officer:1:desk", "officer:2:security", caveats={"common.v1": ("x",)})
    )
    world.delhi.do(fx.RevokeConsent(consent, "enough", "officer:3:liaison"))
    act(world.delhi, record_id, "retract")
    world.run()
    assert notes(manila) == {"for three"}
    sent = b"".join(data for _, to, data in world.federation.wire if to == manila.name)
    assert consent.encode() not in sent
    assert b'"aus"' not in sent
    assert b"releasable_to/aus" not in sent
    from_delhi = b"".join(data for by, to, data in world.federation.wire if (by, to) == (world.delhi.name, manila.name))
    assert b"releasable_to/phl" in from_delhi
    assert not any(word in from_delhi for word in (b"releasable_to/jpn", b'"jpn"', b"jpn/"))
    to_delhi = b"".join(data for _, to, data in world.federation.wire if to == world.delhi.name)
    assert b"aus/canberra" not in to_delhi


def test_a_joined_record_goes_by_consents_alone() -> None:
    world = three("joined")
    source = say(world, "a part")
    world.run()
    joined = dataclasses.replace(note("the whole", "jpn", "aus"), derived_from=(source,))
    with pytest.raises(RefusedError, match="originator"):
        world.yokosuka.do(fx.Say((joined,)))
    both = msgspec.structs.replace(joined.label, originators=frozenset({"ind", "jpn"}))
    with pytest.raises(RefusedError, match="consent"):
        world.yokosuka.do(fx.Say((dataclasses.replace(joined, label=both),)))
    grant(world.delhi, record_type="notes.note-said.v1", from_ms=0, to_ms=world.delhi.now_ms + DAY_MS)
    world.run()
    world.yokosuka.do(fx.Say((dataclasses.replace(joined, label=both),)))
    world.run()
    assert "the whole" in notes(world.canberra)


def test_what_was_made_from_a_withdrawn_record_is_withdrawn_too() -> None:
    world = three("derived")
    source = say(world, "the source")
    world.run()
    own = msgspec.structs.replace(
        note("", "jpn").label, originators=frozenset({"ind", "jpn"}), releasable_to=frozenset({"jpn"})
    )
    made = dataclasses.replace(note("canary-made of it", "jpn"), label=own, derived_from=(source,))
    made_id = world.yokosuka.do(fx.Say((made,)))[0].record_id
    act(world.delhi, source, "destroy")
    world.run()
    assert world.yokosuka.store.query("SELECT standing FROM record WHERE id = ?", (made_id,)) == [("destroy",)]
    assert b"canary-made of it" not in bodies(world.yokosuka)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"relay": "aus"}, "two parties"),
        ({"recipient": "ind"}, "two parties"),
        ({"relay": "phl"}, "enrolled"),
        ({"fields": ()}, "field"),
        ({"expires_ms": 5}, "expired"),
        ({"record_type": "notes.note-said.v1", "from_ms": 0, "to_ms": 5}, "or one type"),
        ({"records": ()}, "or one type"),
        ({"records": ("ab" * 32,)}, "not one of ours"),
        ({"recipient": "phl"}, "relabel"),
    ],
)
def test_a_consent_that_could_not_mean_anything_is_refused(changes: dict[str, Any], reason: str) -> None:
    world = three("refused consents")
    record_id = say(world, "ours")
    with pytest.raises(RefusedError, match=reason):
        grant(world.delhi, **({"records": (record_id,)} | changes))


def test_who_has_a_record_is_known_at_once_from_receipts_and_consents() -> None:
    world = three("holders")
    record = say(world, "to be found again")
    world.run()
    consent = grant(world.delhi, record)
    world.run()
    with world.delhi.store.view() as db:
        found = [(held.party, held.node, held.by, held.receipted) for held in holdings(db, record)]
    assert found == [("jpn", "jpn/yokosuka", "ind", True), ("aus", "", "jpn", False)]
    with world.yokosuka.store.view() as db:
        shown_on = holdings(db, record)
    assert [(held.party, held.receipted) for held in shown_on if held.node] == [("aus", True)]
    with world.delhi.store.view() as db:
        assert holdings(db, consent) == ()
