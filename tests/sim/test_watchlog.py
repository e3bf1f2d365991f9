"""The watch log on two simulated nodes: incidents, claims and requests that both centres see alike, and alerts that stay at home."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.case.operations import EndorseAsked
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.domains.maritime import DOMAIN as MARITIME
from kizuna.domains.maritime.records import (
    EVENT_DETECTED,
    STATIC_REPORTED,
    EventDetected,
    StaticReported,
)
from kizuna.domains.maritime.watchlog import operations as ops
from kizuna.domains.maritime.watchlog import shared
from kizuna.domains.maritime.watchlog.queries import (
    AlertsWanted,
    AlertWanted,
    IncidentsWanted,
    IncidentWanted,
    InterestsWanted,
    RequestsWanted,
    RulesWanted,
)
from kizuna.errors import KizunaError, RefusedError
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.kernel.label import label
from kizuna.kernel.operation import Asked, LabelAsked
from kizuna.node import effects as fx
from kizuna.node.maritime.alerting import Alerting, rule_areas
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.detecting import Detecting
from kizuna.sim.federation import Federation, SimNode
from tests.sim.partnership import operate, partners, shown, tables
from tests.sim.test_maritime import SimClock, SimDoer

NAVIES = "ind-jpn-2018-navy-implementing-arrangement"
DOMAINS = (CASE, INSTRUMENTS, MARITIME)
OFFICER, RELIEF = "officer:1:watch", "officer:2:watch"
SHIP, OTHER = 419_000_001, 431_000_002
KEY = "ind-2026-0001"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SHARED_TABLES = (
    "maritime_incident",
    "maritime_incident_note",
    "maritime_interest",
    "maritime_request",
)


def pair(seed: int | str) -> tuple[Federation, SimNode, SimNode]:
    return partners(seed, DOMAINS, NAVIES)


def do(node: SimNode, name: str, asked: Asked, actor: str = OFFICER) -> Any:
    return operate(node, f"maritime {name}", asked, actor)


def see(node: SimNode, name: str, asked: Any = None) -> Any:
    return shown(node, MARITIME, name, asked)


def mark(party: str) -> Any:
    return label(
        f"{party}.example.v1", 0, originator=party, releasable_to=("ind", "jpn"), purposes=("maritime-domain-awareness",)
    )  # fmt: skip


def say(node: SimNode, type_: str, body: Any) -> str:
    made = node.do(
        fx.Say((fx.Draft(type_, body, mark(node.identity.party), "system:events", subject="vessel:mmsi:1"),))
    )
    return str(made[0].record_id)


def gap(node: SimNode, mmsi: int = SHIP, **changes: Any) -> str:
    values: dict[str, Any] = {
        "kind": "gap", "mmsi": mmsi, "from_ms": node.now_ms - 7 * HOUR_MS, "lat_600000": 6_000_000, "lon_600000": 50_000_000,
        "rule": "kizuna.maritime.thresholds.v1", "confidence": "high", "source_kind": "simulated",
    }  # fmt: skip
    return say(node, EVENT_DETECTED, EventDetected(**(values | changes)))


def alerting(federation: Federation, node: SimNode, folder: Any) -> Alerting:
    party = node.identity.party
    archives = Archives(folder / party)
    return Alerting(SimDoer(node), node.store, archives, party, mark(party), clock=SimClock(federation))


def names(node: SimNode, state: Any = "open") -> list[tuple[str, str]]:
    return [(row.kind, row.state) for row in see(node, "alerts", AlertsWanted(state=state))]


def raised(federation: Federation, node: SimNode, folder: Any) -> str:
    """Write a rule on gaps, have one told, and return the alert's name."""
    do(node, "write-rule", ops.RuleAsked(rule="dark", kind="gap", at_least_min=360, urgent=True))
    gap(node)
    assert len(alerting(federation, node, folder).once()) == 1
    (row,) = see(node, "alerts")
    return str(row.alert)


