"""What a version of an agreement would let go of what this node holds, before anybody signs it: the journal decided twice, as now and as then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from kizuna.errors import RefusedError
from kizuna.kernel.instrument import Agreement
from kizuna.kernel.intervals import ALWAYS
from kizuna.kernel.journal import Store
from kizuna.kernel.release import Index
from kizuna.node.channel.releasing import Releaser
from kizuna.node.channel.world import World
from kizuna.node.held.facts import load_record

AT_ONCE = 250
MOST_LISTED = 40


@dataclass(frozen=True)
class Change:
    """A record of ours whose release would change: to whom, by which clause, and whether it would newly go or newly stay."""

    record: str
    type: str
    at_ms: int
    party: str
    goes: bool
    provision: str
    fields: int


@dataclass
class Forecast:
    """What a part of the journal came to: how many records were decided, up to where, and what would change.

    `counts` has type, party, clause and whether it would go; `total` is how many records of ours are of the types in question.
    """

    looked: int = 0
    next_seq: int = 0
    total: int = 0
    done: bool = True
    counts: Counter[tuple[str, str, str, bool]] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)


def candidates(held: Sequence[Agreement]) -> tuple[Agreement, ...]:
    """Return those of some versions that do not count now: what somebody may be about to sign."""
    counting = {each.instrument.id: each.version for each in held if not each.note and each.in_force}
    return tuple(each for each in held if counting.get(each.instrument.id) != each.version)


def forecast(world: World, store: Store, version: str, after_seq: int, now_ms: int) -> Forecast:
    """Return what would change for the next `AT_ONCE` of our records in a store, if a held version counted in its family's place, and always had.

    What it lets go of that is older than its entry into force would still need a backfill by two persons.

    Raises:
        RefusedError: no such version is held.
    """
    chosen = next((each for each in world.agreements if each.version == version), None)
    if chosen is None:
        raise RefusedError(f"no version `{version[:16]}` is held: load it first")
    then = Agreement(chosen.instrument, chosen.version, ALWAYS, scopes=chosen.scopes)
    others = tuple(each for each in world.agreements if each.instrument.id != chosen.instrument.id)
    releaser = Releaser(Index.build(world.identity.party, (*others, then), 0), world.domains, world.ledger)
    parties = sorted({partner.party for partner in world.partners.values()} & set(chosen.instrument.parties))
    types = sorted(
        {
            name
            for party in parties
            for index in (releaser.index, world.releaser.index)
            for name in index.types_towards(party)
        }
    )
    found = Forecast()
    if not types:
        return found
    marks = ",".join("?" * len(types))
    ((found.total,),) = store.query(f"SELECT COUNT(*) FROM record WHERE own = 1 AND type IN ({marks})", types)
    rows = store.query(
        f"SELECT id, seq FROM record WHERE own = 1 AND type IN ({marks}) AND seq > ? ORDER BY seq LIMIT ?",
        (*types, after_seq, AT_ONCE),
    )
    for record_id, seq in rows:
        found.looked += 1
        found.next_seq = int(seq)
        for party in parties:
            _compare(world, store, releaser, str(record_id), party, now_ms, found)
    found.done = len(rows) < AT_ONCE
    return found


def _compare(
    world: World, store: Store, releaser: Releaser, record_id: str, party: str, now_ms: int, found: Forecast
) -> None:
    held = load_record(store, record_id)
    if held is None:
        return
    before = world.releaser.rule(held, party, now_ms)
    after = releaser.rule(held, party, now_ms)
    goes = after.permit and (not before.permit or bool(after.names - before.names))
    stays = before.permit and (not after.permit or bool(before.names - after.names))
    for change, now, other in ((goes, after, before), (stays, before, after)):
        if change:
            clause = after.decision.provision or before.decision.provision
            found.counts[held.clear.type, party, clause, now is after] += 1
            if len(found.changes) < MOST_LISTED:
                fields = len(now.names - other.names) if other.permit else len(now.names)
                found.changes.append(
                    Change(record_id, held.clear.type, held.at_ms or 0, party, now is after, clause, fields)
                )
