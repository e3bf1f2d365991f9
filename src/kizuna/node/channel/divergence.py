"""Whether two sides of a channel hold the same, from one store or from both: sizes, roots, receipts, and what is missing by index.

What one side says of its logs is `standing`; it is printed with every leaf, carried to the other side, and read there by `told`. What a finding means
for an officer is left to who shows it.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from kizuna.errors import RecordError, RefusedError
from kizuna.kernel import canonical, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.journal import Db, Store
from kizuna.kernel.merkle import Tree
from kizuna.node.held.facts import outstanding_bundles

_STUB = "stub"
WANTED = "`kizuna channel compare --leaves --json`"
Kind = Literal[
    "own-log-broken", "receipt-differs", "not-receipted", "refused", "stub", "unconfirmed", "to-fetch", "epochs-differ", "logs-differ",
    "writer-lost", "partner-behind", "we-are-behind",
]  # fmt: skip


class Finding(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What differs or is missing, as a sentence; `diverged` marks what never comes right by itself. Entries go by index, both ends included."""

    kind: Kind
    diverged: bool
    sentence: str
    channel: str
    side: Literal["", "out", "in"] = ""
    first: int | None = None
    last: int | None = None
    index: int | None = None
    code: str = ""
    act: str = ""
    record: str = ""


class Log(msgspec.Struct, frozen=True):
    """A channel's log as one side holds it; leaves are hashes, hex."""

    channel: str
    epoch: int
    size: int
    root: str
    leaves: list[str]


class Told(msgspec.Struct, frozen=True):
    """What a partner's node says of both logs: `of` is the partner's node, `node` this one, as the partner names it."""

    of: str
    node: str
    out: Log
    into: Log = msgspec.field(name="in")


def told(data: bytes, us: str, partner: str) -> Told:
    """Return what a partner's comparison says.

    Raises:
        RecordError: it is no comparison with every leaf.
        RefusedError: it compares another pair of nodes.
    """
    try:
        found = msgspec.json.decode(data, type=Told)
        sides = [
            msgspec.structs.replace(side, leaves=[bytes.fromhex(leaf).hex() for leaf in side.leaves])
            for side in (found.out, found.into)
        ]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RecordError(f"this is not what {WANTED} prints at the partner's: ask for that") from error
    if any(len(side.leaves) != side.size for side in sides):
        raise RecordError(f"its sizes are not those of its leaves: ask for what {WANTED} prints")
    if (found.of, found.node) != (partner, us):
        pair = f"`{found.of[:80]}` with `{found.node[:80]}`"
        raise RefusedError(f"this compares {pair}, not `{partner}` with `{us}`: ask for the right one")
    return msgspec.structs.replace(found, out=sides[0], into=sides[1])


def standing(store: Store, node: str, now_ms: int, *, leaves: bool = False) -> dict[str, Any]:
    """Return where both channels with a partner stand by this node's journal; `leaves` adds every leaf hash, hex."""
    with store.view() as db:
        return {"in": _in(db, node, leaves=leaves), "node": node, "out": _out(db, node, now_ms, leaves=leaves)}


def _leaves(db: Db, side: str, channel: str, epoch: int) -> list[str]:
    rows = db.execute(f"SELECT leaf FROM leaf_{side} WHERE channel = ? AND epoch = ? ORDER BY idx", (channel, epoch))
    return [bytes(leaf).hex() for (leaf,) in rows]


def _out(db: Db, node: str, now_ms: int, *, leaves: bool) -> dict[str, Any]:
    ((channel, epoch, size, root, receipted, receipt, at_ms, stopped),) = db.execute(
        "SELECT channel, epoch, size, root, receipted, receipt, receipted_at_ms, stopped FROM channel_out WHERE node = ?",
        (node,),
    )
    outcomes = db.execute(
        "SELECT idx, outcome FROM leaf_out WHERE channel = ? AND epoch = ? AND outcome <> '' ORDER BY idx",
        (channel, epoch),
    )
    acts = db.execute(
        "SELECT record_id, act, idx FROM act WHERE channel = ? AND confirmed_at_ms = 0 ORDER BY idx", (channel,)
    )
    ((due,),) = db.execute("SELECT COUNT(*) FROM outbox WHERE channel = ?", (channel,))
    made = {
        "bundles": [
            {"from": first, "not_after_ms": until_ms, "to": last}
            for first, last, until_ms in outstanding_bundles(db, channel, now_ms)
        ],
        "channel": channel,
        "due": due,
        "epoch": epoch,
        "receipted": receipted,
        "receipted_at_ms": at_ms,
        "receipted_root": _receipted_root(receipt),
        "refused": [{"code": code, "index": index} for index, code in outcomes if code != _STUB],
        "root": root,
        "size": size,
        "stopped": stopped,
        "stubs": [index for index, code in outcomes if code == _STUB],
        "unconfirmed": [{"act": act, "index": index, "record": record} for record, act, index in acts],
    }
    return {**made, "leaves": _leaves(db, "out", channel, epoch)} if leaves else made


def _receipted_root(receipt: Any) -> str:
    if receipt is None:
        return ""
    payload = sign.read_envelope(bytes(receipt)).payload_bytes()  # verified before it was journalled
    return canonical.decode(payload, type=wire.Receipt).root


