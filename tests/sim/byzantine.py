"""A federation with a lying partner in it, and what must hold however it lies."""

from __future__ import annotations

from typing import Any

from kizuna.kernel.channel import wire
from kizuna.node import effects as fx
from kizuna.sim.adversary import SHOWN, Byzantine
from kizuna.sim.federation import Federation, SimNode
from kizuna.sim.lies import Picture
from tests.sim.world import DOMAINS, arrangement, notes, sign_instrument
from tests.sim.world import note as note_draft

__all__ = ["PICTURES", "SHOWN", "Byzantine", "Picture", "pulled", "stands", "trap"]


PICTURES = ("text", "picture", "source")
"""What the agreement discloses where notes may show pictures."""


def pulled(evil: Byzantine) -> tuple[int, str]:
    """Have the victim write something for the partner, and return its log's size and root."""
    evil.victim.do(fx.Say((note_draft(f"for delhi {evil.federation.now_ms}", "jpn", "ind"),)))
    came = evil.ask()
    assert came is not None
    assert isinstance(came[0], wire.Answer)
    return evil.out_root()


def trap(
    seed: int | str, discloses: tuple[str, ...] = ("text",), **kwargs: Any
) -> tuple[Federation, SimNode, SimNode, Byzantine]:
    """Return a federation of a victim, an honest partner of its, and a Byzantine one, with agreements in force with both."""
    federation = Federation(seed)
    victim = federation.add("jpn/yokosuka", DOMAINS, **kwargs)
    honest = federation.add("aus/perth", DOMAINS)
    federation.introduce(victim, honest)
    common = arrangement("aus", "jpn")
    for node in (victim, honest):
        sign_instrument(node, common)
    evil = Byzantine(federation, "ind/delhi", victim, discloses)
    victim.do(fx.Enrol(evil.card(), "officer:1:liaison"))
    sign_instrument(victim, evil.made)
    evil.sign()
    federation.run(30_000)
    return federation, victim, honest, evil


def stands(federation: Federation, victim: SimNode, honest: SimNode, evil: Byzantine, *, stopped: bool = False) -> None:
    """Check that the victim lives, serves its honest partner, goes on reading the other unless stopped, and accuses nobody falsely."""
    before, crashes = evil.codes(), (victim.crashes, honest.crashes)
    text = f"from perth {federation.now_ms}"
    honest.do(fx.Say((note_draft(text, "aus", "jpn"),)))
    good = None if stopped else evil.say(f"honest again {federation.now_ms}", receipted=evil.out_root()[0])
    federation.run(120_000)
    assert text in notes(victim)
    if good is not None:
        assert evil.codes()[good] == "", evil.codes()
    assert {index: code for index, code in evil.codes().items() if index in before} == before
    assert (victim.crashes, honest.crashes) == crashes
    assert honest.alerts == []
    assert victim.store.verify().findings == ()
    assert victim.store.query("SELECT stopped FROM channel_in WHERE node = ?", (honest.name,)) == [("",)]
