"""What the halves of the node share: identity, store, partners, agreements in force, channel states, and commits under way.

Nothing here decides; it loads from the store what the journal says and keeps it current. Memory is never ahead of the journal but by what is
being committed, and is read again from the store when a commit fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kizuna.errors import KizunaError, RefusedError
from kizuna.kernel import keys, note, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.domain import Domain
from kizuna.kernel.instrument import Agreement
from kizuna.kernel.journal import Entry, Store
from kizuna.kernel.label import Grade
from kizuna.kernel.ports import Random
from kizuna.kernel.release import GUARD_MS, Index
from kizuna.node.channel import incoming, outgoing, treaties
from kizuna.node.channel.ledger import Ledger
from kizuna.node.channel.releasing import Releaser
from kizuna.node.channel.sequencing import Sequencer
from kizuna.node.effects import Alert, Commit, Effect, Mark, Reply
from kizuna.node.held import facts
from kizuna.node.held.facts import BlobReader, Identity, Partner
from kizuna.node.held.filling import kinds_of

Then = Callable[[Sequence[int], int], list[Effect]]
"""What follows a durable commit: takes the sequence numbers and the time in milliseconds UTC."""
Failed = Callable[[KizunaError], list[Effect]]
_MOST_SAID = 500


@dataclass(frozen=True)
class Limits:
    """Budgets of a node; a partner that reaches one waits, or is refused by code."""

    pull_entries: int = 1000
    pull_bytes: int = 8 << 20
    window_entries: int = 4096
    """How many entries may lie beyond the last receipt."""
    quarantine_bytes: int = 64 << 20
    wait_ms: int = 20_000
    retry_ms: int = 500
    retry_most_ms: int = 15_000
    guard_ms: int = GUARD_MS
    backward_ms: int = 2_000
    """How far the clock may step back before it is in doubt."""


@dataclass(frozen=True)
class Sources:
    """What the outside gives to a node."""

    store: Store
    blobs: BlobReader
    random: Random
    high_water: Callable[[str], Mark | None]
    grade: Grade | None = None
    """How what officers say at this node is graded where they ask for nothing else; None takes the party's own lowest grade."""


class Held:
    """The large objects of this node; one whose erasure has begun counts as not held until it is made durable anew."""

    def __init__(self, blobs: BlobReader) -> None:
        self._blobs = blobs
        self.erasing: set[str] = set()

    def get(self, sha256: str) -> bytes:
        """Return an object, verified against its digest."""
        return self._blobs.get(sha256)

    def has(self, sha256: str) -> bool:
        """Return whether an object is held and will stay."""
        return sha256 not in self.erasing and self._blobs.has(sha256)

    def present(self, sha256: str) -> bool:
        """Return whether an object is on the disk."""
        return self._blobs.has(sha256)


