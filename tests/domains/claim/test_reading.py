"""Reading articles: boilerplate and repeats go, days are told from weekdays, and one event that is reported three times stays one event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kizuna.domains.claim import matching, reading
from kizuna.domains.claim.matching import KnownEvent
from kizuna.domains.claim.operations import ConfirmAsked, LoadAsked, ReadAsked
from kizuna.errors import RefusedError
from tests.domains.claim.desk import Claims

LEAD = (
    "The fourth Defence Policy Dialogue of India and Japan was held in Pune on Wednesday, and both sides spoke at length about ships, "
    "spare parts and the training of crews."
)
FOLLOW = (
    "The exercise 'Storm Petrel' was conducted off Goa in January this year, and its umpires will publish what they have learned from it, "
    "both delegations said."
)
ARTICLE = f"""Dialogue held in Pune

6 Mar 2031

Social Icons

{LEAD}
{FOLLOW}
Read more about it here

{LEAD.replace("at length", "at some length")}

Latest articles

Bank lowers its rates for the third time

Bank lowers its rates for the third time
"""


def proposals(claims: Claims, text: str, **more: Any) -> list[dict[str, Any]]:
    _, outcome = claims.say("read-article", ReadAsked(text=text, **more))
    found: list[dict[str, Any]] = outcome.told["proposals"]
    return found


def test_only_the_text_is_read_and_each_line_that_was_passed_over_has_a_reason() -> None:
    article = reading.read(ARTICLE)
    assert [paragraph.text for paragraph in article.paragraphs] == [LEAD, FOLLOW]
    assert [(line.why, line.repeats) for line in article.dropped] == [
        ("headline", 0), ("boilerplate", 0), ("boilerplate", 0), ("repeat", 7), ("other article", 0), ("other article", 0),
        ("other article", 15),
    ]  # fmt: skip


def test_days_are_told_from_weekdays_and_the_day_of_publication() -> None:
    article = reading.read(ARTICLE)
    assert article.published_on == "2031-03-06"
    assert [(each.kind, each.ordinal, each.date, each.place) for each in article.mentions] == [
        ("defence-policy-dialogue", 4, "2031-03-05", "Pune"),
        ("exercise-storm-petrel", None, "2031-01", "Goa"),
    ]
    undated = reading.read(ARTICLE.replace("6 Mar 2031", ""))
    assert [each.date for each in undated.mentions] == ["", ""]
    given = reading.read(ARTICLE, "2031-03-12")
    assert given.mentions[0].date == "2031-03-12"


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("on 5 March 2031", "2031-03-05"),
        ("on March 5, 2031", "2031-03-05"),
        ("on the 5th of March 2031", "2031-03-05"),
        ("on 2031-03-05", "2031-03-05"),
        ("in March 2031", "2031-03"),
        ("in March last year", "2030-03"),
        ("today", "2031-03-06"),
        ("last year", "2030"),
        ("on 31 February 2031", ""),
        ("soon", ""),
    ],
)
def test_dates_as_they_are_written(said: str, date: str) -> None:
    (mention,) = reading.read(f"The 4th Defence Policy Dialogue was held {said}.", "2031-03-06").mentions
    assert mention.date == date


@pytest.mark.parametrize(
    "text",
    [
        "The next Defence Policy Dialogue will take place at a time that suits both sides.",
        "Japan is hosting the G7 summit in May, as both leaders recalled.",
        "Seventy years of friendship were remembered in Tokyo.",
    ],
)
def test_what_is_to_come_or_is_somebody_elses_is_no_event(text: str) -> None:
    found = matching.propose(reading.read(text, "2031-03-06"), ())
    assert not [each for each in found if each.kind != "annual-summit" or each.outcome == "new"]


def test_first_says_of_which_class_and_is_no_number_of_an_exercise() -> None:
    text = "The first ever air exercise 'Storm Petrel' was conducted in May 2031, officials of both air forces said on the spot."
    assert reading.read(text).mentions[0].ordinal is None
    numbered = text.replace("The first ever air exercise", "The 6th edition of the exercise")
    assert reading.read(numbered).mentions[0].ordinal == 6


KNOWN = (
    KnownEvent(id="d4", kind="defence-policy-dialogue", date="2031-03-05", ordinal=4, place="Pune"),
    KnownEvent(id="d5", kind="defence-policy-dialogue", date="2032", ordinal=5, people=("Mori Aya", "Ravi Rao")),
    KnownEvent(id="p1", kind="exercise-storm-petrel", names=("Storm Petrel",), date="2031-01-28", end="2031-02-03"),
)


@pytest.mark.parametrize(
    ("text", "published", "outcome", "event"),
    [
        (
            "The 4th Defence Policy Dialogue was held on 6 March 2031.",
            "",
            "join",
            "d4",
        ),  # the number goes before the date
        ("The Defence Policy Dialogue was held in March 2031.", "", "join", "d4"),
        ("Ravi Rao and Aya Mori met in the Defence Policy Dialogue.", "", "join", "d5"),
        ("The Defence Policy Dialogue was useful, both sides said.", "2031-03-07", "join", "d4"),
        ("The Defence Policy Dialogue was useful, both sides said.", "", "mention", ""),
        ("The Defence Policy Dialogue was held in 2033.", "", "new", "event-defence-policy-dialogue-2033"),
        ("The sixth Defence Policy Dialogue was held in 2032.", "", "new", "event-defence-policy-dialogue-2032"),
        ("Ships met in Storm Petrel in February 2031.", "", "join", "p1"),
        ("Ships met in Storm Petrel in March 2031.", "", "new", "event-exercise-storm-petrel-2031-03"),
    ],
)
def test_an_event_that_is_known_is_joined(text: str, published: str, outcome: str, event: str) -> None:
    exercises = [(name, each.kind) for each in KNOWN for name in each.names]
    (found,) = matching.propose(reading.read(text, published, exercises), KNOWN)
    assert (found.outcome, found.event) == (outcome, event)


def test_a_date_that_differs_is_said_and_joins_all_the_same() -> None:
    (found,) = matching.propose(reading.read("The 4th Defence Policy Dialogue was held on 6 March 2031."), KNOWN)
    assert found.differs == (
        "the article says `2031-03-06`, known is `2031-03-05`: assert it, and both stand side by side",
    )


def test_one_event_reported_three_times_is_one_event_with_three_sources() -> None:
    claims = Claims()
    reports = (
        (ARTICLE, ""),
        ("On Wednesday India and Japan held the 4th Defence Policy Dialogue in Pune.", "2031-03-07"),
        ("India and Japan held their fourth Defence Policy Dialogue on 6 March 2031.", "2031-03-09"),
    )
    for number, (text, published_on) in enumerate(reports):
        claims.say(
            "confirm-reading",
            ConfirmAsked(
                text=text, published_on=published_on, citation=f"https://example.org/{number}", outlet=f"paper {number}"
            ),
        )
    dialogues = claims.ask("events", kind="defence-policy-dialogue")
    assert [event["id"] for event in dialogues] == ["event-defence-policy-dialogue-2031-03-05"]
    (date,) = [row for row in claims.ask("disagreements") if row["predicate"] == "date"]
    assert {(claim["value"], claim["asserted_by"]) for claim in date["claims"]} == {
        ("2031-03-05", "paper 0"), ("2031-03-05", "paper 1"), ("2031-03-06", "paper 2"),
    }  # fmt: skip
    assert {row["source"] for row in claims.ask("sources")} == {f"https://example.org/{number}" for number in range(3)}
    dump = repr(claims.rows())
    assert "spare parts" not in dump
    assert reading.excerpt_sha256(LEAD) in dump
    with pytest.raises(RefusedError, match="adds nothing"):
        claims.say("confirm-reading", ConfirmAsked(text=ARTICLE, citation="https://example.org/0", outlet="paper 0"))
    with pytest.raises(RefusedError, match=r"`d9` is not proposed .* `event-defence-policy-dialogue-2031-03-05`"):
        claims.say("confirm-reading", ConfirmAsked(text=ARTICLE, citation="x", events=("d9",)))


def test_reading_says_nothing_and_takes_known_events_from_whoever_asks() -> None:
    claims = Claims()
    (dialogue, exercise) = proposals(claims, ARTICLE, known=KNOWN)
    assert (dialogue["outcome"], dialogue["event"], exercise["event"]) == ("join", "d4", "p1")
    assert claims.facts == []
    with pytest.raises(RefusedError, match="is no day"):
        proposals(claims, ARTICLE, published_on="March")


SEEDS = {
    "000_03f66442ade11a5a.txt": {
        "ind-jpn-defence-policy-dialogue-2023-04-05", "ind-jpn-courtesy-call-2023-04-06", "exercise-veer-guardian-2023",
        "ind-jpn-2plus2-ministerial-2022-09-08",
    },
    "001_ceab3adc9fd6d223.txt": {"ind-jpn-2plus2-ministerial-2024-08-20", "ind-jpn-defence-ministerial-2024-08-20"},
    "002_7b6c3e94dc7487e8.txt": {
        "ind-jpn-summit-talks-2023-03-20", "ind-jpn-2plus2-ministerial-2022-09-08", "exercise-veer-guardian-2023",
    },
    "003_613e78535ea525a4.txt": {
        "ind-jpn-defence-ministerial-2022-09-08", "ind-jpn-2plus2-ministerial-2022-09-08", "exercise-milan-2022",
    },
    "004_897684d7089465c4.txt": {"ind-jpn-annual-summit-2018-10-29"},
}  # fmt: skip


def test_the_five_seeds_yield_no_duplicate_event(shared_dir: Path) -> None:
    facts = json.loads((shared_dir / "data" / "india-japan.json").read_text(encoding="utf-8"))
    published = {seed["file"]: seed["text_date"]["value"] for seed in facts["seeds"]}
    claims = Claims()
    claims.say("load-bundled", LoadAsked())
    known = {event["id"] for event in claims.ask("events", limit=1000)}
    for name, joined in SEEDS.items():
        text = (shared_dir / "seeds" / name).read_text(encoding="utf-8")
        found = proposals(claims, text, published_on=published[name])
        assert {each["event"] for each in found if each["outcome"] == "join"} == joined
        assert {each["kind"] for each in found if each["outcome"] in ("new", "ambiguous")} <= {"quad-leaders-summit"}
        claims.say(
            "confirm-reading", ConfirmAsked(text=text, published_on=published[name], citation=f"seed {name[:3]}")
        )
    after = {event["id"] for event in claims.ask("events", limit=1000)}
    assert after - known == {"event-quad-leaders-summit-2022"}, (
        "of another group, named by one article, and known to none of the others"
    )


def test_the_repeats_and_the_boilerplate_of_the_seeds_are_dropped(shared_dir: Path) -> None:
    facts = json.loads((shared_dir / "data" / "india-japan.json").read_text(encoding="utf-8"))
    for said in facts["seed_duplicates"]:
        article = reading.read((shared_dir / "seeds" / said["seed"]).read_text(encoding="utf-8"))
        kept = {paragraph.line for paragraph in article.paragraphs}
        for part in said["lines"].split(","):
            first, _, last = part.partition("-")
            assert not kept & set(range(int(first), int(last or first) + 1)), said
