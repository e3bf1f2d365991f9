"""What a node tells a Prometheus: how much came, went and was held back, and what wears out.

Most figures are read from the store when they are asked for, so that a restart loses none; what happens between two readings is counted as it is
committed. No label carries content: partners' node names, entry kinds, and codes of the protocol are all there is.
"""

from __future__ import annotations

import collections
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kizuna.kernel.channel.wire import BODY_REFUSALS
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.journal import Db, Store
from kizuna.kernel.release import REFUSALS
from kizuna.node.runner import Committed

LEAST_FREE_BYTES = 1 << 30
LEAST_FREE_PERCENT = 5
LEAST_CERTIFICATE_DAYS = 30
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_KINDS = frozenset({
    "account", "acted", "alert", "checkpoint", "erased", "handed", "instrument", "key-revoked", "keyset", "own-key-revoked", "own-keyset",
    "partner", "partner-removed", "queued", "read",
    "receipt-in", "receipt-out", "received", "record", "released", "reopened", "setting",
})  # fmt: skip
_CODES = frozenset(BODY_REFUSALS) | frozenset(REFUSALS)
PLUG_REASONS = frozenset({"clock", "exercise", "halted", "simulated", "unset", "withdrawn"})
"""Why a plug is given nothing, beside the reasons of release."""


@dataclass(frozen=True)
class Health:
    """What is not in the journal: whether releases are halted, the clock in doubt, why the core stopped, what certificate and disk have left."""

    halted: bool
    clock_in_doubt: bool
    core_stopped: bool
    certificate_ends_ms: int
    disk_free_bytes: int
    disk_total_bytes: int
    now_ms: int

    @property
    def certificate_days(self) -> int:
        """Whole days until the node's TLS certificate ends; negative when it has."""
        return (self.certificate_ends_ms - self.now_ms) // DAY_MS

    @property
    def disk_free_percent(self) -> int:
        """How much of the disk is free."""
        return 100 * self.disk_free_bytes // max(1, self.disk_total_bytes)

    @property
    def warnings(self) -> tuple[tuple[str, str], ...]:
        """What a person must see to, as (code, sentence)."""
        found: list[tuple[str, str]] = []
        if self.core_stopped:
            found.append(("core-stopped", "the core has stopped: look into the log, verify the journal, restart"))
        if self.halted:
            found.append(("halted", "all releases are halted"))
        if self.clock_in_doubt:
            found.append(("clock", "the clock is in doubt, nothing is released: check the time service"))
        if self.certificate_days < LEAST_CERTIFICATE_DAYS:
            sentence = (
                f"the tls certificate ends in {self.certificate_days} days: make a new one and give partners the card"
            )
            found.append(("certificate", sentence))
        if self.disk_free_bytes < LEAST_FREE_BYTES or self.disk_free_percent < LEAST_FREE_PERCENT:
            found.append(("disk", f"the data disk has {self.disk_free_bytes >> 20} MiB left: free space"))
        return tuple(found)


def disk_space(folder: Path) -> tuple[int, int]:
    """Return free and total bytes of the disk that holds a folder."""
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total


def reason_word(reason: str) -> str:
    """Return a reason or refusal code as a label: which clause it was is told to officers, not to monitoring."""
    word = reason.partition(":")[0]
    return word if word == "provision" or word in _CODES else "other"


class _Reading(Collector):
    """Reads the gauges at each scrape."""

    def __init__(self, store: Store, health: Callable[[], Health]) -> None:
        self._store = store
        self._health = health

    def collect(self) -> Iterator[GaugeMetricFamily]:
        health = self._health()
        for name, said, value in (
            ("halted", "1 while all releases are halted", health.halted),
            ("clock_in_doubt", "1 while the clock is in doubt", health.clock_in_doubt),
            ("core_stopped", "1 when the core has stopped by itself", health.core_stopped),
            ("certificate_days", "days until the TLS certificate ends", health.certificate_days),
            ("disk_free_bytes", "free bytes on the data disk", health.disk_free_bytes),
        ):
            yield GaugeMetricFamily(f"kizuna_{name}", said, value=float(value))
        with self._store.view() as db:
            yield from _journal(db)
            yield from _channels(db, health.now_ms)


