"""The command line: `kizuna` and what it can do.

Results go to standard output, one JSON object with `--json`; what went wrong goes to standard error in one sentence, and the exit code says what to
do next.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import kizuna
from kizuna.cli import (
    account,
    archive,
    backup,
    channel,
    demo,
    doctor,
    domains,
    ingest,
    init,
    instrument,
    journal,
    keys,
    partner,
    picture,
    release,
    run,
    token,
)
from kizuna.cli.exits import exit_code
from kizuna.errors import KizunaError
from kizuna.node.domains import DOMAINS

_INTERRUPTED = 130

app = typer.Typer(
    name="kizuna",
    help="An open cooperation node for defence partnerships.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(init.init)
app.command()(run.run)
app.command()(ingest.ingest)
app.command()(picture.picture)
app.command()(doctor.doctor)
app.command()(backup.backup)
app.command()(backup.restore)
for part in (partner, instrument, release, channel, journal, keys, token, archive, account):
    app.add_typer(part.app)
domains.attach(app, DOMAINS, {"instruments": instrument.app})


def _version(wanted: bool) -> None:  # noqa: FBT001 # the library's signature
    if wanted:
        typer.echo(f"kizuna {kizuna.__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """An open cooperation node for defence partnerships."""


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
