"""Meetings, joint texts, milestones and the brief on two simulated nodes."""

from __future__ import annotations

import pytest

from kizuna.domains.dialogue.rules import text_sha256
from kizuna.domains.dialogue.steps import Comment, Decision, TextVersion
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
)

MECHANISM = "ind-jpn-2plus2-ministerial"
MEETING = "jpn-2plus2-4"
CASE = f"dialogue.meeting:{MEETING}"
DAYS = {"starts_on": "2026-09-22", "ends_on": "2026-09-23", "place": "Tokyo"}


def planned(seed: int) -> tuple[Federation, SimNode, SimNode]:
    """Return two nodes with two confirmed commitments and a fourth 2+2 that both agreed on."""
    federation, india, japan = pair(seed)
    load(india, japan)
    agreed_text(federation, japan, india, "jpn-2022-statement", f"{MECHANISM}-2022-09-08", STATEMENT_2022)
    for key, paragraph in (("ind-fighters", 3), ("ind-staff-talks", 4)):
        confirmed(federation, india, japan, key, "jpn-2022-statement", paragraph)
    does(japan, "propose-meeting", key=MEETING, mechanism=MECHANISM, guest="ind", ordinal=4, **DAYS)
    federation.run(5_000)
    signs(india, CASE)
    federation.run(5_000)
    return federation, india, japan


def test_the_agenda_begins_with_what_is_carried_and_the_report_forgets_nothing() -> None:
    federation, india, japan = planned(1)
    does(india, "add-item", key=MEETING, title="space situational awareness", owner_party="ind")
    federation.run(5_000)
    for node in (india, japan):
        shown = asks(node, "meeting", meeting=MEETING)
        assert [row.commitment for row in shown.carried if row.basis == "case"] == ["ind-fighters", "ind-staff-talks"]
        assert [item.title for item in shown.items] == ["space situational awareness"]
    with pytest.raises(RefusedError, match="for the side `host`"):
        does(india, "hold-meeting", key=MEETING)
    does(japan, "hold-meeting", key=MEETING, delegations=("foreign ministers", "defence ministers"))
    federation.run(5_000)
    with pytest.raises(RefusedError, match="says nothing of 2 open commitments, `ind-fighters` among them"):
        does(japan, "report-meeting", key=MEETING)
    with pytest.raises(
        RefusedError, match="`ind-fighters` is `confirmed`, not `dropped`: both sides sign that in its own case"
    ):
        does(japan, "report-meeting", key=MEETING, dropped=("ind-fighters",), carry_rest=True)
    with pytest.raises(RefusedError, match="is disposed of twice"):
        does(japan, "report-meeting", key=MEETING, carried=("ind-fighters", "ind-fighters"), carry_rest=True)
    with pytest.raises(RefusedError, match="has 5 paragraphs, and no `6`"):
        does(
            japan,
            "report-meeting",
            key=MEETING,
            minute="jpn-2022-statement",
            decisions=(Decision("x", 6),),
            carry_rest=True,
        )
    decision = Decision("the staff talks go on", 4)
    done = does(
        japan, "report-meeting", key=MEETING, minute="jpn-2022-statement", decisions=(decision,), carry_rest=True
    )
    assert done.told == {"carried": 2}
    federation.run(5_000)
    for node in (india, japan):
        shown = asks(node, "meeting", meeting=MEETING)
        assert shown.row.state == "reported"
        assert shown.dispositions == {"ind-fighters": "carried", "ind-staff-talks": "carried"}
        assert (shown.decisions, shown.vanished, shown.carried) == (("the staff talks go on",), (), ())
        assert asks(node, "commitment", commitment="ind-fighters").meetings == ((MEETING, "carried"),)
    assert tables(india) == tables(japan)


def test_what_two_nodes_apart_could_not_both_know_is_found_to_have_vanished() -> None:
    federation, india, japan = planned(2)
    does(japan, "identify", key="jpn-sea-lanes", minute="jpn-2022-statement", paragraph=5, text="keep sea lanes open")
    federation.run(5_000)
    federation.weather.cut.add(frozenset((india.name, japan.name)))
    signs(india, "dialogue.commitment:jpn-sea-lanes")  # confirmed, but Japan cannot know it yet
    federation.run(60_000)
    does(japan, "hold-meeting", key=MEETING)
    does(japan, "report-meeting", key=MEETING, carry_rest=True)
    federation.weather.cut.clear()
    federation.run(60_000)
    for node in (india, japan):
        assert [(row.commitment, row.meeting) for row in asks(node, "vanished")] == [("jpn-sea-lanes", MEETING)]
        assert asks(node, "meeting", meeting=MEETING).vanished == ("jpn-sea-lanes",)
    assert tables(india) == tables(japan)


