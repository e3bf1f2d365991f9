"""Readers of a node: two worlds that differ only in what a reader may not see answer them alike, byte for byte, and no mark of it comes out."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kizuna import formats
from kizuna.domains.maritime.records import POSITION_BATCH, STATIC_REPORTED
from kizuna.formats.positions_arrow import empty
from kizuna.kernel import bundle
from kizuna.node import effects as fx
from kizuna.node.held.facts import load_record
from kizuna.node.maritime.sightings import identity
from kizuna.node.people.tokens import PREFIX, ROLES
from kizuna.node.plugs.forms import Cot, Nmea
from kizuna.node.plugs.forms import Told as Telling
from kizuna.node.readers.thinning import Judge, Readers, Thinning
from kizuna.sim.federation import SimNode
from kizuna.web.api import index as api_index
from kizuna.web.books import Books
from kizuna.web.pages import watch as watch_pages
from kizuna.web.stream import Notice
from kizuna.web.stream import Seen as Heard
from tests.acceptance.canaries import Canary, search
from tests.acceptance.hosting import logged
from tests.web import reader_streams as streams
from tests.web import reader_walk as walk
from tests.web.reader_walk import Seen
from tests.web.reader_world import DOMAINS, HIDDEN_SHIP, HIDDEN_TAG, HOME_TAG, OPEN_SHIP, OPEN_TAG, SHARED_TAG, World
from tests.web.visiting import Answer

pytestmark = pytest.mark.timeout(900)
READERS = (("low", 1, "ind"), ("guest", 15, "aus"))
"""Officers by what they may not see: what is graded above 1, and what is not releasable to Australia. Both act in every role."""
WIDE = {("low", "watch"), ("low", "liaison"), ("low", "security"), ("low", "administrator"), ("guest", "watch")}
"""In which roles two pages of each shape are opened; in the others, which open the same pages but for their own, one."""
FORMS = {
    "application/json", "application/octet-stream", "application/pdf", "application/vnd.oai.openapi+json", "application/xml", "image/svg+xml",
    "text/calendar", "text/csv", "text/event-stream", "text/html",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}  # fmt: skip
"""Media types that must have come, or less was asked than there is; what a domain makes beside them fails a test below."""


async def looked(world: World, begin: list[str]) -> dict[str, Seen]:
    """Return what every reader gets in a world, role by role."""
    host, found, record = world.host, dict[str, Seen](), begin[0].rpartition("/")[2]
    host.ready()
    host.account("high", "liaison", clearance=15, nationality="ind")
    for path in begin[:2]:
        await host.get(path, host.cookie("high", "liaison"))
    for officer, clearance, nation in READERS:
        host.account(officer, *ROLES, clearance=clearance, nationality=nation)
        for role in ROLES:
            seen = found[f"{officer} as {role}"] = Seen()
            await walk.walked(
                host, host.cookie(officer, role), begin, seen, of_a_shape=2 if (officer, role) in WIDE else 1
            )
            seen = found[f"{officer}'s program as {role}"] = Seen()
            await walk.called(host, host.bearer(officer, role), record, seen, wide=role == ROLES[0])
        opened = sorted({path for seen in found.values() for path, got in seen.answers if _is_page(path, got)})
        for role in ROLES:
            await walk.refused(host, host.cookie(officer, role), opened, found[f"{officer} as {role}"])
        seen = found[f"{officer}'s program tries"] = Seen()
        for role in ROLES:
            await walk.asked(host, host.bearer(officer, role), begin, seen)
            if officer == READERS[0][0]:
                await walk.posted(host, host.bearer(officer, role), record, seen)
        plug = f"{officer}-plug"
        seen = found[plug] = Seen()
        host.account(plug, "integrator", clearance=clearance, nationality=nation)
        await walk.routes(host, host.bearer(plug, "integrator"), "0" * 64, seen)
    host.place = "192.0.2.7"  # whoever asks from this machine itself is told its figures
    for who, headers in (("nobody", {}), ("a stranger", {"authorization": f"Bearer {PREFIX}{'x' * 43}"})):
        await walk.refused(host, headers, [*begin, *opened], found.setdefault(who, Seen()))
        await walk.routes(host, headers, record, found[who])
    host.place = "127.0.0.1"
    for officer, _, _ in READERS:
        await streams.follow(world, officer, found)
    return found


def _is_page(path: str, got: Answer) -> bool:
    return not path.startswith(("/api/", "POST ")) and got.status in walk.ALREADY


MARKS = (Canary("a word", HIDDEN_TAG), Canary("a ship", HIDDEN_SHIP))
"""What stands in all that few may see and nowhere else."""


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
    begin = walk.guesses(worlds)  # type: ignore[arg-type] # two

    async def story() -> tuple[dict[str, Seen], ...]:
        seen = []
        # one thread, so that what listens has taken up one thing before the next one happens
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
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
    for name, one, other in zip(("status", "headers", "body", "times"), here, there, strict=True):
        if one != other and name == "body":
            assert isinstance(one, bytes)
            assert isinstance(other, bytes)
            at = next(
                (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
            )
            return f"{one[max(0, at - 60) : at + 60]!r} and {other[max(0, at - 60) : at + 60]!r}"
        if one != other:
            return f"{name}: {one} and {other}"
    return "nothing"


def test_what_a_reader_may_not_see_changes_nothing_that_they_see(told: Told) -> None:
    counts = {reader: len(seen.answers) for reader, seen in told.seen[0].items()}
    assert min(counts.values()) >= 3, counts
    kinds = {got.header("content-type").partition(";")[0] for seen in told.seen[0].values() for _, got in seen.answers}
    assert kinds >= FORMS, FORMS - kinds
    assert not [path for seen in told.seen[0].values() for path, got in seen.answers if got.status >= 500]
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


STREAMS: dict[str, list[Planting]] = {
    "everyone follows all that is held": [(Books, "read_by", lambda self, _readers: self._node)],
    "a commit that may not be seen is heard": [
        (owner, "as_seen", lambda heard, _seen: heard) for owner in (watch_pages, api_index)
    ],
    "a commit that may not be seen is heard as nothing": [(Heard, "news", lambda self: Notice({}, self._seq))],
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_leak_into_a_stream_would_be_found(told: Told, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for planting in STREAMS[name]:
        monkeypatch.setattr(*planting)

    async def story() -> list[dict[str, Seen]]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        found: list[dict[str, Seen]] = []
        for world in told.worlds:
            world.host.office.hub.attach()
            found.append({})
            await streams.follow(world, "low", found[-1], charts=streams.CHARTS if "everyone" in name else ())
        return found

    one, other = (found["low follows"].alike() for found in asyncio.run(story()))
    differ = {here[0] for here, there in zip(one, other, strict=True) if here != there}
    events = {"/watch/stream", "/api/v1/stream"}
    assert differ == (events if "heard" in name else {*events, *streams.CHARTS})


def test_an_unforeseen_error_tells_nothing_to_any_role_nor_to_the_log(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails says something of a record, as a fault in our own code would: the answer has a sentence, the log a type and a place."""
    host = told.worlds[0].host

    def fails(*_: object) -> None:
        raise ValueError(f"{HOME_TAG} {HIDDEN_SHIP}")

    monkeypatch.setattr(Books, "of", fails)

    async def story() -> list[tuple[str, Answer]]:
        pages = [
            (path, host.cookie("low", role)) for role in ROLES for path in ("/", "/cases", "/picture", "/security")
        ]
        calls = [
            (path, host.bearer("low", role)) for role in ROLES for path in ("/api/v1/status", "/api/v1/claim/events")
        ]
        return [(path, await host.get(path, headers)) for path, headers in [*pages, *calls]]

    with logged() as log:
        answers = asyncio.run(story())
    assert sum(got.status == 500 for _, got in answers) > 3 * len(ROLES)
    lines = log.getvalue()
    assert lines.count('"ValueError"') == sum(got.status == 500 for _, got in answers)
    assert not search("log", lines.encode(), MARKS)
    assert not [path for path, got in answers if search(path, got.body, MARKS)]


