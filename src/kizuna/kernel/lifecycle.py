"""What happens to a record after it was issued: four words, relabelling, and consent to pass it on.

Supersede: corrected. Retract: no longer asserted. Recall: released in error, to be put under lock at once. Destroy: bodies and blobs are
erased, headers stay. The folds hold in every order of arrival: an act may come before its target, and waits for it.

Carrying an act out, and telling the holders, is the node's; what a provision permits is in `kizuna.kernel.release`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kizuna.kernel import label as labels
from kizuna.kernel.case import ENDORSED, RESOLVED, CaseEndorsed, CaseResolved
from kizuna.kernel.claim import CLAIM_RECORDS
from kizuna.kernel.clause import Consent
from kizuna.kernel.label import Grade, Label
from kizuna.kernel.record import WITHHELD, Body, Record, Withheld


class RecordSuperseded(Body, frozen=True):
    """The issuer corrects a record by another; a holder that may not see the successor gets a bare retraction."""

    target: str | Withheld = WITHHELD
    successor: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class RecordRetracted(Body, frozen=True):
    """The issuer no longer asserts a record."""

    target: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class RecordRecalled(Body, frozen=True):
    """A record was released in error: its body is put under quarantine at once."""

    target: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class RecordDestroyed(Body, frozen=True):
    """A record's body and blobs are to be erased, by the rule named; headers stay."""

    target: str | Withheld = WITHHELD
    rule: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class RecordRelabelled(Body, frozen=True):
    """The originator changes classification or releasability, by two persons: the actor, and `approved_by`.

    Each part replaces the label's; null leaves it as it was, an empty `review_by` takes the date away. `grades` maps a policy to its new
    classification. Where `releasability` is true, the relabel's own `releasable_to` takes the place of the record's: a fact for each party, so
    that each holder is shown its own alone and learns of no other.
    """

    target: str | Withheld = WITHHELD
    approved_by: str | Withheld = WITHHELD
    grades: dict[str, int] | Withheld | None = WITHHELD
    releasability: bool | Withheld = WITHHELD
    purposes: tuple[str, ...] | Withheld | None = WITHHELD
    caveats: dict[str, tuple[str, ...]] | Withheld | None = WITHHELD
    review_by: str | Withheld | None = WITHHELD
    reason: str | Withheld = WITHHELD


class ConsentGranted(Body, frozen=True):
    """An originator lets one party pass its records on to another.

    It names records by id, or a type with a half-open interval of instants in milliseconds UTC; the relay discloses no more than `fields`, named as
    in a provision, for one purpose, before `expires_ms`, and once only where `single_use`.
    """

    records: tuple[str, ...] | Withheld = WITHHELD
    record_type: str | Withheld | None = WITHHELD
    from_ms: int | Withheld | None = WITHHELD
    to_ms: int | Withheld | None = WITHHELD
    relay: str | Withheld = WITHHELD
    recipient: str | Withheld = WITHHELD
    fields: tuple[str, ...] | Withheld = WITHHELD
    purpose: str | Withheld = WITHHELD
    expires_ms: int | Withheld = WITHHELD
    single_use: bool | Withheld = WITHHELD


class ConsentRevoked(Body, frozen=True):
    """The originator takes a consent back."""

    consent: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


KERNEL_RECORDS: dict[str, type[Body]] = {
    ENDORSED: CaseEndorsed,
    RESOLVED: CaseResolved,
    **CLAIM_RECORDS,
    "consent.granted.v1": ConsentGranted,
    "consent.revoked.v1": ConsentRevoked,
    "record.destroyed.v1": RecordDestroyed,
    "record.recalled.v1": RecordRecalled,
    "record.relabelled.v1": RecordRelabelled,
    "record.retracted.v1": RecordRetracted,
    "record.superseded.v1": RecordSuperseded,
}
"""Every record type that the kernel itself knows, by wire name."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One record about other records as the folds see it."""

    id: str
    party: str
    actor: str
    at_ms: int
    body: Body
    after: frozenset[str] = frozenset()
    releasable_to: frozenset[str] = frozenset()


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a record; each part lists the ids of acts or successors, sorted."""

    superseded_by: tuple[str, ...] = ()
    retracted: tuple[str, ...] = ()
    recalled: tuple[str, ...] = ()
    destroyed: tuple[str, ...] = ()

    @property
    def asserted(self) -> bool:
        """Whether its issuer still says it and it may be used."""
        return not (self.superseded_by or self.retracted or self.recalled or self.destroyed)


def act_of(record: Record, body: Body) -> Act:
    """Return a verified record and its payload as an act; a withheld instant counts as the first.

    Raises:
        RecordError: its label is malformed.
    """
    return Act(
        id=record.id,
        party=record.clear.issuer,
        actor=record.text("actor"),
        at_ms=record.at_ms or 0,
        body=body,
        after=frozenset(record.listed("after")),
        releasable_to=record.label.releasable_to,
    )


def standing(record_id: str, issuer: str, acts: Iterable[Act]) -> Standing:
    """Return what became of a record of `issuer`; only its issuer's own acts count, and each counts in every order of arrival."""
    own = {
        act.id: act.body for act in acts if act.party == issuer and getattr(act.body, "target", WITHHELD) == record_id
    }
    return Standing(
        superseded_by=tuple(sorted({
            body.successor for body in own.values() if isinstance(body, RecordSuperseded) and isinstance(body.successor, str)
        })),
        retracted=_ids(own, RecordRetracted),
        recalled=_ids(own, RecordRecalled),
        destroyed=_ids(own, RecordDestroyed),
    )  # fmt: skip


