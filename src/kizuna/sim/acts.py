"""What may be done, and what may go wrong, in a simulated partnership: one function for each kind of act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import msgspec

from kizuna.kernel import canonical
from kizuna.kernel.channel.writer import NO_RECEIPT
from kizuna.node import effects as fx
from kizuna.sim import lies, orders
from kizuna.sim.adversary import Byzantine
from kizuna.sim.federation import Hold
from kizuna.sim.keyring import next_identity, revocations
from kizuna.sim.partnership import NoteSaid, sign_instrument, suspend
from kizuna.sim.scenario import AUSTRALIA, INDIA, JAPAN, Act
from kizuna.sim.stage import Stage

HOUR_MS = 3_600_000
LATEST_RESTORE_MS = 30_000
SETTLE_MS = 58_000
"""How long a node whose clock leapt is sure to keep still."""
_EXPECTED_OTHERWISE = frozenset({"_entry_receipting_less_than_the_one_before"})
"""Lies whose refusal rests on what the victim remembers having written."""

Do = Callable[[Stage, Act, Random], None]

# --- work -------------------------------------------------------------------------------------------------------------------------


def say(stage: Stage, act: Act, rng: Random) -> None:
    """An officer says a few notes."""
    for _ in range(rng.choice((1, 1, 2, 5))):
        stage.say(act.node, rng)


def withdraw(stage: Stage, act: Act, rng: Random) -> None:
    """An officer retracts, recalls or destroys something said before."""
    said = stage.model.of(act.node)
    if not said:
        return
    chosen, word = rng.choice(said), rng.choice(("retract", "recall", "destroy"))

    def step() -> None:
        stage.node(act.node).do(fx.Act(chosen.record_id, word, "said in error", "officer:2:security"))
        chosen.act = word

    stage.attempt(step)


def order(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """Officers try what they may do with an order; most of it is refused."""
    if not stage.orders:
        return
    for _ in range(4):
        name, actor, fields = rng.choice(orders.STEPS)
        node = rng.choice((INDIA, JAPAN))
        number = rng.choice(stage.orders)
        stage.attempt(partial(_post, stage, node, name, actor, fields | {"order_no": number}))
        stage.federation.run(rng.choice((20, 400)))


def _post(stage: Stage, node: str, name: str, actor: str, fields: dict[str, object]) -> None:
    stage.order_numbers.setdefault(node, []).append(orders.post(stage.node(node), name, actor, **fields))


def join(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """The third partner joins."""
    stage.join(AUSTRALIA)


def courier(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """A courier carries bundles, and loses, doubles, delays, swaps or spoils them."""
    sender, receiver = rng.choice(((AUSTRALIA, JAPAN), (JAPAN, AUSTRALIA)))
    data = stage.carry(sender, receiver, rng.choice((5_000, 600_000)))
    if data:
        stage.bags.append((sender, receiver, data))
    if not stage.bags:
        return
    _, to, bag = stage.bags[rng.randrange(len(stage.bags))]
    match rng.choice(
        ("kept", "delivered", "delivered", "delivered", "doubled", "lost", "spoilt", "cut short", "misled")
    ):
        case "delivered":
            stage.deliver(to, bag)
        case "doubled":
            stage.deliver(to, bag)
            stage.deliver(to, bag)
        case "lost":
            stage.bags.clear()
        case "spoilt":
            place = rng.randrange(len(bag))
            taken = stage.deliver(to, bag[:place] + bytes((bag[place] ^ 1 << rng.randrange(8),)) + bag[place + 1 :])
            stage.watch.check("I6", f"`{to}` took a bundle that was altered at byte {place}", holds=not taken)
        case "cut short":
            taken = stage.deliver(to, bag[: rng.randrange(len(bag))])
            stage.watch.check("I6", f"`{to}` took a bundle that was cut short", holds=not taken)
        case "misled":
            taken = stage.deliver(INDIA, bag)
            stage.watch.check("I6", f"`{INDIA}` took a bundle for `{to}`", holds=not taken)


# --- faults of machines -----------------------------------------------------------------------------------------------------------


def power(stage: Stage, act: Act, rng: Random) -> None:
    """The power goes at one of the next steps of a disk."""
    disk = stage.node(act.node).disk
    disk.fail_at = disk.steps + rng.randint(1, 30)


def crash(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """A process is killed between two steps."""
    stage.node(act.node).crash()


def relapse(stage: Stage, act: Act, rng: Random) -> None:
    """The power goes, and goes again while the node starts."""
    node = stage.node(act.node)
    node.relapses = rng.randint(1, 4)
    node.crash()


def pause(stage: Stage, act: Act, rng: Random) -> None:
    """A process stands still for a while."""
    stage.node(act.node).paused_until_ms = stage.federation.now_ms + rng.choice((2_000, 15_000, 60_000))


def full(stage: Stage, act: Act, rng: Random) -> None:
    """A disk is full for a while."""
    disk = stage.node(act.node).disk
    disk.capacity = disk.used + rng.choice((0, 1_000, 20_000))

    def free() -> None:
        disk.capacity = None

    stage.federation.after(rng.choice((2_000, 20_000)), free)


def disk_error(stage: Stage, act: Act, rng: Random) -> None:
    """A disk reports an error once."""
    disk = stage.node(act.node).disk
    disk.error_at = disk.steps + rng.randint(1, 30)


def restore(stage: Stage, act: Act, rng: Random) -> None:
    """A node is backed up, and some time later put back to that backup; what was said and which keys were told meanwhile is lost to it."""
    node = stage.node(act.node)
    backup = node.backup()
    stage.known_in_backup[act.node] = frozenset(node.core.world.partners)
    for partner in stage.partners(act.node):  # else there may be nothing to lose
        stage.say(act.node, rng, frozenset((stage.party(partner),)), 1)
    if rng.random() < 0.3:  # noqa: PLR2004 # seldom
        rotate(stage, replace(act, node=rng.choice(stage.partners(act.node))), rng)

    def put_back() -> None:
        stage.watch.restoring = act.node
        node.restore(backup)
        stage.watch.restoring = ""
        stage.put_back(act.node)

    stage.model.restored_ms[act.node] = 1 << 53
    wait_ms = rng.choice((4_000, 10_000, LATEST_RESTORE_MS))
    stage.federation.after(wait_ms, put_back)
    if rng.random() < 0.9:  # noqa: PLR2004 # mostly
        _hold_back(stage, act.node, rng, wait_ms)


def _hold_back(stage: Stage, name: str, rng: Random, until_ms: int) -> None:
    """Let what a node sends in its last moments arrive only when it is up again, after the first that it sends then."""
    holds = stage.federation.weather.holds
    links = {(name, partner): Hold() for partner in stage.partners(name)}

    def begin() -> None:
        holds.update(links)
        speak()

    def speak() -> None:  # else there is nothing to receipt
        for _, partner in links:
            stage.say(partner, rng, frozenset((stage.party(name),)), 1)

    def end() -> None:
        for hold in links.values():
            hold.is_over = True

    at_ms = until_ms * rng.choice((1, 2)) // 4
    stage.federation.after(at_ms, begin)
    stage.federation.after((at_ms + until_ms) // 2, speak)
    stage.federation.after(until_ms, end)


# --- faults of networks and clocks ------------------------------------------------------------------------------------------------


def cut(stage: Stage, act: Act, rng: Random) -> None:
    """A link carries nothing for a while."""
    link = frozenset((act.node, rng.choice(stage.partners(act.node))))
    weather = stage.federation.weather
    weather.cut.add(link)
    stage.federation.after(rng.choice((1_000, 10_000, 40_000)), lambda: weather.cut.discard(link))


def one_way(stage: Stage, act: Act, rng: Random) -> None:
    """A link carries nothing in one direction for a while."""
    link = act.node, rng.choice(stage.partners(act.node))
    weather = stage.federation.weather
    weather.one_way.add(link)
    stage.federation.after(rng.choice((1_000, 10_000, 40_000)), lambda: weather.one_way.discard(link))


def weather(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """The network changes."""
    now = stage.federation.weather
    now.loss, now.twice = rng.choice((0.0, 0.05, 0.3)), rng.choice((0.0, 0.2, 0.5))
    now.delay_ms = 1, rng.choice((40, 400, 4_000))


def skew(stage: Stage, act: Act, rng: Random) -> None:
    """A clock goes a little before or after the others."""
    node = stage.node(act.node)
    if abs(node.skew_ms) < HOUR_MS // 60:  # else it has leapt
        node.skew_ms = rng.randint(-900, 900)


def leap(stage: Stage, act: Act, rng: Random) -> None:
    """A clock leaps ahead by hours or back by a minute, and is put right soon."""
    node, now_ms = stage.node(act.node), stage.federation.now_ms
    node.skew_ms = rng.choice((2 * HOUR_MS, 5 * HOUR_MS, -60_000))
    stood = node.is_paused
    # A process that stood still for as long as its clock went back sees nothing of it.
    if node.skew_ms > 0 or not stood:
        stage.model.doubt_until_ms[act.node] = now_ms + SETTLE_MS

    def put_right() -> None:
        # It passes where it was at once; or it stood still all the while.
        if node.skew_ms < 0 or (stood and node.is_paused):
            stage.model.doubt_until_ms.pop(act.node, None)
        node.skew_ms = 0

    stage.federation.after(rng.choice((5_000, 30_000)), put_right)


# --- changes while traffic flows --------------------------------------------------------------------------------------------------


def rotate(stage: Stage, act: Act, rng: Random) -> None:
    """A node turns to new keys: first on its disk, then in its journal, which may be full when they come and when it starts again."""
    node = stage.node(act.node)
    if node.is_paused or node.identity.public.version != node.core.world.identity.public.version:
        return  # the last ones are not in use yet
    partners = [stage.node(each) for each in stage.partners(act.node)]
    if any(act.node not in each.core.world.partners or each.name not in node.core.world.partners for each in partners):
        return  # a card given before a rotation is given anew after it: docs/operations.md
    if any(act.node not in stage.known_in_backup.get(each.name, (act.node,)) for each in partners):
        return  # who enrols it again after a restore could not verify what it signed before: docs/reliability.md
    node.identity = made = next_identity(node)
    is_full = rng.random() < 0.3  # noqa: PLR2004 # seldom
    if is_full:
        full(stage, act, rng)
        node.disk.capacity = node.disk.used
    stage.attempt(lambda: node.do(fx.Rotate(made, "officer:1:security", "officer:2:administrator")))
    if is_full:
        node.crash()


def revoke(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """A node revokes the keys before its newest ones."""
    node = stage.node(act.node)
    version = node.core.world.identity.public.version - 1
    if version:
        stage.model.revoked.add(act.node)
        said = revocations(node, version)
        stage.attempt(lambda: node.do(fx.Revoke(said, "officer:1:security", "officer:2:administrator")))


def suspend_(stage: Stage, act: Act, rng: Random) -> None:
    """A party suspends an agreement, and lifts that when the storm is over."""
    party = stage.party(rng.choice(stage.partners(act.node)))
    pair = frozenset((stage.party(act.node), party))
    if pair not in stage.agreements:
        return
    stage.model.unsure.add(pair)
    in_doubt_ms = SETTLE_MS if act.node in stage.model.doubt_until_ms else 0  # its time may stand still
    stage.model.suspended_ms.setdefault(pair, stage.federation.now_ms - in_doubt_ms)

    def step() -> None:
        stage.model.suspended[act.node, party] = suspend(stage.node(act.node), stage.agreements[pair])

    stage.attempt(step)


def amend(stage: Stage, act: Act, rng: Random) -> None:
    """Both parties sign a version of their agreement that lets less cross."""
    other = rng.choice(stage.partners(act.node))
    pair = frozenset((stage.party(act.node), stage.party(other)))
    if pair not in stage.agreements:
        return
    old = stage.agreements[pair]
    lower = tuple(msgspec.structs.replace(each, max_classification={"common.v1": 1}) for each in old.provisions)
    made = stage.agreements[pair] = msgspec.structs.replace(old, provisions=lower)
    stage.model.unsure.add(pair)
    stage.model.amended.add(pair)
    for name in (act.node, other):
        stage.insist(partial(sign_instrument, stage.node(name), made))


def halt(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """A security officer halts all releases until the storm is over."""

    def step() -> None:
        stage.node(act.node).do(fx.Halt(on=True, actor="officer:2:security", reason="an exercise"))
        stage.model.halted.add(act.node)

    stage.attempt(step)


# --- a partner that lies ----------------------------------------------------------------------------------------------------------


def _liar(stage: Stage) -> Byzantine:
    assert stage.liar is not None  # noqa: S101 # a scenario without a liar has none of its acts
    return stage.liar


def lie(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """The liar writes a bad entry into its good log."""
    liar, made = _liar(stage), rng.choice(lies.ENTRIES)
    if made.__name__ in _EXPECTED_OTHERWISE:
        return
    index, code = made(liar)

    stage.expected[index] = code


def truth(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """The liar says something true."""
    stage.tell(_liar(stage))


def flood(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """The liar writes much that a new consent might cure."""
    liar = _liar(stage)
    for _ in range(60):
        held = liar.issue(NoteSaid(text="f" * 900, source="y"), node="aus/perth")
        stage.expected[liar.add(held.bytes(liar.names()))] = "no-consent"


def drain(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """The liar is told much, reads on and on and receipts nothing."""
    liar = _liar(stage)
    for _ in range(30):
        stage.say(JAPAN, rng, frozenset((liar.party,)), 1)
    for _ in range(8):
        came: list[bytes] = []
        liar.victim.serve(liar.name, liar.pull(), came.append)
        stage.federation.run(rng.choice((20, 200)))
        for each in came:
            stage.watch.sent(liar.victim.name, liar.name, each)


def ask(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """The liar asks for what it may have, with numbers and receipts that may be none."""
    liar = _liar(stage)
    size, root = liar.out_root()
    odd: dict[str, Any] = rng.choice(
        ({}, {}, {"start": -1}, {"seen": 10**9}, {"epoch": 10**9}, {"max_bytes": -1}, {"start": 5, "seen": 3})
    )
    data = rng.choice((b"", b"noise", canonical.encode({"message": "channel.pull.v1"})))
    came: list[bytes] = []
    if rng.random() < 0.2:  # noqa: PLR2004 # most requests are well-formed
        liar.victim.serve(liar.name, data, came.append)
    else:
        good = liar.receipt(size, root, previous_sha256=NO_RECEIPT)
        receipts = rng.choice(([], [], [good], [good, b"noise"], [good, good]))
        liar.victim.serve(liar.name, liar.pull(*receipts, **odd), came.append)
    for each in came:
        stage.watch.sent(liar.victim.name, liar.name, each)


def answers(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """The liar answers for a while with what fits no request."""
    liar = _liar(stage)
    rng.choice(lies.ANSWERS)(liar)

    def honest() -> None:
        liar.answers = liar.answer

    stage.federation.after(rng.choice((2_000, 20_000)), honest)


def fork(stage: Stage, act: Act, rng: Random) -> None:  # noqa: ARG001 # acts are called alike
    """The liar shows another history than the one that its victim has seen."""
    liar, network = _liar(stage), stage.federation.weather
    liar.answers = liar.answer
    network.loss, network.delay_ms = 0.0, (1, 40)
    network.cut.clear()
    network.one_way.clear()
    network.holds.clear()
    stage.federation.run(40_000)
    if len(liar.codes()) == liar.tree.size:  # else there is nothing yet that it could contradict
        stage.forked = True
        rng.choice(lies.LOGS)(liar)


ACTS: dict[str, Do] = {
    "say": say, "withdraw": withdraw, "courier": courier, "order": order, "join": join, "power": power, "crash": crash, "relapse": relapse,
    "pause": pause, "full": full, "disk-error": disk_error, "restore": restore, "cut": cut, "one-way": one_way, "weather": weather,
    "skew": skew, "leap": leap, "rotate": rotate, "revoke": revoke, "suspend": suspend_, "amend": amend, "halt": halt, "lie": lie,
    "truth": truth, "flood": flood, "drain": drain, "ask": ask, "answers": answers, "fork": fork,
}  # fmt: skip
