"""What every command shares: its options, how it prints, how it shows progress, the machine's clock and dice."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from kizuna.errors import ConfigError, RecordError
from kizuna.kernel.marking_policy import MarkingPolicy
from kizuna.node.clock import SystemClock
from kizuna.node.settings import Settings, read_settings
from kizuna.storage.private import write_private

Config = Annotated[Path, typer.Option("--config", "-c", envvar="KIZUNA_CONFIG", help="The node's settings file.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is journalled.")]
CONFIG = Path("node.toml")
CLOCK = SystemClock()
random: Callable[[int], bytes] = os.urandom
Tick = Callable[[int, int], None]
_PIPE_WIDTH = 200


def settings_of(config: Path) -> Settings:
    """Return the settings in a file; see `read_settings`."""
    return read_settings(config)


def policies_of(settings: Settings | None, given: Sequence[Path] = ()) -> dict[str, MarkingPolicy]:
    """Return the marking policies: the bundled ones, those of the settings, and those of given files, by id.

    Raises:
        ConfigError: a file cannot be read.
        RecordError: it is no policy file, or one policy is given twice.
    """
    from kizuna.node.labelling import read_policies  # noqa: PLC0415 # brings XML in, which few commands read

    return read_policies(
        (str(path), read_file(path)) for path in dict.fromkeys((*(settings.policies if settings else ()), *given))
    )


def group(name: str, text: str) -> typer.Typer:
    """Return an empty group of commands."""
    return typer.Typer(name=name, help=text, no_args_is_help=True, rich_markup_mode=None)


def emit(result: dict[str, Any], *, json_wanted: bool, lines: Sequence[Any]) -> None:
    """Print one JSON object, or lines and tables for people."""
    if json_wanted:
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    console = Console(soft_wrap=True, highlight=False, markup=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    for line in lines:
        console.print(line)


def table(*columns: str, rows: Sequence[Sequence[Any]]) -> Table:
    """Return a plain table; names and ids are never cut, the last column wraps."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        made.add_column(column, no_wrap=i < len(columns) - 1, min_width=len(column), overflow="fold")
    for row in rows:
        made.add_row(*(str(cell) for cell in row))
    return made


@contextmanager
def progress(what: str, *, json_wanted: bool = False) -> Iterator[Tick]:
    """Give a function that is told how much is done and how much there is; a bar on a terminal, nothing elsewhere."""
    if json_wanted or not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, of: bars.update(task, completed=done, total=of)


def instant_ms(text: str) -> int:
    """Return the instant, milliseconds UTC, that `2026-09-14`, `2026-09-14T06:30Z` or another ISO 8601 text says; without a zone: UTC.

    Raises:
        RecordError: it says none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RecordError(f"`{text[:40]}` is no instant: write it like `2026-09-14T06:30Z`") from error
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


def shown_instant(at_ms: int) -> str:
    """Return an instant for people, UTC to the second; `never` for 0."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%SZ}" if at_ms else "never"


def read_file(path: Path) -> bytes:
    """Return the bytes of a file that the user names.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}): check the name", where=str(path)) from error


def write_file(path: Path, data: bytes, *, replace: bool = False) -> None:
    """Write a file that the user names, whole or not at all, for its owner alone: it may hold records of any grade.

    Raises:
        ConfigError: it exists and is not to be replaced, or cannot be written.
    """
    if path.exists() and not replace:
        raise ConfigError("exists already: choose another name, nothing was written", where=str(path))
    write_private(path, data)
