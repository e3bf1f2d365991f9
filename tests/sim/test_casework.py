"""Work that two sides do together, on two simulated nodes: whatever the network does, both tell the same state."""

from __future__ import annotations

from typing import Any

import pytest

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.case.operations import EndorseAsked, ResolveAsked
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.errors import KizunaError, RefusedError
from kizuna.kernel import casework
from kizuna.kernel.case import CaseType, Transition
from kizuna.kernel.casework import CaseKind, CaseView, Move
from kizuna.kernel.domain import Domain
from kizuna.kernel.journal import Db
from kizuna.kernel.label import Grade, label
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome
from kizuna.kernel.record import WITHHELD, Body, Withheld
from kizuna.node import effects as fx
from kizuna.sim.federation import Federation, SimNode
from tests.sim.world import POLICY, arrangement, provision, sign_instrument

DESK = "officer:1:desk"
DAY_MS = 86_400_000


class PactProposed(Body, frozen=True):
    seats: int | Withheld = WITHHELD
    within_days: int | Withheld = WITHHELD


class SeatTaken(Body, frozen=True):
    who: str | Withheld = WITHHELD


class PactCancelled(Body, frozen=True):
    reason: str | Withheld = WITHHELD


class PactClosed(Body, frozen=True):
    note: str | Withheld = WITHHELD


class PactLapsed(Body, frozen=True):
    rule: str | Withheld = WITHHELD


TABLE = CaseType(
    name="pact.seats",
    states=("proposed", "agreed", "open", "cancelled", "closed", "lapsed"),
    initial="proposed",
    transitions=(
        Transition(name="propose", frm=("proposed",), to="agreed", side="host", role="desk", signatures=2, endorser_role="desk"),
        Transition(name="take", frm=("agreed", "open"), to="open", role="desk"),
        Transition(name="cancel", frm=("agreed", "open"), to="cancelled", role="desk"),
        Transition(name="close", frm=("open",), to="closed", side="host", role="desk"),
        Transition(name="lapse", frm=("agreed", "open"), to="lapsed"),
    ),
    resolver_role="desk",
)  # fmt: skip


def sides(key: str, opening: Move) -> dict[str, str] | None:
    host, _, guest = key.partition("-")
    return {"host": host, "guest": guest} if opening.step.party == host else None


def not_full(view: CaseView, move: Move) -> str:
    proposal = view.last("propose")
    seats = proposal.body.seats if proposal is not None and isinstance(proposal.body, PactProposed) else 0
    return "" if len(view.effective("take")) < (seats or 0) else f"all {seats} seats are taken"


def dues(view: CaseView) -> list[tuple[str, int]]:
    agreed = view.effect_ms("propose")
    proposal = view.last("propose")
    if agreed is None or proposal is None or view.state.state not in ("agreed", "open"):
        return []
    days = proposal.body.within_days if isinstance(proposal.body, PactProposed) else None
    return [("pact-lapse", agreed + days * DAY_MS)] if isinstance(days, int) else []


def fill(db: Db, view: CaseView) -> None:
    db.execute(
        "INSERT INTO pact_seats (case_id, state, taken) VALUES (?,?,?)",
        (view.id, view.state.state, len(view.effective("take"))),
    )


SEATS = CaseKind(
    table=TABLE, opens=PactProposed, sides=sides, apply=fill, tables=("pact_seats",), purposes=("coordination",),
    steps={PactProposed: "propose", SeatTaken: "take", PactCancelled: "cancel", PactClosed: "close", PactLapsed: "lapse"},
    guards={"take": not_full}, dues=dues, clock={"pact-lapse": PactLapsed},
    lapse=lambda _view, rule: PactLapsed(rule=rule),
)  # fmt: skip


class ProposeAsked(Asked, frozen=True):
    key: str
    seats: int
    within_days: int = 0


class KeyAsked(Asked, frozen=True):
    key: str
    text: str = "x"


def propose(desk: Desk, asked: ProposeAsked) -> Outcome:
    body = PactProposed(seats=asked.seats, within_days=asked.within_days or WITHHELD)
    return Outcome((desk.open(SEATS, asked.key, body),))


def take(desk: Desk, asked: KeyAsked) -> Outcome:
    return Outcome((desk.step(SEATS, desk.case(SEATS, asked.key), SeatTaken(who=asked.text)),))


def cancel(desk: Desk, asked: KeyAsked) -> Outcome:
    return Outcome((desk.step(SEATS, desk.case(SEATS, asked.key), PactCancelled(reason=asked.text)),))


def close(desk: Desk, asked: KeyAsked) -> Outcome:
    return Outcome((desk.step(SEATS, desk.case(SEATS, asked.key), PactClosed(note=asked.text)),))


def break_(_desk: Desk, _asked: KeyAsked) -> Outcome:
    raise ZeroDivisionError


