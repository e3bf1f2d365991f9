"""Commitments on two simulated nodes: read in an agreed text, owned on both sides, shown by evidence, scored apart, and never lost."""

from __future__ import annotations

from typing import Any

import pytest

from kizuna.domains.dialogue.rules import paragraph_sha256
from kizuna.errors import RefusedError
from kizuna.sim.federation import Federation, SimNode
from tests.sim.dialogue_world import (
    DAY_MS,
    STATEMENT_2022,
    agreed_text,
    asks,
    confirmed,
    does,
    load,
    pair,
    posts,
    signs,
    tables,
    under_way,
)

MINISTERIAL = "ind-jpn-2plus2-ministerial-2022-09-08"
KEY = "ind-fighter-exercise"
CASE = f"dialogue.commitment:{KEY}"


def spoken(seed: int) -> tuple[Federation, SimNode, SimNode]:
    """Return two nodes with the agreed statement of September 2022."""
    federation, india, japan = pair(seed)
    load(india, japan)
    agreed_text(federation, japan, india, "jpn-2022-statement", MINISTERIAL, STATEMENT_2022)
    return federation, india, japan


def promised(seed: int, **more: Any) -> tuple[Federation, SimNode, SimNode]:
    federation, india, japan = spoken(seed)
    more = {"restates": "commitment-fighter-exercise", **more}
    confirmed(federation, india, japan, KEY, "jpn-2022-statement", 3, **more)
    return federation, india, japan


def exercise(node: SimNode) -> str:
    done = does(node, "attach", key=KEY, on="2023-01-12", text="Veer Guardian began", ref="exercise-veer-guardian-2023")
    return str(done.said[0].record_id)


def test_a_promise_of_a_statement_is_followed_to_its_end_and_keeps_its_first_day() -> None:
    federation, india, japan = spoken(1)
    read = asks(india, "read", minute="jpn-2022-statement")
    assert [(each.paragraph, each.verb, each.due_phrase) for each in read] == [
        (3, "agreed", "at an early date"),
        (4, "decided", ""),
    ]
    confirmed(
        federation, india, japan, KEY, "jpn-2022-statement", 3, text="hold a first fighter exercise", due_phrase="early",
        restates="commitment-fighter-exercise",
    )  # fmt: skip
    under_way(federation, india, japan, KEY)
    evidence = exercise(india)
    federation.run(5_000)
    does(india, "claim-done", key=KEY, done_on="2023-01-12", text="held at Hyakuri")
    federation.run(5_000)
    does(japan, "accept-done", key=KEY)
    federation.run(5_000)
    does(japan, "verify", key=KEY)
    federation.run(5_000)
    signs(india, CASE)
    for node in (india, japan):
        does(node, "score", key=KEY, value=1, rationale="held, in Japan", as_of="2023-04-05")
    federation.run(5_000)
    for node in (india, japan):
        shown = asks(node, "commitment", commitment=KEY)
        assert shown.row.state == "verified"
        assert (shown.days_from_first, shown.days_from_restatement) == (1139, 126)
        assert (shown.row.first_made_on, shown.row.made_at) == ("2019-11-30", "ind-jpn-2plus2-ministerial-2019-11-30")
        assert shown.restatements == ((MINISTERIAL, "2022-09-08"),)
        assert shown.paragraph_text == STATEMENT_2022.split("\n\n")[2]
        assert shown.paragraph_sha256 == paragraph_sha256(shown.paragraph_text)
        assert shown.last_scores == {"ind": 1, "jpn": 1}
        assert (shown.aggregate, shown.scores_differ) == (1.0, False)
        assert [each.record for each in shown.evidence] == [evidence]
        assert shown.row.owners == {"ind": "ind-office", "jpn": "jpn-office"}
    assert tables(india) == tables(japan)
    assert KEY not in [row.commitment for row in asks(india, "commitments")]


def test_a_commitment_needs_an_agreed_paragraph_and_a_date_after_its_meeting() -> None:
    federation, india, japan = pair(2)
    load(india, japan)
    does(japan, "draft-minute", key="jpn-draft", meeting=MINISTERIAL, guest="ind", text=STATEMENT_2022.encode())
    federation.run(5_000)
    asked = {"key": KEY, "minute": "jpn-draft", "paragraph": 3, "text": "x"}
    with pytest.raises(RefusedError, match="`jpn-draft` is `draft`: a commitment is read in agreed text only"):
        does(india, "identify", **asked)
    does(japan, "agree-minute", key="jpn-draft")
    federation.run(5_000)
    signs(india, "dialogue.minute:jpn-draft")
    for wrong, message in (
        ({"paragraph": 9}, "no paragraph 9"),
        ({"due_on": "2022-09-07"}, "due on `2022-09-07`, before the meeting of `2022-09-08`"),
        ({"due_on": "soon"}, "due date `soon` is no date"),
        ({"due_on": "2023-02-30"}, "is no date"),
        ({"actors": ("aus",)}, "or a stranger"),
        ({"minute": "jpn-other"}, "is not held here"),
        ({"language": "ja"}, "is not held in `ja`"),
        ({"restates": "commitment-nobody-knows"}, "no promise is called `commitment-nobody-knows`"),
        ({"restates": "commitment-navy-information-exchange"}, "its day is not known"),
        ({"key": "jpn-by-india"}, "its own name comes first"),
    ):
        with pytest.raises(RefusedError, match=message):
            does(india, "identify", **(asked | wrong))