def test_a_meeting_is_proposed_by_its_host_and_its_number_stands_once() -> None:
    federation, india, japan = planned(3)
    does(
        japan,
        "describe-mechanism",
        mechanism=MECHANISM,
        title="2+2",
        level="minister",
        parties=("ind", "jpn"),
        host_rule="alternates",
    )
    asked = {"key": "ind-2plus2-5", "mechanism": MECHANISM, "guest": "jpn", "starts_on": "2027-05-01"}
    for wrong, message in (
        ({"ordinal": 3}, f"number 3 of `{MECHANISM}` is `{MECHANISM}-2024-08-20`"),
        ({"mechanism": "ind-jpn-tea"}, "mechanism `ind-jpn-tea` is not known here"),
        ({"starts_on": "1 May"}, "first day `1 May` is no day"),
        ({"ends_on": "2027-04-30"}, "before it begins on `2027-05-01`"),
        ({"key": "jpn-2plus2-5"}, "its own name comes first"),
        ({"guest": "ind"}, "its own name comes first"),
    ):
        with pytest.raises(RefusedError, match=message):
            does(india, "propose-meeting", **(asked | wrong))
    does(japan, "hold-meeting", key=MEETING)
    federation.run(5_000)
    done = does(japan, "propose-meeting", key="jpn-2plus2-5", mechanism=MECHANISM, guest="ind", starts_on="2027-05-01")
    assert done.told == {"out_of_turn": "the two alternate, and `ind` would host next"}


def test_a_meeting_is_postponed_rescheduled_or_called_off() -> None:
    federation, india, japan = planned(9)
    does(japan, "postpone-meeting", key=MEETING, reason="a typhoon")
    federation.run(5_000)
    does(india, "reschedule-meeting", key=MEETING, starts_on="2026-11-02", place="Kyoto")
    federation.run(5_000)
    assert asks(japan, "meeting", meeting=MEETING).row.state == "postponed"
    signs(japan, CASE)
    with pytest.raises(RefusedError, match="it has not begun"):
        does(japan, "hold-meeting", key=MEETING)
    federation.run(5_000)
    row = asks(india, "meeting", meeting=MEETING).row
    assert (row.state, row.starts_on, row.place) == ("agreed", "2026-11-02", "Kyoto")
    does(india, "cancel-meeting", key=MEETING, reason="elections")
    federation.run(5_000)
    assert asks(japan, "meeting", meeting=MEETING).row.state == "cancelled"


def test_a_text_is_drafted_by_the_host_commented_by_the_guest_and_agreed_by_its_hash() -> None:
    federation, india, japan = pair(4)
    load(india, japan)
    meeting = f"{MECHANISM}-2022-09-08"
    second = {"second_text": "両大臣は一致した。\n\n双方は歓迎した。".encode(), "second_language": "ja"}
    draft = {"key": "jpn-text", "meeting": meeting, "guest": "ind", "text": b"They agreed.\n\nThey welcomed it."}
    with pytest.raises(RefusedError, match="do not align paragraph by paragraph: en 3, ja 2"):
        does(japan, "draft-minute", **(draft | {"text": b"a\n\nb\n\nc"}), **second)
    with pytest.raises(RefusedError, match="come together"):
        does(japan, "draft-minute", **draft, second_text=b"x")
    does(japan, "draft-minute", **draft, **second)
    federation.run(5_000)
    with pytest.raises(RefusedError, match="for the side `host`"):
        does(india, "revise-minute", key="jpn-text", text=b"ours")
    with pytest.raises(RefusedError, match="the text has 2 paragraphs, and no `3`"):
        does(india, "comment-minute", key="jpn-text", paragraph=3, text="x")
    does(india, "comment-minute", key="jpn-text", paragraph=2, text="say what", more=(Comment(0, "thanks"),))
    federation.run(5_000)
    does(japan, "revise-minute", key="jpn-text", text=b"They agreed.\n\nThey welcomed the exercise.")
    federation.run(5_000)
    wanted = text_sha256((TextVersion("en", ("They agreed.", "They welcomed the exercise.")),))
    assert does(india, "agree-minute", key="jpn-text").told == {"text_sha256": wanted}
    federation.run(5_000)
    signs(japan, "dialogue.minute:jpn-text")
    federation.run(5_000)
    (minute,) = asks(india, "meeting", meeting=meeting).minutes
    assert (minute.state, minute.versions, minute.text_sha256) == ("agreed", 2, wanted)
    does(india, "publish-minute", key="jpn-text")
    does(japan, "restrict-minute", key="jpn-text", reason="not before the visit")
    federation.run(5_000)
    (minute,) = asks(india, "meeting", meeting=meeting).minutes
    assert minute.state == "restricted"
    assert tables(india) == tables(japan)


