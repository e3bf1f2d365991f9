"""What a reader can ask a node, in each role: pages by links, what somebody might guess, every route and question; and what was answered."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin
from urllib.parse import quote, urlencode

from kizuna.kernel.operation import EVERYONE, Query
from kizuna.node import offering
from tests.acceptance.canaries import PDF, ZIP, members, printed
from tests.web.crawling import links, shape
from tests.web.reader_world import (
    DOMAINS,
    HIDDEN_SHIP,
    HIDDEN_TAG,
    HOME_TAG,
    KEYS,
    NAMES,
    OPEN_SHIP,
    OPEN_TAG,
    SHARED_TAG,
    World,
)  # fmt: skip
from tests.web.visiting import Answer, Host

OPAQUE = re.compile(
    rb"(?<![0-9a-f])(?=[0-9]*[a-f])[0-9a-f]{12,64}|[0-9a-f]{8,64}(?=\xe2\x80\xa6)|[A-Za-z0-9+/_-]{40,}={0,2}"
)
MOST_PAGES = 260
ALREADY = (200, 303)
"""How a page answers that a role may open."""
Alike = tuple[str, int, list[tuple[bytes, bytes]], bytes, list[int]]


@dataclass
class Seen:
    """All that one reader got in one world, in order."""

    answers: list[tuple[str, Answer]] = field(default_factory=list)

    def alike(self) -> list[Alike]:
        """Return the answers with each digest, id and signature replaced by the order of its first appearance; of a stream when each message came."""
        order: dict[bytes, int] = {}

        def placed(found: re.Match[bytes]) -> bytes:
            return b"<%d>" % order.setdefault(found[0], len(order))

        return [
            (path, got.status, headers_of(got), OPAQUE.sub(placed, b"\n".join(whole(got))), got.at_ms)
            for path, got in self.answers
        ]


def headers_of(got: Answer) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer; how long a packed document is depends on its ids and time: its parts are compared by themselves."""
    return [
        (name, value) for name, value in got.headers if name != b"content-length" or not got.body.startswith((ZIP, PDF))
    ]


def whole(got: Answer) -> Iterator[bytes]:
    """Yield an answer: a stream message by message with its size, of a printed form the text, of a workbook or paper all but when it was made."""
    if got.at_ms:
        for chunk in got.chunks:
            yield b"%d bytes: " % len(chunk) + chunk
    elif got.body.startswith(ZIP):
        yield from (part for part in members(got.body) if not part.startswith(b"docProps/core.xml"))
    elif got.body.startswith(PDF):
        yield from (part for part in printed(got.body) if b"obj" not in part and b"Tf" not in part and part.isascii())
    else:
        yield got.body


def guesses(worlds: tuple[World, World]) -> list[str]:
    """Return addresses that somebody might guess: of what is hidden in one world, and is not there in the other."""
    record = [each for tag in (SHARED_TAG, HOME_TAG) for each in worlds[0].hidden[tag][:2]]
    cases = [case for (case,) in worlds[0].india.store.query(
        "SELECT DISTINCT case_id FROM case_step WHERE case_id LIKE ? ORDER BY case_id", (f"%{HIDDEN_TAG}%",)
    )][:4]  # fmt: skip
    words = [f"{HOME_TAG}00003", SHARED_TAG, HIDDEN_TAG[:5], OPEN_TAG, f"{OPEN_TAG}00007", str(HIDDEN_SHIP)]
    return [
        *(f"/records/{each}" for each in record), *(f"/records/{each}?to=jpn" for each in record),
        *(f"/channels/dry-run?record={each}" for each in record), *(f"/search?q={each[:12]}" for each in record),
        *(f"/cases/{quote(case, safe='')}" for case in cases), *(f"/search?q={word}" for word in words),
        f"/search?q={OPEN_TAG}&kind=maritime.vessel&after={record[0]}", f"/search?q={OPEN_TAG}&kind=record",
        f"/vessels/{HIDDEN_SHIP}", f"/vessels/{OPEN_SHIP}", f"/picture/contact?mmsi={HIDDEN_SHIP}&simulated=true",
        f"/picture/contact?mmsi={OPEN_SHIP}&simulated=true", f"/picture/track?mmsi={OPEN_SHIP}&simulated=true",
        "/picture/vessels", "/picture/vessels?sort=name&down=true", f"/picture/vessels?text={HIDDEN_TAG}",
        f"/picture/vessels?exercise={SHARED_TAG}-exercise", "/picture/drawings", "/alerts?before=50", "/security?group=acts",
        "/security?group=releases", "/security?group=faults", "/security/audit.csv", "/security/audit.json",
        "/security/forecast", f"/watch?alert={record[0]}", "/nowhere",
        *(f"/withheld/records?party=jpn&type={each}&reason=level" for each in ("maritime.static-reported.v1", "dialogue.meeting-planned.v1")),
    ]  # fmt: skip


async def walked(host: Host, headers: dict[str, str], begin: list[str], seen: Seen, *, of_a_shape: int = 2) -> None:
    """Open every page that is reached by links, so many of a shape, and what somebody might guess."""
    waiting, opened, shapes = ["/", *begin], set[str](), dict[str, int]()
    while waiting and len(opened) < MOST_PAGES:
        path = waiting.pop(0)
        if path in opened or (path not in begin and shapes.get(kind_of(path), 0) >= of_a_shape):
            continue
        opened.add(path)
        shapes[kind_of(path)] = shapes.get(kind_of(path), 0) + 1
        got = await host.get(path, headers)
        seen.answers.append((path, got))
        if got.status == 303:
            waiting.append(got.header("location"))
        if "text/html" in got.header("content-type"):
            waiting += links(got.body.decode())