ROLES = frozenset({"desk"})
PACT = Domain(
    name="pact",
    records={
        "pact.proposed.v1": PactProposed, "pact.seat-taken.v1": SeatTaken, "pact.cancelled.v1": PactCancelled,
        "pact.closed.v1": PactClosed, "pact.lapsed.v1": PactLapsed,
    },
    schema=("CREATE TABLE pact_seats (case_id TEXT PRIMARY KEY, state TEXT NOT NULL, taken BIGINT NOT NULL)",),
    tables=("pact_seats",),
    cases=(SEATS,),
    operations=(
        Operation(name="propose", text="Propose.", asks=ProposeAsked, run=propose, roles=ROLES),
        Operation(name="take", text="Take a seat.", asks=KeyAsked, run=take, roles=ROLES),
        Operation(name="cancel", text="Cancel.", asks=KeyAsked, run=cancel, roles=ROLES, two_persons=True),
        Operation(name="close", text="Close.", asks=KeyAsked, run=close, roles=ROLES),
        Operation(name="break", text="Fail.", asks=KeyAsked, run=break_, roles=ROLES),
    ),
)  # fmt: skip
DOMAINS = (CASE, INSTRUMENTS, PACT)
CASE_ID = "pact.seats:ind-jpn"
HEADER = ("@actor", "@after", "@node", "@subject")
FIELDS = {
    "pact.proposed.v1": ("seats", "within_days"),
    "pact.seat-taken.v1": ("who",),
    "pact.cancelled.v1": ("reason",),
    "pact.closed.v1": ("note",),
    "pact.lapsed.v1": ("rule",),
    "case.endorsed.v1": ("endorses",),
    "case.resolved.v1": ("heads", "outcome", "reason"),
}


def clauses(sender: str, receiver: str) -> list[Any]:
    return [
        provision(
            sender, receiver, id=f"{name.replace('.', '-')}-{sender}-{receiver}", record_types=(name,),
            discloses=(*fields, *HEADER),
        )
        for name, fields in FIELDS.items()
    ]  # fmt: skip


def pair(seed: int, **kwargs: Any) -> tuple[Federation, SimNode, SimNode]:
    federation = Federation(seed, **kwargs)
    india, japan = (federation.add(name, DOMAINS, grade=Grade(POLICY, 0)) for name in ("ind/delhi", "jpn/yokosuka"))
    federation.introduce(india, japan)
    made = arrangement("ind", "jpn", *clauses("ind", "jpn"), *clauses("jpn", "ind"))
    for node in (india, japan):
        sign_instrument(node, made)
    federation.run(10_000)
    return federation, india, japan


def operate(node: SimNode, domain: str, name: str, asked: Asked, actor: str = DESK, second: str = "") -> Any:
    return node.do(fx.Operate(domain, name, asked, actor, second))


def state(node: SimNode) -> Any:
    rows = node.store.query(
        "SELECT s.state, p.state, p.taken, s.waits_for FROM case_state s JOIN pact_seats p ON p.case_id = s.case_id"
    )
    return rows[0] if rows else None


def heads(node: SimNode) -> tuple[str, ...]:
    with node.store.view() as db:
        view = casework.view(db, node.core.world.kinds, CASE_ID)
    assert view is not None
    return view.state.heads


def agreed(seed: int, seats: int = 2, within_days: int = 0) -> tuple[Federation, SimNode, SimNode]:
    federation, india, japan = pair(seed)
    operate(india, "pact", "propose", ProposeAsked(key="ind-jpn", seats=seats, within_days=within_days))
    federation.run(5_000)
    operate(japan, "case", "endorse", EndorseAsked(case=CASE_ID))
    federation.run(5_000)
    return federation, india, japan


def test_what_one_side_proposes_and_the_other_signs_is_agreed_on_both() -> None:
    federation, india, japan = pair(1)
    done = operate(india, "pact", "propose", ProposeAsked(key="ind-jpn", seats=2))
    assert done.said[0].due == ("kizuna/ind/delhi/to/jpn/yokosuka",)
    federation.run(5_000)
    assert state(india) == state(japan) == ("proposed", "proposed", 0, "jpn")
    operate(japan, "case", "endorse", EndorseAsked(case=CASE_ID))
    federation.run(5_000)
    assert state(india) == state(japan) == ("agreed", "agreed", 0, "")


def test_a_node_refuses_what_the_fold_would_pass_over_and_says_what_is_possible() -> None:
    _, india, japan = agreed(2, seats=1)
    with pytest.raises(RefusedError, match=r"not possible in the state `agreed`.*possible now: .*`take`"):
        operate(india, "pact", "close", KeyAsked(key="ind-jpn"))
    with pytest.raises(RefusedError, match="its own name comes first"):
        operate(japan, "pact", "propose", ProposeAsked(key="ind-usa", seats=1))
    with pytest.raises(RefusedError, match="`ind-jpn` is taken"):
        operate(india, "pact", "propose", ProposeAsked(key="ind-jpn", seats=9))
    with pytest.raises(RefusedError, match=r"nothing .* waits for a signature of `ind`"):
        operate(india, "case", "endorse", EndorseAsked(case=CASE_ID))
    with pytest.raises(RefusedError, match="in no conflict"):
        operate(india, "case", "resolve", ResolveAsked(case=CASE_ID, outcome="open", reason="none"))
    with pytest.raises(RefusedError, match="for an officer in the role `desk`"):
        operate(india, "pact", "take", KeyAsked(key="ind-jpn"), actor="officer:1:watch")
    with pytest.raises(RefusedError, match="two persons"):
        operate(india, "pact", "cancel", KeyAsked(key="ind-jpn"), second="officer:1:security")
    with pytest.raises(KizunaError, match="unexpected `ZeroDivisionError`"):
        operate(india, "pact", "break", KeyAsked(key="ind-jpn"))
    assert state(india) == ("agreed", "agreed", 0, "")


