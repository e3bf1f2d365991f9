"""The job that judges the officers' rules: what they find in events, static data and positions becomes an alert, once.

It looks every so often at what is held, as the search for events does, and says what is new. Alerts stay at home: they are released to nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import msgspec

from kizuna.domains.maritime import queries as seen
from kizuna.domains.maritime.events.area import WatchArea, box
from kizuna.domains.maritime.operations import Statement
from kizuna.domains.maritime.watchlog import judging, queries
from kizuna.domains.maritime.watchlog.judging import Finding, Raised
from kizuna.domains.maritime.watchlog.kinds import OF_EVENTS
from kizuna.domains.maritime.watchlog.operations import raise_alert
from kizuna.domains.maritime.watchlog.queries import InterestRow, RuleRow
from kizuna.domains.maritime.watchlog.rules import own_area
from kizuna.kernel.journal import Db, Store
from kizuna.kernel.label import Label
from kizuna.kernel.ports import Clock
from kizuna.node.effects import Said, Say
from kizuna.node.maritime.archives import ArchiveKey, Archives
from kizuna.node.maritime.feeding import Doer, drafts
from kizuna.node.maritime.repeating import Repeating

FIRST_S = 2.0
EVERY_S = 5.0
EVENTS_BACK_MS = 7 * 86_400_000
"""Events are looked at for a week: one may be told by a partner long after it began."""
SIGHTS_BACK_MS = 1_800_000
"""Positions are looked at for half an hour: what was seen before that is no alarm any more."""
AT_ONCE = 200
"""So many alerts are said at once; the rest the next time."""
REPLY_S = 60.0
ACTOR = "system:alerts"
_SEEN = ("speed", "vessel-of-interest")


def rule_areas(store: Store, party: str) -> tuple[WatchArea, ...]:
    """Return the boxes of a party's rules on areas, as the search for events looks at them."""
    with store.view() as db:
        found = queries.rules_of(db, party)
    return tuple(
        box(own_area(rule.rule, rule.version), south=south, west=west, north=north, east=east)
        for rule in found
        if rule.kind == "area"
        and (south := rule.south_600000) is not None
        and (west := rule.west_600000) is not None
        and (north := rule.north_600000) is not None
        and (east := rule.east_600000) is not None
    )


def named_areas(store: Store, party: str) -> frozenset[str]:
    """Return the areas that a party's rules in force name."""
    with store.view() as db:
        return frozenset(rule.area for rule in queries.rules_of(db, party) if rule.kind == "area" and rule.area)


def raised_since(db: Db, party: str, since_ms: int) -> list[Raised]:
    """Return the alerts of a party whose findings began at an instant or later."""
    rows = db.execute(
        "SELECT alert, rule, mmsi, other_mmsi, from_ms, to_ms, source_kind FROM maritime_alert WHERE party = ? AND from_ms >= ?"
        " ORDER BY from_ms, record_id",
        (party, since_ms),
    )
    return [Raised(*row) for row in rows]


class Alerting(Repeating):
    """Judges the rules every so often; `once` judges now.

    Args:
        runner: says the records.
        store: where rules, events and static data are known from.
        archives: the positions, our own and partners'.
        party: our party, whose rules these are.
        label: how alerts are labelled, but that they are released to nobody.
        clock: the node's clock.
    """

    def __init__(
        self, runner: Doer, store: Store, archives: Archives, party: str, label: Label, *, clock: Clock
    ) -> None:
        super().__init__("alerts", first_s=FIRST_S, every_s=EVERY_S)
        self._runner = runner
        self._store = store
        self._archives = archives
        self._party = party
        self._label = msgspec.structs.replace(label, releasable_to=frozenset())
        self._clock = clock
        self._once = threading.Lock()

    def once(self) -> list[Said]:
        """Judge now, say what is new, and return the records.

        Raises:
            KizunaError: the records were refused, or an archive is damaged.
        """
        with self._once:
            statements = self._due(self._clock.now_ms())
            if not statements:
                return []
            said: list[Said] = list(self._runner.do(Say(drafts(statements, self._label, ACTOR))).result(REPLY_S))
            return said

    def _due(self, now_ms: int) -> list[Statement]:
        since_ms = now_ms - EVENTS_BACK_MS
        with self._store.view() as db:
            rules = queries.rules_of(db, self._party)
            if not rules:
                return []
            interests = queries.standing_interests(db, now_ms)
            kinds = {rule.kind for rule in rules}
            events = seen.events(db, since_ms=since_ms, limit=100_000) if kinds & OF_EVENTS else []
            changes_ms = now_ms - judging.LOOK_BACK_MS
            identities = queries.identities_since(db, changes_ms) if "identity" in kinds else []
            told = raised_since(db, self._party, since_ms)
        found: list[Finding] = []
        for rule in rules:
            found += judging.of_events(rule, events, now_ms)
            if rule.kind == "identity":
                changes = judging.of_identities(rule, identities)
                found += (each for each in changes if each.from_ms >= changes_ms)
        found += self._seen([rule for rule in rules if rule.kind in _SEEN], interests, now_ms)
        return [_stated(finding) for finding in judging.news(found, told)[:AT_ONCE]]

    def _seen(self, rules: list[RuleRow], interests: list[InterestRow], now_ms: int) -> Iterator[Finding]:
        """Yield what rules make of the last half hour of each source that is live or simulated, ours or a partner's."""
        for key in self._archives.keys() if rules else ():
            if key.source_kind not in ("live", "simulated"):
                continue
            table = self._archives.read(key, now_ms - SIGHTS_BACK_MS, now_ms + 1)
            for rule in rules if table.num_rows else ():
                claimed = frozenset(each.mmsi for each in interests if each.mmsi is not None)
                for sight in judging.last_sights(table, rule, claimed if rule.kind == "vessel-of-interest" else None):
                    held = self._batches(key, (sight.fast_from_ms, sight.time_ms))
                    yield from judging.of_sights(rule, [sight], interests, held, key.source_kind)

    def _batches(self, key: ArchiveKey, times_ms: tuple[int, ...]) -> tuple[str, ...]:
        """Return the batches of a source that hold these instants."""
        with self._store.view() as db:
            held = [each for at_ms in times_ms for each in queries.batches_holding(db, key.party, key.source, at_ms)]
        return tuple(dict.fromkeys(held))


def _stated(finding: Finding) -> Statement:
    """Return an alert as this node's jobs say it."""
    said = raise_alert(finding)
    return Statement(said.type, said.body, subject=said.subject)
