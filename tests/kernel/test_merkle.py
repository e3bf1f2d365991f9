"""The Merkle log against its definition in RFC 9162, against hand-worked roots and against public vectors."""

from __future__ import annotations

import base64
import json
import os
import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kizuna.errors import ForkError, JournalCorruptError, KizunaError, RecordError
from kizuna.kernel import merkle
from kizuna.kernel.merkle import (
    CompactRange,
    Tree,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

SHARED = Path(os.environ.get("KIZUNA_SHARED", Path(__file__).parents[3] / "shared"))
LEAVES = [leaf_hash(b"entry %d" % number) for number in range(40)]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = naive_split(len(leaves))
    return sha256(b"\1" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def naive_split(count: int) -> int:
    k = 1
    while k * 2 < count:
        k *= 2
    return k


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = naive_split(len(leaves))
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(size1: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 9162, 2.1.4.1."""
    if size1 == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = naive_split(len(leaves))
    if size1 <= k:
        return [*naive_proof(size1, leaves[:k], whole=whole), naive_root(leaves[k:])]
    return [*naive_proof(size1 - k, leaves[k:], whole=False), naive_root(leaves[:k])]


def test_roots_worked_by_hand() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    one = sha256(b"\x00a").digest()
    two = sha256(b"\x01" + one + sha256(b"\x00b").digest()).digest()
    three = sha256(b"\x01" + two + sha256(b"\x00c").digest()).digest()
    tree = Tree(leaf_hash(letter) for letter in (b"a", b"b", b"c"))
    assert [tree.root(size).hex() for size in range(4)] == [empty, one.hex(), two.hex(), three.hex()]
    assert merkle.EMPTY_ROOT.hex() == empty
    # SHA-256 of the single byte 0x00: the hash of an empty leaf, as every RFC 6962 implementation prints it
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_every_size_to_forty_equals_the_definition() -> None:
    tree, edge = Tree(), CompactRange()
    for size in range(len(LEAVES) + 1):
        assert tree.root() == edge.root() == naive_root(LEAVES[:size])
        assert tree.size == edge.size == size
        if size < len(LEAVES):
            tree.append(LEAVES[size])
            edge.append(LEAVES[size])
    for size2 in range(1, len(LEAVES) + 1):
        root2 = naive_root(LEAVES[:size2])
        assert tree.root(size2) == root2
        for index in range(size2):
            path = tree.inclusion_proof(index, size2)
            assert path == naive_path(index, LEAVES[:size2])
            verify_inclusion(index, size2, LEAVES[index], path, root2)
        for size1 in range(1, size2 + 1):
            proof = tree.consistency_proof(size1, size2)
            assert proof == naive_proof(size1, LEAVES[:size2])
            verify_consistency(size1, size2, naive_root(LEAVES[:size1]), root2, proof)


@given(st.lists(st.integers(0, 30), max_size=8))
def test_batches_of_any_size_give_what_single_appends_give(batches: list[int]) -> None:
    tree, edge, done = Tree(), CompactRange(), 0
    numbers = [leaf_hash(b"%d" % number) for number in range(sum(batches))]
    for count in batches:
        tree.extend(numbers[done : done + count])
        edge.extend(iter(numbers[done : done + count]))
        done += count
        assert tree.root() == edge.root() == naive_root(numbers[:done])
    tree.append(LEAVES[0])
    edge.append(LEAVES[0])
    assert tree.root() == edge.root() == naive_root([*numbers, LEAVES[0]])


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of four leaves, and sixteen leaves kept: what a long log does happens to a short one."""
    for name, value in (("TILE_HEIGHT", 2), ("TILE_LEAVES", 4), ("KEPT_LEAVES", 16), ("_PAGE_LEAVES", 7)):
        monkeypatch.setattr(merkle, name, value)


@pytest.mark.usefixtures("small_tiles")
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_log_that_reads_its_old_leaves_again_proves_what_one_that_keeps_them_proves(data: st.DataObject) -> None:
    stored = [leaf_hash(b"%d" % number) for number in range(data.draw(st.integers(0, 90)))]
    whole, tree = Tree(stored), Tree(tiles=_some_tiles(data, stored), read=lambda start, end: stored[start:end])
    tree.catch_up()
    for count in data.draw(st.lists(st.integers(0, 9), max_size=12)):
        more = [leaf_hash(b"more %d" % (tree.size + number)) for number in range(count)]
        if count == 1:
            tree.append(more[0])
        else:
            tree.extend(more)
        whole.extend(more)
        stored += more
        tree = tree.copy() if count == 4 else tree
    assert (tree.size, tree.root()) == (whole.size, whole.root())
    for _ in range(4 * bool(stored)):
        size2 = data.draw(st.integers(1, len(stored)))
        size1, index = data.draw(st.integers(1, size2)), data.draw(st.integers(0, size2 - 1))
        assert tree.root(size2) == whole.root(size2)
        assert tree.inclusion_proof(index, size2) == whole.inclusion_proof(index, size2)
        assert tree.consistency_proof(size1, size2) == whole.consistency_proof(size1, size2)


def _some_tiles(data: st.DataObject, leaves: list[bytes]) -> list[bytes]:
    whole = len(leaves) // merkle.TILE_LEAVES
    return _tiles_of(leaves[: data.draw(st.integers(0, whole)) * merkle.TILE_LEAVES])


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("stored", [[], LEAVES[:7], LEAVES[:5] + LEAVES[6:] + LEAVES[5:6]])
def test_old_leaves_that_are_lost_or_altered_prove_nothing(stored: list[bytes]) -> None:
    tree = Tree(tiles=_tiles_of(LEAVES), read=lambda start, end: stored[start:end])
    assert tree.root() == Tree(LEAVES).root(), "what does not need them is told all the same"
    with pytest.raises(JournalCorruptError, match="leaves `4` to `7` as read again are not those of the log"):
        tree.inclusion_proof(6, 40)


def _tiles_of(leaves: list[bytes]) -> list[bytes]:
    return [Tree(leaves[at : at + merkle.TILE_LEAVES]).root() for at in range(0, len(leaves), merkle.TILE_LEAVES)]


def test_a_long_log_takes_little_memory() -> None:
    def read(start: int, end: int) -> list[bytes]:
        return [leaf_hash(b"%d" % number) for number in range(start, min(end, 200_000))]

    tracemalloc.start()
    try:
        tree = Tree(read=read)
        tree.catch_up()
        read_in, _ = tracemalloc.get_traced_memory()
        for number in range(200_000, 260_000):
            tree.append(leaf_hash(b"%d" % number))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert tree.size == 260_000
    assert max(read_in, kept) < 4 << 20, "64 bytes a leaf would be 16 MiB"
    first = tree.inclusion_proof(0, tree.size)
    verify_inclusion(0, tree.size, leaf_hash(b"0"), first, tree.root())


@settings(max_examples=300)
@given(st.data())
def test_no_other_proof_is_accepted(data: st.DataObject) -> None:
    tree = Tree(LEAVES)
    size2 = data.draw(st.integers(2, len(LEAVES)))
    size1 = data.draw(st.integers(1, size2 - 1))
    index = data.draw(st.integers(0, size2 - 1))
    path, proof = tree.inclusion_proof(index, size2), tree.consistency_proof(size1, size2)
    for honest, check in (
        (path, lambda other: verify_inclusion(index, size2, LEAVES[index], other, tree.root(size2))),
        (proof, lambda other: verify_consistency(size1, size2, tree.root(size1), tree.root(size2), other)),
    ):
        for altered in _alterations(data, honest):
            with pytest.raises((ForkError, RecordError)):
                check(altered)
    other_index = data.draw(st.integers(0, size2 - 1).filter(lambda number: number != index))
    with pytest.raises((ForkError, RecordError)):
        verify_inclusion(other_index, size2, LEAVES[index], path, tree.root(size2))


def _alterations(data: st.DataObject, honest: list[bytes]) -> list[list[bytes]]:
    place = data.draw(st.integers(0, len(honest)))
    result = [[*honest[:place], LEAVES[3], *honest[place:]]]
    if place < len(honest):
        bit = data.draw(st.integers(0, 255))
        changed = (int.from_bytes(honest[place], "big") ^ (1 << bit)).to_bytes(32, "big")
        result.append([*honest[:place], changed, *honest[place + 1 :]])
        result.append([*honest[:place], *honest[place + 1 :]])
        result.append([*honest[:place], honest[place][:-1], *honest[place + 1 :]])
    return result


def test_a_rewritten_past_is_a_fork_and_a_bad_proof_is_malformed() -> None:
    honest, other = Tree(LEAVES[:9]), Tree([LEAVES[20], *LEAVES[1:9]])
    with pytest.raises(ForkError, match="does not extend"):
        verify_consistency(5, 9, honest.root(5), other.root(9), other.consistency_proof(5, 9))
    with pytest.raises(ForkError, match="two roots"):
        verify_consistency(9, 9, honest.root(), other.root(), [])
    with pytest.raises(ForkError, match="another root"):
        verify_inclusion(2, 9, LEAVES[2], honest.inclusion_proof(2, 9), other.root(9))
    with pytest.raises(RecordError, match="more than 63"):
        verify_consistency(5, 9, honest.root(5), honest.root(9), [LEAVES[0]] * 65)
    with pytest.raises(RecordError, match="drop it"):
        verify_consistency(9, 9, honest.root(), honest.root(), [LEAVES[0]])
    with pytest.raises(RecordError, match="not 32 bytes"):
        verify_inclusion(0, 1, LEAVES[0][:31], [], LEAVES[0][:31])


@pytest.mark.parametrize(("size1", "size2"), [(0, 0), (0, 5), (6, 5), (-1, 5), (1, 1 << 53)])
def test_sizes_that_prove_nothing_are_refused(size1: int, size2: int) -> None:
    tree = Tree(LEAVES)
    with pytest.raises(RecordError):
        verify_consistency(size1, size2, LEAVES[0], LEAVES[0], [])
    with pytest.raises(RecordError):
        tree.consistency_proof(size1, size2)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5), (5, 41)])
