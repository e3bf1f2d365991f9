"""The routes of consents, relabels, successors and introductions: what each does, and that two persons are two."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kizuna.kernel import keys
from kizuna.node import effects as fx
from tests.web.harness import Served, introduce, note, until


def test_a_relabel_takes_a_second_persons_token(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one, Served(tmp_path / "jpn", "jpn/yokosuka") as other:
            await introduce(one, other)
            said = await one.node.do(fx.Say((note("graded", "ind", "ind", "jpn"),)))
            await until(lambda: other.node.notes() == {"graded"})
            path = f"/api/v1/records/{said[0].record_id}/relabel"
            grades = (await one.call("GET", f"/api/v1/records/{said[0].record_id}", role="liaison"))[1]["label"]
            asked = {"grades": {policy: grade + 1 for policy, grade in grades.items()}, "reason": "reviewed"}
            assert (await one.call("POST", path, asked, role="liaison"))[0] == 409
            same = one.token("lia", "security")  # the same officer in another role is the same person
            for second, status in ((same, 409), (one.bearer["watch"], 403), ("Bearer x", 401)):
                headers = {"kizuna-second-officer": second}
                assert (await one.call("POST", path, asked, role="liaison", headers=headers))[0] == status
            headers = {"kizuna-second-officer": one.bearer["security"]}
            status, made = await one.call("POST", path, asked, role="liaison", headers=headers)
            assert (status, len(made["id"])) == (200, 64)
            await until(lambda: bool(other.node.store.query("SELECT 1 FROM notice WHERE record_id = ?", (made["id"],))))
            assert (await one.call("POST", path, asked | {"reason": " "}, role="liaison", headers=headers))[0] == 400

    asyncio.run(story())


def test_a_successor_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one, Served(tmp_path / "jpn", "jpn/yokosuka") as other:
            await introduce(one, other)
            said = await one.node.do(fx.Say(tuple(note(text, "ind", "ind", "jpn") for text in ("wrong", "right"))))
            await until(lambda: other.node.notes() == {"wrong", "right"})
            wrong, right = (each.record_id for each in said)
            asked = {"reason": "corrected", "successor": right}
            assert (await one.call("POST", f"/api/v1/records/{wrong}/supersede", asked, role="liaison"))[0] == 200
            shown = (await one.call("GET", f"/api/v1/records/{wrong}", role="liaison"))[1]
            assert shown["standing"] == "superseded"
            await until(
                lambda: (
                    other.node.store.query("SELECT standing FROM record WHERE id = ?", (wrong,)) == [("superseded",)]
                )
            )
            assert (await other.call("POST", f"/api/v1/records/{right}/supersede", asked, role="liaison"))[0] == 409

    asyncio.run(story())


def test_a_consent_is_given_shown_and_taken_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one, Served(tmp_path / "jpn", "jpn/yokosuka") as other:
            await introduce(one, other)
            said = await one.node.do(fx.Say((note("may go on", "ind", "aus", "ind", "jpn"),)))
            asked = {
                "expires_ms": one.node.clock.now_ms() + 86_400_000, "fields": ["text"], "purpose": "coordination",
                "recipient": "aus", "records": [said[0].record_id], "relay": "jpn",
            }  # fmt: skip
            assert (await one.call("POST", "/api/v1/consents", asked, role="watch"))[0] == 403
            assert (await one.call("POST", "/api/v1/consents", asked | {"relay": "usa"}, role="liaison"))[0] == 409
            status, made = await one.call("POST", "/api/v1/consents", asked, role="liaison")
            assert status == 201
            await until(lambda: len(other.node.core.world.ledger.consents) == 1)
            for at in (one, other):
                (shown,) = (await at.call("GET", "/api/v1/consents", role="liaison"))[1]
                assert (shown["id"], shown["originator"], shown["fields"]) == (made["id"], "ind", ["text"])
            path = f"/api/v1/consents/{made['id']}/revoke"
            assert (await other.call("POST", path, {"reason": "not mine"}, role="liaison"))[0] == 409
            assert (await one.call("POST", path, {"reason": "enough"}, role="liaison"))[0] == 200
            await until(lambda: not other.node.core.world.ledger.consents)

    asyncio.run(story())


def test_a_card_is_introduced_by_its_fingerprint(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one, Served(tmp_path / "aus", "aus/canberra") as other:
            card = other.card
            asked = {"card": card.decode(), "fingerprint": "0000"}
            assert (await one.call("POST", "/api/v1/introduced", asked, role="security"))[0] == 409
            asked["fingerprint"] = keys.fingerprint(card)
            assert (await one.call("POST", "/api/v1/introduced", asked, role="liaison"))[0] == 403
            status, made = await one.call("POST", "/api/v1/introduced", asked, role="security")
            assert (status, made) == (201, {"node": "aus/canberra"})
            assert "aus" in one.node.core.world.issuers
            assert "aus/canberra" not in one.node.core.world.partners

    asyncio.run(story())
