"""Signed notes and checkpoints: what a sender signs about its log, and what a receiver signs to say that it holds it.

The formats are C2SP's: `signed-note`, `tlog-checkpoint` and, for the receiver, `tlog-cosignature` (`cosignature/v1`), so that any witness or
auditor can read them with its own tools. Only the forms that this node writes are accepted: one spelling of each number and each base64 text.
Which root is right, which key is whose, and whether a time is believable is left to the channel.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import sha256
from typing import NamedTuple

from kizuna.errors import RecordError, SignatureError
from kizuna.kernel import sign

MAX_NOTE_BYTES = 16_384
"""The longest note that is parsed."""

MAX_SIGNATURES = 16
"""The most signature lines of a note."""

KEY_ED25519 = 0x01
"""The key type of a note signature (signed-note)."""

KEY_COSIGNATURE = 0x04
"""The key type of a timestamped cosignature (tlog-cosignature)."""

_LINE_START = "\N{EM DASH} "
_ROOT_BYTES = 32
_ID_BYTES = 4
_TIME_BYTES = 8
_MAX_INTEGER = (1 << 53) - 1


class NoteSignature(NamedTuple):
    """One signature line: who says to have signed, the 4-byte hash that names the key, and the signature bytes."""

    name: str
    key_hash: bytes
    signature: bytes


class Note(NamedTuple):
    """A text, which ends in a newline, and the signatures that stand below it."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def to_bytes(self) -> bytes:
        """Return the note as UTF-8: text, an empty line, one line a signature."""
        lines = (f"{_LINE_START}{s.name} {b64encode(s.key_hash + s.signature).decode()}\n" for s in self.signatures)
        return f"{self.text}\n{''.join(lines)}".encode()


class Checkpoint(NamedTuple):
    """What a log says about itself: its `origin`, its `size` in leaves and its 32-byte `root`.

    `extensions` are further lines, opaque here; this node writes none.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def encode_checkpoint(checkpoint: Checkpoint) -> str:
    """Return the note text of a checkpoint (tlog-checkpoint).

    Raises:
        RecordError: a field cannot be written.
    """
    origin, size, root, extensions = checkpoint
    if len(root) != _ROOT_BYTES:
        raise RecordError(f"checkpoint root of `{len(root)}` bytes; a root has {_ROOT_BYTES}")
    if not 0 <= size <= _MAX_INTEGER:
        raise RecordError(f"checkpoint size `{size}` is not between 0 and 2^53")
    lines = (origin, str(size), b64encode(root).decode(), *extensions)
    if not all(lines) or any("\n" in line for line in lines):
        raise RecordError(f"checkpoint of `{origin[:80]}` with an empty or broken line; each field is one line")
    text = "\n".join(lines) + "\n"
    _check_text(text)
    return text


def decode_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint in a note text.

    Raises:
        RecordError: the text is not a checkpoint in its one spelling.
    """
    _check_text(text)
    origin, *rest = text.removesuffix("\n").split("\n")
    match rest:
        case [size, root, *extensions] if origin and all(extensions):
            pass
        case _:
            raise RecordError("a checkpoint has the lines origin, size and root, and no empty line")
    digest = _unbase64(root)
    if len(digest) != _ROOT_BYTES:
        raise RecordError(f"checkpoint root of `{len(digest)}` bytes; a root has {_ROOT_BYTES}")
    return Checkpoint(origin, _integer(size), digest, tuple(extensions))


def sign_checkpoint(checkpoint: Checkpoint, key: sign.SigningKey) -> Note:
    """Return a checkpoint as a note, signed by `key` under the log's origin, as tlog-checkpoint advises.

    Raises:
        RecordError: a field cannot be written, or the origin cannot stand as a key's name.
    """
    return sign_note(encode_checkpoint(checkpoint), checkpoint.origin, key)


def open_checkpoint(data: bytes, origin: str, public_key: bytes) -> Checkpoint:
    """Return the checkpoint in a note, after verifying that the log `origin`, whose key is `public_key`, signed it.

    Raises:
        RecordError: the bytes are no note, or its text is no checkpoint of that log.
        SignatureError: the log's signature is missing or does not verify.
    """
    note = parse_note(data)
    verify_note(note, origin, public_key)
    checkpoint = decode_checkpoint(note.text)
    if checkpoint.origin != origin:
        raise RecordError(f"checkpoint of log `{checkpoint.origin[:80]}` where `{origin}` was asked for")
    return checkpoint


