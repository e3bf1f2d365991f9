"""The bundle file: what one node hands to another where no wire joins them (an air gap, a courier).

Outside stand a magic, a version and a random id; all else is sealed to one key of the recipient, in a file whose size tells only its step.
Inside, a signed manifest names sender, recipient, channel, sizes, the digest of every member and the instant after which the bundle is void.
`docs/protocol/bundle.md` shows the bytes. The seal is libsodium's (sealed box around a secretstream key), so any libsodium opens it.

Nothing is decompressed that the sender did not sign, and nothing is returned that was not checked. What the members mean, whether the
release was permitted, replay (the channel's index settles it) and which process parses are left to the node.
"""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import blake2b, sha256
from io import BytesIO
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import nacl.bindings as sodium
import nacl.exceptions
import zstandard

from kizuna.errors import BundleError, RecordError, SignatureError
from kizuna.kernel import canonical, frames, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MAGIC = b"KIZUNA-BUNDLE"
VERSION = 1

MAX_BUNDLE_BYTES = 256 << 20
"""The largest bundle file."""

MAX_CONTENT_BYTES = 1 << 30
"""The most bytes that the members of a bundle have in all."""

MAX_RATIO = 100
"""The most bytes that one compressed byte may stand for; content that compresses better travels uncompressed."""

MAX_MEMBERS = 10_000
"""The most members of a bundle."""

_MAX_MANIFEST_BYTES = 8 << 20
_ID_AT = len(MAGIC) + 1
_SEAL_AT = _ID_AT + 16
_STREAM_AT = _SEAL_AT + sodium.crypto_box_SEALBYTES + sodium.crypto_secretstream_xchacha20poly1305_KEYBYTES
_BLOCKS_AT = _STREAM_AT + sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES
_BLOCK = 1 << 16
_BIG_STEP = 1 << 20
_TAG_BYTES = sodium.crypto_secretstream_xchacha20poly1305_ABYTES
_MESSAGE = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_PARTS = 3
_LEVEL = 3
_MAX_WINDOW = 8 << 20

_Size = Annotated[int, msgspec.Meta(ge=0)]
_Word = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9._-]{0,127}\Z")]
_Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_Line = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class Member(NamedTuple):
    """One file in a bundle: its name, what it is (`kind`) and its bytes. A name is lower case without a slash."""

    name: str
    kind: str
    data: bytes


class MemberDigest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the manifest says of a member: lowercase hex digest, size in bytes."""

    kind: _Word
    name: _Word
    sha256: _Sha256
    size: _Size


class Consignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the sender says that it hands over: from which node to which, what of which channel, until when.

    The bundle carries the entries [`from_size`, `to_size`) of the channel's epoch; `checkpoint` is the sender's signed note at `to_size`, or
    empty where no log is handed over. Instants are milliseconds since 1970 UTC; at `not_after_ms` and later the bundle is refused.
    """

    channel: _Line
    checkpoint: Annotated[str, msgspec.Meta(max_length=16_384)]
    epoch: _Size
    from_size: _Size
    made_at_ms: _Size
    not_after_ms: _Size
    recipient: _Line
    sender: _Line
    to_size: _Size


class Manifest(Consignment, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The consignment as signed: with the bundle's id, the key that it is sealed to, and the digests of what it holds."""

    bundle_id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
    compression: Annotated[str, msgspec.Meta(pattern=r"\A(none|zstd)\Z")]
    content_sha256: _Sha256
    members: tuple[MemberDigest, ...]
    recipient_key_id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]


def sealing_public(private_key: bytes) -> bytes:
    """Return the 32-byte X25519 public key of a 32-byte private one."""
    return sodium.crypto_scalarmult_base(private_key)


def sealing_key_id(public_key: bytes) -> str:
    """Return the 32 hex digits that name a sealing key."""
    return sign.key_id(sign.Purpose.SEAL, public_key)