def test_every_form_of_file_that_is_made_was_asked_for() -> None:
    """A form that is made anew, or of which nobody was shown anything, stands here or fails."""
    made = {
        value.partition(";")[0]
        for found in pkgutil.iter_modules(formats.__path__)
        for name, value in vars(importlib.import_module(f"kizuna.formats.{found.name}")).items()
        if name in ("MEDIA_TYPE", "HTML", "DOCX") and isinstance(value, str)
    }
    assert made <= FORMS, made - FORMS


def test_no_mark_of_what_a_reader_may_not_see_comes_out(told: Told) -> None:
    found = [
        f"{reader}: `{path}`"
        for reader, seen in told.seen[0].items()
        for path, got in seen.answers
        if HIDDEN_TAG not in path and HIDDEN_TAG[:5] not in path and str(HIDDEN_SHIP) not in path
        for each in search(path, got.body, MARKS)
    ]
    assert not found, "\n".join(found[:60])
    charts = [got.body for seen in told.seen[0].values() for path, got in seen.answers if path in streams.CHARTS]
    shown = {ship: [_row_of(ship) in body for body in charts] for ship in (OPEN_SHIP, HIDDEN_SHIP)}
    assert all(shown[OPEN_SHIP])
    assert not any(shown[HIDDEN_SHIP])
    sent = [
        got.body
        for officer, *_ in READERS
        for path, got in told.seen[0][f"{officer}-plug"].answers
        if path.startswith("/cise/push")
    ]
    assert len(sent) == len(READERS)
    assert all(str(OPEN_SHIP).encode() in body for body in sent), "the adaptor to EU CISE is given what it may have"
    open_marks = [Canary("open", OPEN_TAG)]
    reached = {
        reader
        for reader, seen in told.seen[0].items()
        for path, got in seen.answers
        if search(path, got.body, open_marks)
    }
    assert {"low as watch", "guest as watch", "low's program as watch"} <= reached, reached


def _row_of(ship: int) -> bytes:
    """Return a ship as a frame of the chart has it."""
    return identity(ship, simulated=True).to_bytes(4, "little")


def test_no_mark_leaves_by_another_way(told: Told) -> None:
    """Not by the wire, a bundle, what the partner keeps, figures or log, nor by the form in which a chart or a team is told."""
    world = told.worlds[0]
    kinds = {kind for (kind,) in world.india.store.query("SELECT DISTINCT type FROM record WHERE own = 1")}
    assert kinds >= {name for domain in DOMAINS for name in domain.records}, "one of every class was said"
    home = [Canary("home", HOME_TAG)]
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
    assert not search("figures", figures, MARKS)
    assert not search("log", told.log.encode(), MARKS)
    for name, said in forms_of(world):
        assert not search(name, said, MARKS), name


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
