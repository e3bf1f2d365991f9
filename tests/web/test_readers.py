"""Readers of a node: two worlds that differ only in what a reader may not see answer them alike, byte for byte, and no mark of it comes out."""

from __future__ import annotations

import asyncio
import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import quote, urlencode

import pytest

from kizuna.domains.maritime.records import POSITION_BATCH, STATIC_REPORTED, StaticReported
from kizuna.formats.positions_arrow import empty
from kizuna.kernel import bundle
from kizuna.node import effects as fx
from kizuna.node import offering
from kizuna.node.held.facts import load_record
from kizuna.node.plugs.forms import Cot, Nmea
from kizuna.node.plugs.forms import Told as Telling
from kizuna.node.readers.thinning import Judge, Readers, Thinning
from kizuna.sim.federation import SimNode
from kizuna.web.books import Books
from tests.acceptance.canaries import Canary, search
from tests.acceptance.hosting import logged
from tests.web.crawling import links, shape
from tests.web.reader_world import DOMAINS, HIDDEN_SHIP, HIDDEN_TAG, HOME_TAG, OPEN_SHIP, OPEN_TAG, SHARED_TAG, World
from tests.web.visiting import Answer, Host

pytestmark = pytest.mark.timeout(400)
OPAQUE = re.compile(
    rb"(?<![0-9a-f])(?=[0-9]*[a-f])[0-9a-f]{12,64}|[0-9a-f]{8,64}(?=\xe2\x80\xa6)|[A-Za-z0-9+/_-]{40,}={0,2}"
)
ZIPPED = b"PK\x03\x04"
MOST_PAGES = 260
READERS = (
    ("low", 1, "ind", ("watch", "liaison", "security", "desk")),
    ("guest", 15, "aus", ("watch", "security")),
)
"""Officers by what they may not see: what is graded above 1, and what is not releasable to Australia."""
FORMS = {
    "application/json", "application/octet-stream", "image/svg+xml", "text/calendar", "text/csv", "text/event-stream", "text/html",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip
"""Media types that must have come, or less was asked than there is."""
STREAMS = ("/watch/stream", "/picture/stream?zoom=9")


@dataclass
class Seen:
    """All that one reader got in one world, in order."""

    answers: list[tuple[str, Answer]] = field(default_factory=list)

    def alike(self) -> list[tuple[str, int, list[tuple[bytes, bytes]], bytes]]:
        """Return the answers with each digest, id and signature replaced by the order of its first appearance."""
        order: dict[bytes, int] = {}

        def placed(found: re.Match[bytes]) -> bytes:
            return b"<%d>" % order.setdefault(found[0], len(order))

        return [
            (path, got.status, headers_of(got), OPAQUE.sub(placed, b"\n".join(whole(got.body))))
            for path, got in self.answers
        ]


def headers_of(got: Answer) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer; the length of a zipped document depends on the time in it, its parts are compared by themselves."""
    return [
        (name, value) for name, value in got.headers if name != b"content-length" or not got.body.startswith(ZIPPED)
    ]


def whole(body: bytes) -> Iterator[bytes]:
    """Yield an answer, of a zipped document its parts but the one in which its library says when, by the machine's own clock."""
    if not body.startswith(ZIPPED):
        yield body
        return
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        for name in sorted({*packed.namelist()} - {"docProps/core.xml"}):
            yield name.encode() + b"\n" + packed.read(name)


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


async def walked(host: Host, headers: dict[str, str], begin: list[str], seen: Seen) -> None:
    """Open every page that is reached by links, two of a shape, and what somebody might guess."""
    waiting, opened, shapes = ["/", *begin], set[str](), dict[str, int]()
    while waiting and len(opened) < MOST_PAGES:
        path = waiting.pop(0)
        kind = re.sub(r"^(/desk/[^/]+/do)/[^/?]+", r"\1/ONE", shape(path))
        if path in opened or (path not in begin and shapes.get(kind, 0) >= 2):
            continue
        opened.add(path)
        shapes[kind] = shapes.get(kind, 0) + 1
        got = await host.get(path, headers)
        seen.answers.append((path, got))
        if got.status == 303:
            waiting.append(got.header("location"))
        if "text/html" in got.header("content-type"):
            waiting += links(got.body.decode())


async def called(host: Host, headers: dict[str, str], record: str, seen: Seen, *, all_of_it: bool) -> None:
    """Ask every route of the interface, or all that domains show as well, in every form."""
    for path in questions() if all_of_it else ():
        seen.answers.append((path, await host.get(path, headers)))
    paths = json.loads((await host.get("/api/openapi.json", headers)).body)["paths"]
    known = {"record_id": record, "mmsi": str(OPEN_SHIP), "party": "jpn", "name": "ind-jpn-arrangement"}
    for path, methods in sorted(paths.items()):
        if "get" not in methods or path.endswith("/stream"):
            continue
        url = re.sub(r"\{(\w+)[^}]*\}", lambda found: known.get(found[1], "vessels"), path)
        for query in ("", "?limit=1") if "limit" in json.dumps(methods["get"]) else ("",):
            seen.answers.append((url + query, await host.get(url + query, headers)))


def questions() -> list[str]:
    """Return addresses of all that domains show, of things that everyone sees and of things that somebody might guess, in every form."""
    known = {
        "instrument": "ind-jpn-arrangement", "to": "jpn", "partner": "jpn", "first": "2020", "last": "2035", "on": "2026-09-21",
    }  # fmt: skip
    keys = [f"{OPEN_TAG}-case", f"{SHARED_TAG}-case"]
    found = []
    for domain in DOMAINS:
        cases = [kind.subject(key) for kind in domain.cases for key in keys]
        for query in domain.queries:
            asked = offering.fields(query.asks)
            needed = [name for name, each in asked.items() if each.needed]
            forms = [
                (name, str(value))
                for name, each in asked.items()
                if get_origin(each.type) is Literal
                for value in get_args(each.type)
            ]
            for key in keys if needed and needed[0] not in known else keys[:1]:
                given = [(name, known.get(name, key)) for name in needed]
                found += [
                    f"/api/v1/{domain.name}/{query.name}?{urlencode([*given, *form])}"
                    for form in [[], *([each] for each in forms)]
                ]
        found += [f"/api/v1/case/show?case={quote(case)}" for case in cases]
    return found


def told_secretly(world: World) -> None:
    """Say something that few may see, or nothing, and then something for everyone."""
    world.say(HOME_TAG, "ind", [world._draft(HOME_TAG, "ind", "maritime.static-reported.v1", world.fillers[HOME_TAG].body(
        StaticReported, source_kind="simulated", mmsi=HIDDEN_SHIP + 1
    ), subject="")])  # fmt: skip
    world.say(OPEN_TAG, "ind", [world._draft(OPEN_TAG, "ind", "maritime.static-reported.v1", world.fillers[OPEN_TAG].body(
        StaticReported, source_kind="simulated", mmsi=OPEN_SHIP + 3
    ), subject="")])  # fmt: skip


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
        got = await host.get(
            f"/api/v1/{path}", headers | {"content-type": "application/json"}, body=json.dumps(body).encode()
        )
        seen.answers.append((f"/api/v1/{path} {next(iter(body.values()))}", got))


async def looked(world: World, begin: list[str]) -> dict[str, Seen]:
    """Return what every reader gets in a world, role by role."""
    host, found = world.host, dict[str, Seen]()
    host.ready()
    host.account("high", "liaison", clearance=15, nationality="ind")
    for path in begin[:2]:
        await host.get(path, host.cookie("high", "liaison"))
    for officer, clearance, nation, roles in READERS:
        host.account(officer, *roles, "integrator", clearance=clearance, nationality=nation)
        for role in roles:
            seen = found[f"{officer} as {role}"] = Seen()
            await walked(host, host.cookie(officer, role), begin, seen)
        for role in (*roles[:2], "integrator"):
            seen = found[f"{officer}'s program as {role}"] = Seen()
            await called(
                host, host.bearer(officer, role), begin[0].rpartition("/")[2], seen, all_of_it=role == roles[0]
            )
        seen = found[f"{officer}'s program tries"] = Seen()
        for role in roles[:2]:
            await asked(host, host.bearer(officer, role), begin, seen)
        seen = found[f"{officer} follows"] = Seen()
        for path in STREAMS:
            got = await host.get(
                path,
                host.cookie(officer, "watch"),
                chunks=2 if "watch" in path else 1,
                meanwhile=lambda: told_secretly(world),
            )
            seen.answers.append((path, got))
        got = await host.get(
            "/api/v1/stream", host.bearer(officer, "watch"), chunks=2, meanwhile=lambda: told_secretly(world)
        )
        seen.answers.append(("/api/v1/stream", got))
        plug = f"{officer}-plug"
        seen = found[plug] = Seen()
        host.account(plug, "integrator", clearance=clearance, nationality=nation)
        await called(host, host.bearer(plug, "integrator"), "0" * 64, seen, all_of_it=False)
    return found


@dataclass
class Told:
    """Both worlds, and what their readers got: first in the one that hides something."""

    worlds: tuple[World, World]
    log: str
    seen: tuple[dict[str, Seen], dict[str, Seen]]


def tell(folder: Path, stack: ExitStack) -> Told:
    worlds = tuple(World(folder / name, hides=hides) for name, hides in (("with", True), ("without", False)))
    for world in worlds:
        stack.callback(world.close)
        world.tell()
    begin = guesses(worlds)  # type: ignore[arg-type] # two

    async def story() -> tuple[dict[str, Seen], ...]:
        seen = []
        for world in worlds:
            world.host.office.hub.attach()
            seen.append(await looked(world, begin))
        return tuple(seen)

    with logged() as log:
        seen = asyncio.run(story())
    return Told(worlds, log.getvalue(), seen)  # type: ignore[arg-type] # two


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with ExitStack() as stack:
        yield tell(tmp_path_factory.mktemp("worlds"), stack)


def differences(told: Told) -> list[str]:
    """Return what is not alike, by reader and address."""
    found = []
    for reader in told.seen[0]:
        one, other = (seen[reader].alike() for seen in told.seen)
        for (path, *here), (path_there, *there) in zip(one, other, strict=False):
            if path != path_there:
                found.append(f"{reader}: `{path}` was reached in place of `{path_there}`")
                break
            if here != there:
                found.append(f"{reader}: `{path}`: {where(here, there)}")
        if len(one) != len(other):
            found.append(f"{reader}: {len(one)} answers, and {len(other)}")
    return found


def where(here: list[object], there: list[object]) -> str:
    for name, one, other in zip(("status", "headers", "body"), here, there, strict=True):
        if one != other and name == "body":
            assert isinstance(one, bytes)
            assert isinstance(other, bytes)
            at = next(
                (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
            )
            return f"{one[max(0, at - 60) : at + 60]!r} and {other[max(0, at - 60) : at + 60]!r}"
        if one != other and name == "status":
            return f"{one} and {other}"
    return f"{here[1]} and {there[1]}"


def test_what_a_reader_may_not_see_changes_nothing_that_they_see(told: Told) -> None:
    counts = {reader: len(seen.answers) for reader, seen in told.seen[0].items()}
    assert min(counts.values()) >= 3, counts
    kinds = {got.header("content-type").partition(";")[0] for seen in told.seen[0].values() for _, got in seen.answers}
    assert kinds >= FORMS, FORMS - kinds
    found = differences(told)
    assert not found, "\n".join([f"{len(found)} answers differ", *found[:60]])


Planting = tuple[Any, str, Any]
PLANTED: dict[str, tuple[Planting, str]] = {
    "everyone reads the store itself": ((Books, "read_by", lambda self, _readers: self._node), "/api/v1/status"),
    "a channel's size counts all": (
        (Thinning, "count", lambda _self, _channel, _epoch, size: size),
        "/api/v1/channels",
    ),
    "what was read or taken back is named": ((Judge, "hides", lambda *_: False), "/security/audit.csv"),
    "any clearance will do": ((Readers, "admits", lambda *_: True), f"/search?q={OPEN_TAG}"),
}
"""Bugs, each with an address at which the comparison must notice it."""


@pytest.mark.parametrize("name", PLANTED)
def test_a_leak_would_be_found(told: Told, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (owner, attribute, planted), path = PLANTED[name]

    async def story(*, anew: bool) -> list[Seen]:
        found = []
        for world in told.worlds:
            host, seen = world.host, Seen()
            held = host.office.books._extracts._held
            headers = host.bearer("low", "liaison") if "/api/" in path else host.cookie("low", "security")
            kept = dict(held)
            if anew:
                held.clear()
            seen.answers.append((path, await host.get(path, headers)))
            held.clear()
            held.update(kept)
            found.append(seen)
        return found

    one, other = (seen.alike() for seen in asyncio.run(story(anew=False)))
    assert one == other
    monkeypatch.setattr(owner, attribute, planted)
    one, other = (seen.alike() for seen in asyncio.run(story(anew=True)))
    assert one != other


def test_no_mark_of_what_a_reader_may_not_see_comes_out(told: Told) -> None:
    marks = [Canary("a word", HIDDEN_TAG), Canary("a ship", HIDDEN_SHIP)]
    found = [
        f"{reader}: `{path}`"
        for reader, seen in told.seen[0].items()
        for path, got in seen.answers
        if HIDDEN_TAG not in path and HIDDEN_TAG[:5] not in path and str(HIDDEN_SHIP) not in path
        for each in search(path, got.body, marks)
    ]
    assert not found, "\n".join(found[:60])
    open_marks = [Canary("open", OPEN_TAG)]
    reached = {
        reader
        for reader, seen in told.seen[0].items()
        for path, got in seen.answers
        if search(path, got.body, open_marks)
    }
    assert {"low as watch", "guest as watch", "low's program as watch"} <= reached, reached


def test_no_mark_leaves_by_another_way(told: Told) -> None:
    """Not by the wire, a bundle, what the partner keeps, figures or log, nor by the form in which a chart or a team is told."""
    world = told.worlds[0]
    kinds = {kind for (kind,) in world.india.store.query("SELECT DISTINCT type FROM record WHERE own = 1")}
    assert kinds >= {name for domain in DOMAINS for name in domain.records}, "one of every class was said"
    home, every = [Canary("home", HOME_TAG)], [Canary("any", HIDDEN_TAG), Canary("a ship", HIDDEN_SHIP)]
    sent = b"\n".join(data for sender, _, data in world.federation.wire if sender == "ind/delhi")
    assert search("the wire", sent, [Canary("shared", SHARED_TAG)]), "the search finds what went"
    assert not search("the wire", sent, home)
    cells = [row for table in tables_of(world.japan) for row in world.japan.store.query(f"SELECT * FROM {table}")]
    theirs = [record for (record,) in world.japan.store.query("SELECT id FROM record WHERE own = 0")]
    assert not set(theirs) & set(world.hidden[HOME_TAG])
    kept = "\n".join(map(repr, cells)).encode()
    assert search("what the partner keeps", kept, [Canary("shared", SHARED_TAG)])
    for name, data in bundled(world):
        assert not search(name, data, home), name
    figures = asyncio.run(world.host.get("/metrics", {})).body
    assert b"kizuna_journal_entries" in figures
    assert not search("figures", figures, every)
    assert not search("log", told.log.encode(), every)
    for name, said in forms_of(world):
        assert not search(name, said, every), name


def tables_of(node: SimNode) -> list[str]:
    return [
        name
        for (name,) in node.store.query(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
    ]


def bundled(world: World) -> Iterator[tuple[str, bytes]]:
    """Yield the parts of a bundle for the partner, opened with its key."""
    data = world.india.do(fx.ExportBundle("jpn/tokyo", world.federation.now_ms + 3_600_000, "officer:1:liaison"))
    private = world.japan.identity.seal_private
    sealing = {bundle.sealing_key_id(bundle.sealing_public(private)): private}
    key = world.india.identity.keys["bundle"].public
    opened, members = bundle.open_bundle(
        data, "jpn/tokyo", sealing, world.federation.now_ms, lambda _sender, _key_id: key
    )
    yield "manifest", repr(opened).encode()
    for member in members:
        yield member.name, member.data


def forms_of(world: World) -> Iterator[tuple[str, bytes]]:
    """Yield what charts and teams would be told of every record at sea, by the gates of the readers' plugs."""
    now_ms, store = world.federation.now_ms, world.india.store
    rows = store.query("SELECT id FROM record WHERE type LIKE 'maritime.%' ORDER BY seq")
    told = 0
    for plug in world.host.plugging.plugs:
        for (record_id,) in rows:
            record = load_record(store, record_id)
            if record is None or record.clear.type not in (POSITION_BATCH, STATIC_REPORTED):
                continue
            given = plug.gate.rule(record, now_ms)
            facts = plug.gate.said(record, given) if given.permit else {}
            about = Telling(issuer="ind", source=str(facts.get("source", "")), grades=given.grades, now_ms=now_ms)
            batch = given.permit and record.clear.type == POSITION_BATCH
            table = plug.gate.positions(record, given) if batch else empty()
            for line in [*Cot("ind").positions(table, about), *Nmea().static(facts, about), about.station.encode()]:
                told += 1
                yield f"{plug.gate.recipient.name} of {record_id[:8]}", line
    assert told > len(world.host.plugging.plugs)
