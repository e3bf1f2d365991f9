"""The whole interface under requests made from its own description: whatever comes, the node answers, and never with a fault of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from kizuna.node.people import tokens
from kizuna.node.people.tokens import ROLES
from tests.web.harness import OFFERED, Served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
EXAMPLES = 6
FOLLOWED = ("/stream", "/changes")
"""Answers without an end."""
MOST_S = 20


def operations(document: dict[str, Any]) -> Iterator[Any]:
    """Yield every operation that the document describes."""
    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        operation = found.ok()
        if not operation.path.endswith(FOLLOWED):
            yield operation


def ask(base: str, operation: Any, bearers: dict[str, str]) -> list[str]:
    """Return what went wrong with one operation: requests made at random, each with the token of every role in turn."""
    faults: list[str] = []
    calls = requests.Session()
    turn = iter(range(1 << 30))

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def each(case: Any) -> None:
        names = list(bearers)
        first = names[next(turn) % len(names)]
        for role in dict.fromkeys((first, "security", "administrator")):
            answer = case.call(base_url=base, session=calls, timeout=MOST_S, headers={"authorization": bearers[role]})
            if answer.status_code >= 500 and answer.status_code != 503:
                faults.append(
                    f"{operation.method} {operation.path} as {role}: {answer.status_code} {case.body!r:.300} {case.query!r:.300}"
                )

    each()
    return faults


def test_no_request_makes_the_node_fail(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi", domains=OFFERED) as served:
            now_ms = served.node.clock.now_ms()
            bearers = {}
            for role in ROLES:
                text, token = tokens.make(role[:6], role, now_ms=now_ms, ends_ms=now_ms + 3_600_000, random=os.urandom)
                served.tokens.add(token)
                bearers[role] = f"Bearer {text}"
            _, document = await served.call("GET", "/api/openapi.json")
            base = f"http://127.0.0.1:{served.ports.api}"
            faults: list[str] = []
            count = 0

            def run() -> None:
                nonlocal count
                for operation in operations(document):
                    count += 1
                    faults.extend(ask(base, operation, bearers))

            worker = threading.Thread(target=run)
            worker.start()
            while worker.is_alive():  # noqa: ASYNC110 # the thread knows no event loop to set an event in
                await asyncio.sleep(0.05)
            assert count > 100
            assert not faults, "\n".join(faults)
            assert served.node.runner.fault is None

    asyncio.run(story())