def bundle_id(data: bytes) -> str:
    """Return the random id of a bundle file as 32 hex digits; nothing but the file's first bytes is looked at.

    Raises:
        BundleError: this is no bundle file, or of a version that this node does not read.
    """
    if not data.startswith(MAGIC[: max(1, len(data))]):
        raise BundleError("this is not a kizuna bundle file: check which file was handed over")
    if len(data) < _SEAL_AT:
        raise BundleError(f"the bundle is truncated to `{len(data)}` bytes: copy the file again")
    if data[len(MAGIC)] != VERSION:
        raise BundleError(
            f"the bundle has version `{data[len(MAGIC)]}`, this node reads {VERSION}: ask for that version"
        )
    return data[_ID_AT:_SEAL_AT].hex()


def seal(
    consignment: Consignment,
    members: Sequence[Member],
    signing_key: sign.SigningKey,
    recipient_public: bytes,
    random: Callable[[int], bytes],
) -> bytes:
    """Return a bundle file that only the holder of `recipient_public`'s private key can open.

    `signing_key` is the sender's bundle key; `random` returns that many fresh secret bytes. Equal arguments give equal files.

    Raises:
        BundleError: the consignment, a member or the key cannot be used, or a limit is passed.
    """
    outside = MAGIC + bytes((VERSION,)) + random(_SEAL_AT - _ID_AT)
    plain = b"".join([member.data for member in members])
    compression, content = _compress(plain)
    manifest = Manifest(
        **msgspec.structs.asdict(consignment),
        bundle_id=outside[_ID_AT:].hex(),
        compression=compression,
        content_sha256=sha256(content).hexdigest(),
        members=tuple(MemberDigest(m.kind, m.name, sha256(m.data).hexdigest(), len(m.data)) for m in members),
        recipient_key_id=sealing_key_id(recipient_public),
    )
    with _refusing("the bundle cannot be made"):
        payload = canonical.encode(manifest)
        _check_manifest(canonical.decode(payload, type=Manifest), len(content))
        envelope = canonical.encode(sign.seal("bundle", payload, signing_key))
    if len(envelope) > _MAX_MANIFEST_BYTES:
        raise BundleError(
            f"the manifest has `{len(envelope)}` bytes, at most {_MAX_MANIFEST_BYTES}: use shorter fields"
        )
    return _encrypt(outside, _padded(envelope, content), recipient_public, random)


def open_bundle(
    data: bytes,
    recipient: str,
    private_keys: Mapping[str, bytes],
    now_ms: int,
    verify_key: Callable[[str, str], bytes | None],
) -> tuple[Manifest, tuple[Member, ...]]:
    """Return the checked manifest and members of a bundle file.

    `recipient` is this node's name, `private_keys` its X25519 keys by key id, `now_ms` the time in milliseconds since 1970 UTC;
    `verify_key(sender, key_id)` returns the bundle key that is pinned for a node, or None.

    Raises:
        BundleError: the file is truncated, altered, of another version, expired, over a limit, not from a known sender or not for this node.
    """
    identity = bundle_id(data)
    if len(data) > MAX_BUNDLE_BYTES:
        raise BundleError(
            f"the bundle has `{len(data)}` bytes, at most {MAX_BUNDLE_BYTES} are read: ask for smaller ones"
        )
    if len(data) != _stepped(len(data)):
        raise BundleError(f"the bundle is truncated or extended to `{len(data)}` bytes: copy the file again")
    key_id, stream_key = _unseal_key(data[_SEAL_AT:_STREAM_AT], private_keys)
    plaintext = _decrypt(data, stream_key)
    with _refusing("the bundle is malformed inside its seal, tell the sender"):
        envelope_bytes, content, padding = _three(plaintext)
        envelope = sign.read_envelope(bytes(envelope_bytes))
        manifest = canonical.decode(envelope.payload_bytes(), type=Manifest)
        public_key = verify_key(manifest.sender, envelope.key_id)
        if public_key is None:
            raise BundleError(
                f"no bundle key `{envelope.key_id}` is known for `{manifest.sender}`: get its key set first"
            )
        sign.unseal("bundle", envelope, public_key)
    _check_meant_for(manifest, identity, recipient, key_id, now_ms)
    if len(padding) != padding.tobytes().count(0) or len(data) != _file_size(len(envelope_bytes), len(content)):
        raise BundleError("the bundle hides bytes in its padding: refuse it and tell the sender")
    if sha256(content).hexdigest() != manifest.content_sha256:
        raise BundleError("the content differs from the signed manifest: refuse the bundle and tell the sender")
    _check_manifest(manifest, len(content))
    return manifest, _members(manifest, content)


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    try:
        yield
    except (RecordError, SignatureError) as error:
        raise BundleError(f"{what}: {error}") from error


