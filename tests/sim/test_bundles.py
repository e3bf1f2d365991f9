"""Partners that no wire reaches: the same entries, receipts and refusals, in files."""

from __future__ import annotations

import pytest

from kizuna.errors import BundleError
from kizuna.kernel.lifecycle import ConsentGranted
from kizuna.node import effects as fx
from kizuna.sim.federation import Federation, SimNode
from tests.sim.world import DOMAINS, arrangement, note, notes, sides, sign_instrument

MINUTE_MS = 60_000


def apart(seed: str) -> tuple[Federation, SimNode, SimNode]:
    federation = Federation(seed)
    one, other = federation.add("ind/delhi", DOMAINS), federation.add("jpn/yokosuka", DOMAINS)
    federation.introduce(one, other, by_wire=False)
    made = arrangement("ind", "jpn")
    sign_instrument(one, made)
    sign_instrument(other, made)
    return federation, one, other


def export(node: SimNode, to: SimNode) -> bytes:
    data = node.do(fx.ExportBundle(to.name, node.now_ms + MINUTE_MS, "officer:3:liaison"))
    assert isinstance(data, bytes)
    return data


def carry(node: SimNode, to: SimNode) -> fx.Imported:
    reply = to.do(fx.ImportBundle(export(node, to), "officer:3:liaison"))
    assert isinstance(reply, fx.Imported)
    return reply


def test_a_bundle_carries_what_the_wire_would_and_receipts_come_home_in_the_next() -> None:
    federation, delhi, yokosuka = apart("carry")
    carry(delhi, yokosuka)
    carry(yokosuka, delhi)
    federation.run(5_000)
    said = delhi.do(fx.Say((note("by courier", "ind", "jpn"),)))[0]
    assert said.due
    brought = carry(delhi, yokosuka)
    assert (brought.new, brought.refused) == (1, 0)
    assert notes(yokosuka) == {"by courier"}
    assert carry(yokosuka, delhi).receipt
    assert sides(delhi, yokosuka)[0] == sides(delhi, yokosuka)[1]
    assert federation.wire == []


def test_importing_twice_changes_nothing_and_a_gap_says_what_to_ask_for() -> None:
    federation, delhi, yokosuka = apart("twice")
    carry(delhi, yokosuka)
    carry(yokosuka, delhi)
    federation.run(5_000)
    delhi.do(fx.Say((note("one", "ind", "jpn"),)))
    first = export(delhi, yokosuka)
    assert yokosuka.do(fx.ImportBundle(first, "officer:3:liaison")).new == 1
    again = yokosuka.do(fx.ImportBundle(first, "officer:3:liaison"))
    assert (again.new, again.known) == (0, 1)
    carry(yokosuka, delhi)
    delhi.do(fx.Say((note("two", "ind", "jpn"),)))
    lost = export(delhi, yokosuka)
    delhi.do(fx.Say((note("three", "ind", "jpn"),)))
    overlapping = export(delhi, yokosuka)
    assert yokosuka.do(fx.ImportBundle(overlapping, "officer:3:liaison")).new == 2
    assert yokosuka.do(fx.ImportBundle(lost, "officer:3:liaison")).new == 0
    assert notes(yokosuka) == {"one", "two", "three"}
    assert yokosuka.store.verify().findings == ()


@pytest.mark.parametrize("harm", ["truncated", "altered", "for another", "late"])
def test_a_harmed_bundle_is_refused_whole(harm: str) -> None:
    federation, delhi, yokosuka = apart(f"harm-{harm}")
    carry(delhi, yokosuka)
    carry(yokosuka, delhi)
    federation.run(5_000)
    delhi.do(fx.Say((note("precious", "ind", "jpn"),)))
    data = export(delhi, yokosuka)
    before = yokosuka.store.head()
    if harm == "truncated":
        data = data[: len(data) // 2]
    elif harm == "altered":
        data = data[:2000] + bytes([data[2000] ^ 1]) + data[2001:]
    elif harm == "for another":
        data = export(yokosuka, delhi)
        before = yokosuka.store.head()
    else:
        federation.run(MINUTE_MS + 1)
    with pytest.raises(BundleError):
        yokosuka.do(fx.ImportBundle(data, "officer:3:liaison"))
    assert notes(yokosuka) == set()
    assert yokosuka.store.head() == before


def test_three_nodes_one_cut_off_one_by_bundle_and_no_partner_learns_of_the_other() -> None:
    federation = Federation("three")
    delhi = federation.add("ind/delhi", DOMAINS)
    yokosuka = federation.add("jpn/yokosuka", DOMAINS)
    canberra = federation.add("aus/canberra", DOMAINS)
    federation.introduce(delhi, yokosuka)
    federation.introduce(delhi, canberra, by_wire=False)
    for other in (yokosuka, canberra):
        made = arrangement("ind", other.identity.party)
        sign_instrument(delhi, made)
        sign_instrument(other, made)
    federation.run(10_000)
    for _ in range(2):
        carry(delhi, canberra)
        carry(canberra, delhi)
    federation.run(5_000)
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    for number in range(20):
        delhi.do(fx.Say((note(f"note {number}", "ind", "jpn", "aus"),)))
        federation.run(1_000)
    bundle = export(delhi, canberra)
    canberra.do(fx.ImportBundle(bundle, "officer:3:liaison"))
    back = export(canberra, delhi)
    delhi.do(fx.ImportBundle(back, "officer:3:liaison"))
    federation.weather.cut.clear()
    federation.run(90_000)
    for other in (yokosuka, canberra):
        assert notes(other) == notes(delhi)
        assert sides(delhi, other)[0] == sides(delhi, other)[1]
    seen = b"".join(data for sender, receiver, data in federation.wire if yokosuka.name in {sender, receiver})
    for node, hidden in ((canberra, "yokosuka"), (yokosuka, "canberra")):
        rows = node.store.query(
            "SELECT e.header, b.body FROM journal_entry e LEFT JOIN journal_body b ON b.seq = e.seq"
        )
        held = b"".join(bytes(header) + bytes(body or b"") for header, body in rows)
        party = "jpn" if hidden == "yokosuka" else "aus"
        for name in (hidden, f'"{party}"', f"{party}/", f"releasable_to/{party}"):
            assert name.encode() not in held
            assert hidden == "yokosuka" or name.encode() not in seen


def test_what_a_bundle_brings_is_judged_by_the_rules_that_came_before_it_in_the_bundle() -> None:
    """A signature, a consent and what rests on them may come in one bag."""
    federation = Federation("one bag")
    delhi, yokosuka = federation.add("ind/delhi", DOMAINS), federation.add("jpn/yokosuka", DOMAINS)
    federation.introduce(delhi, yokosuka, by_wire=False)
    made = arrangement("ind", "jpn")
    for node in (yokosuka, delhi):
        sign_instrument(node, made)
    carry(yokosuka, delhi)
    federation.run(10_000)
    record_id = delhi.do(fx.Say((note("in one bag", "ind", "jpn", "aus"),)))[0].record_id
    terms = ConsentGranted(
        records=(record_id,), record_type=None, from_ms=None, to_ms=None, relay="jpn", recipient="aus", fields=("text",),
        purpose="coordination", expires_ms=delhi.now_ms + 10**8, single_use=False,
    )  # fmt: skip
    delhi.do(fx.GrantConsent(terms, "officer:3:liaison"))
    done = carry(delhi, yokosuka)
    assert (done.new, done.refused) == (3, 0)
    assert notes(yokosuka) == {"in one bag"}