def test_each_side_names_its_own_owner_before_work_begins() -> None:
    federation, india, japan = promised(3)
    does(india, "assign", key=KEY, owner="air staff")
    with pytest.raises(RefusedError, match="already"):
        does(india, "assign", key=KEY, owner="air staff")
    with pytest.raises(RefusedError, match="no owner is named by `jpn`"):
        does(india, "start", key=KEY)
    federation.run(5_000)
    (row,) = [row for row in asks(japan, "commitments", owner="air staff") if row.commitment == KEY]
    assert row.owners == {"ind": "air staff"}
    does(japan, "assign", key=KEY, owner="air defence command")
    federation.run(5_000)
    does(india, "start", key=KEY)
    does(india, "assign", key=KEY, owner="joint staff")
    federation.run(5_000)
    assert asks(japan, "commitment", commitment=KEY).row.owners == {"ind": "joint staff", "jpn": "air defence command"}


def test_a_score_needs_evidence_dated_in_its_window_and_evidence_is_no_older_than_the_promise() -> None:
    federation, india, _ = promised(4)
    with pytest.raises(RefusedError, match=r"no evidence .* is dated between `2019-11-30` and `2023-04-05`"):
        does(india, "score", key=KEY, value=1, rationale="x", as_of="2023-04-05")
    with pytest.raises(RefusedError, match="evidence of `2019-11-29` is older than the promise of `2019-11-30`"):
        does(india, "attach", key=KEY, on="2019-11-29", text="too early")
    with pytest.raises(RefusedError, match="lies ahead"):
        does(india, "attach", key=KEY, on="2031-01-01", text="not yet")
    evidence = exercise(india)
    vague = str(does(india, "attach", key=KEY, on="2023", text="some day of the year").said[0].record_id)
    for wrong, message in (
        ({"as_of": "2023-01-11", "evidence": (evidence,)}, "evidence of `2023-01-12` does not lie between"),
        ({"evidence": (vague,), "as_of": "2023-06-30"}, "evidence of `2023` does not lie between"),
        ({"evidence": ("ab" * 32,)}, "names no evidence"),
        ({"from_on": "2019-01-01", "evidence": (evidence,)}, "begins on `2019-01-01`, before the promise"),
        ({"from_on": "2023-05-01", "as_of": "2023-04-05", "evidence": (evidence,)}, "is no window of days"),
        ({"as_of": "2023-02-30"}, "is no day"),
    ):
        with pytest.raises(RefusedError, match=message):
            does(india, "score", **({"key": KEY, "value": 1, "rationale": "x", "as_of": "2023-04-05"} | wrong))
    does(india, "score", key=KEY, value=0, rationale="in part", as_of="2023-04-05")
    federation.run(5_000)


def test_scores_of_the_two_sides_stand_apart_and_their_mean_is_computed() -> None:
    federation, india, japan = promised(5)
    exercise(india)
    federation.run(5_000)
    does(india, "score", key=KEY, value=1, rationale="done", as_of="2023-04-05")
    does(japan, "score", key=KEY, value=-1, rationale="begun late", as_of="2023-04-05")
    federation.run(5_000)
    shown = asks(india, "commitment", commitment=KEY)
    assert (shown.last_scores, shown.aggregate, shown.scores_differ) == ({"ind": 1, "jpn": -1}, 0.0, True)
    does(japan, "score", key=KEY, value=0, rationale="on reflection", as_of="2023-04-05")
    federation.run(5_000)
    shown = asks(india, "commitment", commitment=KEY)
    assert (shown.last_scores, shown.aggregate, len(shown.scores)) == ({"ind": 1, "jpn": 0}, 0.5, 3)


