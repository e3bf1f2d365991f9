"""How fast sentences become signed, durable records, beside `pyais` decoding alone, and how fast positions reach a partner's journal.

Sentences are simulated, with TAG blocks. Positions cross between two nodes in this process: cut by cell, signed, decided and filtered by chunk
under the example rules, pulled, every signature and blob verified, durable in SQLite and blob files at both ends.
"""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyais.stream import FileReaderStream

from kizuna.domains import instruments
from kizuna.domains.instruments.records import VersionSigned
from kizuna.domains.maritime.operations import cut_batches
from kizuna.domains.maritime.records import RECORDS
from kizuna.domains.maritime.traffic import Traffic
from kizuna.formats.ais import AisReader
from kizuna.formats.positions_arrow import SCHEMA, from_columns
from kizuna.kernel import canonical, instrument, keys, sign
from kizuna.kernel.bundle import sealing_public
from kizuna.kernel.instrument_file import load_partnership
from kizuna.node import effects as fx
from kizuna.node.channel.world import Sources
from kizuna.node.core import Core
from kizuna.node.domains import DOMAINS
from kizuna.node.held.facts import Identity
from kizuna.node.held.filling import projections
from kizuna.node.maritime.feeding import Feeding, drafts, example_label
from kizuna.node.maritime.sources import Feed
from kizuna.node.runner import Runner, Shell
from kizuna.storage.blobs import Blobs
from kizuna.storage.sqlite import SqliteStore, open_sqlite

VESSELS = 1500
HOURS = 3.0
BATCHES = 12
ROWS = 50_000
NAVIES = "ind-jpn-2018-navy-implementing-arrangement"
DEGREE = 600_000
MEASURED = ("ind/delhi", "jpn/yokosuka")


class Clock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def in_doubt(self) -> bool:
        """Return that it is trusted."""
        return False


class Marks:
    """High-water marks in memory."""

    def __init__(self) -> None:
        self.held: dict[str, fx.Mark] = {}

    def raise_to(self, channel: str, epoch: int, size: int, root: bytes) -> None:
        """Keep a mark."""
        self.held[channel] = fx.Mark(channel, epoch, size, root)


@dataclass
class Bench:
    """One node of the bench, on real files."""

    identity: Identity
    root: sign.SigningKey
    store: SqliteStore
    runner: Runner

    def do(self, command: fx.Command) -> Any:
        """Return the reply to a command."""
        return self.runner.do(command).result(60)

    def card(self) -> bytes:
        """Return what the other enrols."""
        address = f"bench://{self.identity.node}"
        made = keys.Card(
            address=address, certificate_pem="", keyset=self.identity.keyset, root=canonical.b64(self.root.public)
        )
        return canonical.encode(made)

    def close(self) -> None:
        """Stop."""
        self.runner.stop()
        self.store.close()


def identity_of(name: str, root: sign.SigningKey) -> Identity:
    held = {purpose: sign.SigningKey(os.urandom(32), purpose) for purpose in keys.NODE_PURPOSES}
    seal = os.urandom(32)
    keyset = keys.KeySet(
        keys=keys.public_keys({str(purpose): key for purpose, key in held.items()}),
        made_at_ms=Clock().now_ms(),
        node=name,
        party=name.partition("/")[0],
        seal=canonical.b64(sealing_public(seal)),
        tls_sha256="",
        version=1,
    )
    return Identity(name, {str(p): k for p, k in held.items()}, seal, keys.certify(keyset, root), root.public)


def open_bench(name: str, folder: Path, others: dict[str, Bench]) -> Bench:
    """Return a node whose requests are handed to the other in this process."""
    folder.mkdir(parents=True)
    root = sign.SigningKey(os.urandom(32), sign.Purpose.ROOT)
    identity = identity_of(name, root)
    store = open_sqlite(str(folder / "journal"), projections(DOMAINS))
    blobs, marks = Blobs(folder / "blobs"), Marks()

    def send(node: str, data: bytes) -> None:
        def answered(reply: Future[bytes]) -> None:
            if reply.cancelled() or reply.exception() is not None:
                others[name].runner.unreachable(node)
            else:
                others[name].runner.answered(node, reply.result())

        others[node].runner.message(name, data).add_done_callback(answered)

    core = Core(identity, Sources(store, blobs, os.urandom, marks.held.get), DOMAINS)
    made = Bench(identity, root, store, Runner(core, Shell(store, blobs, marks, Clock(), send)))
    others[name] = made
    made.runner.start()
    return made


def arrange(one: Bench, other: Bench) -> None:
    """Enrol the two at each other and have both sign the bundled arrangement."""
    folder = Path(instruments.__file__).parent / "bundled" / "india-japan"
    files = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))]
    known = {name: frozenset(kind.__struct_fields__) for name, kind in RECORDS.items()}
    made = next(each for each in load_partnership(files, known) if each.id == NAVIES)
    one.do(fx.Enrol(other.card(), "officer:1:liaison"))
    other.do(fx.Enrol(one.card(), "officer:1:liaison"))
    for node in (one, other):
        party = node.identity.party
        node.do(fx.LoadInstrument(canonical.encode(made), "officer:1:desk"))
        envelope = instrument.sign_version(made, party, Clock().now_ms(), node.root)
        body = VersionSigned(
            instrument=made.id,
            version=instrument.version_of(made),
            envelope=canonical.encode(envelope).decode(),
        )
        mark = example_label(party, made.parties)
        node.do(fx.Say((fx.Draft("instruments.version-signed.v1", body, mark, "officer:1:desk", closed=True),)))
    wait_for(other, "SELECT COUNT(*) FROM record WHERE own = 0", 1)
    wait_for(one, "SELECT COUNT(*) FROM record WHERE own = 0", 1)
    time.sleep(5)  # nothing is released in the seconds around the moment of signing


