"""How fast a channel is: two nodes in processes of their own, mutual TLS, every signature verified, policy and durability at both ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.channel_node import DOMAINS, Filler
from kizuna.kernel import canonical, instrument, sign
from kizuna.kernel.instrument import Direction, Instrument, LimitedDate, Provision
from kizuna.kernel.label import label
from kizuna.node import effects as fx
from kizuna.node.acts import agreeing
from kizuna.node.clock import SystemClock
from kizuna.node.keys import keyfiles
from kizuna.node.service import Node, open_node
from kizuna.node.settings import read_settings

COUNT = 20_000
GROUP = 500
TEXT = "x" * 1024
POLICY = "bench.v1"
PURPOSES = ("bench",)
ACTOR = "system:bench"
CLOCK = SystemClock()


def _nothing(_node: str, _data: bytes) -> None:
    """Carry nothing: the nodes are being prepared."""


def _prepare(folder: Path, node: str) -> tuple[Path, sign.SigningKey]:
    folder.mkdir(mode=0o700)
    root = keyfiles.create_root(folder / "root.key", os.urandom)
    keyfiles.create_keys(folder / "keys", node, ["127.0.0.1"], root, CLOCK.now_ms(), os.urandom)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    config = folder / "node.toml"
    config.write_text(
        f'node = "{node}"\ndata = "data"\nkeys = "keys"\nhigh_water = "marks/mark.json"\n'
        f'[partners]\nlisten = "127.0.0.1:{port}"\naddress = "127.0.0.1:{port}"\n',
        encoding="utf-8",
    )
    return config, root


def _arrangement() -> Instrument:
    clause = Provision(
        basis="example",
        direction=Direction(from_party="one", to_party="two"),
        discloses=("text",),
        effect="permits",
        id="filler",
        max_classification={POLICY: 1},
        purposes=PURPOSES,
        record_types=("bench.filler-said.v1",),
    )
    return Instrument(
        basis="example",
        id="bench-arrangement",
        in_force_on=LimitedDate(precision="day", value="2020-01-01"),
        kind="implementing-arrangement",
        parties=("one", "two"),
        provisions=(clause,),
        title="bench",
    )


def _fill(node: Node) -> None:
    mark = label(POLICY, 0, originator="one", releasable_to=("two",), purposes=PURPOSES)
    drafts = tuple(fx.Draft("bench.filler-said.v1", Filler(text=TEXT), mark, ACTOR) for _ in range(GROUP))
    for _ in range(COUNT // GROUP):
        node.runner.do(fx.Say(drafts)).result()


def _agreed(folder: Path) -> list[Path]:
    """Return the settings of two nodes between which the filler waits to cross."""
    made = [_prepare(folder / name, f"{name}/bench") for name in ("one", "two")]
    opened = []
    for config, _ in made:
        settings = read_settings(config)
        opened.append(open_node(settings, clock=CLOCK, random=os.urandom, send=_nothing, domains=DOMAINS))
    cards = [keyfiles.card(node.identity, node.settings.keys, node.settings.partners.address) for node in opened]
    held = _arrangement()
    for node, (_, root), card in zip(opened, made, cards[::-1], strict=True):
        node.runner.start()
        node.runner.do(fx.Enrol(card, ACTOR)).result()
        node.runner.do(fx.LoadInstrument(canonical.encode(held), ACTOR)).result()
        party = node.identity.party
        envelope = instrument.sign_version(held, party, CLOCK.now_ms(), root)
        node.runner.do(fx.Say((agreeing.signed(held, envelope, root.public, party, ACTOR),))).result()
    for sender, receiver in (opened, opened[::-1]):
        until_ms = CLOCK.now_ms() + 3_600_000
        data = sender.runner.do(fx.ExportBundle(receiver.identity.node, until_ms, ACTOR)).result()
        receiver.runner.do(fx.ImportBundle(data, ACTOR)).result()
    _fill(opened[0])
    for node in opened:
        node.close()
    return [config for config, _ in made]


def _run(configs: list[Path]) -> list[dict[str, float]]:
    script = Path(__file__).with_name("channel_node.py")
    sides = [
        subprocess.Popen(
            [sys.executable, str(script), str(config), role, str(COUNT + 1)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for config, role in zip(configs, ("writer", "reader"), strict=True)
    ]
    outputs = [side.communicate()[0] for side in sides]
    assert all(side.returncode == 0 for side in sides), "a node of the benchmark failed"
    return [json.loads(output.splitlines()[-1]) for output in outputs]


def run() -> list[dict[str, Any]]:
    """Measure a channel of records of 1 KiB."""
    with tempfile.TemporaryDirectory() as folder:
        writer, reader = _run(_agreed(Path(folder)))
    rate = writer["records"] / writer["wall_s"]
    rows = (
        ("channel.records", rate, "records/s"),
        ("channel.bytes", rate * len(TEXT) / 1e6, "MB/s"),
        ("channel.cpu_writer", writer["cpu_s"] / writer["all"] * 1e6, "us/record"),
        ("channel.cpu_reader", reader["cpu_s"] / reader["all"] * 1e6, "us/record"),
    )
    return [{"name": name, "value": value, "unit": unit, "peer": None, "ratio": None} for name, value, unit in rows]
