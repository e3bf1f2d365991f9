"""The Merkle tree of a channel log: hashes, proofs and their verification (RFC 6962; RFC 9162, section 2.1).

A sender keeps a `Tree`, from which it proves; a receiver keeps a `CompactRange`, a few hundred bytes that give the
root. A tile is a complete subtree of 256 leaves, as in https://c2sp.org/tlog-tiles: of a log that can be read again
the tree keeps old tiles by their roots. What a leaf contains, who signs a root and where hashes are stored is left to
the channel and the stores.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from kizuna.errors import ForkError, JournalCorruptError, RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

HASH_SIZE = 32
"""Bytes in a hash."""

MAX_SIZE = (1 << 53) - 1
"""The most leaves of a log: sizes also stand in canonical JSON, whose integers stay below 2^53."""

MAX_PROOF_HASHES = 63
"""The longest proof that is looked at."""

TILE_HEIGHT = 8
TILE_LEAVES = 1 << TILE_HEIGHT
"""Leaves below the root of a tile."""

KEPT_LEAVES = 16_384
"""How many of the newest leaves a tree that can read the others keeps at least: more than are ever on their way into a journal."""

_PAGE_LEAVES = 65_536
"""Leaves read at a time where many are: rows take several times the room of their hashes."""

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
    """A whole log as its writer proves from it: the root of any earlier size, and every proof between sizes reached.

    It holds the hash of every complete subtree, 64 bytes a leaf. Given `read`, which returns the leaf hashes of [start, end) as far as there are
    any, it holds them for the newest leaves alone, and of the others the roots of their tiles and what is above: a quarter of a byte a leaf.
    `tiles` are the roots of the first tiles, which then need not be read.
    """

    __slots__ = ("_cut", "_levels", "_opened", "_read", "size")

    def __init__(
        self,
        leaves: Iterable[bytes] = (),
        *,
        tiles: Iterable[bytes] = (),
        read: Callable[[int, int], Sequence[bytes]] | None = None,
    ) -> None:
        self._read = read
        self._opened: tuple[int, Tree] | None = None
        """The tile that was read last, by number."""
        self._levels: list[bytearray] = [*(bytearray() for _ in range(TILE_HEIGHT)), bytearray(b"".join(tiles))]
        self._cut = self.size = len(self._levels[TILE_HEIGHT]) // HASH_SIZE * TILE_LEAVES
        """Below tiles nothing is held of the first `_cut` leaves."""
        self._fill(TILE_HEIGHT)
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
        self._trim()

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in order; cheaper than one `append` for each, as a level is filled in one pass."""
        self._levels[0] += b"".join(leaves)
        self.size = self._cut + len(self._levels[0]) // HASH_SIZE
        self._fill(0)
        self._trim()

    def catch_up(self) -> None:
        """Add every leaf that can be read beyond those held."""
        while self._read is not None and (leaves := self._read(self.size, self.size + _PAGE_LEAVES)):
            self.extend(leaves)

    def copy(self) -> Tree:
        """Return a log of its own with the same leaves."""
        made = Tree(read=self._read)
        made.size, made._cut, made._levels = self.size, self._cut, [bytearray(level) for level in self._levels]
        return made

    def _fill(self, lowest: int) -> None:
        """Add the nodes whose two halves stand on the level below them, from level `lowest` on."""
        levels, height = self._levels, lowest
        while len(below := levels[height]) >= 2 * HASH_SIZE:
            if height + 1 == len(levels):
                levels.append(bytearray())
            above = levels[height + 1]
            lacking = self._cut >> height if height == TILE_HEIGHT - 1 else 0  # elsewhere both levels lack the same
            todo = range(2 * len(above) - lacking * HASH_SIZE, len(below) - HASH_SIZE, 2 * HASH_SIZE)
            above += b"".join([sha256(b"\1" + below[at : at + 64]).digest() for at in todo])
            height += 1

    def _trim(self) -> None:
        """Let go of what is below old tiles, where it can be read again."""
        if self._read is None or self.size - self._cut < 2 * KEPT_LEAVES:
            return
        cut = (self.size - KEPT_LEAVES) >> TILE_HEIGHT << TILE_HEIGHT
        for height in range(TILE_HEIGHT):
            del self._levels[height][: (cut - self._cut >> height) * HASH_SIZE]
        self._cut = cut

    def _tile(self, number: int) -> Tree:
        """Return a tile as a log of its own, read again and held to its root."""
        if self._opened is None or self._opened[0] != number:
            first, last = number * TILE_LEAVES, (number + 1) * TILE_LEAVES - 1
            tile = Tree(self._read(first, last + 1) if self._read is not None else ())
            if tile.root() != self.subtree(TILE_HEIGHT, number):
                raise JournalCorruptError(
                    f"leaves `{first}` to `{last}` as read again are not those of the log: verify the journal, then rebuild its tables"
                )
            self._opened = number, tile
        return self._opened[1]

    def root(self, size: int | None = None) -> bytes:
        """Return the 32-byte root of the first `size` leaves, of all without `size`.

        Raises:
            RecordError: the log has not reached `size`.
        """
        if size is None:
            size = self.size
        self._check_reached(size)
        return self._range_root(0, size)

    def subtree(self, height: int, number: int) -> bytes:
        """Return the hash of the complete subtree that is the `number`th of 2^`height` leaves.

        Raises:
            RecordError: the log has not reached its end.
            JournalCorruptError: it had to be read again, and is not what it was.
        """
        self._check_reached((number + 1) << height)
        at = number - (self._cut >> height if height < TILE_HEIGHT else 0)
        if at >= 0:
            return bytes(self._levels[height][at * HASH_SIZE : (at + 1) * HASH_SIZE])
        depth = TILE_HEIGHT - height
        return self._tile(number >> depth).subtree(height, number & ((1 << depth) - 1))

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
            peaks.append(self.subtree(height, start >> height))
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
