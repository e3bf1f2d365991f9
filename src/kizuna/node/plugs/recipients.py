"""Who a plug stands for, and what of a record it may have at this moment: a plug is a recipient, and is asked the question that a partner is.

A plug that stands for a partner gets what the instruments in force let go to that party, by `kizuna.node.channel.releasing`. One that stands
for our own party gets what its clearance, nationality and purpose reach. Whatever of these is not set denies. Sockets and forms are told
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from pyarrow import concat_tables

from kizuna.domains.maritime.records import SIMULATED, Chunk, PositionBatch
from kizuna.domains.maritime.release_filter import Transformation, apply_transformation
from kizuna.formats.positions_arrow import SCHEMA, empty, parse_ipc
from kizuna.kernel.clause import review_ms
from kizuna.kernel.explain import explain
from kizuna.kernel.instrument import Obligations
from kizuna.kernel.journal import Store
from kizuna.kernel.label import Grade
from kizuna.kernel.record import Record
from kizuna.node.channel import outgoing
from kizuna.node.channel.releasing import Releaser
from kizuna.node.held import facts
from kizuna.node.held.schema import NUMBER_OF
from kizuna.node.plug_settings import OWN

if TYPE_CHECKING:
    import pyarrow as pa

NO_DUTIES = Obligations()
_CHUNKS = "payload/chunks/"


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """Who stands behind a plug; what is left empty denies."""

    name: str
    party: str
    """A partner's party, or `own`."""
    purpose: str = ""
    clearance: int | None = None
    """The highest grade that an own one may have; None: none at all."""
    nationality: str = ""
    """Of an own one: of another nation's, only what is releasable to that nation."""
    exercise: str = ""
    """The exercise whose records it carries; empty: real ones alone."""
    simulated: bool = False
    """Whether it carries made-up traffic, and then nothing else."""

    @property
    def unset(self) -> tuple[str, ...]:
        """What is not set, and so denies everything."""
        own = ("clearance", self.clearance is None), ("nationality", not self.nationality)
        asked = (("purpose", not self.purpose), *(own if self.party == OWN else ()))
        return tuple(name for name, missing in asked if missing)


@dataclass(frozen=True)
class Given:
    """What a recipient may have of a record now: names of facts, positions made coarser in place of the record's own, or a reason why not."""

    permit: bool
    reason: str
    names: frozenset[str] = frozenset()
    provision: str = ""
    grades: tuple[Grade, ...] = ()
    """The grade under which it goes: in a partner's own policy, for an own plug as the label says."""
    duties: Obligations = NO_DUTIES
    not_before_ms: int = 0
    kept_back: int = 0
    coarse: tuple[bytes, ...] = ()
    """Chunks that stand in place of the record's."""


@dataclass(frozen=True)
class Rules:
    """By what is decided: the agreements, the store, and what stops all release; read from a running node or from one at rest."""

    releaser: Callable[[], Releaser]
    store: Store
    stopped: Callable[[], str]
    """Why nothing is released at all now (`halted`, `clock`), or empty."""
    withdrawn: Callable[[str], bool]
    """Whether a record's withdrawal is on its way into the journal."""
    blob_of: Callable[[str], bytes]


