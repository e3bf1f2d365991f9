"""The reader's half of a channel: an accepted answer is judged entry by entry, and becomes one commit with its receipt.

Whether the log is sound was settled by `kizuna.kernel.channel.reader`. Here a bad entry gets a refusal code and never blocks the next one.
Blobs that entries show are fetched before the commit, so that a receipt never speaks of what is not durable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET

from kizuna.errors import ChannelError, KizunaError, RecordError, RefusedError, SignatureError
from kizuna.kernel import keys, record, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import Accepted, ReaderState, Shown
from kizuna.kernel.domain import BlobCheck
from kizuna.kernel.journal import Entry, Store
from kizuna.node.channel import outgoing
from kizuna.node.channel.relayed import Relayed
from kizuna.node.channel.releasing import Releaser
from kizuna.node.held import facts, noting, receipting
from kizuna.node.held.facts import Partner
from kizuna.node.held.parsed import remember

SKEW_MS = 30_000
"""How far ahead of our clock a partner's release may lie."""
LOOKUP = 500
"""Records looked up in one query."""
TREATY_TYPES = frozenset(
    {
        "instruments.resumed.v1",
        "instruments.scope-closed.v1",
        "instruments.scope-opened.v1",
        "instruments.suspended.v1",
        "instruments.terminated.v1",
        "instruments.version-signed.v1",
    }
)
"""What parties say about the agreements themselves: it needs no provision, for without it none could come into force."""


@dataclass
class InState:
    """A channel as its reader holds it in memory; the journal holds the same."""

    reader: ReaderState
    node: str
    note: bytes
    receipt: bytes
    receipt_sha256: str
    quarantined: int
    stopped: str
    unconfirmed: list[bytes] = field(default_factory=list)
    """Receipts that the writer is not known to hold, oldest first."""

    def sign_off(self, receipt: bytes) -> None:
        """Take a durable receipt as the newest one."""
        self.receipt = receipt
        self.receipt_sha256 = hashlib.sha256(receipt).hexdigest()
        self.unconfirmed.append(receipt)

    def confirmed(self, sha256: str) -> bool:
        """Drop the receipts up to the one that the writer holds; return whether it was among them."""
        for place, receipt in enumerate(self.unconfirmed):
            if hashlib.sha256(receipt).hexdigest() == sha256:
                del self.unconfirmed[: place + 1]
                return True
        return False


class Verdict(msgspec.Struct, frozen=True):
    """What became of one entry: a refusal code or none, whether only its header came, and what it carries."""

    shown: Shown
    code: str = ""
    stub: bool = False
    item: str = ""
    acts: tuple[tuple[str, str], ...] = ()
    keyset: tuple[int, bytes] | None = None
    revoked: tuple[int, int, int] | None = None
    """A version of the partner's keys, and from which epoch and index of its channel on it does not count."""
    blobs: tuple[tuple[str, int], ...] = ()
    issuer: str = ""
    """Who issued the record that it carries, where that is not its sender."""


class Floor(msgspec.Struct, frozen=True):
    """Below what a channel's next entry may not go: the time of the last release, and how far its writer had receipted our log.

    An entry that was refused for either does not raise it: one bad clock would close the channel.
    """

    released_at_ms: int
    receipted_epoch: int
    receipted: int


@dataclass
class Arrival:
    """An answer on its way into the journal: verdicts, the floor after them, and the blobs that must come first."""

    accepted: Accepted
    verdicts: list[Verdict]
    floor: Floor
    missing: dict[tuple[int, int], wire.Blob] = field(default_factory=dict)
    fetched: dict[str, bytes] = field(default_factory=dict)


def load(store: Store, channel: str) -> InState:
    """Return the reader's state of a channel from the store."""
    rows = store.query(
        "SELECT node, epoch, size, frontier, seen_size, seen_root, note, receipt, receipt_sha256, released_at_ms, receipted,"
        " quarantined, stopped, receipted_epoch FROM channel_in WHERE channel = ?",
        (channel,),
    )
    if not rows:
        raise ChannelError(f"there is no channel `{channel}`: enrol the partner first")
    row = rows[0]
    return InState(
        reader=ReaderState(
            channel, row[1], row[2], bytes(row[3]), row[4], bytes.fromhex(row[5]), row[9], row[13], row[10]
        ),
        node=row[0],
        note=bytes(row[6] or b""),
        receipt=bytes(row[7] or b""),
        receipt_sha256=row[8],
        quarantined=row[11],
        stopped=row[12],
        unconfirmed=receipting.newest_receipts(store, channel, row[1], row[2]),
    )