def _ids(own: dict[str, Body], kind: type[Body]) -> tuple[str, ...]:
    return tuple(sorted(name for name, body in own.items() if isinstance(body, kind)))


def label_now(record_id: str, issuer: str, label: Label, acts: Iterable[Act]) -> Label:
    """Return a record's label after its relabels.

    Those of other parties than the originator, by one person alone, or with a part withheld are passed over. Relabels that follow one
    another replace one another; of those side by side the join holds, so that no order of arrival lowers protection.

    Raises:
        RecordError: a relabel makes a malformed label.
    """
    if label.originators != {issuer}:
        return label
    known = {act.id: act for act in acts if _relabels(act, record_id, issuer)}
    replaced = frozenset[str]().union(*(act.after for act in known.values()))
    last = sorted(known.keys() - replaced)
    if not last:
        return label
    found = [_relabelled(label, known[name]) for name in last]
    joined = found[0]
    for other in found[1:]:
        joined = labels.join(joined, other)
    labels.check(joined)
    return joined


def _relabels(act: Act, record_id: str, issuer: str) -> bool:
    body = act.body
    return (
        isinstance(body, RecordRelabelled)
        and act.party == issuer
        and body.target == record_id
        and isinstance(body.approved_by, str)
        and all(_is_officer(actor) for actor in (act.actor, body.approved_by))
        and act.actor.split(":")[1] != body.approved_by.split(":")[1]
        and all(getattr(body, field) is not WITHHELD for field in body.__struct_fields__)
    )


def _is_officer(actor: str) -> bool:
    kind, _, rest = actor.partition(":")
    return kind == "officer" and bool(rest.partition(":")[0])


def _relabelled(label: Label, act: Act) -> Label:
    body = act.body
    if not isinstance(body, RecordRelabelled):
        return label
    levels, caveats = body.grades or {}, body.caveats or {}
    return Label(
        grades=tuple(
            Grade(
                grade.policy,
                levels.get(grade.policy, grade.classification),
                frozenset(caveats.get(grade.policy, grade.caveats)),
            )
            for grade in label.grades
        ),
        originators=label.originators,
        purposes=label.purposes if body.purposes is None else frozenset(body.purposes or ()),
        releasable_to=act.releasable_to if body.releasability is True else label.releasable_to,
        review_by=label.review_by if body.review_by is None else body.review_by or None,
    )


def consents_of(acts: Iterable[Act], used: frozenset[str] = frozenset()) -> tuple[Consent, ...]:
    """Return the consents that stand, for `release` to judge; `used` are the ids of those that have been relied on.

    One that its originator revoked is left out, in whatever order the two came; so is one with a part withheld, for it denies.
    """
    known = {act.id: act for act in acts}
    revoked = {(act.party, act.body.consent) for act in known.values() if isinstance(act.body, ConsentRevoked)}
    found = (_consent(act, act.body, used) for act in known.values() if isinstance(act.body, ConsentGranted))
    standing_ones = (each for each in found if each is not None and (each.originator, each.id) not in revoked)
    return tuple(sorted(standing_ones, key=lambda each: each.id))


def _consent(act: Act, body: ConsentGranted, used: frozenset[str]) -> Consent | None:
    parts = msgspec.structs.asdict(body)
    if any(value is WITHHELD for value in parts.values()):
        return None
    return Consent(
        id=act.id,
        originator=act.party,
        used=act.id in used,
        fields=frozenset(parts.pop("fields")),
        records=frozenset(parts.pop("records")),
        **{name: value for name, value in parts.items() if value is not None},
    )
