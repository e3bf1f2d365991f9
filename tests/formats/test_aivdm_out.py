"""What we send reads back as it was, by our reader and by `pyais`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyais import decode as pyais_decode

from kizuna.errors import RecordError
from kizuna.formats.ais import AisMessage, AisReader
from kizuna.formats.aivdm_out import Fix, position_a, position_b, sentences, static_a, static_b

MMSI = st.integers(100_000_000, 999_999_999)
LON = st.none() | st.integers(-180 * 600_000, 180 * 600_000)
LAT = st.integers(-90 * 600_000, 90 * 600_000)
TEXT = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-/ ", max_size=20).map(str.strip)


def read(lines: list[bytes]) -> AisMessage:
    (message,) = AisReader().feed(b"".join(lines))
    assert isinstance(message, AisMessage)
    return message


@given(
    MMSI,
    LON,
    LAT,
    st.none() | st.integers(0, 1022),
    st.none() | st.integers(0, 3599),
    st.none() | st.integers(0, 359),
    st.none() | st.integers(0, 14),
    st.sampled_from([1, 18]),
)
def test_positions_read_back_exactly(
    mmsi: int,
    lon: int | None,
    lat: int,
    speed: int | None,
    course: int | None,
    heading: int | None,
    status: int | None,
    msg_type: int,
) -> None:
    known = {
        "mmsi": mmsi,
        "lon_600000": lon,
        "lat_600000": None if lon is None else lat,
        "speed_dkn": speed,
        "course_ddeg": course,
        "heading_deg": heading,
    }
    if msg_type == 1:
        payload = position_a(Fix(**known, second=17), status)
    else:
        payload, status = position_b(Fix(**known, second=17)), None
    lines = sentences(payload, received_ms=1_700_000_000_017, station="sim")
    report = read(lines).position
    assert report is not None
    assert {name: getattr(report, name) for name in known} == known
    assert (report.nav_status, report.received_ms, report.station) == (status, 1_700_000_000_017, "sim")
    theirs = pyais_decode(lines[0].strip(), error_if_checksum_invalid=True)
    assert (theirs.mmsi, theirs.msg_type) == (mmsi, msg_type)


@given(MMSI, TEXT, TEXT, st.integers(1, 99), st.integers(2, 500), st.integers(2, 60), st.integers(0, 255))
def test_static_data_reads_back(
    mmsi: int, name: str, destination: str, ship_type: int, length: int, beam: int, draught: int
) -> None:
    payload = static_a(
        mmsi=mmsi,
        imo_no=None,
        callsign="8ABC",
        name=name,
        ship_type=ship_type,
        length_m=length,
        beam_m=beam,
        draught_dm=draught,
        destination=destination,
    )
    lines = sentences(payload, sequence=13, received_ms=1_700_000_000_000, station="sim")
    assert len(lines) == 2
    assert all(len(line.rpartition(b"\\")[2]) <= 82 for line in lines)
    report = read(lines).static
    assert report is not None
    assert (report.name or "", report.destination or "") == (name, destination)
    assert (report.length_m, report.beam_m, report.draught_dm or 0) == (length, beam, draught)
    assert report.eta is None
    theirs = pyais_decode(*[line.strip() for line in lines], error_if_checksum_invalid=True)
    assert (theirs.shipname, theirs.callsign) == (name, "8ABC")


def test_class_b_static_data_comes_in_two_parts() -> None:
    part_a, part_b = static_b(mmsi=525_000_001, name="LAUT BIRU", callsign="YB1", ship_type=30, length_m=21, beam_m=5)
    first, second = read(sentences(part_a)).static, read(sentences(part_b)).static
    assert first is not None
    assert second is not None
    assert (first.name, first.ship_type, second.name, second.ship_type) == ("LAUT BIRU", None, None, 30)
    assert (second.callsign, second.length_m, second.beam_m) == ("YB1", 21, 5)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RecordError, match="six-bit alphabet"):
        static_b(mmsi=1, name="été", callsign="", ship_type=0, length_m=0, beam_m=0)
    with pytest.raises(RecordError, match="does not fit"):
        static_b(mmsi=1, name="", callsign="", ship_type=0, length_m=5000, beam_m=0)
