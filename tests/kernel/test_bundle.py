"""Bundle files: what is sealed comes back to its reader alone, and every other file is refused with a reason."""

from __future__ import annotations

import random
from hashlib import sha256

import msgspec
import nacl.bindings as sodium
import nacl.public
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from kizuna.errors import BundleError
from kizuna.kernel import bundle, canonical, frames, sign
from kizuna.kernel.bundle import Consignment, Manifest, Member, open_bundle, seal, sealing_key_id, sealing_public

KIB = 1024
READER = "jpn/fusion-yokosuka"
PRIVATE = sha256(b"reader's sealing key").digest()
PUBLIC = sealing_public(PRIVATE)
OTHER = sha256(b"another sealing key").digest()
KEYS = {sealing_key_id(sealing_public(key)): key for key in (OTHER, PRIVATE)}
SENDER_KEY = sign.SigningKey(sha256(b"sender's bundle key").digest(), sign.Purpose.BUNDLE)
NOW_MS = 1_800_000_000_000
CONSIGNMENT = Consignment(
    channel="ind/fusion-delhi>jpn/fusion-yokosuka",
    checkpoint="",
    epoch=0,
    from_size=10,
    made_at_ms=NOW_MS - 1000,
    not_after_ms=NOW_MS + 1000,
    recipient=READER,
    sender="ind/fusion-delhi",
    to_size=12,
)
MEMBERS = (Member("entries", "entries", b"first entry, " * 30), Member("track.arrow", "blob", bytes(range(256))))


def _seal(members: tuple[Member, ...] = MEMBERS, seed: int = 0, to: bytes = PUBLIC, **changes: object) -> bytes:
    return seal(msgspec.structs.replace(CONSIGNMENT, **changes), members, SENDER_KEY, to, random.Random(seed).randbytes)


def _known(sender: str, key_id: str) -> bytes | None:
    return SENDER_KEY.public if (sender, key_id) == ("ind/fusion-delhi", SENDER_KEY.key_id) else None


def _open(data: bytes, *, now_ms: int = NOW_MS, recipient: str = READER) -> tuple[Manifest, tuple[Member, ...]]:
    return open_bundle(data, recipient, KEYS, now_ms, _known)


def _resealed(
    manifest: object, content: bytes, *, padding: bytes | None = None, key: sign.SigningKey = SENDER_KEY
) -> bytes:
    """Seal what an honest sender would not: any manifest over any content."""
    payload = canonical.encode(manifest)
    envelope = canonical.encode(sign.seal("bundle", payload, key))
    draw = random.Random(0).randbytes
    outside = bundle.MAGIC + bytes((1,)) + draw(16)
    if padding is None:
        plaintext = bundle._padded(envelope, content)
    else:
        size = len(frames.pack((envelope, content, padding))) // (64 * KIB - 17) + 1
        room = size * (64 * KIB - 17) - 134 - len(frames.pack((envelope, content, b"")))
        plaintext = frames.pack((envelope, content, padding.ljust(room, b"\0")))
    return bundle._encrypt(outside, plaintext, PUBLIC, draw)


def _inside(members: tuple[Member, ...] = MEMBERS) -> tuple[Manifest, bytes]:
    manifest, opened = _open(_seal(members))
    plain = b"".join(member.data for member in opened)
    return manifest, bundle._compress(plain)[1]


SEALED = _seal()


def test_what_is_sealed_comes_back() -> None:
    manifest, members = _open(SEALED)
    assert members == MEMBERS
    assert msgspec.structs.asdict(CONSIGNMENT).items() <= msgspec.structs.asdict(manifest).items()
    assert manifest.bundle_id == bundle.bundle_id(SEALED) == random.Random(0).randbytes(16).hex()
    assert manifest.recipient_key_id == sealing_key_id(PUBLIC)
    assert manifest.compression == "zstd"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(max_size=2000), max_size=6), st.integers(0, 5))
