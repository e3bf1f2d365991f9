"""Pure code decides, the shell acts: nothing below the node reaches for a clock, dice, the network or the disk."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Of the node, the rooms that decide, and what its state machine is made of; the shell around them is what acts.
PURE = (
    "kernel", "domains", "node/acts", "node/channel", "node/held", "node/core.py", "node/effects.py", "node/offering.py",
    "node/maritime/intake.py", "node/plugs/forms.py", "node/plugs/recipients.py",
)  # fmt: skip
FORBIDDEN_MODULES = frozenset({
    "asyncio", "multiprocessing", "os", "queue", "random", "secrets", "select", "shutil", "signal",
    "socket", "ssl", "subprocess", "tempfile", "threading", "time", "uuid",
})  # fmt: skip
FORBIDDEN_CALLS = frozenset({"now", "utcnow", "today"})  # of `datetime` and `date`
FORBIDDEN_BUILTINS = frozenset({"open", "print", "input"})


def pure_files() -> list[Path]:
    """Return the source files that must be pure."""
    source = ROOT / "src" / "kizuna"
    found = [source / name for name in PURE]
    return sorted({f for path in found for f in ([path] if path.is_file() else path.rglob("*.py"))})


def breaches(text: str) -> Iterator[str]:
    """Yield what in the source `text` reaches outside, with its line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "random" and _names(node) == {"Random"}:
            names = []  # a seeded generator is a function of its seed; one without a seed is caught below
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            names = []
        yield from (f"{node.lineno}: imports {n}" for n in names if n.split(".")[0] in FORBIDDEN_MODULES)
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=called) if called in FORBIDDEN_CALLS:
                yield f"{node.lineno}: asks for {called}()"
            case ast.Name(id=called) if called in FORBIDDEN_BUILTINS:
                yield f"{node.lineno}: calls {called}()"
            case ast.Name(id="Random") if not node.args or ast.unparse(node.args[0]) == "None":
                yield f"{node.lineno}: throws dice without a seed"


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import os.path",
        "from random import choice",
        "from random import Random, choice",
        "from random import SystemRandom",
        "import random",
        "Random()",
        "Random(None)",
        "def f():\n    import socket",
        "datetime.now(UTC)",
        "open('x')",
    ],
)
def test_a_reach_outside_is_seen(source: str) -> None:
    assert list(breaches(source))


@pytest.mark.parametrize(
    "source",
    [
        "from . import time",
        "import datetime",
        "clock.now()",
        "node.random(32)",
        "from random import Random",
        "Random(7)",
    ],
)
def test_what_is_passed_in_is_not_a_reach_outside(source: str) -> None:
    assert not list(breaches(source))


@pytest.mark.parametrize("path", pure_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_pure_code_reaches_for_nothing(path: Path) -> None:
    assert not list(breaches(path.read_text(encoding="utf-8")))
