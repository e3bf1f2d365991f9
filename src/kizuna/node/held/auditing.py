"""What a security officer asks of the journal, as rows: who read, who changed what lets records go or an account, and what was refused.

The rows are filled from the journal like all tables. Records said and released by the thousand are not among them: those are counted and listed from
the channels' own tables.
"""

from __future__ import annotations

from typing import Any

from kizuna.kernel.channel import wire
from kizuna.kernel.journal import Db, Entry
from kizuna.node.held.noting import NOTICE_TYPES
from kizuna.node.held.parsed import parse

ACCOUNT = "account"
READ = "read"
MOST_READ = 200
"""So many records one entry of reads names at most."""
SCHEMA = (
    """CREATE TABLE audit (
        seq BIGINT NOT NULL, nth BIGINT NOT NULL, at_ms BIGINT NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL, partner TEXT NOT NULL,
        item TEXT NOT NULL, what TEXT NOT NULL, PRIMARY KEY (seq, nth))""",
    "CREATE INDEX audit_by_kind ON audit (kind, seq)",
)
KINDS = {
    ACCOUNT: "accounts",
    READ: "reads",
    "setting": "policy",
    "instrument": "policy",
    "partner": "policy",
    "partner-removed": "policy",
    "introduced": "policy",
    "reopened": "policy",
    "own-keyset": "policy",
    "own-key-revoked": "policy",
    "keyset": "policy",
    "key-revoked": "policy",
    "acted": "acts",
    "queued": "acts",
    "notice": "acts",
    "alert": "faults",
    "refused": "faults",
}
"""The kinds of row by the group in which an officer looks for them."""
_WHAT = ("act", "officer", "name", "value", "instrument", "kind", "version", "sentence", "reason")


def fill(db: Db, seq: int, entry: Entry, channel: str) -> None:
    """Fill the rows of this module from one journal entry; `channel` is the one that it came or went through, empty for others."""
    meta = entry.meta
    if entry.kind == READ:
        _rows(db, seq, entry, [(READ, meta["actor"], "", record, "") for record in meta["records"]])
    elif entry.kind == "received" and meta["code"]:
        _rows(db, seq, entry, [("refused", "", wire.ends_of(channel)[0], meta["item"], meta["code"])])
    elif entry.kind == "record" and meta["clear"][0] in NOTICE_TYPES:
        actor = parse(entry.body).text("actor") if entry.body is not None else ""
        _rows(db, seq, entry, [("notice", actor, "", meta["item"], meta["clear"][0])])
    elif entry.kind == "queued" and not meta.get("second_actor"):
        return
    elif entry.kind in KINDS:
        _rows(db, seq, entry, [(entry.kind, _actors(meta), _partner(meta), str(meta.get("item", "")), _what(meta))])


def _rows(db: Db, seq: int, entry: Entry, found: list[tuple[str, str, str, str, str]]) -> None:
    for nth, row in enumerate(found):
        db.execute(
            "INSERT INTO audit (seq, nth, at_ms, kind, actor, partner, item, what) VALUES (?,?,?,?,?,?,?,?)"
            " ON CONFLICT (seq, nth) DO NOTHING",
            (seq, nth, entry.at_ms, *row),
        )


def forget(db: Db, record_id: str) -> None:
    """Take out what the erased body of a notice had told: who said it."""
    db.execute("UPDATE audit SET actor = '' WHERE kind = 'notice' AND item = ?", (record_id,))


def _actors(meta: dict[str, Any]) -> str:
    return " + ".join(name for name in (meta.get("actor", ""), meta.get("second_actor", "")) if name)


def _partner(meta: dict[str, Any]) -> str:
    """Return the partner's node that an entry is about, where it names one."""
    if "node" in meta:
        return str(meta["node"])
    channel = str(meta.get("channel", ""))
    return channel.removeprefix("kizuna/")


def _what(meta: dict[str, Any]) -> str:
    return "; ".join(f"{name}: {meta[name]}" for name in _WHAT if meta.get(name) not in (None, ""))
