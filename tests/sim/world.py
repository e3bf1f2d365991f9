"""A small partnership for simulated federations: the simulator's notes, and an agreement between a pair of nodes."""

from __future__ import annotations

from kizuna.kernel.instrument import Instrument
from kizuna.node.channel.world import Limits
from kizuna.sim.federation import Federation, SimNode
from kizuna.sim.partnership import (
    DOMAINS,
    INSTRUMENTS,
    NOTES,
    POLICY,
    NoteSaid,
    SecretSaid,
    arrangement,
    note,
    notes,
    provision,
    sides,
    sign_instrument,
    suspend,
)

__all__ = [
    "DOMAINS", "INSTRUMENTS", "NOTES", "POLICY", "NoteSaid", "SecretSaid", "arrangement", "note", "notes", "pair", "provision", "sides",
    "sign_instrument", "suspend",
]  # fmt: skip


def pair(
    seed: int | str, *, limits: Limits | None = None, **kwargs: object
) -> tuple[Federation, SimNode, SimNode, Instrument]:
    federation = Federation(seed, **kwargs)  # type: ignore[arg-type] # passed through
    one = federation.add("ind/delhi", DOMAINS, limits)
    other = federation.add("jpn/yokosuka", DOMAINS, limits)
    federation.introduce(one, other)
    made = arrangement("ind", "jpn")
    sign_instrument(one, made)
    sign_instrument(other, made)
    federation.run(10_000)
    return federation, one, other, made