def receipt_entry(state: InState, epoch: int, receipt: bytes, now_ms: int) -> Entry:
    """Return the journal entry of a receipt of ours."""
    meta = {"channel": state.reader.channel, "epoch": epoch, "sha256": hashlib.sha256(receipt).hexdigest()}
    return Entry(kind="receipt-out", at_ms=now_ms, meta=meta, body=receipt)


class Judge:
    """Judges the entries of one answer from one partner; `written` is epoch and size of the log that this node writes for it.

    `check_unshared` refuses a key set that shows a key of another node.
    """

    def __init__(
        self,
        store: Store,
        releaser: Releaser,
        partner: Partner,
        state: InState,
        quota_bytes: int,
        written: tuple[int, int],
        issuers: Mapping[str, Mapping[str, bytes]],
        check_unshared: Callable[[keys.KeySet], None],
    ) -> None:
        self._store = store
        self._releaser = releaser
        self._own_party = releaser.index.own_party
        self._partner = partner
        reader = state.reader
        self.floor = Floor(reader.released_at_ms, reader.receipted_epoch, reader.receipted)
        self._written = written
        self._relayed = Relayed(releaser.ledger, issuers, partner, self._own_party)
        self._check_unshared = check_unshared
        self._here: dict[tuple[int, int], str] = {}
        self._quota_left = quota_bytes - state.quarantined
        self._fresh: dict[str, record.Record] = {}
        self._shown_before: set[str] = set()
        self._read: dict[bytes, record.Record] = {}

    def prepare(self, entries: Sequence[Shown]) -> None:
        """Look up at once which of the records in these entries this channel has shown before."""
        ids = []
        for shown in entries:
            if shown.header.kind in {"notice", "record"} and 0 < len(shown.body) <= record.MAX_BODY_BYTES:
                with suppress(RecordError):
                    self._read[shown.body] = held = record.read(shown.body)
                    ids.append(held.id)
        for start in range(0, len(ids), LOOKUP):
            some = ids[start : start + LOOKUP]
            header = entries[0].header
            rows = self._store.query(
                "SELECT r.id FROM record r JOIN holding h ON h.record = r.seq WHERE h.channel = ? AND h.epoch = ?"
                f" AND r.id IN ({','.join('?' * len(some))})",
                (header.channel, header.epoch, *some),
            )
            self._shown_before.update(row[0] for row in rows)

    def entry(self, shown: Shown, now_ms: int) -> Verdict:
        """Return the verdict on one entry; entries are judged in order."""
        verdict = self._verdict(shown, now_ms)
        self._here[shown.header.epoch, shown.header.index] = verdict.item
        return verdict

    def _verdict(self, shown: Shown, now_ms: int) -> Verdict:
        header, floor = shown.header, self.floor
        receipted, least = (header.receipted_epoch, header.receipted), (floor.receipted_epoch, floor.receipted)
        in_time = floor.released_at_ms <= header.released_at_ms <= now_ms + SKEW_MS
        in_order = in_time and least <= receipted
        if in_order:
            # What we never wrote says nothing; it is no fault either, for we may have been restored from a backup.
            self.floor = Floor(header.released_at_ms, *(receipted if receipted <= self._written else least))
        if not shown.body and header.body_size:
            return Verdict(shown, stub=True)
        if not in_order:
            return Verdict(shown, "time")
        verdict = self._body(shown)
        if verdict.code in wire.CURABLE:
            self._quota_left -= len(shown.body)
            if self._quota_left < 0:
                return Verdict(shown, "quota", item=verdict.item)
        return verdict

    def again(self, shown: Shown) -> Verdict:
        """Return the verdict on a quarantined entry, by the same checks but those of order, which it passed when it came."""
        return self._body(shown)

    def _body(self, shown: Shown) -> Verdict:
        header, body = shown.header, shown.body
        if len(body) > record.MAX_BODY_BYTES:
            return Verdict(shown, "oversize")
        if len(body) != header.body_size or hashlib.sha256(body).hexdigest() != header.body_sha256:
            return Verdict(shown, "body-malformed")
        readers = {"act": self._act, "epoch": self._epoch, "keys": self._keys, "notice": self._notice}
        try:
            return readers.get(header.kind, self._record)(shown)
        except SignatureError:
            return Verdict(shown, "bad-signature")
        except KizunaError:
            return Verdict(shown, "body-malformed")

    def _epoch(self, shown: Shown) -> Verdict:
        if shown.header.index or not shown.header.epoch:
            raise RecordError("an epoch begins with its first entry, and the first epoch with nothing to say")
        return Verdict(shown)

    def _act(self, shown: Shown) -> Verdict:
        """Return the verdict on an act: it names entries of this channel that showed the record, which its writer's party issued."""
        ((act, record_id, targets),) = outgoing.acts_of(shown.body)
        if not all(self._showed(shown.header.channel, place, record_id) for place in targets):
            raise RecordError("act names an entry that does not show its record")
        rows = self._store.query("SELECT issuer FROM record WHERE id = ?", (record_id,))
        if rows and rows[0][0] != self._partner.party:
            return Verdict(shown, "no-consent")
        return Verdict(shown, item=record_id, acts=((act, record_id),))

    def _showed(self, channel: str, place: tuple[int, int], record_id: str) -> bool:
        """Return whether an entry showed a record; one whose body never came may have."""
        if place in self._here:
            return self._here[place] in {"", record_id}
        rows = self._store.query(
            "SELECT 1 FROM leaf_in WHERE channel = ? AND epoch = ? AND idx = ? AND kind = 'record' AND record_id IN ('', ?)",
            (channel, *place, record_id),
        )
        return bool(rows)

    def _keys(self, shown: Shown) -> Verdict:
        envelope = sign.read_envelope(shown.body)
        if keys.is_revocation(envelope):
            return self._revocation(shown, envelope)
        told = "SELECT 1 FROM keyset WHERE node = ? AND envelope = ?"
        if shown.body == self._partner.envelope or self._store.query(told, (self._partner.node, shown.body)):
            return Verdict(shown)  # it was on the card, or told before its writer was restored
        keyset = keys.read_keyset(envelope, self._partner.root, newer_than=self._partner.keyset.version)
        if keyset.node != self._partner.node:
            raise SignatureError(f"key set of `{keyset.node}` came from `{self._partner.node}`")
        self._check_unshared(keyset)
        return Verdict(shown, keyset=(keyset.version, shown.body))

    def _revocation(self, shown: Shown, envelope: sign.Envelope) -> Verdict:
        """Return the verdict on a revocation: it counts for its own channel and for a version that a newer one has replaced."""
        header, said = shown.header, keys.read_revocation(envelope, self._partner.root)
        if said.node != self._partner.node or said.channel != header.channel:
            raise SignatureError(f"revocation for `{said.channel}` came on `{header.channel}`")
        if said.version >= self._partner.keyset.version:
            raise RecordError("the newest keys are replaced before they are revoked")
        place = (said.epoch, said.size) if said.compromised else (header.epoch, header.index)
        return Verdict(shown, revoked=(said.version, *place))

    def _record(self, shown: Shown) -> Verdict:
        header = shown.header
        held = remember(shown.body, self._read.get(shown.body) or record.read(shown.body))
        if held.clear.type != header.type:
            return Verdict(shown, "body-malformed", item=held.id)
        code = self._author(held, header) or self._permitted(shown, held) or self._replayed(held)
        if code:
            return Verdict(shown, code, item=held.id)
        blobs = facts.blobs_of(held, frozenset(held.disclosed))
        if blobs != tuple((blob.sha256, blob.size) for blob in header.blobs):
            return Verdict(shown, "blob-malformed", item=held.id)
        if (
            any(size > wire.MAX_BLOB_BYTES for _, size in blobs)
            or sum(size for _, size in blobs) > wire.MAX_SHOWN_BYTES
        ):
            return Verdict(shown, "oversize", item=held.id)
        if header.consents is not UNSET:
            self._relayed.spend(header.consents)
        issuer = held.clear.issuer if held.clear.issuer != self._partner.party else ""
        return Verdict(shown, item=held.id, blobs=blobs, issuer=issuer)

    def _notice(self, shown: Shown) -> Verdict:
        """Return the verdict on what an originator says of its own records, itself or by the relay that it consented to."""
        held = remember(shown.body, self._read.get(shown.body) or record.read(shown.body))
        if held.clear.type != shown.header.type or held.clear.type not in noting.NOTICE_TYPES:
            return Verdict(shown, "body-malformed", item=held.id)
        code = self._relayed.notice(held) or self._replayed(held)
        if code:
            return Verdict(shown, code, item=held.id)
        word, target = noting.WITHDRAWALS.get(held.clear.type, ""), noting.target_of(held)
        rows = self._store.query("SELECT issuer FROM record WHERE id = ?", (target,))
        acts = ((word, target),) if word and rows in ([], [(held.clear.issuer,)]) else ()
        issuer = held.clear.issuer if held.clear.issuer != self._partner.party else ""
        return Verdict(shown, item=held.id, acts=acts, issuer=issuer)

    def _author(self, held: record.Record, header: wire.EntryHeader) -> str:
        if held.clear.issuer != self._partner.party and header.kind == "record":
            return self._relayed.record(held)
        try:
            facts.check_author(held, self._partner)
        except RefusedError:
            return "no-consent"
        except SignatureError:
            return "bad-signature" if held.clear.key in self._partner.record_keys else "unknown-key"
        if not self._partner.counts(held.clear.key, header.epoch, header.index):
            return "revoked-key"
        if header.kind == "instrument":
            return "" if held.clear.type in TREATY_TYPES else "no-provision"
        return ""

    def _permitted(self, shown: Shown, held: record.Record) -> str:
        header = shown.header
        if header.kind == "instrument":
            return "" if self._own_party in record.label_of(held).releasable_to else "releasability"
        about = self._relayed.header(self._releaser, held, header)
        if about.label is None:
            return "label"
        return (
            self._releaser.index.judge(
                about,
                self._partner.party,
                header.released_at_ms,
                instrument=header.instrument,
                version=header.instrument_sha256,
                provision=header.provision,
                purpose=header.purpose,
                names=held.disclosed,
                label=header.label,
            )
            or ""
        )

    def _replayed(self, held: record.Record) -> str:
        """Return `replay` where an earlier entry of this channel showed all of this already.

        Raises:
            RecordError: it opens a name otherwise than an earlier entry did.
        """
        earlier = self._fresh.get(held.id)
        if earlier is None and held.id in self._shown_before:
            earlier = facts.load_record(self._store, held.id)
        self._fresh[held.id] = held if earlier is None else record.merge(earlier, held)
        return "replay" if earlier is not None and held.disclosed.keys() <= earlier.disclosed.keys() else ""


