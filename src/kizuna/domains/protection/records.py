"""What is said of classified material: documents and their numbered copies, who holds them, what becomes of them, and what was compromised.

A copy's and a compromise's records are steps of a case, read whole by the other side; what a register notes for itself stays at home.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from kizuna.kernel.record import WITHHELD, Body, Withheld

Form = Literal["paper", "media", "device", "record"]
Method = Literal["burnt", "shredded", "pulped", "melted", "overwritten"]
Level = Annotated[int, msgspec.Meta(ge=0, le=15)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class DocumentRegistered(Body, frozen=True):
    """The originator takes a document into its register, with the grade in its own policy; `record` is the record that it is, where it is one."""

    document: str | Withheld = WITHHELD
    title: str | Withheld = WITHHELD
    policy: str | Withheld = WITHHELD
    level: Level | Withheld = WITHHELD
    record: str | Withheld = WITHHELD
    registered_on: str | Withheld = WITHHELD


class DocumentRegraded(Body, frozen=True):
    """The originator gives a document another grade, by two persons; the copies that are out are told by orders."""

    document: str | Withheld = WITHHELD
    level: Level | Withheld = WITHHELD
    approved_by: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class CustodyTaken(Body, frozen=True):
    """Within one party a copy passes from hand to hand: the actor gives, `taken_by` takes."""

    copy: str | Withheld = WITHHELD
    taken_by: str | Withheld = WITHHELD
    taken_on: str | Withheld = WITHHELD


class InventoryTaken(Body, frozen=True):
    """Two persons count a register's copies: what they sighted, what they did not find, and what they found and no register has here."""

    taken_on: str | Withheld = WITHHELD
    witness: str | Withheld = WITHHELD
    sighted: tuple[str, ...] | Withheld = WITHHELD
    missing: tuple[str, ...] | Withheld = WITHHELD
    strange: tuple[str, ...] | Withheld = WITHHELD


class CompromiseWarned(Body, frozen=True):
    """One holder is warned that documents were compromised, and told what to do; it learns of no other holder."""

    compromise: str | Withheld = WITHHELD
    documents: tuple[str, ...] | Withheld = WITHHELD
    action: str | Withheld = WITHHELD


# --- a copy -----------------------------------------------------------------------------------------------------------------------


class CopyRegistered(Body, frozen=True):
    """The originator makes a numbered copy for a holder; it is the holder itself where the copy stays in its own house."""

    document: str | Withheld = WITHHELD
    copy_no: Count | Withheld = WITHHELD
    title: str | Withheld = WITHHELD
    policy: str | Withheld = WITHHELD
    level: Level | Withheld = WITHHELD
    form: Form | Withheld = WITHHELD
    holder: str | Withheld = WITHHELD
    record: str | Withheld = WITHHELD


class CopyDispatched(Body, frozen=True):
    """The copy leaves the register on its way to the holder; its receipt is due within so many days."""

    dispatched_on: str | Withheld = WITHHELD
    receipt_within_days: Count | Withheld = WITHHELD
    carrier: str | Withheld = WITHHELD


class CopyReceipted(Body, frozen=True):
    """The holder has the copy, and says whether its seal was whole."""

    received_on: str | Withheld = WITHHELD
    seal_whole: bool | Withheld = WITHHELD


class ReceiptMissed(Body, frozen=True):
    """No receipt came in time."""

    rule: str | Withheld = WITHHELD


class CopyReturned(Body, frozen=True):
    """The holder sends the copy back."""

    returned_on: str | Withheld = WITHHELD


class ReturnReceipted(Body, frozen=True):
    """The originator has the copy again."""

    received_on: str | Withheld = WITHHELD
    seal_whole: bool | Withheld = WITHHELD


class CopyLost(Body, frozen=True):
    """Whoever has the copy in its register does not find it."""

    noticed_on: str | Withheld = WITHHELD
    circumstances: str | Withheld = WITHHELD


class CopyFound(Body, frozen=True):
    """A lost copy is there again."""

    found_on: str | Withheld = WITHHELD


class CopyDestroyed(Body, frozen=True):
    """The certificate of a copy's destruction: by the actor, before a witness who is another person."""

    certificate: str | Withheld = WITHHELD
    method: Method | Withheld = WITHHELD
    destroyed_on: str | Withheld = WITHHELD
    witness: str | Withheld = WITHHELD


class RegradeOrdered(Body, frozen=True):
    """The originator orders the holder to mark the copy with another grade; two persons stand behind it."""

    level: Level | Withheld = WITHHELD
    approved_by: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class RegradeAcknowledged(Body, frozen=True):
    """The holder has marked the copy as ordered."""

    order: str | Withheld = WITHHELD