def test_any_members_come_back(contents: list[bytes], seed: int) -> None:
    members = tuple(Member(f"m{number}", "blob", data) for number, data in enumerate(contents))
    data = _seal(members, seed)
    assert _open(data)[1] == members
    assert data == _seal(members, seed)
    assert data != _seal(members, seed + 1)


def test_outside_stand_only_magic_version_and_id_and_libsodium_alone_opens_the_rest() -> None:
    assert SEALED[:14] == b"KIZUNA-BUNDLE\x01"
    key = nacl.public.SealedBox(nacl.public.PrivateKey(PRIVATE)).decrypt(SEALED[30:110])
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, SEALED[110:134], key)
    plaintext, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(state, SEALED[134:], SEALED[:30])
    assert tag == sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
    assert frames.unpack(plaintext, 3, 1 << 20)[2].tobytes().strip(b"\0") == b""
    assert b"fusion" not in SEALED
    assert sealing_key_id(PUBLIC).encode() not in SEALED


def test_size_tells_only_its_step() -> None:
    noise = random.Random(7).randbytes

    def size(count: int) -> int:
        return len(_seal((Member("m", "blob", noise(count)),)))

    assert {size(count) for count in (0, 1, 5 * KIB, 60 * KIB)} == {64 * KIB}
    assert {size(count) for count in (65 * KIB, 100 * KIB, 125 * KIB)} == {128 * KIB}
    assert size(1000 * KIB) == 1024 * KIB
    assert {size(count) for count in (1025 * KIB, 1500 * KIB, 2000 * KIB)} == {2048 * KIB}


@pytest.mark.parametrize("count", range(64 * KIB - 1400, 64 * KIB - 800, 7))
def test_content_around_the_edge_of_a_block_comes_back(count: int) -> None:
    members = (Member("m", "blob", random.Random(count).randbytes(count)),)
    assert _open(_seal(members))[1] == members


LONG = _seal((Member("m", "blob", random.Random(1).randbytes(200 * KIB)),))


@pytest.mark.parametrize(
    "length",
    [
        0,
        1,
        12,
        13,
        14,
        29,
        30,
        31,
        109,
        110,
        133,
        134,
        135,
        64 * KIB - 1,
        64 * KIB,
        64 * KIB + 1,
        128 * KIB,
        256 * KIB - 1,
    ],
)
def test_a_truncated_bundle_is_named_as_truncated(length: int) -> None:
    assert len(LONG) == 256 * KIB
    assert _open(LONG)[1][0].name == "m"
    with pytest.raises(BundleError, match=r"truncated|not a kizuna"):
        _open(LONG[:length])


@pytest.mark.parametrize("tail", [b"\0", bytes(64 * KIB), LONG[-64 * KIB :]])
def test_a_lengthened_bundle_is_refused(tail: bytes) -> None:
    with pytest.raises(BundleError, match=r"extended|follow"):
        _open(LONG + tail)


def test_blocks_in_another_order_are_refused() -> None:
    first, second, third, fourth = (LONG[at : at + 64 * KIB] for at in range(0, 256 * KIB, 64 * KIB))
    for order in ((first, third, second, fourth), (first, second, second, fourth), (first, third, fourth, second)):
        with pytest.raises(BundleError, match="altered"):
            _open(b"".join(order))
    elsewhere = _seal((Member("m", "blob", bytes(10)),), seed=5)
    with pytest.raises(BundleError, match="altered"):
        _open(elsewhere[:134] + SEALED[134:])
    with pytest.raises(BundleError, match="altered"):
        _open(elsewhere[:30] + SEALED[30:])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 134 * 8 - 1) | st.integers(0, len(SEALED) * 8 - 1))
def test_every_flipped_bit_is_refused(bit: int) -> None:
    data = bytearray(SEALED)
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BundleError, match=r"altered|not a kizuna|version"):
        _open(bytes(data))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_a_bundle_error(data: bytes) -> None:
    for start in (b"", bundle.MAGIC, bundle.MAGIC + b"\x01"):
        with pytest.raises(BundleError):
            _open(start + data)
        with pytest.raises(BundleError):
            _open((start + data).ljust(64 * KIB, b"\0"))


