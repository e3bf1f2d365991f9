"""AIS as JSON over a WebSocket: what was on the air is read exactly, whatever else comes is set aside by reason."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.formats.ais import AisMessage
from kizuna.formats.ais_stream import MAX_MESSAGE_BYTES, TYPES, StreamReader, read_message, subscription
from kizuna.formats.nmea import REASONS, Rejected

META = {"MMSI": 419000001, "ShipName": "SAGAR", "time_utc": "2026-09-14 06:30:15.318353 +0000 UTC"}
AT_MS = 1_789_367_415_318
POSITION = {
    "Cog": 308.2, "Latitude": 66.02695, "Longitude": -12.253821, "MessageID": 3, "NavigationalStatus": 15, "Sog": 10.1,
    "TrueHeading": 511, "UserID": 419000001, "Valid": True,
}  # fmt: skip
STATIC = {
    "CallSign": "ATAA  ", "Destination": "KOCHI@@", "Dimension": {"A": 100, "B": 20, "C": 10, "D": 8}, "ImoNumber": 9074729,
    "MaximumStaticDraught": 7.5, "Name": "SAGAR", "Type": 70, "UserID": 419000001, "Valid": True,
}  # fmt: skip


def message(kind: str, said: Any, meta: Any = None) -> bytes:
    return json.dumps(
        {"MessageType": kind, "MetaData": META if meta is None else meta, "Message": {kind: said}}
    ).encode()


def test_positions_and_statics_are_read_as_they_were_on_the_air() -> None:
    found = read_message(message("PositionReport", POSITION))
    assert isinstance(found, AisMessage)
    report = found.position
    assert report is not None
    assert (report.msg_type, report.received_ms) == (3, AT_MS)
    assert (report.lat_600000, report.lon_600000) == (39_616_170, -7_352_293)
    assert (report.speed_dkn, report.course_ddeg, report.heading_deg, report.nav_status) == (101, 3082, None, None)
    said = read_message(message("ShipStaticData", STATIC))
    assert isinstance(said, AisMessage)
    assert said.static is not None
    assert (said.static.name, said.static.callsign, said.static.destination) == ("SAGAR", "ATAA", "KOCHI")
    assert (said.static.length_m, said.static.beam_m, said.static.draught_dm, said.static.imo_no) == (
        120,
        18,
        75,
        9074729,
    )
    part = {
        "PartNumber": True,
        "ReportA": {"Valid": False, "Name": "X"},
        "ReportB": {"Valid": True, "ShipType": 37},
        "UserID": 1,
    }
    both = read_message(message("StaticDataReport", part))
    assert isinstance(both, AisMessage)
    assert both.static is not None
    assert (both.static.name, both.static.ship_type) == (None, 37)
    nowhere = read_message(
        message("StandardClassBPositionReport", POSITION | {"Latitude": 91, "Longitude": 181, "Sog": 102.3, "Cog": 360})
    )
    assert isinstance(nowhere, AisMessage)
    assert nowhere.position is not None
    assert (nowhere.position.lat_600000, nowhere.position.speed_dkn, nowhere.position.course_ddeg) == (None, None, None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{}", "malformed"), (b"[" * 100_000, "too-long"), (b"[" * 60_000, "malformed"), (b'{"error": "Api Key Is Not Valid"}', "malformed"),
        (message("SafetyBroadcastMessage", {}), "unsupported-type"), (message("PositionReport", POSITION | {"Valid": False}), "payload"),
        (message("PositionReport", POSITION | {"UserID": 2**30}), "payload"), (message("PositionReport", [1]), "payload"),
        (message("PositionReport", POSITION | {"UserID": True}), "payload"), (b"x" * (MAX_MESSAGE_BYTES + 1), "too-long"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_set_aside(line: bytes, reason: str) -> None:
    found = read_message(line)
    assert isinstance(found, Rejected)
    assert (found.reason, reason in REASONS) == (reason, True)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*POSITION, *STATIC, "ReportA"]), inner),
    max_leaves=12,
)  # fmt: skip


@given(st.sampled_from(sorted(TYPES)), VALUES | st.dictionaries(st.sampled_from([*POSITION, *STATIC]), VALUES), VALUES)
def test_any_message_is_read_or_set_aside_within_ranges(kind: str, said: Any, meta: Any) -> None:
    if isinstance(said, dict):
        said = {"UserID": 7} | said
    reader = StreamReader()
    columns = reader.feed(message(kind, said, meta if isinstance(meta, dict) else {"time_utc": meta}) + b"\n")
    assert columns.positions.num_rows + columns.statics.num_rows + len(columns.rejected) >= 1
    assert reader.counts.lines == 1


@given(st.lists(st.integers(1, 400), max_size=8), st.binary(max_size=50))
def test_borders_of_chunks_change_nothing(cuts: list[int], noise: bytes) -> None:
    data = message("PositionReport", POSITION) + b"\n" + noise + b"\n" + message("ShipStaticData", STATIC) + b"\n"
    whole, cut = StreamReader(), StreamReader()
    rows = whole.feed(data).positions.num_rows
    at = found = 0
    for size in [*cuts, len(data)]:
        found += cut.feed(data[at : at + size]).positions.num_rows
        at += size
    cut.close()
    assert (found, cut.counts) == (rows, whole.counts)


def test_a_line_without_end_is_dropped_once_and_a_subscription_names_its_boxes() -> None:
    reader = StreamReader()
    assert [each.reason for each in reader.feed(b"x" * (MAX_MESSAGE_BYTES + 1)).rejected] == ["too-long"]
    assert reader.feed(b"y" * (MAX_MESSAGE_BYTES + 1)).rejected == []
    assert reader.feed(b"z\n" + message("PositionReport", POSITION) + b"\n").positions.num_rows == 1
    said = json.loads(subscription("k", [(1.0, 2.0, 3.0, 4.0)]))
    assert (said["APIKey"], said["BoundingBoxes"]) == ("k", [[[1.0, 2.0], [3.0, 4.0]]])
    assert json.loads(subscription("", []))["BoundingBoxes"] == [[[-90.0, -180.0], [90.0, 180.0]]]