class AcknowledgementMissed(Body, frozen=True):
    """An order was not acknowledged in time."""

    rule: str | Withheld = WITHHELD


class OnwardRequested(Body, frozen=True):
    """The holder asks to let a third party have what the copy says, or a part of it."""

    recipient: str | Withheld = WITHHELD
    scope: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class OnwardConsented(Body, frozen=True):
    """The originator consents that one recipient has one scope, until the end of a day."""

    request: str | Withheld = WITHHELD
    recipient: str | Withheld = WITHHELD
    scope: str | Withheld = WITHHELD
    until_on: str | Withheld = WITHHELD


class OnwardRefused(Body, frozen=True):
    """The originator refuses a request."""

    request: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class OnwardRevoked(Body, frozen=True):
    """The originator takes a consent back."""

    consent: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class PassedOn(Body, frozen=True):
    """The holder has let the recipient have the scope that a consent names."""

    consent: str | Withheld = WITHHELD
    recipient: str | Withheld = WITHHELD
    scope: str | Withheld = WITHHELD
    passed_on: str | Withheld = WITHHELD


# --- a compromise -----------------------------------------------------------------------------------------------------------------


How = Literal["register", "in-transit", "lost", "passed-on", "receipt", "shown", "consent"]


class Holder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody who has, or may have, a document: how it is known, by which copy or record, and since when."""

    party: str
    how: How
    what: str
    node: str = ""
    since_ms: int = 0


class CompromiseReported(Body, frozen=True):
    """Documents are, or may be, known to somebody who must not know them; `holders` are all whom the reporter then knew."""

    originator: str | Withheld = WITHHELD
    documents: tuple[str, ...] | Withheld = WITHHELD
    what: str | Withheld = WITHHELD
    discovered_on: str | Withheld = WITHHELD
    suspected_reach: tuple[str, ...] | Withheld = WITHHELD
    action: str | Withheld = WITHHELD
    holders: tuple[Holder, ...] | Withheld = WITHHELD


class CompromiseAcknowledged(Body, frozen=True):
    """The originator has been told."""

    note: str | Withheld = WITHHELD


class NotificationMissed(Body, frozen=True):
    """The originator did not acknowledge a report in time."""

    rule: str | Withheld = WITHHELD


class InquiryOpened(Body, frozen=True):
    """The reporter looks into it."""

    terms: str | Withheld = WITHHELD


class DamageAssessed(Body, frozen=True):
    """The originator says what damage was done."""

    damage: str | Withheld = WITHHELD


class CompromiseRemedied(Body, frozen=True):
    """The reporter says what was done against its happening again."""

    remedy: str | Withheld = WITHHELD


class CompromiseClosed(Body, frozen=True):
    """Both sides hold it for finished."""

    note: str | Withheld = WITHHELD


RECORDS: dict[str, type[Body]] = {
    "protection.acknowledgement-missed.v1": AcknowledgementMissed,
    "protection.compromise-acknowledged.v1": CompromiseAcknowledged,
    "protection.compromise-closed.v1": CompromiseClosed,
    "protection.compromise-remedied.v1": CompromiseRemedied,
    "protection.compromise-reported.v1": CompromiseReported,
    "protection.compromise-warned.v1": CompromiseWarned,
    "protection.copy-destroyed.v1": CopyDestroyed,
    "protection.copy-dispatched.v1": CopyDispatched,
    "protection.copy-found.v1": CopyFound,
    "protection.copy-lost.v1": CopyLost,
    "protection.copy-receipted.v1": CopyReceipted,
    "protection.copy-registered.v1": CopyRegistered,
    "protection.copy-returned.v1": CopyReturned,
    "protection.custody-taken.v1": CustodyTaken,
    "protection.damage-assessed.v1": DamageAssessed,
    "protection.document-registered.v1": DocumentRegistered,
    "protection.document-regraded.v1": DocumentRegraded,
    "protection.inquiry-opened.v1": InquiryOpened,
    "protection.inventory-taken.v1": InventoryTaken,
    "protection.notification-missed.v1": NotificationMissed,
    "protection.onward-consented.v1": OnwardConsented,
    "protection.onward-refused.v1": OnwardRefused,
    "protection.onward-requested.v1": OnwardRequested,
    "protection.onward-revoked.v1": OnwardRevoked,
    "protection.passed-on.v1": PassedOn,
    "protection.receipt-missed.v1": ReceiptMissed,
    "protection.regrade-acknowledged.v1": RegradeAcknowledged,
    "protection.regrade-ordered.v1": RegradeOrdered,
    "protection.return-receipted.v1": ReturnReceipted,
}
