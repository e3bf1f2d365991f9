"""Someone who has just cloned the project types `kizuna demo` and watches two nodes exchange shipping information."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from kizuna.domains.maritime.traffic import Traffic
from tests.acceptance.stories import kizuna

MONDAY_MS = 1_790_000_000_000

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    """Return what one unattended run of some seconds printed."""
    return kizuna("demo", "--for", "15s", "--vessels", "120")


def test_what_was_received_was_receipted_and_it_was_not_nothing(shown: dict[str, Any]) -> None:
    assert shown["received"] == shown["receipted"] == shown["released"] == shown["verified"] > 0
    assert shown["sentences"] > shown["journalled"] > shown["released"]
    assert shown["vessels"] > 100


def test_something_stayed_at_home_each_time_for_a_reason_in_words(shown: dict[str, Any]) -> None:
    assert sum(shown["withheld"].values()) > 0
    assert all(count > 0 for count in shown["withheld"].values())
    assert shown["withheld"].keys() == shown["clauses"].keys()
    for reason, words in shown["clauses"].items():
        assert words, reason
        assert words != reason, f"`{reason}` is told in no words"
    assert any("(example)" in words for words in shown["clauses"].values()), "an example must be called one"


def test_the_own_units_of_both_stayed_at_home_by_the_clause_that_forbids(shown: dict[str, Any]) -> None:
    assert {"provision:no-own-units-to-jpn", "provision:no-own-units-to-ind"} <= shown["withheld"].keys()


def test_nothing_was_refused_forged_or_forked(shown: dict[str, Any]) -> None:
    assert shown["signature_failures"] == 0
    assert shown["refused"] == {}
    assert shown["findings"] == []
    assert shown["roots_equal"] is True


def test_how_fresh_the_partners_picture_is_was_measured(shown: dict[str, Any]) -> None:
    assert 0 < shown["latency_ms"]["p50"] <= shown["latency_ms"]["p99"] < 30_000


def test_the_events_of_the_scene_were_found(shown: dict[str, Any]) -> None:
    assert shown["events"]["gap"] >= 1
    assert shown["events"]["encounter"] >= 1


def assert_exchanged(shown: dict[str, Any], sentences: int) -> None:
    assert shown["sentences"] >= sentences
    assert shown["received"] == shown["receipted"] > 0
    assert (shown["signature_failures"], shown["refused"], shown["findings"]) == (0, {}, [])
    assert shown["roots_equal"] is True


def test_an_officer_plays_a_recording_of_his_own(tmp_path: Path) -> None:
    traffic = Traffic(7, 80, MONDAY_MS, regions=("bengal", "malacca"))
    lines = traffic.step(MONDAY_MS + 240_000)
    recording = tmp_path / "watch.nmea.gz"
    recording.write_bytes(gzip.compress(b"".join(line.rstrip() + b"\r\n" for line in lines)))
    assert_exchanged(kizuna("demo", "--for", "3s", "--ais", recording), sentences=len(lines) // 2)


def test_an_officer_plays_a_real_recording(shared_dir: Path) -> None:
    """Norwegian waters lie outside every area of the arrangement: the ships' positions stay at home, what they say of themselves crosses."""
    recording = shared_dir / "data" / "ais" / "nmea" / "kystverket_Ais1000Lines.nm4"
    shown = kizuna("demo", "--for", "3s", "--ais", recording)
    assert_exchanged(shown, sentences=1000)
    assert shown["vessels"] > 100
    assert shown["withheld"]["provision:shipping-positions-to-jpn"] > 0
