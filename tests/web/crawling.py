"""Walking the pages as a browser would: every page that a reader can reach by links, one of each shape."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

from tests.web.pages.test_pages import Browser

MOST_PAGES = 400
_SAME_SHAPE = 2
"""How many pages of one shape are opened: the second may be empty where the first is full."""
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass
class Walked:
    """A page as it came."""

    path: str
    status: int
    headers: dict[str, str]
    text: str


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def links(text: str) -> list[str]:
    """Return where a page leads within its node."""
    parser = _Links()
    parser.feed(text)
    return [path for path in parser.found if path.startswith("/") and not path.startswith(("//", "/static/"))]


def shape(path: str) -> str:
    """Return what pages that differ only in the thing that they show have in common."""
    parts = urlsplit(path)
    where = re.sub(r"/\d+", "/N", _HEX.sub("ID", parts.path))
    where = re.sub(r"^/cases/[^/]+", "/cases/CASE", where)
    return f"{where}?{'&'.join(sorted(name for name, _ in parse_qsl(parts.query)))}"


def marking(text: str) -> tuple[str, str]:
    """Return the banners at the head and at the foot of a page."""
    found = [re.search(rf'id="marking-{place}"[^>]*>([^<]*)<', text) for place in ("head", "foot")]
    assert all(found), "a page without its marking"
    head, foot = (html.unescape(each[1]) for each in found if each)
    return head, foot


async def walk(browser: Browser, *begin: str) -> list[Walked]:
    """Return every page that is reached from some, as far as one of its shape has not been opened."""
    waiting, seen, shapes, pages = list(begin or ("/",)), set[str](), dict[str, int](), []
    while waiting and len(pages) < MOST_PAGES:
        path = waiting.pop(0)
        if path in seen or shapes.get(shape(path), 0) >= _SAME_SHAPE:
            continue
        seen.add(path)
        shapes[shape(path)] = shapes.get(shape(path), 0) + 1
        status, text = await browser.open(path)
        if status == 303:
            waiting.append(browser.headers["location"])
            continue
        if "text/html" in browser.headers.get("content-type", "") and "content-disposition" not in browser.headers:
            pages.append(Walked(path, status, dict(browser.headers), text))
            waiting += links(text)
    return pages


def inline(text: str) -> Iterator[str]:
    """Yield what a page holds that its policy would have a browser refuse."""
    yield from re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style\b[^>]*>|\sstyle=\"[^\"]*\"|\son[a-z]+=\"[^\"]*\"", text)
    yield from re.findall(r"(?:src|href|action)=\"(?:https?:|javascript:|//)[^\"]*\"", text)
