"""Two real nodes between which bundled instruments are in force, with officers who work at them over the users' interface."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kizuna.cli import demo_world
from kizuna.cli.base import CLOCK, random
from kizuna.cli.demo_world import DemoNode
from kizuna.node.channel.treaties import bundled
from kizuna.node.people import tokens
from kizuna.node.settings import read_settings
from tests.acceptance.stories import call, kizuna, running, until

_DAY_MS = 86_400_000


@dataclass
class Officer:
    """Somebody at a desk: a node, and a token in one role; and the token of a second person, where one stands behind each act."""

    node: DemoNode
    token: str
    second: str = ""

    def does(self, what: str, /, **asked: Any) -> dict[str, Any]:
        """Do `domain operation`; it must succeed, and nothing of it may be withheld. Returns what was said and told."""
        done = self.keeps(what, **asked)
        assert not any(each["withheld"] for each in done["said"]), done
        return done

    def keeps(self, what: str, /, **asked: Any) -> dict[str, Any]:
        """Do `domain operation`, of which all or a part stays at home; it must succeed. Returns what was said and told."""
        status, body = call(
            self.node.users_port, "POST", f"/api/v1/{what.replace(' ', '/')}", asked, self.token, self.second
        )
        assert status == 200, (what, status, body.decode())
        done: dict[str, Any] = json.loads(body)
        return done

    def may_not(self, what: str, /, **asked: Any) -> str:
        """Try `domain operation`; it must be refused. Returns the words."""
        status, body = call(
            self.node.users_port, "POST", f"/api/v1/{what.replace(' ', '/')}", asked, self.token, self.second
        )
        assert 400 <= status < 500, (what, status, body.decode())
        return str(json.loads(body)["sentence"])

    def file(self, path: str) -> bytes:
        """Return what a query gives, as bytes."""
        status, body = call(self.node.users_port, "GET", f"/api/v1/{path}", token=self.token)
        assert status == 200, (path, status, body.decode())
        return body

    def sees(self, path: str) -> Any:
        """Return what a query shows."""
        return json.loads(self.file(path))

    def waits_until(self, path: str, condition: Any, what: str) -> Any:
        """Wait until a query shows what is waited for, and return it."""
        until(lambda: condition(self.sees(path)), what, timeout_s=120)
        return self.sees(path)


@contextmanager
def offices(folder: Path, role: str, *instruments: str, two: bool = False) -> Iterator[tuple[Officer, Officer]]:
    """Give an officer of India and one of Japan, in one role, at nodes that run and between which the named instruments are in force.

    With `two`, a second person of the same party stands behind whatever they do.
    """
    nodes = demo_world.prepare(folder, bundled(), CLOCK, random)
    officers = []
    for node in nodes:
        now_ms = CLOCK.now_ms()
        texts = []
        for officer in ("7", "8"):
            text, token = tokens.make(officer, role, now_ms=now_ms, ends_ms=now_ms + _DAY_MS, random=random)
            tokens.Tokens(read_settings(node.config).tokens).add(token)
            texts.append(text)
        officers.append(Officer(node, texts[0], texts[1] if two else ""))
    with running(*nodes):
        for name in instruments:
            for node in nodes:
                kizuna("instrument", "sign", name, "--root-key", node.folder / "root.key", "--config", node.config)
        until(
            lambda: all(in_force(node, name) for node in nodes for name in instruments),
            "the instruments are in force",
            timeout_s=120,
        )
        yield officers[0], officers[1]


def in_force(node: DemoNode, name: str) -> bool:
    """Return whether an instrument is in force at a node."""
    (held,) = kizuna("instrument", "show", name, "--config", node.config)["instruments"]
    return bool(held["state"] == "in-force")
