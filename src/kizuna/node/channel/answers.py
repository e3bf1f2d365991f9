"""What a reader takes from an answer, as values: how far it holds a channel before, during and after.

Nothing here knows the node; the traffic is `kizuna.node.channel.pulling`'s, the verdict on each entry `kizuna.node.channel.incoming`'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kizuna.errors import BundleError, ForkError, RecordError
from kizuna.kernel import canonical
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import Accepted, ReaderState, Shown, check_answer, first_state
from kizuna.kernel.journal import Entry
from kizuna.kernel.merkle import EMPTY_ROOT, CompactRange
from kizuna.node.channel.incoming import Arrival, Floor, InState

MOST_BLOB_BYTES = 64 << 20
"""How many bytes of blobs wait for one commit: they are in memory until then."""


@dataclass(frozen=True)
class After:
    """What memory holds once an arrival is durable."""

    reader: ReaderState
    note: bytes
    receipt: bytes | None
    arrival: Arrival


def split_at_rules(base: ReaderState, accepted: Accepted) -> tuple[Accepted, Accepted | None]:
    """Return what of an answer is judged in one go, and the rest.

    What follows a key set or an agreement is judged under the new rules, but for more about agreements, which no agreement judges; what shows more
    blobs than fit into memory at once waits for its turn.
    """
    blob_bytes = 0
    for place, shown in enumerate(accepted.entries[:-1]):
        blob_bytes += _blob_bytes(shown)
        following = accepted.entries[place + 1]
        full = blob_bytes + _blob_bytes(following) > MOST_BLOB_BYTES
        kind = shown.header.kind
        if full or kind in {"keys", "notice"} or (kind == "instrument" and following.header.kind != "instrument"):
            frontier = CompactRange.from_bytes(base.frontier)
            frontier.extend(entry.leaf for entry in accepted.entries[: place + 1])
            first = replace(
                accepted,
                entries=accepted.entries[: place + 1],
                frontier=frontier.to_bytes(),
                root=frontier.root(),
                proof=(),
            )
            return first, replace(accepted, entries=accepted.entries[place + 1 :])
    return accepted, None


def _blob_bytes(shown: Shown) -> int:
    return sum(blob.size for blob in shown.header.blobs)


def base_after(base: ReaderState, first: Accepted, floor: Floor) -> ReaderState:
    """Return the reader's state once the first part of a split answer is committed."""
    return replace(
        base,
        epoch=first.entries[0].header.epoch,
        size=base.size + len(first.entries),
        frontier=first.frontier,
        released_at_ms=floor.released_at_ms,
        receipted_epoch=floor.receipted_epoch,
        receipted=floor.receipted,
    )


def ahead_of(base: ReaderState, accepted: Accepted, epoch: int) -> ReaderState:
    """Return the reader's state as it will be once an accepted answer is committed."""
    return replace(
        base,
        epoch=epoch,
        size=base.size + len(accepted.entries),
        frontier=accepted.frontier,
        seen_size=accepted.checkpoint.size,
        seen_root=accepted.checkpoint.root,
    )


def next_epoch(known: ReaderState, epoch: int) -> ReaderState:
    """Return the state before the first entry of a later epoch: nothing is held of it, and time goes on."""
    return replace(first_state(known.channel, epoch), released_at_ms=known.released_at_ms)


def base_of(known: ReaderState, accepted: Accepted) -> ReaderState:
    """Return the state that what a bundle brings follows: the one held, or the beginning of the epoch that it opens."""
    epoch = accepted.entries[0].header.epoch
    return known if epoch == known.epoch else next_epoch(known, epoch)


def check_epoch_entry(accepted: Accepted, known: ReaderState) -> None:
    """Accept the first entry of a new epoch: it names a checkpoint of the old one that does not contradict what was seen.

    Raises:
        ForkError: the new epoch does not begin with an epoch entry, or its word about the old one contradicts what this node has seen.
    """
    if not accepted.entries or accepted.entries[0].header.kind != "epoch":
        raise ForkError(f"`{known.channel}` began a new epoch without naming the old one")
    first = accepted.entries[0]
    try:
        if hashlib.sha256(first.body).hexdigest() != first.header.body_sha256:
            raise RecordError("its body is not the one that its header names")  # noqa: TRY301 # one sentence for all that is wrong with it
        said = canonical.decode(first.body)
        epoch, size, root = said["epoch"], said["size"], bytes.fromhex(said["root"])
    except (RecordError, KeyError, TypeError, ValueError) as error:
        raise ForkError(f"`{known.channel}` began a new epoch with a malformed entry") from error
    if epoch == known.epoch and size == known.seen_size and root != known.seen_root:
        raise ForkError(f"`{known.channel}` names another root for `{size}` entries than it once signed")


