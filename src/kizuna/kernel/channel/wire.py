"""What crosses between two nodes: entry headers, receipts, pulls and answers (`docs/protocol/channel.md`).

A message is a sequence of parts (`kizuna.kernel.frames`), the first a canonical JSON head. The same entries travel over HTTPS and in bundles.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import UNSET, UnsetType

from kizuna.errors import RecordError
from kizuna.kernel import canonical, sign
from kizuna.kernel.frames import pack, unpack
from kizuna.kernel.instrument import Obligations
from kizuna.kernel.label import Grade
from kizuna.kernel.merkle import leaf_hash
from kizuna.kernel.release import REFUSALS

MAX_HEADER_BYTES = 8192
MAX_ENTRIES = 4096
MAX_PARTS = 2 * MAX_ENTRIES + 8
MAX_PART_BYTES = 1 << 20
MAX_MESSAGE_BYTES = 64 << 20
MAX_BLOB_BYTES = 32 << 20
MAX_BLOBS = 64
"""Blobs of one entry: its header, which lists them, has a fixed maximum."""
MAX_SHOWN_BYTES = 64 << 20
"""The blobs of one entry together: they are in memory until its commit."""

ACTS = ("retract", "recall", "destroy")
KINDS = ("act", "epoch", "instrument", "keys", "notice", "record")
LANES = ("flash", "priority", "routine", "bulk")
BODY_REFUSALS = (
    "body-malformed",
    "oversize",
    "unknown-key",
    "bad-signature",
    "revoked-key",
    "label",
    "replay",
    "time",
    "blob-missing",
    "blob-malformed",
    "quota",
)
"""Why a reader refused an entry for what it is; `kizuna.kernel.release.REFUSALS` says why for what the agreements permit."""
CURABLE = frozenset({"unknown-key", "label", "no-instrument", "no-provision", "no-consent", "no-equivalence"})
"""Refusals that a new key, instrument or consent can cure by re-examination."""


_is_provision = re.compile(r"provision:[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}").fullmatch
_is_digest = re.compile(r"[0-9a-f]{64}").fullmatch


def is_refusal(code: str) -> bool:
    """Return whether a code is a word of this protocol."""
    return code in BODY_REFUSALS or code in REFUSALS or _is_provision(code) is not None


def is_digest(text: str) -> bool:
    """Return whether a text is a SHA-256 in lowercase hex."""
    return _is_digest(text) is not None


class Blob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A large object that an entry shows, by digest (hex) and size in bytes."""

    sha256: str
    size: int


class EntryHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The header of a log entry: its canonical bytes are the leaf.

    `label` is the sender's translation of each grade into the recipient's policies; `obligations` bind the recipient; `receipted` is the size of the
    reverse channel in `receipted_epoch` that the sender has receipted, which orders both sides' acts causally. `backfill` stands where two persons
    released what was made before its provision opened, `consents` where third parties' information goes, by the ids of their consents; elsewhere both
    are left out, and the bytes are as they were before there were any.
    """

    blobs: tuple[Blob, ...]
    body_sha256: str
    body_size: int
    channel: str
    epoch: int
    index: int
    instrument: str
    instrument_sha256: str
    kind: str
    label: tuple[Grade, ...]
    obligations: Obligations
    provision: str
    purpose: str
    receipted: int
    receipted_epoch: int
    released_at_ms: int
    type: str
    backfill: bool | UnsetType = UNSET
    consents: tuple[str, ...] | UnsetType = UNSET


class Refused(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry that the reader refused, by its code."""

    code: str
    index: int


class Applied(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An act of the sender that the reader carried out; backups may still hold the body until the given instant."""

    act: str
    backups_pending_until_ms: int
    index: int


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a reader signs after its durable commit: how far it holds the channel, and what it refused or could not be shown.

    `refused`, `stubs` and `applied` speak of the entries since the previous receipt, whose digest is `previous_sha256`; `cured` names entries that
    an earlier receipt refused and that a new key or instrument has since let in.
    """

    applied: tuple[Applied, ...]
    at_ms: int
    channel: str
    cured: tuple[int, ...]
    epoch: int
    previous_sha256: str
    refused: tuple[Refused, ...]
    root: str
    size: int
    stubs: tuple[int, ...]


class Pull(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="message", tag="channel.pull.v1"):
    """A reader asks for the entries from `start` on; `seen` is the size of the newest checkpoint that it holds."""

    channel: str
    epoch: int
    max_bytes: int
    max_entries: int
    receipt_sha256: str
    seen: int
    start: int
    wait_ms: int


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="message", tag="channel.answer.v1"):
    """A writer answers with the entries `start..end` under a checkpoint.

    `consistency` proves the checkpoint over the one that the reader has seen, `proof` proves the prefix `end` within it. Proof hashes are hex.
    `receipt_sha256` names the newest receipt that the writer holds.
    Parts: the checkpoint, that receipt where the pull does not name it, then header and body of each entry.
    """

    channel: str
    consistency: tuple[str, ...]
    end: int
    epoch: int
    more: bool
    proof: tuple[str, ...]
    receipt_sha256: str
    start: int


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="message", tag="channel.fault.v1"):
    """A request that was not served; `code` is one of CISE's acknowledgement codes."""

    code: str
    sentence: str