def _three(plaintext: bytes) -> list[memoryview]:
    parts = frames.unpack(plaintext, _PARTS, MAX_BUNDLE_BYTES)
    if len(parts) != _PARTS or len(parts[0]) > _MAX_MANIFEST_BYTES:
        raise RecordError(f"expected a manifest of at most {_MAX_MANIFEST_BYTES} bytes, the content and padding")
    return parts


def _check_manifest(manifest: Manifest, content_bytes: int) -> None:
    """Refuse what no sender may say, before anything is decompressed."""
    total = sum(member.size for member in manifest.members)
    if len(manifest.members) > MAX_MEMBERS:
        raise BundleError(f"the bundle has `{len(manifest.members)}` members, at most {MAX_MEMBERS}: divide it")
    if total > MAX_CONTENT_BYTES:
        raise BundleError(f"the members have `{total}` bytes, at most {MAX_CONTENT_BYTES} are read: divide the bundle")
    if manifest.compression == "none" and total != content_bytes:
        raise BundleError(f"the members have `{total}` bytes and the content `{content_bytes}`: tell the sender")
    if manifest.compression == "zstd" and total > MAX_RATIO * content_bytes:
        raise BundleError(
            f"`{content_bytes}` bytes claim to hold `{total}`, over {MAX_RATIO} to one: refuse the bundle"
        )
    if len({member.name for member in manifest.members}) != len(manifest.members):
        raise BundleError("two members have one name: each needs a name of its own")
    if manifest.from_size > manifest.to_size or manifest.made_at_ms >= manifest.not_after_ms:
        raise BundleError(
            "sizes and instants must rise: check `from_size` to `to_size`, `made_at_ms` to `not_after_ms`"
        )


def _check_meant_for(manifest: Manifest, identity: str, recipient: str, key_id: str, now_ms: int) -> None:
    if manifest.recipient != recipient or manifest.recipient_key_id != key_id:
        raise BundleError(
            f"the bundle is not for this node: it was signed for `{manifest.recipient}` with key `{manifest.recipient_key_id}` "
            f"and sealed again for `{recipient}`: keep the file and tell security",
        )
    if manifest.bundle_id != identity:
        raise BundleError(f"the seal of bundle `{identity}` holds bundle `{manifest.bundle_id}`: tell security")
    if now_ms >= manifest.not_after_ms:
        raise BundleError(f"the bundle expired at `{manifest.not_after_ms}` ms, it is `{now_ms}`: ask for a new one")


def _compress(plain: bytes) -> tuple[str, bytes]:
    """Return how the content travels, and the content: compressed only where that helps and stays within the ratio."""
    packed = zstandard.ZstdCompressor(level=_LEVEL).compress(plain)
    if len(packed) < len(plain) <= MAX_RATIO * len(packed):
        return "zstd", packed
    return "none", plain


def _members(manifest: Manifest, content: memoryview) -> tuple[Member, ...]:
    """Return the members; no more bytes come out of the content than the manifest signs for."""
    packed = manifest.compression == "zstd"
    reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    source = reader.stream_reader(content) if packed else BytesIO(content)
    members = []
    try:
        for stated in manifest.members:
            data = source.read(stated.size)
            if len(data) != stated.size or sha256(data).hexdigest() != stated.sha256:
                raise BundleError(
                    f"member `{stated.name}` is not what the manifest signs: refuse the bundle, tell the sender"
                )
            members.append(Member(stated.name, stated.kind, data))
        if source.read(1):
            raise BundleError("the content goes on after the last member: refuse the bundle and tell the sender")
    except zstandard.ZstdError as error:
        raise BundleError(f"the content does not decompress: {error}: tell the sender") from error
    return tuple(members)


