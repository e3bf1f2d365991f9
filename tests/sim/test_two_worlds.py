"""Two worlds that differ only in what a partner may not see send it the same bytes, but for digests, ids and signatures, and at the same times."""

from __future__ import annotations

import json
import re
from random import Random

import pytest

from kizuna.node import effects as fx
from kizuna.sim.disk import PowerLossError
from kizuna.sim.federation import Federation, Weather
from tests.sim.world import DOMAINS, arrangement, note, sign_instrument

OPAQUE = re.compile(rb"[A-Za-z0-9+/_-]{22,}={0,2}")
DISCLOSED = re.compile(rb'"disclosures":(\[\[.*?\]\]),"envelope"', re.DOTALL)
Seen = tuple[int, str, str, int, bytes]


def with_opaque_by_order(messages: list[tuple[int, str, str, bytes]]) -> list[Seen]:
    """Return messages with each digest, id and signature replaced by the order of its first appearance.

    Disclosures stand in the order of their digests, which is chance: here they stand by name.
    """
    order: dict[bytes, int] = {}

    def placed(found: re.Match[bytes]) -> bytes:
        return b"<%d>" % order.setdefault(found[0], len(order))

    def by_name(found: re.Match[bytes]) -> bytes:
        return json.dumps(sorted(json.loads(found[1]), key=lambda each: str(each[1]))).encode()

    return [
        (at_ms, sender, receiver, len(data), OPAQUE.sub(placed, DISCLOSED.sub(by_name, data)))
        for at_ms, sender, receiver, data in messages
    ]


def seen_by_canberra(seed: int, *, hidden: bool) -> list[Seen]:
    """Return what a partner sees of a writer that also says what is not for it, or does not."""
    weather = Weather(loss=0.05, twice=0.1, delay_ms=(1, 400))
    federation = Federation(seed)
    delhi, canberra = federation.add("ind/delhi", DOMAINS), federation.add("aus/canberra", DOMAINS)
    federation.introduce(delhi, canberra)
    for node in (delhi, canberra):
        sign_instrument(node, arrangement("aus", "ind"))
    federation.run(10_000)
    federation.weather = weather
    messages: list[tuple[int, str, str, bytes]] = []
    carry = federation._carry  # looks over the shoulder of the network, for the times

    def noted(sender: str, receiver: str, data: bytes, arrive: object) -> None:
        messages.append((federation.now_ms, sender, receiver, data))
        carry(sender, receiver, data, arrive)  # type: ignore[arg-type] # passed on

    federation._carry = noted  # type: ignore[method-assign] # the same
    dice, secret = Random(seed), Random(f"{seed}/secret")
    for number in range(30):
        said = [note(f"open {number}", "ind", "aus", level=dice.choice((0, 1, 2)))] if dice.random() < 0.6 else []
        if hidden:
            others = ("jpn",) if secret.random() < 0.5 else ("aus", "jpn")
            said += [note("x" * secret.randrange(2_000), "ind", *others, level=3) for _ in range(secret.randrange(4))]
        for draft in said:
            try:
                delhi.do(fx.Say((draft,)))
            except PowerLossError:
                continue
        federation.run(dice.choice((50, 700, 5_000)))
    federation.run(60_000)
    federation.close()
    return with_opaque_by_order(messages)


@pytest.mark.parametrize("seed", range(8))
def test_what_a_partner_may_not_see_changes_nothing_that_it_sees(seed: int) -> None:
    with_secrets, without = seen_by_canberra(seed, hidden=True), seen_by_canberra(seed, hidden=False)
    assert len(with_secrets) > 20
    assert with_secrets == without


def test_the_comparison_would_notice_a_count() -> None:
    one = with_opaque_by_order([(1, "a", "b", b'{"withheld":3}')])
    assert one != with_opaque_by_order([(1, "a", "b", b'{"withheld":4}')])
