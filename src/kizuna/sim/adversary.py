"""A partner that was enrolled in good faith and lies: it speaks the wire itself, with real keys, and shares no code with the node but the codecs.

What it says is whatever its caller makes of it; `kizuna.sim.lies` is a list of things that it may say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from kizuna.domains.instruments.records import VersionSigned
from kizuna.kernel import canonical, instrument, keys, note, record, sign
from kizuna.kernel.bundle import sealing_public
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import origin
from kizuna.kernel.channel.writer import NO_RECEIPT
from kizuna.kernel.instrument import Instrument, Obligations
from kizuna.kernel.label import Grade, Label, label
from kizuna.kernel.merkle import Tree
from kizuna.kernel.record import Body, Facts, Record
from kizuna.sim.federation import START_MS, Federation, SimNode, opened_receipt
from kizuna.sim.partnership import POLICY, NoteSaid, arrangement, provision

SHOWN = ("at", f"caveats/{POLICY}", "originators", "payload/text", "purposes", "review_by")
"""The names that an honest showing of a note discloses, beside whom it is releasable to."""


class Byzantine:
    """A node `party/name` of a federation whose log, answers and receipts are whatever a test makes of them."""

    def __init__(self, federation: Federation, name: str, victim: SimNode, discloses: tuple[str, ...]) -> None:
        self.federation = federation
        self.name = name
        self.party = name.partition("/")[0]
        self.victim = victim
        self.rng = Random(f"{federation.seed}/{name}")  # noqa: S311 # a simulation repeats itself
        self.root = sign.SigningKey(self.rng.randbytes(32), sign.Purpose.ROOT)
        self.keys = {purpose: sign.SigningKey(self.rng.randbytes(32), purpose) for purpose in keys.NODE_PURPOSES}
        self.seal = self.rng.randbytes(32)
        self.channel = wire.channel_name(name, victim.name)
        self.reverse = wire.channel_name(victim.name, name)
        self.epoch = 0
        self.entries: list[tuple[bytes, bytes]] = []
        self.tree = Tree()
        self.blobs: dict[tuple[int, int], bytes] = {}
        self.receipts: list[wire.Receipt] = []
        """What the victim receipted, in order."""
        self.answers: Callable[[wire.Pull], bytes | None] = self.answer
        self.answers_blobs: Callable[[wire.BlobPull], bytes | None] = self.answer_blobs
        self.pulls = 0
        self._kept: tuple[Tree, list[tuple[bytes, bytes]], dict[sign.Purpose, sign.SigningKey]] = Tree(), [], self.keys
        us = victim.identity.party
        both = (provision(self.party, us, discloses=discloses), provision(us, self.party, discloses=discloses))
        self.made = arrangement(self.party, us, *both)
        federation.nodes[name] = self  # type: ignore[assignment] # to the network it is a node like any other

    # --- who it is -----------------------------------------------------------------------------------------------------------------

    def keyset(self, **changes: object) -> sign.Envelope:
        """Return a key set of its own, certified by its root; `changes` are fields of it."""
        values: dict[str, Any] = {
            "keys": keys.public_keys({str(purpose): key for purpose, key in self.keys.items()}),
            "made_at_ms": START_MS,
            "node": self.name,
            "party": self.party,
            "seal": canonical.b64(sealing_public(self.seal)),
            "tls_sha256": "",
            "version": 1,
        }
        return keys.certify(keys.KeySetV1(**(values | changes)), self.root)

    def card(self, *, reachable: bool = True) -> bytes:
        """Return the card that a victim enrols."""
        root = canonical.b64(self.root.public)
        address = f"sim://{self.name}" if reachable else ""
        return canonical.encode(keys.Card(address=address, certificate_pem="", keyset=self.keyset(), root=root))

    # --- what it says --------------------------------------------------------------------------------------------------------------

    def issue(
        self,
        body: Body,
        to: Label | None = None,
        *,
        type_: str = "notes.note-said.v1",
        node: str = "",
        at_ms: int | None = None,
        key: sign.SigningKey | None = None,
        closed: bool = False,
    ) -> Record:
        """Return a signed record, by default an honest one; keywords say what is wrong with it."""
        made = to or self.label()
        about = Facts(
            node=node or self.name, actor="officer:1:evil", at_ms=self.federation.now_ms if at_ms is None else at_ms
        )
        return record.issue(
            type_, body, made, about, key or self.keys[sign.Purpose.RECORD], self.rng.randbytes, closed=closed
        )

    def label(
        self, level: int = 1, to: Sequence[str] | None = None, purposes: tuple[str, ...] = ("coordination",)
    ) -> Label:
        """Return a label of its own party."""
        chosen = (self.victim.identity.party,) if to is None else tuple(to)
        return label(POLICY, level, originator=self.party, releasable_to=chosen, purposes=purposes)

    def names(self, *more: str) -> tuple[str, ...]:
        """Return the names that an honest showing discloses, and more."""
        return (*SHOWN, f"releasable_to/{self.victim.identity.party}", *more)

    def add(self, body: bytes, /, *, kind: str = "record", shown: bytes | None = None, **changes: object) -> int:
        """Append an entry; `shown` is served in place of the body that the header names."""
        values: dict[str, Any] = {
            "blobs": (),
            "body_sha256": hashlib.sha256(body).hexdigest(),
            "body_size": len(body),
            "channel": self.channel,
            "epoch": self.epoch,
            "index": self.tree.size,
            "instrument": self.made.id if kind == "record" else "",
            "instrument_sha256": instrument.version_of(self.made) if kind == "record" else "",
            "kind": kind,
            "label": (Grade(POLICY, 1, frozenset()),) if kind == "record" else (),
            "obligations": Obligations(),
            "provision": self.made.provisions[0].id if kind == "record" else "",
            "purpose": "coordination" if kind == "record" else "",
            "receipted": 0,
            "receipted_epoch": 0,
            "released_at_ms": self.federation.now_ms,
            "type": "notes.note-said.v1" if kind == "record" else "",
        }
        data, leaf = wire.encode_header(wire.EntryHeader(**(values | changes)))
        self.tree.append(leaf)
        self.entries.append((data, body if shown is None else shown))
        return self.tree.size - 1

    def say(self, text: str, **changes: Any) -> int:
        """Append an honest note."""
        return self.add(self.issue(NoteSaid(text=text, source="desk")).bytes(self.names()), **changes)

    def treaty(self, type_: str, body: Body, parties: Sequence[str] = (), **changes: Any) -> int:
        """Append a record about an agreement."""
        made = label(
            POLICY,
            0,
            originator=self.party,
            releasable_to=tuple(parties) or self.made.parties,
            purposes=("coordination",),
        )
        held = self.issue(body, made, type_=type_, closed=True)
        return self.add(held.bytes(), **({"kind": "instrument", "type": type_} | changes))

    def sign(self, made: Instrument | None = None) -> int:
        """Append its signature under an agreement."""
        made = made or self.made
        envelope = instrument.sign_version(made, self.party, self.federation.now_ms, self.root)
        body = VersionSigned(
            instrument=made.id, version=instrument.version_of(made), envelope=canonical.encode(envelope).decode()
        )
        return self.treaty("instruments.version-signed.v1", body)

    def keep(self) -> None:
        """Keep the log and the keys as they are, to go back to."""
        self._kept = self.tree.copy(), list(self.entries), dict(self.keys)

    def mend(self) -> None:
        """Go back to what was kept last, and answer honestly."""
        self.epoch = 0
        tree, entries, held = self._kept
        self.tree, self.entries, self.keys = tree.copy(), list(entries), dict(held)
        self.answers = self.answer

    # --- how it serves ---------------------------------------------------------------------------------------------------------------

    def checkpoint(self, size: int | None = None, tree: Tree | None = None, **changes: Any) -> bytes:
        """Return a signed checkpoint of its log, or of another one."""
        tree = tree or self.tree
        size = tree.size if size is None else size
        made = note.Checkpoint(changes.get("origin", origin(self.channel, self.epoch)), size, tree.root(size))
        return note.sign_checkpoint(made, changes.get("key", self.keys[sign.Purpose.CHECKPOINT])).to_bytes()

    def head(self, pull: wire.Pull, **changes: object) -> wire.Answer:
        """Return the head of an answer; `changes` are fields of it."""
        same = pull.epoch == self.epoch
        start, seen = (pull.start, pull.seen) if same else (0, 0)
        size = self.tree.size
        values: dict[str, Any] = {
            "channel": self.channel,
            "consistency": tuple(x.hex() for x in self.tree.consistency_proof(seen, size)) if 0 < seen <= size else (),
            "end": size,
            "epoch": self.epoch,
            "more": False,
            "proof": (),
            "receipt_sha256": pull.receipt_sha256,
            "start": start,
        }
        return wire.Answer(**(values | changes))

    def answer(self, pull: wire.Pull) -> bytes | None:
        """Return an honest answer over the log as it is; None: wait."""
        start = pull.start if pull.epoch == self.epoch else 0
        if start == self.tree.size == pull.seen:
            return None
        parts = [part for entry in self.entries[start:] for part in entry]
        return wire.pack_message(self.head(pull), [self.checkpoint(), b"", *parts])

    def answer_blobs(self, asked: wire.BlobPull) -> bytes | None:
        """Return an honest answer to a request for blobs."""
        parts = [self.blobs.get(item, b"") for item in asked.items]
        return wire.pack_message(wire.BlobAnswer(channel=self.channel, count=len(parts)), parts)

    def serve(self, _sender: str, data: bytes, answer: Callable[[bytes], None]) -> None:
        """Take a request of the victim's; called by the network."""
        head, parts = wire.unpack_message(data)
        reply: bytes | None = None
        if isinstance(head, wire.Pull):
            self.pulls += 1
            self.receipts += [opened_receipt(part, self.victim) for part in parts[1:]]
            self._answer_soon(head, answer, self.federation.now_ms + head.wait_ms)
        elif isinstance(head, wire.BlobPull):
            reply = self.answers_blobs(head)
        if reply is not None:
            answer(reply)

    def _answer_soon(self, pull: wire.Pull, answer: Callable[[bytes], None], until_ms: int) -> None:
        reply = self.answers(pull)
        if reply is not None:
            answer(reply)
        elif self.federation.now_ms < until_ms:
            self.federation.after(500, lambda: self._answer_soon(pull, answer, until_ms))

    # --- how it asks -----------------------------------------------------------------------------------------------------------------

    def ask_bytes(self, data: bytes) -> tuple[wire.Head, list[bytes]] | None:
        """Send a request and return the answer, or None where none came at once."""
        came: list[bytes] = []
        self.victim.serve(self.name, data, came.append)
        return wire.unpack_message(came[0]) if came else None

    def ask(self, *receipts: bytes, seen_note: bytes = b"", **changes: object) -> tuple[wire.Head, list[bytes]] | None:
        """Pull from the victim at once, showing these receipts; `changes` are fields of the pull."""
        return self.ask_bytes(self.pull(*receipts, seen_note=seen_note, **changes))

    def pull(self, *receipts: bytes, seen_note: bytes = b"", **changes: object) -> bytes:
        """Return a request for entries, showing these receipts; `changes` are fields of it."""
        values: dict[str, Any] = {
            "channel": self.reverse,
            "epoch": 0,
            "max_bytes": 1 << 20,
            "max_entries": 100,
            "receipt_sha256": "",
            "seen": 0,
            "start": 0,
            "wait_ms": 0,
        }
        return wire.pack_message(wire.Pull(**(values | changes)), [seen_note, *receipts])

    def receipt(self, size: int, root: str, **changes: object) -> bytes:
        """Return a signed receipt of the victim's log; `changes` are fields of it."""
        values: dict[str, Any] = {
            "applied": (),
            "at_ms": self.federation.now_ms,
            "channel": self.reverse,
            "cured": (),
            "epoch": 0,
            "previous_sha256": NO_RECEIPT,
            "refused": (),
            "root": root,
            "size": size,
            "stubs": (),
        }
        return wire.sign_receipt(wire.Receipt(**(values | changes)), self.keys[sign.Purpose.RECEIPT])

    # --- what the victim made of it --------------------------------------------------------------------------------------------------

    def codes(self) -> dict[int, str]:
        """Return what the victim made of each entry of this epoch, by index: a refusal code, or nothing."""
        rows = self.victim.store.query(
            "SELECT idx, code FROM leaf_in WHERE channel = ? AND epoch = ? ORDER BY idx", (self.channel, self.epoch)
        )
        return {int(index): str(code) for index, code in rows}

    def stopped(self) -> tuple[str, str]:
        """Return why the victim stopped reading this log and writing its own, or two empty strings."""
        (read,) = self.victim.store.query("SELECT stopped FROM channel_in WHERE channel = ?", (self.channel,))[0]
        (written,) = self.victim.store.query("SELECT stopped FROM channel_out WHERE channel = ?", (self.reverse,))[0]
        return str(read), str(written)

    def out_root(self) -> tuple[int, str]:
        """Return size and root of the log that the victim writes for it."""
        row = self.victim.store.query("SELECT size, root FROM channel_out WHERE channel = ?", (self.reverse,))[0]
        return int(row[0]), str(row[1])
