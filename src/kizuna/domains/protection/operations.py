"""What a registrar does: register documents, number copies, send and receipt them, destroy them before a witness, count them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kizuna.domains.protection.cases import COPY, register_of
from kizuna.domains.protection.ops_compromise import COMPROMISE_OPERATIONS
from kizuna.domains.protection.ops_handling import HANDLING_OPERATIONS
from kizuna.domains.protection.queries import level_now
from kizuna.domains.protection.records import (
    CopyDestroyed,
    CopyDispatched,
    CopyFound,
    CopyLost,
    CopyReceipted,
    CopyRegistered,
    CopyReturned,
    CustodyTaken,
    DocumentRegistered,
    Form,
    InventoryTaken,
    Level,
    Method,
    ReturnReceipted,
)
from kizuna.domains.protection.requests import COPY_NAME, DAY, DOCUMENT, ROLES, TEXT, copy_of, step
from kizuna.domains.protection.rules import MOST_COPIES, check_day, check_document, copy_key, day_fault
from kizuna.errors import RefusedError
from kizuna.kernel import label
from kizuna.kernel.operation import Asked, Desk, Operation, Outcome, Statement
from kizuna.kernel.record import WITHHELD

_COPIES = Annotated[tuple[str, ...], Meta(description="Copies that two persons have sighted; may be repeated.")]


class RegisterDocumentAsked(Asked, frozen=True):
    """Take a document into our register."""

    document: DOCUMENT
    title: Annotated[str, Meta(description="Its title, as it may stand in the register.", min_length=1, max_length=300)]
    policy: Annotated[str, Meta(description="The marking policy, like `ind.example.v1`.")]
    level: Annotated[Level, Meta(description="The grade in that policy, 0 the lowest.")]
    registered_on: DAY
    record: Annotated[str, Meta(description="The record that it is, by its whole id, where it is one.")] = ""


class RegisterCopiesAsked(Asked, frozen=True):
    """Number copies of a document for one holder."""

    document: DOCUMENT
    form: Annotated[Form, Meta(description="What the copy is.")] = "paper"
    holder: Annotated[str, Meta(description="The party that is to hold it; ours if not given.")] = ""
    count: Annotated[int, Meta(description="How many.", ge=1, le=50)] = 1


class DispatchAsked(Asked, frozen=True):
    """Send a copy to its holder."""

    copy: COPY_NAME
    on: DAY
    receipt_within_days: Annotated[int, Meta(description="Within how many days its receipt is due.", ge=1, le=90)] = 14
    carrier: Annotated[str, Meta(description="Who carries it.", max_length=200)] = ""


class ReceiptAsked(Asked, frozen=True):
    """Receipt a copy, or its return."""

    copy: COPY_NAME
    on: DAY
    seal_whole: Annotated[bool, Meta(description="Whether its seal was whole.")] = True


class CopyDayAsked(Asked, frozen=True):
    """Say when it came about."""

    copy: COPY_NAME
    on: DAY


class LoseAsked(Asked, frozen=True):
    """Say that a copy is not found."""

    copy: COPY_NAME
    on: DAY
    circumstances: TEXT


class DestroyAsked(Asked, frozen=True):
    """Certify that a copy was destroyed."""

    copy: COPY_NAME
    on: DAY
    method: Annotated[Method, Meta(description="How.")]
    certificate: Annotated[str, Meta(description="The number of the certificate.", min_length=1, max_length=60)]


class CustodyAsked(Asked, frozen=True):
    """Hand a copy to another officer of our party: the second person is who takes it."""

    copy: COPY_NAME
    on: DAY


class InventoryAsked(Asked, frozen=True):
    """Count our register."""

    on: DAY
    copies: _COPIES


def register_document(desk: Desk, asked: RegisterDocumentAsked) -> Outcome:
    """Take a document into our register.

    Raises:
        RefusedError: its number is not ours or taken, or the policy's name, the day or the record is malformed or not held.
    """
    check_document(asked.document, desk.party)
    check_day(asked.registered_on, "registered_on")
    if level_now(desk, asked.document) is not None:
        raise RefusedError(f"`document`: `{asked.document}` is registered already: choose the next number")
    if not label.WORD(asked.policy):
        raise RefusedError(f"`policy`: `{asked.policy[:60]}` is no name of a policy: write it like `ind.example.v1`")
    if asked.record and not desk.db.execute("SELECT id FROM record WHERE id = ?", (asked.record,)):
        raise RefusedError(f"`record`: `{asked.record[:16]}` is not held here: give the whole id of a record")
    body = DocumentRegistered(
        document=asked.document, title=asked.title, policy=asked.policy, level=asked.level, record=asked.record,
        registered_on=asked.registered_on,
    )  # fmt: skip
    return Outcome(
        (Statement(type="protection.document-registered.v1", body=body, subject=f"document:{asked.document}"),)
    )


def register_copies(desk: Desk, asked: RegisterCopiesAsked) -> Outcome:
    """Number copies of a document, each a case of its own.

    Raises:
        RefusedError: the document is not registered, or would have too many copies.
    """
    held = level_now(desk, asked.document)
    if held is None:
        raise RefusedError(f"`document`: `{asked.document[:60]}` is not in our register: register it first")
    title, policy, level, record = held
    ((last,),) = desk.db.execute(
        "SELECT COALESCE(MAX(copy_no), 0) FROM protection_copy WHERE document = ?", (asked.document,)
    )
    if last + asked.count > MOST_COPIES:
        raise RefusedError(f"`count`: `{asked.document}` has {last} copies, and may have {MOST_COPIES}")
    names = [copy_key(asked.document, last + nth) for nth in range(1, asked.count + 1)]
    said = [
        desk.open(COPY, name, CopyRegistered(
            document=asked.document, copy_no=last + nth, title=title, policy=policy, level=level, form=asked.form,
            holder=asked.holder or desk.party, record=record if asked.form == "record" else WITHHELD,
        ))
        for nth, name in enumerate(names, 1)
    ]  # fmt: skip
    return Outcome(said, {"copies": names})


def dispatch(desk: Desk, asked: DispatchAsked) -> Outcome:
    """Send a copy."""
    body = CopyDispatched(
        dispatched_on=asked.on, receipt_within_days=asked.receipt_within_days, carrier=asked.carrier or WITHHELD
    )
    return step(desk, asked.copy, body)


def receipt(desk: Desk, asked: ReceiptAsked) -> Outcome:
    """Receipt a copy that came."""
    return step(desk, asked.copy, CopyReceipted(received_on=asked.on, seal_whole=asked.seal_whole))


def return_copy(desk: Desk, asked: CopyDayAsked) -> Outcome:
    """Send a copy back."""
    return step(desk, asked.copy, CopyReturned(returned_on=asked.on))


def take_back(desk: Desk, asked: ReceiptAsked) -> Outcome:
    """Receipt a copy that came back."""
    return step(desk, asked.copy, ReturnReceipted(received_on=asked.on, seal_whole=asked.seal_whole))


def lose(desk: Desk, asked: LoseAsked) -> Outcome:
    """Say that a copy is not found; a report of compromise is another step."""
    return step(desk, asked.copy, CopyLost(noticed_on=asked.on, circumstances=asked.circumstances))


def find(desk: Desk, asked: CopyDayAsked) -> Outcome:
    """Say that a lost copy is there again."""
    return step(desk, asked.copy, CopyFound(found_on=asked.on))


def destroy(desk: Desk, asked: DestroyAsked) -> Outcome:
    """Certify a destruction: the second person is the witness."""
    return step(desk, asked.copy, CopyDestroyed(
        certificate=asked.certificate, method=asked.method, destroyed_on=asked.on, witness=desk.second,
    ))  # fmt: skip


def take_custody(desk: Desk, asked: CustodyAsked) -> Outcome:
    """Note within our party who has a copy now.

    Raises:
        RefusedError: the copy is not in our register, or the day is none.
    """
    check_day(asked.on, "on")
    if register_of(copy_of(desk, asked.copy)) != desk.party:
        raise RefusedError(
            f"`copy`: `{asked.copy[:60]}` is not in our register: only its holders pass it from hand to hand"
        )
    body = CustodyTaken(copy=asked.copy, taken_by=desk.second, taken_on=asked.on)
    return Outcome((Statement(type="protection.custody-taken.v1", body=body, subject=COPY.subject(asked.copy)),))


def take_inventory(desk: Desk, asked: InventoryAsked) -> Outcome:
    """Record what two persons sighted against what our register must show; what is missing or strange is told at once.

    Raises:
        RefusedError: the day is none, or a copy is named twice.
    """
    if fault := day_fault(asked.on, "on"):
        raise RefusedError(fault)
    if len(set(asked.copies)) < len(asked.copies):
        raise RefusedError("`copies`: a copy is named twice: name each once")
    rows = desk.db.execute(
        "SELECT copy FROM protection_copy WHERE register = ? AND state NOT IN ('new', 'dispatched', 'overdue', 'returning', 'lost')",
        (desk.party,),
    )
    expected, seen = {copy for (copy,) in rows}, set(asked.copies)
    body = InventoryTaken(
        taken_on=asked.on, witness=desk.second, sighted=tuple(sorted(seen & expected)), missing=tuple(sorted(expected - seen)),
        strange=tuple(sorted(seen - expected)),
    )  # fmt: skip
    told = {"missing": list(body.missing or ()), "strange": list(body.strange or ())}
    return Outcome((Statement(type="protection.inventory-taken.v1", body=body),), told)


OPERATIONS = (
    Operation(name="register-document", text="Take a document into our register.", asks=RegisterDocumentAsked, run=register_document, roles=ROLES),
    Operation(name="register-copies", text="Number copies of a document for a holder.", asks=RegisterCopiesAsked, run=register_copies, roles=ROLES),
    Operation(name="dispatch", text="Send a copy to its holder.", asks=DispatchAsked, run=dispatch, roles=ROLES),
    Operation(name="receipt", text="Receipt a copy that came.", asks=ReceiptAsked, run=receipt, roles=ROLES),
    Operation(name="return-copy", text="Send a copy back to its originator.", asks=CopyDayAsked, run=return_copy, roles=ROLES),
    Operation(name="take-back", text="Receipt a copy that came back.", asks=ReceiptAsked, run=take_back, roles=ROLES),
    Operation(name="lose", text="Say that a copy is not found.", asks=LoseAsked, run=lose, roles=ROLES),
    Operation(name="find", text="Say that a lost copy is there again.", asks=CopyDayAsked, run=find, roles=ROLES),
    Operation(
        name="destroy", text="Certify a copy's destruction before a witness, the second person.", asks=DestroyAsked, run=destroy,
        roles=ROLES, two_persons=True,
    ),
    Operation(
        name="take-custody", text="Hand a copy to the second person, within our party.", asks=CustodyAsked, run=take_custody, roles=ROLES,
        two_persons=True,
    ),
    Operation(
        name="take-inventory", text="Count our register, two persons together.", asks=InventoryAsked, run=take_inventory, roles=ROLES,
        two_persons=True,
    ),
    *HANDLING_OPERATIONS,
    *COMPROMISE_OPERATIONS,
)  # fmt: skip
