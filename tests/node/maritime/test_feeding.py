"""Feeds through a real node: every transport, real recordings, nothing lost when it stops, bad sentences kept aside."""

from __future__ import annotations

import gzip
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyais.exceptions import AISBaseException
from pyais.stream import FileReaderStream

from kizuna.domains.maritime import queries
from kizuna.domains.maritime.traffic import Traffic
from kizuna.errors import ConfigError
from kizuna.formats.ais import AisCounts, AisReader
from kizuna.node.keys import keyfiles
from kizuna.node.maritime import intake as intakes
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.feeding import REJECTED_BYTES, REJECTED_FILES, Feeding, RejectedFiles, example_label
from kizuna.node.maritime.intake import AHEAD_MS, STATIC_AGAIN_MS, Intake
from kizuna.node.maritime.picture import LivePicture
from kizuna.node.maritime.sources import Feed, host_and_port
from kizuna.node.maritime.watch import Watch, areas_of, open_watch
from kizuna.node.sea_settings import Area
from kizuna.node.service import Node, open_node
from kizuna.node.settings import Feed as FeedSettings
from kizuna.node.settings import LabelSettings, Settings

START_MS = 1_790_000_000_000
LABEL = example_label("ind", ["jpn"])
BAD = b"!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*00\n"


class Clock:
    """Runs with real time from a fixed start."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def now_ms(self) -> int:
        return START_MS + round((time.monotonic() - self._began) * 1000)

    def in_doubt(self) -> bool:
        return False


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    root = keyfiles.create_root(tmp_path / "root.key", os.urandom)
    keyfiles.create_keys(tmp_path / "keys", "ind/fusion-delhi", [], root, START_MS, os.urandom)
    high_water = tmp_path / "high-water" / "marks.json"
    return Settings(node="ind/fusion-delhi", data=tmp_path / "data", keys=tmp_path / "keys", high_water=high_water)


@pytest.fixture
def node(settings: Settings) -> Iterator[Node]:
    made = open_node(settings, clock=Clock(), random=os.urandom, send=lambda _node, _data: None)
    made.runner.start()
    yield made
    made.close()


def feed(kind: Any, **more: Any) -> Feed:
    return Feed(name="feed", source="coast", label=LABEL, kind=kind, **more)


def feeding(node: Node, *feeds: Feed, own_units: frozenset[int] = frozenset()) -> Feeding:
    made = Feeding(
        node.runner,
        feeds,
        own_units=own_units,
        clock=Clock(),
        rejected=RejectedFiles(node.settings.data / "rejected"),
    )
    made.start()
    return made


def watching(node: Node, folder: str = "positions") -> LivePicture:
    return LivePicture(node.store, node.blobs, Archives(node.settings.data / folder), "ind", Clock())


def held(node: Node) -> int:
    with node.store.view() as db:
        return sum(row.row_count or 0 for row in queries.batches(db))


def until(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come about in ten seconds")


def sentences(seconds: int = 10) -> list[bytes]:
    return Traffic(5, 60, START_MS).step(START_MS + seconds * 1000)


# --- transports ---------------------------------------------------------------------------------------------------------------------


def read_whole(path: Path) -> AisCounts:
    reader = AisReader()
    reader.feed(path.read_bytes())
    reader.close()
    return reader.counts


def free_port(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_packed_file_is_read_to_its_end(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "sample.gz"
    path.write_bytes(gzip.compress(b"".join(sentences()) + BAD))
    made = feeding(node, feed("file", path=str(path), source_kind="simulated"))
    assert made.join(30)
    (status,) = made.statuses()
    assert (status.state, status.rejected) == ("ended", {"checksum": 1})
    assert held(node) == status.positions > 0
    lines = (node.settings.data / "rejected" / "rejected-0.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["checksum"]


def test_a_tcp_server_is_read_and_connected_to_again(node: Node) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = feeding(node, feed("tcp", address=f"127.0.0.1:{server.getsockname()[1]}"))
        lines = sentences()
        half = len(lines) // 2
        for part in (lines[:half], lines[half:]):
            connection, _ = server.accept()
            connection.sendall(b"".join(part))
            connection.close()
        until(lambda: made.statuses()[0].sentences == len(lines))
    made.stop()
    assert held(node) == made.statuses()[0].positions > 0


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_clients_of_our_tcp_server_do_not_mix_their_lines(node: Node) -> None:
    port = free_port(socket.SOCK_STREAM)
    made = feeding(node, feed("tcp-server", address=f"127.0.0.1:{port}"))
    until(lambda: listens(port))
    lines = sentences()
    with socket.create_connection(("127.0.0.1", port)) as one, socket.create_connection(("127.0.0.1", port)) as other:
        for line in lines:
            for client in (one, other):
                client.sendall(line[:20])
            for client in (one, other):
                client.sendall(line[20:])
        until(lambda: made.statuses()[0].sentences == 2 * len(lines))
    made.stop()
    assert made.statuses()[0].rejected == {}


def test_datagrams_may_lack_a_line_end(node: Node) -> None:
    port = free_port(socket.SOCK_DGRAM)
    made = feeding(node, feed("udp", address=f"127.0.0.1:{port}"))
    line = next(each for each in sentences() if b"AIVDM,1,1" in each).rstrip()

    def heard() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(line, ("127.0.0.1", port))
        return made.statuses()[0].positions > 3

    until(heard)
    made.stop()
    assert held(node) == made.statuses()[0].positions


def test_a_feed_that_cannot_be_read_stops_alone(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "good"
    path.write_bytes(b"".join(sentences()))
    missing = Feed(name="missing", source="a", label=LABEL, kind="file", path=str(tmp_path / "no"))
    made = feeding(node, missing, feed("file", path=str(path)))
    assert made.join(30)
    assert set(made.faults) == {"missing"}
    assert isinstance(made.faults["missing"], ConfigError)
    assert held(node) > 0


@pytest.mark.parametrize("address", ["", "host", "host:", "host:port", "host:65536"])
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(ConfigError, match="host:port"):
        host_and_port(address)
    assert host_and_port("[::1]:80") == ("::1", 80)


# --- recordings ---------------------------------------------------------------------------------------------------------------------


def test_recordings_give_the_counts_of_pyais_and_every_position_is_held(node: Node, shared_dir: Path) -> None:
    names = ("gfw_nmea-with-tagblock.txt", "norwegian.raw", "dma_aislib_stream_example.txt")
    picture = watching(node)
    for name in names:
        path = shared_dir / "data" / "ais" / "nmea" / name
        made = feeding(
            node, Feed(name="f", source=name, label=LABEL, kind="file", path=str(path), source_kind="recorded")
        )
        assert made.join(60)
        theirs: Counter[int] = Counter()
        with FileReaderStream(path) as stream:
            for sentence in stream:
                try:
                    theirs[sentence.decode().msg_type] += 1
                except AISBaseException:
                    continue
        (status,) = made.statuses()
        assert status.messages_by_type == dict(theirs) == dict(read_whole(path).readable_by_type())
        picture.catch_up()
        key = ArchiveKey("ind", "recorded", name)
        assert picture.archives.read(key, 0, 2**53).num_rows == status.positions
    vessels, total = picture.vessels()
    assert total == len(vessels) > 0
    assert not any(row.simulated for row in vessels)


# --- the intake ---------------------------------------------------------------------------------------------------------------------


def test_a_receive_time_in_our_future_is_not_believed() -> None:
    made = Intake(feed("tcp"), frozenset(), START_MS)
    lines = Traffic(5, 30, START_MS + 2 * AHEAD_MS).step(START_MS + 2 * AHEAD_MS + 10_000)
    made.take(0, b"".join(lines), START_MS)
    said = made.flush(START_MS)
    assert made.status(START_MS).times_replaced > 0
    windows = {(each.body.window_from_ms, each.body.window_to_ms) for each in said if each.blobs}  # type: ignore[attr-defined] # batches
    assert windows == {(START_MS, START_MS + 1)}


def test_static_data_are_said_when_they_change_or_grow_old() -> None:
    made = Intake(feed("tcp"), frozenset(), START_MS)
    traffic = Traffic(5, 30, START_MS)
    said = 0
    for second in range(0, 3 * STATIC_AGAIN_MS // 1000, 10):
        now_ms = START_MS + second * 1000
        made.take(0, b"".join(traffic.step(now_ms)), now_ms)
        said += sum(each.type == "maritime.static-reported.v1" for each in made.flush(now_ms))
    assert said == made.status(0).statics
    # each ship tells it every six minutes: said the first time, then once in ten minutes or the next time after
    ships = len({ship.mmsi for ship in traffic.fleet})
    assert ships < said <= 4 * ships


def test_live_windows_are_at_most_a_second_and_a_backlog_is_not_live() -> None:
    made = Intake(feed("tcp"), frozenset(), START_MS)
    now_ms = START_MS + 600_000
    made.take(0, b"".join(Traffic(5, 30, START_MS).step(now_ms)), now_ms)
    spans = [
        (each.body.window_from_ms, each.body.window_to_ms)  # type: ignore[attr-defined] # batches
        for each in made.flush(now_ms)
        if each.blobs
    ]
    live = [(a, b) for a, b in spans if a >= now_ms - intakes.BACKLOG_MS]
    assert len(live) > 10
    assert all(b - a <= 1_000 for a, b in live)
    assert len(spans) - len(live) == 1


def test_rejected_files_are_few_and_bounded(tmp_path: Path) -> None:
    kept = RejectedFiles(tmp_path)
    bad = intakes.Rejected("malformed", b"\xff" * 1000)
    for _ in range(8):
        kept.keep("coast", [bad] * 500, 1)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == REJECTED_FILES
    assert max(sizes) < 3 * REJECTED_BYTES


# --- the watch ----------------------------------------------------------------------------------------------------------------------


def watched(settings: Settings, path: Path) -> Settings:
    mark = LabelSettings(
        policy="ind.example.v1", classification=0, releasable_to=("jpn",), purposes=("search-and-rescue",)
    )
    made = FeedSettings(source="history", receiver="coast", kind="file", path=path, simulated=True, label=mark)
    values = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return Settings(
        **(values | {"feeds": (made,), "areas": (Area(name="strait", south=1, west=102, north=4, east=104),)})
    )


def test_a_watch_follows_its_node_and_remembers(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b"".join(Traffic(6, 150, START_MS).history(8)))
    settings = watched(settings, path)
    shown = []
    for _ in range(2):
        node = open_node(settings, clock=Clock(), random=os.urandom, send=lambda _node, _data: None)
        node.runner.start()
        watch = open_watch(node, Clock())
        changed: list[int] = []
        watch.picture.listen(lambda rows, changed=changed: changed.extend(row.mmsi for row in rows), lambda: True)  # type: ignore[misc] # bound now
        if not shown:
            start_and_settle(watch, node)
            assert changed
            assert watch.detecting is not None
            watch.detecting.once()  # on a slow machine its own thread has looked before
            assert node.store.query("SELECT COUNT(*) FROM maritime_event")[0][0]
            assert watch.detecting.once() == []
        else:
            watch.picture.start()
        shown.append(watch.picture.vessels())
        watch.stop()
        node.close()
    assert shown[0] == shown[1]
    assert shown[0][1] > 100
    assert {row.source for row in shown[0][0] if row.at_ms is not None} == {"coast"}


def start_and_settle(watch: Watch, node: Node) -> None:
    watch.start()
    assert watch.feeding.join(60)
    assert watch.picture.wait(node.store.head().seq, 30)


def test_an_area_over_180_degrees_is_two_of_one_name() -> None:
    east, west = areas_of(Area(name="date line", south=0, west=170, north=10, east=-170))
    assert east.id == west.id == "date line"
    assert {lon for _, lon in east.points} == {170 * 600_000, 180 * 600_000}
    assert {lon for _, lon in west.points} == {-180 * 600_000, -170 * 600_000}


def test_feeds_that_were_never_started_open_nothing_and_stop(node: Node) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    made = Feeding(node.runner, [feed("stdin")], own_units=frozenset(), clock=Clock())
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    made.stop()
    assert not made.faults
