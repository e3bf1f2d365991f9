"""Two nodes under the bundled example of the 2020 agreement, with officers who may order: for stories of supply in the simulator."""

from __future__ import annotations

from typing import Any

import msgspec

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.case.operations import EndorseAsked
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.domains.supply import DOMAIN as SUPPLY
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.label import Grade
from kizuna.kernel.operation import Desk
from kizuna.node import effects as fx
from kizuna.sim.federation import Federation, SimNode
from kizuna.sim.orders import (
    ARRANGEMENT,
    CERTIFIER,
    DUTIES,
    FUEL,
    MINISTRY,
    PAYER,
    SIGNER,
    UNIT,
    WATER,
    draft,
    grant,
    operate,
    post,
    rows,
    sign_agreement,
)

__all__ = [
    "ARRANGEMENT", "CERTIFIER", "DAY_MS", "DUTIES", "FUEL", "MINISTRY", "PAYER", "SIGNER", "UNIT", "WATER", "accepted", "agreed", "ask",
    "draft", "endorse", "enrolled", "invoiced", "operate", "pair", "post", "rows",
]  # fmt: skip

DOMAINS = (CASE, INSTRUMENTS, SUPPLY)
QUERIES = {query.name: query for query in SUPPLY.queries}


def endorse(node: SimNode, number: str, actor: str = PAYER) -> Any:
    return node.do(fx.Operate("case", "endorse", EndorseAsked(case=f"supply.order:{number}"), actor, ""))


def ask(node: SimNode, name: str, **fields: Any) -> Any:
    """Return what a query of supply shows at a node."""
    query = QUERIES[name]
    with node.store.view() as db:
        desk = Desk(
            db=db, now_ms=node.now_ms, party=node.identity.party, actor=SIGNER, kinds=node.core.world.kinds,
            random=node.rng.randbytes, agreements=node.core.world.agreements,
        )  # fmt: skip
        return query.run(desk, msgspec.convert(fields, query.asks))


def enrolled(seed: int | str, **kwargs: Any) -> tuple[Federation, SimNode, SimNode]:
    """Return two nodes whose agreement both have signed, without terms."""
    federation = Federation(seed, **kwargs)
    india = federation.add("ind/delhi", DOMAINS, grade=Grade("ind.example.v1", 0))
    japan = federation.add("jpn/yokosuka", DOMAINS, grade=Grade("jpn.example.v1", 0))
    federation.introduce(india, japan)
    sign_agreement(india, japan)
    federation.run(10_000)
    return federation, india, japan


def pair(seed: int | str, **kwargs: Any) -> tuple[Federation, SimNode, SimNode]:
    """Return two nodes with agreed example terms and officers with duties."""
    federation, india, japan = enrolled(seed, **kwargs)
    for node, partner in ((india, "jpn"), (japan, "ind")):
        grant(node, partner)
    federation.run(10_000)
    return federation, india, japan


def agreed(
    federation: Federation, requester: SimNode, provider: SimNode, *, wait_ms: int = 3_000,
    price: tuple[str, ...] = ("1=71.2535", "2=95"), **changes: Any,
) -> str:  # fmt: skip
    """Bring an order as far as both signatures and return its number."""
    number = draft(requester, provider.identity.party, **changes)
    operate(requester, "request", order_no=number)
    federation.run(wait_ms)
    operate(provider, "offer", order_no=number, price=price)
    federation.run(wait_ms)
    operate(requester, "agree", order_no=number)
    federation.run(wait_ms)
    operate(provider, "sign", order_no=number)
    federation.run(wait_ms)
    return number


def accepted(federation: Federation, requester: SimNode, provider: SimNode, **changes: Any) -> str:
    """Bring an order as far as acceptance of all that was agreed."""
    number = agreed(federation, requester, provider, **changes)
    operate(provider, "deliver", order_no=number)
    federation.run(3_000)
    operate(requester, "accept", CERTIFIER, order_no=number)
    federation.run(3_000)
    return number


def invoiced(federation: Federation, requester: SimNode, provider: SimNode, **changes: Any) -> str:
    """Bring an order as far as its invoice."""
    number = accepted(federation, requester, provider, **changes)
    operate(provider, "invoice", CERTIFIER, order_no=number)
    federation.run(3_000)
    return number