class BlobPull(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="message", tag="channel.blobs.v1"):
    """A reader asks for blobs by position: pairs of entry index and place in that entry's list."""

    channel: str
    epoch: int
    items: tuple[tuple[int, int], ...]


class BlobAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="message", tag="channel.blob-answer.v1"
):
    """Blobs in the order asked for, one part each; an empty part says that there is none for this reader."""

    channel: str
    count: int


class Return(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="message", tag="channel.return.v1"):
    """A writer that finds itself behind what it signed asks its reader for its own entries from `start` on; it answers a pull with this."""

    channel: str
    epoch: int
    max_bytes: int
    max_entries: int
    start: int


class Returned(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="message", tag="channel.returned.v1"):
    """A reader gives back what it holds of a channel, the entries `start..end` of its `held`.

    `proof` proves the prefix `end` within the `held` entries, whose root is `root`, and `lead` those within the newest checkpoint that the reader
    holds of this writer. Hashes are hex. Parts: that checkpoint, then of each entry the header, the body, empty where it is not held, and its blobs
    in the header's order, each empty where it is not held.
    """

    channel: str
    end: int
    epoch: int
    held: int
    lead: tuple[str, ...]
    proof: tuple[str, ...]
    root: str
    start: int


Head = Pull | Answer | Fault | BlobPull | BlobAnswer | Return | Returned


def channel_name(writer: str, reader: str) -> str:
    """Return the name of the ordered pair: also the origin line of its checkpoints."""
    return f"kizuna/{writer}/to/{reader}"


def ends_of(channel: str) -> tuple[str, str]:
    """Return writer and reader of a channel by its name; what is no channel's name has no reader."""
    writer, _, reader = channel.removeprefix("kizuna/").partition("/to/")
    return writer, reader


def pack_message(head: Head, parts: list[bytes]) -> bytes:
    """Return the bytes of a message."""
    return pack([canonical.encode(head), *parts])


def unpack_message(data: bytes) -> tuple[Head, list[bytes]]:
    """Return head and parts of a message.

    Raises:
        RecordError: it is oversize, malformed, or its head is not canonical.
    """
    if len(data) > MAX_MESSAGE_BYTES:
        raise RecordError(f"message of {len(data)} bytes is over {MAX_MESSAGE_BYTES}")
    parts = unpack(data, max_parts=MAX_PARTS, max_part_bytes=MAX_BLOB_BYTES)
    if not parts:
        raise RecordError("message has no head")
    head: Head = canonical.decode(bytes(parts[0]), type=Head)  # type: ignore[call-overload] # msgspec decodes a union of tagged structs
    return head, [bytes(part) for part in parts[1:]]


def encode_header(header: EntryHeader) -> tuple[bytes, bytes]:
    """Return the canonical bytes of a header and its leaf hash.

    Raises:
        RecordError: it is over the fixed maximum.
    """
    data = canonical.encode(header)
    if len(data) > MAX_HEADER_BYTES:
        raise RecordError(f"entry header of {len(data)} bytes is over {MAX_HEADER_BYTES}")
    return data, leaf_hash(data)


def decode_header(data: bytes) -> EntryHeader:
    """Return a header.

    Raises:
        RecordError: it is malformed, of an unknown kind, or over the fixed maximum.
    """
    if len(data) > MAX_HEADER_BYTES:
        raise RecordError(f"entry header of {len(data)} bytes is over {MAX_HEADER_BYTES}")
    header = canonical.decode(data, type=EntryHeader)
    numbers = (
        header.body_size,
        header.epoch,
        header.index,
        header.receipted,
        header.receipted_epoch,
        *(blob.size for blob in header.blobs),
    )
    rests_on = () if header.consents is UNSET else header.consents
    digests = (header.body_sha256, *(blob.sha256 for blob in header.blobs), *rests_on)
    unsaid = header.backfill is False or header.consents == ()  # what is not so is left out: one spelling a header
    if header.kind not in KINDS or unsaid or min(numbers) < 0 or not all(map(is_digest, digests)):
        raise RecordError(f"entry header of kind `{header.kind[:20]}` is not of this protocol")
    return header


def sign_receipt(receipt: Receipt, key: sign.SigningKey) -> bytes:
    """Return the signed receipt's envelope, canonical."""
    return canonical.encode(sign.seal("receipt", canonical.encode(receipt), key))


def open_receipt(data: bytes, public_key: bytes) -> Receipt:
    """Return a receipt after verifying its signature.

    Raises:
        RecordError: it is malformed.
        SignatureError: its signature does not verify.
    """
    return canonical.decode(sign.unseal("receipt", sign.read_envelope(data), public_key), type=Receipt)
