"""The command line as a whole: every command is there, and naming one does not bring in what others need."""

from __future__ import annotations

import subprocess
import sys

import pytest
import structlog
import typer

from kizuna.cli.domains import names
from kizuna.cli.main import app
from tests.cli.conftest import Kizuna


def test_each_listed_command_is_there_and_no_other() -> None:
    root = typer.main.get_command(app)
    context = typer.Context(root)
    listed = root.list_commands(context)  # type: ignore[attr-defined] # a group, as `cls` says
    assert len(listed) == len(set(listed))
    assert set(names()) - {"instruments"} <= set(listed)
    for name in listed:
        assert root.get_command(context, name).help, name  # type: ignore[attr-defined] # the same
    assert root.get_command(context, "nonsense") is None  # type: ignore[attr-defined] # the same


def test_what_a_node_logs_during_a_command_is_no_result(kizuna: Kizuna, capsys: pytest.CaptureFixture[str]) -> None:
    """Else a warning would stand before the JSON object that a program waits for."""
    assert kizuna("token", "--help").code == 0
    structlog.get_logger("kizuna.test").warning("feed waits")
    shown = capsys.readouterr()
    assert (shown.out, "feed waits" in shown.err) == ("", True)


def test_a_command_does_not_bring_in_what_it_does_not_need() -> None:
    script = "import sys; from kizuna.cli.main import app; app(['partner', '--help'], standalone_mode=False); print(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    brought = set(done.stdout.rpartition("\n\n")[2].split())
    assert "kizuna.cli.partner" in brought
    assert not brought & {"pyais", "numba", "litestar", "kizuna.cli.demo", "kizuna.cli.domains"}
