"""India and Japan on two simulated nodes, under the bundled example rules of one of their instruments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kizuna.kernel.domain import Domain
from kizuna.kernel.label import Grade
from kizuna.kernel.operation import Asked, Desk, Query, Wanted
from kizuna.node import effects as fx
from kizuna.node.channel.treaties import bundled
from kizuna.node.held.holders import holdings
from kizuna.sim.federation import Federation, SimNode
from tests.sim.world import sign_instrument

INDIA, JAPAN = "ind/delhi", "jpn/yokosuka"


def partners(seed: int | str, domains: Sequence[Domain], *instruments: str) -> tuple[Federation, SimNode, SimNode]:
    """Return two nodes between which the named bundled instruments are in force."""
    federation = Federation(seed)
    india, japan = (federation.add(name, domains, grade=Grade(f"{name[:3]}.example.v1", 0)) for name in (INDIA, JAPAN))
    federation.introduce(india, japan)
    for made in bundled():
        if made.id in instruments:
            for node in (india, japan):
                sign_instrument(node, made)
    federation.run(10_000)
    return federation, india, japan


def operate(node: SimNode, command: str, asked: Asked, actor: str, second: str = "") -> Any:
    """Do `domain operation` as an officer; raises what refused it."""
    domain, _, name = command.partition(" ")
    return node.do(fx.Operate(domain, name, asked, actor, second))


def shown(node: SimNode, domain: Domain, name: str, asked: Wanted | None = None) -> Any:
    """Return what a query shows at a node."""
    query: Query = next(each for each in domain.queries if each.name == name)
    with node.store.view() as db:
        desk = Desk(
            db=db, now_ms=node.now_ms, party=node.identity.party, actor="officer:1:desk", kinds=node.core.world.kinds,
            random=node.rng.randbytes, holdings=holdings,
        )  # fmt: skip
        return query.run(desk, asked if asked is not None else query.asks())


def tables(node: SimNode, *domains: Domain) -> list[Any]:
    """Return all rows of the domains' tables."""
    return [sorted(map(repr, node.store.query(f"SELECT * FROM {name}"))) for each in domains for name in each.tables]
