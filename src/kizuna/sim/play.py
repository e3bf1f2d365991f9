"""Playing a scenario: a partnership is set up in calm weather, the acts befall it, the faults stop, and everybody says a last word."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.domains.supply import DOMAIN as SUPPLY
from kizuna.kernel.label import Grade
from kizuna.node import effects as fx
from kizuna.node.channel.world import Limits
from kizuna.node.held import facts
from kizuna.sim import aftermath, lies, orders
from kizuna.sim.acts import ACTS, LATEST_RESTORE_MS
from kizuna.sim.adversary import Byzantine
from kizuna.sim.federation import START_MS
from kizuna.sim.model import InvariantError
from kizuna.sim.partnership import NOTES, resume, sign_instrument
from kizuna.sim.scenario import AUSTRALIA, FAULTS, FRANCE, INDIA, JAPAN, Act, Scenario
from kizuna.sim.stage import Stage

SETTLED_MS = 10_000
CALM_MS = 110_000
"""How long after the last fault a clock may be in doubt, and a partner wait before it asks again."""
LAST_MS = 60_000
LOG_LIES = 4
"""So many logs that are none a liar shows once the storm is over."""
FOUND_MS = 60_000
"""How soon each of them is found."""
LIMITS = Limits(pull_entries=8, window_entries=16, quarantine_bytes=48 << 10)
"""Small budgets, so that each is reached."""


@dataclass(frozen=True)
class Outcome:
    """What came of a scenario: `violation` is empty where every promise held; `digest` is the same whenever it is played again."""

    scenario: Scenario
    digest: str
    simulated_ms: int
    faults: Counter[str]
    checks: Counter[str]
    violation: str


def play(scenario: Scenario) -> Outcome:
    """Play a scenario to its end, or to the first broken promise."""
    stage, violation = Stage(scenario), ""
    try:
        set_up(stage)
        began_ms = stage.federation.now_ms
        for act in scenario.acts:
            stage.federation.run(max(0, began_ms + act.at_ms - stage.federation.now_ms))
            befall(stage, act)
        stage.federation.run(max(0, began_ms + scenario.storm_ms - stage.federation.now_ms))
        calm(stage)
        aftermath.check(stage)
    except InvariantError as error:
        violation = str(error)
    except Exception as error:  # noqa: BLE001 # whatever a node dies of is a finding
        last = traceback.extract_tb(error.__traceback__)[-1]
        violation = f"crash: {type(error).__name__}: {error} in {last.name} ({Path(last.filename).name}:{last.lineno})"
    federation = stage.federation
    trace = federation.trace.copy()
    for name, node in stage.nodes.items():
        trace.update(f"{name} {node.disk.steps} {node.crashes} {len(node.acknowledged)}".encode())
    federation.close()
    stage.faults.update(federation.weathered)
    simulated_ms = federation.now_ms - START_MS
    return Outcome(scenario, trace.hexdigest(), simulated_ms, stage.faults, stage.watch.checks, violation)


def befall(stage: Stage, act: Act) -> None:
    """Let one act happen, by its own dice."""
    if act.kind in FAULTS:
        stage.faults[act.kind] += 1
    ACTS[act.kind](stage, act, Random(f"{stage.scenario.seed}/act/{act.number}"))  # noqa: S311 # a simulation repeats itself


def set_up(stage: Stage) -> None:
    """Bring the partnership about, in calm weather."""
    made = stage.scenario
    domains = (CASE, INSTRUMENTS, SUPPLY, NOTES) if made.orders else (INSTRUMENTS, NOTES)
    for name in made.nodes:
        stage.nodes[name] = stage.federation.add(name, domains, LIMITS, Grade(f"{stage.party(name)}.example.v1", 0))
    for name in made.nodes:
        if name != JAPAN and not (name == AUSTRALIA and made.joins_late):
            stage.join(name)
    if made.orders:
        orders.sign_agreement(stage.node(INDIA), stage.node(JAPAN))
    if made.liar:
        let_in_a_liar(stage)
    for _ in range(2):
        stage.exchange()
    stage.federation.run(SETTLED_MS)
    late = frozenset((stage.party(AUSTRALIA), stage.party(JAPAN)))
    stage.model.unsure = {late} if made.joins_late else set()
    if made.orders:
        open_orders(stage)
    weather = stage.federation.weather
    weather.loss, weather.twice, weather.delay_ms = made.loss, made.twice, made.delay_ms


def let_in_a_liar(stage: Stage) -> None:
    """Enrol the liar at Japan's node, in good faith."""
    japan = stage.node(JAPAN)
    stage.liar = Byzantine(stage.federation, FRANCE, japan, ("text",))
    japan.do(fx.Enrol(stage.liar.card(), "officer:1:liaison"))
    sign_instrument(japan, stage.liar.made)
    stage.liar.sign()


