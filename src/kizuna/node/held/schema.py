"""The node's own tables, as portable SQL; `kizuna.node.held.tables` and `kizuna.node.held.filling` fill them from the journal.

A record's number is the entry that first brought it, `record.seq`: rows of other tables refer to it by that where they are as many as the records,
for an id takes ten times the room, and an index by it is written all over at once. A leaf says number and id: `record` is 0 until the record that it
shows is held, and for what is no record.
"""

from __future__ import annotations

from kizuna.kernel import labelled
from kizuna.node.held import auditing, noting

NUMBER_OF = "(SELECT n.seq FROM record n WHERE n.id = ?)"
"""In a query the number of the record of an id, null where it was never held: `l.record = NUMBER_OF` finds the leaves that show it."""

SCHEMA = (
    *noting.SCHEMA,
    *auditing.SCHEMA,
    *labelled.SCHEMA,
    """CREATE TABLE record (
        seq BIGINT_KEY, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL, at_ms BIGINT NOT NULL,
        exercise BIGINT NOT NULL, own BIGINT NOT NULL, standing TEXT NOT NULL)""",
    "CREATE INDEX record_by_type ON record (type, at_ms)",
    "CREATE TABLE holding (seq BIGINT_KEY, record BIGINT NOT NULL, channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL)",
    "CREATE INDEX holding_by_record ON holding (record)",
    """CREATE TABLE outbox (
        channel TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL, lane BIGINT NOT NULL, seq BIGINT NOT NULL,
        not_before_ms BIGINT NOT NULL, PRIMARY KEY (channel, item, kind))""",
    "CREATE INDEX outbox_by_lane ON outbox (channel, lane, seq)",
    """CREATE TABLE leaf_out (
        channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL, leaf BYTES NOT NULL, seq BIGINT NOT NULL, kind TEXT NOT NULL,
        record_id TEXT NOT NULL, record BIGINT NOT NULL, type TEXT NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (channel, epoch, idx))
        CLUSTERED""",
    """CREATE TABLE leaf_tile (
        channel TEXT NOT NULL, epoch BIGINT NOT NULL, number BIGINT NOT NULL, root BYTES NOT NULL, PRIMARY KEY (channel, epoch, number))
        CLUSTERED""",
    "CREATE INDEX leaf_out_by_record ON leaf_out (record)",
    "CREATE INDEX leaf_out_unheld ON leaf_out (record_id) WHERE record = 0",
    """CREATE TABLE channel_out (
        channel TEXT PRIMARY KEY, node TEXT NOT NULL, epoch BIGINT NOT NULL, size BIGINT NOT NULL, root TEXT NOT NULL, note BYTES,
        receipted BIGINT NOT NULL, receipt BYTES, receipt_sha256 TEXT NOT NULL, receipted_at_ms BIGINT NOT NULL, stopped TEXT NOT NULL)""",
    """CREATE TABLE leaf_in (
        channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL, leaf BYTES NOT NULL, seq BIGINT NOT NULL, kind TEXT NOT NULL,
        record_id TEXT NOT NULL, type TEXT NOT NULL, code TEXT NOT NULL, PRIMARY KEY (channel, epoch, idx)) CLUSTERED""",
    "CREATE INDEX leaf_in_refused ON leaf_in (record_id) WHERE code <> ''",
    """CREATE TABLE channel_in (
        channel TEXT PRIMARY KEY, node TEXT NOT NULL, epoch BIGINT NOT NULL, size BIGINT NOT NULL, root TEXT NOT NULL, frontier BYTES NOT NULL,
        seen_size BIGINT NOT NULL, seen_root TEXT NOT NULL, note BYTES, receipt BYTES, receipt_sha256 TEXT NOT NULL,
        released_at_ms BIGINT NOT NULL, receipted_epoch BIGINT NOT NULL, receipted BIGINT NOT NULL, quarantined BIGINT NOT NULL,
        stopped TEXT NOT NULL, lead TEXT NOT NULL)""",
    """CREATE TABLE partner (
        node TEXT PRIMARY KEY, party TEXT NOT NULL, card BYTES NOT NULL, version BIGINT NOT NULL, enrolled_at_ms BIGINT NOT NULL,
        removed_at_ms BIGINT NOT NULL, own_version BIGINT NOT NULL)""",
    """CREATE TABLE receipt_out (
        channel TEXT NOT NULL, epoch BIGINT NOT NULL, sha256 TEXT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (channel, sha256))""",
    "CREATE INDEX receipt_out_by_time ON receipt_out (channel, epoch, seq)",
    "CREATE TABLE own_key (seq BIGINT PRIMARY KEY, version BIGINT NOT NULL)",
    """CREATE TABLE told_key (
        channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL, version BIGINT NOT NULL, revoked BIGINT NOT NULL,
        known BIGINT NOT NULL, PRIMARY KEY (channel, epoch, idx))""",
    """CREATE TABLE revoked_key (
        node TEXT NOT NULL, version BIGINT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL, PRIMARY KEY (node, version))""",
    "CREATE TABLE keyset (node TEXT NOT NULL, version BIGINT NOT NULL, envelope BYTES NOT NULL, PRIMARY KEY (node, version))",
    """CREATE TABLE bundle_out (
        seq BIGINT PRIMARY KEY, channel TEXT NOT NULL, epoch BIGINT NOT NULL, from_size BIGINT NOT NULL, to_size BIGINT NOT NULL,
        made_at_ms BIGINT NOT NULL, not_after_ms BIGINT NOT NULL)""",
    """CREATE TABLE withheld (
        party TEXT NOT NULL, type TEXT NOT NULL, grade TEXT NOT NULL, reason TEXT NOT NULL, count BIGINT NOT NULL,
        PRIMARY KEY (party, type, grade, reason))""",
    """CREATE TABLE handed (
        plug TEXT NOT NULL, party TEXT NOT NULL, type TEXT NOT NULL, grade TEXT NOT NULL, permit BIGINT NOT NULL, reason TEXT NOT NULL,
        count BIGINT NOT NULL, PRIMARY KEY (plug, party, type, grade, permit, reason))""",
    "CREATE TABLE instrument_version (sha256 TEXT PRIMARY KEY, instrument TEXT NOT NULL, seq BIGINT NOT NULL)",
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL, seq BIGINT NOT NULL)",
    """CREATE TABLE act (
        record_id TEXT NOT NULL, channel TEXT NOT NULL, epoch BIGINT NOT NULL, idx BIGINT NOT NULL, act TEXT NOT NULL,
        strength BIGINT NOT NULL, confirmed_at_ms BIGINT NOT NULL, backups_pending_until_ms BIGINT NOT NULL,
        PRIMARY KEY (record_id, channel, act))""",
    "CREATE TABLE alert (seq BIGINT PRIMARY KEY, at_ms BIGINT NOT NULL, kind TEXT NOT NULL, channel TEXT NOT NULL, sentence TEXT NOT NULL)",
)
TABLES = tuple(statement.split()[2] for statement in SCHEMA if statement.startswith("CREATE TABLE"))