def test_only_the_other_side_accepts_what_one_side_claims_done() -> None:
    federation, india, japan = promised(6, actors=("jpn",))
    under_way(federation, india, japan, KEY)
    with pytest.raises(RefusedError, match="only a side that promised says so: `jpn`"):
        does(india, "claim-done", key=KEY, done_on="2023-01-12", text="x")
    with pytest.raises(RefusedError, match="no date after the promise"):
        does(japan, "claim-done", key=KEY, done_on="2018", text="x")
    does(japan, "claim-done", key=KEY, done_on="2023-01", text="x")
    with pytest.raises(RefusedError, match="does not judge it"):
        does(japan, "accept-done", key=KEY)
    federation.run(5_000)
    does(india, "reject-done", key=KEY, reason="one aircraft is not an exercise")
    federation.run(5_000)
    does(japan, "claim-done", key=KEY, done_on="2023-01", text="now all of it")
    federation.run(5_000)
    does(india, "accept-done", key=KEY)
    with pytest.raises(RefusedError, match="no evidence that is attached"):
        does(india, "verify", key=KEY)


def test_a_restatement_keeps_the_first_day() -> None:
    federation, india, japan = promised(7)
    does(india, "restate", key=KEY, meeting="ind-jpn-defence-policy-dialogue-2023-04-05")
    federation.run(5_000)
    signs(japan, CASE)
    federation.run(5_000)
    shown = asks(japan, "commitment", commitment=KEY)
    assert shown.row.first_made_on == "2019-11-30"
    assert [on for _, on in shown.restatements] == ["2022-09-08", "2023-04-05"]
    assert KEY in [row.commitment for row in asks(japan, "commitments", mechanism="ind-jpn-defence-policy-dialogue")]
    with pytest.raises(RefusedError, match="is before the first promise"):
        does(india, "restate", key=KEY, meeting="ind-jpn-annual-summit-2018-10-29")
    with pytest.raises(RefusedError, match="is not known here"):
        does(india, "restate", key=KEY, meeting="ind-jpn-nowhere")


def test_a_commitment_whose_day_passes_is_overdue_and_stays_until_both_close_it() -> None:
    federation, india, japan = promised(8, due_on="2026-09")
    assert not [row for row in asks(india, "commitments", overdue=True) if row.commitment == KEY]
    india.skew_ms = japan.skew_ms = 20 * DAY_MS
    federation.run(90_000)
    for node in (india, japan):
        (row,) = [row for row in asks(node, "commitments", overdue=True) if row.commitment == KEY]
        assert (row.state, row.days_overdue) == ("lapsed", 11)
    assert tables(india) == tables(japan)
    does(india, "drop", key=KEY, reason="no aircraft can be spared")
    federation.run(5_000)
    assert asks(india, "commitment", commitment=KEY).row.state == "lapsed"
    signs(japan, CASE)
    federation.run(5_000)
    assert asks(india, "commitment", commitment=KEY).row.state == "dropped"


def test_what_one_side_will_not_confirm_it_declines() -> None:
    federation, india, japan = spoken(9)
    does(india, "identify", key=KEY, minute="jpn-2022-statement", paragraph=5, text="keep sea lanes open")
    federation.run(5_000)
    with pytest.raises(RefusedError, match="for the side `other`"):
        does(india, "decline", key=KEY, reason="ours")
    does(japan, "decline", key=KEY, reason="a shared view, no promise")
    federation.run(5_000)
    assert asks(india, "commitment", commitment=KEY).row.state == "dropped"


def test_storms_do_not_part_what_the_two_sides_hold() -> None:
    for seed in range(4):
        federation, india, japan = promised(200 + seed, due_on="2026-12-31")
        under_way(federation, india, japan, KEY)
        federation.weather.loss, federation.weather.twice = 0.2, 0.2
        rng = federation.rng
        for turn in range(14):
            federation.run(rng.choice((50, 400, 3_000)))
            node = rng.choice((india, japan))
            name, asked = rng.choice((
                ("attach", {"on": "2023-01-12", "text": f"evidence {turn}"}),
                ("claim-done", {"done_on": "2023-01-12", "text": "x"}),
                ("reject-done", {"reason": "not yet"}),
                ("accept-done", {}),
                ("progress", {"assessment": "on-course", "text": "x"}),
                ("score", {"value": rng.choice((-1, 0, 1)), "rationale": "x", "as_of": "2023-04-05"}),
                ("drop", {"reason": "x"}),
                ("verify", {}),
            ))  # fmt: skip
            posts(node, name, key=KEY, **asked)
            if rng.random() < 0.3:
                try:
                    signs(rng.choice((india, japan)), CASE)
                except RefusedError:
                    continue  # nothing waited
        federation.weather.loss = federation.weather.twice = 0.0
        federation.run(60_000)
        assert tables(india) == tables(japan), seed
        for node in (india, japan):
            before = tables(node)
            node.store.rebuild()
            assert tables(node) == before
