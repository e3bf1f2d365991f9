"""Two nodes under the bundled example of the 2020 agreement, with officers who may order: for stories of supply in the simulator."""

from __future__ import annotations

from typing import Any

import msgspec

from kizuna.cli.init import bundled
from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.case.operations import EndorseAsked
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.domains.supply import DOMAIN as SUPPLY
from kizuna.kernel.label import Grade
from kizuna.kernel.operation import Desk
from kizuna.node import effects as fx
from kizuna.sim.federation import Federation, SimNode
from tests.sim.world import sign_instrument

ARRANGEMENT = "ind-jpn-2020-reciprocal-supplies-services"
DOMAINS = (CASE, INSTRUMENTS, SUPPLY)
DAY_MS = 86_400_000
OPERATIONS = {operation.name: operation for operation in SUPPLY.operations}
QUERIES = {query.name: query for query in SUPPLY.queries}
UNIT, SIGNER, CERTIFIER, PAYER, MINISTRY = (
    f"officer:{name}:{role}"
    for name, role in (
        ("unit", "logistics"),
        ("o1", "logistics"),
        ("o2", "logistics"),
        ("o3", "logistics"),
        ("m1", "desk"),
    )
)
DUTIES = {
    "o1": ("order", "offer"), "o2": ("accept", "invoice", "offer"), "o3": ("pay", "receive", "order", "offer"),
    "m2": ("write-off",),
}  # fmt: skip
FUEL = {
    "line_no": 1, "category": "petroleum-oils-lubricants", "description": "F-76 naval distillate fuel", "quantity": "300000",
    "unit": "litre", "nsn": "9140-00-273-2377", "basis": "observed",
}  # fmt: skip
WATER = {"line_no": 2, "category": "water", "description": "fresh water", "quantity": "120", "unit": "m3"}


def operate(node: SimNode, name: str, actor: str = SIGNER, **fields: Any) -> Any:
    """Do an operation of supply as an officer and return what it came to."""
    asked = msgspec.convert(fields, OPERATIONS[name].asks)
    return node.do(fx.Operate("supply", name, asked, actor, ""))


def post(node: SimNode, name: str, actor: str = SIGNER, **fields: Any) -> int:
    """Hand an operation in, whatever comes of it."""
    (number,) = node.post(fx.Operate("supply", name, msgspec.convert(fields, OPERATIONS[name].asks), actor, ""))
    return number


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


def rows(node: SimNode, tables: tuple[str, ...] = (*CASE.tables, *SUPPLY.tables)) -> list[Any]:
    return [sorted(map(repr, node.store.query(f"SELECT * FROM {table}"))) for table in tables]


def enrolled(seed: int | str, **kwargs: Any) -> tuple[Federation, SimNode, SimNode]:
    """Return two nodes whose agreement both have signed, without terms."""
    federation = Federation(seed, **kwargs)
    india = federation.add("ind/delhi", DOMAINS, grade=Grade("ind.example.v1", 0))
    japan = federation.add("jpn/yokosuka", DOMAINS, grade=Grade("jpn.example.v1", 0))
    federation.introduce(india, japan)
    made = next(each for each in bundled() if each.id == ARRANGEMENT)
    for node in (india, japan):
        sign_instrument(node, made)
    federation.run(10_000)
    return federation, india, japan


def pair(seed: int | str, **kwargs: Any) -> tuple[Federation, SimNode, SimNode]:
    """Return two nodes with agreed example terms and officers with duties."""
    federation, india, japan = enrolled(seed, **kwargs)
    for node, partner in ((india, "jpn"), (japan, "ind")):
        operate(node, "state-terms", MINISTRY, partner=partner, bundled="example")
        for officer, duties in DUTIES.items():
            operate(node, "grant", MINISTRY, partner=partner, officer=officer, duties=duties)
    federation.run(10_000)
    return federation, india, japan


def draft(node: SimNode, provider: str, **changes: Any) -> str:
    """Draft an order and return its number."""
    now = node.now_ms
    values = {
        "provider": provider, "activity": "joint-training", "activity_ref": "exercise-jimex-2026", "requesting_unit": "JS Takanami",
        "window_from_ms": now, "window_to_ms": now + 3 * DAY_MS, "method": "cash", "currency": "INR", "place": "Bay of Bengal",
        "lines": (FUEL, WATER),
    }  # fmt: skip
    done = operate(node, "draft", UNIT, **values | changes)
    return str(done.told["order_no"])


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
