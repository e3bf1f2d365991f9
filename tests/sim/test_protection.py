"""The register of classified material on two simulated nodes: one register for each copy, orders that reach every holder, holders named at once."""

from __future__ import annotations

from typing import Any

import pytest

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.case.operations import EndorseAsked, ResolveAsked
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.domains.protection import DOMAIN as PROTECTION
from kizuna.domains.protection import operations as ops
from kizuna.domains.protection import ops_compromise as compromise
from kizuna.domains.protection import ops_handling as handling
from kizuna.errors import RefusedError
from kizuna.kernel.label import label
from kizuna.kernel.operation import Asked
from kizuna.node import effects as fx
from kizuna.node.held.holders import holdings
from kizuna.sim.federation import Federation, SimNode
from tests.sim.partnership import operate, partners, shown, tables

AGREEMENT = "ind-jpn-2015-classified-military-information"
DOMAINS = (CASE, INSTRUMENTS, PROTECTION)
ONE, OTHER = "officer:1:security", "officer:2:security"
DOCUMENT, COPY = "ind-2027-0001", "ind-2027-0001-c2"
DAY = "2027-03-01"
DAY_MS = 86_400_000


def do(node: SimNode, name: str, asked: Asked, actor: str = ONE, second: str = OTHER) -> Any:
    return operate(node, f"protection {name}", asked, actor, second)


def see(node: SimNode, name: str, **wanted: Any) -> Any:
    query = next(each for each in PROTECTION.queries if each.name == name)
    return shown(node, PROTECTION, name, query.asks(**wanted))


def registered(seed: int | str, record: str = "") -> tuple[Federation, SimNode, SimNode]:
    """India has registered a study, one copy of it for itself and one for Japan."""
    federation, india, japan = partners(seed, DOMAINS, AGREEMENT)
    do(india, "register-document", ops.RegisterDocumentAsked(
        document=DOCUMENT, title="A study", policy="ind.example.v1", level=3, registered_on=DAY, record=record,
    ))  # fmt: skip
    do(india, "register-copies", ops.RegisterCopiesAsked(document=DOCUMENT))
    do(india, "register-copies", ops.RegisterCopiesAsked(document=DOCUMENT, holder="jpn"))
    return federation, india, japan


def held(seed: int | str, record: str = "") -> tuple[Federation, SimNode, SimNode]:
    """Japan has receipted its copy."""
    federation, india, japan = registered(seed, record)
    do(india, "dispatch", ops.DispatchAsked(copy=COPY, on=DAY, receipt_within_days=7))
    federation.run(5_000)
    do(japan, "receipt", ops.ReceiptAsked(copy=COPY, on=DAY))
    federation.run(5_000)
    return federation, india, japan


def where(*nodes: SimNode) -> set[tuple[str, str, int]]:
    return {(row.state, row.register, row.level) for node in nodes for row in see(node, "copies") if row.copy == COPY}


