"""The adaptor's edge of a running node: vessels in and out in CISE's words, under our release, and nothing onward."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from kizuna.formats import cise
from kizuna.formats.cise import Message, Payload, Service, Vessel
from kizuna.formats.cise_signature import authorities, verify
from kizuna.node.held.facts import load_record
from kizuna.node.plug_settings import CiseLevel, CiseSettings
from kizuna.node.plugs.cise_edge import open_edge
from kizuna.web.api.cise import cise_routes
from tests.formats.cise_keys import Network
from tests.formats.test_cise import signed
from tests.web.harness import POLICY, Served, until
from tests.web.plugs_asked import OWN, own, sail

NETWORK = Network()
THEIRS = NETWORK.key("lisbon.example")
OURS = "delhi.vessel.provider"
PLUGS = (own("cise", "eu", "int"), own("cise", "guest", "lia", nationality="jpn"), own("cise", "high", "sec", 3))


def settings(folder: Path, *levels: int) -> CiseSettings:
    folder.mkdir(parents=True, exist_ok=True)
    key, certificate = NETWORK.participant("delhi.example")
    for name, data in (("key.pem", key), ("certificate.pem", certificate), ("authorities.pem", NETWORK.authorities)):
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
    rows = tuple(CiseLevel(policy=POLICY, classification=each, level="EURestricted") for each in levels)
    return CiseSettings(
        service=OURS,
        key=folder / "key.pem",
        certificate=folder / "certificate.pem",
        authorities=folder / "authorities.pem",
        levels=rows,
    )


def from_lisbon(kind: str, now_ms: int, payload: Payload | None, **more: Any) -> bytes:
    told = {
        "id": os.urandom(8).hex(),
        "created_ms": now_ms,
        "sender": Service("lisbon.vessel"),
        "recipient": Service(OURS),
    } | more
    return signed(Message(kind=kind, payload=payload, **told), THEIRS)  # type: ignore[arg-type] # one of the kinds


def with_edge(folder: Path, *levels: int) -> Served:
    served = Served(folder, "ind/delhi", plugs=PLUGS)
    edge = open_edge(settings(folder / "cise", *levels), "ind", os.urandom)
    served.adaptor = cise_routes(served.plugging, served.showing, edge)
    return served


async def post(one: Served, data: bytes, role: str = "integrator") -> Message:
    status, answer = await one.call("POST", "/cise/messages", data, role=role)
    assert status == 200, answer
    root = cise.parse(answer)
    verify(root, authorities(NETWORK.authorities), one.node.clock.now_ms())
    return cise.read(root)


def test_vessels_go_as_far_as_the_plug_may_have_them(tmp_path: Path) -> None:
    async def story() -> None:
        async with with_edge(tmp_path / "ind", 1) as one:
            now_ms = await sail(one, 60, 20)
            await until(lambda: one.plugging.caught_up(one.node.store.head().seq))
            asked = Payload(purpose="Operation", vessels=(Vessel(),))
            every = await post(one, from_lisbon("PullRequest", now_ms, asked, pull_type="Request"))
            assert (every.kind, every.code) == ("PullResponse", "Success")
            assert every.payload is not None
            assert (every.payload.level, every.payload.sensitivity, every.payload.purpose) == (
                "EURestricted",
                "Red",
                "Operation",
            )
            assert every.payload.personal
            ships = {vessel.mmsi: vessel for vessel in every.payload.vessels}
            assert set(ships) > OWN
            assert all(vessel.simulated and vessel.lat_600000 is not None for vessel in ships.values())
            theirs = await post(one, from_lisbon("PullRequest", now_ms, asked, pull_type="Request"), "liaison")
            assert theirs.payload is not None
            assert {vessel.mmsi for vessel in theirs.payload.vessels} == set(ships) - OWN
            mmsi = next(iter(set(ships) - OWN))
            like = Payload(purpose="Operation", vessels=(Vessel(mmsi=mmsi),))
            one_ship = await post(one, from_lisbon("PullRequest", now_ms, like, pull_type="Request"))
            assert one_ship.payload is not None
            assert [vessel.mmsi for vessel in one_ship.payload.vessels] == [mmsi]
            status, pushed = await one.call("GET", "/cise/push?recipient=lisbon.vessel", role="integrator")
            assert status == 200
            assert {vessel.mmsi for vessel in (cise.read(cise.parse(pushed)).payload or asked).vessels} == set(ships)
            assert (await one.call("GET", "/cise/push?recipient=lisbon.vessel", role="watch"))[0] == 403

    asyncio.run(story())


def test_a_grade_without_a_row_is_not_sent_and_each_fault_has_its_word(tmp_path: Path) -> None:
    async def story() -> None:
        async with with_edge(tmp_path / "ind") as one:
            now_ms = await sail(one, 20, 10)
            await until(lambda: one.plugging.caught_up(one.node.store.head().seq))
            asked = Payload(purpose="Operation", vessels=(Vessel(),))
            nothing = await post(one, from_lisbon("PullRequest", now_ms, asked, pull_type="Request"))
            assert (nothing.code, nothing.payload) == ("Success", None)
            good = from_lisbon("Push", now_ms, asked)
            stranger = signed(cise.read(cise.parse(good)), Network().key("nobody.example"))
            for data, code in (
                (b"<a>", "BadRequest"),
                (b"<!DOCTYPE a []><a/>", "BadRequest"),
                (good.replace(b"Operation</Purpose>", b"SAR</Purpose>"), "AuthenticationError"),
                (stranger, "AuthenticationError"),
                (from_lisbon("Push", now_ms - 10**9, asked), "TimestampError"),
                (from_lisbon("Push", now_ms, asked, recipient=None), "InvalidRequestObject"),
                (from_lisbon("Push", now_ms, None), "InvalidRequestObject"),
                (from_lisbon("Push", now_ms, asked, recipient=Service("elsewhere")), "EndPointNotFound"),
                (from_lisbon("Feedback", now_ms, asked), "ObjectTypeNotAccepted"),
                (from_lisbon("Push", now_ms, Payload()), "EntityTypeNotAccepted"),
                (from_lisbon("Push", now_ms, Payload(level="CosmicTopSecret", vessels=(Vessel(),))), "SecurityError"),
                (from_lisbon("PullRequest", now_ms, asked, pull_type="Subscribe"), "ServiceTypeNotSupported"),
                (from_lisbon("PullRequest", now_ms, Payload(vessels=(Vessel(),)), pull_type="Request"), "Unauthorized"),
            ):
                answer = await post(one, data)
                assert (answer.kind, answer.code) == ("Acknowledgement", code), answer

    asyncio.run(story())


def test_what_comes_in_stays_at_home(tmp_path: Path) -> None:
    async def story() -> None:
        async with with_edge(tmp_path / "ind", 1) as one:
            now_ms = one.node.clock.now_ms()
            ships = (
                Vessel(mmsi=263000001, name="NAZARE", lat_600000=23_000_000, lon_600000=-5_400_000, speed_dkn=80),
                Vessel(imo_no=9323038, name="NORDAUTUMN"),
            )
            for level, grade in (("EURestricted", 1), ("NonSpecified", 15)):
                data = from_lisbon(
                    "Push", now_ms, Payload(level=level, sensitivity="Green", purpose="SAR", vessels=ships)
                )
                before = one.node.store.head().seq
                assert (await post(one, data)).code == "Success"
                assert (await post(one, data)).detail == "taken in before"
                rows = one.node.store.query("SELECT id FROM record WHERE seq > ?", (before,))
                held = [load_record(one.node.store, record_id) for (record_id,) in rows]
                assert len(held) == 3, "two static reports and one batch"
                for each in held:
                    assert each is not None
                    label = each.label
                    assert [(g.policy, g.classification, set(g.caveats)) for g in label.grades] == [
                        ("eu.cise.v1", grade, {"tlp:green"})
                    ]
                    assert label.originators == {"cise", "ind"}
                    assert not label.releasable_to
                    assert one.node.core.world.releaser.rule(each, "jpn", now_ms).reason in {
                        "no-instrument",
                        "releasability",
                    }
            await until(lambda: one.plugging.caught_up(one.node.store.head().seq))
            answer = await one.call("GET", "/cise/push?recipient=lisbon.vessel", role="security")
            assert b"NAZARE" not in answer[1], "not even to whom it came from, by a plug of our own"

    asyncio.run(story())