def test_another_version_says_so() -> None:
    with pytest.raises(BundleError, match="version `2`, this node reads 1"):
        _open(SEALED[:13] + b"\x02" + SEALED[14:])


def test_a_bundle_for_another_key_or_node_is_refused() -> None:
    stranger = sealing_public(sha256(b"stranger").digest())
    with pytest.raises(BundleError, match="not sealed to a key of this node"):
        _open(_seal(to=stranger))
    with pytest.raises(BundleError, match="not for this node"):
        _open(SEALED, recipient="jpn/other")
    with pytest.raises(BundleError, match="not sealed"):
        open_bundle(SEALED, READER, {}, NOW_MS, _known)


def test_a_bundle_opened_by_one_reader_and_sealed_again_for_another_is_refused() -> None:
    outside, draw = SEALED[:30], random.Random(3).randbytes
    manifest, members = _open(SEALED)
    content = bundle._compress(b"".join(member.data for member in members))[1]
    envelope = canonical.encode(sign.seal("bundle", canonical.encode(manifest), SENDER_KEY))
    victim = sealing_public(OTHER)
    with pytest.raises(BundleError, match=r"not for this node.*tell security"):
        _open(bundle._encrypt(outside, bundle._padded(envelope, content), victim, draw))
    renamed = outside[:14] + bytes(16)
    with pytest.raises(BundleError, match="holds bundle"):
        _open(bundle._encrypt(renamed, bundle._padded(envelope, content), PUBLIC, draw))


def test_a_bundle_is_void_from_its_last_instant_on() -> None:
    assert _open(SEALED, now_ms=NOW_MS + 999)
    with pytest.raises(BundleError, match="expired"):
        _open(SEALED, now_ms=NOW_MS + 1000)


def test_only_the_pinned_key_of_the_sender_counts() -> None:
    forger = sign.SigningKey(sha256(b"forger").digest(), sign.Purpose.BUNDLE)
    with pytest.raises(BundleError, match="no bundle key"):
        _open(seal(CONSIGNMENT, MEMBERS, forger, PUBLIC, random.Random(0).randbytes))
    with pytest.raises(BundleError, match="does not verify"):
        open_bundle(SEALED, READER, KEYS, NOW_MS, lambda _sender, _key_id: forger.public)


def test_swapped_members_are_refused() -> None:
    manifest, _ = _inside()
    swapped = b"".join(member.data for member in reversed(MEMBERS))
    content = bundle._compress(swapped)[1]
    with pytest.raises(BundleError, match="content differs"):
        _open(_resealed(manifest, content))
    manifest = msgspec.structs.replace(manifest, content_sha256=sha256(content).hexdigest())
    with pytest.raises(BundleError, match="member `entries` is not what"):
        _open(_resealed(manifest, content))


def test_a_member_longer_or_shorter_than_signed_is_refused() -> None:
    manifest, content = _inside()
    for size, sentence in ((385, "member `entries`"), (2**40, "at most"), (391, "member `entries`")):
        first = msgspec.structs.replace(manifest.members[0], size=size)
        with pytest.raises(BundleError, match=sentence):
            _open(_resealed(msgspec.structs.replace(manifest, members=(first, manifest.members[1])), content))
    with pytest.raises(BundleError, match="goes on"):
        _open(_resealed(msgspec.structs.replace(manifest, members=manifest.members[:1]), content))


def test_a_decompression_bomb_is_not_unpacked() -> None:
    manifest, _ = _inside()
    bomb = zstandard.ZstdCompressor().compress(bytes(64 << 20))
    claimed = bundle.MemberDigest("blob", "m", sha256(bytes(64 << 20)).hexdigest(), 64 << 20)
    manifest = msgspec.structs.replace(manifest, members=(claimed,), content_sha256=sha256(bomb).hexdigest())
    with pytest.raises(BundleError, match="over 100 to one"):
        _open(_resealed(manifest, bomb))
    modest = msgspec.structs.replace(claimed, size=len(bomb))
    with pytest.raises(BundleError, match="member `m` is not what"):
        _open(_resealed(msgspec.structs.replace(manifest, members=(modest,)), bomb))


