"""The books of a node: extracts come after the journal by themselves and outlive a restart, and nothing of a former one stays."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from weakref import ref

import apsw

from kizuna.node import effects as fx
from kizuna.node.people.accounts import Accounts
from kizuna.node.readers.thinning import Readers
from kizuna.storage.extracts import ExtractFolder
from kizuna.web.books import Books
from tests.sim.world import POLICY, pair
from tests.sim.world import note as said_note
from tests.web.harness import Served, note, secret
from tests.web.pages.test_pages import account, signed_in
from tests.web.visiting import Running, SimClock, SimRunner


def texts(folder: Path) -> set[str]:
    """Return the notes of the one extract that is kept, as its file has them, whoever writes it."""
    (path,) = folder.glob("*.sqlite")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return {str(text) for (text,) in connection.execute("SELECT text FROM note")}
    finally:
        connection.close()


async def until_told(folder: Path, wanted: set[str]) -> None:
    async with asyncio.timeout(15):
        while texts(folder) != wanted:  # noqa: ASYNC110 # a file tells nobody
            await asyncio.sleep(0.1)


def test_extracts_come_after_the_journal_unasked(tmp_path: Path) -> None:
    extracts = tmp_path / "extracts"

    async def first() -> str:
        async with Served(tmp_path, "ind/delhi") as served:
            low = await signed_in(served, "low", clearance=1)
            await served.node.do(fx.Say((note("one", "ind", "ind"), secret("kept", "ind"))))
            assert (await low.open("/withheld"))[0] == 200
            assert texts(extracts) == {"one"}
            await served.node.do(fx.Say((note("two", "ind", "ind"),)))
            await until_told(extracts, {"one", "two"})
            return next(extracts.glob("*.sqlite")).name

    async def second(name: str) -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            await served.node.do(fx.Say((note("three", "ind", "ind"),)))
            await until_told(extracts, {"one", "two", "three"})
            assert [path.name for path in extracts.glob("*.sqlite")] == [name], "it went on in place"

    name = asyncio.run(first())
    asyncio.run(second(name))
    Accounts(tmp_path / "accounts.json").remove("low")

    async def third() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            account(served, "other", clearance=2)
            async with asyncio.timeout(15):
                while list(extracts.iterdir()):  # noqa: ASYNC110 # the same
                    await asyncio.sleep(0.1)

    asyncio.run(third())


def test_nothing_of_an_extract_that_was_made_anew_stays(tmp_path: Path) -> None:
    federation, india, _, _ = pair("books")
    clock = SimClock(india)
    node = Running(india.identity, india.store, india.core, SimRunner(india), india.blobs, clock)
    books = Books(node, ExtractFolder(tmp_path))
    (said,) = india.do(fx.Say((said_note("open", "ind", level=1),)))
    former = books.read_by(Readers(1)).store
    assert books.ceilings(former).of(["notes"])
    gone = ref(former)
    del former
    india.do(fx.Relabel(said.record_id, "wrong", "officer:1:desk", "officer:2:security", grades={POLICY: 3}))
    now = books.read_by(Readers(1)).store
    assert now.query("SELECT text FROM note") == []
    gc.collect()
    assert gone() is None
    books.close()
    federation.close()
