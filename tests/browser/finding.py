"""Finding the pages that there are, role by role, by walking the navigation of a running node; nothing here lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from playwright.sync_api import BrowserContext

from tests.web.crawling import links, shape

_OF_ONE_SHAPE = 1
_FORMS = 6
"""Forms are made by one template from what domains offer: so many of them stand for all; every one is opened over plain HTTP elsewhere."""
_MOST = 150


@dataclass(frozen=True)
class Place:
    """A page, and the role in which it was found."""

    role: str
    path: str


def kind(path: str) -> str:
    """Return what pages that one template makes have in common."""
    found = shape(path).partition("?")[0]
    found = re.sub(r"^/agreements/[^/]+(/[^/]+)?$", lambda one: f"/agreements/ONE{'/CLAUSE' if one[1] else ''}", found)
    return re.sub(r"^/desk/[^/]+(/do)?/[^/]+$", r"/desk/DESK\1/ONE", re.sub(r"^/desk/[^/]+$", "/desk/DESK", found))


def roles(context: BrowserContext, base: str) -> list[str]:
    """Return the roles in which the officer may act."""
    text = context.request.get(f"{base}/password").text()
    return re.findall(r'<option value="([a-z]+)"', text.partition('id="role"')[2].partition("</select>")[0])


def act_as(context: BrowserContext, base: str, role: str) -> None:
    """Change the role as the form of the page does."""
    found = re.search(r'name="csrf" value="([^"]+)"', context.request.get(f"{base}/password").text())
    assert found
    context.request.post(f"{base}/role", form={"csrf": found[1], "role": role}, headers={"origin": base})


def places(context: BrowserContext, base: str) -> list[Place]:
    """Return the pages of all roles, each kind of page as few times as tells something."""
    found: dict[str, int] = {}
    made: list[Place] = []
    for role in roles(context, base):
        act_as(context, base, role)
        waiting, seen = ["/", "/next", "/search?q=sea", "/search?q=", "/password", "/nowhere"], set[str]()
        while waiting and len(made) < _MOST:
            path = waiting.pop(0)
            if path in seen:
                continue
            seen.add(path)
            most = _FORMS if kind(path).endswith("/ONE") else _OF_ONE_SHAPE
            if found.get(kind(path), 0) >= most:
                continue
            answer = context.request.get(base + path)
            if "text/html" not in answer.headers.get("content-type", "") or "content-disposition" in answer.headers:
                continue
            text = answer.text()
            if "/picture/vessels" in path or "<html" not in text:
                continue
            if path != "/":
                found[kind(path)] = found.get(kind(path), 0) + 1
                made.append(Place(role, path))
            waiting += links(text)
    return made
