"""`kizuna archive`: positions of a node at rest as files for other programs, where traffic is dense, and what events they show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import to_builtins
from msgspec.structs import replace

from kizuna.cli.base import (
    CLOCK,
    CONFIG,
    Config,
    Json,
    emit,
    group,
    instant_ms,
    random,
    settings_of,
    shown_instant,
)
from kizuna.cli.base import table as shown
from kizuna.cli.picture import box_of
from kizuna.errors import ConfigError, RefusedError
from kizuna.kernel.intervals import DAY_MS
from kizuna.node.service import open_node
from kizuna.storage.private import PRIVATE

if TYPE_CHECKING:
    import pyarrow as pa

    from kizuna.domains.maritime.events.model import Event
    from kizuna.node.maritime.archives import Archives
    from kizuna.node.maritime.picture import LivePicture
    from kizuna.node.service import Node
    from kizuna.storage.positions import Box

app = group("archive", "Positions as files for other programs, where traffic is dense, and what events they show.")

_DEGREE = 600_000
_FORMS = ("parquet", "geoparquet", "csv", "geojson", "mf-json")
_MOST_CELLS = 20
_SOURCE_KINDS = ("live", "recorded", "simulated")
From = Annotated[
    str, typer.Option("--from", metavar="INSTANT", help="Only from this instant on, such as `2026-09-14`.")
]
To = Annotated[str, typer.Option("--to", metavar="INSTANT", help="Only before this instant.")]
InBox = Annotated[str, typer.Option("--box", metavar="S,W,N,E", help="Only this box of degrees, such as `5,80,23,95`.")]
Vessels = Annotated[list[int], typer.Option("--mmsi", help="Only this vessel; may be given again.")]
Simulated = Annotated[
    bool, typer.Option("--simulated", help="Made-up traffic instead of the real one; they never mix.")
]


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write; it must not be there yet.")],
    form: Annotated[str, typer.Option(help=f"What to write: {', '.join(_FORMS)}.")] = "parquet",
    begin: From = "1970-01-01",
    end: To = "9999-12-31",
    box: InBox = "",
    mmsi: Vessels = [],  # noqa: B006 # Typer takes the default apart and changes nothing
    config: Config = CONFIG,
    *,
    simulated: Simulated = False,
    json: Json = False,
) -> None:
    """Write positions, own and partners', for use inside this party: a file carries no label, and its owner alone may read it."""
    from kizuna.formats.positions_out import FORMS, write  # noqa: PLC0415 # Arrow is loaded by this command alone

    chosen = next((each for each in FORMS if each == form), None)
    if chosen is None:
        raise RefusedError(f"`{form}` is no form of file: choose one of {', '.join(f'`{each}`' for each in FORMS)}")
    with _archives(config) as archives:
        parts = archives.select(instant_ms(begin), instant_ms(end), box=_box(box), mmsi=mmsi, simulated=simulated)
        try:
            file.touch(mode=PRIVATE, exist_ok=False)
            with file.open("wb") as sink:
                count = write(chosen, parts, sink)
        except FileExistsError as error:
            raise ConfigError("is there already: choose another name or remove it", where=str(file)) from error
        except OSError as error:
            raise ConfigError(f"cannot be written ({error.strerror})", where=str(file)) from error
    emit({"form": form, "positions": count}, json_wanted=json, lines=[f"{count} positions are in `{file}`."])


@app.command()
def density(
    step: Annotated[float, typer.Option(help="Degrees from one line of the grid to the next.")] = 1.0,
    begin: From = "1970-01-01",
    end: To = "9999-12-31",
    box: InBox = "",
    config: Config = CONFIG,
    *,
    simulated: Simulated = False,
    json: Json = False,
) -> None:
    """Show where traffic is dense: positions and vessels in each cell of a grid."""
    from kizuna.storage.archive_views import density as cells_of  # noqa: PLC0415 # Arrow is loaded by this command alone

    with _archives(config) as archives:
        parts = archives.select(instant_ms(begin), instant_ms(end), box=_box(box), simulated=simulated)
        cells = cells_of(parts, round(step * _DEGREE))
    found = _cells(cells)
    most = sorted(found, key=lambda cell: -cell[2])[:_MOST_CELLS]
    result = {
        "cells": [dict(zip(("south_deg", "west_deg", "positions", "vessels"), cell, strict=True)) for cell in found]
    }
    lines = [
        shown("south", "west", "positions", "vessels", rows=most),
        f"The {len(most)} densest of {len(found)} cells.",
    ]
    emit(result, json_wanted=json, lines=lines)


