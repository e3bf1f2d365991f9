"""Officers rotate a node's keys and revoke the old ones while ships are heard and records cross: no signature fails, nothing is missing."""

from __future__ import annotations

import hashlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kizuna.cli import demo_world
from kizuna.cli.base import CLOCK
from kizuna.cli.base import random as fresh
from kizuna.cli.demo_world import DemoNode
from kizuna.domains.maritime.traffic import Traffic
from kizuna.kernel.channel import wire
from kizuna.node.channel.treaties import bundled
from kizuna.node.keys import keyfiles
from kizuna.node.settings import read_settings
from tests.acceptance.hosting import Enrolled
from tests.acceptance.stories import SOURCE, kizuna, running, until
from tests.acceptance.test_kill import assert_same_channel, settled, store_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@contextmanager
def ships(nodes: list[DemoNode]) -> Iterator[None]:
    """Let both receivers hear the sea until the block ends."""
    seas = [Traffic(7, 80, CLOCK.now_ms(), regions=node.side.regions) for node in nodes]
    over = threading.Event()

    def hear() -> None:
        while not over.wait(0.1):
            for node, sea in zip(nodes, seas, strict=True):
                node.say(sea.step(CLOCK.now_ms()))

    thread = threading.Thread(target=hear, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def two_persons(node: DemoNode) -> dict[str, str]:
    """Return the environment in which two persons stand behind a command."""
    tokens = [
        kizuna("token", "add", officer, role, "--config", node.config)["token"]
        for officer, role in (("7", "security"), ("8", "administrator"))
    ]
    return {"KIZUNA_TOKEN": tokens[0], "KIZUNA_SECOND_TOKEN": tokens[1]}


def certificate_shown(node: DemoNode) -> str:
    """Return the digest of the certificate that a node shows to whoever knocks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", node.partners_port), 10) as plain,
        context.wrap_socket(plain) as secured,
    ):
        return hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()


def version_held(reader: DemoNode, writer: DemoNode) -> int:
    listed = kizuna("partner", "list", "--config", reader.config)["partners"]
    return next(int(each["keys_version"]) for each in listed if each["node"] == writer.side.node)


def change(node: DemoNode, desk: Path, verb: str, *options: str) -> int:
    """Ask, sign on the root's machine, and take it in, as three people do it with a stick."""
    asked, signed = desk / f"{verb}.request", desk / f"{verb}.signed"
    kizuna("keys", "request", asked, *options, "--config", node.config)
    kizuna("keys", "sign", asked, signed, "--root-key", node.folder / "root.key")
    return int(kizuna("keys", verb, signed, "--config", node.config, **two_persons(node))["version"])


def test_keys_are_rotated_and_revoked_while_ships_are_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    nodes = list(demo_world.prepare(tmp_path / "demo", bundled(), CLOCK, fresh))
    india, japan = nodes
    old = Enrolled(india.config, japan.config)
    channel = wire.channel_name(japan.side.node, india.side.node)
    knock = wire.Pull(channel, 0, 1, 0, "", 0, 0, 0)
    with running(*nodes):
        with ships(nodes):
            time.sleep(2.0)
            before = certificate_shown(india)
            assert change(india, tmp_path, "rotate") == 2
            until(lambda: version_held(japan, india) == 2, "japan learns of the new keys")
            until(lambda: certificate_shown(india) != before, "india shows its new certificate")
            folder = keyfiles.version_folder(read_settings(india.config).keys, 2)
            new = keyfiles.certificate_sha256((folder / keyfiles.CERTIFICATE).read_bytes())
            assert certificate_shown(india) == new
            old.ask(knock, [b""])  # the old certificate still counts beside the new
            time.sleep(2.0)
            assert change(india, tmp_path, "revoke", "--revoke", "1") == 1
            until(lambda: refused(old, knock), "connections under the old certificate are refused")
            time.sleep(2.0)
        until(lambda: settled(nodes), "everything released is receipted")
        time.sleep(1.0)
        until(lambda: settled(nodes), "everything released is receipted")
    one, other = (demo_world.audit(node) for node in nodes)
    assert one.findings == other.findings == ()
    assert (one.out_root, other.out_root) == (other.in_root, one.in_root)
    # what a stopping node says at last may be held and not yet receipted
    assert one.released == other.received >= one.receipted > 0
    assert other.released == one.received >= other.receipted > 0
    assert not one.refused
    assert not other.refused
    assert_same_channel(india, japan)
    assert_same_channel(japan, india)
    for node in nodes:
        store = store_of(node)
        assert store.query("SELECT kind, sentence FROM alert") == []
        store.close()


def refused(old: Enrolled, knock: wire.Pull) -> bool:
    try:
        status, _ = old.post(wire.pack_message(knock, [b""]))
    except (OSError, http.client.HTTPException):
        return True
    return status == 404