def test_a_leaf_outside_the_log_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(RecordError):
        Tree(LEAVES).inclusion_proof(index, size)
    if size <= len(LEAVES):
        with pytest.raises(RecordError, match="below size"):
            verify_inclusion(index, size, LEAVES[0], [], LEAVES[0])


def test_a_tree_gives_no_root_of_a_size_that_it_has_not_reached() -> None:
    tree = Tree(LEAVES[:5])
    for size in (-1, 6):
        with pytest.raises(RecordError, match="has `5` leaves"):
            tree.root(size)


def test_a_compact_range_survives_storage_and_a_copy_is_its_own() -> None:
    edge = CompactRange()
    for leaf in LEAVES[:11]:
        stored = CompactRange.from_bytes(edge.to_bytes())
        assert (stored.size, stored.root()) == (edge.size, edge.root())
        edge.append(leaf)
    twin = edge.copy()
    twin.append(LEAVES[12])
    assert (edge.size, edge.root()) == (11, naive_root(LEAVES[:11]))
    assert twin.root() == naive_root([*LEAVES[:11], LEAVES[12]])
    whole = edge.to_bytes()
    for broken in (b"", whole[:-1], whole + b"\0", whole[:40], b"\xff" * 8 + LEAVES[0] * 64):
        with pytest.raises(RecordError, match="compact range"):
            CompactRange.from_bytes(broken)


