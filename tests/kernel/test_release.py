"""The decision's rules one by one; `test_cedar_oracle.py` compares them in volume."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.kernel.instrument import (
    Agreement,
    Area,
    Direction,
    EquivalenceRow,
    EquivalenceTable,
    Instrument,
    Obligations,
    Provision,
    Scope,
    day_ms,
    limited_date,
    version_of,
)
from kizuna.kernel.intervals import FOREVER
from kizuna.kernel.label import Grade, Label, label
from kizuna.kernel.release import GUARD_MS, REASONS, REFUSALS, Consent, Index, ReleaseHeader, covers, translate
from tests.kernel import release_cases as cases

START = 1_700_000_000_000
NOW = START + 10_000_000
TYPE = "maritime.gap-detected.v1"
MDA = "maritime-domain-awareness"


def provision(**parts: object) -> Provision:
    base = Provision(
        basis="example",
        direction=Direction(from_party="ind", to_party="jpn"),
        discloses=("mmsi", "chunks", "@node"),
        effect="permits",
        equivalence="table@1",
        id="p1",
        max_classification={"jpn.v1": 2},
        purposes=(MDA, "search-and-rescue"),
        record_types=(TYPE,),
    )
    return msgspec.structs.replace(base, **parts)


FORBIDS = {
    "effect": "forbids",
    "discloses": (),
    "purposes": (),
    "max_classification": {},
    "equivalence": "",
    "id": "f1",
}


def table(source: str, target: str, *pairs: tuple[int, tuple[int, ...]]) -> EquivalenceTable:
    rows = tuple(EquivalenceRow(from_level=level, to_levels=levels) for level, levels in pairs)
    return EquivalenceTable(
        basis="example",
        caveats={"eyes": "watch"},
        from_policy=source,
        id="table",
        rows=rows,
        to_policy=target,
        version="1",
    )


def agreement(*provisions: Provision, **parts: object) -> Agreement:
    instrument = Instrument(
        basis="example",
        id="arrangement",
        in_force_on=limited_date("2018-10-29"),
        kind="memorandum",
        parties=("ind", "jpn"),
        provisions=provisions or (provision(),),
        scopes=("milan",),
        tables=(table("ind.v1", "jpn.v1", (0, (0,)), (1, (1,)), (2, (1, 2)), (3, (3,))),),
        title="arrangement",
    )
    return msgspec.structs.replace(Agreement(instrument, version_of(instrument), ((START, FOREVER),)), **parts)


def header(**parts: object) -> ReleaseHeader:
    mark = label("ind.v1", 1, originator="ind", releasable_to=("jpn",), purposes=(MDA,))
    return msgspec.structs.replace(
        ReleaseHeader(type=TYPE, label=mark, issuer="ind", at_ms=NOW - 5, record_id="ab" * 32), **parts
    )


def marked(**parts: object) -> ReleaseHeader:
    held = header()
    return header(label=msgspec.structs.replace(held.label, **parts))


def reason(held: ReleaseHeader, *agreements: Agreement, now_ms: int = NOW, recipient: str = "jpn", **asked: str) -> str:
    index = Index.build("ind", agreements or (agreement(),))
    decision = index.decide(held, recipient, now_ms, **asked)
    assert index.decide(held, recipient, now_ms, **asked) == decision
    return "permit" if decision.permit else decision.reason


def test_what_a_provision_permits_goes_with_its_terms() -> None:
    made = agreement(provision(lane="priority", obligations=Obligations(retain_days=30)))
    decision = Index.build("ind", [made]).decide(header(), "jpn", NOW)
    assert (decision.permit, decision.reason, decision.instrument) == (True, "provision:p1", "arrangement")
    assert (decision.version, decision.provision, decision.purpose) == (made.version, "p1", MDA)
    assert (decision.lane, decision.obligations.retain_days) == ("priority", 30)
    assert decision.label == (Grade("jpn.v1", 1),)
    shown = (
        "payload/mmsi",
        "payload/chunks/7",
        "node",
        "at",
        "purposes",
        "originators",
        "releasable_to/jpn",
        "caveats/ind.v1",
    )
    kept = (
        "payload/name",
        "actor",
        "subject",
        "after/0",
        "releasable_to/aus",
        "derived_from/0",
        "exercise",
        "payload/mm",
    )
    assert [name for name in (*shown, *kept) if decision.shows(name)] == list(shown)


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (header(label=None), "releasability"),
        (marked(releasable_to=frozenset()), "releasability"),
        (marked(releasable_to=frozenset({"aus"})), "releasability"),
        (marked(purposes=frozenset()), "purpose"),
        (marked(purposes=frozenset({"unheard-of"})), "purpose"),
        (marked(grades=()), "no-equivalence"),
        (marked(grades=(Grade("unheard-of.v1", 0),)), "no-equivalence"),
        (marked(grades=(Grade("ind.v1", 9),)), "no-equivalence"),
        (marked(grades=(Grade("ind.v1", 1, frozenset({"unheard-of"})),)), "no-equivalence"),
        (marked(grades=(Grade("ind.v1", 1), Grade("usa.v1", 0))), "no-equivalence"),
        (marked(grades=(Grade("ind.v1", 3),)), "level"),
        (marked(grades=(Grade("ind.v1", 1), Grade("jpn.v1", 3))), "level"),
        (marked(review_by="2020-01-01"), "expired"),
        (marked(review_by="2020-02-31"), "expired"),
        (header(type="maritime.unheard-of.v1"), "no-provision"),
        (header(type="maritime.gap-detected.v2"), "no-provision"),
        (header(exercise=True), "no-provision"),
        (header(handling="personal"), "no-provision"),
        (header(at_ms=START - 1), "expired"),
        (header(issuer="aus"), "no-consent"),
        (marked(originators=frozenset({"ind", "aus"})), "no-consent"),
        (marked(grades=(Grade("ind.v1", 2, frozenset({"eyes"})),)), "permit"),
        (header(), "permit"),
    ],
)
def test_each_rule_denies_by_its_own_reason(held: ReleaseHeader, why: str) -> None:
    assert reason(held) == why


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (agreement(in_force=()), "no-instrument"),
        (agreement(provision(purposes=())), "purpose"),
        (agreement(provision(record_types=())), "no-provision"),
        (agreement(provision(max_classification={})), "no-equivalence"),
        (agreement(provision(equivalence="")), "no-equivalence"),
        (agreement(provision(equivalence="table@2")), "no-equivalence"),
        (agreement(provision(handling=())), "no-provision"),
        (agreement(provision(direction=Direction(from_party="jpn", to_party="ind"))), "no-provision"),
        (agreement(provision(scope="milan")), "no-provision"),
        (agreement(provision(scope="milan"), scopes=(Scope(START, "arrangement", "relief", FOREVER),)), "no-provision"),
        (agreement(provision(scope="milan"), scopes=(Scope(START, "arrangement", "milan", FOREVER),)), "permit"),
        (agreement(current=((NOW + 1, FOREVER),)), "expired"),
        (agreement(suspended=((NOW - 100, FOREVER),)), "expired"),
        (agreement(suspended=((NOW - 10, NOW - 1),)), "expired"),
        (agreement(provision(), provision(**FORBIDS)), "provision:f1"),
        (agreement(provision(), provision(**FORBIDS), suspended=((0, FOREVER),)), "provision:f1"),
        (agreement(provision(), provision(**FORBIDS, scope="milan")), "permit"),
        (agreement(provision(**FORBIDS)), "provision:f1"),
    ],
)
def test_an_agreement_that_is_empty_closed_or_forbids_denies(made: Agreement, why: str) -> None:
    assert reason(header(), made) == why


def test_no_agreement_at_all_permits_nothing() -> None:
    index = Index.build("ind", [])
    assert index.decide(header(), "jpn", NOW).reason == "no-instrument"
    assert reason(header(), recipient="aus") == "no-instrument"
    assert reason(header(), recipient="ind") == "no-instrument"


def test_a_provision_between_parties_that_the_instrument_lacks_counts_for_nothing() -> None:
    stranger = provision(direction=Direction(from_party="ind", to_party="aus"))
    assert reason(header(), agreement(stranger), recipient="aus") == "no-instrument"


@pytest.mark.parametrize(
    ("now_ms", "permits"),
    [
        (START + GUARD_MS - 1, False),
        (START + GUARD_MS, True),
        (START + 5_000_000 - GUARD_MS - 1, True),
        (START + 5_000_000 - GUARD_MS, False),
        (START + 6_000_000 + GUARD_MS - 1, False),
        (START + 6_000_000 + GUARD_MS, True),
        (START + 9_000_000 - GUARD_MS - 1, True),
        (START + 9_000_000 - GUARD_MS, False),
    ],
)
def test_nothing_goes_in_the_guard_band_of_a_boundary(now_ms: int, permits: bool) -> None:  # noqa: FBT001 # a table of cases
    made = agreement(in_force=((START, START + 9_000_000),), suspended=((START + 5_000_000, START + 6_000_000),))
    assert (reason(header(at_ms=START), made, now_ms=now_ms) == "permit") == permits
    scoped = agreement(
        provision(scope="milan"),
        in_force=((0, FOREVER),),
        scopes=(Scope(START, "arrangement", "milan", START + 5_000_000),),
    )
    if now_ms < START + 5_500_000:
        assert (reason(header(at_ms=START), scoped, now_ms=now_ms) == "permit") == permits


def test_what_was_made_during_a_suspension_does_not_follow_after_it() -> None:
    made = agreement(suspended=((NOW - 1_000_000, NOW - 500_000),))
    assert reason(header(at_ms=NOW - 700_000), made) == "expired"
    assert reason(header(at_ms=NOW - 500_000), made) == "permit"
    assert reason(header(at_ms=NOW - 1_000_001), made) == "permit"


def test_a_dropped_field_stays_whatever_is_disclosed_and_the_receiver_refuses_it() -> None:
    made = agreement(provision(obligations=Obligations(drop_fields=("chunks",))))
    decision = Index.build("ind", [made]).decide(header(), "jpn", NOW)
    assert decision.shows("payload/mmsi")
    assert not decision.shows("payload/chunks/0")
    assert judged(header(), made, names={"payload/chunks/0"}) == "over-disclosed"


@pytest.mark.parametrize(
    ("parts", "transforms"),
    [
        ({"delay_ms": 1, "retain_days": 1, "drop_fields": ("x",), "no_onward": False}, False),
        ({"areas": (Area(east_600000=1, north_600000=1, south_600000=0, west_600000=0),)}, True),
        ({"coarsen_600000": 1}, True),
        ({"exclude_own_units": True}, True),
        ({"time_step_ms": 1}, True),
        ({"unlinkable": True}, True),
    ],
)
def test_obligations_say_whether_withholding_is_enough(parts: dict[str, object], transforms: bool) -> None:  # noqa: FBT001 # a table of cases
    assert Obligations(**parts).transforms == transforms


def test_a_label_expires_at_the_start_of_its_review_day_also_for_an_index_that_remembers() -> None:
    index = Index.build("ind", [agreement()])
    held = marked(review_by="2024-01-01")
    midnight = day_ms("2024-01-01")
    for _ in range(2):
        assert index.decide(held, "jpn", midnight - 1).permit
        assert index.decide(held, "jpn", midnight).reason == "expired"
    made = agreement()
    asked = {"instrument": "arrangement", "version": made.version, "provision": "p1", "purpose": MDA, "names": ()}
    receiver = Index.build("jpn", [made])
    assert receiver.judge(held, "ind", midnight - 1, **asked) is None
    assert receiver.judge(held, "ind", midnight, **asked) == "expired"


def of_three(*provisions: Provision, **parts: object) -> Agreement:
    made = agreement(*(provisions or (provision(),)), **parts)
    instrument = msgspec.structs.replace(made.instrument, parties=("aus", "ind", "jpn"))
    return msgspec.structs.replace(made, instrument=instrument)


def closed(*more: str, to: tuple[str, ...] = ("aus", "jpn")) -> ReleaseHeader:
    names = {"at", "node", "payload/mmsi", "purposes", *(f"releasable_to/{party}" for party in to), *more}
    mark = label("ind.v1", 1, originator="ind", releasable_to=to, purposes=(MDA,))
    return header(label=mark, closed=frozenset(names))


@pytest.mark.parametrize(
    ("held", "made", "named"),
    [
        (closed(), of_three(), {"aus", "jpn"}),
        (closed(to=("aus", "ind", "jpn")), of_three(), {"aus", "jpn"}),
        (closed(), agreement(), {"jpn"}),  # another party is none of theirs
        (closed(to=("aus", "fra", "jpn")), of_three(), {"jpn"}),
        (closed("payload/name"), of_three(), {"jpn"}),  # the clause keeps a fact back: nobody signs, so nobody is named
        (closed(), of_three(provision(obligations=Obligations(drop_fields=("mmsi",)))), {"jpn"}),
        (msgspec.structs.replace(closed(), closed=frozenset()), of_three(), {"jpn"}),
        (msgspec.structs.replace(closed(), issuer="aus", consents=(Consent(
            expires_ms=NOW + 1, fields=frozenset({"mmsi", "@node"}), id="c1", originator="aus", purpose=MDA,
            recipient="jpn", records=frozenset({"ab" * 32}), relay="ind",
        ),)), of_three(), {"jpn"}),
    ],
)  # fmt: skip
def test_who_may_sign_sees_to_whom_else_it_goes_where_all_are_parties(
    held: ReleaseHeader, made: Agreement, named: set[str]
) -> None:
    if held.issuer != "ind":
        mark = msgspec.structs.replace(held.label, originators=frozenset({held.issuer}))
        held = msgspec.structs.replace(held, label=mark)
    decision = Index.build("ind", [made]).decide(held, "jpn", NOW)
    assert decision.permit
    assert {party for party in ("aus", "fra", "jpn") if decision.shows(f"releasable_to/{party}")} == named
    told = frozenset(name for name in held.closed if decision.shows(name))
    entry = {"version": made.version, "names": told}
    own = held if held.issuer == "ind" else msgspec.structs.replace(held, consents=held.consents)
    whole = own if told == held.closed else msgspec.structs.replace(own, closed=frozenset())
    assert judged(whole, made, **entry) is None
    if named == {"jpn"}:
        assert judged(whole, made, **(entry | {"names": told | {"releasable_to/aus"}})) == "over-disclosed"


def test_of_several_clauses_the_one_that_leaves_a_closed_record_whole_decides() -> None:
    part = provision(id="p0", discloses=("mmsi",))
    index = Index.build("ind", [of_three(part, provision())])
    assert index.decide(closed(), "jpn", NOW).provision == "p1"
    assert index.decide(header(), "jpn", NOW).provision == "p0"
    assert index.decide(closed("payload/name"), "jpn", NOW).provision == "p0"
    assert index.decide(closed(), "jpn", NOW).provision == "p1", "what is remembered of one is not said of another"


def test_a_delay_holds_and_says_until_when() -> None:
    index = Index.build("ind", [agreement(provision(obligations=Obligations(delay_ms=1000)))])
    for late, permit in ((999, False), (1000, True)):
        decision = index.decide(header(at_ms=NOW), "jpn", NOW + late)
        assert (decision.permit, decision.reason, decision.not_before_ms) == (permit, "provision:p1", NOW + 1000)


def test_of_several_clauses_the_named_one_or_the_first_decides() -> None:
    made = agreement(
        provision(id="p2", purposes=("search-and-rescue",)), provision(id="p1", purposes=(MDA,)), provision(id="p3")
    )
    held = marked(purposes=frozenset({MDA, "search-and-rescue"}))
    index = Index.build("ind", [made])
    assert index.decide(held, "jpn", NOW).provision == "p1"
    assert index.decide(held, "jpn", NOW, "search-and-rescue").provision == "p2"
    assert index.decide(held, "jpn", NOW, "search-and-rescue", "p3").provision == "p3"
    assert index.decide(held, "jpn", NOW, MDA, "p2").reason == "purpose"
    assert index.decide(held, "jpn", NOW, "", "p9").reason == "no-provision"
    assert index.decide(held, "jpn", NOW, "espionage").reason == "purpose"


def test_two_clauses_may_not_add_up_to_what_neither_discloses() -> None:
    made = agreement(provision(id="p1", discloses=("mmsi",)), provision(id="p2", discloses=("name",)))
    index = Index.build("ind", [made])
    assert index.decide(header(already_held=frozenset({"payload/mmsi", "at"})), "jpn", NOW).provision == "p1"
    assert index.decide(header(already_held=frozenset({"payload/name"})), "jpn", NOW).provision == "p2"
    held = header(already_held=frozenset({"payload/name", "payload/mmsi"}))
    assert index.decide(held, "jpn", NOW).permit is False
    assert (
        index.decide(header(already_held=frozenset({"payload/mmsi"})), "jpn", NOW, provision="p2").reason
        == "provision:p2"
    )


def consent(**parts: object) -> Consent:
    base = Consent(
        id="c1",
        originator="aus",
        relay="ind",
        recipient="jpn",
        fields=frozenset({"mmsi"}),
        purpose=MDA,
        expires_ms=NOW + 1,
        records=frozenset({"ab" * 32}),
    )
    return msgspec.structs.replace(base, **parts)


@pytest.mark.parametrize(
    ("given_", "why"),
    [
        (consent(), "permit"),
        (consent(records=frozenset(), record_type=TYPE, from_ms=0, to_ms=NOW), "permit"),
        (consent(records=frozenset(), record_type=TYPE, from_ms=0, to_ms=NOW - 5), "no-consent"),
        (consent(records=frozenset()), "no-consent"),
        (consent(records=frozenset({"cd" * 32})), "no-consent"),
        (consent(originator="usa"), "no-consent"),
        (consent(relay="usa"), "no-consent"),
        (consent(recipient="usa"), "no-consent"),
        (consent(purpose="search-and-rescue"), "no-consent"),
        (consent(expires_ms=NOW), "no-consent"),
        (consent(single_use=True), "permit"),
        (consent(single_use=True, used=True), "no-consent"),
    ],
)
def test_a_third_party_s_information_needs_its_consent_in_every_part(given_: Consent, why: str) -> None:
    assert reason(header(issuer="aus", consents=(given_,)), agreement()) == why


def test_a_consent_narrows_what_is_disclosed_and_each_originator_must_give_one() -> None:
    index = Index.build("ind", [agreement()])
    decision = index.decide(header(issuer="aus", consents=(consent(),)), "jpn", NOW)
    assert decision.consents == ("c1",)
    assert decision.shows("payload/mmsi")
    assert decision.shows("at")
    assert not decision.shows("payload/chunks/0")
    assert not decision.shows("node")
    joined = msgspec.structs.replace(marked(originators=frozenset({"aus", "usa"})), consents=(consent(),))
    assert index.decide(joined, "jpn", NOW).reason == "no-consent"
    both = msgspec.structs.replace(
        joined, consents=(consent(), consent(id="c2", originator="usa", fields=frozenset({"chunks"})))
    )
    decision = index.decide(both, "jpn", NOW)
    assert decision.consents == ("c1", "c2")
    assert not decision.shows("payload/mmsi")


def judged(held: ReleaseHeader, made: Agreement, **parts: object) -> str | None:
    entry = {
        "instrument": "arrangement",
        "version": made.version,
        "provision": "p1",
        "purpose": MDA,
        "names": frozenset({"payload/mmsi", "at", "releasable_to/jpn"}),
        "label": (Grade("jpn.v1", 1),),
    } | parts
    at_ms = entry.pop("released_at_ms", NOW)
    return Index.build("jpn", [made]).judge(held, "ind", at_ms, **entry)


@pytest.mark.parametrize(
    ("held", "parts", "code"),
    [
        (header(), {}, None),
        (header(), {"instrument": "another"}, "no-instrument"),
        (header(), {"version": "00" * 32}, "no-instrument"),
        (header(), {"provision": "p9"}, "no-provision"),
        (header(), {"purpose": "search-and-rescue"}, "purpose"),
        (header(), {"purpose": "espionage"}, "purpose"),
        (header(), {"names": {"payload/mmsi", "payload/name"}}, "over-disclosed"),
        (header(), {"names": {"releasable_to/aus"}}, "over-disclosed"),
        (header(), {"label": (Grade("jpn.v1", 3),)}, "level"),
        (header(), {"label": (Grade("ind.v1", 1),)}, "no-equivalence"),
        (header(), {"released_at_ms": START - 1}, "expired"),
        (header(type="maritime.unheard-of.v1"), {}, "no-provision"),
        (header(exercise=True), {}, "no-provision"),
        (header(at_ms=START - 1), {}, "expired"),
        (header(label=None), {}, "releasability"),
        (marked(releasable_to=frozenset({"aus"})), {}, "releasability"),
        (marked(grades=(Grade("ind.v1", 3),)), {}, "level"),
        (marked(review_by="2020-01-01"), {}, "expired"),
        (header(issuer="aus"), {}, "no-consent"),
        (header(issuer="aus", consents=(consent(),)), {}, None),
        (header(issuer="aus", consents=(consent(),)), {"names": {"payload/chunks/0"}}, "over-disclosed"),
    ],
)
def test_the_receiver_judges_by_the_same_clause(
    held: ReleaseHeader, parts: dict[str, object], code: str | None
) -> None:
    assert judged(held, agreement(), **parts) == code


def test_the_receiver_refuses_what_its_own_state_forbids_suspends_or_delays() -> None:
    assert judged(header(), agreement(suspended=((NOW - 1, FOREVER),))) == "expired"
    assert judged(header(at_ms=START), agreement(suspended=((NOW + 1, FOREVER),))) is None
    assert judged(header(), agreement(provision(), provision(**FORBIDS))) == "provision:f1"
    assert judged(header(), agreement(provision(obligations=Obligations(delay_ms=6)))) == "provision:p1"
    assert judged(header(), agreement(provision(), provision(**FORBIDS)), provision="f1") == "provision:f1"


def test_the_receiver_holds_it_under_the_higher_of_both_translations() -> None:
    made = agreement()
    index = Index.build("jpn", [made])
    for claimed, grade in ((0, 1), (1, 1), (2, 2)):
        held = index.received_grade(header(), "ind", "arrangement", made.version, "p1", (Grade("jpn.v1", claimed),))
        assert held == Grade("jpn.v1", grade)


levels = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3), min_size=1, max_size=6)


@given(levels, st.integers(0, 7), st.integers(0, 7))
def test_translation_takes_the_highest_and_joining_never_lowers_it(rows: list[list[int]], one: int, other: int) -> None:
    made = {"a": table("a", "b", *((level, tuple(to)) for level, to in enumerate(rows)))}
    found = translate((Grade("a", one),), "b", made)
    assert (found is None) == (one >= len(rows))
    if found is not None:
        assert found.classification == max(rows[one])
        joined = translate((Grade("a", one), Grade("b", other)), "b", made)
        assert joined is not None
        assert joined.classification == max(found.classification, other)


@pytest.mark.parametrize("seed", range(6))
def test_the_receiver_accepts_what_the_sender_permits_and_memory_changes_no_answer(seed: int) -> None:
    rng = random.Random(seed)
    agreements = cases.world(rng, partners=2)
    sender = Index.build(cases.OWN, agreements, cases.GUARD_MS)
    receivers = {f"p-{i:02}": Index.build(f"p-{i:02}", agreements, cases.GUARD_MS) for i in range(2)}
    permits = 0
    for _ in range(1500):
        made = cases.case(rng, agreements)
        decision = sender.decide(*made)
        assert Index.build(cases.OWN, agreements, cases.GUARD_MS).decide(*made) == decision
        assert decision.permit or decision.reason in REASONS or decision.reason.startswith("provision:")
        code = receivers[made.recipient].judge(
            made.header,
            cases.OWN,
            made.now_ms,
            instrument=decision.instrument,
            version=decision.version,
            provision=decision.provision,
            purpose=decision.purpose,
            names=frozenset(name for name in decision.discloses if not name.endswith("*")),
            label=decision.label,
        )
        if decision.permit:
            permits += 1
            assert code is None, made
        else:
            assert code is not None
            assert code in REFUSALS or code.startswith("provision:")
    assert permits > 150


def test_covering_is_by_whole_names() -> None:
    names = frozenset({"payload/x", "payload/x/*", "after/*"})
    assert [covers(names, name) for name in ("payload/x", "payload/x/0", "after/12")] == [True] * 3
    assert not any(covers(names, name) for name in ("payload/xy", "payload", "after", "payload/x/0/1", "", "/", "*"))


def test_a_label_s_purposes_are_never_widened_by_a_purpose_that_only_the_clause_has() -> None:
    held = Label(
        grades=(Grade("ind.v1", 0),),
        originators=frozenset({"ind"}),
        purposes=frozenset({"search-and-rescue"}),
        releasable_to=frozenset({"jpn"}),
    )
    assert Index.build("ind", [agreement()]).decide(header(label=held), "jpn", NOW).purpose == "search-and-rescue"