def test_two_officers_of_one_node_cannot_both_take_the_last_seat() -> None:
    federation, india, japan = agreed(3, seats=1)
    first, second = india.post(
        fx.Operate("pact", "take", KeyAsked(key="ind-jpn", text="a"), DESK),
        fx.Operate("pact", "take", KeyAsked(key="ind-jpn", text="b"), "officer:2:desk"),
    )
    federation.run(5_000)
    assert isinstance(india.replies[first], fx.Done)
    assert "all 1 seats are taken" in str(india.replies[second])
    assert state(india) == state(japan) == ("open", "open", 1, "")


def test_two_nodes_apart_may_both_take_the_last_seat_and_both_see_it() -> None:
    federation, india, japan = agreed(4, seats=1)
    federation.weather.cut.add(frozenset((india.name, japan.name)))
    operate(india, "pact", "take", KeyAsked(key="ind-jpn", text="a"))
    operate(japan, "pact", "take", KeyAsked(key="ind-jpn", text="b"))
    federation.weather.cut.clear()
    federation.run(60_000)
    assert state(india) == state(japan) == ("open", "open", 2, "")


def test_what_neither_could_know_of_the_other_is_a_conflict_that_both_end() -> None:
    federation, india, japan = agreed(5)
    operate(india, "pact", "take", KeyAsked(key="ind-jpn"))
    federation.run(5_000)
    federation.weather.cut.add(frozenset((india.name, japan.name)))
    operate(india, "pact", "close", KeyAsked(key="ind-jpn"))
    operate(japan, "pact", "cancel", KeyAsked(key="ind-jpn"), second="officer:2:desk")
    federation.weather.cut.clear()
    federation.run(60_000)
    assert state(india)[0] == state(japan)[0] == "conflict"
    operate(india, "case", "resolve", ResolveAsked(case=CASE_ID, outcome="cancelled", reason="nobody came"))
    federation.run(5_000)
    operate(japan, "case", "endorse", EndorseAsked(case=CASE_ID))
    federation.run(5_000)
    assert state(india)[0] == state(japan)[0] == "cancelled"


def test_a_deadline_that_passes_is_said_once_it_has_and_never_before() -> None:
    federation, india, japan = agreed(6, within_days=1)
    (due,) = india.store.query("SELECT rule, due_ms FROM case_due")
    assert due == japan.store.query("SELECT rule, due_ms FROM case_due")[0]
    assert due[0] == "pact-lapse"
    federation.run(60_000)
    assert state(india)[0] == "agreed"
    early = fx.Draft(
        "pact.lapsed.v1", PactLapsed(rule="pact-lapse"), label(POLICY, 0, originator="ind"), "system:deadlines",
        subject=CASE_ID, after=heads(india), closed=True,
    )  # fmt: skip
    india.do(fx.Say((early,)))
    assert state(india)[0] == "agreed"
    india.skew_ms = japan.skew_ms = 2 * DAY_MS
    federation.run(90_000)
    assert state(india) == state(japan)
    assert state(india)[0] == "lapsed"


def test_storms_do_not_part_the_two_sides() -> None:
    for seed in range(20):
        federation, india, japan = pair(100 + seed)
        federation.weather.loss, federation.weather.twice = 0.2, 0.2
        rng = federation.rng
        operate(india, "pact", "propose", ProposeAsked(key="ind-jpn", seats=3))
        for _ in range(12):
            federation.run(rng.choice((50, 400, 3_000)))
            node = rng.choice((india, japan))
            name = rng.choice(("take", "take", "cancel", "close", "endorse", "resolve"))
            asked: Asked = KeyAsked(key="ind-jpn")
            domain = "pact"
            if name == "endorse":
                domain, asked = "case", EndorseAsked(case=CASE_ID)
            elif name == "resolve":
                domain, asked = "case", ResolveAsked(case=CASE_ID, outcome="open", reason="as before")
            node.post(fx.Operate(domain, name, asked, DESK, "officer:2:desk"))
        federation.weather.loss = federation.weather.twice = 0.0
        federation.run(60_000)
        assert state(india) == state(japan), seed
        for node in (india, japan):
            before = [node.store.query(f"SELECT * FROM {table}") for table in (*CASE.tables, *PACT.tables)]
            node.store.rebuild()
            assert before == [node.store.query(f"SELECT * FROM {table}") for table in (*CASE.tables, *PACT.tables)]