class Gate:
    """Decides for one recipient, each time anew."""

    def __init__(self, rules: Rules, recipient: Recipient) -> None:
        self._rules = rules
        self.recipient = recipient

    def rule(self, held: Record, now_ms: int) -> Given:
        """Return what of a held record the recipient may have at this instant.

        Raises:
            RecordError: a large object of the record is damaged.
        """
        why = self._rules.stopped() or self._barred(held)
        if why:
            return Given(permit=False, reason=why)
        return self._own(held, now_ms) if self.recipient.party == OWN else self._partners(held, now_ms)

    def _barred(self, held: Record) -> str:
        who = self.recipient
        if self._rules.withdrawn(held.id) or not outgoing.stands(self._rules.store, held.id):
            return "withdrawn"
        if held.clear.exercise is not bool(who.exercise) or held.text("exercise") != who.exercise:
            return "exercise"
        kind = held.disclosed.get(
            "payload/source_kind", SIMULATED
        )  # what does not say that it was heard cannot pass for real
        if (kind == SIMULATED) is not who.simulated:
            return SIMULATED
        return "unset" if who.unset else ""

    def _own(self, held: Record, now_ms: int) -> Given:
        who, releaser = self.recipient, self._rules.releaser()
        with self._rules.store.view() as db:
            label, level, _ = facts.label_held(db, held.id, releaser.ledger.relabels.get(held.id, ()))
        if label is None or who.clearance is None:
            return Given(permit=False, reason="level")
        reaches = (
            who.nationality == releaser.index.own_party or who.nationality in label.releasable_to | label.originators
        )
        if level > who.clearance:
            why = "level"
        elif not who.nationality or not reaches:
            why = "releasability"
        elif who.purpose not in label.purposes:
            why = "purpose"
        elif now_ms >= review_ms(label):
            why = "expired"
        else:
            return Given(permit=True, reason="permits", names=frozenset(held.disclosures), grades=label.grades)
        return Given(permit=False, reason=why)

    def _partners(self, held: Record, now_ms: int) -> Given:
        who, releaser = self.recipient, self._rules.releaser()
        ruling = releaser.rule(held, who.party, now_ms, self._shown(held.id), who.purpose)
        decision = ruling.decision
        coarse = releaser.coarser(held, ruling, self._rules.blob_of) if not ruling.permit else ()
        return Given(
            permit=ruling.permit or bool(coarse),
            reason=ruling.reason,
            names=ruling.names,
            provision=decision.provision,
            grades=decision.label,
            duties=ruling.asks or decision.obligations,
            not_before_ms=decision.not_before_ms,
            kept_back=ruling.kept_back,
            coarse=coarse,
        )

    def _shown(self, record_id: str) -> frozenset[str]:
        """Return what the party's own nodes have been shown of a record: a decision looks at all that its recipient holds."""
        rows = self._rules.store.query(
            "SELECT e.header FROM leaf_out l JOIN journal_entry e ON e.seq = l.seq JOIN channel_out c ON c.channel = l.channel"
            f" WHERE l.record = {NUMBER_OF} AND l.kind = 'record' AND c.node LIKE ?",
            (record_id, f"{self.recipient.party}/%"),
        )
        return frozenset(name for (header,) in rows for name in msgspec.json.decode(bytes(header))["meta"]["names"])

    def positions(self, held: Record, given: Given) -> pa.Table:
        """Return the rows of a batch that are given, without the columns that a clause drops; vectorised.

        Raises:
            RecordError: a chunk is damaged.
        """
        blobs = given.coarse
        if not blobs:
            chunks = [held.disclosed[name] for name in sorted(given.names) if name.startswith(_CHUNKS)]
            blobs = tuple(self._rules.blob_of(msgspec.convert(each, Chunk).blob.sha256) for each in chunks)
        if not blobs or not given.permit:
            return empty()
        table = concat_tables([parse_ipc(blob) for blob in blobs])
        dropped = frozenset(given.duties.drop_fields) & frozenset(SCHEMA.names)
        return apply_transformation(table, Transformation(drop_fields=dropped)) if dropped else table

    def said(self, held: Record, given: Given) -> dict[str, object]:
        """Return the payload facts that are given, by name; those of a list are left out."""
        return {
            name.removeprefix("payload/"): held.disclosed[name]
            for name in given.names
            if name.startswith("payload/") and name.count("/") == 1
        }

    def explain(self, held: Record, given: Given, now_ms: int) -> tuple[str, str]:
        """Return a decision in words, and what would satisfy it."""
        if given.reason in _SENTENCES:
            return _SENTENCES[given.reason]
        if self.recipient.party == OWN:
            return _OWN_SENTENCES[given.reason]
        releaser = self._rules.releaser()
        ruled = releaser.rule(held, self.recipient.party, now_ms, self._shown(held.id), self.recipient.purpose).decision
        party, purpose = self.recipient.party, self.recipient.purpose
        said = explain(releaser.index, releaser.header(held), party, now_ms, "en", purpose, ruled=ruled)
        coarser = " The plug is given rows made as coarse as the clause asks." if given.coarse else ""
        return said.sentence + coarser, "" if given.coarse else said.remedy


def is_batch(kind: type) -> bool:
    """Return whether a record class is one of positions."""
    return issubclass(kind, PositionBatch)


_SENTENCES = {
    "halted": ("All releases are halted, and a plug is a recipient.", "Go on with `kizuna release halt --off`."),
    "clock": ("The clock is in doubt, and nothing is released.", "Look at the time service."),
    "withdrawn": ("The record was retracted, recalled, destroyed or superseded.", "Look at its successor."),
    "unset": (
        "The plug has no purpose, or as one of ours no clearance or nationality: it is given nothing.",
        "Set what `kizuna plug list` shows as missing.",
    ),
    "exercise": (
        "The plug carries the records of one exercise, or real ones alone, and this is not one of them.",
        "Give the exercise a plug of its own: exercise and reality do not mix.",
    ),
    SIMULATED: (
        "The plug carries either made-up traffic or real traffic, and this is of the other kind.",
        "Give made-up traffic a plug of its own.",
    ),
}
_OWN_SENTENCES = {
    "permits": ("The plug's clearance, nationality and purpose reach the record.", ""),
    "level": ("The record's grade is above the plug's clearance, or its label is not known.", "Raise `clearance`."),
    "releasability": (
        "The record is not releasable to the plug's nationality.",
        "Its originator must relabel it, by two persons.",
    ),
    "purpose": ("The record's label does not name the plug's purpose.", "Set a `purpose` that labels name."),
    "expired": ("The record's label has reached its review date.", "Review the label."),
}