def arrival(judge: Judge, accepted: Accepted, has_blob: Mapping[str, bytes] | facts.BlobReader, now_ms: int) -> Arrival:
    """Return the verdicts on an accepted answer, and which blobs are to be fetched by position."""
    judge.prepare(accepted.entries)
    verdicts = [judge.entry(shown, now_ms) for shown in accepted.entries]
    made = Arrival(accepted, verdicts, judge.floor)
    held = has_blob.__contains__ if isinstance(has_blob, Mapping) else has_blob.has
    for verdict in verdicts:
        for place, (sha256, size) in enumerate(verdict.blobs):
            if not held(sha256):
                made.missing[verdict.shown.header.index, place] = wire.Blob(sha256, size)
    return made


def from_the_future(accepted: Accepted, now_ms: int) -> bool:
    """Return whether an answer holds an entry that was released later than any clock that is about right could have it."""
    return any(shown.header.released_at_ms > now_ms + SKEW_MS for shown in accepted.entries)


def take_blobs(
    made: Arrival, asked: Sequence[tuple[int, int]], parts: Sequence[bytes], checks: Mapping[str, BlobCheck | None]
) -> None:
    """Put fetched blobs into an arrival; one that is missing or is not what the header says makes its entry a refusal."""
    bad: dict[int, str] = {}
    for place, data in zip(asked, parts, strict=True):
        blob = made.missing.pop(place, None)
        if blob is None:
            continue
        if not data and blob.size:
            bad[place[0]] = "blob-missing"
        elif (
            len(data) != blob.size
            or hashlib.sha256(data).hexdigest() != blob.sha256
            or not _well_formed(data, checks.get(_type_at(made, place[0])))
        ):
            bad[place[0]] = "blob-malformed"
        else:
            made.fetched[blob.sha256] = data
    made.verdicts = [
        Verdict(verdict.shown, bad[verdict.shown.header.index], item=verdict.item)
        if verdict.shown.header.index in bad and not verdict.code
        else verdict
        for verdict in made.verdicts
    ]


