"""Orders between India and Japan under the bundled example of their supply agreement: what officers of both sides do, in any order."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.supply import DOMAIN as SUPPLY
from kizuna.kernel.intervals import DAY_MS
from kizuna.node import effects as fx
from kizuna.node.channel.treaties import bundled
from kizuna.sim.federation import SimNode
from kizuna.sim.partnership import sign_instrument

ARRANGEMENT = "ind-jpn-2020-reciprocal-supplies-services"
STATED = ("supply_order", "supply_side", "supply_line", "supply_ledger", "supply_total", "case_due")
"""The tables that both nodes must fill alike."""
_OPERATIONS = {operation.name: operation for operation in SUPPLY.operations}
UNIT, SIGNER, CERTIFIER, PAYER, MINISTRY = (
    f"officer:{name}"
    for name in ("unit:logistics", "o1:logistics", "o2:logistics", "o3:logistics", "m1:desk")
)  # fmt: skip
DUTIES = {
    "o1": ("order", "offer"), "o2": ("accept", "invoice", "offer"), "o3": ("pay", "receive", "order", "offer"),
    "m2": ("write-off",),
}  # fmt: skip
FUEL = {
    "line_no": 1, "category": "petroleum-oils-lubricants", "description": "F-76 naval distillate fuel", "quantity": "300000",
    "unit": "litre", "nsn": "9140-00-273-2377", "basis": "observed",
}  # fmt: skip
WATER = {"line_no": 2, "category": "water", "description": "fresh water", "quantity": "120", "unit": "m3"}
STEPS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("offer", SIGNER, {"price": ("1=71.2535", "2=95")}), ("agree", SIGNER, {}), ("sign", SIGNER, {}), ("sign", PAYER, {}),
    ("amend", SIGNER, {"reason": "less", "quantity": ("1=100000",)}), ("cancel", SIGNER, {"reason": "no need"}),
    ("deliver", SIGNER, {}), ("deliver", SIGNER, {"line": ("1=1000",)}), ("accept", CERTIFIER, {}),
    ("accept", CERTIFIER, {"line": ("1=900 litre !short",)}), ("invoice", CERTIFIER, {}),
    ("pay", PAYER, {"payment_ref": "a"}), ("pay", PAYER, {"payment_ref": "b", "amount": "17.25"}),
    ("return-goods", PAYER, {"return_no": "r", "line": ("1=500",)}), ("return-goods", PAYER, {"return_no": "s"}),
    ("receive", PAYER, {}), ("settle", PAYER, {}), ("convert", PAYER, {"reason": "so"}), ("close", PAYER, {}),
    ("dispute", PAYER, {"code": "price", "reason": "dear"}), ("withdraw", SIGNER, {"reason": "no"}),
    ("write-off", "officer:m2:desk", {"authority": "x", "reason": "y"}),
)  # fmt: skip
"""What an officer may try, at any time; most of it is refused."""


def operate(node: SimNode, name: str, actor: str = SIGNER, **fields: Any) -> Any:
    """Do an operation of supply as an officer and return what it came to."""
    return node.do(fx.Operate("supply", name, msgspec.convert(fields, _OPERATIONS[name].asks), actor, ""))


def post(node: SimNode, name: str, actor: str = SIGNER, **fields: Any) -> int:
    """Hand an operation in, whatever comes of it."""
    (number,) = node.post(fx.Operate("supply", name, msgspec.convert(fields, _OPERATIONS[name].asks), actor, ""))
    return number


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


def sign_agreement(*nodes: SimNode) -> None:
    """Let the parties sign the bundled agreement."""
    made = next(each for each in bundled() if each.id == ARRANGEMENT)
    for node in nodes:
        sign_instrument(node, made)


def grant(node: SimNode, partner: str) -> None:
    """State example terms with a partner and give officers their duties."""
    operate(node, "state-terms", MINISTRY, partner=partner, bundled="example")
    for officer, duties in DUTIES.items():
        operate(node, "grant", MINISTRY, partner=partner, officer=officer, duties=duties)


def open_two(india: SimNode, japan: SimNode, rng: Random) -> tuple[str, ...]:
    """Let each side request an order of the other; return their numbers."""
    numbers = (
        draft(japan, "ind", method=rng.choice(("cash", "kind")), currency="INR"),
        draft(india, "jpn", method=rng.choice(("cash", "kind")), currency="JPY"),
    )
    for number, node in zip(numbers, (japan, india), strict=True):
        operate(node, "request", order_no=number)
    return numbers


def to_acceptance(requester: SimNode, provider: SimNode) -> tuple[tuple[SimNode, str, str, dict[str, Any]], ...]:
    """Return who does what to bring a requested order as far as acceptance of all that was agreed."""
    return (
        (provider, "offer", SIGNER, {"price": ("1=71.2535", "2=95")}), (requester, "agree", SIGNER, {}), (provider, "sign", SIGNER, {}),
        (provider, "deliver", SIGNER, {}), (requester, "accept", CERTIFIER, {}),
    )  # fmt: skip


def rows(node: SimNode, tables: tuple[str, ...] = (*CASE.tables, *SUPPLY.tables)) -> list[list[str]]:
    """Return all rows of these tables, sorted."""
    return [sorted(map(repr, node.store.query(f"SELECT * FROM {table}"))) for table in tables]