def test_nobody_agrees_on_a_draft_that_was_revised_meanwhile() -> None:
    federation, india, japan = pair(5)
    load(india, japan)
    does(japan, "draft-minute", key="jpn-text", meeting=f"{MECHANISM}-2022-09-08", guest="ind", text=b"one")
    does(japan, "agree-minute", key="jpn-text")
    federation.run(5_000)
    federation.weather.cut.add(frozenset((india.name, japan.name)))
    signs(india, "dialogue.minute:jpn-text")
    does(japan, "revise-minute", key="jpn-text", text=b"two")
    federation.weather.cut.clear()
    federation.run(60_000)
    for node in (india, japan):
        assert node.store.query("SELECT state FROM dialogue_minute") == [("conflict",)]


def test_a_milestone_slips_openly_and_its_baseline_never_moves() -> None:
    federation, india, japan = pair(6)
    load(india, japan)
    plan = {
        "key": "ind-roadmap-text",
        "other": "jpn",
        "owner_party": "ind",
        "title": "text of the roadmap",
        "baseline_on": "2026-12-31",
    }
    with pytest.raises(RefusedError, match="neither `ind` nor `jpn`"):
        does(india, "plan-milestone", **(plan | {"owner_party": "aus"}))
    with pytest.raises(RefusedError, match="cannot wait on"):
        does(india, "plan-milestone", **plan, depends_on=("ind-roadmap-text",))
    with pytest.raises(RefusedError, match="baseline `2047` is no day"):
        does(india, "plan-milestone", **(plan | {"baseline_on": "2047"}))
    does(india, "plan-milestone", **plan)
    federation.run(5_000)
    signs(japan, "dialogue.milestone:ind-roadmap-text")
    federation.run(5_000)
    does(japan, "plan-milestone", key="jpn-vision", other="ind", owner_party="ind", title="vision", baseline_on="2047-08-15",
         depends_on=("ind-roadmap-text",))  # fmt: skip
    federation.run(5_000)
    signs(india, "dialogue.milestone:jpn-vision")
    with pytest.raises(RefusedError, match="for the side `owner`"):
        does(japan, "move-forecast", key="ind-roadmap-text", forecast_on="2027-06-30", reason="x")
    does(india, "start-milestone", key="ind-roadmap-text")
    does(india, "raise-risk", key="ind-roadmap-text", reason="no drafting group yet")
    for day in ("2027-03-31", "2027-06-30"):
        does(india, "move-forecast", key="ind-roadmap-text", forecast_on=day, reason="talks go on")
    federation.run(5_000)
    for node in (india, japan):
        shown = asks(node, "roadmap")
        first, second = shown.milestones
        assert (first.state, first.baseline_on, first.forecast_on) == ("slipped", "2026-12-31", "2027-06-30")
        assert (first.slipped_days, first.forecasts) == (181, 2)
        assert second.waits_on == ("ind-roadmap-text",)
        assert [item.horizon_on for item in shown.items] == ["2047"]
    assert b"+181 days" in asks(india, "chart").data
    does(india, "reach-milestone", key="ind-roadmap-text", done_on="2026-09-20", evidence="signed text")
    federation.run(5_000)
    assert asks(india, "roadmap").milestones[0].state == "slipped"
    signs(japan, "dialogue.milestone:ind-roadmap-text")
    federation.run(5_000)
    first, second = asks(india, "roadmap").milestones
    assert (first.state, first.slipped_days, first.baseline_on, second.waits_on) == ("done", -102, "2026-12-31", ())
    with pytest.raises(RefusedError, match="not possible in the state `done`"):
        does(india, "move-forecast", key="ind-roadmap-text", forecast_on="2028-01-01", reason="x")
    assert tables(india) == tables(japan)


