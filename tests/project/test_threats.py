"""The threat model names, for each threat, tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
ROWS = [line for line in MODEL.splitlines() if re.match(r"\| \d+ \|", line)]
NAMED = re.compile(r"`(tests/[a-z_/]+\.py)::(test_\w+)`")


@cache
def names_in(name: str) -> frozenset[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_each_threat_names_tests_that_exist(row: str) -> None:
    *_, who, can, stopped, shown, _ = row.split("|")
    assert all(part.strip() for part in (who, can, stopped))
    named = NAMED.findall(shown)
    assert named, "a threat without a test is not stopped: say so below the table"
    assert len(named) == shown.count("::")
    for file, test in named:
        assert test in names_in(file), f"`{file}` has no `{test}`"


def test_every_test_that_the_model_names_exists() -> None:
    missing = [f"{file}::{test}" for file, test in NAMED.findall(MODEL) if test not in names_in(file)]
    assert not missing


def test_the_rows_are_numbered_one_after_the_other() -> None:
    assert [int(row.split("|")[1]) for row in ROWS] == list(range(1, len(ROWS) + 1))


def test_a_test_that_is_not_there_is_seen() -> None:
    assert "test_a_test_that_is_not_there_is_seen" in names_in("tests/project/test_threats.py")
    assert "test_of_nothing" not in names_in("tests/project/test_threats.py")
