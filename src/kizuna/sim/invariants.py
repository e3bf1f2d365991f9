"""What must hold at every step of a simulation, checked as bytes leave, entries become durable and nodes start again.

The numbers are those of the campaign's table in docs/reliability.md. `kizuna.sim.aftermath` checks what must hold once the faults have stopped.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from kizuna.errors import KizunaError
from kizuna.kernel import note
from kizuna.kernel.bundle import open_bundle, sealing_key_id, sealing_public
from kizuna.kernel.channel import wire
from kizuna.kernel.journal import Entry
from kizuna.kernel.merkle import leaf_hash
from kizuna.node import effects as fx
from kizuna.sim.federation import Federation, SimNode, opened_receipt
from kizuna.sim.model import CANARY, TOKEN, InvariantError, Model

Log = tuple[str, int]
"""A channel and an epoch of it."""
_SLACK = 8
"""Entries of the channel's own kinds that a window may hold beyond its limit."""


class Watch:
    """The observer of a federation: it counts what it checks and raises `InvariantError` at the first broken promise."""

    def __init__(self, federation: Federation, model: Model) -> None:
        self.federation = federation
        self.model = model
        self.checks: Counter[str] = Counter()
        self.restoring = ""
        """The node that is being put back to a backup, which may lawfully lose what nobody receipted."""
        self._written: dict[Log, dict[int, bytes]] = {}
        self._held: dict[Log, int] = {}
        self._signed: dict[Log, dict[int, bytes]] = {}
        self._receipted: dict[str, tuple[int, int]] = {}
        self._carried: dict[Log, int] = {}
        self._accepted: dict[Log, set[str]] = {}
        self._taken: dict[Log, int] = {}

    def check(self, invariant: str, sentence: str, *, holds: bool) -> None:
        """Count a check, and raise where the promise is broken.

        Raises:
            InvariantError: it is.
        """
        self.checks[invariant] += 1
        if not holds:
            raise InvariantError(invariant, sentence)

    def honest(self, name: str) -> SimNode | None:
        """Return an honest node, or None for a liar."""
        node = self.federation.nodes.get(name)
        return node if isinstance(node, SimNode) else None

    # --- what leaves ----------------------------------------------------------------------------------------------------------------

    def sent(self, sender: str, receiver: str, data: bytes) -> None:
        """Check a message: what it shows, what it signs and what it receipts."""
        node = self.honest(sender)
        if node is None:
            return
        self.shown(node, receiver, data)
        try:
            head, parts = wire.unpack_message(data)
        except KizunaError as error:
            raise InvariantError("I8", f"`{sender}` sent what is no message: {error}") from error
        if isinstance(head, wire.Answer) and parts[0]:
            self.check(
                "I8", f"`{sender}` answered for `{head.channel}`", holds=head.channel.startswith(f"kizuna/{sender}/to/")
            )
            self._checkpoint(node, head.channel, head.epoch, parts[0])
        elif isinstance(head, wire.Pull):
            for part in parts[1:]:
                self._receipt(node, part)

    def shown(self, sender: SimNode, receiver: str, data: bytes) -> None:
        """Check bytes that a node hands to another: nothing in them but what that one may see."""
        party = receiver.partition("/")[0]
        found = CANARY.search(data)
        self.check("I3", f"`{sender.name}` shows `{receiver}` what no clause discloses", holds=found is None)
        for token in set(TOKEN.findall(data)):
            said = self.model.notes.get(token)
            why = "nobody said it" if said is None else self.model.why_not(said, sender, party)
            self.check("I3", f"`{sender.name}` shows `{token.decode()}` to `{receiver}`: {why}", holds=not why)

    def carried(self, sender: SimNode, receiver: SimNode, data: bytes) -> None:
        """Check a bundle, opened with its recipient's keys."""
        seals = {
            sealing_key_id(sealing_public(each.seal_private)): each.seal_private for each in receiver.identity.every
        }
        keys = {
            key.key_id: key.public
            for each in sender.identity.every
            for name, key in each.keys.items()
            if name == "bundle"
        }
        manifest, members = open_bundle(data, receiver.name, seals, 0, lambda _sender, key_id: keys.get(key_id))
        self.check("I8", f"`{sender.name}` made a bundle of `{manifest.sender}`", holds=manifest.sender == sender.name)
        for member in members:
            self.shown(sender, receiver.name, bytes(member.data))

    def _checkpoint(self, node: SimNode, channel: str, epoch: int, data: bytes) -> None:
        signed = note.decode_checkpoint(note.parse_note(data).text)
        known = self._signed.setdefault((channel, epoch), {}).setdefault(signed.size, signed.root)
        sentence = f"`{node.name}` signed two histories of `{channel}` at {epoch}:{signed.size}"
        self.check("I7", sentence, holds=known == signed.root)

    def _receipt(self, node: SimNode, data: bytes) -> None:
        receipt = opened_receipt(data, node)
        log = receipt.channel, receipt.epoch
        sentence = f"`{node.name}` receipted {receipt.size} of `{receipt.channel}` and holds {self._held.get(log, 0)}"
        self.check("I1", sentence, holds=receipt.size <= self._held.get(log, 0))
        root = self._signed.get(log, {}).get(receipt.size)
        if root is not None and receipt.size:
            self.check("I8", f"`{node.name}` receipted another root", holds=receipt.root == root.hex())
        self._receipted[receipt.channel] = max(
            self._receipted.get(receipt.channel, (0, 0)), (receipt.epoch, receipt.size)
        )

    # --- what becomes durable -------------------------------------------------------------------------------------------------------

    def committed(self, node: SimNode, entries: Sequence[Entry]) -> None:
        """Check entries that the store says are durable."""
        for entry in entries:
            match entry.kind:
                case "released":
                    self._released(node, entry)
                case "received" if not entry.meta["again"]:
                    self._received(node, entry)
                case "receipt-in":
                    self._taken_in(node, entry)
                case "bundle-out":
                    self._carried[entry.meta["channel"], entry.meta["epoch"]] = entry.meta["to_size"]
        limits = node.core.world.limits
        for read in node.core.world.ins.values():
            sentence = f"`{node.name}` keeps {read.quarantined} bytes of `{read.reader.channel}` in quarantine"
            self.check("I10", sentence, holds=read.quarantined <= limits.quarantine_bytes)
        for out in node.core.world.outs.values():
            carried = self._carried.get((out.channel, out.epoch), 0)  # a bundle takes all that is due
            ahead = out.tree.size - max(out.receipted, carried)
            sentence = f"`{node.name}` is {ahead} entries ahead of receipts and bundles of `{out.channel}`"
            self.check("I10", sentence, holds=ahead <= limits.window_entries + _SLACK)

    def _released(self, node: SimNode, entry: Entry) -> None:
        data = entry.meta["header"].encode()
        header = wire.decode_header(data)
        log, leaf = (header.channel, header.epoch), leaf_hash(data)
        written = self._written.setdefault(log, {})
        if header.index < self._held.get(log, 0):
            sentence = f"`{node.name}` wrote entry {header.index} of `{header.channel}` anew after its reader held it"
            self.check("I7", sentence, holds=written.get(header.index) == leaf)
        written[header.index] = leaf

    def _received(self, node: SimNode, entry: Entry) -> None:
        data = entry.meta["header"].encode()
        header = wire.decode_header(data)
        log, place = (header.channel, header.epoch), f"entry {header.index} of `{header.channel}`"
        held = self._held.get(log, 0)
        self.check("I9", f"`{node.name}` took {place} after {held}", holds=header.index == held)
        self._held[log] = header.index + 1
        body = entry.body or b""
        if body and not entry.meta["code"]:
            digest = hashlib.sha256(body).hexdigest()
            self.check("I8", f"`{node.name}` keeps another body than {place} names", holds=digest == header.body_sha256)
        writer = self.honest(wire.ends_of(header.channel)[0])
        if writer is None:
            return
        leaf = self._written.get(log, {}).get(header.index)
        self.check(
            "I6",
            f"`{node.name}` holds {place}, which its writer did not make durable",
            holds=leaf == leaf_hash(data),
        )
        for token in set(TOKEN.findall(body)):
            said = self.model.notes.get(token)
            mine = said is not None and said.node == writer.name and said.may_go_to(node.identity.party)
            self.check("I6", f"`{node.name}` took `{token.decode()}` from `{writer.name}`", holds=mine)
        if (
            header.kind == "record"
            and entry.meta["item"]
            and not entry.meta["code"]
            and header.type.startswith("notes.")
        ):
            before = self._accepted.setdefault(log, set())
            self.check("I5", f"`{node.name}` took a record twice: {place}", holds=entry.meta["item"] not in before)
            before.add(entry.meta["item"])

    def _taken_in(self, node: SimNode, entry: Entry) -> None:
        log, size = (entry.meta["channel"], entry.meta["epoch"]), entry.meta["size"]
        before = self._taken.get(log, 0)
        self.check("I9", f"`{node.name}` went back from receipt {before} to {size} of `{log[0]}`", holds=size >= before)
        self._taken[log] = size

    # --- what a restart finds -------------------------------------------------------------------------------------------------------

    def restarted(self, node: SimNode) -> None:
        """Check that what a node had acknowledged and receipted is on its disk."""
        self.model.doubt_until_ms.pop(node.name, None)
        node.skew_ms = (
            0  # a machine that starts asks for the time first: nothing else could tell it that its clock is wrong
        )
        held = {row[0] for row in node.store.query("SELECT id FROM record WHERE own = 1")}
        if node.name == self.restoring:
            self._put_back(node, held)
            return
        lost = [record_id for record_id in node.acknowledged if record_id not in held]
        self.check("I1", f"`{node.name}` lost {len(lost)} records that it had acknowledged", holds=not lost)
        for channel, epoch, size in node.store.query("SELECT channel, epoch, size FROM channel_in"):
            least = self._receipted.get(channel, (0, 0))
            sentence = f"`{node.name}` holds {epoch}:{size} of `{channel}` and had receipted {least}"
            self.check("I2", sentence, holds=(epoch, size) >= least)
        self._read_again(node)

    def _read_again(self, node: SimNode) -> None:
        """Learn what became durable without an acknowledgement, or not at all."""
        for channel, epoch, index, leaf in node.store.query("SELECT channel, epoch, idx, leaf FROM leaf_out"):
            held = self._held.get((channel, epoch), 0)
            written = self._written.setdefault((channel, epoch), {})
            if index < held and node.name != self.restoring:
                self.check(
                    "I7",
                    f"`{node.name}` has another entry {index} of `{channel}`",
                    holds=written.get(index) == bytes(leaf),
                )
            written[index] = bytes(leaf)
        for channel, epoch in node.store.query("SELECT channel, epoch FROM channel_in"):
            rows = node.store.query("SELECT COUNT(*) FROM leaf_in WHERE channel = ? AND epoch = ?", (channel, epoch))
            self._held[channel, epoch] = int(rows[0][0])
            accepted = node.store.query(
                "SELECT record_id FROM leaf_in WHERE channel = ? AND epoch = ? AND kind = 'record' AND code = ''",
                (channel, epoch),
            )
            self._accepted[channel, epoch] = {record_id for (record_id,) in accepted if record_id}

    def _put_back(self, node: SimNode, held: set[str]) -> None:
        """Forgive a restored node what is in no backup: what it never said to anyone is lost, its receipts may have to be given anew."""
        self.model.restored_ms[node.name] = self.federation.now_ms
        node.acknowledged = [record_id for record_id in node.acknowledged if record_id in held]
        for log in [log for log in self._held if log[0].endswith(f"/to/{node.name}")]:
            self._held[log] = 0
            self._accepted.pop(log, None)
            self._receipted.pop(log[0], None)
        for channel, epoch, size in node.store.query("SELECT channel, epoch, size FROM channel_in"):
            self._receipted[channel] = epoch, size
        for log in [log for log in self._taken if log[0].startswith(f"kizuna/{node.name}/to/")]:
            self._taken[log] = 0  # the backup may be older than the enrolment
        for channel, epoch, receipted in node.store.query("SELECT channel, epoch, receipted FROM channel_out"):
            self._taken[channel, epoch] = receipted
        self._read_again(node)

    def alerted(self, node: SimNode, alert: fx.Alert) -> None:
        """Check an alert: nobody honest is accused of a fork."""
        writer, reader = wire.ends_of(alert.channel)
        honest = self.honest(writer) is not None and self.honest(reader) is not None
        self.check(
            "I7",
            f"`{node.name}` accuses on `{alert.channel}`: {alert.sentence}",
            holds=not honest or alert.kind != "fork",
        )
