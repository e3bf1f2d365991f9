"""The campaign: many seeds, over several processes, and what came of them; a failing one is shrunk to the acts that it takes."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

from kizuna.sim.play import Outcome, play
from kizuna.sim.scenario import Act, Scenario, plan

HOUR_MS = 3_600_000
AGAIN_EVERY = 25
"""One seed of so many is played twice: the trace must be the same (I12)."""
_AT_ONCE = 4


@dataclass
class Tally:
    """What a campaign has come to."""

    seeds: int = 0
    simulated_ms: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    violations: dict[int, str] = field(default_factory=dict)
    """By seed: the first promise that broke."""

    def add(self, outcome: Outcome) -> None:
        """Count a seed's outcome."""
        self.seeds += 1
        self.simulated_ms += outcome.simulated_ms
        self.faults += outcome.faults
        self.checks += outcome.checks
        if outcome.violation:
            self.violations[outcome.scenario.seed] = outcome.violation

    def as_json(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "checks": sum(self.checks.values()),
            "checks_by_invariant": dict(sorted(self.checks.items())),
            "faults": dict(sorted(self.faults.items())),
            "seeds": self.seeds,
            "simulated_hours": round(self.simulated_ms / HOUR_MS, 2),
            "violations": [{"seed": seed, "violation": said} for seed, said in sorted(self.violations.items())],
        }


def run_seed(seed: int) -> Outcome:
    """Play one seed; every so many, twice, with the same trace."""
    outcome = play(plan(seed))
    if seed % AGAIN_EVERY == 0 and not outcome.violation:
        outcome.checks["I12"] += 1
        again = play(plan(seed))
        if again.digest != outcome.digest:
            return Outcome(**(vars(outcome) | {"violation": "I12: the same seed gave another trace"}))
    return outcome


def _run_seeds(seeds: tuple[int, ...]) -> list[Outcome]:
    return [run_seed(seed) for seed in seeds]


def run(
    seeds: Iterable[int], workers: int, seconds: float | None = None, told: Callable[[Tally], None] = lambda _: None
) -> Tally:
    """Play seeds until there are no more, or the time is over; `told` hears of the tally as it grows.

    Args:
        seeds: Which ones, in order.
        workers: How many processes; with one everything runs in this process.
        seconds: After how long no further seed is begun; None sets no end.
        told: Called after each few seeds.
    """
    tally, end = Tally(), None if seconds is None else time.monotonic() + seconds
    remaining = iter(seeds)
    for outcomes in _outcomes(remaining, workers, lambda: end is not None and time.monotonic() >= end):
        for outcome in outcomes:
            tally.add(outcome)
        told(tally)
    return tally


def _outcomes(remaining: Iterator[int], workers: int, over: Callable[[], bool]) -> Iterator[list[Outcome]]:
    if workers == 1:
        while not over() and (batch := tuple(islice(remaining, 1))):
            yield _run_seeds(batch)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        going: set[Future[list[Outcome]]] = set()
        while True:
            while len(going) < 2 * workers and not over() and (batch := tuple(islice(remaining, _AT_ONCE))):
                going.add(pool.submit(_run_seeds, batch))
            if not going:
                return
            done, going = wait(going, return_when=FIRST_COMPLETED)
            for each in done:
                yield each.result()


def shrink(scenario: Scenario, told: Callable[[int], None] = lambda _: None) -> Outcome:
    """Return the outcome of the smallest story found in which the same promise breaks: acts are left out, half of them first, then fewer.

    Each act draws from its own dice, so that what is left stays what it was. Returns the scenario's own outcome where nothing breaks in it.
    """
    outcome = play(scenario)
    broken = outcome.violation.partition(":")[0]
    size = max(1, len(scenario.acts) // 2)
    while broken:
        for acts in _without(outcome.scenario.acts, size):
            tried = play(scenario.only(acts))
            if tried.violation.partition(":")[0] == broken:
                outcome = tried
                told(len(acts))
                break
        else:
            if size == 1:
                break
            size //= 2
    return outcome


def _without(acts: tuple[Act, ...], size: int) -> Iterator[tuple[Act, ...]]:
    for start in range(0, len(acts), size):
        yield acts[:start] + acts[start + size :]
