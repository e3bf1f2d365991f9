"""What became of a record holds in every order of arrival, and by its own issuer's acts alone."""

from __future__ import annotations

import itertools
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError
from kizuna.kernel import label as labels
from kizuna.kernel import record, sign
from kizuna.kernel.clause import Consent
from kizuna.kernel.lifecycle import (
    KERNEL_RECORDS,
    Act,
    ConsentGranted,
    ConsentRevoked,
    RecordDestroyed,
    RecordRecalled,
    RecordRelabelled,
    RecordRetracted,
    RecordSuperseded,
    Standing,
    act_of,
    consents_of,
    label_now,
    standing,
)

LABEL = labels.label("ind", 2, originator="ind", releasable_to=("jpn",), purposes=("ops",), caveats=("fusion",))


def act(name: str, body: record.Body, party: str = "ind", **more: Any) -> Act:
    parts: dict[str, Any] = {"actor": "officer:i1:release", "at_ms": 0}
    return Act(id=name, party=party, body=body, **(parts | more))


ALL = [
    act("a", RecordRetracted(target="x", reason="wrong")),
    act("b", RecordRecalled(target="x", reason="sent in error")),
    act("c", RecordDestroyed(target="x", rule="retention", reason="")),
    act("d", RecordSuperseded(target="x", successor="y", reason="corrected")),
    act("e", RecordSuperseded(target="x", successor="z", reason="corrected")),
]


def test_a_record_without_acts_is_asserted() -> None:
    assert standing("x", "ind", []) == Standing()
    assert standing("x", "ind", []).asserted


@pytest.mark.parametrize("one", ALL, ids=lambda one: type(one.body).__name__)
def test_each_of_the_four_ends_the_assertion(one: Act) -> None:
    assert not standing("x", "ind", [one]).asserted


def test_all_that_happened_is_kept_in_every_order() -> None:
    expected = Standing(superseded_by=("y", "z"), retracted=("a",), recalled=("b",), destroyed=("c",))
    for order in itertools.permutations(ALL):
        assert standing("x", "ind", [*order, order[0]]) == expected


@given(st.lists(st.sampled_from(ALL)), st.lists(st.sampled_from(ALL)))
def test_more_acts_never_take_one_back(some: list[Act], more: list[Act]) -> None:
    before, after = standing("x", "ind", some), standing("x", "ind", some + more)
    for field in Standing.__struct_fields__:
        assert set(getattr(before, field)) <= set(getattr(after, field))


def test_only_the_issuer_and_only_the_target_count() -> None:
    assert standing("x", "ind", [act("a", RecordRetracted(target="x"), "jpn")]).asserted
    assert standing("y", "ind", ALL).asserted
    assert standing("x", "ind", [act("a", RecordRetracted(reason="target withheld"))]).asserted


def relabel(name: str, *after: str, releasable_to: tuple[str, ...] | None = None, **more: Any) -> Act:
    parts = {"target": "x", "approved_by": "officer:i2:security", "grades": None, "purposes": None,
             "releasability": releasable_to is not None, "caveats": None, "review_by": None, "reason": "reviewed"}  # fmt: skip
    opened = frozenset(releasable_to or ("nzl",))
    return act(name, RecordRelabelled(**(parts | more)), after=frozenset(after), releasable_to=opened)


def now(*acts: Act) -> labels.Label:
    return label_now("x", "ind", LABEL, acts)


def test_a_relabel_replaces_the_parts_that_it_names() -> None:
    lowered = now(relabel("a", grades={"ind": 0}, releasable_to=("aus", "jpn")))
    assert lowered == labels.label(
        "ind", 0, originator="ind", releasable_to=("aus", "jpn"), purposes=("ops",), caveats=("fusion",)
    )
    assert now(relabel("a", caveats={"ind": ()}, review_by="2027-01-01", purposes=())) == labels.label(
        "ind", 2, originator="ind", releasable_to=("jpn",), review_by="2027-01-01"
    )
    assert now() == LABEL


def test_later_relabels_replace_and_concurrent_ones_join() -> None:
    one, other = relabel("a", grades={"ind": 5}), relabel("b", grades={"ind": 1}, releasable_to=("aus",))
    assert now(one, relabel("b", "a", grades={"ind": 1})).grades[0].classification == 1
    for order in itertools.permutations([one, other]):
        assert now(*order) == labels.label("ind", 5, originator="ind", purposes=("ops",), caveats=("fusion",))


def test_a_relabel_of_a_relabel_that_has_not_come_still_replaces_it() -> None:
    chain = [
        relabel("a", grades={"ind": 5}),
        relabel("b", "a", grades={"ind": 3}),
        relabel("c", "b", grades={"ind": 1}),
    ]
    for order in itertools.permutations(chain):
        assert now(*order).grades[0].classification == 1


