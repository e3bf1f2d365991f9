"""The watch log over plain HTTP: rules, the sheet, alerts and what sharing one would say, for roles that may and that may not."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import urlencode

from kizuna.domains.maritime.operations import Statement
from kizuna.domains.maritime.watchlog.judging import Finding
from kizuna.domains.maritime.watchlog.operations import raise_alert
from kizuna.domains.maritime.watchlog.queries import rules_of
from kizuna.kernel.label import label
from kizuna.kernel.marking import marking as marked
from kizuna.node import effects as fx
from kizuna.node.maritime.feeding import drafts
from tests.web.crawling import marking
from tests.web.harness import Served, introduce
from tests.web.pages.test_pages import Browser, signed_in

DESK_POLICY = "ind.desk.v1"


async def _raised(served: Served, level: int = 1, mmsi: int = 419_000_001) -> str:
    """Raise an alert by the first rule and return its name."""
    with served.node.store.view() as db:
        (rule,) = rules_of(db, "ind")
    finding = Finding(rule=rule, mmsi=mmsi, from_ms=1, to_ms=None, what="12.0 kn", evidence=(), source_kind="live")
    raised = raise_alert(finding)
    said = Statement(raised.type, raised.body, subject=raised.subject)
    await served.node.do(fx.Say(drafts([said], label(DESK_POLICY, level, originator="ind"), "system:alerts")))
    return finding.alert


async def _rule(browser: Browser, **more: str) -> tuple[int, str]:
    form = {"csrf": await browser.csrf(), "rule": "fast", "kind": "speed", "over_dkn": "150"}
    return await browser.open("/watch/rules", form | more)


def test_a_rule_is_written_an_alert_is_seen_to_and_the_watch_handed_over(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            watch = await signed_in(served, "7", "watch")
            for path in ("/watch", "/watch/rules", "/watch/hand-over"):
                status, text = await watch.open(path)
                assert status == 200, path
                assert 'class="empty"' in text, path
            status, text = await _rule(watch, over_dkn="0")
            assert status == 409
            assert "is no speed" in text
            assert (await _rule(watch))[0] == 303
            alert = await _raised(served)
            csrf = await watch.csrf()
            status, text = await watch.open("/watch")
            assert alert in text
            assert "12.0 kn" in text
            status, text = await watch.open(f"/watch/alerts/{alert}/dismiss", {"csrf": csrf, "text": "a ferry"})
            assert status == 409
            for act, said in (("note", "looks odd"), ("take", "mine"), ("dismiss", "a ferry")):
                assert (await watch.open(f"/watch/alerts/{alert}/{act}", {"csrf": csrf, "text": said}))[0] == 303, act
            assert (await watch.open(f"/watch/alerts/{alert}/eat", {"csrf": csrf}))[0] == 404
            status, text = await watch.open(f"/watch?state=any&alert={alert}")
            assert "a ferry" in text
            form = {"csrf": csrf, "to_officer": "9", "note": "ask again at six"}
            assert (await watch.open("/watch/hand-over", form))[0] == 303
            status, text = await watch.open("/watch/hand-over")
            assert "ask again at six" in text
            assert "a ferry" in text
            assert (await watch.open("/watch/rules/withdraw", {"csrf": csrf, "rule": "fast", "reason": "enough"}))[
                0
            ] == 303
            assert "withdrawn" in (await watch.open("/watch/rules"))[1]
            other = await signed_in(served, "8", "liaison")
            assert "Act in that role" in (await other.open("/watch/rules"))[1]
            assert (await _rule(other))[0] == 403

    asyncio.run(story())


def test_a_queue_that_renews_itself_renews_the_marking_and_never_below_what_stands_beside_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            watch = await signed_in(served, "7", "watch")
            await _rule(watch)
            first = await _raised(served)
            _, page = await watch.open("/watch")
            low = marked(label(DESK_POLICY, 1, originator="ind"))
            assert marking(page) == (low, low)
            bears = urlencode({"bears": re.search(r'data-bears="([^"]+)"', page)[1]})  # type: ignore[index] # it is there
            # one of a higher grade comes, and the queue renews itself
            second = await _raised(served, level=3, mmsi=419_000_002)
            _, part = await watch.open(f"/watch?{bears}", None, hx_request="true")
            assert second in part
            assert "<html" not in part
            assert part.count('hx-swap-oob="true"') == 2
            high = marked(label(DESK_POLICY, 3, originator="ind"))
            assert marking(part) == (high, high)
            # the high one is chosen and stands beside the queue; it is seen to, and leaves the queue
            _, page = await watch.open(f"/watch?alert={second}")
            assert marking(page) == (high, high)
            bears = urlencode({"bears": re.search(r'data-bears="([^"]+)"', page)[1]})  # type: ignore[index] # the same
            csrf = await watch.csrf()
            for act, said in (("take", "mine"), ("dismiss", "a ferry")):
                await watch.open(f"/watch/alerts/{second}/{act}", {"csrf": csrf, "text": said})
            _, part = await watch.open(f"/watch?alert={second}&{bears}", None, hx_request="true")
            assert second not in part
            assert first in part
            assert marking(part) == (high, high)
            for wrong in ("e30=", "x", "%00", "é"):
                status, text = await watch.open(f"/watch?{urlencode({'bears': wrong})}", None, hx_request="true")
                assert status == 404
                assert "nothing of this is held" in text

    asyncio.run(story())


def test_what_no_clause_lets_go_cannot_be_clicked_and_says_why(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "a", "ind/delhi") as served, Served(tmp_path / "b", "jpn/tokyo") as other:
            await introduce(served, other)
            watch = await signed_in(served, "7", "watch")
            await _rule(watch)
            alert = await _raised(served)
            _, text = await watch.open(f"/watch?alert={alert}")
            button = text[text.index("/share") :].partition("</form>")[0]
            assert "disabled" in button
            assert "Share with Japan" in button
            share = text[text.index("card share") :]
            assert "No provision of" in share

    asyncio.run(story())
