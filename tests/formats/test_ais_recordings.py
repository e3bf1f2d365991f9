"""The real recordings go through with the message counts of `pyais`, type for type."""

import os
from collections import Counter
from pathlib import Path

import pytest
from pyais.exceptions import AISBaseException
from pyais.stream import FileReaderStream

from kizuna.formats.ais import DEGREE, AisMessage, AisReader
from kizuna.formats.nmea import REASONS

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("KIZUNA_SHARED", ROOT.parent / "shared"))
if not SHARED.exists():
    SHARED = ROOT.parents[1] / "shared"
NMEA = SHARED / "data" / "ais" / "nmea"
FILES = sorted(NMEA.iterdir()) if NMEA.is_dir() else []

pytestmark = pytest.mark.skipif(not FILES, reason="the shared recordings are not here (KIZUNA_SHARED)")

CHECKSUM_FAILED = {"pyais_sample.ais": {1: 1}}
"""The one difference: this line of the sample has no checksum; `pyais` counts it, we set it aside and count
it there."""


def read(path: Path, chunk: int = 4096) -> tuple[AisReader, list[AisMessage]]:
    reader = AisReader()
    data = path.read_bytes()
    items = [item for i in range(0, len(data), chunk) for item in reader.feed(data[i : i + chunk])]
    items += reader.close()
    return reader, [item for item in items if isinstance(item, AisMessage)]


def count_with_pyais(path: Path) -> Counter[int]:
    counts: Counter[int] = Counter()
    with FileReaderStream(path) as stream:
        for sentence in stream:
            try:
                counts[sentence.decode().msg_type] += 1
            except AISBaseException:
                continue
    return counts


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_counts_equal_pyais_type_for_type(path: Path) -> None:
    counts = read(path)[0].counts
    assert counts.readable_by_type() == count_with_pyais(path)
    assert counts.checksum_failed_by_type == CHECKSUM_FAILED.get(path.name, {})
    assert set(counts.rejected) <= REASONS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_positions_equal_pyais_exactly(path: Path) -> None:
    ours = [m.position for m in read(path)[1] if m.msg_type in (1, 2, 3, 18) and m.position is not None]
    with FileReaderStream(path) as stream:
        sentences = list(stream)
    wanted = [s for s in sentences if s.ais_id in (1, 2, 3, 18) and len(s.bv) >= 137 and b"*" in s.raw]
    theirs = [sentence.decode() for sentence in wanted]
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        assert our.mmsi == their.mmsi
        if our.lon_600000 is None or our.lat_600000 is None:
            assert abs(their.lon) > 180 or abs(their.lat) > 90
            continue
        assert round(our.lon_600000 / DEGREE, 6) == pytest.approx(their.lon, abs=1e-6)
        assert round(our.lat_600000 / DEGREE, 6) == pytest.approx(their.lat, abs=1e-6)
        assert (102.3 if our.speed_dkn is None else our.speed_dkn / 10) == their.speed
        assert our.heading_deg is None or our.heading_deg == their.heading
        if our.course_ddeg is not None:
            assert our.course_ddeg / 10 == their.course


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_static_data_equals_pyais(path: Path) -> None:
    ours = [m.static for m in read(path)[1] if m.msg_type == 5]
    theirs = []
    with FileReaderStream(path) as stream:
        theirs = [sentence.decode() for sentence in stream if sentence.ais_id == 5]
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        if our is None:
            assert their.draught is None or their.destination is None
            continue
        names = (their.shipname or None, their.callsign or None, their.destination or None)
        assert (our.name, our.callsign, our.destination) == names
        assert (our.imo_no or 0) == their.imo
        # `pyais` folds the reserved ship types of a group into one, or into 0
        assert int(their.ship_type) // 10 in (0, (our.ship_type or 0) // 10)
        assert (our.length_m or 0) == their.to_bow + their.to_stern
        assert (our.draught_dm or 0) == round(their.draught * 10)


@pytest.mark.parametrize("chunk", [1, 7, 61])
def test_chunk_borders_change_nothing(chunk: int) -> None:
    path = NMEA / "norwegian.raw"
    assert read(path, chunk)[1] == read(path, 1 << 20)[1]


def test_every_kind_of_receive_time_is_read() -> None:
    gatehouse = read(NMEA / "dma_aislib_stream_example.txt")[1]
    assert gatehouse[0].received_ms == 1276256771390
    assert sum(m.received_ms is None for m in gatehouse) == 0
    suffix = read(NMEA / "noaadata_test.ais")[1]
    assert suffix[0].received_ms == 1152921693000
    assert suffix[0].position is not None
    assert suffix[0].position.station == "r003669987"
    tagged = read(NMEA / "gfw_nmea-with-tagblock.txt")[1]
    assert sum(m.received_ms is None for m in tagged) == 0
    assert sum(m.received_ms is None for m in read(NMEA / "gfw_nmea.txt")[1]) == 4628