WRONG = [
    relabel("a", grades={"ind": 0}, approved_by="officer:i1:security"),
    relabel("a", grades={"ind": 0}, approved_by="system:job"),
    relabel("a", grades={"ind": 0}, approved_by=""),
    relabel("a", grades={"ind": 0}, approved_by="officer::security"),
    relabel("a", grades={"ind": 0}, approved_by=record.WITHHELD),
    relabel("a", grades={"ind": 0}, reason=record.WITHHELD),
    relabel("a", grades={"ind": 0}, caveats=record.WITHHELD),
    relabel("a", grades={"ind": 0}, target="y"),
    msgspec.structs.replace(relabel("a", grades={"ind": 0}), party="jpn"),
    msgspec.structs.replace(relabel("a", grades={"ind": 0}), actor="system:job"),
    msgspec.structs.replace(relabel("a", grades={"ind": 0}), actor=""),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_relabel_without_two_officers_of_the_originator_changes_nothing(wrong: Act) -> None:
    assert now(wrong) == LABEL


def test_foreign_information_is_not_relabelled() -> None:
    joined = labels.join(LABEL, labels.label("jpn", 1, originator="jpn", releasable_to=("ind",)))
    assert label_now("x", "ind", joined, [relabel("a", grades={"ind": 0})]) == joined


def test_a_malformed_relabel_is_refused() -> None:
    with pytest.raises(RecordError):
        now(relabel("a", grades={"ind": 99}))


GRANTED = ConsentGranted(
    records=("x",), record_type=None, from_ms=None, to_ms=None, relay="ind", recipient="jpn", fields=("@subject", "name"),
    purpose="ops", expires_ms=100, single_use=True,
)  # fmt: skip


def test_a_consent_stands_until_its_originator_revokes_it() -> None:
    grant, revoke = act("g", GRANTED, "usa"), act("v", ConsentRevoked(consent="g", reason=""), "usa")
    expected = Consent(
        id="g", originator="usa", relay="ind", recipient="jpn", fields=frozenset({"@subject", "name"}), purpose="ops",
        expires_ms=100, records=frozenset({"x"}), single_use=True,
    )  # fmt: skip
    assert consents_of([grant]) == (expected,)
    assert consents_of([grant, revoke]) == consents_of([revoke, grant]) == ()
    assert consents_of([grant, msgspec.structs.replace(revoke, party="ind")]) == (expected,)
    assert consents_of([grant], frozenset({"g"}))[0].used


@pytest.mark.parametrize("field", ConsentGranted.__struct_fields__)
def test_a_consent_with_a_part_withheld_denies(field: str) -> None:
    assert consents_of([act("g", msgspec.structs.replace(GRANTED, **{field: record.WITHHELD}))]) == ()


def test_a_consent_for_a_class_names_a_period() -> None:
    granted = msgspec.structs.replace(GRANTED, records=(), record_type="t.v1", from_ms=5, to_ms=9)
    (found,) = consents_of([act("g", granted)])
    assert (found.record_type, found.from_ms, found.to_ms) == ("t.v1", 5, 9)


@pytest.mark.parametrize(("name", "kind"), KERNEL_RECORDS.items())
def test_every_kernel_record_crosses_withheld_and_whole(name: str, kind: type[record.Body]) -> None:
    facts = record.Facts(node="ind/n", actor="officer:i1:release", at_ms=5, after=("0a" * 32,))
    issued = record.issue(name, kind(), LABEL, facts, sign.SigningKey(bytes(32)), random.Random(1).randbytes)
    held = record.read(issued.bytes())
    body = record.body_of(held, kind)
    assert body == kind()
    assert all(value is record.WITHHELD for value in msgspec.structs.asdict(body).values())
    assert act_of(held, body) == Act(
        id=issued.id, party="ind", actor="officer:i1:release", at_ms=5, body=body, after=frozenset({"0a" * 32}),
        releasable_to=frozenset({"jpn"}),
    )  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        GRANTED,
        relabel("a", grades={"ind": 3}, caveats={"ind": ("a",)}, releasable_to=("jpn",)).body,
        *(one.body for one in ALL),
    ],
    ids=lambda body: type(body).__name__,
)
def test_full_bodies_come_back(body: record.Body) -> None:
    name = next(name for name, kind in KERNEL_RECORDS.items() if kind is type(body))
    facts = record.Facts(node="ind/n", actor="officer:i1:release", at_ms=5)
    issued = record.issue(name, body, LABEL, facts, sign.SigningKey(bytes(32)), random.Random(1).randbytes)
    assert record.body_of(record.read(issued.bytes()), type(body)) == body
