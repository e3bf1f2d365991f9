"""Giving a restored writer back what this node holds of that writer's channel.

Only headers, bodies and blobs that the writer itself once showed here leave, and only to it. What was erased or never kept is missing: a header then
stands alone.
"""

from __future__ import annotations

import msgspec

from kizuna.errors import KizunaError
from kizuna.kernel.channel import wire
from kizuna.kernel.merkle import EMPTY_ROOT, Tree
from kizuna.node.channel.outgoing import leaves
from kizuna.node.channel.world import World
from kizuna.node.held.facts import Partner

_ROOM_BYTES = 1 << 20
"""What of a message stays free for its head."""


class Returning:
    """The reader's part in another node's recovery. The logs that were asked for last are kept in memory until the node stops."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._trees: dict[str, tuple[int, Tree]] = {}

    def returned(self, partner: Partner, asked: wire.Return) -> tuple[wire.Returned, list[bytes]] | None:
        """Return head and parts of what is held from the entry asked for, within its budget; None where it cannot be given or proved.

        Where no more is held than the writer still has, the head stands alone: who waits for what is nowhere would wait for ever.
        """
        rows = self._world.store.query(
            "SELECT epoch, size, seen_size, note, lead FROM channel_in WHERE channel = ?", (asked.channel,)
        )
        own = wire.channel_name(partner.node, self._world.identity.node)
        if asked.channel != own or not rows or asked.start < 0:
            return None
        epoch, held, seen, note, lead = rows[0]
        if (epoch, held) < (asked.epoch, asked.start) or (not held and epoch == asked.epoch):
            return _no_more(asked, held if epoch == asked.epoch else 0), []
        if epoch != asked.epoch:
            return None
        if not note or (held < seen and held and not lead):
            return None
        tree = self._tree(own, asked.epoch)
        parts = self._parts(asked)
        end = asked.start + len(parts)
        head = wire.Returned(
            channel=own,
            end=end,
            epoch=asked.epoch,
            held=held,
            lead=tuple(lead.split()) if held < seen else (),
            proof=_hex(tree, end, held),
            root=tree.root(held).hex(),
            start=asked.start,
        )
        return head, [bytes(note), *(part for entry in parts for part in entry)]

    def _tree(self, channel: str, epoch: int) -> Tree:
        kept = self._trees.get(channel)
        if kept is None or kept[0] != epoch:
            kept = epoch, Tree(read=leaves(self._world.store, channel, epoch, table="leaf_in"))
        kept[1].catch_up()
        self._trees[channel] = kept
        return kept[1]

    def _parts(self, asked: wire.Return) -> list[list[bytes]]:
        """Return header, body and blobs of each entry from `start` on, at least one where there is one."""
        limits = self._world.limits
        most = max(1, min(asked.max_entries, limits.pull_entries))
        rows = self._world.store.query(
            "SELECT e.header, b.body FROM leaf_in l JOIN journal_entry e ON e.seq = l.seq LEFT JOIN journal_body b ON b.seq = l.seq"
            " WHERE l.channel = ? AND l.epoch = ? AND l.idx >= ? ORDER BY l.idx LIMIT ?",
            (asked.channel, asked.epoch, asked.start, most),
        )
        budget, count = min(asked.max_bytes, limits.pull_bytes), 0
        found: list[list[bytes]] = []
        for journalled, body in rows:
            header = msgspec.json.decode(bytes(journalled))["meta"]["header"].encode()
            blobs = self._blobs(wire.decode_header(header))
            entry = [header, bytes(body or b""), *blobs]
            budget -= sum(map(len, entry))
            count += len(entry)
            if found and (budget < 0 or count > wire.MAX_PARTS - 2):
                break
            found.append(entry)
        return found

    def _blobs(self, header: wire.EntryHeader) -> list[bytes]:
        room = wire.MAX_MESSAGE_BYTES - _ROOM_BYTES - header.body_size
        found = []
        for blob in header.blobs:
            data = b""
            if blob.size <= room and self._world.blobs.has(blob.sha256):
                try:
                    data = self._world.blobs.get(blob.sha256)
                except KizunaError:  # lost or altered on our disk: there is none to give
                    data = b""
            room -= len(data)
            found.append(data)
        return found


def _no_more(asked: wire.Return, held: int) -> wire.Returned:
    return wire.Returned(
        channel=asked.channel,
        end=asked.start,
        epoch=asked.epoch,
        held=held,
        lead=(),
        proof=(),
        root=EMPTY_ROOT.hex(),
        start=asked.start,
    )


def _hex(tree: Tree, size: int, whole: int) -> tuple[str, ...]:
    return tuple(item.hex() for item in tree.consistency_proof(size, whole)) if size else ()
