"""The campaign: a short one, on every check; and that it would notice, replays and shrinks."""

from __future__ import annotations

import json
import sys
from importlib import util
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kizuna.cli.main import app
from kizuna.kernel import merkle
from kizuna.kernel.merkle import Tree
from kizuna.node.held import tables
from kizuna.sim import acts, campaign, planted, scenario
from kizuna.sim.play import play
from kizuna.sim.scenario import plan

SEEDS = 40
QUICK = ("disclose every fact", "skip the grade", "drop an fsync", "post one side alone")


def simulated(*arguments: str, code: int = 0) -> dict[str, object]:
    done = CliRunner().invoke(app, ["simulate", "--json", *arguments])
    assert done.exit_code == code, done.output
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_promise_breaks_in_a_short_campaign() -> None:
    found = simulated("--seeds", str(SEEDS))
    assert found["violations"] == []
    assert found["seeds"] == SEEDS
    assert found["faults"].keys() >= {"power", "cut", "restore", "rotate", "lie", "message-lost"}  # type: ignore[attr-defined] # JSON
    checked = {
        "I1",
        "I2",
        "I3",
        "I4",
        "I5",
        "I6",
        "I7",
        "I8",
        "I9",
        "I10",
        "I11",
        "I12",
        "I13",
        "rebuild",
        "ledgers",
        "cases",
    }
    assert found["checks_by_invariant"].keys() == checked  # type: ignore[attr-defined] # JSON


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_promise_breaks_where_logs_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tiles of two leaves and sixteen kept the logs of a seed are what hours make of them: most proofs open an old tile."""
    for name, value in (("TILE_HEIGHT", 1), ("TILE_LEAVES", 2), ("KEPT_LEAVES", 16)):
        monkeypatch.setattr(merkle, name, value)
    monkeypatch.setattr(tables, "TILE_LEAVES", 2)
    opened: list[int] = []
    tile = Tree._tile

    def noted(tree: Tree, number: int) -> Tree:
        opened.append(number)
        return tile(tree, number)

    monkeypatch.setattr(Tree, "_tile", noted)
    assert [(seed, found.violation) for seed in range(25) if (found := play(plan(seed))).violation] == []
    assert len(opened) > 100


def test_the_same_seed_plays_the_same_story() -> None:
    first, second = (play(plan(7)) for _ in range(2))
    assert first == second


def test_every_act_is_drawn_and_done_by_one_name() -> None:
    assert acts.ACTS.keys() == scenario.WEIGHTS.keys()
    assert {act.kind for seed in range(400) for act in plan(seed).acts} == acts.ACTS.keys()


def test_every_planted_bug_stands_once_in_its_module() -> None:
    found = planted.mutants()
    assert len({mutant.name for mutant in found}) == len(found) >= 30
    for mutant in found:
        spec = util.find_spec(mutant.module)
        assert spec is not None
        assert spec.origin is not None
        compile(mutant.planted(Path(spec.origin).read_text(encoding="utf-8")), spec.origin, "exec")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_planted_bugs_are_caught_by_seeds() -> None:
    chosen = [mutant for mutant in planted.mutants() if mutant.name in QUICK]
    assert [each.name for each in planted.run(chosen, 0, 60, 2) if not each.caught] == []


def test_a_failing_seed_shrinks_to_the_acts_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "kizuna.kernel.clause.barred_by_grade", lambda _clause, grade: "" if grade else "no-equivalence"
    )
    for module in ("kizuna.kernel.release", "kizuna.kernel.clause"):
        monkeypatch.setattr(
            sys.modules[module], "barred_by_grade", lambda _clause, grade: "" if grade else "no-equivalence"
        )
    failing = next(seed for seed in range(10) if play(plan(seed)).violation)
    found = campaign.shrink(plan(failing))
    assert found.violation
    assert len(found.scenario.acts) <= 3
    assert play(found.scenario) == found
