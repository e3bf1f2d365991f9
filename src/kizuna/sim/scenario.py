"""What happens in one seed: who takes part, in what weather, and which acts and faults befall them when.

A scenario is plain data made from its seed alone. Each act draws from its own seeded dice, so that one can be left out and the others stay
what they were: that is what lets a failing seed shrink.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

INDIA, JAPAN, AUSTRALIA, FRANCE = "ind/delhi", "jpn/yokosuka", "aus/perth", "fra/brest"
"""Japan is the partner of the three others; France, where it takes part, lies."""

WEIGHTS = {
    "say": 40, "withdraw": 5, "courier": 8, "order": 12, "power": 6, "crash": 2, "relapse": 1, "pause": 2, "full": 2, "disk-error": 2, "cut": 3,
    "one-way": 2, "weather": 2, "skew": 2, "leap": 1, "rotate": 2, "revoke": 1, "suspend": 1, "amend": 1, "halt": 1, "restore": 2, "join": 0,
    "lie": 12, "truth": 6, "flood": 1, "drain": 1, "ask": 5, "answers": 2, "fork": 0,
}  # fmt: skip
"""How often each act is drawn; those of weight 0 are placed by `plan` alone."""

FAULTS = frozenset(WEIGHTS) - {"say", "withdraw", "order", "truth", "join"}
_OF_LIARS = frozenset({"lie", "truth", "flood", "drain", "ask", "answers", "fork"})
_ONCE = frozenset({"suspend", "amend", "restore", "leap"})


@dataclass(frozen=True)
class Act:
    """One thing that is done, or befalls a node, `at_ms` after the storm began."""

    number: int
    at_ms: int
    kind: str
    node: str


@dataclass(frozen=True)
class Scenario:
    """One seed's story. `third` says how the third partner is reached: not at all, `wire` or `bundle`."""

    seed: int
    third: str
    joins_late: bool
    liar: bool
    orders: bool
    loss: float
    twice: float
    delay_ms: tuple[int, int]
    storm_ms: int
    acts: tuple[Act, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        """The honest nodes that take part."""
        return (INDIA, JAPAN, AUSTRALIA) if self.third else (INDIA, JAPAN)

    def only(self, acts: tuple[Act, ...]) -> Scenario:
        """Return the same story with these acts alone."""
        return replace(self, acts=acts)


def plan(seed: int) -> Scenario:
    """Return the story of a seed."""
    rng = Random(f"{seed}/plan")  # noqa: S311 # a simulation repeats itself
    third = rng.choice(("", "", "wire", "bundle"))
    made = Scenario(
        seed=seed,
        third=third,
        joins_late=bool(third) and rng.random() < 0.5,  # noqa: PLR2004 # an even chance
        liar=rng.random() < 0.55,  # noqa: PLR2004 # a little more often than not
        orders=rng.random() < 0.2,  # noqa: PLR2004 # orders take long to simulate
        loss=rng.choice((0.0, 0.02, 0.1, 0.3)),
        twice=rng.choice((0.0, 0.1, 0.5)),
        delay_ms=(1, rng.choice((40, 400, 2_000, 30_000))),
        storm_ms=rng.choice((20_000, 60_000, 120_000)),
        acts=(),
    )
    return made.only(_acts(made, rng))


def _acts(made: Scenario, rng: Random) -> tuple[Act, ...]:
    barred = set() if made.liar else set(_OF_LIARS)
    barred |= set() if made.third == "bundle" else {"courier"}
    barred |= {"leap"} if made.orders else {"order"}  # an order's days are judged by the clock
    weights = {kind: 0.0 if kind in barred else float(weight) for kind, weight in WEIGHTS.items()}
    for kind in sorted(FAULTS):  # each seed has its own mixture, so that rare ones meet
        weights[kind] *= rng.choice((0, 0.5, 1, 3))
    kinds = sorted(weights)
    drawn = rng.choices(kinds, [weights[kind] for kind in kinds], k=rng.randint(25, 70))
    forks = made.liar and "restore" not in drawn and rng.random() < 0.4  # noqa: PLR2004 # a fork ends the liar's part
    times = sorted(rng.randrange(made.storm_ms) for _ in drawn)
    placed: list[tuple[int, str]] = []
    seen: set[str] = set()
    for at_ms, kind in zip(times, drawn, strict=True):
        if kind in _ONCE and kind in seen:
            continue
        seen.add(kind)
        placed.append((at_ms, kind))
    if made.joins_late:
        placed.append((made.storm_ms // 3, "join"))
    if forks:
        placed.append((made.storm_ms, "fork"))
    placed.sort()
    return tuple(Act(number, at_ms, kind, rng.choice(made.nodes)) for number, (at_ms, kind) in enumerate(placed))