def test_a_copy_goes_there_and_back_and_is_in_one_register_on_both_nodes() -> None:
    federation, india, japan = registered(1)
    federation.run(5_000)
    assert where(india, japan) == {("registered", "ind", 3)}
    assert [row.copy for row in see(japan, "copies")] == [COPY], "a copy that stays at home is told to nobody"
    with pytest.raises(RefusedError, match="not possible in the state `registered`"):
        do(japan, "receipt", ops.ReceiptAsked(copy=COPY, on=DAY))
    do(india, "dispatch", ops.DispatchAsked(copy=COPY, on=DAY))
    federation.run(5_000)
    with pytest.raises(RefusedError, match="for the side `holder`"):
        do(india, "receipt", ops.ReceiptAsked(copy=COPY, on=DAY))
    do(japan, "receipt", ops.ReceiptAsked(copy=COPY, on=DAY))
    federation.run(5_000)
    assert where(india, japan) == {("held", "jpn", 3)}
    with pytest.raises(RefusedError, match="in the register of `jpn`"):
        do(india, "destroy", ops.DestroyAsked(copy=COPY, on=DAY, method="burnt", certificate="D 1"))
    do(japan, "return-copy", ops.CopyDayAsked(copy=COPY, on=DAY))
    federation.run(5_000)
    do(india, "take-back", ops.ReceiptAsked(copy=COPY, on=DAY))
    with pytest.raises(RefusedError, match="needs two persons"):
        do(india, "destroy", ops.DestroyAsked(copy=COPY, on=DAY, method="burnt", certificate="D 1"), second=ONE)
    do(india, "destroy", ops.DestroyAsked(copy=COPY, on=DAY, method="burnt", certificate="D 1"))
    federation.run(5_000)
    assert where(india, japan) == {("destroyed", "", 3)}
    (row,) = (row for row in see(japan, "copies") if row.copy == COPY)
    assert (row.certificate, row.destroyed_on) == ("D 1", DAY)
    assert b"D 1" in see(india, "register").data
    (document,) = see(india, "documents")
    assert (document.copies, document.out, document.destroyed, document.grade) == (2, 0, 1, "SECRET")


def test_a_missing_receipt_is_an_alarm_on_both_nodes_once_it_is_due() -> None:
    federation, india, japan = registered(2)
    do(india, "dispatch", ops.DispatchAsked(copy=COPY, on=DAY, receipt_within_days=7))
    federation.run(60_000)
    assert not see(india, "alarms")
    india.skew_ms = japan.skew_ms = 8 * DAY_MS
    federation.run(90_000)
    assert where(india, japan) == {("overdue", "ind", 3)}
    assert [alarm.kind for node in (india, japan) for alarm in see(node, "alarms")] == ["receipt missing"] * 2
    do(japan, "receipt", ops.ReceiptAsked(copy=COPY, on=DAY))
    federation.run(5_000)
    assert where(india, japan) == {("held", "jpn", 3)}
    assert not see(india, "alarms")


def test_a_downgrade_reaches_every_copy_and_each_acknowledges() -> None:
    federation, india, japan = held(3)
    asked = handling.RegradeAsked(document=DOCUMENT, level=1, reason="the exercise is over")
    with pytest.raises(RefusedError, match="originator alone"):
        do(japan, "order-regrade", asked)
    with pytest.raises(RefusedError, match="two persons"):
        do(india, "order-regrade", asked, second="officer:1:liaison")
    assert do(india, "order-regrade", asked).told == {"copies": ["ind-2027-0001-c1", COPY]}
    federation.run(5_000)
    assert where(india, japan) == {("held", "jpn", 1)}
    with pytest.raises(RefusedError, match="of grade `1` already"):
        do(india, "order-regrade", asked)
    india.skew_ms = japan.skew_ms = 15 * DAY_MS
    federation.run(90_000)
    assert {alarm.kind for alarm in see(india, "alarms")} == {"order not acknowledged"}
    do(japan, "acknowledge-regrade", handling.CopyAsked(copy=COPY))
    federation.run(5_000)
    assert not see(india, "alarms")
    with pytest.raises(RefusedError, match="no order waits"):
        do(japan, "acknowledge-regrade", handling.CopyAsked(copy=COPY))
    do(india, "register-copies", ops.RegisterCopiesAsked(document=DOCUMENT, form="media"))
    assert {row.level for row in see(india, "copies")} == {1}