class World:
    """The state that serving, pulling and the officers' desk share."""

    def __init__(self, identity: Identity, sources: Sources, domains: Sequence[Domain], limits: Limits) -> None:
        self.identity = identity
        self.store = sources.store
        self.blobs = Held(sources.blobs)
        self.random = sources.random
        self.high_water = sources.high_water
        self.domains = tuple(domains)
        self.kinds = kinds_of(self.domains)
        self.grade = sources.grade or Grade(f"{identity.party}.desk.v1", 0)
        self.limits = limits
        self.classes = {name: kind for domain in domains for name, kind in domain.records.items()}
        self.partners: dict[str, Partner] = {}
        self.outs: dict[str, outgoing.OutState] = {}
        self.ins: dict[str, incoming.InState] = {}
        self.ledger = Ledger()
        self._said_of_treaties = 1
        self._compiled = 0, Releaser(Index.build(identity.party, (), limits.guard_ms), self.domains, self.ledger)
        self.issuers: dict[str, dict[str, bytes]] = {}
        """Record keys by id of each party whose root is pinned here: partners, and those who were only introduced."""
        self.boundaries: tuple[int, ...] = ()
        """When more may be releasable than before, by the agreements as they were last compiled."""
        self.rules_version = 0
        """Grows when partners' keys or agreements change: what stands in quarantine is then worth another look."""
        self.halted = False
        self.clock_in_doubt = False
        self.withdrawn: set[str] = set()
        """Records whose retraction, recall or destruction is on its way into the journal: they are released no more."""
        self._token = 0
        self._waiting: dict[int, tuple[Then, Failed]] = {}
        self.refresh_partners()
        self.refresh_ledger()
        self.refresh_settings()
        self._compile()

    @property
    def releasing(self) -> bool:
        """Whether records may be released at all now."""
        return not self.halted and not self.clock_in_doubt

    # --- what the journal says ----------------------------------------------------------------------------------------------------

    def refresh_partners(self) -> None:
        """Read partners again, and the channels of new ones."""
        self.partners = facts.load_partners(self.store)
        self.issuers = facts.load_issuers(self.store, self.partners.values())
        self.rules_version += 1
        for node in self.partners:
            # A channel's state in memory may be ahead by a commit under way: what is loaded already stays.
            if (outward := wire.channel_name(self.identity.node, node)) not in self.outs:
                self.reload_out(outward)
            if (inward := wire.channel_name(node, self.identity.node)) not in self.ins:
                self.reload_in(inward)

    def reload_out(self, channel: str) -> None:
        """Read the writer's state of one channel again, and which consents were not spent after all."""
        self.ledger.refresh(self.store)
        self.outs[channel] = outgoing.load(self.store, channel)

    def reload_in(self, channel: str) -> None:
        """Read the reader's state of one channel again."""
        self.ins[channel] = incoming.load(self.store, channel)

    def treaties_changed(self) -> None:
        """Note that the journal says something new of instruments, signatures, suspensions or scopes: no decision is made before it is read."""
        self._said_of_treaties += 1
        self._decide_anew()

    def refresh_ledger(self) -> None:
        """Read again what originators have said about their records: what consents and relabels let go is decided anew."""
        self.ledger.refresh(self.store)
        self._decide_anew()

    def _decide_anew(self) -> None:
        self.rules_version += 1
        for state in self.outs.values():
            state.denied.clear()

    @property
    def releaser(self) -> Releaser:
        """The rules of release under the agreements as the journal has them now, compiled when they are next asked for; from any thread."""
        reached, releaser = self._compiled  # read at once: another thread may be compiling an older word
        return releaser if reached == self._said_of_treaties else self._compile()

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """The agreements as the journal has them now."""
        return self.releaser.index.agreements

    @property
    def roots(self) -> dict[str, bytes]:
        """The root under which each party's word on agreements counts here."""
        roots = {partner.party: partner.root for partner in self.partners.values()}
        return roots | {self.identity.party: self.identity.root_public}

    def _compile(self) -> Releaser:
        reached = self._said_of_treaties  # before reading: what is said meanwhile is read again
        agreements = treaties.agreements(self.store, self.roots)
        releaser = self._compiled[1]
        if agreements != releaser.index.agreements:
            releaser = Releaser(
                Index.build(self.identity.party, agreements, self.limits.guard_ms), self.domains, self.ledger
            )
            self.boundaries = treaties.boundaries(agreements, self.limits.guard_ms)
        self._compiled = reached, releaser
        return releaser

    def refresh_settings(self) -> None:
        """Read what officers have set again."""
        rows = self.store.query("SELECT value FROM setting WHERE name = 'halted'")
        self.halted = bool(rows and rows[0][0] == "on")

    # --- shared helpers -----------------------------------------------------------------------------------------------------------

    def partner(self, node: str) -> Partner:
        """Return an enrolled partner.

        Raises:
            RefusedError: there is none of that name.
        """
        found = self.partners.get(node)
        if found is None:
            raise RefusedError(f"`{node}` is not an enrolled partner: enrol it first, or mend the name")
        return found

    def out_channel(self, node: str) -> outgoing.OutState:
        """Return the state of the channel that this node writes for a partner."""
        self.partner(node)
        return self.outs[wire.channel_name(self.identity.node, node)]

    def in_channel(self, node: str) -> incoming.InState:
        """Return the state of the channel that a partner writes for this node."""
        self.partner(node)
        return self.ins[wire.channel_name(node, self.identity.node)]

    def sequencer(self, partner: Partner) -> Sequencer:
        """Return the sequencer of the channel to a partner."""
        reader = self.in_channel(partner.node).reader
        reverse = (reader.epoch, reader.size)
        state = self.out_channel(partner.node)
        return Sequencer(
            self.store,
            self.releaser,
            partner,
            state,
            reverse,
            self.speaking(partner.node),
            frozenset(self.withdrawn),
        )

    def sign_key(self, purpose: sign.Purpose, node: str = "") -> sign.SigningKey:
        """Return this node's newest key for a purpose, or the one that a partner's node is known to hold."""
        return (self.speaking(node) if node else self.identity).keys[purpose]

    def speaking(self, node: str) -> Identity:
        """Return this node with the newest keys that a partner is known to hold: told at its enrolment, or receipted since."""
        if not self.identity.former:
            return self.identity
        known = self.version_known(node)
        return next((each for each in self.identity.every if each.public.version <= known), self.identity.every[-1])

    def version_known(self, node: str) -> int:
        """Return the newest version of our keys that a partner is known to hold."""
        return max(self._version_receipted(node), self.version_on_card(node))

    def version_on_card(self, node: str) -> int:
        """Return the version of our keys when a partner was enrolled: the card that it has of us bears that one, or an older one."""
        rows = self.store.query("SELECT own_version FROM partner WHERE node = ?", (node,))
        return int(rows[0][0]) if rows else 0

    def _version_receipted(self, node: str) -> int:
        """Return the newest version that a partner has receipted, or has given back to us after a restore, which it could not without holding it."""
        rows = self.store.query(
            "SELECT MAX(t.version) FROM told_key t JOIN channel_out c ON c.channel = t.channel"
            " JOIN leaf_out l ON l.channel = t.channel AND l.epoch = t.epoch AND l.idx = t.idx"
            " WHERE c.node = ? AND t.revoked = 0 AND (t.known = 1 OR (l.outcome = '' AND (t.epoch < c.epoch OR t.idx < c.receipted)))",
            (node,),
        )
        return int(rows[0][0] or 0)

    def has_receipted_newest(self, node: str) -> bool:
        """Return whether a partner has receipted our newest keys: else the card that it has of us may bear any of them."""
        return self._version_receipted(node) >= self.identity.public.version

    def signers(self, node: str, most: int) -> list[Identity]:
        """Return up to `most` of our identities, newest first, whose signatures serve a partner that may hold any of our key sets.

        They are the newest, the one on the card that it was enrolled with, the one that it receipted last, and then whatever is newer.
        """
        every = self.identity.every
        surely = {every[0].public.version, self.version_on_card(node), self._version_receipted(node)}
        first = sorted(every, key=lambda each: each.public.version not in surely)
        return sorted(first[:most], key=lambda each: -each.public.version)

    def told_revoked(self, purpose: sign.Purpose, node: str) -> frozenset[str]:
        """Return the ids of our keys for a purpose of which a partner has been told that they count no more."""
        rows = self.store.query(
            "SELECT t.version FROM told_key t JOIN channel_out c ON c.channel = t.channel WHERE c.node = ? AND t.revoked = 1",
            (node,),
        )
        told = {int(version) for (version,) in rows}
        return frozenset(each.public.key_id(purpose) for each in self.identity.every if each.public.version in told)

    def shown_version(self, now_ms: int) -> int:
        """Return which version's TLS certificate is shown: the one before the newest while a partner may not know the newest."""
        newest, *former = (each.public for each in self.identity.every)
        over = isinstance(newest, keys.KeySetV2) and now_ms >= newest.previous_until_ms
        if not former or not self.partners or over:
            return newest.version
        told_off = self.store.query(
            "SELECT 1 FROM told_key t JOIN channel_out c ON c.channel = t.channel WHERE t.revoked = 1 AND t.version >= ?"
            " AND (t.known = 1 OR t.epoch < c.epoch OR t.idx < c.receipted)",
            (former[0].version,),
        )
        known = all(self.version_known(node) >= newest.version for node in self.partners)
        return newest.version if known or told_off else former[0].version

    def own_signer(self, purpose: sign.Purpose, key_id: str) -> bytes:
        """Return our own public key of an id, or the newest one, under which what bears another id will not verify."""
        found = {sign.key_id(purpose, public): public for public in self.own_keys(purpose)}
        return found.get(key_id, self.identity.keys[purpose].public)

    def own_noted(self, name: str, data: bytes) -> bytes:
        """Return our own checkpoint key under which a note says to be signed as `name`, or the newest one; see `own_signer`."""
        own = self.own_keys(sign.Purpose.CHECKPOINT)
        try:
            hashes = {line.key_hash for line in note.parse_note(data).signatures if line.name == name}
        except KizunaError:
            return own[0]
        return next((public for public in own if note.key_hash(name, public) in hashes), own[0])

    def own_keys(self, purpose: sign.Purpose) -> tuple[bytes, ...]:
        """Return every public key that this node has for a purpose, the newest first."""
        return tuple(each.keys[purpose].public for each in self.identity.every)

    def own_record_keys(self) -> dict[str, bytes]:
        """Return this node's public record keys by id."""
        return {sign.key_id(sign.Purpose.RECORD, public): public for public in self.own_keys(sign.Purpose.RECORD)}

    # --- commits under way --------------------------------------------------------------------------------------------------------

    def commit(
        self,
        entries: Sequence[Entry],
        then: Then,
        failed: Failed,
        *,
        blobs: tuple[bytes, ...] = (),
        marks: tuple[Mark, ...] = (),
    ) -> Commit:
        """Return one atomic unit; `then` runs once it is durable, `failed` where it was not made."""
        if self.blobs.erasing:
            self.blobs.erasing.difference_update(hashlib.sha256(blob).hexdigest() for blob in blobs)
        self._token += 1
        self._waiting[self._token] = (then, failed)
        return Commit(self._token, tuple(entries), blobs, marks)

    def committed(self, token: int, seqs: Sequence[int], now_ms: int) -> list[Effect]:
        """Go on after a durable commit."""
        then, _ = self._waiting.pop(token)
        return then(seqs, now_ms)

    def aborted(self, token: int, error: KizunaError) -> list[Effect]:
        """Go on after a commit that was not made."""
        _, failed = self._waiting.pop(token)
        return failed(error)

    def alarm(
        self, kind: str, channel: str, sentence: str, now_ms: int, *, stop: bool, evidence: bytes = b""
    ) -> list[Effect]:
        """Return the effects of something that a person must see, journalled with its evidence.

        `stop` closes the channel, at once and until it is reopened.
        """
        sentence = plain(sentence)
        meta = {"channel": channel, "kind": kind, "sentence": sentence, "stop": stop}
        entry = Entry(kind="alert", at_ms=now_ms, meta=meta, body=evidence or None)
        for state in (self.ins.get(channel), self.outs.get(channel)):
            if state is not None and stop:
                state.stopped = kind
        return [Alert(kind, channel, sentence), self.commit([entry], _nothing_more, _no_effects)]


def plain(sentence: str) -> str:
    """Return a sentence that may quote a partner, in ASCII and short: what others wrote may be no text that canonical JSON can say."""
    return sentence[:_MOST_SAID].encode("ascii", "backslashreplace").decode("ascii")


def _nothing_more(_seqs: Sequence[int], _now_ms: int) -> list[Effect]:
    return []


def _no_effects(_error: KizunaError) -> list[Effect]:
    return []


def fault(reply_to: int, code: str, sentence: str) -> Reply:
    """Return the answer to a request that is not served."""
    return Reply(reply_to, wire.pack_message(wire.Fault(code=code, sentence=plain(sentence)), []))
