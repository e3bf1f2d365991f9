"""The command line: `kizuna` and what it can do.

Results go to standard output, one JSON object with `--json`; what went wrong goes to standard error in one sentence, and the exit code says what to
do next.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any

import structlog
import typer
from typer.core import TyperGroup

import kizuna
from kizuna.cli.exits import exit_code
from kizuna.errors import KizunaError

_INTERRUPTED = 130
_OWN = {
    "demo": "demo",
    "init": "init",
    "run": "run",
    "ingest": "ingest",
    "picture": "picture",
    "search": "search",
    "doctor": "doctor",
    "backup": "backup",
    "restore": "backup",
    "partner": "partner",
    "instrument": "instrument",
    "release": "release",
    "channel": "channel",
    "journal": "journal",
    "simulate": "simulate",
    "keys": "keys",
    "token": "token",
    "archive": "archive",
    "ports": "ports",
    "account": "account",
    "plug": "plug",
    "label": "label",
}
"""The commands written by hand: the module under `kizuna.cli` that holds each, as a function of its name or as its `app`."""
_SHARED = {"instrument": "instruments"}
"""Groups that a domain adds its own commands to, and the domain."""


class Commands(TyperGroup):
    """All commands, each brought in when it is named: a start that loads every domain costs a second before it does anything."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 # the library's signature
        """Return the names, those of the domains after those written by hand."""
        from kizuna.cli import domains  # noqa: PLC0415 # loads all domains, which only the list of all commands needs

        return [*_OWN, *(name for name in domains.names() if name not in _SHARED.values())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 # the library's signature, whose types it keeps private
        """Return one command, or nothing where there is none of that name."""
        if cmd_name not in _OWN:
            from kizuna.cli import domains  # noqa: PLC0415 # the same

            return typer.main.get_group(domains.group_of(cmd_name)) if cmd_name in domains.names() else None
        module: Any = import_module(f"kizuna.cli.{_OWN[cmd_name]}")
        if not hasattr(module, "app"):
            alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
            alone.command(cmd_name)(getattr(module, cmd_name))
            return typer.main.get_command(alone)
        if cmd_name in _SHARED:
            from kizuna.cli import domains  # noqa: PLC0415 # the same

            return typer.main.get_group(domains.group_of(_SHARED[cmd_name], module.app))
        return typer.main.get_group(module.app)


app = typer.Typer(
    name="kizuna",
    cls=Commands,
    help="An open cooperation node for defence partnerships.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:  # noqa: FBT001 # the library's signature
    if wanted:
        typer.echo(f"kizuna {kizuna.__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[  # noqa: ARG001 # eager: it has answered before
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """An open cooperation node for defence partnerships."""
    # Results alone go to standard output; `kizuna run` sends its logs where the settings say.
    structlog.configure(logger_factory=lambda *_names: structlog.PrintLogger(sys.stderr))


def main() -> None:
    """Run a command and exit as docs/operations.md says."""
    try:
        app()
    except KizunaError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has gone: nothing more to flush
        sys.exit(0)
