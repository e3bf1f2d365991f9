"""Haste is bounded for sessions, tokens and places alike, and the answer says how long to wait."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.web import access
from kizuna.web.rates import Rate, Rates, TooFastError
from tests.web.harness import Served
from tests.web.pages.test_pages import Browser, signed_in


@given(st.lists(st.integers(0, 2_000), max_size=200), st.integers(1, 20), st.integers(1, 50))
def test_nobody_gets_more_than_burst_and_time_allow(gaps_ms: list[int], burst: int, each_second: int) -> None:
    rates, now_ms, let = Rates(), 0, 0
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        try:
            rates.take("someone", Rate(burst, each_second), now_ms)
            let += 1
        except TooFastError as error:
            rates.take("another", Rate(burst, 1_000_000), now_ms)
            rates.take("someone", Rate(burst, each_second), now_ms + error.wait_s * 1000)
            now_ms, let = now_ms + error.wait_s * 1000, let + 1
    assert let <= burst + now_ms * each_second / 1000


def test_pages_and_interface_say_when_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SESSION", "TOKEN", "PLACE"):
        monkeypatch.setattr(access, name, Rate(8, 1))

    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            browser = await signed_in(served, "7", "watch")
            found = [(await browser.open("/alerts"))[0] for _ in range(9)]
            assert found == [200] * 8 + [429]
            assert int(browser.headers["retry-after"]) >= 1
            assert "wait" in (await browser.open("/alerts"))[1]
            for _ in range(9):
                status, said = await served.call("GET", "/api/v1/status", role="desk")
            assert (status, said["error"]) == (429, "too-fast")
            assert (await served.call("GET", "/api/v1/status", role="liaison"))[0] == 200
            stranger = Browser(served)
            stranger.cookies["kizuna-ind-delhi"] = "made-up"  # a session that there is not has the bucket of its place
            assert [(await stranger.open("/signin"))[0] for _ in range(9)][-1] == 429

    asyncio.run(story())
