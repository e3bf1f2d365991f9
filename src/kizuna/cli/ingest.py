"""`kizuna ingest`: AIS sentences from files into a node at rest, or only counted."""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from kizuna.cli.base import CLOCK, CONFIG, Config, Json, Tick, emit, progress, random, settings_of, table
from kizuna.errors import ConfigError, RecordError, RefusedError
from kizuna.formats.opening import chunks
from kizuna.node.service import open_node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kizuna.formats.ais import AisCounts
    from kizuna.node.maritime.warming import Warming

_STDIN = "-"
_MUCH = 1 << 23
"""Bytes from which loading the compiled passes is worth it; less is read before they are ready."""
_PIECE = 1 << 20


def ingest(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="NMEA files: plain, gzip or zstd; `-` reads standard input.")
    ],
    feed: Annotated[
        str,
        typer.Option(
            "--feed", metavar="SOURCE", help="Whose label and receiver the records get; needed where there are several."
        ),
    ] = "",
    config: Config = CONFIG,
    *,
    count_only: Annotated[
        bool, typer.Option("--count-only", help="Count messages and what is set aside; change nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Take recordings of AIS into a node at rest, or only count what is in them.

    A running node takes its traffic from the `[[feeds]]` in its settings.
    """
    result, shown = _counted(files, json_wanted=json) if count_only else _taken_in(files, feed, config)
    emit(result, json_wanted=json, lines=shown)


def _taken_in(files: list[str], name: str, config: Path) -> tuple[dict[str, Any], list[Any]]:
    from kizuna.node.maritime.watch import read_files  # noqa: PLC0415 # Arrow and the decoder are loaded by this command alone

    settings = settings_of(config)
    found = [each for each in settings.feeds if name in ("", each.source)]
    if len(found) != 1:
        names = ", ".join(f"`{each.source}`" for each in settings.feeds) or "none"
        raise RefusedError(f"say with `--feed` which feed's label the records get: the settings have {names}")
    if _STDIN in files:
        raise RefusedError("standard input is only counted: give a file, or run the node with a feed of kind `stdin`")
    for each in files:
        with _told(each):
            _opened(each).close()
    node = open_node(settings, clock=CLOCK, random=random, send=lambda _node, _data: None)
    node.runner.start()
    try:
        statuses = read_files(node, found[0], [Path(each) for each in files], CLOCK)
    finally:
        node.close()
    rejected: Counter[str] = Counter()
    by_type: Counter[int] = Counter()
    for status in statuses:
        rejected += Counter(status.rejected)
        by_type += Counter(status.messages_by_type)
    result: dict[str, Any] = {
        "messages_by_type": {str(kind): by_type[kind] for kind in sorted(by_type)},
        "positions": sum(status.positions for status in statuses),
        "rejected": dict(sorted(rejected.items())),
        "sentences": sum(status.sentences for status in statuses),
        "statics": sum(status.statics for status in statuses),
    }
    told = f"{result['sentences']} sentences: {result['positions']} positions and {result['statics']} static reports are journalled."
    return result, [told, table("set aside", "count", rows=sorted(rejected.items()))]


def _counted(files: list[str], *, json_wanted: bool) -> tuple[dict[str, Any], list[Any]]:
    by_type: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    rejected: Counter[str] = Counter()
    lines = 0
    total = sum(Path(name).stat().st_size for name in files if Path(name).is_file())
    from kizuna.node.maritime.warming import Warming  # noqa: PLC0415 # the decoder takes long to load, and other commands need none

    warming = Warming()
    if total >= _MUCH:
        warming.begin()
    with progress("reading", json_wanted=json_wanted) as tick:
        for name in files:
            counts = _count(name, warming, tick, total)
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
    return result, shown


def _count(name: str, warming: Warming, tick: Tick, total: int) -> AisCounts:
    from kizuna.formats.ais_columns import ColumnReader  # noqa: PLC0415 # as above

    reader = ColumnReader(warming.passes, worth_bytes=_MUCH)
    try:
        with _told(name), _opened(name) as file:
            for chunk in _pieces(chunks(file)):
                reader.feed(chunk)
                if file.seekable():
                    tick(file.tell(), total)
    except RecordError as error:
        raise RecordError(f"`{name}`: {error}") from error
    reader.close()
    return reader.counts


def _pieces(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield chunks joined to the size of which the decoder reads most in a second, the first ones as they are."""
    held: list[bytes] = []
    size = read = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= min(_PIECE, read + 1):
            yield b"".join(held)
            read += size
            held, size = [], 0
    yield b"".join(held)


def _opened(name: str) -> BinaryIO:
    with _told(name):
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb") if name == _STDIN else Path(name).open("rb")


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Say of a file that cannot be read, or closed, which one it is."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}): check the name", where=name) from error
