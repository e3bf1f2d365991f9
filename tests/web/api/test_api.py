"""The users' API of running nodes: who may call, what is answered, and what is refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from kizuna.kernel import keys
from kizuna.kernel.label import Grade
from kizuna.node import effects as fx
from kizuna.node.plugs.plugging import Plugging
from kizuna.node.plugs.showing import Showing
from kizuna.web.access import OPEN
from kizuna.web.api.index import make_app
from kizuna.web.api.plugs import plug_routes
from kizuna.web.serve import Serving, make_office
from tests.web.harness import Served, TestNode, introduce, note, routes_of, secret, until, watch_of

HOSTILE = (
    b'{"%s": 1, "%s": 1}',
    b'{"%s": 1, "\\u00%02x%s": 1}',
    b'{"unknown_field_of_nobody": 1}',
    b'{"a": 1.5}',
    b'{"a": NaN}',
    b'{"a": 1e3}',
    b'{"a": 9007199254740993}',
    b"[]",
    b"null",
    b"true",
    b'""',
    b"",
    b"{",
    b"{} {}",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b'{"a": "\xff"}',
    b'{"a": "\\ud800"}',
    b"[" * 100_000,
    b'{"a": "' + b"x" * (1 << 20) + b'"}',
)


def test_two_nodes_meet_exchange_and_answer_for_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one, Served(tmp_path / "jpn", "jpn/yokosuka") as other:
            await introduce(one, other)
            said = await one.node.do(fx.Say((note("seen", "ind", "ind", "jpn"), secret("kept", "ind"))))
            assert isinstance(said, tuple)
            await until(lambda: other.node.notes() == {"seen"})

            async def channel() -> dict[str, Any]:
                return dict((await one.call("GET", "/api/v1/channels", role="liaison"))[1][0])

            await until(lambda: one.node.store.query("SELECT 1 FROM channel_out WHERE receipted = size AND size > 0"))
            state = await channel()
            assert state["out_receipted"] == state["out_size"] > 0
            assert (await channel())["out_due"] == 0

            status, state = await one.call("GET", "/api/v1/status", role="watch")
            assert (status, state["node"]) == (200, "ind/delhi")
            assert state["partners"][0]["node"] == "jpn/yokosuka"
            assert state["withheld_by_reason"]
            assert state["certificate_days"] == 729

            shown = (await one.call("GET", f"/api/v1/records/{said[0].record_id}", role="liaison"))[1]
            assert shown["facts"]["payload/text"] == "seen"
            (place,) = shown["released"]
            assert place["provision"] == "notes-ind-jpn"
            assert place["receipted"]
            assert "payload/source" not in place["names"]
            read = (await other.call("GET", f"/api/v1/records/{said[0].record_id}", role="liaison"))[1]
            assert "payload/source" not in read["facts"]
            assert read["received_in"] == ["kizuna/ind/delhi/to/jpn/yokosuka"]
            assert (await other.call("GET", f"/api/v1/records/{said[1].record_id}", role="liaison"))[0] == 404

            held = (await one.call("GET", "/api/v1/withheld", role="liaison"))[1]
            assert {row["type"] for row in held} == {"notes.secret-said.v1"}
            for record, permit in ((said[0], True), (said[1], False)):
                asked = {"record_id": record.record_id, "recipient": "jpn"}
                status, why = await one.call("POST", "/api/v1/release/explain", asked, role="desk")
                assert (status, why["decision"]["permit"]) == (200, permit)
                assert why["decision"]["sentence"]
            (listed,) = (await one.call("GET", "/api/v1/instruments", role="desk"))[1]
            assert listed["in_force"]
            (whole,) = (await one.call("GET", f"/api/v1/instruments/{listed['id']}", role="desk"))[1]
            assert len(whole["instrument"]["provisions"]) == 2
            assert (await one.call("GET", "/api/v1/instruments/none", role="desk"))[0] == 404

            acted = {"act": "retract", "reason": "a mistake"}
            status, done = await one.call("POST", f"/api/v1/records/{said[0].record_id}/act", acted, role="liaison")
            assert (status, done["channels"]) == (200, ["kizuna/ind/delhi/to/jpn/yokosuka"])
            assert (await one.call("GET", "/api/v1/alerts", role="security")) == (200, [])

    asyncio.run(story())


def test_halt_stops_and_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one, Served(tmp_path / "jpn", "jpn/yokosuka") as other:
            await introduce(one, other)
            path = "/api/v1/release/halt"
            assert (await one.call("POST", path, {"on": True, "reason": " "}, role="security"))[0] == 400
            assert (await one.call("POST", path, {"on": True, "reason": "leak"}, role="watch"))[0] == 403
            assert await one.call("POST", path, {"on": True, "reason": "leak"}, role="security") == (
                200,
                {"halted": True},
            )
            await one.node.do(fx.Say((note("held", "ind", "ind", "jpn"),)))
            state = (await one.call("GET", "/api/v1/status", role="watch"))[1]
            assert state["halted"]
            assert "halted" in {warning["code"] for warning in state["warnings"]}
            assert state["channels"][0]["out_due"] == 1
            assert b"kizuna_halted 1.0" in (await one.call("GET", "/metrics"))[1]
            assert other.node.notes() == set()
            assert (await one.call("POST", path, {"on": False, "reason": "clear"}, role="security"))[0] == 200
            await until(lambda: other.node.notes() == {"held"})

    asyncio.run(story())


def test_bundles_are_exported_and_taken_in(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one, Served(tmp_path / "jpn", "jpn/yokosuka") as other:
            await introduce(one, other)
            await one.call("POST", "/api/v1/release/halt", {"on": True, "reason": "cut"}, role="security")
            await one.node.do(fx.Say((note("carried", "ind", "ind", "jpn"),)))
            other.stop.set()
            await one.call("POST", "/api/v1/release/halt", {"on": False, "reason": "go"}, role="security")
            asked = {"not_after_ms": one.node.clock.now_ms() + 86_400_000}
            status, data = await one.call("POST", "/api/v1/channels/jpn/yokosuka/export", asked, role="liaison")
            assert status == 200
            assert isinstance(data, bytes)
            assert (await one.call("POST", "/api/v1/channels/jpn/nobody/export", asked, role="liaison"))[0] == 404
            status, said = await one.call("POST", "/api/v1/bundles", data, role="liaison")
            assert (status, said["error"]) in {(422, "bundle"), (422, "signature"), (409, "refused")}
            assert (await one.call("POST", "/api/v1/bundles", b"nonsense", role="liaison"))[0] == 422

    asyncio.run(story())


def test_a_backfill_needs_two_persons(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one, Served(tmp_path / "jpn", "jpn/yokosuka") as other:
            await introduce(one, other)
            asked = {"node": "jpn/yokosuka", "from_ms": 0, "to_ms": one.node.clock.now_ms()}
            path = "/api/v1/release/backfill"
            assert await one.call("POST", path, asked, role="liaison") == (200, {"queued": False, "records": []})
            same = one.token("lia", "security")  # the same officer in another role is the same person
            for second, status in ((same, 409), (one.bearer["watch"], 403), ("Bearer x", 401), ("", 401)):
                headers = {"kizuna-second-officer": second}
                assert (await one.call("POST", path, asked, role="liaison", headers=headers))[0] == status
            headers = {"kizuna-second-officer": one.bearer["security"]}
            assert (await one.call("POST", path, asked, role="liaison", headers=headers))[0] == 200
            asked["node"] = "xyz/none"
            assert (await one.call("POST", path, asked, role="liaison"))[0] == 409

    asyncio.run(story())


def test_enrolment_wants_the_fingerprint_that_was_read_out(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one, Served(tmp_path / "jpn", "jpn/yokosuka") as other:
            card = other.card.decode()
            print_ = keys.fingerprint(other.card)
            for wrong in ("", print_[:-1], print_[5:] + " " + print_[:4], keys.fingerprint(one.card)):
                asked = {"card": card, "fingerprint": wrong}
                assert (await one.call("POST", "/api/v1/partners", asked, role="administrator"))[0] == 409
            asked = {"card": card, "fingerprint": print_.upper().replace(" ", "-")}
            assert (await one.call("POST", "/api/v1/partners", asked, role="liaison"))[0] == 403
            assert (await one.call("POST", "/api/v1/partners", {"card": "{}", "fingerprint": ""}, role="security"))[
                0
            ] == 400
            expected = (201, {"node": "jpn/yokosuka"})
            assert await one.call("POST", "/api/v1/partners", asked, role="administrator") == expected
            assert len((await one.call("GET", "/api/v1/partners", role="watch"))[1]) == 1
            assert (await one.call("DELETE", "/api/v1/partners/jpn/yokosuka", role="security"))[0] == 200
            assert (await one.call("GET", "/api/v1/partners", role="watch"))[1] == []
            assert (await one.call("DELETE", "/api/v1/partners/jpn/yokosuka", role="security"))[0] == 404

    asyncio.run(story())


# --- every route ------------------------------------------------------------------------------------------------------------------


def routes(folder: Path) -> list[tuple[str, str, Any]]:
    """Return method, path with values for its parameters, and access of every route of the application."""
    node = TestNode(folder, "ind/routes")
    watch = watch_of(node, folder)
    office = make_office(node, node.clock, Serving(node.keys.files, folder / "tokens.json", folder))
    plugging = Plugging(node.runner, node.core.world, (), node.clock)
    showing = Showing(node.store, "ind", (), Grade("ind.desk.v1", 0))
    app = make_app(office, [*routes_of(watch), *plug_routes(office, plugging, showing)])
    watch.feeding.start()
    watch.feeding.stop()
    node.store.close()
    found = []
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            path = route.path_format
            for name, value in (
                ("record_id", "0" * 64),
                ("feature_id", "419000001"),
                ("consent", "0" * 64),
                ("party", "jpn"),
                ("name", "yokosuka"),
                ("mmsi", "419000001"),
            ):
                path = path.replace(f"{{{name}}}", value)
            path = path.replace("/api/openapi/{path}", "/api/openapi/x")
            assert "{" not in path
            found += [
                (method, path, handler.opt.get("access")) for method in handler.http_methods if method != "OPTIONS"
            ]
    assert len(found) > 15
    return found


def test_no_route_is_open_by_oversight(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one:
            opened = set()
            for method, path, access in routes(tmp_path):
                if access == OPEN or path == "/metrics":
                    opened.add(path)
                    continue
                assert isinstance(access, frozenset) or path.startswith("/api/openapi"), path
                for headers in ({}, {"authorization": "Bearer kizuna_x"}, {"authorization": "Basic eDp5"}):
                    status, said = await one.call(method, path, headers=headers)
                    assert (status, said["error"]) == (401, "no-token"), path
                refused = next((role for role in one.bearer if role not in (access or ())), None)
                if refused is not None:
                    assert (await one.call(method, path, b"{}", role=refused))[0] == 403, path
            assert opened == {"/api/v1/health", "/metrics", "/api/openapi.json"}

    asyncio.run(story())


def test_hostile_bodies_are_refused_on_every_route(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one:
            before = one.node.store.head()
            tried = 0
            for method, path, access in routes(tmp_path):
                if method not in {"POST", "PUT", "PATCH"} or path.startswith("/gfw/"):
                    continue  # a query in another's form, to which nothing is lost: its own tests spell it wrongly
                role = next(role for role in one.bearer if role in access)
                for body in bodies_for(path):
                    status, said = await one.call(method, path, body, role=role)
                    assert status in {400, 413, 422}, (path, body[:80], status, said)
                    assert set(said) == {"error", "sentence", "remedy"}
                    tried += 1
            assert tried > 100
            assert one.node.store.head() == before

    asyncio.run(story())


def bodies_for(path: str) -> list[bytes]:
    """Return the hostile spellings, with the fields that the route knows where a spelling repeats or coerces them."""
    good: dict[str, Any] = {
        "/api/v1/release/explain": {"recipient": "jpn", "record_id": "0" * 64},
        "/api/v1/release/halt": {"on": True, "reason": "r"},
        "/api/v1/release/backfill": {"from_ms": 0, "node": "jpn/yokosuka", "to_ms": 1},
        "/api/v1/partners": {"card": "{}", "fingerprint": "x"},
        "/api/v1/channels/jpn/yokosuka/export": {"not_after_ms": 1},
        "/api/v1/channels/reopen": {"channel": "x", "reason": "r"},
        f"/api/v1/records/{'0' * 64}/act": {"act": "retract", "reason": "r"},
        f"/api/v1/records/{'0' * 64}/relabel": {"reason": "r"},
        f"/api/v1/records/{'0' * 64}/supersede": {"reason": "r", "successor": "0" * 64},
        f"/api/v1/consents/{'0' * 64}/revoke": {"reason": "r"},
        "/api/v1/consents": {"expires_ms": 1, "fields": ["x"], "purpose": "p", "recipient": "aus", "relay": "jpn"},
        "/api/v1/introduced": {"card": "{}", "fingerprint": "x"},
        "/api/v1/bundles": {},
        "/api/v1/instruments": {},
        "/api/v1/instruments/yokosuka/sign": {"envelope": "{}", "version": "0" * 64},
        "/api/v1/instruments/yokosuka/status": {"act": "suspend", "reason": "r"},
        "/api/v1/instruments/yokosuka/scopes": {"from_ms": 1, "name": "x", "to_ms": 2},
        "/api/v1/instruments/yokosuka/scopes/close": {"closes": "0" * 64},
    }[path]
    found = [body for body in HOSTILE if b"%" not in body]
    whole = json.dumps(good).encode()
    for field, value in good.items():
        pair = json.dumps({field: value})[1:-1].encode()
        found += [
            whole[:-1] + b", " + pair + b"}",
            whole[:-1] + b', "\\u%04x%s": %s}' % (ord(field[0]), field[1:].encode(), json.dumps(value).encode()),
            json.dumps({k: v for k, v in good.items() if k != field}).encode(),
            json.dumps(good | {field: None}).encode(),
            json.dumps(good | {field: [value]}).encode(),
            json.dumps(good | {field: "true" if value is True else 1.0 if isinstance(value, int) else 0}).encode(),
            json.dumps(good | {field.upper(): value}).encode(),
        ]
    return found


def test_a_body_that_does_not_say_json_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one:
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
                status, _ = await one.call(
                    "POST",
                    "/api/v1/release/halt",
                    {"on": True, "reason": "r"},
                    role="security",
                    headers={"content-type": kind},
                )
                assert status == 400
            assert not one.node.core.world.halted

    asyncio.run(story())


def test_errors_have_one_form_and_answers_no_store(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one:
            for method, path, status in (
                ("GET", "/api/nothing", 404),
                ("PUT", "/api/v1/status", 405),
                ("GET", "/api/v1/alerts?limit=x", 400),
                ("GET", "/api/v1/nothing", 404),
                ("GET", "/api/v1/picture?south=91", 400),
                ("GET", "/api/v1/picture?south=nan", 400),
                ("GET", "/api/v1/vessels/419000001", 404),
                ("GET", "/api/v1/records/" + "g" * 64, 404),
            ):
                got, said = await one.call(method, path, role="liaison")
                assert (got, set(said)) == (status, {"error", "sentence", "remedy"})
            async with one.calls.get("/api/v1/health") as answer:
                assert await answer.json() == {"ok": True}
                assert answer.headers["cache-control"] == "no-store"
                assert "server" not in answer.headers

    asyncio.run(story())


def test_the_openapi_document_describes_every_route(tmp_path: Path) -> None:
    async def story() -> None:
        async with Served(tmp_path / "ind", "ind/delhi") as one:
            async with one.calls.get("/api/openapi.json") as answer:
                document = json.loads(await answer.read())
            paths = document["paths"]
            for path, item in paths.items():
                for method, operation in item.items():
                    assert operation["description"], path
                    assert method != "post" or operation["requestBody"]["required"], path
            halt = paths["/api/v1/release/halt"]["post"]["requestBody"]["content"]["application/json"]["schema"]
            assert set(halt["properties"]) == {"on", "reason"}
            assert halt["additionalProperties"] is False

    asyncio.run(story())


def test_the_stream_tells_of_commits_and_ends_with_the_node(tmp_path: Path) -> None:
    async def story() -> bytes:
        async with Served(tmp_path / "ind", "ind/delhi") as one:
            headers = {"authorization": one.bearer["watch"]}
            async with one.calls.get("/api/v1/stream", headers=headers) as answer:
                assert answer.content_type == "text/event-stream"
                assert await answer.content.readline() == b"event: head\n"
                await one.node.do(fx.Say((secret("canary", "ind"),)))
                text = b""
                while b"committed" not in text:
                    text += await asyncio.wait_for(answer.content.readline(), 60)
                text += await answer.content.readline()
                one.stop.set()
                return text + await asyncio.wait_for(answer.content.read(), 60)

    text = asyncio.run(story())
    assert b'data: {"kinds":{"record":1},"seq":' in text
    assert b"event: closing" in text
    assert b"canary" not in text


def test_the_pictures_stream_ends_with_the_node_and_says_so(tmp_path: Path) -> None:
    async def story() -> bytes:
        async with Served(tmp_path / "ind", "ind/delhi") as one:
            headers = {"authorization": one.bearer["watch"]}
            async with one.calls.get("/api/v1/picture/stream", headers=headers) as answer:
                assert await answer.content.readline() == b"event: picture\n"
                one.stop.set()
                return await asyncio.wait_for(answer.content.read(), 60)

    assert b"event: closing" in asyncio.run(story()), "who is cut off when the server's patience ends is told nothing"


def test_a_node_stops_soon_whatever_is_under_way(tmp_path: Path) -> None:
    async def story() -> float:
        async with Served(tmp_path / "ind", "ind/delhi") as one:
            other = Served(tmp_path / "jpn", "jpn/yokosuka")
            await other.__aenter__()
            await introduce(one, other)
            headers = {"authorization": other.bearer["watch"]}
            async with other.calls.get("/api/v1/stream", headers=headers):
                await asyncio.sleep(0.5)  # both wait in each other's long poll, and one listens
                started = asyncio.get_running_loop().time()
                other.stop.set()
                assert other._task is not None
                await other._task
                taken = asyncio.get_running_loop().time() - started
            await other.__aexit__()
            return taken

    assert asyncio.run(story()) < 15, "it waits for no long poll, which takes 20 s"


def test_a_core_that_stops_by_itself_ends_the_node(tmp_path: Path) -> None:
    async def story() -> None:
        served = Served(tmp_path / "ind", "ind/delhi")
        await served.__aenter__()
        served.node.store.close()
        failed = served.node.runner.do(fx.Halt(on=True, actor="officer:1:desk", reason="r"))
        with pytest.raises(Exception, match=r"."):
            await asyncio.wrap_future(failed)
        await served.calls.close()
        assert served._task is not None
        with pytest.raises(Exception, match="core stopped"):
            await asyncio.wait_for(served._task, 60)

    asyncio.run(story())
