"""`kizuna ingest`: AIS sentences from files and pipes, counted."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from kizuna.cli.base import Json, Tick, emit, progress, table
from kizuna.errors import ConfigError, RecordError
from kizuna.formats.opening import chunks

if TYPE_CHECKING:
    from kizuna.formats.ais import AisCounts

_STDIN = "-"


def ingest(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="NMEA files: plain, gzip or zstd; `-` reads standard input.")
    ],
    *,
    count_only: Annotated[
        bool, typer.Option("--count-only", help="Count messages and what is set aside; change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Read AIS sentences: count the messages by type, and what is set aside by reason.

    Without --count-only a node takes its traffic from the `[[feeds]]` in its settings.
    """
    if not count_only:
        raise typer.BadParameter("give --count-only; a running node reads the `[[feeds]]` of its settings")
    by_type: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    rejected: Counter[str] = Counter()
    lines = 0
    total = sum(Path(name).stat().st_size for name in files if Path(name).is_file())
    with progress("reading", json_wanted=json) as tick:
        for name in files:
            counts = _count(name, tick, total)
            by_type += counts.readable_by_type()
            failed += counts.checksum_failed_by_type
            rejected += counts.rejected
            lines += counts.lines
    result: dict[str, Any] = {
        "checksum_failed_by_type": {str(kind): failed[kind] for kind in sorted(failed)},
        "lines": lines,
        "messages_by_type": {str(kind): by_type[kind] for kind in sorted(by_type)},
        "rejected": {reason: rejected[reason] for reason in sorted(rejected)},
    }
    shown = [
        table("type", "messages", rows=sorted(by_type.items())),
        table("set aside", "count", rows=sorted(rejected.items())),
        f"{by_type.total()} messages, {rejected.total()} set aside, in {lines} lines.",
    ]
    emit(result, json_wanted=json, lines=shown)


def _count(name: str, tick: Tick, total: int) -> AisCounts:
    from kizuna.formats.ais import AisReader  # noqa: PLC0415 # the decoder takes long to load, and other commands need none

    reader = AisReader()
    try:
        with _opened(name) as file:
            for chunk in chunks(file):
                reader.feed(chunk)
                if file.seekable():
                    tick(file.tell(), total)
    except RecordError as error:
        raise RecordError(f"`{name}`: {error}") from error
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}): check the name", where=name) from error
    reader.close()
    return reader.counts


def _opened(name: str) -> BinaryIO:
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb") if name == _STDIN else Path(name).open("rb")
