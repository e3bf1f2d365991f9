"""What somebody who sees all knows of a simulated partnership: every note that was said, to whom it may go, and what nodes were told.

It is kept beside the nodes and shares nothing with their rules: what it permits is written down here a second time, in the plainest words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from kizuna.sim.federation import SimNode

TOKEN = re.compile(rb"note-[0-9]{5}")
CANARY = re.compile(rb"canary-[0-9]{5}")
MARGIN_MS = 10_000
"""How far clocks and guard bands reach."""
HIGHEST = 2
"""The highest grade that any agreement lets cross."""


class InvariantError(Exception):
    """A promise was broken: which one, and how."""

    def __init__(self, invariant: str, sentence: str) -> None:
        super().__init__(f"{invariant}: {sentence}")
        self.invariant = invariant


@dataclass
class Note:
    """One note: `record_id` is empty until it was acknowledged; `due` are the parties that it was then said to wait for."""

    text: str
    node: str
    to: frozenset[str]
    level: int
    at_ms: int
    record_id: str = ""
    due: frozenset[str] = frozenset()
    act: str = ""
    """How its issuer withdrew it, as far as that was acknowledged."""

    @property
    def party(self) -> str:
        """Who says it."""
        return self.node.partition("/")[0]

    def may_go_to(self, party: str, highest: int = HIGHEST) -> bool:
        """Return whether an agreement with a party lets it cross, where there is one in force."""
        return party in self.to and self.level <= highest


@dataclass
class Model:
    """What is known, by node name; `open` holds the pairs whose agreement is surely in force at both."""

    notes: dict[bytes, Note] = field(default_factory=dict)
    by_id: dict[str, Note] = field(default_factory=dict)
    halted: set[str] = field(default_factory=set)
    suspended: dict[tuple[str, str], str] = field(default_factory=dict)
    """By node and partner: the suspension that the node has acknowledged and not lifted."""
    resumed_ms: int = 1 << 53
    """When every suspension was lifted."""
    suspended_ms: dict[frozenset[str], int] = field(default_factory=dict)
    """When the agreement of two parties was first suspended, as far as it ever was."""
    unsure: set[frozenset[str]] = field(default_factory=set)
    """Pairs of parties whose agreement was ever suspended, or is not surely in force yet."""
    amended: set[frozenset[str]] = field(default_factory=set)
    """Pairs of parties that lowered the highest grade to 1."""
    doubt_until_ms: dict[str, int] = field(default_factory=dict)
    """Until when a node whose clock leapt may release nothing."""
    restored_ms: dict[str, int] = field(default_factory=dict)
    """When a node was put back to a backup; far ahead where it still will be."""
    owed: dict[str, list[Note]] = field(default_factory=dict)
    """What a node that was put back to a backup must have again: a partner held it."""
    revoked: set[str] = field(default_factory=set)
    """Nodes whose old keys were revoked."""

    def said(self, note: Note) -> None:
        """Take a note as about to be said: from now on it may be anywhere that it may go."""
        self.notes[note.text.encode()] = note

    def acknowledged(self, note: Note, record_id: str, due: Iterable[str]) -> None:
        """Take a note as said."""
        note.record_id = record_id
        note.due = frozenset(due)
        self.by_id[record_id] = note

    def of(self, node: str) -> list[Note]:
        """Return the notes that a node acknowledged and has not withdrawn."""
        return [each for each in self.by_id.values() if each.node == node and not each.act]

    def highest(self, one: str, other: str) -> int:
        """Return the highest grade that two parties let cross now."""
        return 1 if frozenset((one, other)) in self.amended else HIGHEST

    def is_whole(self, note: Note) -> bool:
        """Return whether its author surely holds all of a note: what came home after a restore is what one reader had been shown."""
        return note.at_ms > self.restored_ms.get(note.node, -1)

    def in_force(self, note: Note, party: str) -> bool:
        """Return whether no suspension lay over a note when it was said."""
        from_ms = self.suspended_ms.get(frozenset((note.party, party)), 1 << 53)
        return not from_ms - MARGIN_MS <= note.at_ms <= self.resumed_ms + MARGIN_MS

    def why_not(self, note: Note, sender: SimNode, receiver: str) -> str:
        """Return why a note must not be on its way from a node to a party now, or the empty string."""
        reasons = (
            ("it is another's", sender.identity.party != note.party),
            (f"it is of grade {note.level} and for {sorted(note.to)}", not note.may_go_to(receiver)),
            (f"its author withdrew it ({note.act})", bool(note.act)),
            ("its sender halted all releases", sender.name in self.halted),
            ("its sender suspended the agreement", (sender.name, receiver) in self.suspended),
            ("its sender's clock is in doubt", sender.federation.now_ms < self.doubt_until_ms.get(sender.name, 0)),
        )
        found = next((reason for reason, holds in reasons if holds), "")
        return "" if receiver == note.party else found  # what its author lost comes home