def keyset_entry(node: str, keyset: tuple[int, bytes] | None, now_ms: int) -> Entry:
    """Return the journal entry of a partner's newer key set."""
    version, envelope = keyset or (0, b"")
    return Entry(kind="keyset", at_ms=now_ms, meta={"node": node, "version": version}, body=envelope)


def revoked_entry(node: str, revoked: tuple[int, int, int] | None, now_ms: int) -> Entry:
    """Return the journal entry of a partner's revocation: version, and from which epoch and index on it does not count."""
    version, epoch, index = revoked or (0, 0, 0)
    return Entry(
        kind="key-revoked", at_ms=now_ms, meta={"epoch": epoch, "index": index, "node": node, "version": version}
    )


def progress_entry(reader: ReaderState, accepted: Accepted, now_ms: int) -> Entry:
    """Return the journal entry that says how far a channel is held, with the checkpoint that proves it."""
    meta = {
        "channel": reader.channel,
        "epoch": reader.epoch,
        "frontier": reader.frontier.hex(),
        "lead": list(accepted.proof),
        "receipted": reader.receipted,
        "receipted_epoch": reader.receipted_epoch,
        "released_at_ms": reader.released_at_ms,
        "root": accepted.root.hex(),
        "seen_root": reader.seen_root.hex(),
        "seen_size": reader.seen_size,
        "size": reader.size,
    }
    return Entry(kind="progress-in", at_ms=now_ms, meta=meta, body=accepted.note)


def check_carried(
    state: InState, leaves: Sequence[bytes], head: wire.Answer, parts: list[bytes], public_key: bytes
) -> Accepted | None:
    """Return what a bundle brings beyond what is held, or None where nothing is new; `leaves` are all held of this epoch.

    A bundle's sender did not know how far the reader is: its entries may overlap, which must then be the same, or leave a gap.

    Raises:
        ForkError: the bundle contradicts what was seen or held.
        BundleError: it begins beyond what is held; says from where to ask for a bundle.
    """
    reader = state.reader
    if head.epoch != reader.epoch:
        if head.epoch < reader.epoch or head.start:
            raise BundleError(
                f"bundle is of epoch `{head.epoch}`, `{reader.channel}` is at `{reader.epoch}`: ask for one from 0"
            )
        accepted = check_answer(next_epoch(reader, head.epoch), head, parts, public_key)
        check_epoch_entry(accepted, reader)
        return accepted
    if head.start > reader.size:
        raise BundleError(
            f"bundle begins at entry `{head.start}` and `{reader.channel}` is held up to `{reader.size}`: import the earlier bundle first"
        )
    frontier = CompactRange()
    frontier.extend(leaves[: head.start])
    at_start = ReaderState(reader.channel, reader.epoch, head.start, frontier.to_bytes(), 0, EMPTY_ROOT)
    accepted = check_answer(at_start, head, parts, public_key)
    known = reader.size - head.start
    for mine, shown in zip(leaves[head.start :], accepted.entries, strict=False):
        if mine != shown.leaf:
            raise ForkError(f"entry `{shown.header.index}` of `{reader.channel}` differs from the one held")
    linked = _check_seen(reader, leaves, accepted)
    if len(accepted.entries) <= known:
        return None
    accepted = replace(accepted, entries=accepted.entries[known:])
    if linked and accepted.checkpoint.size >= reader.seen_size:
        return accepted
    # The newest checkpoint seen stays until one is shown to extend it: what was once seen is never forgotten.
    seen = accepted.checkpoint._replace(size=reader.seen_size, root=reader.seen_root)
    return replace(accepted, checkpoint=seen, note=state.note, proof=())


def _check_seen(reader: ReaderState, leaves: Sequence[bytes], accepted: Accepted) -> bool:
    """Accept that the bundle's checkpoint and the newest one seen are of one log; return whether the leaves at hand reach far enough to say so."""
    start = accepted.entries[0].header.index if accepted.entries else len(leaves)
    every = [*leaves[:start], *(shown.leaf for shown in accepted.entries)]
    every += leaves[len(every) :]
    for size, root in ((reader.seen_size, reader.seen_root), (accepted.checkpoint.size, accepted.checkpoint.root)):
        if size > len(every):
            continue
        whole = CompactRange()
        whole.extend(every[:size])
        if whole.root() != root:
            raise ForkError(f"`{reader.channel}` has two histories: its checkpoints at `{size}` differ")
    return reader.seen_size <= len(every)