def test_a_third_party_gets_what_the_originator_signed_for_and_nothing_else() -> None:
    federation, india, japan = held(4)
    asked = handling.OnwardAsked(copy=COPY, recipient="aus", scope="chapter 3", reason="a joint plan")
    do(japan, "request-onward", asked)
    with pytest.raises(RefusedError, match="no consent of the originator"):
        do(japan, "pass-on", handling.PassAsked(copy=COPY, recipient="aus", on=DAY))
    with pytest.raises(RefusedError, match="third party"):
        do(japan, "request-onward", handling.OnwardAsked(copy=COPY, recipient="ind", scope="all", reason="no"))
    federation.run(5_000)
    do(india, "consent-onward", handling.ConsentAsked(copy=COPY, recipient="aus", until_on="2027-04-01"))
    federation.run(5_000)
    with pytest.raises(RefusedError, match="no consent"):
        do(japan, "pass-on", handling.PassAsked(copy=COPY, recipient="usa", on=DAY))
    with pytest.raises(RefusedError, match="ended with `2027-04-01`"):
        do(japan, "pass-on", handling.PassAsked(copy=COPY, recipient="aus", on="2027-04-02"))
    do(japan, "pass-on", handling.PassAsked(copy=COPY, recipient="aus", on=DAY))
    with pytest.raises(RefusedError, match="no consent"):
        do(japan, "pass-on", handling.PassAsked(copy=COPY, recipient="aus", on=DAY))
    federation.run(5_000)
    for node in (india, japan):
        assert [(row.recipient, row.scope, row.state) for row in see(node, "onward")] == [
            ("aus", "chapter 3", "passed-on")
        ]
    do(japan, "request-onward", handling.OnwardAsked(copy=COPY, recipient="usa", scope="all", reason="why not"))
    federation.run(5_000)
    do(india, "refuse-onward", handling.AnswerAsked(copy=COPY, recipient="usa", reason="not agreed"))
    federation.run(5_000)
    assert [row.state for row in see(japan, "onward", state="refused")] == ["refused"]


def test_a_consent_taken_back_while_it_was_used_is_seen_by_both() -> None:
    federation, india, japan = held(5)
    do(japan, "request-onward", handling.OnwardAsked(copy=COPY, recipient="aus", scope="all", reason="a plan"))
    federation.run(5_000)
    do(india, "consent-onward", handling.ConsentAsked(copy=COPY, recipient="aus", until_on="2027-04-01"))
    federation.run(5_000)
    federation.weather.cut.add(frozenset((india.name, japan.name)))
    do(india, "revoke-onward", handling.AnswerAsked(copy=COPY, recipient="aus", reason="it leaked"))
    do(japan, "pass-on", handling.PassAsked(copy=COPY, recipient="aus", on=DAY))
    federation.weather.cut.clear()
    federation.run(60_000)
    for node in (india, japan):
        assert {alarm.kind for alarm in see(node, "alarms")} == {"passed on after revocation"}


def test_a_compromise_names_every_holder_at_once_and_both_close_it() -> None:
    federation, india, japan = held(6)
    do(japan, "request-onward", handling.OnwardAsked(copy=COPY, recipient="aus", scope="all", reason="a plan"))
    federation.run(5_000)
    do(india, "consent-onward", handling.ConsentAsked(copy=COPY, recipient="aus", until_on="2027-04-01"))
    federation.run(5_000)
    do(japan, "pass-on", handling.PassAsked(copy=COPY, recipient="aus", on=DAY))
    do(japan, "lose", ops.LoseAsked(copy=COPY, on=DAY, circumstances="a move of offices"))
    report = compromise.ReportAsked(
        compromise="jpn-2027-x1", documents=(DOCUMENT,), what="lost in a move", discovered_on=DAY, action="search",
        suspected_reach=("unknown",),
    )  # fmt: skip
    done = do(japan, "report", report)
    assert done.told == {"holders": [f"aus passed-on {COPY}", f"jpn lost {COPY}"]}
    federation.run(5_000)
    (row,) = see(india, "compromises")
    assert {(holder.party, holder.how) for holder in row.holders} == {("aus", "passed-on"), ("jpn", "lost")}
    # The originator knows of its own copy too, and warns whoever is no side of the report.
    assert {(holder.party, holder.how) for holder in see(india, "holders", document=DOCUMENT)} == {
        ("aus", "passed-on"), ("ind", "register"), ("jpn", "lost"),
    }  # fmt: skip
    warned = do(india, "warn", compromise.WarnAsked(compromise="jpn-2027-x1"))
    assert warned.told == {"warned": ["aus"]}
    federation.run(5_000)
    assert not japan.store.query("SELECT 1 FROM protection_warning"), "a warning is for its holder alone"
    words = {"compromise": "jpn-2027-x1", "text": "as found"}
    do(india, "acknowledge", compromise.CompromiseAsked(**words))
    federation.run(5_000)
    do(japan, "inquire", compromise.CompromiseAsked(**words))
    with pytest.raises(RefusedError, match="side `originator`"):
        do(japan, "assess", compromise.CompromiseAsked(**words))
    federation.run(5_000)
    do(india, "assess", compromise.CompromiseAsked(**words))
    federation.run(5_000)
    do(japan, "remedy", compromise.CompromiseAsked(**words))
    do(japan, "close", compromise.CompromiseAsked(**words))
    federation.run(5_000)
    operate(india, "case endorse", EndorseAsked(case="protection.compromise:jpn-2027-x1"), ONE)
    federation.run(5_000)
    assert {see(node, "compromises")[0].state for node in (india, japan)} == {"closed"}


