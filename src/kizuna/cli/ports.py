"""`kizuna ports`: the ports and anchorages that this node knows, as a file, and a file of them looked at before the node takes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kizuna.cli.base import CONFIG, Config, Json, emit, group, settings_of, table, write_file
from kizuna.formats import port_list
from kizuna.node.maritime.port_file import form_of, places, ports_of, read_ports

app = group("ports", "The ports and anchorages that voyages begin and end at.")

_MARKING = "public facts, not for navigation"
File = Annotated[Path, typer.Argument(metavar="FILE", help="`.csv`, or `.geojson` or `.json`.")]


@app.command()
def export(
    file: File,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Write the ports that this node knows, its anchorages among them; the file must not be there yet."""
    found = places(ports_of(settings_of(config)))
    write_file(file, port_list.write(form_of(file), found, _MARKING))
    emit({"places": len(found)}, json_wanted=json, lines=[f"{len(found)} places are in `{file}`."])


@app.command()
def check(file: File, *, json: Json = False) -> None:
    """Read a file of ports as the setting `ports` would, and say what it has."""
    found = places(read_ports(file))
    names = sorted({(each.locode, each.name) for each in found})
    counted = f"{len(names)} ports with {len(found)} places: name the file as `ports` in the settings."
    lines = [table("code", "name", rows=names), counted]
    emit({"ports": len(names), "places": len(found)}, json_wanted=json, lines=lines)