def test_a_night_watch_from_rule_to_hand_over_sheet_and_closed_incident(tmp_path: Any) -> None:
    """India's watch asks to be told of ships that go dark; one does, becomes an incident, and Japan takes the lead."""
    federation, india, japan = pair("night")
    done = do(
        india, "write-rule", ops.RuleAsked(rule="dark", kind="gap", title="Gone dark", at_least_min=360, urgent=True)
    )
    assert done.told == {"rule": "dark", "version": 1}
    event = gap(india)
    assert len(alerting(federation, india, tmp_path).once()) == 1
    assert alerting(federation, india, tmp_path).once() == []
    (alert,) = see(india, "alerts")
    assert (alert.state, alert.rule, alert.version, alert.evidence, alert.urgent) == (
        "raised",
        "dark",
        1,
        (event,),
        True,
    )
    assert alert.rule_record == done_rule(india)
    do(india, "acknowledge", ops.AcknowledgeAsked(alert=alert.alert, note="calling the ship"))
    federation.run(1_000)
    do(india, "note-alert", ops.NoteAlertAsked(alert=alert.alert, note="no answer"), RELIEF)
    federation.run(1_000)
    do(india, "hand-over-watch", ops.HandOverWatchAsked(to_officer="Lt Rao", note="one ship dark"))
    do(
        india,
        "escalate",
        ops.EscalateAsked(alert=alert.alert, key=KEY, partner="jpn", category=3, title="MV Asha <silent>"),
        RELIEF,
    )
    page = see(india, "hand-over").data.decode()
    assert "one ship dark" in page
    assert "Lt Rao" in page
    assert f"<td>{RELIEF}</td>" in page
    assert "escalated" in page
    assert "MV Asha &lt;silent&gt;" in page
    assert "No alert is open." in page
    assert "calling the ship" not in page, "done before the last change of the watch"
    whole = see(india, "alert", AlertWanted(alert=alert.alert))
    assert [(act.act, act.by) for act in whole.acts] == [
        ("acknowledged", OFFICER), ("noted", RELIEF), ("escalated", RELIEF),
    ]  # fmt: skip
    do(india, "assess-incident", shared.AssessAsked(key=KEY, assessment="engine failure likely", category=2))
    do(india, "note-incident", shared.NoteAsked(key=KEY, text="agent reached by telephone"))
    do(india, "note-incident", shared.NoteAsked(key=KEY, text="source: our own ship", at_home=True))
    do(india, "share-incident", shared.ShareAsked(key=KEY, report="last seen at 10 N", evidence=(event,)))
    federation.run(5_000)
    do(japan, "note-incident", shared.NoteAsked(key=KEY, text="our ship is 40 miles off"))
    do(india, "hand-over-incident", shared.HandOverAsked(key=KEY, reason="you are nearer"))
    federation.run(5_000)
    operate(japan, "case endorse", EndorseAsked(case=f"maritime.incident:{KEY}"), OFFICER)
    federation.run(5_000)
    for node in (india, japan):
        (row,) = see(node, "incidents", IncidentsWanted(mmsi=SHIP))
        assert (row.state, row.lead, row.category) == ("handed_over", "jpn", 2)
    with pytest.raises(RefusedError, match="`jpn` has the lead"):
        do(india, "resolve-incident", shared.ResolveAsked(key=KEY, outcome="found"))
    do(japan, "resolve-incident", shared.ResolveAsked(key=KEY, outcome="found adrift, towed"))
    federation.run(5_000)
    with pytest.raises(RefusedError, match="is for the side `owner`"):
        do(japan, "close-incident", shared.CloseAsked(key=KEY))
    do(india, "close-incident", shared.CloseAsked(key=KEY))
    federation.run(5_000)
    texts = [[note.text for note in see(node, "incident", IncidentWanted(key=KEY)).notes] for node in (india, japan)]
    assert texts[1] == ["agent reached by telephone", "our ship is 40 miles off"]
    assert sorted(texts[0]) == sorted([*texts[1], "source: our own ship"])
    assert see(japan, "incident", IncidentWanted(key=KEY)).incident.state == "closed"


def done_rule(node: SimNode) -> str:
    (row,) = see(node, "rules")
    return str(row.record_id)


def test_rules_and_alerts_stay_at_home(tmp_path: Any) -> None:
    federation, india, japan = pair("home")
    alert = raised(federation, india, tmp_path)
    do(india, "acknowledge", ops.AcknowledgeAsked(alert=alert, label=LabelAsked(releasable_to=("jpn",))))
    federation.run(5_000)
    for table in ("maritime_rule", "maritime_alert", "maritime_alert_act", "maritime_alert_now"):
        assert japan.store.query(f"SELECT * FROM {table}") == [], table
        assert india.store.query(f"SELECT * FROM {table}"), table


def test_an_event_that_a_partner_tells_is_an_alert_here_and_made_up_traffic_says_so(tmp_path: Any) -> None:
    federation, india, japan = pair("theirs")
    do(japan, "write-rule", ops.RuleAsked(rule="dark", kind="gap"))
    event = gap(india)
    federation.run(5_000)
    alerting(federation, japan, tmp_path).once()
    (alert,) = see(japan, "alerts", AlertsWanted(mmsi=SHIP))
    assert (alert.evidence, alert.source_kind, alert.what) == ((event,), "simulated", "gap told by ind")
    assert see(japan, "alerts", AlertsWanted(mmsi=OTHER)) == []