def test_a_report_that_nobody_acknowledges_is_an_alarm_after_a_day() -> None:
    federation, india, japan = held(7)
    do(japan, "report", compromise.ReportAsked(
        compromise="jpn-2027-x1", documents=(DOCUMENT,), what="w", discovered_on=DAY, action="a",
    ))  # fmt: skip
    federation.run(5_000)
    india.skew_ms = japan.skew_ms = 2 * DAY_MS
    federation.run(90_000)
    assert "report not acknowledged" in {alarm.kind for alarm in see(india, "alarms")}
    with pytest.raises(RefusedError, match="nobody beside the sides"):
        do(japan, "warn", compromise.WarnAsked(compromise="jpn-2027-x1"))
    do(india, "report", compromise.ReportAsked(
        compromise="ind-2027-x1", documents=(DOCUMENT,), what="our own", discovered_on=DAY, action="a",
    ))  # fmt: skip
    federation.run(5_000)
    assert [row.compromise for row in see(japan, "compromises")] == ["jpn-2027-x1"], "one's own stays at home"
    assert do(india, "warn", compromise.WarnAsked(compromise="ind-2027-x1")).told == {"warned": ["jpn"]}
    federation.run(5_000)
    assert len(japan.store.query("SELECT 1 FROM protection_warning")) == 1


def test_a_document_that_is_a_record_has_the_holders_that_channels_show() -> None:
    federation, india, _ = partners(8, DOMAINS, AGREEMENT)
    said = do(india, "report", compromise.ReportAsked(
        compromise="ind-2027-x9", documents=("jpn-2027-0001",), what="w", discovered_on=DAY, action="a",
    )).said[0]  # fmt: skip
    federation.run(5_000)
    record = said.record_id
    do(india, "register-document", ops.RegisterDocumentAsked(
        document=DOCUMENT, title="A record", policy="ind.example.v1", level=1, registered_on=DAY, record=record,
    ))  # fmt: skip
    with pytest.raises(RefusedError, match="is not held here"):
        do(india, "register-document", ops.RegisterDocumentAsked(
            document="ind-2027-0002", title="x", policy="ind.example.v1", level=1, registered_on=DAY, record="0" * 64,
        ))  # fmt: skip
    with india.store.view() as db:
        (found,) = holdings(db, record)
    assert (found.party, found.node, found.by, found.receipted) == ("jpn", "jpn/yokosuka", "ind", True)
    told = do(india, "report", compromise.ReportAsked(
        compromise="ind-2027-x1", documents=(DOCUMENT,), what="w", discovered_on=DAY, action="a",
    )).told  # fmt: skip
    assert told == {"holders": [f"jpn receipt {record}"]}
    assert (
        do(india, "order-regrade", handling.RegradeAsked(document=DOCUMENT, level=0, reason="r")).told["relabel"]
        == record
    )