def test_the_brief_says_what_is_open_what_happened_and_what_to_raise() -> None:
    federation, india, japan = planned(7)
    does(india, "assign", key="ind-fighters", owner="air staff")
    does(india, "attach", key="ind-fighters", on="2023-01-12", text="Veer Guardian")
    federation.run(5_000)
    does(india, "score", key="ind-fighters", value=1, rationale="x", as_of="2023-04-05")
    does(japan, "score", key="ind-fighters", value=0, rationale="x", as_of="2023-04-05")
    federation.run(5_000)
    page = asks(india, "brief", mechanism=MECHANISM, since="2022-01-01").data.decode()
    for said in (
        "Next meeting: 2026-09-22 – 2026-09-23, Tokyo",  # noqa: RUF001 # a dash between two days
        "ind-fighters: Japan has named no owner.",
        "ind-fighters: the two sides score it differently (ind +1, jpn +0).",
        "air staff",
        "<td>Foreign and Defence Ministerial Meeting (2+2)</td><td>New Delhi</td>",
        "Japan explains its new national security and national defence strategies",
    ):
        assert said in page, said
    for language, said in (("ja", "会合準備資料"), ("hi", "बैठक हेतु संक्षिप्त विवरण")):
        assert said in asks(india, "brief", mechanism=MECHANISM, language=language).data.decode()
    docx = asks(japan, "brief", mechanism=MECHANISM, language="ja", form="docx")
    assert docx.data[:2] == b"PK"
    assert docx.name.endswith("-ja.docx")
    with pytest.raises(RefusedError, match="no mechanism is called `ind-jpn-tea`"):
        asks(india, "brief", mechanism="ind-jpn-tea")


def test_storms_do_not_part_meetings_and_milestones() -> None:
    for seed in range(3):
        federation, india, japan = planned(300 + seed)
        does(india, "plan-milestone", key="ind-m", other="jpn", owner_party="jpn", title="m", baseline_on="2027-01-01")
        federation.weather.loss, federation.weather.twice = 0.2, 0.2
        rng = federation.rng
        for turn in range(14):
            federation.run(rng.choice((50, 400, 3_000)))
            node = rng.choice((india, japan))
            name, asked = rng.choice((
                ("add-item", {"key": MEETING, "title": f"item {turn}"}),
                ("reschedule-meeting", {"key": MEETING, "starts_on": "2026-10-02"}),
                ("postpone-meeting", {"key": MEETING, "reason": "x"}),
                ("hold-meeting", {"key": MEETING, "starts_on": "2026-09-20"}),
                ("report-meeting", {"key": MEETING, "carry_rest": True}),
                ("move-forecast", {"key": "ind-m", "forecast_on": f"2027-02-{turn + 1:02}", "reason": "x"}),
                ("reach-milestone", {"key": "ind-m", "done_on": "2026-09-20", "evidence": "x"}),
            ))  # fmt: skip
            posts(node, name, **asked)
            case = rng.choice((CASE, "dialogue.milestone:ind-m"))
            try:
                signs(rng.choice((india, japan)), case)
            except RefusedError:
                continue  # nothing waited
        federation.weather.loss = federation.weather.twice = 0.0
        federation.run(60_000)
        assert tables(india) == tables(japan), seed
        for node in (india, japan):
            before = tables(node)
            node.store.rebuild()
            assert tables(node) == before


def test_a_meeting_cannot_be_held_before_its_day_has_begun_anywhere() -> None:
    federation, india, japan = pair(8)
    load(india, japan)
    does(japan, "propose-meeting", key=MEETING, mechanism=MECHANISM, guest="ind", starts_on="2026-09-24")
    federation.run(5_000)
    signs(india, CASE)
    federation.run(5_000)
    with pytest.raises(RefusedError, match="it begins on `2026-09-24`"):
        does(japan, "hold-meeting", key=MEETING)
    japan.skew_ms = 2 * DAY_MS
    federation.run(61_000)  # a clock that leapt is believed once it has gone on steadily
    does(japan, "hold-meeting", key=MEETING)