def _journal(db: Db) -> Iterator[GaugeMetricFamily]:
    rows = db.execute("SELECT MAX(seq) FROM journal_entry")
    yield GaugeMetricFamily("kizuna_journal_entries", "entries in the journal", value=float(rows[0][0] or 0))
    withheld: dict[str, int] = {}
    for reason, count in db.execute("SELECT reason, SUM(count) FROM withheld GROUP BY reason ORDER BY reason"):
        word = reason_word(reason)
        withheld[word] = withheld.get(word, 0) + int(count)
    family = GaugeMetricFamily("kizuna_withheld", "denials when records were made, by reason", labels=["reason"])
    for word, count in sorted(withheld.items()):
        family.add_metric([word], count)
    yield family
    yield from _plugs(db)


def _plugs(db: Db) -> Iterator[GaugeMetricFamily]:
    given = GaugeMetricFamily("kizuna_plug_given", "records that a plug was given, as journalled", labels=["plug"])
    for plug, count in db.execute("SELECT plug, SUM(count) FROM handed WHERE permit = 1 GROUP BY plug ORDER BY plug"):
        given.add_metric([plug], int(count))
    yield given
    kept: dict[tuple[str, str], int] = {}
    for plug, reason, count in db.execute(
        "SELECT plug, reason, SUM(count) FROM handed WHERE permit = 0 GROUP BY plug, reason"
    ):
        word = reason if reason in PLUG_REASONS else reason_word(reason)
        kept[plug, word] = kept.get((plug, word), 0) + int(count)
    family = GaugeMetricFamily(
        "kizuna_plug_withheld", "records that a plug was not given, by reason", labels=["plug", "reason"]
    )
    for key, count in sorted(kept.items()):
        family.add_metric(list(key), count)
    yield family


_OUT = (
    ("released", "entries in the current log towards the partner", 0),
    ("receipted", "of these, entries that the partner has receipted", 1),
    ("due", "items waiting to be released", 2),
    ("stopped_out", "1 where the channel towards the partner is stopped", 3),
    ("lag_seconds", "how long the oldest waiting item has been due", 4),
)
_IN = (
    ("received", "entries held of the partner's current log", 0),
    ("quarantined_bytes", "bytes of refused entries that are kept", 1),
    ("stopped_in", "1 where the partner's channel is stopped", 2),
)


def _channels(db: Db, now_ms: int) -> Iterator[GaugeMetricFamily]:
    outward = db.execute(
        "SELECT c.node, c.size, c.receipted, (SELECT COUNT(*) FROM outbox o WHERE o.channel = c.channel AND o.not_before_ms <= ?),"
        " CASE WHEN c.stopped = '' THEN 0 ELSE 1 END,"
        " (SELECT MIN(o.not_before_ms) FROM outbox o WHERE o.channel = c.channel AND o.not_before_ms <= ?)"
        " FROM channel_out c ORDER BY c.node",
        (now_ms, now_ms),
    )
    aged = [(*row[:5], (now_ms - row[5]) / 1000 if row[5] is not None else 0) for row in outward]
    inward = db.execute(
        "SELECT node, size, quarantined, CASE WHEN stopped = '' THEN 0 ELSE 1 END FROM channel_in ORDER BY node"
    )
    for figures, rows in ((_OUT, aged), (_IN, inward)):
        for name, said, place in figures:
            family = GaugeMetricFamily(f"kizuna_channel_{name}", said, labels=["partner"])
            for row in rows:
                family.add_metric([row[0]], float(row[place + 1]))
            yield family


class Metrics:
    """One node's registry. `count` is an observer of the runner; `text` is what a scrape reads."""

    def __init__(self, store: Store, health: Callable[[], Health]) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(_Reading(store, health))
        self._entries = Counter(
            "kizuna_entries_committed", "entries committed since the start", ["kind"], registry=self.registry
        )
        self._refused = Counter(
            "kizuna_refused", "entries of partners refused since the start", ["code"], registry=self.registry
        )

    def count(self, committed: Committed) -> None:
        """Count what has just been committed."""
        kinds = collections.Counter(entry.kind if entry.kind in _KINDS else "other" for _, entry in committed.entries)
        for kind, count in kinds.items():
            self._entries.labels(kind).inc(count)
        for _, entry in committed.entries:
            if entry.kind == "received" and entry.meta["code"]:
                self._refused.labels(reason_word(entry.meta["code"])).inc()

    def watch(self, collector: Collector) -> None:
        """Tell figures of a job beside the core too."""
        self.registry.register(collector)

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format; reads the store."""
        return generate_latest(self.registry)