def test_an_identity_that_changes_is_an_alert_that_cites_both_reports(tmp_path: Any) -> None:
    federation, india, _ = pair("identity")
    do(india, "write-rule", ops.RuleAsked(rule="names", kind="identity"))
    reports = [
        say(
            india, STATIC_REPORTED,
            StaticReported(mmsi=SHIP, name=name, reported_at_ms=india.now_ms + nth, source="coast", source_kind="live"),
        )
        for nth, name in enumerate(("ASHA", "ASHA", "UMI"))
    ]  # fmt: skip
    judge = alerting(federation, india, tmp_path)
    assert len(judge.once()) == 1
    assert judge.once() == []
    (alert,) = see(india, "alerts")
    assert alert.what == "name `ASHA` became `UMI`"
    assert alert.evidence == (reports[1], reports[2])


def test_a_rule_has_versions_and_ends_and_what_was_withdrawn_finds_nothing(tmp_path: Any) -> None:
    federation, india, _ = pair("versions")
    do(india, "write-rule", ops.RuleAsked(rule="dark", kind="gap"))
    assert do(india, "write-rule", ops.RuleAsked(rule="dark", kind="gap", mmsi=(str(OTHER),))).told["version"] == 2
    gap(india)
    judge = alerting(federation, india, tmp_path)
    assert judge.once() == []
    do(india, "withdraw-rule", ops.WithdrawRuleAsked(rule="dark", reason="exercise over"))
    gap(india, OTHER)
    assert judge.once() == []
    assert see(india, "rules") == []
    (row,) = see(india, "rules", RulesWanted(withdrawn=True))
    assert (row.version, row.standing) == (2, False)
    assert do(india, "write-rule", ops.RuleAsked(rule="dark", kind="gap")).told["version"] == 3
    assert len(judge.once()) == 2


def test_what_is_not_possible_is_refused_with_field_value_rule_and_remedy(tmp_path: Any) -> None:
    federation, india, japan = pair("refused")
    alert = raised(federation, india, tmp_path)
    wrong: list[tuple[str, Asked, str]] = [
        ("write-rule", ops.RuleAsked(rule="a", kind="area"), "takes either `area`"),
        ("write-rule", ops.RuleAsked(rule="a", kind="area", box="10,80,5,90"), r"`box` `10,80,5,90` has no inside"),
        ("write-rule", ops.RuleAsked(rule="a", kind="area", box="10,80,95"), r"`box` `10,80,95` is not"),
        ("write-rule", ops.RuleAsked(rule="a", kind="area", box="1,80,95,nan"), "decimal degrees"),
        ("write-rule", ops.RuleAsked(rule="a", kind="gap", area="x"), "limit a rule on `gap` by a `box`"),
        ("write-rule", ops.RuleAsked(rule="a", kind="gap", mmsi=("12",)), "`mmsi` `12` is no MMSI"),
        ("write-rule", ops.RuleAsked(rule="a", kind="speed"), "`over_dkn` `0` is no speed"),
        ("write-rule", ops.RuleAsked(rule="a", kind="identity", box="1,2,3,4"), "names no place"),
        ("withdraw-rule", ops.WithdrawRuleAsked(rule="none", reason="x"), "no rule `none` is in force"),
        ("dismiss", ops.DismissAsked(alert=alert, reason="x"), "`raised`: only one that is `acknowledged`"),
        ("acknowledge", ops.AcknowledgeAsked(alert="0" * 16), "no alert is called"),
        ("open-incident", shared.OpenAsked(key="jpn-1", title="x", category=1), "its own name comes first"),
        (
            "open-incident",
            shared.OpenAsked(key=KEY, title="x", category=1, position="91,0"),
            "`position` `91,0` is not",
        ),
        (
            "assert-interest",
            shared.AssertAsked(key="ind-v", mmsi=str(SHIP), basis="x", expires_at_ms=india.now_ms - 1),
            "lies not after",
        ),
        (
            "assert-interest",
            shared.AssertAsked(key="ind-v", mmsi=str(SHIP), basis="x", expires_at_ms=india.now_ms + 181 * DAY_MS),
            "more than 180 days ahead",
        ),
        (
            "ask",
            shared.AskAsked(key="ind-q", partner="jpn", question="x", answer_by_ms=india.now_ms),
            "lies not after",
        ),
    ]
    for name, asked, words in wrong:
        with pytest.raises(RefusedError, match=words):
            do(india, name, asked)
    do(india, "acknowledge", ops.AcknowledgeAsked(alert=alert))
    with pytest.raises(RefusedError, match="`acknowledged` by officer:1:watch"):
        do(india, "acknowledge", ops.AcknowledgeAsked(alert=alert), RELIEF)
    with pytest.raises(RefusedError, match="in the role `watch`"):
        do(india, "dismiss", ops.DismissAsked(alert=alert, reason="x"), "officer:1:desk")
    do(india, "open-incident", shared.OpenAsked(key=KEY, title="at home", category=4))
    do(india, "assess-incident", shared.AssessAsked(key=KEY, assessment="petty", category=4))
    with pytest.raises(RefusedError, match="it names no partner"):
        do(india, "share-incident", shared.ShareAsked(key=KEY, report="x"))
    federation.run(5_000)
    assert see(japan, "incidents") == []


