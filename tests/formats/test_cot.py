"""Cursor on Target: what we write is one well-formed event, whatever a ship calls itself."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.formats.cot import Event, event_xml, vessel_type


def event(**more: object) -> Event:
    told = {
        "uid": "kizuna.mmsi.419000001", "type": "a-u-S", "at_ms": 0, "sent_ms": 1, "stale_ms": 2, "lat_deg": 1.5, "lon_deg": 103.25,
        "callsign": "SAGAR", "access": "ind.example.v1:1", "caveat": "", "releasable_to": "jpn",
    }  # fmt: skip
    return Event(**(told | more))  # type: ignore[arg-type] # fields of several kinds


@given(st.text(max_size=600), st.integers(), st.floats(-90, 90), st.floats(-180, 180), st.text(max_size=30))
def test_any_name_makes_a_well_formed_event(name: str, at_ms: int, lat: float, lon: float, exercise: str) -> None:
    made = event_xml(
        event(callsign=name, remarks=name, caveat=name, at_ms=at_ms, lat_deg=lat, lon_deg=lon, exercise=exercise)
    )
    root = ET.fromstring(made)  # noqa: S314 # our own
    assert made.count(b"</event>") == 1
    assert root.tag == "event"
    assert abs(float(root.find("point").get("lat", "")) - lat) < 1e-6  # type: ignore[union-attr] # it has one


@pytest.mark.parametrize("more", [{"uid": "a b"}, {"uid": ""}, {"lat_deg": 91.0}, {"lon_deg": float("nan")}])
def test_what_is_no_vessel_on_earth_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(RecordError):
        event_xml(event(**more))


@given(st.sampled_from(["own", "partner", "vessel"]), st.none() | st.integers())
def test_no_ship_is_ever_hostile(standing: str, ship_type: int | None) -> None:
    made = vessel_type(standing, ship_type)  # type: ignore[arg-type] # one of the three
    assert made.split("-")[:3] in (["a", "f", "S"], ["a", "a", "S"], ["a", "u", "S"])
    assert vessel_type("vessel", 70) == "a-u-S-X-M"
    assert vessel_type("vessel", 30) == "a-u-S-X-F"
    assert vessel_type("vessel", 35) == "a-u-S", "what says that it is a warship says not whose"
