"""The Merkle tree of a channel log: hashes, proofs and their verification (RFC 6962; RFC 9162, section 2.1).

A sender keeps a `Tree`, from which it proves; a receiver keeps a `CompactRange`, a few hundred bytes that give the
root. What a leaf contains, who signs a root and where hashes are stored is left to the channel and the stores.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from kizuna.errors import ForkError, RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HASH_SIZE = 32
"""Bytes in a hash."""

MAX_SIZE = (1 << 53) - 1
"""The most leaves of a log: sizes also stand in canonical JSON, whose integers stay below 2^53."""

MAX_PROOF_HASHES = 63
"""The longest proof that is looked at."""

EMPTY_ROOT = sha256(b"").digest()
"""The root of a log without leaves."""

_SIZE_BYTES = 8


def leaf_hash(data: bytes) -> bytes:
    """Return the 32-byte hash of a leaf, `SHA-256(0x00 || data)` (RFC 9162, 2.1.1)."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash of an inner node, `SHA-256(0x01 || left || right)` (RFC 9162, 2.1.1)."""
    return sha256(b"\1" + left + right).digest()


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash `leaf` stands at `index` among the `size` leaves under `root`.

    RFC 9162, section 2.1.3.2.

    Raises:
        RecordError: the proof cannot be one for this index and size, whatever the hashes.
        ForkError: the proof leads to another root.
    """
    if not 0 <= index < size <= MAX_SIZE:
        raise RecordError(f"inclusion proof for index `{index}` of `{size}`; index must be below size")
    _check_hashes((leaf, *proof), "inclusion")
    computed = leaf
    for sibling, stands_left in zip(proof, _sides(index, size - 1, len(proof)), strict=True):
        computed = node_hash(sibling, computed) if stands_left else node_hash(computed, sibling)
    if computed != root:
        raise ForkError(f"inclusion proof for index `{index}` of `{size}` leads to another root")


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """Check that the log of `size2` leaves under `root2` extends the one of `size1` under `root1`.

    RFC 9162, section 2.1.4.2. An empty log is a prefix of every log, so there is nothing to prove from it: `size1`
    zero is refused, and a caller that has seen nothing yet does not ask. Equal sizes need equal roots and an
    empty proof.

    Raises:
        RecordError: the proof cannot be one for these sizes, whatever the hashes.
        ForkError: the two roots do not belong to one log.
    """
    if not 1 <= size1 <= size2 <= MAX_SIZE:
        raise RecordError(f"consistency proof from size `{size1}` to `{size2}`; sizes are 1 or more and rise")
    if size1 == size2:
        if proof:
            raise RecordError(f"consistency proof of `{len(proof)}` hashes between equal sizes; drop it")
        if root1 != root2:
            raise ForkError(f"two roots for one log of size `{size1}`")
        return
    # The walk starts at the last complete subtree of the earlier log; where that is all of it, its root is known.
    known = [] if size1 & (size1 - 1) else [root1]
    _check_hashes((*known, *proof), "consistency")
    first, *siblings = (*known, *proof) or (b"",)
    skipped = (size1 ^ (size1 - 1)).bit_length() - 1
    computed1 = computed2 = first
    sides = _sides((size1 - 1) >> skipped, (size2 - 1) >> skipped, len(siblings))
    for sibling, stands_left in zip(siblings, sides, strict=True):
        if stands_left:
            computed1 = node_hash(sibling, computed1)
            computed2 = node_hash(sibling, computed2)
        else:
            computed2 = node_hash(computed2, sibling)
    if computed1 != root1 or computed2 != root2:
        raise ForkError(f"the log of size `{size2}` does not extend the log of size `{size1}` seen before")


def _sides(node: int, last: int, count: int) -> list[bool]:
    """Return, for each hash on the way from `node` to the root, whether it stands left of the way.

    `node` and `last` number the start and the last node of its level, from zero.
    """
    sides = []
    while last:
        stands_left = bool(node & 1)
        if stands_left or node != last:
            sides.append(stands_left)
        node >>= 1
        last >>= 1
    if len(sides) != count:
        raise RecordError(f"proof with `{count}` hashes on the way to the root; these sizes need `{len(sides)}`")
    return sides


def _check_hashes(hashes: Sequence[bytes], kind: str) -> None:
    if len(hashes) > MAX_PROOF_HASHES + 1:
        raise RecordError(f"{kind} proof of more than {MAX_PROOF_HASHES} hashes; a log cannot need it")
    if any(len(item) != HASH_SIZE for item in hashes):
        raise RecordError(f"{kind} proof with a hash that has not {HASH_SIZE} bytes; send whole hashes")


class CompactRange:
    """The right edge of a log: one hash per complete subtree, enough to append and to give the root.

    `size` is the number of leaves. Leaf hashes are taken as they come: whoever appends made them by `leaf_hash`.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        peaks = self._peaks
        size = self.size
        self.size = size + 1
        while size & 1:
            leaf = sha256(b"\1" + peaks.pop() + leaf).digest()
            size >>= 1
        peaks.append(leaf)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in order; cheaper than one `append` for each."""
        peaks = self._peaks
        pop, push, size = peaks.pop, peaks.append, self.size
        for leaf in leaves:
            node, rest = leaf, size
            while rest & 1:
                node = sha256(b"\1" + pop() + node).digest()
                rest >>= 1
            push(node)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """Return the 32-byte root of all leaves so far."""
        return _fold(self._peaks)

    def copy(self) -> CompactRange:
        """Return an independent copy, to try an answer before it is committed."""
        twin = CompactRange()
        twin.size = self.size
        twin._peaks = self._peaks.copy()
        return twin

    def to_bytes(self) -> bytes:
        """Return the size as 8 bytes, big-endian, and the hashes from the largest subtree to the smallest."""
        return self.size.to_bytes(_SIZE_BYTES, "big") + b"".join(self._peaks)

    @classmethod
    def from_bytes(cls, data: bytes) -> CompactRange:
        """Return the range that `to_bytes` wrote.

        Raises:
            RecordError: the length does not fit the size.
        """
        size = int.from_bytes(data[:_SIZE_BYTES], "big")
        if size > MAX_SIZE or len(data) != _SIZE_BYTES + HASH_SIZE * size.bit_count():
            raise RecordError(f"compact range of `{len(data)}` bytes does not fit size `{size}`; rebuild it")
        result = cls()
        result.size = size
        result._peaks = [data[at : at + HASH_SIZE] for at in range(_SIZE_BYTES, len(data), HASH_SIZE)]
        return result


class Tree:
    """A whole log in memory: the hash of every complete subtree, 64 bytes a leaf in all.

    It gives the root of any earlier size and every proof between sizes that it has reached.
    """

    __slots__ = ("_levels", "size")

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._levels: list[bytearray] = [bytearray()]
        self.extend(leaves)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        levels = self._levels
        levels[0] += leaf
        rest = self.size
        self.size = rest + 1
        height = 0
        while rest & 1:
            node = sha256(b"\1" + levels[height][-64:]).digest()
            height += 1
            if height == len(levels):
                levels.append(bytearray())
            levels[height] += node
            rest >>= 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in order; cheaper than one `append` for each, as a level is filled in one pass."""
        levels = self._levels
        levels[0] += b"".join(leaves)
        self.size = len(levels[0]) // HASH_SIZE
        for height, below in enumerate(levels):
            if len(below) < 2 * HASH_SIZE:
                break
            if height + 1 == len(levels):
                levels.append(bytearray())
            above = levels[height + 1]
            todo = range(2 * len(above), len(below) - HASH_SIZE, 2 * HASH_SIZE)
            above += b"".join([sha256(b"\1" + below[at : at + 64]).digest() for at in todo])

    def copy(self) -> Tree:
        """Return a log of its own with the same leaves."""
        made = Tree()
        made.size, made._levels = self.size, [bytearray(level) for level in self._levels]
        return made

    def root(self, size: int | None = None) -> bytes:
        """Return the 32-byte root of the first `size` leaves, of all without `size`.

        Raises:
            RecordError: the log has not reached `size`.
        """
        if size is None:
            size = self.size
        self._check_reached(size)
        return self._range_root(0, size)

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """Return the proof that leaf `index` is among the first `size`, nearest hash first (RFC 9162, 2.1.3.1).

        Raises:
            RecordError: the log has not reached `size`, or `index` is not below it.
        """
        self._check_reached(size)
        if not 0 <= index < size:
            raise RecordError(f"no leaf `{index}` in a log of size `{size}`; ask for an index below the size")
        start, end, proof = 0, size, list[bytes]()
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                proof.append(self._range_root(middle, end))
                end = middle
            else:
                proof.append(self._range_root(start, middle))
                start = middle
        proof.reverse()
        return proof

    def consistency_proof(self, size1: int, size2: int) -> list[bytes]:
        """Return the proof that `size2` leaves extend the first `size1`; empty where equal (RFC 9162, 2.1.4.1).

        Raises:
            RecordError: the log has not reached `size2`, or `size1` is not between 1 and `size2`.
        """
        self._check_reached(size2)
        if not 1 <= size1 <= size2:
            raise RecordError(f"no consistency proof from size `{size1}` to `{size2}`; sizes must rise from 1")
        start, end, proof = 0, size2, list[bytes]()
        while size1 != end:
            middle = start + _split(end - start)
            if size1 <= middle:
                proof.append(self._range_root(middle, end))
                end = middle
            else:
                proof.append(self._range_root(start, middle))
                start = middle
        if start:
            proof.append(self._range_root(start, end))
        proof.reverse()
        return proof

    def _check_reached(self, size: int) -> None:
        if not 0 <= size <= self.size:
            raise RecordError(
                f"this log has `{self.size}` leaves, not yet `{size}`; ask for a size that it has reached"
            )

    def _range_root(self, start: int, end: int) -> bytes:
        """Return the root of leaves [start, end); `start` is a multiple of a power of two that holds them."""
        peaks = []
        while start < end:
            height = (end - start).bit_length() - 1
            at = (start >> height) * HASH_SIZE
            peaks.append(bytes(self._levels[height][at : at + HASH_SIZE]))
            start += 1 << height
        return _fold(peaks)


def _split(count: int) -> int:
    """Return the largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _fold(peaks: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees, the largest first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root