def _in(db: Db, node: str, *, leaves: bool) -> dict[str, Any]:
    ((channel, epoch, size, root, seen, quarantined, stopped),) = db.execute(
        "SELECT channel, epoch, size, root, seen_size, quarantined, stopped FROM channel_in WHERE node = ?", (node,)
    )
    codes = db.execute(
        "SELECT idx, code FROM leaf_in WHERE channel = ? AND epoch = ? AND code <> '' ORDER BY idx", (channel, epoch)
    )
    made = {
        "channel": channel,
        "epoch": epoch,
        "quarantined_bytes": quarantined,
        "refused": [{"code": code, "index": index} for index, code in codes],
        "root": root,
        "seen": seen,
        "size": size,
        "stopped": stopped,
    }
    return {**made, "leaves": _leaves(db, "in", channel, epoch)} if leaves else made


def divergence(ours: dict[str, Any], theirs: Told | None) -> list[Finding]:
    """Return what differs or is missing: `ours` is `standing` with leaves; `theirs` is None where only this side is looked at."""
    out, into = msgspec.convert(ours["out"], Log), msgspec.convert(ours["in"], Log)
    found = _own_log(out, "out") + _own_log(into, "in") + _receipts(ours["out"], out) + _lag(ours["in"])
    if theirs is not None:
        found += _sides(out, theirs.into, "partner-behind") + _sides(theirs.out, into, "we-are-behind")
    return found


def _own_log(log: Log, side: Literal["out", "in"]) -> list[Finding]:
    """Compare a side's own leaves with its own head."""
    leaves = [bytes.fromhex(leaf) for leaf in log.leaves]
    if len(leaves) == log.size and Tree(leaves).root().hex() == log.root:
        return []
    sentence = (
        f"`{log.channel}`: the {len(leaves)} leaves held do not make the root of size {log.size}: verify the journal"
    )
    return [Finding(kind="own-log-broken", sentence=sentence, diverged=True, channel=log.channel, side=side)]


def _receipts(out: dict[str, Any], log: Log) -> list[Finding]:
    channel, size, receipted = log.channel, log.size, out["receipted"]
    found = []
    if out["receipted_root"] and len(log.leaves) >= receipted:
        root = Tree(bytes.fromhex(leaf) for leaf in log.leaves).root(receipted)
        if out["receipted_root"] not in (root.hex(), canonical.b64(root)):
            sentence = f"`{channel}`: the receipt for {receipted} entries names another root than ours"
            found.append(Finding(kind="receipt-differs", sentence=sentence, diverged=True, channel=channel, side="out"))
    if receipted < size:
        sentence = f"`{channel}`: entries {receipted} to {size - 1} are not receipted yet"
        found.append(Finding(
            kind="not-receipted", sentence=sentence, diverged=False, channel=channel, side="out", first=receipted, last=size - 1,
        ))  # fmt: skip
    found += [
        Finding(
            kind="refused", sentence=f"`{channel}`: entry {one['index']} was refused (`{one['code']}`)", diverged=False,
            channel=channel, side="out", index=one["index"], code=one["code"],
        )
        for one in out["refused"]
    ]  # fmt: skip
    found += [
        Finding(
            kind="stub", sentence=f"`{channel}`: entry {index} went as its header alone", diverged=False, channel=channel, side="out", index=index,
        )
        for index in out["stubs"]
    ]  # fmt: skip
    found += [
        Finding(
            kind="unconfirmed", sentence=f"`{channel}`: `{one['act']}` of record {one['record'][:16]} is not confirmed", diverged=False,
            channel=channel, side="out", index=one["index"], act=one["act"], record=one["record"],
        )
        for one in out["unconfirmed"]
    ]  # fmt: skip
    return found


def _lag(side: dict[str, Any]) -> list[Finding]:
    if side["size"] >= side["seen"]:
        return []
    first, last = side["size"], side["seen"] - 1
    sentence = f"`{side['channel']}`: entries {first} to {last} are signed by the partner and not held here yet"
    return [Finding(
        kind="to-fetch", sentence=sentence, diverged=False, channel=side["channel"], side="in", first=first, last=last,
    )]  # fmt: skip


def _sides(writer: Log, reader: Log, behind: Literal["partner-behind", "we-are-behind"]) -> list[Finding]:
    """Compare a writer's log with what its reader holds; `behind` says whose the reader is."""
    channel = writer.channel
    side: Literal["out", "in"] = "out" if behind == "partner-behind" else "in"

    def found(
        kind: Kind, sentence: str, *, diverged: bool, first: int | None = None, last: int | None = None
    ) -> list[Finding]:
        said = f"`{channel}`: {sentence}"
        return [
            Finding(kind=kind, sentence=said, diverged=diverged, channel=channel, side=side, first=first, last=last)
        ]

    if (channel, writer.epoch) != (reader.channel, reader.epoch):
        said = f"the writer is in epoch {writer.epoch}, the reader in epoch {reader.epoch} of `{reader.channel}`"
        return found("epochs-differ", said, diverged=True)
    common = min(writer.size, reader.size)
    first = next((i for i in range(common) if writer.leaves[i] != reader.leaves[i]), None)
    if first is not None:
        return found("logs-differ", f"the logs differ from entry {first} on", diverged=True, first=first)
    if reader.size > writer.size:
        said = f"the writer has lost entries {common} to {reader.size - 1}: was it restored from a backup"
        return found("writer-lost", said, diverged=True, first=common, last=reader.size - 1)
    if reader.size < writer.size:
        who = "the partner" if behind == "partner-behind" else "this node"
        said = f"{who} does not hold entries {common} to {writer.size - 1} yet"
        return found(behind, said, diverged=False, first=common, last=writer.size - 1)
    return []