def test_a_vessel_of_interest_is_a_claim_that_the_partner_disputes_and_the_clock_ends(tmp_path: Any) -> None:
    federation, india, japan = pair("interest")
    asked = shared.AssertAsked(
        key="ind-voi-1", mmsi=str(SHIP), basis="two gaps in a week", confidence_pct=60, partner="jpn",
        expires_at_ms=india.now_ms + DAY_MS,
    )  # fmt: skip
    do(india, "assert-interest", asked)
    federation.run(5_000)
    with pytest.raises(RefusedError, match="is for the side `partner`"):
        do(india, "dispute-interest", shared.ReasonAsked(key="ind-voi-1", reason="own doubt"))
    do(japan, "dispute-interest", shared.ReasonAsked(key="ind-voi-1", reason="the receiver was down"))
    federation.run(5_000)
    for node in (india, japan):
        (row,) = see(node, "interests", InterestsWanted(mmsi=SHIP))
        assert (row.author, row.state, row.basis) == ("ind", "disputed", "two gaps in a week")
    india.skew_ms = japan.skew_ms = 2 * DAY_MS
    assert see(india, "interests") == [], "no claim outlives its expiry, whatever was said of it yet"
    federation.run(90_000)
    states = {see(node, "interests", InterestsWanted(past=True))[0].state for node in (india, japan)}
    assert states == {"expired"}


def test_requests_are_answered_declined_or_expire() -> None:
    federation, india, japan = pair("requests")
    for nth in range(3):
        asked = shared.AskAsked(
            key=f"ind-rfi-{nth}", partner="jpn", question="Last port of this ship?", mmsi=(str(SHIP),),
            answer_by_ms=india.now_ms + DAY_MS,
        )  # fmt: skip
        do(india, "ask", asked)
    federation.run(5_000)
    with pytest.raises(RefusedError, match="is for the side `addressee`"):
        do(india, "answer", shared.AnswerAsked(key="ind-rfi-0", answer="x"))
    do(japan, "answer", shared.AnswerAsked(key="ind-rfi-0", answer="Busan"))
    do(japan, "decline", shared.ReasonAsked(key="ind-rfi-1", reason="not ours to tell"))
    federation.run(5_000)
    india.skew_ms = japan.skew_ms = 2 * DAY_MS
    federation.run(90_000)
    for node in (india, japan):
        rows = {row.request: (row.state, row.answer) for row in see(node, "requests")}
        assert rows == {
            "ind-rfi-0": ("answered", "Busan"), "ind-rfi-1": ("declined", "not ours to tell"), "ind-rfi-2": ("expired", None),
        }  # fmt: skip
        assert see(node, "requests", RequestsWanted(state="asked")) == []