def wait_for(node: Bench, sql: str, least: int) -> None:
    for _ in range(60_000):
        if node.store.query(sql)[0][0] >= least:
            return
        time.sleep(0.002)
    raise TimeoutError(sql)


# --- sentences ----------------------------------------------------------------------------------------------------------------------


def sentences(path: Path) -> int:
    """Write the file that is read; return how many lines it has."""
    lines = Traffic(1, VESSELS, Clock().now_ms() - 60_000).history(HOURS)
    path.write_bytes(b"".join(lines))
    return len(lines)


def timed_pyais(path: Path) -> float:
    start = time.perf_counter()
    with FileReaderStream(path) as stream:
        for sentence in stream:
            sentence.decode()
    return time.perf_counter() - start


def timed_decode(path: Path) -> float:
    reader = AisReader()
    start = time.perf_counter()
    data = path.read_bytes()
    for at in range(0, len(data), 1 << 16):
        reader.feed(data[at : at + (1 << 16)])
    return time.perf_counter() - start


def timed_ingest(node: Bench, path: Path) -> float:
    mark = example_label(node.identity.party, ["ind", "jpn"])
    feed = Feed(name="bench", source="bench", label=mark, kind="file", path=str(path), source_kind="simulated")
    feeding = Feeding(node.runner, [feed], own_units=frozenset(), clock=Clock())
    start = time.perf_counter()
    feeding.start()
    assert feeding.join(300)
    taken = time.perf_counter() - start
    assert not feeding.faults
    return taken


# --- positions ----------------------------------------------------------------------------------------------------------------------


def positions(number: int, rng: np.random.Generator) -> pa.Table:
    """Return rows of one second in the Bay of Bengal and the Malacca Strait, about one in eight outside the agreed waters."""
    corner = rng.integers(0, 40, ROWS)
    columns: dict[str, Any] = {
        "time_ms": Clock().now_ms() // 1000 * 1000 - number * 1000 + rng.integers(0, 1000, ROWS),
        "mmsi": rng.integers(200_000_000, 780_000_000, ROWS),
        "lat_600000": (6 + corner // 8) * DEGREE + rng.integers(0, DEGREE, ROWS),
        "lon_600000": (79 + 2 * (corner % 8)) * DEGREE + rng.integers(0, DEGREE, ROWS),
        "speed_dkn": rng.integers(0, 250, ROWS),
        "course_ddeg": rng.integers(0, 3600, ROWS),
        "heading_deg": rng.integers(0, 360, ROWS),
        "nav_status": rng.integers(0, 9, ROWS),
    }
    valid = np.ones(ROWS, dtype=np.bool_)
    return from_columns({name: (np.asarray(columns[name], dtype=np.int64), valid) for name in SCHEMA.names})


def timed_crossing(one: Bench, other: Bench) -> tuple[float, int, int]:
    """Return seconds, positions offered, and positions that arrived."""
    rng = np.random.default_rng(1)
    tables = [positions(number, rng) for number in range(BATCHES)]
    mark = example_label("ind", ["jpn"])
    start = time.perf_counter()
    under_way = []
    for table in tables:
        made = cut_batches(table, source="bench", source_kind="simulated", window_ms=1000)
        under_way.append(one.runner.do(fx.Say(drafts(made, mark))))
    for reply in under_way:
        reply.result(120)
    wait_for(other, "SELECT COUNT(*) FROM maritime_batch WHERE own = 0", BATCHES)
    taken = time.perf_counter() - start
    arrived = other.store.query("SELECT SUM(rows_shown) FROM maritime_batch WHERE own = 0")[0][0]
    return taken, BATCHES * ROWS, int(arrived)


def run() -> list[dict[str, Any]]:
    """Return the rates; see the module's text."""
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-ingest-") as directory:
        folder = Path(directory)
        nodes: dict[str, Bench] = {}
        one, other = (open_bench(name, folder / name, nodes) for name in MEASURED)
        lone = open_bench("ind/lone", folder / "lone", nodes)
        try:
            lines = sentences(folder / "sentences")
            pyais_s, decode_s = timed_pyais(folder / "sentences"), timed_decode(folder / "sentences")
            ingest_s = timed_ingest(lone, folder / "sentences")
            arrange(one, other)
            crossing_s, offered, arrived = timed_crossing(one, other)
        finally:
            for node in nodes.values():
                node.close()
    peer = "pyais, decoding alone"
    return [
        row("ais.decode/pyais", lines / decode_s, "sentences/s", peer, pyais_s / decode_s),
        row("ais.ingest/pyais", lines / ingest_s, "sentences/s", peer, pyais_s / ingest_s),
        row("positions.across_channel", offered / crossing_s, "positions/s"),
        row("positions.across_channel.arrived", arrived / crossing_s, "positions/s"),
    ]


def row(name: str, value: float, unit: str, peer: str | None = None, ratio: float | None = None) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "peer": peer, "ratio": ratio}


if __name__ == "__main__":
    for each in run():
        print(f"{each['name']:36} {each['value']:12,.0f} {each['unit']:14} {each['ratio'] or ''}")
