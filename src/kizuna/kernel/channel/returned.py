"""The rules by which a restored writer takes its own entries back from their reader.

What counts is the writer's own signature: a checkpoint that it made itself, and proofs that lead to it. The reader's word alone adopts nothing. What
the node does with the entries is its own business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from kizuna.errors import ForkError, KizunaError, RecordError
from kizuna.kernel import note
from kizuna.kernel.channel.reader import Shown, origin
from kizuna.kernel.channel.wire import Returned, decode_header
from kizuna.kernel.merkle import Tree, leaf_hash, verify_consistency


@dataclass(frozen=True)
class Back:
    """Entries of our own that a reader gave back and our own signature covers, with the blobs that came with each."""

    entries: tuple[Shown, ...]
    blobs: tuple[tuple[bytes, ...], ...]
    checkpoint: note.Checkpoint
    note: bytes
    whole: bool
    """Whether this is all that the reader holds."""


def check_returned(
    channel: str, tree: Tree, head: Returned, parts: Sequence[bytes], own_keys: Sequence[bytes]
) -> tuple[Back, Tree]:
    """Return the entries after those of `tree`, each proved to be in a log that one of our own keys signed, and the tree that holds them.

    Args:
        channel: The channel that this node writes.
        tree: What the writer still holds of the epoch in question.
        head: What the reader says.
        parts: Its checkpoint of ours, then header, body and blobs of each entry.
        own_keys: Every checkpoint key that this node ever had.

    Raises:
        RecordError: the answer does not fit the question, or an entry is malformed.
        ForkError: what came is not in the log that this node signed.
    """
    if head.channel != channel or head.start != tree.size or not head.start <= head.end <= head.held or not parts:
        raise RecordError(f"what came back does not fit `{channel}` from entry `{tree.size}`")
    checkpoint = _own_checkpoint(parts[0], origin(channel, head.epoch), own_keys)
    entries, blobs = _entries(head, parts[1:])
    grown = tree.copy()
    grown.extend(entry.leaf for entry in entries)
    _check_leads(channel, head, grown.root(), checkpoint)
    return Back(entries, blobs, checkpoint, parts[0], head.end == head.held), grown


def holds_no_more(epoch: int, tree: Tree, head: Returned, parts: Sequence[bytes]) -> bool:
    """Return whether a reader says that it holds nothing beyond what the writer still has: it can prove nothing then, and nothing is adopted."""
    at = (epoch, tree.size) if head.epoch == epoch else (head.epoch, 0)
    return (head.epoch, head.start) == at and head.held <= head.start == head.end and not parts


def _own_checkpoint(data: bytes, name: str, own_keys: Sequence[bytes]) -> note.Checkpoint:
    for public in own_keys:
        try:
            return note.open_checkpoint(data, name, public)
        except KizunaError:
            continue
    raise ForkError(f"the checkpoint of `{name}` that came back bears no signature of ours")


def _entries(head: Returned, parts: Sequence[bytes]) -> tuple[tuple[Shown, ...], tuple[tuple[bytes, ...], ...]]:
    entries: list[Shown] = []
    blobs: list[tuple[bytes, ...]] = []
    at = 0
    for index in range(head.start, head.end):
        if at + 2 > len(parts):
            raise RecordError(f"what came back breaks off before entry `{index}`")
        data, body = parts[at], parts[at + 1]
        header = decode_header(data)
        if (header.channel, header.epoch, header.index) != (head.channel, head.epoch, index):
            raise RecordError(f"what came back as entry `{index}` is headed for another place")
        shown = tuple(parts[at + 2 : at + 2 + len(header.blobs)])
        if len(shown) != len(header.blobs):
            raise RecordError(f"what came back breaks off within entry `{index}`")
        _check_body(index, body, header.body_size, header.body_sha256)
        for blob, content in zip(header.blobs, shown, strict=True):
            _check_body(index, content, blob.size, blob.sha256)
        entries.append(Shown(header, data, leaf_hash(data), body))
        blobs.append(shown)
        at += 2 + len(header.blobs)
    if at != len(parts):
        raise RecordError("what came back holds more than it says")
    return tuple(entries), tuple(blobs)


def _check_body(index: int, data: bytes, size: int, sha256: str) -> None:
    """Accept bytes that are what the header names, or none."""
    if data and (len(data) != size or hashlib.sha256(data).hexdigest() != sha256):
        raise RecordError(f"what came back with entry `{index}` is not what its header names")


def _check_leads(channel: str, head: Returned, root: bytes, checkpoint: note.Checkpoint) -> None:
    """Accept that the entries up to `end` are a prefix of those held, and those of the signed log."""
    try:
        held_root = bytes.fromhex(head.root)
        proof, lead = ([bytes.fromhex(text) for text in texts] for texts in (head.proof, head.lead))
        if head.end:
            verify_consistency(head.end, head.held, root, held_root, proof)
        if head.held:
            verify_consistency(head.held, checkpoint.size, held_root, checkpoint.root, lead)
    except (RecordError, ForkError, ValueError) as error:
        raise ForkError(f"what came back of `{channel}` is not in the log that this node signed: {error}") from error
