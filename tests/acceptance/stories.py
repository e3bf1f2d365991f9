"""What the acceptance stories share: `kizuna` as its users start it, and the demo's two nodes as processes."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kizuna.cli.demo_world import DemoNode

SOURCE = Path(__file__).resolve().parents[2] / "src"


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which `python -m kizuna` is this checkout."""
    return {**os.environ, "PYTHONPATH": str(SOURCE), **more}


def kizuna(*args: str | Path, timeout_s: float = 120.0, **more: str) -> dict[str, Any]:
    """Run `kizuna ... --json` and return what it printed; fails, with what it said, where it does not succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "kizuna", *map(str, args), "--json"],
        capture_output=True, env=environment(**more), timeout=timeout_s, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (args, done.returncode, done.stdout.decode(), done.stderr.decode())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def running(*nodes: DemoNode) -> Iterator[None]:
    """Run nodes as processes of their own; whatever happens, none is left behind."""
    try:
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait_ready(lambda _text: None)
        yield
    finally:
        for node in nodes:
            node.stop()


def until(condition: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
    """Wait until a condition holds; fails by saying what did not come about."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:.0f} s"
        time.sleep(0.2)


def token_of(node: DemoNode) -> str:
    """Return the token of the node's local administrator."""
    return (node.folder / "data" / "admin.token").read_text(encoding="ascii").strip()


def call(
    port: int, method: str, path: str, value: object = None, token: str = "", second: str = ""
) -> tuple[int, bytes]:
    """Return what the users' API answers: status and body."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    headers |= {"kizuna-second-officer": f"Bearer {second}"} if second else {}
    data = value if isinstance(value, bytes) else json.dumps(value).encode() if value is not None else None
    headers |= {"content-type": "application/json"} if data is not None else {}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body=data, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