def test_content_that_compresses_too_well_travels_as_it_is() -> None:
    zeros = (Member("m", "blob", bytes(300 * KIB)),)
    manifest, members = _open(_seal(zeros))
    assert (manifest.compression, members) == ("none", zeros)
    lying = msgspec.structs.replace(manifest, members=(msgspec.structs.replace(manifest.members[0], size=5),))
    with pytest.raises(BundleError, match="members have `5` bytes"):
        _open(_resealed(lying, bytes(300 * KIB)))


def test_content_that_is_not_compressed_as_stated_is_refused() -> None:
    manifest, _ = _inside()
    for content in (b"not zstandard" * 40, zstandard.ZstdCompressor(level=3).compress(bytes(646))[:-3]):
        claimed = msgspec.structs.replace(manifest, content_sha256=sha256(content).hexdigest())
        with pytest.raises(BundleError, match=r"does not decompress|is not what"):
            _open(_resealed(claimed, content))


def test_padding_that_hides_bytes_is_refused() -> None:
    manifest, content = _inside()
    with pytest.raises(BundleError, match="hides bytes"):
        _open(_resealed(manifest, content, padding=b"psst"))
    with pytest.raises(BundleError, match="hides bytes"):
        _open(_resealed(manifest, content, padding=bytes(100 * KIB)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("compression", "brotli"),
        ("epoch", -1),
        ("bundle_id", "0"),
        ("content_sha256", "A" * 64),
        ("channel", ""),
        ("extra", 1),
        ("members", [{"kind": "blob", "name": "../etc/passwd", "sha256": "0" * 64, "size": 0}]),
    ],
)
def test_a_manifest_outside_its_schema_is_refused(field: str, value: object) -> None:
    manifest, content = _inside()
    with pytest.raises(BundleError, match="malformed inside its seal"):
        _open(_resealed(msgspec.to_builtins(manifest) | {field: value}, content))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"from_size": 13}, "must rise"),
        ({"not_after_ms": NOW_MS - 1000}, "must rise"),
        ({"recipient": ""}, "cannot be made"),
        ({"epoch": -1}, "cannot be made"),
        ({"to_size": 1 << 53}, "cannot be made"),
        ({"checkpoint": "x" * 16_385}, "cannot be made"),
    ],
)
def test_a_consignment_that_no_reader_would_take_is_not_sealed(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence):
        _seal(**changes)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ((Member("m", "blob", b""), Member("m", "blob", b"x")), "one name"),
        ((Member("a/b", "blob", b""),), "cannot be made"),
        ((Member("m", "", b""),), "cannot be made"),
        (tuple(Member(f"m{number}", "blob", b"") for number in range(10_001)), "at most 10000"),
    ],
)
def test_members_that_no_reader_would_take_are_not_sealed(members: tuple[Member, ...], sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence):
        _seal(members)


@pytest.mark.parametrize("key", [bytes(32), bytes(31), b"\x01" + bytes(31)])
def test_a_sealing_key_that_gives_no_secret_is_refused(key: bytes) -> None:
    with pytest.raises(BundleError, match="freshly made"):
        _seal(to=key)
    with pytest.raises(BundleError, match="not sealed"):
        _open(SEALED[:30] + key.ljust(32, b"\0") + SEALED[62:])


def test_the_largest_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_BUNDLE_BYTES", 128 * KIB)
    with pytest.raises(BundleError, match="divide it"):
        _seal((Member("m", "blob", random.Random(1).randbytes(200 * KIB)),))
    with pytest.raises(BundleError, match="ask for smaller ones"):
        _open(LONG)
