"""The security desk over plain HTTP: reads are journalled and found again, a channel is stopped in two steps, a version is tried unsigned."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from kizuna.kernel import canonical
from kizuna.node import effects as fx
from tests.web.harness import DESK, POLICY, Served, arrangement, introduce, note, secret, until
from tests.web.pages.test_pages import Browser, signed_in


def test_who_read_what_is_found_filtered_and_exported_with_its_place_in_the_journal(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path, "ind/delhi") as served:
            said = await served.node.do(fx.Say((note("a ship", "ind", "jpn"), secret("a secret", "ind"))))
            plain, hidden = (each.record_id for each in said)  # type: ignore[attr-defined] # a tuple of said records
            reader = await signed_in(served, "7", "watch")
            for _ in range(3):
                assert (await reader.open(f"/records/{plain}"))[0] == 200
            await served.call("GET", f"/api/v1/records/{hidden}", role="liaison")
            guard = await signed_in(served, "8", "security")
            await until(lambda: served.node.store.query("SELECT COUNT(*) FROM audit WHERE kind = 'read'")[0][0] == 2)
            _, text = await guard.open("/security")
            assert "officer:7:watch" in text
            assert plain[:12] in text
            low = await signed_in(served, "9", "security", clearance=1)
            assert hidden[:12] not in (await low.open("/security"))[1]
            _, text = await guard.open("/security?actor=officer:9")
            assert 'class="empty"' in text
            _, text = await guard.open("/security/audit.csv?group=reads&actor=officer:7")
            (row,) = csv.DictReader(io.StringIO(text))
            assert (row["actor"], row["record"]) == ("officer:7:watch", plain)
            (stored,) = served.node.store.read(int(row["seq"]), 1)
            assert stored.chain.hex() == row["entry_sha256"]
            _, text = await guard.open("/security/audit.json")
            assert json.loads(text)["journal"]["chain"] == served.node.store.head().chain.hex()
            assert (await reader.open("/security"))[0] == 403

    asyncio.run(story())


def test_a_channel_is_stopped_and_opened_again_in_two_steps_each(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "a", "ind/delhi") as served, Served(tmp_path / "b", "jpn/tokyo") as other:
            await introduce(served, other)
            guard = await signed_in(served, "8", "security")
            form = {"csrf": await guard.csrf(), "act": "stop", "node": "jpn/tokyo", "reason": "a leak is suspected"}
            channel = served.node.core.world.out_channel("jpn/tokyo")
            status, text = await guard.open("/security/stop", form)
            assert status == 200
            assert "Are you sure?" in text
            assert not channel.stopped
            assert (await guard.open("/security/stop", form | {"sure": "yes"}))[0] == 303
            assert channel.stopped == "stopped-by-officer"
            await served.node.do(fx.Say((note("kept", "ind", "jpn"),)))
            assert (await guard.open("/security/stop", form | {"sure": "yes"}))[0] == 409
            assert "a leak is suspected" in (await guard.open("/security?group=faults"))[1]
            assert (await guard.open("/security/stop", form | {"act": "reopen", "sure": "yes"}))[0] == 303
            assert not channel.stopped
            for act, halted in (("halt", True), ("go-on", False)):
                assert (await guard.open("/security/stop", form | {"act": act, "sure": "yes"}))[0] == 303
                assert served.node.core.world.halted is halted
            assert (await guard.open("/security/stop", form | {"reason": " "}))[0] == 400
            assert "halted" in (await guard.open("/security?group=policy"))[1]

    asyncio.run(story())


async def _compared(browser: Browser, node: str, theirs: bytes) -> tuple[int, str]:
    form: Any = aiohttp.FormData({"csrf": await browser.csrf(), "node": node})
    form.add_field("theirs", theirs, filename="theirs.json")
    return await browser.open("/channels/compare", form)


def test_where_two_sides_part_is_shown_entry_by_entry(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "a", "ind/delhi") as served:
            async with Served(tmp_path / "b", "jpn/tokyo") as other:
                await introduce(served, other)
                await served.node.do(fx.Say((note("crosses", "ind", "jpn"),)))
                channel = served.node.core.world.out_channel("jpn/tokyo")
                await until(lambda: other.node.notes() == {"crosses"} and channel.receipted == channel.tree.size)
                ours = await signed_in(served, "7", "liaison")
                theirs = await signed_in(other, "8", "security", nationality="jpn")
                _, text = await ours.open("/channels/compare?node=jpn/tokyo")
                assert "Nothing is missing and nothing differs in what the partner has signed." in text
                _, file = await theirs.open("/channels/compare.json?node=ind/delhi")
                assert theirs.headers["content-disposition"] == 'attachment; filename="jpn-tokyo-ind-delhi.json"'
                assert (
                    "Nothing is missing and nothing differs." in (await _compared(ours, "jpn/tokyo", file.encode()))[1]
                )
            altered = json.loads(file)
            altered["in"]["leaves"][0] = "00" * 32
            _, text = await _compared(ours, "jpn/tokyo", json.dumps(altered).encode())
            assert "The two logs differ from entry 0 on." in text
            assert 'class="note alarm"' in text

            # the partner is gone: what leaves in a bundle lies beyond its receipt, and is named
            said = await served.node.do(fx.Say((note("is carried", "ind", "jpn"),)))
            now_ms = served.node.clock.now_ms()
            await served.node.do(fx.ExportBundle("jpn/tokyo", now_ms + 3_600_000, DESK))
            _, text = await ours.open("/channels/compare?node=jpn/tokyo")
            beyond = f"receipt: {channel.tree.size - channel.receipted}, from entry {channel.receipted} on."
            assert beyond in text
            assert said[0].record_id[:12] in text  # type: ignore[index] # a tuple of said records
            assert beyond in (await ours.open("/channels"))[1]

            _, own = await ours.open("/channels/compare.json?node=jpn/tokyo")
            assert (await _compared(ours, "jpn/tokyo", own.encode()))[0] == 409
            assert (await _compared(ours, "jpn/tokyo", b"{}"))[0] == 400
            no_file = {"csrf": await ours.csrf(), "node": "jpn/tokyo", "theirs": "?"}
            assert (await ours.open("/channels/compare", no_file))[0] == 400
            assert (await ours.open("/channels/compare?node=jpn/nowhere"))[0] == 404
            watch = await signed_in(served, "9", "watch")
            assert "/channels/compare" not in (await watch.open("/channels"))[1]
            assert (await watch.open("/channels/compare?node=jpn/tokyo"))[0] == 403

    asyncio.run(story())


def test_what_a_version_would_let_go_is_told_before_it_is_signed(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "a", "ind/delhi") as served, Served(tmp_path / "b", "jpn/tokyo") as other:
            await introduce(served, other)
            await served.node.do(fx.Say((note("one", "ind", "jpn"), note("two", "ind", "jpn", level=3))))
            made = arrangement("ind", "jpn")
            (mine, theirs) = made.provisions
            wider = msgspec.structs.replace(mine, max_classification={POLICY: 3}, discloses=("text", "source"))
            wanted = msgspec.structs.replace(made, provisions=(wider, theirs))
            version = await served.node.do(fx.LoadInstrument(canonical.encode(wanted), "officer:8:security"))
            guard = await signed_in(served, "8", "security")
            _, text = await guard.open("/security/forecast")
            assert "does not count now" in text
            _, text = await guard.open(f"/security/forecast/part?version={version}")
            assert "would newly go" in text
            assert "2 of 2" in text
            counted = re.findall(r'<td class="number">(\d+)</td>', text)
            assert counted[:2] == ["2", "1"]  # both would go or show more, the one that went by a single field
            _, text = await guard.open(
                "/channels/dry-run?tried=yes&type=notes.note-said.v1&level=1&to=jpn&purpose=coordination"
            )
            assert "would get" in text
            for path in (
                "/agreements",
                f"/agreements/{made.id}",
                f"/agreements/{made.id}/{made.provisions[0].id}",
                "/channels/balance",
            ):
                assert (await guard.open(path))[0] == 200, path
            assert (await guard.open(f"/agreements/{made.id}/none"))[0] == 404

    asyncio.run(story())
