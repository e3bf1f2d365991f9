"""The stage of a simulated partnership: its nodes, what is known of them, and what acts do on it.

`kizuna.sim.play` plays a scenario on it from beginning to end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random

from kizuna.errors import KizunaError
from kizuna.kernel.instrument import Instrument
from kizuna.node import effects as fx
from kizuna.sim.adversary import Byzantine
from kizuna.sim.disk import PowerLossError
from kizuna.sim.federation import Federation, SimNode
from kizuna.sim.invariants import Watch
from kizuna.sim.model import Model, Note
from kizuna.sim.partnership import arrangement, note, sign_instrument
from kizuna.sim.scenario import AUSTRALIA, FRANCE, JAPAN, Scenario


class Stage:
    """The state of one play."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.rng = Random(f"{scenario.seed}/play")  # noqa: S311 # a simulation repeats itself
        self.federation = Federation(scenario.seed)
        self.federation.keep_wire = False
        self.model = Model()
        self.watch = Watch(self.federation, self.model)
        self.federation.observer = self.watch
        self.faults: Counter[str] = Counter()
        self.nodes: dict[str, SimNode] = {}
        self.agreements: dict[frozenset[str], Instrument] = {}
        self.liar: Byzantine | None = None
        self.expected: dict[int, str] = {}
        """What the liar's entries must be refused by, by index."""
        self.good: dict[int, str] = {}
        """What the liar said truly, by index."""
        self.forked = False
        self.bags: list[tuple[str, str, bytes]] = []
        """Bundles under way: from, to, bytes."""
        self.known_in_backup: dict[str, frozenset[str]] = {}
        """Which partners a node knew when the backup was made to which it is put back."""
        self.orders: tuple[str, ...] = ()
        self.order_numbers: dict[str, list[int]] = {}
        self._said = 0

    # --- what acts use --------------------------------------------------------------------------------------------------------------

    def node(self, name: str) -> SimNode:
        """Return an honest node."""
        return self.nodes[name]

    def party(self, name: str) -> str:
        """Return the party of a node."""
        return name.partition("/")[0]

    def partners(self, name: str) -> tuple[str, ...]:
        """Return the honest partners of an honest node."""
        others = tuple(each for each in self.nodes if each != JAPAN)
        return others if name == JAPAN else (JAPAN,)

    def attempt(self, step: Callable[[], None]) -> bool:
        """Do something at a node that may be refused, or die of it; return whether it was done."""
        try:
            step()
        except (KizunaError, PowerLossError):
            return False
        return True

    def insist(self, step: Callable[[], None]) -> None:
        """Do something now, or as soon as the node lets it be done."""
        if not self.attempt(step):
            self.federation.after(1_000, lambda: self.insist(step))

    def say(self, name: str, rng: Random, to: frozenset[str] | None = None, level: int | None = None) -> Note:
        """Let an officer say a note to some, of some grade."""
        self._said += 1
        node = self.node(name)
        others = sorted({self.party(each) for each in (*self.nodes, FRANCE)} - {self.party(name)})
        chosen = frozenset(each for each in others if rng.random() < 0.7) if to is None else to  # noqa: PLR2004 # most
        grade = rng.choice((0, 1, 1, 2, 2, 3)) if level is None else level
        said = Note(f"note-{self._said:05}", name, chosen, grade, self.federation.now_ms)
        self.model.said(said)
        draft = note(said.text, self.party(name), *sorted(chosen), level=said.level, source=f"canary-{self._said:05}")
        steady = abs(node.skew_ms) < 1_000 and self.federation.now_ms > self.model.doubt_until_ms.get(name, 0)  # noqa: PLR2004 # within the guard

        def step() -> None:
            (done,) = node.do(fx.Say((draft,)))
            due = {channel.rpartition("/to/")[2].partition("/")[0] for channel in done.due}
            self.model.acknowledged(said, done.record_id, due)
            held = dict(done.held)
            for each in (self.party(partner) for partner in self.partners(name)):
                pair = frozenset((self.party(name), each))
                if pair in self.model.unsure or not steady:
                    continue
                wanted = said.may_go_to(each, self.model.highest(self.party(name), each))
                sentence = f"`{name}` judges `{said.text}` for `{each}` otherwise: {held.get(each, 'released')}"
                self.watch.check("I4", sentence, holds=(each in due) == wanted)
                self.watch.check(
                    "I3",
                    f"`{name}` withholds `{said.text}` and says no reason",
                    holds=each in due or bool(held.get(each)),
                )

        self.attempt(step)
        return said

    def carry(self, sender: str, receiver: str, for_ms: int) -> bytes:
        """Return a bundle, or no bytes where it could not be made."""
        node, data = self.node(sender), b""
        try:
            data = node.do(fx.ExportBundle(receiver, node.now_ms + for_ms, "officer:3:liaison"))
        except (KizunaError, PowerLossError):
            return b""
        self.watch.carried(node, self.node(receiver), data)
        return bytes(data)

    def deliver(self, receiver: str, data: bytes) -> bool:
        """Import a bundle; return whether it was taken in."""
        return self.attempt(lambda: self.node(receiver).do(fx.ImportBundle(data, "officer:3:liaison")))

    def put_back(self, name: str) -> None:
        """Forget what a restored node lost with its journal, and let its officers load again what no partner can give back."""
        node = self.node(name)
        self.known_in_backup.pop(name, None)
        self.model.owed[name] = [said for said in self.model.of(name) if self._held_by_a_partner(said)]
        standing = dict(node.store.query("SELECT id, standing FROM record WHERE own = 1"))
        for said in self.model.by_id.values():
            if said.node == name and standing.get(said.record_id, "") == "":
                said.act = ""
        if not node.core.world.halted:
            self.model.halted.discard(name)
        for key, suspended in list(self.model.suspended.items()):
            if key[0] == name and suspended not in standing:
                del self.model.suspended[key]
        for partner in self.partners(name):
            pair = frozenset((self.party(name), self.party(partner)))
            if pair not in self.agreements:
                continue
            if partner not in node.core.world.partners:
                self._enrol_again(node, self.node(partner))
            elif pair in self.model.amended:
                self.insist(partial(sign_instrument, node, self.agreements[pair]))

    def _held_by_a_partner(self, said: Note) -> bool:
        taken = "SELECT 1 FROM leaf_in WHERE record_id = ? AND code = ''"
        return any(self.node(each).store.query(taken, (said.record_id,)) for each in self.partners(said.node))

    def tell(self, liar: Byzantine) -> None:
        """Let the liar say something true."""
        self._said += 1
        text = f"truth-{self._said:05}"
        self.good[liar.say(text)] = text

    def settle(self, for_ms: int) -> None:
        """Let time pass, and bundles go to and fro."""
        for _ in range(4):
            self.federation.run(for_ms // 4)
            self.exchange()
            self.exchange()

    def join(self, name: str) -> None:
        """Enrol a node and Japan's at each other, and let both sign."""
        pair = frozenset((self.party(name), self.party(JAPAN)))
        self.agreements[pair] = arrangement(min(pair), max(pair))
        self.model.unsure.add(pair)
        self._enrol(self.node(name), self.node(JAPAN))
        self._enrol(self.node(JAPAN), self.node(name))

    def _enrol(self, node: SimNode, partner: SimNode) -> None:
        """Let a node's officers enrol a partner by its card as it is then, and sign the agreement with it."""
        pair = frozenset((node.identity.party, partner.identity.party))
        self._give_card(node, partner)
        self.insist(lambda: sign_instrument(node, self.agreements[pair]))

    def _enrol_again(self, node: SimNode, partner: SimNode) -> None:
        """Let a node that was restored to before an enrolment enrol its partner again."""
        self._enrol(node, partner)
        if not self._by_wire(node.name, partner.name):  # no bundle tells of newer keys than the card that opens it
            self._give_card(partner, node)

    def _by_wire(self, one: str, other: str) -> bool:
        return not (AUSTRALIA in {one, other} and self.scenario.third == "bundle")

    def _give_card(self, node: SimNode, partner: SimNode) -> None:
        by_wire = self._by_wire(node.name, partner.name)
        self.insist(lambda: node.do(fx.Enrol(partner.card(reachable=by_wire), "officer:1:liaison")))

    def exchange(self) -> None:
        """Carry bundles both ways between those whom no wire joins."""
        if self.scenario.third != "bundle":
            return
        for sender, receiver in ((AUSTRALIA, JAPAN), (JAPAN, AUSTRALIA)):
            data = self.carry(sender, receiver, 600_000)
            if data:
                self.deliver(receiver, data)