def test_storms_do_not_part_the_two_centres() -> None:
    for seed in range(6):
        federation, india, japan = pair(f"storm-{seed}")
        federation.weather.loss, federation.weather.twice = 0.2, 0.2
        rng = federation.rng
        do(india, "open-incident", shared.OpenAsked(key=KEY, title="x", category=3, partner="jpn"))
        claim = shared.AssertAsked(
            key="ind-voi", mmsi=str(SHIP), basis="x", partner="jpn", expires_at_ms=india.now_ms + DAY_MS
        )
        do(india, "assert-interest", claim)
        steps: tuple[tuple[str, Asked], ...] = (
            ("assess-incident", shared.AssessAsked(key=KEY, assessment="a", category=2)),
            ("share-incident", shared.ShareAsked(key=KEY, report="r")),
            ("hand-over-incident", shared.HandOverAsked(key=KEY, reason="r")),
            ("resolve-incident", shared.ResolveAsked(key=KEY, outcome="o")),
            ("close-incident", shared.CloseAsked(key=KEY)),
            ("note-incident", shared.NoteAsked(key=KEY, text="n")),
            ("support-interest", shared.SupportAsked(key="ind-voi", basis="b")),
            ("dispute-interest", shared.ReasonAsked(key="ind-voi", reason="r")),
            ("withdraw-interest", shared.ReasonAsked(key="ind-voi", reason="r")),
        )
        for _ in range(20):
            federation.run(rng.choice((50, 400, 3_000)))
            node = rng.choice((india, japan))
            name, asked = rng.choice(steps)
            node.post(fx.Operate("maritime", name, asked, OFFICER))
            endorse = EndorseAsked(case=f"maritime.incident:{KEY}")
            japan.post(fx.Operate("case", "endorse", endorse, OFFICER))
        federation.weather.loss = federation.weather.twice = 0.0
        federation.run(60_000)
        for table in SHARED_TABLES:
            rows = [sorted(map(repr, node.store.query(f"SELECT * FROM {table}"))) for node in (india, japan)]
            assert rows[0] == rows[1], (seed, table)
        for node in (india, japan):
            before = tables(node, CASE, MARITIME)
            node.store.rebuild()
            assert before == tables(node, CASE, MARITIME)


def test_a_node_that_is_no_partner_cannot_slip_a_note_into_an_incident() -> None:
    federation, india, japan = pair("note")
    do(india, "open-incident", shared.OpenAsked(key=KEY, title="x", category=3))
    federation.run(5_000)
    with pytest.raises(KizunaError, match="is called"):
        do(japan, "note-incident", shared.NoteAsked(key=KEY, text="n"))


def heard(node: SimNode, archives: Archives, rows: list[tuple[int, int, float, int]]) -> None:
    """Hold positions of a live source, each as mmsi, minutes ago, latitude in degrees and speed in tenths of a knot."""
    named = ("mmsi", "time_ms", "lat_600000", "lon_600000", "speed_dkn")
    made = [
        dict(zip(named, (mmsi, node.now_ms - ago * 60_000, round(lat * 600_000), 48_000_000, speed), strict=True))
        for mmsi, ago, lat, speed in rows
    ]
    archives.add(ArchiveKey(node.identity.party, "live", "coast"), pa.Table.from_pylist(made, schema=SCHEMA), 1)


def test_a_box_a_speed_and_a_vessel_of_interest_are_found_in_the_positions(tmp_path: Any) -> None:
    federation, india, _ = pair("positions")
    do(india, "write-rule", ops.RuleAsked(rule="strait", kind="area", box="9,79,11,81"))
    do(india, "write-rule", ops.RuleAsked(rule="fast", kind="speed", over_dkn=250, box="0,70,30,90"))
    do(india, "write-rule", ops.RuleAsked(rule="known", kind="vessel-of-interest"))
    federation.run(1_000)
    claim = shared.AssertAsked(key="ind-voi-1", mmsi=str(OTHER), basis="list", expires_at_ms=india.now_ms + DAY_MS)
    do(india, "assert-interest", claim)
    archives = Archives(tmp_path)
    federation.run(20 * 60_000)
    track = [(SHIP, ago, 9.055 - ago / 100, 90 if ago > 3 else 300) for ago in range(12)]
    # a source is heard while it delivers: another ship reports every minute
    heard(india, archives, [(OTHER, 5, 20, 90), *track, *((SHIP + 1, ago, 25, 100) for ago in range(12))])
    clock = SimClock(federation)
    detecting = Detecting(
        SimDoer(india), india.store, archives, "ind", mark("ind"), own_units=frozenset(), clock=clock,
        more_areas=lambda: rule_areas(india.store, "ind"),
    )  # fmt: skip
    assert len(detecting.once()) == 2  # the entry, and the thresholds that it cites
    judge = Alerting(SimDoer(india), india.store, archives, "ind", mark("ind"), clock=clock)
    assert len(judge.once()) == 3
    assert judge.once() == []
    found = {row.rule: row for row in see(india, "alerts")}
    assert (found["strait"].mmsi, found["strait"].area) == (SHIP, "strait@1")
    assert (found["fast"].mmsi, found["fast"].what) == (SHIP, "30.0 kn")
    assert (found["known"].mmsi, found["known"].what) == (OTHER, "`ind-voi-1`, asserted, of ind: list")
    assert {row.source_kind for row in found.values()} == {"live"}
    do(india, "withdraw-interest", shared.ReasonAsked(key="ind-voi-1", reason="mistaken"))
    assert see(india, "interests") == []
