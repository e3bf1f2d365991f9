"""What can be done to a node from the command line, whichever way it is reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from kizuna.kernel import sign
from kizuna.kernel.instrument import Instrument
from kizuna.kernel.operation import Asked
from kizuna.node import effects as fx

Degrees = tuple[float, float, float, float]
"""South, west, north and east."""
TOKEN, SECOND_TOKEN = "KIZUNA_TOKEN", "KIZUNA_SECOND_TOKEN"
"""Where the tokens of whoever acts, and of the second person, are given."""
SECOND_OFFICER = "kizuna-second-officer"
"""The header in which the second person's token travels."""
WAIT_S = 300.0
"""How long a command waits for the node."""


@dataclass(frozen=True)
class Notice:
    """What an officer says about records that are out: the interface's path and body for it, and the command that it becomes.

    `make` takes the actor, and the second one where it takes `two` persons.
    """

    path: str
    asked: dict[str, Any]
    make: Callable[[str, str], fx.Command]
    two: bool = False


class Reach(Protocol):
    """What can be done to a node."""

    def introduce(self, card: bytes, fingerprint: str) -> str:
        """Pin the card of a party that no channel runs to, whose fingerprint was read out; return its node."""
        ...

    def notice(self, said: Notice) -> str:
        """Sign a notice; return its id."""
        ...

    def enrol(self, card: bytes, fingerprint: str) -> str:
        """Pin a partner whose fingerprint was compared; return its node name."""
        ...

    def remove(self, node: str) -> None:
        """Close both channels with a partner."""
        ...

    def load(self, made: Instrument) -> str:
        """Keep an instrument version; return its hash."""
        ...

    def signed(self, held: Instrument, envelope: sign.Envelope) -> str:
        """Say that our party signs this version; return the record's id."""
        ...

    def status(self, held: Instrument, act: str, reason: str, lifts: str = "") -> str:
        """Suspend, resume or terminate an instrument; return the record's id."""
        ...

    def open_scope(self, held: Instrument, name: str, from_ms: int, to_ms: int) -> str:
        """Open a scope for our party; return the record's id."""
        ...

    def close_scope(self, held: Instrument, closes: str) -> str:
        """Close a scope that our party opened, before its time; return the record's id."""
        ...

    def operate(self, domain: str, operation: str, asked: Asked) -> dict[str, Any]:
        """Do what a domain offers; return what was said, by `said`, and what else is told, by `told`."""
        ...

    def halt(self, *, on: bool, reason: str) -> bool:
        """Stop all releases or go on; return whether they are halted."""
        ...

    def backfill(self, node: str, from_ms: int, to_ms: int, *, queue: bool) -> list[str]:
        """Return the records of a period that would go, or that are now queued."""
        ...

    def act(self, record_id: str, act: str, reason: str) -> list[str]:
        """Retract, recall or destroy an own record; return the channels that are told."""
        ...

    def export(self, node: str, not_after_ms: int) -> bytes:
        """Release what is due to a partner into a bundle and return it."""
        ...

    def take_in(self, data: bytes) -> dict[str, Any]:
        """Take in a partner's bundle; return what it brought."""
        ...

    def reopen(self, channel: str, reason: str) -> None:
        """Let a stopped channel go on."""
        ...

    def rotate(self, signed: bytes) -> int:
        """Turn to keys that the root has signed; return their version."""
        ...

    def revoke(self, signed: bytes) -> int:
        """Revoke former keys by the root's word; return their version."""
        ...

    def picture(self, box: Degrees, limit: int) -> dict[str, Any]:
        """Return the vessels of the picture in a box, with how many there are, and the state of every feed."""
        ...