def _stepped(size: int) -> int:
    """Return the next size that a file may have: 64 KiB steps to 1 MiB, then 1 MiB steps."""
    step = _BLOCK if size <= _BIG_STEP else _BIG_STEP
    return max(1, -(-size // step)) * step


def _file_size(envelope_bytes: int, content_bytes: int) -> int:
    needed = _BLOCKS_AT + _PARTS * frames.LENGTH_BYTES + envelope_bytes + content_bytes
    return _stepped(-(-needed // (_BLOCK - _TAG_BYTES)) * _BLOCK)


def _padded(envelope: bytes, content: bytes) -> bytes:
    """Return manifest, content and as many zeros as fill the file's last block."""
    size = _file_size(len(envelope), len(content))
    if size > MAX_BUNDLE_BYTES:
        raise BundleError(f"the bundle would have `{size}` bytes, at most {MAX_BUNDLE_BYTES} are read: divide it")
    room = size - _BLOCKS_AT - size // _BLOCK * _TAG_BYTES
    return frames.pack((envelope, content, bytes(room - len(envelope) - len(content) - _PARTS * frames.LENGTH_BYTES)))


def _encrypt(outside: bytes, plaintext: bytes, recipient_public: bytes, random: Callable[[int], bytes]) -> bytes:
    ephemeral, stream_key = (
        random(sodium.crypto_box_SECRETKEYBYTES),
        random(_STREAM_AT - _SEAL_AT - sodium.crypto_box_SEALBYTES),
    )
    stream_header = random(_BLOCKS_AT - _STREAM_AT)
    ephemeral_public = sealing_public(ephemeral)
    try:
        # libsodium's sealed box, with an ephemeral key that is passed in: the simulator's files are repeatable
        nonce = blake2b(ephemeral_public + recipient_public, digest_size=sodium.crypto_box_NONCEBYTES).digest()
        sealed = sodium.crypto_box(stream_key, nonce, recipient_public, ephemeral)
    except (nacl.exceptions.CryptoError, ValueError, TypeError) as error:
        raise BundleError("the recipient's sealing key cannot be used: ask for a freshly made one") from error
    blocks = [outside, ephemeral_public, sealed, stream_header]
    # pulling sets up the same state as pushing, but takes the header that libsodium would draw by itself
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, stream_header, stream_key)
    at, length = 0, _BLOCK - _BLOCKS_AT - _TAG_BYTES
    while at < len(plaintext):
        piece = plaintext[at : at + length]
        at += length
        length = _BLOCK - _TAG_BYTES
        tag = _FINAL if at >= len(plaintext) else _MESSAGE
        blocks.append(sodium.crypto_secretstream_xchacha20poly1305_push(state, piece, outside, tag))
    return b"".join(blocks)


def _unseal_key(sealed: bytes, private_keys: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Return which of our keys the bundle is sealed to, and the stream key; the file does not say which, so each is tried."""
    for key_id, private in private_keys.items():
        try:
            return key_id, sodium.crypto_box_seal_open(sealed, sealing_public(private), private)
        except nacl.exceptions.CryptoError:
            continue
    raise BundleError(
        "the bundle is not sealed to a key of this node, or its start is altered: check with the sender, ask again"
    )


def _decrypt(data: bytes, stream_key: bytes) -> bytes:
    state = sodium.crypto_secretstream_xchacha20poly1305_state()
    sodium.crypto_secretstream_xchacha20poly1305_init_pull(state, data[_STREAM_AT:_BLOCKS_AT], stream_key)
    outside, pieces, at = data[:_SEAL_AT], [], _BLOCKS_AT
    tag = _MESSAGE
    for end in range(_BLOCK, len(data) + 1, _BLOCK):
        if tag == _FINAL:
            raise BundleError(f"bytes follow the end of the bundle at byte `{at}`: copy the file again")
        try:
            piece, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(state, data[at:end], outside)
        except nacl.exceptions.CryptoError as error:
            raise BundleError(f"the bundle is altered between bytes `{at}` and `{end}`: copy the file again") from error
        pieces.append(piece)
        at = end
    if tag != _FINAL:
        raise BundleError(f"the bundle is truncated to `{len(data)}` bytes: copy the file again")
    return b"".join(pieces)