def _type_at(made: Arrival, index: int) -> str:
    return next(verdict.shown.header.type for verdict in made.verdicts if verdict.shown.header.index == index)


def _well_formed(data: bytes, check: BlobCheck | None) -> bool:
    if check is None:
        return True
    try:
        check(data)
    except RecordError:
        return False
    return True


def received_entry(verdict: Verdict, now_ms: int, *, again: bool = False) -> Entry:
    """Return the journal entry of one verdict; what was refused for good keeps its header alone.

    `again` marks a re-examination of an entry that stood in quarantine.
    """
    keeps = not verdict.code or verdict.code in wire.CURABLE
    meta = {
        "acts": [list(act) for act in verdict.acts],
        "again": again,
        "code": verdict.code,
        "header": verdict.shown.header_bytes.decode(),
        "item": verdict.item,
        "kind": verdict.shown.header.kind,
        "stub": verdict.stub,
    }
    if verdict.issuer:
        meta["issuer"] = verdict.issuer
    body = verdict.shown.body if keeps and verdict.shown.body else None
    return Entry(kind="received", at_ms=now_ms, meta=meta, body=body)


def quarantined(store: Store, state: InState) -> list[Shown]:
    """Return the oldest refused entries of a channel whose bodies were kept because something new may cure them."""
    marks = ",".join("?" * len(wire.CURABLE))
    rows = store.query(
        "SELECT e.header, l.leaf, b.body FROM leaf_in l JOIN journal_entry e ON e.seq = l.seq JOIN journal_body b ON b.seq = l.seq"
        f" WHERE l.channel = ? AND l.epoch = ? AND l.code IN ({marks}) AND b.body IS NOT NULL ORDER BY l.idx",
        (state.reader.channel, state.reader.epoch, *sorted(wire.CURABLE)),
    )
    found = []
    for header, leaf, body in rows:
        data = msgspec.json.decode(bytes(header))["meta"]["header"].encode()
        found.append(Shown(wire.decode_header(data), data, bytes(leaf), bytes(body)))
    return found


def receipt_of(made: Arrival, state: InState, size: int, root: bytes, now_ms: int) -> wire.Receipt:
    """Return the receipt for an arrival: what is held after the commit, and what was refused or done."""
    verdicts = made.verdicts
    epoch = verdicts[0].shown.header.epoch if verdicts else state.reader.epoch
    return wire.Receipt(
        applied=tuple(
            wire.Applied(act, now_ms + receipting.BACKUP_DAYS_MS, verdict.shown.header.index)
            for verdict in verdicts
            for act, _ in verdict.acts
            if not verdict.code
        ),
        at_ms=now_ms,
        channel=state.reader.channel,
        cured=(),
        epoch=epoch,
        previous_sha256=state.receipt_sha256,
        refused=tuple(wire.Refused(verdict.code, verdict.shown.header.index) for verdict in verdicts if verdict.code),
        root=root.hex(),
        size=size,
        stubs=tuple(verdict.shown.header.index for verdict in verdicts if verdict.stub),
    )
