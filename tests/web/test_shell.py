"""What holds for every page of every role, found by walking: its marking, its headers, its language; and no page fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kizuna.kernel.label import label
from kizuna.kernel.marking import marking as marked
from kizuna.node import effects as fx
from kizuna.node.people.accounts import Accounts
from kizuna.node.people.tokens import ROLES
from kizuna.web.pages.page import HEADERS
from tests.web.crawling import inline, marking, walk
from tests.web.harness import OFFERED, POLICY, Served, note
from tests.web.pages.test_pages import Browser, signed_in
from tests.web.test_search import vessel

NOTHING = "Nothing on this page is graded"


async def seeded(served: Served) -> None:
    await served.node.do(fx.Say((
        note("low", "ind"), note("higher", "ind", "jpn", level=2), vessel(431000001, "SEA STAR", 2), vessel(431000002, "SEA QUEEN"),
    )))  # fmt: skip


@pytest.mark.slow
def test_every_page_of_every_role_works_is_marked_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi", domains=OFFERED) as served:
            await seeded(served)
            for role in ROLES:
                if role != "integrator":
                    await every_page(await signed_in(served, role, role), role)

    asyncio.run(story())


async def every_page(browser: Browser, role: str) -> None:
    pages = await walk(browser, "/", "/password", "/search?q=sea", "/search", "/nowhere", "/records/none")
    assert len(pages) > 12, [page.path for page in pages]
    for page in pages:
        where = f"{role}: {page.path}"
        assert page.status == (404 if page.path in {"/nowhere", "/records/none"} else 200), where
        assert {name: page.headers.get(name) for name in HEADERS} == HEADERS, where
        assert not list(inline(page.text)), where
        assert '<html lang="en">' in page.text, where
        head, foot = marking(page.text)
        assert head == foot, where
        if 'href="/records/' in page.text or "SEA STAR" in page.text:
            assert head != NOTHING, where
    sea = next(page for page in pages if page.path.startswith("/search?q=sea"))
    assert marking(sea.text)[0] == marked(label(POLICY, 2, originator="ind", releasable_to=("jpn",)))


def test_the_marking_speaks_the_readers_language_and_stands_on_what_is_swapped_in(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi", domains=OFFERED) as served:
            await seeded(served)
            browser = await signed_in(served, "7", "watch", "security")
            for language, nothing in (
                ("ja", "このページに区分のある情報はありません"),
                ("hi", "इस पृष्ठ पर कुछ भी श्रेणीबद्ध नहीं है"),
            ):
                browser.cookies["kizuna-language"] = language
                found = marked(label(POLICY, 2, originator="ind", releasable_to=("jpn",)), language=language)
                assert marking((await browser.open("/search?q=sea"))[1]) == (found, found)
                assert marking((await browser.open("/desk"))[1]) == (nothing, nothing)
            browser.cookies["kizuna-language"] = "en"
            _, part = await browser.open("/cases", None, hx_request="true")
            assert part.count('hx-swap-oob="true"') == 2
            assert "<html" not in part
            assert marking(part) == (NOTHING, NOTHING)
            nobody = Browser(served)
            for path in ("/signin", "/signin/x", "/nowhere"):
                assert marking((await nobody.open(path))[1]) == (NOTHING, NOTHING), path
            # an account that is gone sees nothing more
            Accounts(served.folder / "accounts.json").remove("7")
            assert (await browser.open("/search?q=sea"))[0] == 303

    asyncio.run(story())
