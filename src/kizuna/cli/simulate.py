"""`kizuna simulate`: play partnerships of real nodes through faults, and see whether any promise breaks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import count
from typing import Annotated, Any

import typer

from kizuna.cli.base import Json, emit, progress, table
from kizuna.errors import RefusedError
from kizuna.sim import campaign, crashes, planted
from kizuna.sim.campaign import Tally
from kizuna.sim.scenario import plan

_BROKEN = 1


def simulate(
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="How many seeds, or at most how many for each planted bug.")
    ] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The first one.")] = 0,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="Go on for so long instead.")] = 0,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Processes; 0: one for each core.")] = 0,
    case_count: Annotated[
        int, typer.Option("--crashes", metavar="N", min=0, help="Fail the power under the store N times instead.")
    ] = 0,
    *,
    shrink: Annotated[bool, typer.Option("--shrink", help="Shrink what fails to the acts that it takes.")] = False,
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Plant bugs instead, and see which seeds catch each.")
    ] = False,
    only: Annotated[str, typer.Option("--only", help="With --mutants: those whose name holds this.")] = "",
    json: Json = False,
) -> None:
    """Play partnerships through faults, seed by seed; exit code 1 where a promise breaks."""
    cores = workers or os.cpu_count() or 1
    if mutants:
        _plant(seed, seeds, cores, only, json_wanted=json)
        return
    if case_count:
        _crash(seed, case_count, cores, json_wanted=json)
        return
    chosen = count(seed) if seconds else range(seed, seed + seeds)
    with progress("seeds", json_wanted=json) as tick:
        tally = campaign.run(
            chosen, 1 if len_or(seeds, seconds) == 1 else cores, seconds or None, lambda now: tick(now.seeds, seeds)
        )
    result: dict[str, Any] = tally.as_json()
    lines: list[Any] = list(_lines(tally))
    if shrink and tally.violations:
        result["shrunk"] = shrunk = _shrunk(min(tally.violations))
        lines += [f"seed {shrunk['seed']} shrinks to {len(shrunk['acts'])} acts: {shrunk['violation']}"]
        lines += [f"  at {act['at_ms']} ms, {act['node']}: {act['kind']}" for act in shrunk["acts"]]
    emit(result, json_wanted=json, lines=lines)
    if tally.violations:
        sys.exit(_BROKEN)


def len_or(seeds: int, seconds: float) -> int:
    """Return how many seeds there are to play, as far as that is known: many where time decides."""
    return 1 << 30 if seconds else seeds


def _lines(tally: Tally) -> list[Any]:
    hours = tally.simulated_ms / campaign.HOUR_MS
    lines: list[Any] = [
        f"{tally.seeds} seeds, {hours:.1f} simulated hours, {sum(tally.checks.values())} checks, {len(tally.violations)} failures",
        table("fault", "times", rows=sorted(tally.faults.items())),
        table("checked", "times", rows=sorted(tally.checks.items())),
    ]
    return lines + [f"seed {seed}: {said}" for seed, said in sorted(tally.violations.items())]


def _shrunk(seed: int) -> dict[str, Any]:
    found = campaign.shrink(plan(seed))
    acts = [
        {"at_ms": act.at_ms, "kind": act.kind, "node": act.node, "number": act.number} for act in found.scenario.acts
    ]
    return {"acts": acts, "seed": seed, "violation": found.violation}


def _plant(seed: int, seeds: int, workers: int, only: str, *, json_wanted: bool) -> None:
    chosen = [mutant for mutant in planted.mutants() if only in mutant.name]
    if not chosen:
        raise RefusedError(f"no planted bug has `{only}` in its name: leave --only out to see them all")
    with progress("planted bugs", json_wanted=json_wanted) as tick:
        found = planted.run(chosen, seed, seeds, workers, _counting(tick, len(chosen)))
    rows = [(each.name, "caught" if each.caught else "SURVIVES", each.seeds, each.by) for each in found]
    caught = sum(each.caught for each in found)
    result = {
        "caught": caught,
        "mutants": [{"by": each.by, "caught": each.caught, "name": each.name, "seeds": each.seeds} for each in found],
        "planted": len(found),
    }
    lines = [table("planted bug", "", "seeds", "by", rows=rows), f"{caught} of {len(found)} are caught"]
    emit(result, json_wanted=json_wanted, lines=lines)
    if caught < len(found):
        sys.exit(_BROKEN)


def _counting(tick: Callable[[int, int], None], of: int) -> Callable[[int], None]:
    return lambda done: tick(done, of)


def _crash(seed: int, case_count: int, workers: int, *, json_wanted: bool) -> None:
    with progress("power losses", json_wanted=json_wanted) as tick:
        found = crashes.run(seed, case_count, workers, _counting(tick, case_count))
    result = {"acknowledged": found.acknowledged, "cases": found.cases, "violations": found.violations}
    lines = [
        f"{found.cases} power losses under the store, {found.acknowledged} commits acknowledged before them, {len(found.violations)} failures",
        *found.violations,
    ]
    emit(result, json_wanted=json_wanted, lines=lines)
    if found.violations:
        sys.exit(_BROKEN)
