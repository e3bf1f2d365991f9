"""The life of an agreement on two simulated nodes: both desks sign each step with their evidence, and both tell the same in any weather."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.case.operations import EndorseAsked
from kizuna.domains.claim import DOMAIN as CLAIM
from kizuna.domains.claim.operations import AdjudicateAsked, AssertAsked
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.domains.instruments.operations import EvidenceAsked, ForceAsked, RenewAsked, StepAsked, SupersedeAsked
from kizuna.errors import RefusedError
from kizuna.kernel.label import Grade, label
from kizuna.kernel.operation import Asked, Desk
from kizuna.node import effects as fx
from kizuna.sim.federation import Federation, SimNode
from tests.sim.world import POLICY, arrangement, provision, sign_instrument

DOMAINS = (CASE, CLAIM, INSTRUMENTS)
DESK = "officer:1:desk"
NAME = "ind-jpn-arrangement"
CASE_ID = f"instruments.life:ind.jpn/{NAME}"
HEADER = ("@actor", "@after", "@node", "@subject")
DAY_MS = 86_400_000


def clauses(sender: str, receiver: str) -> list[Any]:
    kinds = {**INSTRUMENTS.records, **CLAIM.records, "case.endorsed.v1": CASE.records["case.endorsed.v1"]}
    return [
        provision(
            sender, receiver, id=f"{name.replace('.', '-')}-{sender}-{receiver}", record_types=(name,),
            discloses=(*kind.__struct_fields__, *HEADER), purposes=("agreements", "coordination"),
        )
        for name, kind in sorted(kinds.items())
    ]  # fmt: skip


def pair(seed: int | str) -> tuple[Federation, SimNode, SimNode]:
    federation = Federation(seed)
    india, japan = (federation.add(name, DOMAINS, grade=Grade(POLICY, 0)) for name in ("ind/delhi", "jpn/yokosuka"))
    federation.introduce(india, japan)
    made = arrangement("ind", "jpn", *clauses("ind", "jpn"), *clauses("jpn", "ind"))
    other = msgspec.structs.replace(made, id="ind-jpn-older", provisions=(), parent=NAME)
    for node in (india, japan):
        sign_instrument(node, made)
        sign_instrument(node, other)
    federation.run(10_000)
    return federation, india, japan


def operate(node: SimNode, domain: str, name: str, asked: Asked) -> Any:
    return node.do(fx.Operate(domain, name, asked, DESK))


def ask(node: SimNode, name: str, **wanted: Any) -> Any:
    query = next(each for each in INSTRUMENTS.queries if each.name == name)
    world = node.core.world
    with node.store.view() as db:
        desk = Desk(
            db=db, now_ms=node.now_ms, party=node.identity.party, actor=DESK, kinds=world.kinds, agreements=world.agreements,
            random=world.random,
        )  # fmt: skip
        return query.run(desk, query.asks(**wanted))


def state(node: SimNode) -> str:
    rows = node.store.query("SELECT state FROM instruments_life WHERE instrument = ?", (NAME,))
    return str(rows[0][0]) if rows else ""


def step(on: str, source: str = "a gazette") -> StepAsked:
    return StepAsked(instrument=NAME, on=on, sources=(source,))


def both(federation: Federation, one: SimNode, other: SimNode, name: str, asked: Asked) -> None:
    """One side proposes, the other gives its evidence and signs."""
    operate(one, "instruments", name, asked)
    federation.run(5_000)
    of = {
        "text-signed": "sign",
        "entered-force": "enter-force",
        "first-used": "use",
        "renewed": "renew",
        "negotiated": "negotiate",
    }[name]
    operate(other, "instruments", "evidence", EvidenceAsked(instrument=NAME, step=of, sources=("our archive",)))  # type: ignore[arg-type] # one of its steps
    operate(other, "case", "endorse", EndorseAsked(case=CASE_ID))
    federation.run(5_000)


def in_force(seed: int, until: str = "") -> tuple[Federation, SimNode, SimNode]:
    federation, india, japan = pair(seed)
    both(federation, india, japan, "text-signed", step("2020-09-09"))
    operate(india, "instruments", "approved", step("unknown"))
    operate(japan, "instruments", "approved", step("2021-05-19"))
    federation.run(5_000)
    asked = ForceAsked(instrument=NAME, on="2021-07-11", until=until, sources=("notes exchanged",))
    both(federation, japan, india, "entered-force", asked)
    return federation, india, japan


def test_a_step_counts_once_both_desks_have_signed_it_and_each_shows_its_evidence() -> None:
    federation, india, japan = pair(1)
    operate(india, "instruments", "text-signed", step("2020-09"))
    federation.run(5_000)
    assert (state(india), state(japan)) == ("recorded", "recorded")
    operate(japan, "case", "endorse", EndorseAsked(case=CASE_ID))
    federation.run(5_000)
    assert (state(india), state(japan)) == ("signed", "signed")
    shown = ask(india, "page", instrument=NAME)
    assert shown.evidence == (("sign", "ind", "a gazette"),)
    assert shown.evidence_missing == (("sign", "jpn"),)
    operate(japan, "instruments", "evidence", EvidenceAsked(instrument=NAME, step="sign", sources=("our archive",)))
    federation.run(5_000)
    for node in (india, japan):
        shown = ask(node, "page", instrument=NAME)
        assert shown.evidence_missing == ()
        assert {"a gazette", "our archive"} <= set(shown.sources)
        assert "signed: 2020-09, signed by its parties" in shown.lines


def test_it_enters_into_force_once_each_party_has_approved_for_itself() -> None:
    federation, india, japan = pair(2)
    both(federation, india, japan, "text-signed", step("2020-09-09"))
    operate(india, "instruments", "approved", step("2020-12"))
    with pytest.raises(RefusedError, match="`ind` has approved it already"):
        operate(india, "instruments", "approved", step("2020-12"))
    with pytest.raises(RefusedError, match="the approval of `jpn` is missing"):
        operate(india, "instruments", "entered-force", ForceAsked(instrument=NAME, on="2021-07-11", sources=("x",)))
    federation.run(5_000)
    with pytest.raises(RefusedError, match="lies before `sign` on `2020-09-09`"):
        operate(japan, "instruments", "approved", step("2020-08"))
    operate(japan, "instruments", "approved", step("2020-11"))  # before the other's: each approves in its own time
    federation.run(5_000)
    assert state(india) == state(japan) == "approved"
    both(federation, japan, india, "entered-force", ForceAsked(instrument=NAME, on="2021-07-11", sources=("x",)))
    both(federation, india, japan, "first-used", step("2022-03"))
    assert state(india) == state(japan) == "operational"


def test_a_past_day_saw_what_had_happened_by_its_end_at_the_precision_that_is_known() -> None:
    federation, india, japan = in_force(3)
    both(federation, india, japan, "first-used", step("2022-03"))
    seen = {
        on: {row.state for row in ask(japan, "state", instrument=NAME, on=on)}
        for on in ("2020-09-08", "2020-09-09", "2021-07-10", "2021-07-11", "2022-03-30", "2022-03-31")
    }
    assert seen == {
        "2020-09-08": {"unknown"}, "2020-09-09": {"signed"}, "2021-07-10": {"signed"}, "2021-07-11": {"in-force"},
        "2022-03-30": {"in-force"}, "2022-03-31": {"operational"},
    }  # fmt: skip
    rows = ask(india, "timeline", instrument=NAME)
    told = [(row.on, row.precision, row.what) for row in rows if row.told_by == "parties"]
    assert told == [
        ("2020-09-09", "day", "sign"), ("2021-05-19", "day", "approve"), ("2021-07-11", "day", "enter-force"),
        ("2022-03", "month", "use"), ("unknown", "unknown", "approve"),
    ]  # fmt: skip
    with pytest.raises(RefusedError, match="is no day"):
        ask(india, "state", on="2022-03")


def test_news_changes_no_status() -> None:
    _, india, _ = in_force(4)
    claim = AssertAsked(
        subject=NAME,
        predicate="status in 2025",
        value="still proposed",
        basis="news",
        sources=("https://example.org/n",),
    )
    operate(india, "claim", "assert", claim)
    assert state(india) == "in-force"
    assert ask(india, "page", instrument=NAME).state == "in-force"


def test_wrong_steps_are_refused_with_what_is_wrong() -> None:
    _, india, _ = in_force(5, until="2031-07-11")
    for name, asked, message in (
        ("negotiated", step("2022"), "not possible in the state"),
        ("first-used", step("2020"), "lies before `approve` on `2021-05-19`"),
        ("first-used", StepAsked(instrument=NAME, on="2022", sources=()), "names no source"),
        ("first-used", step("March 2022"), "is not `YYYY`"),
        ("renewed", RenewAsked(instrument=NAME, on="2030", until="2031", sources=("x",)), "not after the term"),
        ("superseded", SupersedeAsked(instrument=NAME, on="2030", by=NAME, sources=("x",)), "circle"),
        (
            "superseded",
            SupersedeAsked(instrument=NAME, on="2030", by="nothing", sources=("x",)),
            "no instrument `nothing` is held",
        ),
        ("evidence", EvidenceAsked(instrument=NAME, step="supersede", sources=("x",)), "is no step of it so far"),
        ("first-used", msgspec.structs.replace(step("2022"), instrument="nothing"), "no instrument `nothing` is held"),
    ):
        with pytest.raises(RefusedError, match=message):
            operate(india, "instruments", name, asked)


def test_its_term_ends_by_the_clock_unless_both_renew_it() -> None:
    federation, india, japan = in_force(6, until="2030-01-01")
    (due,) = india.store.query("SELECT rule, due_ms FROM case_due")
    assert due[0] == "instruments-term"
    both(
        federation,
        india,
        japan,
        "renewed",
        RenewAsked(instrument=NAME, on="2029-06", until="2040-01-01", sources=("notes",)),
    )
    (later,) = japan.store.query("SELECT rule, due_ms FROM case_due")
    assert later[1] > due[1]
    india.skew_ms = japan.skew_ms = later[1] - india.now_ms + DAY_MS
    federation.run(90_000)
    assert state(india) == state(japan) == "expired"


def test_nothing_takes_its_own_place_over_others() -> None:
    federation, india, japan = in_force(7)
    asked = SupersedeAsked(instrument=NAME, on="2025", by="ind-jpn-older", sources=("x",))
    operate(india, "instruments", "superseded", asked)
    federation.run(5_000)
    operate(japan, "case", "endorse", EndorseAsked(case=CASE_ID))
    federation.run(5_000)
    assert state(japan) == "superseded"
    back = SupersedeAsked(instrument="ind-jpn-older", on="2026", by=NAME, sources=("x",))
    with pytest.raises(RefusedError, match="has itself taken the place of"):
        operate(japan, "instruments", "superseded", back)
    edges = {(edge.newer, edge.older, edge.kind, edge.counts) for edge in ask(india, "graph").edges}
    assert edges == {("ind-jpn-older", NAME, "parent", True), ("ind-jpn-older", NAME, "supersedes", True)}


def test_a_stranger_cannot_open_the_life_of_others_agreement() -> None:
    federation, india, japan = pair(8)
    stranger = federation.add("usa/norfolk", DOMAINS, grade=Grade(POLICY, 0))
    federation.introduce(india, stranger)
    made = arrangement("ind", "usa", *clauses("ind", "usa"), *clauses("usa", "ind"))
    for node in (india, stranger):
        sign_instrument(node, made)
    federation.run(10_000)
    body = INSTRUMENTS.records["instruments.text-signed.v1"](on="1999", sources=("x",), note="")
    mark = label(POLICY, 0, originator="usa", releasable_to=("ind",), purposes=("agreements",))
    draft = fx.Draft("instruments.text-signed.v1", body, mark, DESK, subject=CASE_ID, closed=True)
    stranger.do(fx.Say((draft,)))
    federation.run(10_000)
    assert india.store.query("SELECT COUNT(*) FROM case_step WHERE case_id = ?", (CASE_ID,)) == [(1,)]
    assert state(india) == state(japan) == ""
    both(federation, india, japan, "text-signed", step("2020-09-09"))
    assert state(india) == state(japan) == "signed"


def test_what_flowed_under_each_clause_is_counted_on_both_sides_alike() -> None:
    _, india, japan = in_force(9)
    flows = {(row.provision, row.channel): row.records for row in ask(india, "flows", instrument=NAME)}
    theirs = {(row.provision, row.channel): row.records for row in ask(japan, "flows", instrument=NAME)}
    assert flows == theirs
    out, back = "kizuna/ind/delhi/to/jpn/yokosuka", "kizuna/jpn/yokosuka/to/ind/delhi"
    assert flows["instruments-text-signed-v1-ind-jpn", out] == 1
    assert (
        flows["instruments-approval-given-v1-ind-jpn", out] == flows["instruments-approval-given-v1-jpn-ind", back] == 1
    )
    before = ask(india, "flows")
    india.store.rebuild()
    assert ask(india, "flows") == before


def test_each_party_rules_on_a_claim_for_itself_across_the_channel() -> None:
    federation, india, japan = pair(10)
    for value in ("2021-07-11", "2021"):
        claim = AssertAsked(
            subject=NAME,
            predicate="entry into force",
            value=value,
            basis="news",
            sources=(f"https://example.org/{value}",),
            to=("jpn",),
        )
        operate(india, "claim", "assert", claim)
    federation.run(5_000)
    ruling = AdjudicateAsked(subject=NAME, predicate="entry into force", reason="they agree", to=("ind", "jpn"))
    for node in (india, japan):
        ((chosen,),) = node.store.query("SELECT record_id FROM claim_claim WHERE value = '2021-07-11'")
        operate(node, "claim", "adjudicate", msgspec.structs.replace(ruling, chosen=chosen))
    federation.run(5_000)
    for node in (india, japan):
        shown = next(row for row in ask(node, "page", instrument=NAME).dates if row.what == "in force")
        assert shown.words == "2021; 11 July reported, primary not seen"
        assert {claim.by_party.get("ind") for claim in shown.claims} == {"chosen", "not-chosen"}
        assert {claim.by_party.get("jpn") for claim in shown.claims} == {"chosen", "not-chosen"}


def test_storms_do_not_part_the_two_sides() -> None:
    names = (
        "negotiated",
        "text-signed",
        "approved",
        "entered-force",
        "first-used",
        "superseded",
        "evidence",
        "endorse",
    )
    for seed in range(8):
        federation, india, japan = pair(200 + seed)
        federation.weather.loss, federation.weather.twice = 0.2, 0.2
        rng = federation.rng
        for _ in range(16):
            federation.run(rng.choice((50, 400, 3_000)))
            node, name = rng.choice((india, japan)), rng.choice(names)
            domain, asked = "instruments", step("2021")
            if name == "endorse":
                domain, asked = "case", EndorseAsked(case=CASE_ID)  # type: ignore[assignment] # another request
            elif name == "evidence":
                asked = EvidenceAsked(instrument=NAME, step="sign", sources=("x",))  # type: ignore[assignment] # another request
            elif name == "entered-force":
                asked = ForceAsked(instrument=NAME, on="2021", sources=("x",))
            elif name == "superseded":
                asked = SupersedeAsked(instrument=NAME, on="2021", by="ind-jpn-older", sources=("x",))
            node.post(fx.Operate(domain, name, asked, DESK))
        federation.weather.loss = federation.weather.twice = 0.0
        federation.run(60_000)
        tables = ("instruments_life", "instruments_event", "instruments_evidence")
        found = [[sorted(node.store.query(f"SELECT * FROM {table}")) for table in tables] for node in (india, japan)]
        assert found[0] == found[1], seed
        every = (*CASE.tables, *INSTRUMENTS.tables)
        before = [sorted(map(repr, india.store.query(f"SELECT * FROM {table}"))) for table in every]
        india.store.rebuild()
        assert before == [sorted(map(repr, india.store.query(f"SELECT * FROM {table}"))) for table in every]
