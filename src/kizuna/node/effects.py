"""What goes into the node's state machine and what comes out.

Commands are what an officer or a job asks of this node; effects are what the core asks of its shell. Nothing here acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kizuna.kernel.journal import Entry
from kizuna.kernel.label import Label
from kizuna.kernel.lifecycle import ConsentGranted
from kizuna.kernel.operation import Asked
from kizuna.kernel.record import Body

if TYPE_CHECKING:
    from kizuna.node.held.facts import Identity

# --- commands ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Draft:
    """A record to be: the core signs it, journals it and decides its release. `blobs` are the large objects that its body names by digest."""

    type: str
    body: Body
    label: Label
    actor: str
    subject: str = ""
    after: tuple[str, ...] = ()
    exercise: str = ""
    handling: str = "standard"
    derived_from: tuple[str, ...] = ()
    at_ms: int | None = None
    blobs: tuple[bytes, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """Sign and journal these records together. The reply is a tuple of `Said`."""

    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """One journalled record: which channels it waits for, and which parties it is withheld from and why."""

    record_id: str
    due: tuple[str, ...]
    held: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Operate:
    """Do what a domain offers; operations are done one after the other, each on what the one before left. The reply is a `Done`."""

    domain: str
    operation: str
    asked: Asked
    actor: str
    second_actor: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation said, and what else the officer is told."""

    said: tuple[Said, ...]
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Enrol:
    """Pin a partner's card, whose fingerprint two people have compared. The reply is the partner's node name."""

    card: bytes
    actor: str


@dataclass(frozen=True, slots=True)
class RemovePartner:
    """Close both channels with a partner. The reply is the node name."""

    node: str
    actor: str


@dataclass(frozen=True, slots=True)
class LoadInstrument:
    """Keep an instrument version, given as its canonical bytes. The reply is its SHA-256, hex."""

    data: bytes
    actor: str


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop every release at once, or go on. The reply is whether releases are halted."""

    on: bool
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class NoteReads:
    """Journal which records an officer was shown. The reply is how many."""

    records: tuple[str, ...]
    actor: str


@dataclass(frozen=True, slots=True)
class NoteAccount:
    """Journal what was done to an officer's account; `name` is the passkey's, where it is about one. The reply is the act."""

    officer: str
    act: str
    actor: str
    name: str = ""
    second_actor: str = ""


@dataclass(frozen=True, slots=True)
class StopChannel:
    """Stop what goes to one partner until the channel is reopened. The reply is the channel."""

    node: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Act:
    """Retract, recall or destroy an own record at every holder. The reply is a tuple of channels that were told."""

    record_id: str
    act: str
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Backfill:
    """Release records from before the provision was open; two persons. Without a second actor the reply is a preview, nothing is queued."""

    node: str
    from_ms: int
    to_ms: int
    actor: str
    second_actor: str = ""


@dataclass(frozen=True, slots=True)
class GrantConsent:
    """Let one party pass own records on to another, on these terms. The reply is the consent's id."""

    terms: ConsentGranted
    actor: str


@dataclass(frozen=True, slots=True)
class RevokeConsent:
    """Take a consent back. The reply is the revocation's id."""

    consent: str
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Relabel:
    """Change the label of an own record, by two persons; None leaves a part as it was, an empty `review_by` takes the date away.

    `grades` maps a policy to its new classification, `caveats` to its new caveats. The reply is the relabel's id.
    """

    record_id: str
    reason: str
    actor: str
    second_actor: str
    grades: dict[str, int] | None = None
    releasable_to: tuple[str, ...] | None = None
    purposes: tuple[str, ...] | None = None
    caveats: dict[str, tuple[str, ...]] | None = None
    review_by: str | None = None


@dataclass(frozen=True, slots=True)
class Supersede:
    """Say that an own record is corrected by another own one. The reply is the notice's id."""

    record_id: str
    successor: str
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Introduce:
    """Pin the card of a party that no channel runs to, so that what it signs counts when a relay brings it. The reply is its node's name."""

    card: bytes
    actor: str


@dataclass(frozen=True, slots=True)
class ExportBundle:
    """Release what is due to a partner into a bundle file. The reply is its bytes."""

    node: str
    not_after_ms: int
    actor: str


@dataclass(frozen=True, slots=True)
class ImportBundle:
    """Take in a partner's bundle. The reply is an `Imported`."""

    data: bytes
    actor: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What a bundle brought: new entries, entries held already, refusals, and whether a receipt of ours came home in it."""

    node: str
    new: int
    known: int
    refused: int
    receipt: bool


@dataclass(frozen=True, slots=True)
class Reopen:
    """Let a channel that was stopped by a log fault go on, after security has looked into it. The reply is the channel."""

    channel: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rotate:
    """Turn to new keys, whose set our party's root has signed; two persons. The reply is the set's version."""

    identity: Identity
    actor: str
    second_actor: str


@dataclass(frozen=True, slots=True)
class Revoke:
    """Revoke a former version of our keys: the root's signed word for each channel; two persons. The reply is the version."""

    envelopes: tuple[bytes, ...]
    actor: str
    second_actor: str


@dataclass(frozen=True, slots=True)
class NoteHanded:
    """Journal what a plug was given and not given since the last account: rows of type, grade, whether given, why, and count."""

    plug: str
    party: str
    purpose: str
    rows: tuple[tuple[str, str, int, str, int], ...]


@dataclass(frozen=True, slots=True)
class EndPositions:
    """End batches of positions of one source by a rule, here alone. The reply is the number of the entry that says so.

    `rows` of the batches lie in the archive on `days` (since 1970), in so many `files`, whose names and digests `files_sha256` covers.
    """

    party: str
    source_kind: str
    source: str
    rule: str
    records: tuple[str, ...]
    days: tuple[int, ...]
    rows: int
    files: int
    files_sha256: str


Command = (
    Say
    | Operate
    | Enrol
    | RemovePartner
    | LoadInstrument
    | Halt
    | NoteAccount
    | NoteReads
    | StopChannel
    | Act
    | Backfill
    | ExportBundle
    | ImportBundle
    | Reopen
    | GrantConsent
    | RevokeConsent
    | Relabel
    | Supersede
    | Introduce
    | Rotate
    | Revoke
    | NoteHanded
    | EndPositions
)

# --- effects ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """A high-water mark to be raised outside the data directory once the commit is durable, before anything is sent."""

    channel: str
    epoch: int
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Commit:
    """One atomic unit: make the blobs durable, then append the entries in one transaction, then raise the marks; then call `on_commit`."""

    token: int
    entries: tuple[Entry, ...]
    blobs: tuple[bytes, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Send:
    """A request to a partner's node; its answer comes back through `on_answer`, its failure through `on_unreachable`."""

    node: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a partner's request or to a command; `value` is bytes for a partner, a reply value or an error for a command."""

    to: int
    value: Any


@dataclass(frozen=True, slots=True)
class Erase:
    """Erase the body of a journal entry by a journalled act; its header and the chain stay."""

    target: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class EraseBlob:
    """Delete a large object; that it is erased, and why, is in the journal already."""

    sha256: str


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person must see. `kind` is a fixed word, `sentence` carries no content of any record."""

    kind: str
    channel: str
    sentence: str


Effect = Commit | Send | Reply | Erase | EraseBlob | Alert
