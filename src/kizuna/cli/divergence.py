"""Whether two sides of a channel hold the same, from one store or from both: sizes, roots, receipts, and what is missing by index."""

from __future__ import annotations

from typing import Any

from kizuna.cli.base import CLOCK
from kizuna.kernel import canonical, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.journal import Db, Store
from kizuna.kernel.merkle import Tree
from kizuna.node.facts import outstanding_bundles

_STUB = "stub"


def standing(store: Store, node: str, *, leaves: bool = False) -> dict[str, Any]:
    """Return where both channels with a partner stand by this node's journal; `leaves` adds every leaf hash, hex."""
    with store.view() as db:
        return {"in": _in(db, node, leaves=leaves), "node": node, "out": _out(db, node, leaves=leaves)}


def _leaves(db: Db, side: str, channel: str, epoch: int) -> list[str]:
    rows = db.execute(f"SELECT leaf FROM leaf_{side} WHERE channel = ? AND epoch = ? ORDER BY idx", (channel, epoch))
    return [bytes(leaf).hex() for (leaf,) in rows]


def _out(db: Db, node: str, *, leaves: bool) -> dict[str, Any]:
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
            for first, last, until_ms in outstanding_bundles(db, channel, CLOCK.now_ms())
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


def divergence(ours: dict[str, Any], theirs: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return what differs or is missing, each as a sentence; `diverged` marks what can never come right by itself.

    `ours` is `standing` with leaves; `theirs` has `out` and `in` of the partner's, or is None where only this side is looked at.
    """
    found = _own_log(ours["out"], "out") + _own_log(ours["in"], "in") + _receipts(ours["out"]) + _lag(ours["in"])
    if theirs is not None:
        found += _sides(ours["out"], theirs["in"], "the partner") + _sides(theirs["out"], ours["in"], "this node")
    return found


def _finding(sentence: str, *, diverged: bool, **where: Any) -> dict[str, Any]:
    return {"diverged": diverged, "sentence": sentence, **where}


def _own_log(side: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Compare a side's own leaves with its own head."""
    leaves = [bytes.fromhex(leaf) for leaf in side["leaves"]]
    if len(leaves) == side["size"] and Tree(leaves).root().hex() == side["root"]:
        return []
    sentence = f"`{side['channel']}`: the {len(leaves)} leaves held do not make the root of size {side['size']}: verify the journal"
    return [_finding(sentence, diverged=True, channel=side["channel"], side=name)]


def _receipts(out: dict[str, Any]) -> list[dict[str, Any]]:
    channel, size, receipted = out["channel"], out["size"], out["receipted"]
    found = []
    if out["receipted_root"] and len(out["leaves"]) >= receipted:
        root = Tree(bytes.fromhex(leaf) for leaf in out["leaves"]).root(receipted)
        if out["receipted_root"] not in (root.hex(), canonical.b64(root)):
            sentence = f"`{channel}`: the receipt for {receipted} entries names another root than ours"
            found.append(_finding(sentence, diverged=True, channel=channel))
    if receipted < size:
        sentence = f"`{channel}`: entries {receipted} to {size - 1} are not receipted yet"
        found.append(_finding(sentence, diverged=False, channel=channel, first=receipted, last=size - 1))
    told = [(f"entry {one['index']} was refused (`{one['code']}`)", one) for one in out["refused"]]
    told += [(f"entry {index} went as its header alone", {"index": index}) for index in out["stubs"]]
    told += [(f"`{one['act']}` of record {one['record'][:16]} is not confirmed", one) for one in out["unconfirmed"]]
    found += [_finding(f"`{channel}`: {said}", diverged=False, channel=channel, **where) for said, where in told]
    return found


def _lag(side: dict[str, Any]) -> list[dict[str, Any]]:
    if side["size"] >= side["seen"]:
        return []
    sentence = f"`{side['channel']}`: entries {side['size']} to {side['seen'] - 1} are signed by the partner and not held here yet"
    return [_finding(sentence, diverged=False, channel=side["channel"], first=side["size"], last=side["seen"] - 1)]


def _sides(writer: dict[str, Any], reader: dict[str, Any], who: str) -> list[dict[str, Any]]:
    """Compare a writer's log with what its reader holds; `who` is the reader, for people."""
    channel = writer["channel"]
    if (channel, writer["epoch"]) != (reader["channel"], reader["epoch"]):
        sentence = f"`{channel}`: the writer is in epoch {writer['epoch']}, the reader in epoch {reader['epoch']} of `{reader['channel']}`"
        return [_finding(sentence, diverged=True, channel=channel)]
    common = min(writer["size"], reader["size"])
    first = next((i for i in range(common) if writer["leaves"][i] != reader["leaves"][i]), None)
    if first is not None:
        return [
            _finding(f"`{channel}`: the logs differ from entry {first} on", diverged=True, channel=channel, first=first)
        ]
    if reader["size"] > writer["size"]:
        sentence = (
            f"`{channel}`: the writer has lost entries {common} to {reader['size'] - 1}: was it restored from a backup"
        )
        return [_finding(sentence, diverged=True, channel=channel, first=common, last=reader["size"] - 1)]
    if reader["size"] < writer["size"]:
        sentence = f"`{channel}`: {who} does not hold entries {common} to {writer['size'] - 1} yet"
        return [_finding(sentence, diverged=False, channel=channel, first=common, last=writer["size"] - 1)]
    return []