def parse_note(data: bytes) -> Note:
    """Return the note in `data`; nothing in it is verified yet (signed-note).

    Raises:
        RecordError: the bytes are not one whole note, or over a limit.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise RecordError(f"note of `{len(data)}` bytes; at most {MAX_NOTE_BYTES} are read")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise RecordError(f"note is not utf-8 at byte `{error.start}`") from error
    body, blank, block = whole.rpartition("\n\n")
    if not blank or not block.endswith("\n"):
        raise RecordError("note without an empty line and whole signature lines after it; send the whole note")
    text = body + "\n"
    _check_text(text)
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise RecordError(f"note with `{len(lines)}` signatures; at most {MAX_SIGNATURES} are read")
    signatures = tuple(map(_parse_line, lines))
    if len({line[:2] for line in signatures}) != len(signatures):
        raise RecordError("note with two signatures of one key; each key signs once")
    return Note(text, signatures)


def key_hash(name: str, public_key: bytes, key_type: int = KEY_ED25519) -> bytes:
    """Return the 4 bytes that name a key in a signature line: the start of `SHA-256(name || 0x0a || type || key)`."""
    return sha256(name.encode() + b"\n" + bytes((key_type,)) + public_key).digest()[:_ID_BYTES]


def sign_note(text: str, name: str, key: sign.SigningKey) -> Note:
    """Return a note over `text` with one Ed25519 signature by `key` under `name`.

    Raises:
        RecordError: the text or the name cannot stand in a note.
    """
    _check_text(text)
    _check_name(name)
    return Note(text, (NoteSignature(name, key_hash(name, key.public), key.sign(text.encode())),))


def verify_note(note: Note, name: str, public_key: bytes) -> None:
    """Check that the holder of `public_key` signed the note under `name`; other signatures are passed over.

    Raises:
        SignatureError: there is no such signature, or it does not verify.
    """
    signature = _find(note, name, key_hash(name, public_key))
    sign.verify(public_key, note.text.encode(), signature)


def cosign(note: Note, name: str, key: sign.SigningKey, time_s: int) -> Note:
    """Return the note with a cosignature by `key` added, made at `time_s` seconds since 1970 UTC (tlog-cosignature).

    Raises:
        RecordError: the name or the time cannot be written.
    """
    _check_name(name)
    if not 0 < time_s <= _MAX_INTEGER:
        raise RecordError(f"cosignature time `{time_s}` is not between 1 and 2^53 seconds")
    signature = time_s.to_bytes(_TIME_BYTES, "big") + key.sign(_cosigned(note.text, time_s))
    line = NoteSignature(name, key_hash(name, key.public, KEY_COSIGNATURE), signature)
    return Note(note.text, (*note.signatures, line))


def verify_cosignature(note: Note, name: str, public_key: bytes) -> int:
    """Check that the holder of `public_key` cosigned the note under `name`; return when, in seconds since 1970 UTC.

    Raises:
        SignatureError: there is no such cosignature, or it does not verify.
    """
    stamped = _find(note, name, key_hash(name, public_key, KEY_COSIGNATURE))
    time_s = int.from_bytes(stamped[:_TIME_BYTES], "big")
    if not 0 < time_s <= _MAX_INTEGER:
        raise SignatureError(f"cosignature by `{name}` at time `{time_s}`, which is not a time")
    sign.verify(public_key, _cosigned(note.text, time_s), stamped[_TIME_BYTES:])
    return time_s


def _cosigned(text: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def _find(note: Note, name: str, wanted: bytes) -> bytes:
    for line in note.signatures:
        if line.name == name and line.key_hash == wanted:
            return line.signature
    raise SignatureError(f"the note has no signature by `{name}` with key `{wanted.hex()}`")


def _parse_line(line: str) -> NoteSignature:
    if not line.startswith(_LINE_START):
        raise RecordError("note with a signature line that does not start with an em dash and a space")
    name, _, encoded = line.removeprefix(_LINE_START).partition(" ")
    _check_name(name)
    data = _unbase64(encoded)
    if len(data) <= _ID_BYTES:
        raise RecordError(f"signature by `{name[:80]}` has `{len(data)}` bytes; key hash and signature are more")
    return NoteSignature(name, data[:_ID_BYTES], data[_ID_BYTES:])


def _check_name(name: str) -> None:
    # isprintable is false for every kind of space but the ascii one, for controls and for lone surrogates
    if not name.isprintable() or not name or " " in name or "+" in name:
        raise RecordError(f"key name `{name[:80]}` is empty or has a space, a plus or a control character")


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(letter < " " and letter != "\n" for letter in text):
        raise RecordError("note text must end in a newline and hold no other control character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecordError(f"note text is not unicode at character `{error.start}`") from error


def _integer(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_MAX_INTEGER)):
        raise RecordError(f"checkpoint size `{text[:40]}` is not a decimal number below 2^53")
    value = int(text)
    if str(value) != text or value > _MAX_INTEGER:
        raise RecordError(f"checkpoint size `{text}` is not the one spelling of a number below 2^53")
    return value


def _unbase64(text: str) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except ValueError as error:
        raise RecordError(f"`{text[:40]}` is not base64") from error
    if b64encode(data).decode() != text:
        raise RecordError(f"`{text[:40]}` is not the one base64 spelling of its bytes")
    return data