@app.command()
def retain(
    config: Config = CONFIG,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would end now, and by which rule.")
    ] = False,
    json: Json = False,
) -> None:
    """End the positions whose time has passed, and clear the archive of all that was withdrawn, as a running node does by itself."""
    from kizuna.node.maritime.clearing import Clearing  # noqa: PLC0415 # Arrow is loaded by these commands alone
    from kizuna.node.maritime.watch import open_ageing  # noqa: PLC0415 # the same

    with _picture(config) as (node, picture):
        ageing = open_ageing(node, picture, Clearing(node.store, picture), CLOCK)
        found = list(ageing.due())
        if not dry_run:
            node.runner.observe(picture.observe)
            node.runner.start()
            picture.start()
            try:
                ageing.once()
            finally:
                picture.stop()
    ends: list[dict[str, Any]] = [
        {
            "party": each.ending.party, "source_kind": each.ending.source_kind, "source": each.ending.source, "rule": each.ending.rule,
            "batches": len(each.ending.records), "positions": each.rows,
            "days": [shown_instant(day * DAY_MS)[:10] for day in each.days],
        }
        for each in found
    ]  # fmt: skip
    rows = [
        (
            *(end[name] for name in ("party", "source_kind", "source", "batches", "positions")),
            _span(end["days"]),
            end["rule"],
        )
        for end in ends
    ]
    count = sum(each.rows for each in found)
    counted = f"{count} positions {'would end' if dry_run else 'have ended'}."
    lines = [shown("party", "kind", "source", "batches", "positions", "days", "rule", rows=rows), counted]
    emit({"ended": not dry_run, "ends": ends}, json_wanted=json, lines=lines if ends else ["Nothing is to end now."])


def _span(days: list[str]) -> str:
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""


@app.command()
def events(
    begin: From = "1970-01-01",
    end: To = "9999-12-31",
    source_kind: Annotated[
        str, typer.Option("--sources", help=f"Which of our sources: {', '.join(_SOURCE_KINDS)}; they never mix.")
    ] = "live",
    master: Annotated[
        str,
        typer.Option(
            "--spark",
            metavar="MASTER",
            help="Search on Spark at this master, such as `local[*]` or `spark://host:7077`; without it in this process.",
        ),
    ] = "",
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Show the events that our own positions hold by the rules of this node; nothing is said or journalled."""
    if source_kind not in _SOURCE_KINDS:
        raise RefusedError(f"`{source_kind}` is no kind of source: choose one of {', '.join(_SOURCE_KINDS)}")
    found = _events(config, source_kind, (instant_ms(begin), instant_ms(end)), master)
    rows = [
        (each.kind, ", ".join(map(str, each.mmsi)), shown_instant(each.from_ms), _until(each), each.place or each.what)
        for each in found
    ]
    counted = f"{len(found)} events by `{found[0].threshold_set_id}`." if found else "No event is found."
    lines = [shown("what", "vessels", "from", "to", "", rows=rows), counted] if found else [counted]
    emit({"events": to_builtins(found)}, json_wanted=json, lines=lines)


def _events(config: Path, source_kind: str, span_ms: tuple[int, int], master: str) -> tuple[Event, ...]:
    from kizuna.node.maritime.drawings import FILE, Drawings  # noqa: PLC0415 # this command alone searches
    from kizuna.node.maritime.event_search import Here, Period, search  # noqa: PLC0415 # the same
    from kizuna.node.maritime.spark import spark  # noqa: PLC0415 # the same
    from kizuna.node.maritime.watch import areas_of_rules, rules_of  # noqa: PLC0415 # the same

    with _at_rest(config) as (node, archives):
        settings = node.settings
        rules = rules_of(settings)
        rules = replace(rules, areas=rules.areas + areas_of_rules(node, Drawings(settings.data / FILE)))
        period = Period(node.identity.party, source_kind, *span_ms)
        keys = period.keys(archives)
        if not master:
            return search(Here(archives, keys, period), node.store, keys, period, rules, CLOCK.now_ms())
        with spark(master, archives, keys, period) as engine:
            return search(engine, node.store, keys, period, rules, CLOCK.now_ms())


def _until(event: Event) -> str:
    return "" if event.to_ms is None else shown_instant(event.to_ms)


def _cells(cells: pa.Table) -> list[tuple[float, float, int, int]]:
    return [
        (south / _DEGREE, west / _DEGREE, rows, vessels)
        for south, west, rows, vessels in zip(*(column.to_pylist() for column in cells.columns), strict=True)
    ]


def _box(text: str) -> Box | None:
    from kizuna.storage.positions import Box  # noqa: PLC0415 # Arrow is loaded by these commands alone

    return Box(*(round(edge * _DEGREE) for edge in box_of(text))) if text else None


@contextmanager
def _archives(config: Path) -> Iterator[Archives]:
    with _at_rest(config) as (_node, archives):
        yield archives


@contextmanager
def _at_rest(config: Path) -> Iterator[tuple[Node, Archives]]:
    """Yield a node at rest and its archives, with all that is journalled and without what was withdrawn."""
    from kizuna.node.maritime.clearing import Clearing  # noqa: PLC0415 # Arrow is loaded by these commands alone

    with _picture(config) as (node, picture):
        picture.rebuild()
        Clearing(node.store, picture).once()
        yield node, picture.archives


@contextmanager
def _picture(config: Path) -> Iterator[tuple[Node, LivePicture]]:
    from kizuna.node.maritime.watch import open_picture  # noqa: PLC0415 # Arrow is loaded by these commands alone

    node = open_node(settings_of(config), clock=CLOCK, random=random, send=lambda _node, _data: None)
    try:
        yield node, open_picture(node, CLOCK)
    finally:
        node.close()
