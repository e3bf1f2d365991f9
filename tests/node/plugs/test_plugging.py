"""A chart plotter at a plug of ours: what it reads, what stays at home, and that it never holds up the node."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from pyais import IterMessages

from kizuna.domains.maritime.traffic import Traffic
from kizuna.errors import ConfigError
from kizuna.formats.ais import AisReader
from kizuna.node import effects as fx
from kizuna.node.acts.handing import handed
from kizuna.node.domains import DOMAINS
from kizuna.node.held.filling import projections
from kizuna.node.plugs.outlets import MOST_BEHIND_BYTES, Outlet, Outlets
from kizuna.node.plugs.plugging import Tally
from kizuna.node.plugs.recipients import Given
from kizuna.node.settings import parse_settings
from kizuna.storage.sqlite import open_sqlite
from tests.node.plugs.plugged import OWN, START_MS, hear, opened, own_plug, read_until_quiet, until

LOCAL = "127.0.0.1:0"


def sentences(seconds: int = 60, fleet: int = 60) -> list[bytes]:
    traffic = Traffic(5, fleet, START_MS - seconds * 1000)
    return traffic.step(START_MS)


def test_a_chart_reads_what_its_clearance_reaches_and_the_account_says_the_rest(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        datagrams.settimeout(10)
        udp = f"127.0.0.1:{datagrams.getsockname()[1]}"
        plugs = (
            own_plug("chart", "nmea-tcp", address=LOCAL),
            own_plug("radio", "nmea-udp", address=udp),
            own_plug("guest", "nmea-tcp", address=LOCAL, nationality="jpn"),
            own_plug("closed", "nmea-tcp", address=LOCAL, clearance=None),
            own_plug("other", "nmea-tcp", address=LOCAL, purpose="fisheries"),
            own_plug("real", "nmea-tcp", address=LOCAL, simulated=False),
        )
        with opened(tmp_path, plugs) as (node, plugging):
            ports = {status.name: status.port for status in plugging.statuses()}
            chart = socket.create_connection(("127.0.0.1", ports["chart"]))
            guest = socket.create_connection(("127.0.0.1", ports["guest"]))
            until(lambda: sum(status.readers for status in plugging.statuses()) == 2)
            hear(node, sentences())
            shown, shown_guest = read_until_quiet(chart), read_until_quiet(guest)
            first = datagrams.recv(4096)
            node.runner.do(fx.Halt(on=True, actor="officer:1:security", reason="drill")).result(timeout=10)
            hear(node, sentences(90)[:50])
            chart.settimeout(0.5)
            with pytest.raises(TimeoutError):
                chart.recv(1)
            chart.close()
            guest.close()
        by_plug = account(tmp_path)

    reader = AisReader()
    messages = reader.feed(shown)
    assert not reader.counts.rejected
    theirs = list(IterMessages(shown.splitlines()))
    assert len(theirs) == len(messages) > 100
    assert {each.decode().msg_type for each in theirs} <= {1, 5, 18}
    assert all(
        line.startswith(b"\\") and b"s:sim-ind-coast,c:" in line and b",n:" in line for line in shown.splitlines()
    )
    assert AisReader().feed(first)
    own = {message.mmsi for message in messages if hasattr(message, "mmsi")} & OWN
    assert own, "our own chart shows our own ships"
    theirs_own = {message.mmsi for message in AisReader().feed(shown_guest) if hasattr(message, "mmsi")} & OWN
    assert not theirs_own, "a guest's does not: they are releasable to nobody"
    assert by_plug["chart"] == {"permits", "halted"}
    assert by_plug["guest"] == {"permits", "releasability", "halted"}
    assert by_plug["closed"] == {"unset", "halted"}
    assert by_plug["other"] == {"purpose", "halted"}
    assert by_plug["real"] == {"simulated", "halted"}


def account(folder: Path) -> dict[str, set[str]]:
    store = open_sqlite(str(folder / "data" / "journal.sqlite"), projections(DOMAINS))
    try:
        with store.view() as db:
            rows = handed(db)
    finally:
        store.close()
    return {plug: {row.reason for row in rows if row.plug == plug} for plug in {row.plug for row in rows}}


def test_gpsdecode_reads_what_a_chart_reads(tmp_path: Path) -> None:
    if shutil.which("gpsdecode") is None:
        pytest.skip("gpsdecode is not installed: it is in Debian's `gpsd-clients`")
    with (
        opened(tmp_path, (own_plug("chart", "nmea-tcp", address=LOCAL),)) as (node, plugging),
        socket.create_connection(("127.0.0.1", plugging.statuses()[0].port)) as chart,
    ):
        until(lambda: plugging.statuses()[0].readers == 1)
        hear(node, sentences())
        shown = read_until_quiet(chart)
    bare = b"\r\n".join(line.rpartition(b"\\")[2] for line in shown.splitlines()) + b"\r\n"
    said = subprocess.run(["gpsdecode", "-c"], input=bare, capture_output=True, check=True, timeout=30).stdout
    assert len(said.splitlines()) == len(AisReader().feed(shown))


def test_a_reader_that_does_not_keep_up_is_let_go_and_the_others_read_on() -> None:
    outlet = Outlet("chart", "tcp", LOCAL)
    outlets = Outlets([outlet])
    outlets.start()
    try:
        address = ("127.0.0.1", outlet.status().port)
        with socket.socket() as slow, socket.create_connection(address) as quick:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(address)
            until(lambda: outlet.status().readers == 2)
            message, read = b"x" * 65_536, 0
            for _ in range(20 * MOST_BEHIND_BYTES // len(message)):
                outlet.send([message])
                read += len(message)
                while read:
                    read -= len(quick.recv(read))
            until(lambda: outlet.status().let_go == 1)
            assert outlet.status().readers == 1
            assert outlet.status().dropped > 0
    finally:
        outlets.stop()


def test_what_nobody_can_take_is_dropped_and_counted_and_a_shut_outlet_says_why() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outlet = Outlet("chart", "tcp", f"127.0.0.1:{taken.getsockname()[1]}")
        outlets = Outlets([outlet])
        outlets.start()
        outlet.send([b"a", b"b"])
        outlets.stop()
    assert "choose another address" in outlet.status().fault
    assert outlet.status().dropped == 2


def test_an_account_that_could_not_be_journalled_is_counted_again() -> None:
    tally = Tally()
    tally.count("maritime.static-reported.v1", "ind.example.v1:1", Given(permit=False, reason="level"))
    rows = tally.take()
    assert rows == (("maritime.static-reported.v1", "ind.example.v1:1", 0, "level", 1),)
    assert tally.take() == ()
    tally.give_back(rows)
    assert tally.take() == rows


HEAD = 'node = "ind/fusion-delhi"\ndata = "data"\nkeys = "keys"\nhigh_water = "high/marks.json"\n'
GOOD = '[[plugs]]\nname = "chart"\nkind = "nmea-tcp"\nparty = "own"\naddress = "127.0.0.1:10110"\n'


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('"chart"', '"Chart"', 6, "is not a lower-case name of its own"),
        ('"own"', '"ind"', 8, "neither a partner's lower-case name nor `own`"),
        ('"own"', '"jpn"\nclearance = 1', 8, "are of `own` plugs"),
        ('"own"', '"own"\nclearance = 16', 9, "`16` is not between 0 and 15"),
        ('"own"', '"own"\nnationality = "India"', 9, "is not a party's lower-case name"),
        ('"own"', '"own"\nexercise = "malabar"', 9, "cannot say that it is of an exercise"),
        ("127.0.0.1:10110", "0.0.0.0:10110", 9, "is not loopback"),
        ("127.0.0.1:10110", "nowhere", 9, "is not `host:port`"),
        ('address = "127.0.0.1:10110"', 'officer = "gis"', 7, "give `address`"),
    ],
)
def test_a_plug_that_is_not_well_formed_is_told_with_its_line(old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError, match=f"node.toml:{line}: .*{said}"):
        parse_settings((HEAD + GOOD).replace(old, new), "node.toml", Path("/etc/kizuna"))
    settings = parse_settings(HEAD + GOOD, "node.toml", Path("/etc/kizuna"))
    assert settings.plugs[0].unsafe_not_loopback is False
