"""The picture is the same whatever the order of arrival; a silent feed is not an empty sea."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.domains.maritime.picture import FeedHealth, Picture, Provenance
from kizuna.formats.ais import PositionReport, StaticReport

IND = Provenance("ind", "chennai")
JPN = Provenance("jpn", "naha")
SIM = Provenance("ind", "sim-chennai", simulated=True)


def position(mmsi: int, at_ms: int | None, lat: int | None = 0) -> PositionReport:
    return PositionReport(mmsi, 1, at_ms, None if lat is None else 5, lat, 100, None, None, None, None)


def static(mmsi: int, at_ms: int | None, *, name: str | None, ship_type: int | None) -> StaticReport:
    fields = [None] * 5
    return StaticReport(mmsi, 24, at_ms, None, name, None, ship_type, *fields, None)


REPORTS = st.lists(
    st.tuples(
        st.builds(position, st.integers(1, 2), st.none() | st.integers(0, 3), st.none() | st.integers(0, 2))
        | st.builds(
            static,
            st.integers(1, 2),
            st.integers(0, 3),
            name=st.none() | st.sampled_from(["A", "B"]),
            ship_type=st.none() | st.integers(1, 2),
        ),
        st.sampled_from([IND, JPN, SIM]),
    ),
    max_size=12,
)


@given(REPORTS, st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_order_and_repeats_change_nothing(
    reports: list[tuple[PositionReport | StaticReport, Provenance]], rng: random.Random
) -> None:
    one, two = Picture(), Picture()
    for report, source in reports:
        one.update(report, source, received_ms=2)
    shuffled = reports * 2
    rng.shuffle(shuffled)
    for report, source in shuffled:
        two.update(report, source, received_ms=2)
    assert list(one) == list(two)
    assert all(not two.update(report, source, received_ms=2) for report, source in reports)


def test_the_newest_wins_and_everyone_who_told_is_known() -> None:
    picture = Picture()
    assert picture.update(position(1, 10, lat=1), IND, received_ms=0)
    assert picture.update(position(1, 5, lat=2), JPN, received_ms=0)
    vessel = picture.vessel(1)
    assert vessel is not None
    assert vessel.position is not None
    assert (vessel.position.at_ms, vessel.position.source) == (10, IND)
    assert vessel.sources == {IND, JPN}
    assert len(picture) == 1
    assert picture.vessel(2) is None


def test_static_fields_are_kept_one_by_one() -> None:
    picture = Picture()
    picture.update(static(1, 10, name="KIZUNA", ship_type=None), IND, received_ms=0)
    picture.update(static(1, 20, name=None, ship_type=70), JPN, received_ms=0)
    vessel = picture.vessel(1)
    assert vessel is not None
    assert (vessel.static["name"].value.name, vessel.static["ship_type"].value.ship_type) == ("KIZUNA", 70)
    assert vessel.static["ship_type"].source == JPN
    assert "destination" not in vessel.static


def test_simulated_and_real_never_mix() -> None:
    real, simulated = Picture(), Picture(simulated=True)
    assert not real.update(position(1, 1), SIM, received_ms=0)
    assert not simulated.update(position(1, 1), IND, received_ms=0)
    assert simulated.update(position(1, 1), SIM, received_ms=0)
    assert (len(real), len(simulated)) == (0, 1)


def test_a_feed_is_silent_live_degraded_and_live_again() -> None:
    feed = FeedHealth(silent_ms=60_000, window_ms=600_000, degraded_share=30)
    assert feed.state(0) == "silent"
    for second in range(600):
        feed.observe(10, second * 1000)
    assert feed.state(599_000) == "live"
    assert feed.rate_per_min(599_000, 600_000) == 600
    for second in range(600, 700, 5):
        feed.observe(1, second * 1000)
    assert feed.state(700_000) == "degraded"
    assert feed.state(754_999) == "degraded"
    assert feed.state(755_000) == "silent"
    feed.observe(10, 800_000)
    assert feed.state(800_000) != "silent"


def test_time_going_backwards_and_nothing_heard_change_little() -> None:
    feed = FeedHealth()
    feed.observe(1, 100_000)
    feed.observe(1, 50_000)
    feed.observe(0, 900_000)
    assert feed.last_seen_ms == 100_000
    assert feed.state(160_000) == "silent"