def test_custody_and_inventory_stay_at_home_and_say_what_lacks() -> None:
    federation, india, japan = held(9)
    own = "ind-2027-0001-c1"
    with pytest.raises(RefusedError, match="not in our register"):
        do(india, "take-custody", ops.CustodyAsked(copy=COPY, on=DAY))
    do(india, "take-custody", ops.CustodyAsked(copy=own, on=DAY))
    assert [(row.copy, row.custodian, row.sighted_ms) for row in see(india, "inventory")] == [(own, OTHER, 0)]
    with pytest.raises(RefusedError, match="named twice"):
        do(india, "take-inventory", ops.InventoryAsked(on=DAY, copies=(own, own)))
    done = do(india, "take-inventory", ops.InventoryAsked(on=DAY, copies=("ind-2027-0009-c1",)))
    assert done.told == {"missing": [own], "strange": ["ind-2027-0009-c1"]}
    assert {alarm.kind for alarm in see(india, "alarms")} == {"not found by inventory"}
    federation.run(1_000)
    done = do(india, "take-inventory", ops.InventoryAsked(on=DAY, copies=(own,)))
    assert done.told == {"missing": [], "strange": []}
    assert {alarm.about for alarm in see(india, "alarms")} == {"ind-2027-0009-c1"}
    assert not see(india, "inventory", unseen_days=30)
    federation.run(5_000)
    assert not japan.store.query("SELECT 1 FROM protection_sighting")
    assert not japan.store.query("SELECT 1 FROM protection_custody")


def test_a_copy_in_its_own_house_is_receipted_by_another_person_and_may_be_lost_and_found() -> None:
    _, india, _ = registered(10)
    own = "ind-2027-0001-c1"
    do(india, "dispatch", ops.DispatchAsked(copy=own, on=DAY))
    with pytest.raises(RefusedError, match="separate persons"):
        do(india, "receipt", ops.ReceiptAsked(copy=own, on=DAY))
    do(india, "receipt", ops.ReceiptAsked(copy=own, on=DAY), actor=OTHER)
    do(india, "lose", ops.LoseAsked(copy=own, on=DAY, circumstances="a move"))
    assert {alarm.kind for alarm in see(india, "alarms")} == {"copy lost"}
    do(india, "find", ops.CopyDayAsked(copy=own, on=DAY))
    do(india, "destroy", ops.DestroyAsked(copy=own, on=DAY, method="shredded", certificate="D 2"))
    assert [row.state for row in see(india, "copies") if row.copy == own] == ["destroyed"]


@pytest.mark.parametrize(
    ("name", "asked", "why"),
    [
        ("register-document", {"document": "jpn-2027-0001"}, "register number of `ind`"),
        ("register-document", {"document": DOCUMENT}, "registered already"),
        ("register-document", {"document": "ind-2027-0005", "policy": "IND!"}, "no name of a policy"),
        ("register-document", {"document": "ind-2027-0005", "registered_on": "soon"}, "is no day"),
        ("register-copies", {"document": "ind-2027-0006"}, "register it first"),
        ("dispatch", {"copy": "ind-2027-0001-c9", "on": DAY}, "no `protection.copy` is called"),
        ("dispatch", {"copy": COPY, "on": "soon"}, "`dispatched_on` is no day"),
        ("report", {"compromise": "jpn-2027-x1"}, "is no report of `ind`"),
        ("report", {"documents": (DOCUMENT, "jpn-2027-0001")}, "of one originator"),
        ("request-onward", {"copy": COPY, "recipient": "A B"}, "is no party"),
    ],
)
def test_bad_input_names_field_value_and_remedy(name: str, asked: dict[str, Any], why: str) -> None:
    _, india, _ = registered("bad")
    usual: dict[str, dict[str, Any]] = {
        "register-document": {"title": "t", "policy": "ind.example.v1", "level": 1, "registered_on": DAY},
        "report": {
            "compromise": "ind-2027-x1", "documents": (DOCUMENT,), "what": "w", "discovered_on": DAY, "action": "a",
        },
        "request-onward": {"scope": "s", "reason": "r"},
    }  # fmt: skip
    operation = next(each for each in PROTECTION.operations if each.name == name)
    with pytest.raises(RefusedError, match=why):
        do(india, name, operation.asks(**(usual.get(name, {}) | asked)))


