"""The ports that a node knows: those of a file of its own, else those that are bundled; and the anchorages of its settings beside either."""

from __future__ import annotations

import re
from pathlib import Path

from kizuna.domains.maritime.ports import PORTS
from kizuna.domains.maritime.tracks.voyages import Port
from kizuna.errors import ConfigError, RecordError
from kizuna.formats import port_list
from kizuna.formats.port_list import Form, Place
from kizuna.node.settings import Settings

MOST_BYTES = 8 << 20
_DEGREE = 600_000
_FORMS: dict[str, Form] = {".csv": "csv", ".geojson": "geojson", ".json": "geojson"}
_CODED = re.compile(r"([A-Z]{2}[A-Z2-9]{3}) (.+)").fullmatch
_LINE = re.compile(r"line (\d+)(?:, |: )(.*)", re.DOTALL).fullmatch


def ports_of(settings: Settings) -> tuple[Port, ...]:
    """Return the ports and anchorages that voyages begin and end at.

    Raises:
        ConfigError: the file of ports cannot be read, or is no list of them; the error names file, line and field.
    """
    own = (Port(each.name, round(each.lat * _DEGREE), round(each.lon * _DEGREE)) for each in settings.anchorages)
    return (*(PORTS if settings.ports is None else read_ports(settings.ports)), *own)


def read_ports(path: Path) -> tuple[Port, ...]:
    """Return the ports of a file, CSV or GeoJSON by its ending; see `ports_of`."""
    form = form_of(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(
                f"is larger than {MOST_BYTES >> 20} MiB: leave out what this node does not watch", where=str(path)
            )
        places = port_list.read(form, path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"the list of ports cannot be read ({error.strerror}): check the name", where=str(path)
        ) from error
    except RecordError as error:
        found = _LINE(str(error))
        where, said = (f"{path}:{found[1]}", found[2]) if found else (str(path), str(error))
        raise ConfigError(said, where=where) from error
    return tuple(
        Port(f"{each.locode} {each.name}".strip(), round(each.lat_deg * _DEGREE), round(each.lon_deg * _DEGREE))
        for each in places
    )


def form_of(path: Path) -> Form:
    """Return the form that a file's ending names.

    Raises:
        ConfigError: it names none.
    """
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise ConfigError(f"`{path.suffix}` names no list of ports: use `.csv`, `.geojson` or `.json`", where=str(path))
    return form


def places(ports: tuple[Port, ...]) -> list[Place]:
    """Return ports as a list of them has them: the code that a name begins with apart."""
    found = []
    for each in ports:
        coded = _CODED(each.name)
        code, name = (coded[1], coded[2]) if coded else ("", each.name)
        found.append(Place(code, name, round(each.lat_600000 / _DEGREE, 6), round(each.lon_600000 / _DEGREE, 6)))
    return found
