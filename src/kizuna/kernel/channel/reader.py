"""The reader's rules: by which an answer is accepted whole, or the channel stops.

All log security stands in `check_answer`; it has no store, no clock and no network. What a *bad entry* in a good log means is judged entry by
entry elsewhere: a bad entry is refused by code and never blocks the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from kizuna.errors import ForkError, KizunaError, RecordError, SignatureError
from kizuna.kernel import note
from kizuna.kernel.channel.wire import Answer, EntryHeader, decode_header
from kizuna.kernel.merkle import EMPTY_ROOT, CompactRange, leaf_hash, verify_consistency


@dataclass(frozen=True)
class ReaderState:
    """How far a reader holds a channel.

    `size` entries are held in an unbroken prefix, whose hashes are in `frontier`; `seen_size` and `seen_root` are of the newest checkpoint seen.
    """

    channel: str
    epoch: int
    size: int
    frontier: bytes
    seen_size: int
    seen_root: bytes
    released_at_ms: int = 0
    receipted_epoch: int = 0
    receipted: int = 0


@dataclass(frozen=True)
class Shown:
    """One entry as it came: the header, its exact bytes and leaf, and the body, empty where only the header was served."""

    header: EntryHeader
    header_bytes: bytes
    leaf: bytes
    body: bytes


@dataclass(frozen=True)
class Accepted:
    """An answer whose log is sound: the entries, the new checkpoint and the new frontier."""

    entries: tuple[Shown, ...]
    checkpoint: note.Checkpoint
    note: bytes
    frontier: bytes
    root: bytes
    proof: tuple[str, ...] = ()
    """What proves the entries within the checkpoint; none where an answer is taken in part."""


def origin(channel: str, epoch: int) -> str:
    """Return the origin line of a channel's checkpoints in one epoch."""
    return f"{channel}/{epoch}"


def first_state(channel: str, epoch: int = 0) -> ReaderState:
    """Return the state of a channel of which nothing has been read."""
    empty = CompactRange()
    return ReaderState(channel, epoch, 0, empty.to_bytes(), 0, empty.root())


def check_checkpoint(state: ReaderState, epoch: int, data: bytes, public_key: bytes) -> note.Checkpoint:
    """Return the writer's checkpoint.

    Raises:
        ForkError: it is not that writer's signed checkpoint of this channel and epoch.
    """
    try:
        return note.open_checkpoint(data, origin(state.channel, epoch), public_key)
    except SignatureError as error:
        raise ForkError(
            f"checkpoint of `{state.channel}` bears no signature known here: either its writer has new keys, of which this node was not told"
            " or lost the word in a restore, or somebody else signed it: read the fingerprint of the writer's card to each other, enrol it"
            f" again if it is right, then reopen the channel ({error})"
        ) from error
    except KizunaError as error:
        raise ForkError(f"checkpoint of `{state.channel}` is not acceptable: {error}") from error


def check_answer(state: ReaderState, answer: Answer, parts: list[bytes], public_key: bytes) -> Accepted:
    """Return the entries of an answer whose log is proved to extend what this reader has seen.

    Raises:
        ForkError: a log fault: the checkpoint is not signed, goes back, contradicts an earlier one, or an entry header is missing, out of
            place or malformed.
        RecordError: the answer does not fit the question; nothing was proved either way.
    """
    count = answer.end - answer.start
    fits = answer.channel == state.channel and answer.start == state.size >= 0 and count >= 0
    if not fits or len(parts) != 2 + 2 * count:
        raise RecordError(f"answer does not fit the pull of `{state.channel}` from `{state.size}`")
    checkpoint = check_checkpoint(state, answer.epoch, parts[0], public_key)
    _check_extends(state, checkpoint, answer)
    entries = tuple(
        _check_entry(state, answer, answer.start + i, parts[2 + 2 * i], parts[3 + 2 * i]) for i in range(count)
    )
    frontier = CompactRange.from_bytes(state.frontier)
    frontier.extend(entry.leaf for entry in entries)
    root = frontier.root()
    _check_leads(state, answer.end, root, checkpoint, answer.proof)
    return Accepted(entries, checkpoint, parts[0], frontier.to_bytes(), root, answer.proof)


def _check_extends(state: ReaderState, checkpoint: note.Checkpoint, answer: Answer) -> None:
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        raise ForkError(f"checkpoint of `{state.channel}` gives the empty log another root than it has")
    if checkpoint.size < state.seen_size:
        raise ForkError(
            f"checkpoint of `{state.channel}` goes back from `{state.seen_size}` to `{checkpoint.size}` entries"
        )
    _check_leads(state, state.seen_size, state.seen_root, checkpoint, answer.consistency)


def _check_leads(
    state: ReaderState, size: int, root: bytes, checkpoint: note.Checkpoint, proof: tuple[str, ...]
) -> None:
    """Accept that a log of `size` and `root` is a prefix of the checkpoint; of the empty log nothing needs proof (RFC 9162 §2.1.4)."""
    if size == 0:
        return
    try:
        verify_consistency(size, checkpoint.size, root, checkpoint.root, _hashes(proof))
    except (RecordError, ForkError) as error:
        raise ForkError(
            f"log of `{state.channel}` up to `{size}` does not lead to the signed checkpoint: {error}"
        ) from error


def _check_entry(state: ReaderState, answer: Answer, index: int, data: bytes, body: bytes) -> Shown:
    try:
        header = decode_header(data)
    except RecordError as error:
        raise ForkError(f"entry `{index}` of `{state.channel}`: {error}") from error
    if (header.channel, header.epoch, header.index) != (state.channel, answer.epoch, index):
        raise ForkError(f"entry `{index}` of `{state.channel}` is headed for another place")
    return Shown(header, data, leaf_hash(data), body)


def _hashes(texts: tuple[str, ...]) -> list[bytes]:
    try:
        return [bytes.fromhex(text) for text in texts]
    except ValueError as error:
        raise RecordError("a proof hash is not hex") from error