def test_storms_do_not_part_the_two_registers() -> None:
    for seed in range(12):
        federation, india, japan = registered(f"storm-{seed}")
        federation.weather.loss = federation.weather.twice = 0.2
        rng = federation.rng
        for _ in range(22):
            federation.run(rng.choice((50, 400, 3_000)))
            node = rng.choice((india, japan))
            domain, name, asked = rng.choice((
                ("protection", "dispatch", ops.DispatchAsked(copy=COPY, on=DAY)),
                ("protection", "receipt", ops.ReceiptAsked(copy=COPY, on=DAY)),
                ("protection", "receipt", ops.ReceiptAsked(copy=COPY, on=DAY)),
                ("protection", "return-copy", ops.CopyDayAsked(copy=COPY, on=DAY)),
                ("protection", "take-back", ops.ReceiptAsked(copy=COPY, on=DAY)),
                ("protection", "lose", ops.LoseAsked(copy=COPY, on=DAY, circumstances="c")),
                ("protection", "find", ops.CopyDayAsked(copy=COPY, on=DAY)),
                ("protection", "destroy", ops.DestroyAsked(copy=COPY, on=DAY, method="burnt", certificate="D")),
                ("protection", "order-regrade", handling.RegradeAsked(document=DOCUMENT, level=rng.randrange(4), reason="r")),
                ("protection", "acknowledge-regrade", handling.CopyAsked(copy=COPY)),
                ("protection", "request-onward", handling.OnwardAsked(copy=COPY, recipient="aus", scope="s", reason="r")),
                ("protection", "consent-onward", handling.ConsentAsked(copy=COPY, recipient="aus", until_on="2027-04-01")),
                ("protection", "revoke-onward", handling.AnswerAsked(copy=COPY, recipient="aus", reason="r")),
                ("protection", "pass-on", handling.PassAsked(copy=COPY, recipient="aus", on=DAY)),
                ("case", "resolve", ResolveAsked(case=f"protection.copy:{COPY}", outcome="held", reason="r")),
                ("case", "endorse", EndorseAsked(case=f"protection.copy:{COPY}")),
            ))  # fmt: skip
            node.post(fx.Operate(domain, name, asked, rng.choice((ONE, OTHER)), "officer:3:security"))
        federation.weather.loss = federation.weather.twice = 0.0
        federation.run(60_000)
        assert len(where(india, japan)) == 1, seed
        assert see(india, "onward") == see(japan, "onward")
        for node in (india, japan):
            before = tables(node, CASE, PROTECTION)
            node.store.rebuild()
            assert before == tables(node, CASE, PROTECTION)


def test_a_step_with_a_made_up_content_has_no_effect() -> None:
    federation, india, japan = held("forged")
    body = handling.PassedOn(consent="f" * 64, recipient="usa", scope="all", passed_on=DAY)
    with japan.store.view() as db:
        heads = tuple(
            row[0]
            for row in db.execute("SELECT record_id FROM case_step WHERE case_id = ?", (f"protection.copy:{COPY}",))
        )
    mark = label("jpn.example.v1", 0, originator="jpn", releasable_to=("ind",), purposes=("security",))
    japan.do(fx.Say((fx.Draft(
        "protection.passed-on.v1", body, mark, ONE, subject=f"protection.copy:{COPY}", after=tuple(sorted(heads)), closed=True,
    ),)))  # fmt: skip
    federation.run(5_000)
    assert not see(india, "onward")
    assert not see(japan, "onward")
