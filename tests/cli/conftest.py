"""A command line that is called in this process, and nodes to call it on."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from kizuna.cli.demo_world import free_ports
from kizuna.cli.main import main

ARRANGEMENT = "ind-jpn-2018-navy-implementing-arrangement"
SOURCE = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Done:
    """What a command left: exit code, output, and what it said went wrong."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Kizuna = Callable[..., Done]


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """Undo what `kizuna run` in this process does to logging: the stream that it was given is gone after the test."""
    root = logging.getLogger()
    kept = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    yield
    root.handlers[:], root.level, sys.excepthook, threading.excepthook = kept
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def kizuna(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Kizuna:
    for name in ("KIZUNA_TOKEN", "KIZUNA_SECOND_TOKEN", "KIZUNA_CONFIG"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["kizuna", *map(str, words)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        shown = capsys.readouterr()
        return Done(code, shown.out, shown.err)

    return call


class Party:
    """One party's node in a folder, and the command line on it."""

    def __init__(self, kizuna: Kizuna, folder: Path, party: str, name: str, *options: object) -> None:
        self.kizuna = kizuna
        self.folder = folder
        self.node = f"{party}/{name}"
        done = kizuna("init", folder, "--party", party, "--name", name, "--json", *options)
        assert done.code == 0, done.err
        self.fingerprint = str(done.json["fingerprint"])

    def __call__(self, *words: object) -> Done:
        return self.kizuna(*words, "--config", self.folder / "node.toml")

    def ok(self, *words: object) -> Any:
        done = self(*words, "--json")
        assert done.code == 0, done.err
        return done.json

    def card(self) -> Path:
        path = self.folder / "card"
        self.ok("partner", "invite", "--out", path)
        return path

    def accept(self, other: "Party") -> None:
        self.ok("partner", "accept", other.card(), "--fingerprint", other.fingerprint)

    def sign(self) -> str:
        return str(self.ok("instrument", "sign", ARRANGEMENT, "--root-key", self.folder / "root.key")["record"])

    def carry(self, other: "Party", path: Path) -> Any:
        """Carry a bundle to the other side."""
        self.ok("channel", "export", other.node, path)
        return other.ok("channel", "import", path)

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """Run the node as a process of its own until the block ends."""
        words = [sys.executable, "-m", "kizuna", "run", "--json", "--config", str(self.folder / "node.toml")]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        with subprocess.Popen(
            words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                assert process.stderr is not None
                line = process.stdout.readline()
                assert line, process.stderr.read()
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    process.communicate(timeout=20)


def ports() -> tuple[str, ...]:
    """Return the options that give a node addresses of its own."""
    partners, users = free_ports(2)
    return ("--address", f"127.0.0.1:{partners}", "--users", f"127.0.0.1:{users}")


@pytest.fixture
def india(kizuna: Kizuna, tmp_path: Path) -> Party:
    return Party(kizuna, tmp_path / "india", "ind", "fusion-delhi", *ports())


@pytest.fixture
def japan(kizuna: Kizuna, tmp_path: Path) -> Party:
    return Party(kizuna, tmp_path / "japan", "jpn", "yokosuka", *ports())


@pytest.fixture
def pair(india: Party, japan: Party) -> tuple[Party, Party]:
    """Return two nodes that have enrolled each other."""
    india.accept(japan)
    japan.accept(india)
    return india, japan
