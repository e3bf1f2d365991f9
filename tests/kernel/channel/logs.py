"""A log as its writer holds it, and honest answers from it, for tests of the reader's and the writer's rules."""

from __future__ import annotations

import hashlib

from kizuna.kernel import note, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import origin
from kizuna.kernel.instrument import Obligations
from kizuna.kernel.merkle import Tree

CHANNEL = wire.channel_name("ind/delhi", "jpn/yokosuka")


def key(name: str, purpose: str) -> sign.SigningKey:
    return sign.SigningKey(hashlib.sha256(name.encode()).digest(), purpose)


WRITER = key("writer", sign.Purpose.CHECKPOINT)
READER = key("reader", sign.Purpose.RECEIPT)


def header(index: int, body: bytes, /, **changes: object) -> wire.EntryHeader:
    values: dict[str, object] = {
        "blobs": (),
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "body_size": len(body),
        "channel": CHANNEL,
        "epoch": 0,
        "index": index,
        "instrument": "ind-jpn-arrangement",
        "instrument_sha256": "0" * 64,
        "kind": "record",
        "label": (),
        "obligations": Obligations(),
        "provision": "notes",
        "purpose": "coordination",
        "receipted": 0,
        "receipted_epoch": 0,
        "released_at_ms": 1_790_000_000_000,
        "type": "notes.note-said.v1",
    }
    return wire.EntryHeader(**(values | changes))  # type: ignore[arg-type] # the tests name the fields they change


class Log:
    """Entries `0..size`; `mark` makes two logs differ from one entry on."""

    def __init__(self, size: int, *, epoch: int = 0, mark: str = "", differs_from: int = 0) -> None:
        self.epoch = epoch
        self.tree = Tree()
        self.entries: list[tuple[bytes, bytes]] = []
        for index in range(size):
            self.add(f"body {index}{mark if index >= differs_from else ''}".encode())

    def add(self, body: bytes, /, **changes: object) -> None:
        made = header(self.tree.size, body, **({"epoch": self.epoch} | changes))
        data, leaf = wire.encode_header(made)
        self.tree.append(leaf)
        self.entries.append((data, body))

    def signed(self, size: int | None = None, signer: sign.SigningKey = WRITER) -> bytes:
        size = self.tree.size if size is None else size
        name = origin(CHANNEL, self.epoch)
        return note.sign_checkpoint(note.Checkpoint(name, size, self.tree.root(size)), signer).to_bytes()

    def proof(self, size: int, until: int) -> tuple[str, ...]:
        return tuple(item.hex() for item in self.tree.consistency_proof(size, until)) if size else ()

    def answer(
        self, start: int, end: int, /, *, seen: int = 0, size: int | None = None, **changes: object
    ) -> tuple[wire.Answer, list[bytes]]:
        """Return what an honest writer whose log has `size` entries answers to a reader that has seen `seen` of them."""
        size = self.tree.size if size is None else size
        values: dict[str, object] = {
            "channel": CHANNEL,
            "consistency": self.proof(seen, size),
            "end": end,
            "epoch": self.epoch,
            "more": end < size,
            "proof": self.proof(end, size),
            "receipt_sha256": "",
            "start": start,
        }
        parts = [self.signed(size), b""]
        for data, body in self.entries[start:end]:
            parts += [data, body]
        return wire.Answer(**(values | changes)), parts  # type: ignore[arg-type] # the tests name what they change


def receipt(log: Log, size: int, /, **changes: object) -> wire.Receipt:
    values: dict[str, object] = {
        "applied": (),
        "at_ms": 1_790_000_000_000,
        "channel": CHANNEL,
        "cured": (),
        "epoch": log.epoch,
        "previous_sha256": hashlib.sha256(b"").hexdigest(),
        "refused": (),
        "root": log.tree.root(size).hex(),
        "size": size,
        "stubs": (),
    }
    return wire.Receipt(**(values | changes))  # type: ignore[arg-type] # the tests name the fields they change
