"""A node with something at sea, for plugs that ask."""

from __future__ import annotations

from kizuna.domains.maritime.fleet import OWN_UNITS
from kizuna.domains.maritime.records import AreaEntered, EventDetected
from kizuna.domains.maritime.traffic import Traffic
from kizuna.kernel.label import Label, label
from kizuna.node import effects as fx
from kizuna.node.maritime.feeding import drafts, groups
from kizuna.node.maritime.intake import Intake
from kizuna.node.maritime.sources import Feed
from kizuna.node.plug_settings import Plug
from tests.web.harness import POLICY, Served

PURPOSE = "coordination"
OWN = frozenset(OWN_UNITS["ind"])
SEA = label(POLICY, 1, originator="ind", releasable_to=("jpn",), purposes=(PURPOSE,))
SECRET = label(POLICY, 3, originator="ind", releasable_to=("jpn",), purposes=(PURPOSE,))


def own(kind: str, name: str, officer: str, clearance: int | None = 1, nationality: str = "ind") -> Plug:
    """Return a plug of ours that is asked with an officer's token."""
    return Plug(
        name=name, kind=kind, party="own", officer=officer, clearance=clearance, nationality=nationality,  # type: ignore[arg-type] # a kind
        purpose=PURPOSE, simulated=True,
    )  # fmt: skip


def event(kind: str, mmsi: int, from_ms: int, mark: Label, **more: object) -> fx.Draft:
    """Return an event, or an entry into waters, as it is said."""
    shared = {
        "mmsi": mmsi,
        "from_ms": from_ms,
        "lat_600000": 1_200_000,
        "lon_600000": 61_800_000,
        "source_kind": "simulated",
    }
    if kind == "area-entry":
        body: EventDetected | AreaEntered = AreaEntered(area="strait", **(shared | more))  # type: ignore[arg-type] # several kinds
        return fx.Draft("maritime.area-entered.v1", body, mark, "system:events")
    body = EventDetected(kind=kind, confidence="high", rule="kizuna.maritime.thresholds.v1", **(shared | more))  # type: ignore[arg-type] # the same
    return fx.Draft("maritime.event-detected.v1", body, mark, "system:events")


async def sail(served: Served, seconds: int = 120, fleet: int = 40) -> int:
    """Have a node hear ships for some time and find some events; return the time until which."""
    now_ms = served.node.clock.now_ms()
    feed = Feed(name="coast", source="coast", label=SEA, kind="tcp", source_kind="simulated")
    intake = Intake(feed, OWN, now_ms)
    intake.take(0, b"".join(Traffic(5, fleet, now_ms - seconds * 1000).step(now_ms)), now_ms)
    for group in groups(intake.flush(now_ms)):
        await served.node.do(fx.Say(drafts(group, SEA)))
    hour = 3_600_000
    said = (
        event("gap", 419_000_001, now_ms - 9 * hour, SEA, to_ms=now_ms - 2 * hour),
        event("encounter", 419_000_002, now_ms - 5 * hour, SEA, other_mmsi=431_000_001, to_ms=now_ms - 2 * hour),
        event("area-entry", 419_000_003, now_ms - hour, SEA, to_ms=now_ms - hour + 1),
        event("gap", 419_000_004, now_ms - 8 * hour, SECRET),
    )
    await served.node.do(fx.Say(said))
    return now_ms