def open_orders(stage: Stage) -> None:
    """Let India and Japan order of each other."""
    india, japan = stage.node(INDIA), stage.node(JAPAN)
    for node, partner in ((india, "jpn"), (japan, "ind")):
        orders.grant(node, partner)
    stage.federation.run(SETTLED_MS)
    stage.orders = orders.open_two(india, japan, stage.rng)
    stage.federation.run(SETTLED_MS)
    for node, name, actor, fields in orders.to_acceptance(
        japan, india
    ):  # one of them goes as far as its first posting in peace
        orders.operate(node, name, actor, order_no=stage.orders[0], **fields)
        stage.federation.run(SETTLED_MS // 4)


def _mend(stage: Stage) -> None:
    """Put every clock, process and disk right."""
    for node in stage.nodes.values():
        if node.is_paused or node.skew_ms < 0:  # it never saw where its clock was, or passes there at once
            stage.model.doubt_until_ms.pop(node.name, None)
        node.skew_ms = node.paused_until_ms = node.relapses = 0
        node.disk.fail_at = node.disk.error_at = node.disk.capacity = None


def _lift_suspensions(stage: Stage) -> None:
    """Lift what was suspended, also what a node was never told that it had: it crashed meanwhile, and the word stood, or came home from a partner."""
    by_id = {made.id: made for made in stage.agreements.values()}
    told = stage.model.suspended
    lifted = set(told.values())
    for (name, party), suspended in sorted(told.items()):
        del told[name, party]
        resume(stage.node(name), stage.agreements[frozenset((stage.party(name), party))], suspended)
    for node in stage.nodes.values():
        for (suspended,) in node.store.query(
            "SELECT id FROM record WHERE own = 1 AND type = 'instruments.suspended.v1'"
        ):
            held = facts.load_record(node.store, suspended)
            if suspended not in lifted and held is not None:
                resume(node, by_id[held.text("payload/instrument")], suspended)


def calm(stage: Stage) -> None:
    """Let every fault end, and everybody say a last word."""
    weather, model = stage.federation.weather, stage.model
    if model.restored_ms:
        stage.federation.run(LATEST_RESTORE_MS)
    weather.loss = weather.twice = 0.0
    weather.delay_ms = (1, 40)
    weather.cut.clear()
    weather.one_way.clear()
    weather.holds.clear()
    _mend(stage)
    model.halted.clear()
    for node in stage.nodes.values():
        if node.core.world.halted:  # in memory at once, also where a full disk could not take it
            node.do(fx.Halt(on=False, actor="officer:2:security", reason="over"))
    _lift_suspensions(stage)
    model.resumed_ms = stage.federation.now_ms
    liar = stage.liar
    if liar is not None and not stage.forked:
        liar.answers, liar.answers_blobs = liar.answer, liar.answer_blobs
    stage.settle(CALM_MS)
    try_logs(stage)
    for name in stage.nodes:
        for partner in stage.partners(name):
            stage.say(name, stage.rng, frozenset((stage.party(partner),)), 1)
    if liar is not None and not stage.forked:
        stage.tell(liar)
    stage.settle(LAST_MS)


def try_logs(stage: Stage) -> None:
    """Let the liar show some logs that are none: each is found and proved, a person looks into it and reopens the channel, and it is read on."""
    liar = stage.liar
    if liar is None or stage.forked:
        return
    rng, victim = Random(f"{stage.scenario.seed}/logs"), liar.victim  # noqa: S311 # a simulation repeats itself
    proved = "SELECT COUNT(*) FROM alert a JOIN journal_body b ON b.seq = a.seq WHERE a.kind = 'fork' AND a.channel = ?"
    for lie in rng.sample(lies.LOGS, LOG_LIES):
        liar.keep()
        ((before,),) = victim.store.query(proved, (liar.channel,))
        lie(liar)
        for _ in range(FOUND_MS // 500):
            stage.federation.run(500)
            if liar.stopped()[0]:
                break
        found = liar.stopped()[0] == "fork" and victim.store.query(proved, (liar.channel,)) == [(before + 1,)]
        sentence = f"`{victim.name}` has not seen that `{liar.name}` lies: {lie.__name__}"
        stage.watch.check("I7", sentence, holds=found)
        liar.mend()
        victim.do(fx.Reopen(liar.channel, "officer:2:security", "looked into"))