def test_the_empty_range_is_eight_zero_bytes() -> None:
    assert CompactRange().to_bytes() == bytes(8)
    assert CompactRange.from_bytes(bytes(8)).root() == merkle.EMPTY_ROOT


def test_node_hash_separates_leaves_from_nodes() -> None:
    assert node_hash(LEAVES[0], LEAVES[1]) != leaf_hash(LEAVES[0] + LEAVES[1])


def _vectors(kind: str) -> list[Path]:
    return sorted((SHARED / "data" / "vectors" / f"merkle-{kind}").rglob("*.json"))


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_public_vectors(kind: str) -> None:
    files = _vectors(kind)
    if not files:
        pytest.skip(f"no merkle-{kind} vectors below {SHARED}; set KIZUNA_SHARED")
    wrong = [file.name for file in files if _accepts(kind, json.loads(file.read_text())) is not None]
    assert len(files) >= 90
    assert wrong == []


def _accepts(kind: str, case: dict[str, object]) -> str | None:
    """Return what went wrong with one vector, None where the answer is the expected one."""

    def raw(name: str) -> bytes:
        return base64.b64decode(str(case[name] or ""))

    hashes = case["proof"] or []
    assert isinstance(hashes, list)
    proof = [base64.b64decode(item) for item in hashes]
    try:
        if kind == "inclusion":
            verify_inclusion(int(str(case["leafIdx"])), int(str(case["treeSize"])), raw("leafHash"), proof, raw("root"))
        else:
            sizes = int(str(case["size1"])), int(str(case["size2"]))
            verify_consistency(*sizes, raw("root1"), raw("root2"), proof)
    except KizunaError as error:
        return None if case["wantErr"] else str(error)
    return "accepted" if case["wantErr"] else None