def kind_of(path: str) -> str:
    """Return what pages have in common that differ only in the thing that they show or do."""
    return re.sub(r"^(/desk/[^/]+/do)/[^/?]+", r"\1/ONE", shape(path))


async def refused(host: Host, headers: dict[str, str], opened: Sequence[str], seen: Seen) -> None:
    """Ask for a page of each shape that others open, as somebody who was led to none of it."""
    met = {kind_of(path) for path, _ in seen.answers}
    for path in opened:
        if kind_of(path) not in met:
            met.add(kind_of(path))
            seen.answers.append((path, await host.get(path, headers)))


async def called(host: Host, headers: dict[str, str], record: str, seen: Seen, *, wide: bool) -> None:
    """Ask every route of the interface, and all that domains show in every form; if not `wide`, of that only what few roles may ask."""
    for path in questions(wide=wide):
        seen.answers.append((path, await host.get(path, headers)))
    await routes(host, headers, record, seen)


async def posted(host: Host, headers: dict[str, str], record: str, seen: Seen) -> None:
    """Try everything that the interface lets somebody do, without saying what with."""
    paths = json.loads((await host.get("/api/openapi.json", headers)).body)["paths"]
    for path, methods in sorted(paths.items()):
        if "post" in methods and not path.endswith("/load-bundled"):  # which says a thousand things and needs nothing
            url = re.sub(r"\{(\w+)[^}]*\}", record, path)
            seen.answers.append((f"POST {url}", await host.get(url, headers | JSON, body=b"{}")))


JSON = {"content-type": "application/json"}


async def routes(host: Host, headers: dict[str, str], record: str, seen: Seen) -> None:
    """Ask every route of the interface that shows something."""
    paths = json.loads((await host.get("/api/openapi.json", headers)).body)["paths"]
    known = {"record_id": record, "mmsi": str(OPEN_SHIP), "party": "jpn", "name": "ind-jpn-arrangement"}
    for path, methods in sorted(paths.items()):
        if "get" not in methods or path.endswith("/stream"):
            continue
        url = re.sub(r"\{(\w+)[^}]*\}", lambda found: known.get(found[1], "vessels"), path)
        url += "?recipient=lisbon.vessels" if path == "/cise/push" else ""
        for query in ("", "?limit=1") if "limit" in json.dumps(methods["get"]) else ("",):
            seen.answers.append((url + query, await host.get(url + query, headers)))


def questions(*, wide: bool) -> list[str]:
    """Return addresses of all that domains show, of things that everyone sees and that somebody might guess, in every form."""
    found = []
    for domain in DOMAINS:
        cases = [kind.subject(key) for kind in domain.cases for key in KEYS]
        for query in domain.queries if wide else (each for each in domain.queries if each.roles != EVERYONE):
            found += [f"/api/v1/{domain.name}/{query.name}?{urlencode(given)}" for given in _asked(query)]
        found += [f"/api/v1/case/show?case={quote(case)}" for case in cases[: None if wide else 0]]
    return found


def _asked(query: Query) -> Iterator[list[tuple[str, str]]]:
    """Yield what a question is asked with."""
    known = {
        "instrument": "ind-jpn-arrangement", "to": "jpn", "partner": "jpn", "first": "2020", "last": "2035", "on": "2026-09-21",
        "year": "2026",
    }  # fmt: skip
    asked = offering.fields(query.asks)
    needed = [name for name, each in asked.items() if each.needed]
    also = [("year", known["year"])] if "year" in asked and "partner" in needed else []
    forms = [
        (name, str(value)) for name, each in asked.items() if get_origin(each.type) is Literal for value in get_args(each.type)
    ]  # fmt: skip
    named = needed[0] if needed and needed[0] not in known else ""
    keys: Sequence[Any] = NAMES.get(named, KEYS) if named else [""]
    for key in keys:
        given = [(name, known.get(name, key)) for name in needed] + also
        yield from ([*given, *form] for form in [[], *([each] for each in forms)])


async def asked(host: Host, headers: dict[str, str], begin: list[str], seen: Seen) -> None:
    """Try what changes something on things that somebody might guess: what is hidden refuses like what is not there."""
    record = begin[0].rpartition("/")[2]
    cases = [path.rpartition("/")[2].replace("%3A", ":") for path in begin if path.startswith("/cases/")]
    tried: list[tuple[str, dict[str, object]]] = [
        *(("case/endorse", {"case": case, "record": ""}) for case in cases),
        ("maritime/acknowledge", {"alert": record}),
        (f"records/{record}/act", {"act": "retract", "reason": "a test"}),
        (f"records/{record}/supersede", {"successor": record, "reason": "a test"}),
        ("release/explain", {"record_id": record, "recipient": "jpn"}),
    ]
    for path, body in tried:
        got = await host.get(f"/api/v1/{path}", headers | JSON, body=json.dumps(body).encode())
        seen.answers.append((f"/api/v1/{path} {next(iter(body.values()))}", got))
