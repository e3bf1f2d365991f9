"""How fast positions become clean tracks and events: one thread, processor seconds, medians of paired rounds, positions a second.

Encounters are held against the published definition read plainly in Python, which must find the same ones. Gaps, stops and cleaning are held
against MovingPandas where a Python of its own that has it is named (`KIZUNA_BENCH_PYTHON`): it never enters the locks. Its pieces between gaps
must be ours. Its stops need not be: it measures the rectangle around some positions as it is turned best, we the box on the chart, and it begins a
stop with the rows of just the least duration, we with the earliest that fit; what both call stopped is told as a share. Positions are recorded
ones where they are at hand (`KIZUNA_SHARED`), else simulated.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import numpy as np

from bench.bench_ais import Row, cpu_s, history, peer, row
from kizuna.domains.maritime.events.coverage import Coverage, FeedInterval, Receivers
from kizuna.domains.maritime.events.encounter import find_encounters
from kizuna.domains.maritime.events.gap import find_gaps
from kizuna.domains.maritime.events.given import Given
from kizuna.domains.maritime.events.identity import find_clashes
from kizuna.domains.maritime.events.loitering import find_loitering
from kizuna.domains.maritime.events.model import Event
from kizuna.domains.maritime.events.moves import find_on_land, find_speeds, find_together, find_turns
from kizuna.domains.maritime.events.port import find_visits
from kizuna.domains.maritime.events.reception import reception_of
from kizuna.domains.maritime.ports import PORTS
from kizuna.domains.maritime.tracks.clean import Clean, cleaned
from kizuna.domains.maritime.tracks.columns import Track, ordered
from kizuna.domains.maritime.tracks.segments import cut
from kizuna.domains.maritime.tracks.voyages import pieces, stops
from kizuna.node.maritime.landmask import LAND
from tests.domains.maritime import plain_events as plain

ROUNDS = 5
REPEATS = 5
GAP_MS, STOP_M, STOP_MS = 1_800_000, 200.0, 900_000
PEER_VESSELS = 20
MINUTE_MS = 60_000
ALIKE = 0.9
"""The least share of the stopped minutes that both find."""


def rate(rows: int, work: Callable[[], object]) -> float:
    """Return the positions a second of a call, the median of some rounds, after one that loads what it needs."""
    work()
    return statistics.median(
        rows * REPEATS / max(1e-9, cpu_s(lambda: [work() for _ in range(REPEATS)])) for _ in range(ROUNDS)
    )


def given_of() -> Given:
    """Return a feed that was always live, all ports, and the land."""
    receivers = Receivers([Coverage("bench", [FeedInterval(0, 2**53, "live")])])
    return Given(receivers=receivers, now_ms=2**53, ports=PORTS, land=LAND)


def by_vessel(clean: Clean) -> dict[int, Sequence[plain.Row]]:
    """Return the tracks of the vessels that are one piece, as rows for the plain reading."""
    found: dict[int, list[plain.Row]] = {}
    columns = (clean.track.mmsi, clean.track.time_ms, clean.track.lat, clean.track.lon)
    for mmsi, time_ms, lat, lon in zip(*(column.tolist() for column in columns), strict=True):
        found.setdefault(mmsi, []).append((time_ms, (lat, lon)))
    return dict(found)


def encounters() -> list[Row]:
    """Measure encounters against the plain reading on the same tracks, in turns; both must find the same.

    Once as the search gives them to what compares them with what was told before, and once with all their evidence in words, as if each were new.
    """
    whole = cleaned({"bench": history()})
    count = np.bincount(np.unique(np.stack((whole.track.mmsi, whole.piece)), axis=1)[0])
    single = count[whole.track.mmsi] == 1
    clean = whole._replace(track=whole.track.take(single), piece=whole.piece[single])
    given = Given(receivers=given_of().receivers, now_ms=2**53)
    rows, tracks = len(clean.piece), by_vessel(clean)
    found = {(event.mmsi, event.from_ms, event.to_ms) for event in find_encounters(clean, given)}
    assert found == plain.encounters(tracks)
    work: dict[str, Callable[[], object]] = {
        "events.encounter/reference": lambda: find_encounters(clean, given),
        "events.encounter.told/reference": lambda: [tuple(event.evidence) for event in find_encounters(clean, given)],
    }
    out = []
    for name, run in work.items():
        ratios, rates = [], []
        for _ in range(ROUNDS):
            ours = cpu_s(lambda run=run: [run() for _ in range(REPEATS)]) / REPEATS  # type: ignore[misc] # bound now
            theirs = cpu_s(lambda: plain.encounters(tracks))
            ratios.append(theirs / ours)
            rates.append(rows / ours)
        out.append(row(name, statistics.median(rates), "positions/s", "plain", statistics.median(ratios)))
    return [*out, row("events.encounter.found", len(found), "events", "plain", 1.0)]


def events() -> list[Row]:
    """Measure cleaning, cutting and each kind of event."""
    table = history()
    tables, track = {"bench": table}, ordered({"bench": table})
    clean = cleaned(tables)
    given = given_of()
    given = Given(
        receivers=given.receivers, now_ms=given.now_ms, ports=PORTS, land=LAND, reception=reception_of(clean.heard)
    )
    kinds: dict[str, Callable[[Clean, Given], tuple[Event, ...]]] = {
        "clash": find_clashes,
        "gap": find_gaps,
        "jumps": find_together,
        "land": find_on_land,
        "loitering": find_loitering,
        "port": find_visits,
        "speed": find_speeds,
        "turn": find_turns,
    }
    out = [
        row("tracks.order", rate(len(track.mmsi), lambda: ordered(tables)), "positions/s", None, None),
        row("tracks.cut", rate(len(track.mmsi), lambda: cut(track)), "positions/s", None, None),
        row("tracks.clean", rate(len(track.mmsi), lambda: cleaned(tables)), "positions/s", None, None),
    ]
    for name, find in kinds.items():
        speed = rate(len(clean.heard.mmsi), lambda find=find: find(clean, given))  # type: ignore[misc] # bound now
        out.append(row(f"events.{name}", speed, "positions/s", None, None))
    return out


_MOVINGPANDAS = """
import sys, time, json
import pandas as pd, numpy as np, movingpandas as mpd
from datetime import timedelta
d = np.load(sys.argv[1])
frame = pd.DataFrame({"t": pd.to_datetime(d["time_ms"], unit="ms"), "id": d["mmsi"], "x": d["lon"] / 600000, "y": d["lat"] / 600000})
made = mpd.TrajectoryCollection(frame, traj_id_col="id", t="t", x="x", y="y", crs=4326)
ms = lambda when: int(pd.Timestamp(when).value // 10**6)
a = time.process_time(); split = mpd.ObservationGapSplitter(made).split(gap=timedelta(minutes=30))
b = time.process_time()
found = mpd.TrajectoryStopDetector(made, n_processes=1).get_stop_time_ranges(max_diameter=200, min_duration=timedelta(minutes=15))
c = time.process_time(); clean = mpd.OutlierCleaner(made).clean(v_max=60 * 1.852, units=("km", "h")); e = time.process_time()
print(json.dumps({
    "rates": [len(frame) / (b - a), len(frame) / (c - b), len(frame) / (e - c)],
    "pieces": [[int(str(t.id).split("_")[0]), ms(t.df.index[0]), ms(t.df.index[-1])] for t in split.trajectories],
    "stops": [[int(r.traj_id), ms(r.t_0), ms(r.t_n)] for r in found],
}))
"""


def against_movingpandas() -> list[Row]:
    """Measure gaps, stops and cleaning against MovingPandas on some vessels of the same positions."""
    track = ordered({"bench": history()})
    vessels = np.unique(track.mmsi)
    few = track.take(track.mmsi <= vessels[min(PEER_VESSELS, len(vessels)) - 1])
    first = np.concatenate(([True], (few.mmsi[1:] != few.mmsi[:-1]) | (few.time_ms[1:] != few.time_ms[:-1])))
    few = few.take(first)  # an index of its times holds each once
    said = peer(
        _MOVINGPANDAS, lambda path: np.savez(path, time_ms=few.time_ms, mmsi=few.mmsi, lat=few.lat, lon=few.lon), ".npz"
    )
    found: dict[str, list[list[int]]] = {name: said.get(name, []) for name in ("pieces", "stops")}  # type: ignore[misc] # JSON
    rates: list[float | None] = [*said["rates"]] if said else [None] * 3  # type: ignore[misc] # JSON
    work: dict[str, Callable[[], object]] = {
        "tracks.gaps/movingpandas": lambda: pieces(track, GAP_MS),
        "tracks.stops/movingpandas": lambda: stops(track, STOP_M, STOP_MS),
        "tracks.cleaning/movingpandas": lambda: cut(track),
    }
    out = []
    for (name, run), theirs in zip(work.items(), rates, strict=True):
        ours = rate(len(track.mmsi), run)
        out.append(
            row(name, ours, "positions/s", "movingpandas" if theirs else None, ours / theirs if theirs else None)
        )
    if said:
        parts = pieces(few, GAP_MS)
        longer = parts.last > parts.first
        ends = [few.time_ms[rows[longer]].tolist() for rows in (parts.first, parts.last)]
        assert sorted(map(tuple, found["pieces"])) == sorted(
            zip(few.mmsi[parts.first[longer]].tolist(), *ends, strict=True)
        )
        alike = _alike(few, found["stops"])
        assert alike >= ALIKE
        out.append(row("tracks.stops.alike", alike, "share", "movingpandas", None))
    return out


def _alike(track: Track, theirs: list[list[int]]) -> float:
    """Return the share of the minutes stopped by either reading that are stopped by both."""
    made = stops(track, STOP_M, STOP_MS)
    spans = zip(
        track.mmsi[made.first].tolist(),
        track.time_ms[made.first].tolist(),
        track.time_ms[made.last].tolist(),
        strict=True,
    )
    one, other = (
        {(mmsi, minute) for mmsi, a, b in each for minute in range(a // MINUTE_MS, b // MINUTE_MS + 1)}
        for each in (spans, theirs)
    )
    return len(one & other) / max(1, len(one | other))


def run() -> list[Row]:
    """Return all figures of this file."""
    return [*encounters(), *against_movingpandas(), *events()]
