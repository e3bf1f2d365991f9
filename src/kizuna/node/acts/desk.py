"""What officers and jobs do at this node: say records, enrol partners, load instruments, halt, retract, backfill.

Each operation may refuse; what it does becomes journal entries in one commit. Deciding to whom a new record may go happens here, once for each
partner; it is decided again when the record is handed over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from kizuna.errors import KizunaError, RecordError, RefusedError, UnknownTypeError
from kizuna.kernel import canonical, keys, record, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.writer import NO_RECEIPT
from kizuna.kernel.domain import Derive
from kizuna.kernel.instrument import Instrument, Obligations
from kizuna.kernel.journal import Entry
from kizuna.kernel.merkle import EMPTY_ROOT, CompactRange
from kizuna.node import effects as fx
from kizuna.node.acts import erasing
from kizuna.node.acts.consenting import Consenting, person
from kizuna.node.channel import outgoing
from kizuna.node.channel.incoming import TREATY_TYPES
from kizuna.node.channel.releasing import bucket_ms
from kizuna.node.channel.world import Failed, World
from kizuna.node.effects import Effect, Reply
from kizuna.node.held import facts
from kizuna.node.held.facts import Identity, Partner
from kizuna.node.held.parsed import remember
from kizuna.node.held.tables import clear_meta

_REDECIDE_PAGE = 2000
_REDECIDE_MS = 500
"""How soon after one redecision the next may follow, where agreements change quickly."""
_NEVER_OFFERED = (
    "NOT EXISTS (SELECT 1 FROM leaf_out l WHERE l.channel = ? AND l.record = r.seq)"
    " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.channel = ? AND o.item = r.id)"
)
"""Most were shown already, which is found by number: so that is asked first."""


@dataclass(frozen=True)
class Offer:
    """Where a record goes: outbox rows `(channel, kind, lane, not_before_ms)`, what is withheld `(party, reason, count)`, who asks for less.

    `asks` are the parties that a clause lets have it only rewritten, with what rewrites it and the obligations.
    """

    due: list[list[str | int]]
    held: list[list[str | int]]
    asks: list[tuple[str, Derive, Obligations]]


class Desk:
    """The local operations of a node. `woken` is called with the channels that have something new to serve."""

    def __init__(
        self, world: World, woken: Callable[[Sequence[str], int], list[Effect]], consenting: Consenting
    ) -> None:
        self._world = world
        self._woken = woken
        self._redecided_ms = -_REDECIDE_MS
        self._redecide_waits = False
        self._consenting = consenting

    # --- records -------------------------------------------------------------------------------------------------------------------

    def say(self, command: fx.Say, reply_to: int, now_ms: int) -> list[Effect]:
        """Sign, decide and journal records; refuses the whole command where one of them cannot be said."""
        return self.say_then(
            command.drafts, now_ms, lambda said, _now_ms: [Reply(reply_to, said)], _reply_error(reply_to)
        )

    def say_then(
        self,
        drafts: Sequence[fx.Draft],
        now_ms: int,
        done: Callable[[tuple[fx.Said, ...], int], list[Effect]],
        failed: Failed,
    ) -> list[Effect]:
        """Sign, decide and journal records, all or none; `done` follows once they are durable, `failed` where they were not journalled."""
        entries: list[Entry] = []
        said: list[fx.Said] = []
        blobs: list[bytes] = []
        for draft in drafts:
            self._consenting.check_sources(draft, now_ms)
            held = self._issue(draft, now_ms)
            offer = self.offer(held, now_ms)
            entries.append(record_entry(held, offer, now_ms))
            blobs += draft.blobs
            for derived in self._derived(draft, held, offer, now_ms):
                made = self._issue(derived, now_ms)
                entries.append(record_entry(made, self.offer(made, now_ms), now_ms))
                blobs += derived.blobs
            due = tuple(str(row[0]) for row in offer.due)
            said.append(fx.Said(held.id, due, tuple((str(row[0]), str(row[1])) for row in offer.held)))
        treaty = any(draft.type in TREATY_TYPES for draft in drafts)

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            effects = done(tuple(said), later_ms)
            if treaty:
                effects += self.treaties_changed(later_ms)
            return effects + self._woken([channel for one in said for channel in one.due], later_ms)

        return [self._world.commit(entries, then, failed, blobs=tuple(blobs))]

    def _issue(self, draft: fx.Draft, now_ms: int) -> record.Record:
        world = self._world
        if draft.type not in world.classes:
            raise UnknownTypeError(f"record type `{draft.type}` is not one that this node knows")
        if type(draft.body) is not world.classes[draft.type]:
            raise RecordError(f"body of `{draft.type}` is a `{type(draft.body).__name__}`")
        digests = {hashlib.sha256(blob).hexdigest() for blob in draft.blobs}
        about = record.Facts(
            node=world.identity.node,
            actor=draft.actor,
            at_ms=draft.at_ms if draft.at_ms is not None else now_ms,
            subject=draft.subject,
            after=draft.after,
            exercise=draft.exercise,
            derived_from=draft.derived_from,
            handling=draft.handling,
        )
        held = record.issue(
            draft.type,
            draft.body,
            draft.label,
            about,
            world.sign_key(sign.Purpose.RECORD),
            world.random,
            closed=draft.closed,
        )
        named = facts.blobs_of(held, frozenset(held.disclosed))
        sizes = [size for _, size in named]
        if (
            len(sizes) > wire.MAX_BLOBS
            or max(sizes, default=0) > wire.MAX_BLOB_BYTES
            or sum(sizes) > wire.MAX_SHOWN_BYTES
        ):
            raise RecordError(
                f"`{draft.type}` names more or larger blobs than one entry can show: cut it into several records"
            )
        shown = {sha256 for sha256, _ in named}
        if shown - digests - {sha256 for sha256 in shown if world.blobs.has(sha256)}:
            raise RecordError(f"`{draft.type}` names a blob that was not given with it")
        return held

    def offer(self, held: record.Record, now_ms: int) -> Offer:
        """Return where a new record goes, decided once for each partner."""
        due: list[list[str | int]] = []
        withheld: list[list[str | int]] = []
        asks: list[tuple[str, Derive, Obligations]] = []
        for partner in self._world.partners.values():
            channel = wire.channel_name(self._world.identity.node, partner.node)
            if held.clear.type in TREATY_TYPES:
                if (
                    partner.party in record.label_of(held).releasable_to
                ):  # what we agree with one is no other's business
                    due.append([channel, "instrument", 0, now_ms])
                continue
            ruling = self._world.releaser.rule(held, partner.party, now_ms)
            decision = ruling.decision
            waits = not ruling.permit and decision.not_before_ms > now_ms
            if ruling.permit or waits:
                lane = wire.LANES.index(decision.lane)
                due.append([channel, "record", lane, max(now_ms, decision.not_before_ms)])
            if not ruling.permit or ruling.kept_back:
                withheld.append([partner.party, ruling.reason, max(1, ruling.kept_back)])
            derive = self._world.releaser.derivation(held, ruling)
            if derive is not None and ruling.asks is not None:
                asks.append((partner.party, derive, ruling.asks))
        return Offer(due, withheld, asks)

    def _derived(self, draft: fx.Draft, held: record.Record, offer: Offer, now_ms: int) -> list[fx.Draft]:
        """Return what goes to partners in place of a record that a clause lets go only coarser: this node's own claim, for that party alone."""
        given = {hashlib.sha256(blob).hexdigest(): blob for blob in draft.blobs}

        def blob_of(sha256: str) -> bytes:
            return given[sha256] if sha256 in given else self._world.blobs.get(sha256)

        made = []
        for party, derive, asks in offer.asks:
            found = derive(draft.body, blob_of, asks)
            if found is not None:
                body, blobs = found
                label = msgspec.structs.replace(draft.label, releasable_to=frozenset({party}))
                at_ms = held.at_ms or now_ms
                one = replace(draft, body=body, label=label, blobs=blobs, derived_from=(held.id,), at_ms=at_ms)
                if asks.unlinkable:  # what follows what would link it too
                    one = replace(one, blobs=(*blobs, *draft.blobs), after=(), at_ms=bucket_ms(at_ms, asks))
                made.append(one)
        return made

    # --- partners and agreements ---------------------------------------------------------------------------------------------------

    def enrol(self, command: fx.Enrol, reply_to: int, now_ms: int) -> list[Effect]:
        """Pin a partner's card; all its keys are checked again here."""
        card, keyset = keys.read_card(command.card)
        world = self._world
        if keyset.party == world.identity.party:
            raise RefusedError(f"`{keyset.node}` is of our own party: channels run between parties")
        known = world.partners.get(keyset.node)
        if known is not None and known.root != card.root_bytes:
            raise RefusedError(f"`{keyset.node}` is pinned under another root: remove it first, after asking why")
        pinned = facts.introduced_roots(world.store)
        pinned |= {partner.party: partner.root for partner in world.partners.values()}
        if pinned.get(keyset.party, card.root_bytes) != card.root_bytes:
            raise RefusedError(f"party `{keyset.party}` is pinned under another root: one root for each party")
        facts.check_unshared(card.root, keyset, world.identity, world.partners.values())
        meta: dict[str, Any] = {
            "actor": command.actor,
            "channel_in": wire.channel_name(keyset.node, world.identity.node),
            "channel_out": wire.channel_name(world.identity.node, keyset.node),
            "empty_root": EMPTY_ROOT.hex(),
            "frontier": CompactRange().to_bytes().hex(),
            "no_receipt": NO_RECEIPT,
            "node": keyset.node,
            "own_version": world.identity.public.version,
            "party": keyset.party,
            "version": keyset.version,
        }
        entry = Entry(kind="partner", at_ms=now_ms, meta=meta, body=command.card)
        entries = [entry]
        told = world.store.query("SELECT MAX(version) FROM own_key")[0][0]
        if known is None and world.identity.former and told == world.identity.public.version:
            # Its card of us may be older than our keys, and a restore forgets who was told of them. What the journal lacks all are told at once.
            entries.append(own_keyset_entry(world.identity, [meta["channel_out"]], (command.actor, ""), now_ms))
        return [self._world.commit(entries, self._partners_changed(reply_to, keyset.node), _reply_error(reply_to))]

    def remove(self, command: fx.RemovePartner, reply_to: int, now_ms: int) -> list[Effect]:
        """Close both channels with a partner; what was exchanged stays."""
        self._world.partner(command.node)
        meta = {"actor": command.actor, "node": command.node}
        entry = Entry(kind="partner-removed", at_ms=now_ms, meta=meta)
        return [self._world.commit([entry], self._partners_changed(reply_to, command.node), _reply_error(reply_to))]

    def _partners_changed(self, reply_to: int, node: str) -> Callable[[Sequence[int], int], list[Effect]]:
        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            self._world.refresh_partners()
            return [Reply(reply_to, node), *self.treaties_changed(later_ms)]

        return then

    def _untold(self, partner: Partner, now_ms: int) -> list[list[str | int]]:
        """Return outbox rows of what we have said about agreements with a partner before it was enrolled."""
        channel = wire.channel_name(self._world.identity.node, partner.node)
        marks = ",".join("?" * len(TREATY_TYPES))
        found = self._world.store.query(
            f"SELECT id FROM record r WHERE own = 1 AND type IN ({marks}) AND {_NEVER_OFFERED} ORDER BY seq",
            (*sorted(TREATY_TYPES), channel, channel),
        )
        rows: list[list[str | int]] = []
        for (item,) in found:
            held = facts.load_record(self._world.store, item)
            if held is not None and partner.party in record.label_of(held).releasable_to:
                rows.append([channel, item, "instrument", 0, now_ms])
        return rows

    def load_instrument(self, command: fx.LoadInstrument, reply_to: int, now_ms: int) -> list[Effect]:
        """Keep an instrument version; it counts once all parties have signed it."""
        loaded = canonical.decode(command.data, type=Instrument)
        digest = hashlib.sha256(command.data).hexdigest()
        meta = {"actor": command.actor, "instrument": loaded.id, "sha256": digest}
        entry = Entry(kind="instrument", at_ms=now_ms, meta=meta, body=command.data)

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            return [Reply(reply_to, digest), *self.treaties_changed(later_ms)]

        return [self._world.commit([entry], then, _reply_error(reply_to))]

    def treaties_changed(self, now_ms: int) -> list[Effect]:
        """Let the new agreements count at once, and decide anew what was withheld and lies inside a provision that is now open.

        The latter waits a moment where it was just done: a partner that says much about its agreements must not keep the node busy with it.
        """
        self._world.treaties_changed()
        if 0 <= now_ms - self._redecided_ms < _REDECIDE_MS:
            self._redecide_waits = True
            return []
        return self.redecide(now_ms)

    def overdue(self, now_ms: int) -> list[Effect]:
        """Decide anew what changed agreements have left waiting, once its moment is over."""
        waits = self._redecide_waits and not 0 <= now_ms - self._redecided_ms < _REDECIDE_MS
        return self.redecide(now_ms) if waits else []

    def redecide(self, now_ms: int) -> list[Effect]:
        """Queue own records that no partner has been offered and that a provision now permits."""
        self._redecided_ms = now_ms
        self._redecide_waits = False
        rows = self._consenting.due_onward(now_ms)
        for partner in self._world.partners.values():
            rows += self._untold(partner, now_ms)
            rows += self._newly_due(partner, now_ms, 0, now_ms + 1)
        return self._queue(rows, now_ms)

    def _newly_due(
        self, partner: Partner, now_ms: int, from_ms: int, to_ms: int, *, backfill: bool = False
    ) -> list[list[str | int]]:
        channel = wire.channel_name(self._world.identity.node, partner.node)
        types = self._world.releaser.index.types_towards(partner.party)
        found: list[list[str | int]] = []
        last = 0
        while types:
            page = self._world.store.query(
                f"SELECT r.id, r.seq FROM record r WHERE r.own = 1 AND r.seq > ? AND r.at_ms >= ? AND r.at_ms < ?"
                f" AND r.type IN ({','.join('?' * len(types))})"
                f" AND r.standing NOT IN {outgoing.WITHDRAWN} AND {_NEVER_OFFERED}"
                " ORDER BY r.seq LIMIT ?",
                (last, from_ms, to_ms, *types, channel, channel, _REDECIDE_PAGE),
            )
            for record_id, seq in page:
                last = seq
                held = facts.load_record(self._world.store, record_id)
                if held is None:
                    continue
                ruling = self._world.releaser.rule(held, partner.party, now_ms, backfill=backfill)
                if ruling.permit or ruling.decision.not_before_ms > now_ms:
                    lane = wire.LANES.index(ruling.decision.lane)
                    found.append([channel, record_id, "record", lane, max(now_ms, ruling.decision.not_before_ms)])
            if len(page) < _REDECIDE_PAGE:
                break
        return found

    def _queue(self, rows: list[list[str | int]], now_ms: int) -> list[Effect]:
        if not rows:
            return []

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            return self._woken([str(row[0]) for row in rows], later_ms)

        entry = Entry(kind="queued", at_ms=now_ms, meta={"rows": rows})
        return [self._world.commit([entry], then, _ignore)]

    # --- the security officer's levers ---------------------------------------------------------------------------------------------

    def halt(self, command: fx.Halt, reply_to: int, now_ms: int) -> list[Effect]:
        """Stop every release at once, in memory before it is journalled; going on waits for the journal."""
        if command.on:
            self._world.halted = True
        value = "on" if command.on else "off"
        meta = {"actor": command.actor, "name": "halted", "reason": command.reason, "value": value}
        entry = Entry(kind="setting", at_ms=now_ms, meta=meta)

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            self._world.halted = command.on
            channels = () if command.on else tuple(self._world.outs)
            return [Reply(reply_to, command.on), *self._woken(channels, later_ms)]

        return [self._world.commit([entry], then, _reply_error(reply_to))]

    def act(self, command: fx.Act, reply_to: int, now_ms: int) -> list[Effect]:
        """Retract, recall or destroy an own record: a standing here, and an urgent entry to each channel that showed it."""
        if command.act not in wire.ACTS:
            raise RefusedError(f"act `{command.act}` is not one of `{'`, `'.join(wire.ACTS)}`")
        rows = self._world.store.query("SELECT own FROM record WHERE id = ?", (command.record_id,))
        if not rows or not rows[0][0]:
            raise RefusedError(
                f"record `{command.record_id[:16]}` is not one of ours: only its originator can {command.act} it"
            )
        self._world.withdrawn.add(command.record_id)

        def failed(error: KizunaError) -> list[Effect]:
            self._world.withdrawn.discard(command.record_id)
            return [Reply(reply_to, error)]

        # From now on it is released no more; what is being released at this moment is durable once this turn comes.
        effects: list[Effect] = [
            self._world.commit((), lambda _seqs, later_ms: self._withdraw(command, reply_to, later_ms, failed), failed)
        ]
        return effects + self.withdraw_derived(command.record_id, command.act, now_ms)

    def withdraw_derived(self, source: str, act: str, now_ms: int) -> list[Effect]:
        """Do to what this node made from a record what was done to the record."""
        rows = self._world.store.query(
            "SELECT d.record_id FROM derivation d JOIN record r ON r.id = d.record_id"
            f" WHERE d.source = ? AND r.own = 1 AND r.standing NOT IN {wire.ACTS} ORDER BY d.record_id",
            (source,),
        )
        fresh = [record_id for (record_id,) in rows if record_id not in self._world.withdrawn]
        return [
            effect
            for record_id in fresh
            for effect in self.act(fx.Act(record_id, act, f"made from `{source}`", "system:withdrawal"), 0, now_ms)
        ]

    def _withdraw(self, command: fx.Act, reply_to: int, now_ms: int, failed: Failed) -> list[Effect]:
        holders = outgoing.holders(self._world.store, command.record_id)
        entries = acted_entries(command, holders, now_ms)
        entries += self._consenting.withdrawal(command, now_ms)

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            self._world.withdrawn.discard(command.record_id)
            return [
                Reply(reply_to, tuple(holders)),
                *self._woken(tuple(holders), later_ms),
                *self._erasures(command, later_ms),
            ]

        return [self._world.commit(entries, then, failed)]

    def _erasures(self, command: fx.Act, now_ms: int) -> list[Effect]:
        return [] if command.act != "destroy" else erasing.erase(self._world, command.record_id, "destroyed", now_ms)

    def backfill(self, command: fx.Backfill, reply_to: int, now_ms: int) -> list[Effect]:
        """Preview, or with a second person queue, what a period's records would release to one partner."""
        partner = self._world.partner(command.node)
        if command.to_ms <= command.from_ms:
            raise RefusedError("the period ends before it begins")
        rows = self._newly_due(partner, now_ms, command.from_ms, command.to_ms, backfill=True)
        ids = tuple(str(row[1]) for row in rows)
        if not command.second_actor:
            return [Reply(reply_to, ids)]
        check_two(command.actor, command.second_actor, "a backfill")
        meta = {"actor": command.actor, "rows": rows, "second_actor": command.second_actor}
        entry = Entry(kind="queued", at_ms=now_ms, meta=meta)

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            return [Reply(reply_to, ids), *self._woken([str(row[0]) for row in rows], later_ms)]

        return [self._world.commit([entry], then, _reply_error(reply_to))]

    def reopen(self, command: fx.Reopen, reply_to: int, now_ms: int) -> list[Effect]:
        """Let a stopped channel go on."""
        if command.channel not in self._world.outs and command.channel not in self._world.ins:
            raise RefusedError(f"there is no channel `{command.channel}`")
        meta = {"actor": command.actor, "channel": command.channel, "reason": command.reason}
        entry = Entry(kind="reopened", at_ms=now_ms, meta=meta)

        def then(_seqs: Sequence[int], _later_ms: int) -> list[Effect]:
            for state in (self._world.outs.get(command.channel), self._world.ins.get(command.channel)):
                if state is not None:
                    state.stopped = ""
            return [Reply(reply_to, command.channel)]

        return [self._world.commit([entry], then, _reply_error(reply_to))]


def check_two(actor: str, second_actor: str, what: str) -> None:
    """Accept two persons who are not the same.

    Raises:
        RefusedError: one is missing or no person, or both are one.
    """
    persons = {person(actor), person(second_actor)}
    if len(persons) == 1 or "" in persons:
        raise RefusedError(f"{what} needs two persons: the second must be another than the first")


def acted_entries(command: fx.Act, holders: Mapping[str, Sequence[tuple[int, int]]], now_ms: int) -> list[Entry]:
    """Return the journal entries of an act: the record's standing here, and what each channel that showed it is to be told."""
    meta = {"act": command.act, "actor": command.actor, "item": command.record_id, "reason": command.reason}
    told = [
        Entry(
            kind="act-body",
            at_ms=now_ms,
            meta={"channel": channel, "item": command.record_id},
            body=outgoing.act_body(command.act, command.record_id, tuple(targets)),
        )
        for channel, targets in holders.items()
    ]
    return [Entry(kind="acted", at_ms=now_ms, meta=meta), *told]


def record_entry(held: record.Record, offer: Offer, now_ms: int) -> Entry:
    """Return the journal entry of an own record, with where it goes."""
    body = held.bytes()
    remember(body, held)
    meta = {"clear": clear_meta(held), "due": offer.due, "held": offer.held, "item": held.id}
    return Entry(kind="record", at_ms=now_ms, meta=meta, body=body)


def own_keyset_entry(identity: Identity, channels: Sequence[str], actors: tuple[str, str], now_ms: int) -> Entry:
    """Return the journal entry of this node's newest key set, which is told on these channels."""
    meta = {
        "actor": actors[0],
        "channels": list(channels),
        "second_actor": actors[1],
        "version": identity.public.version,
    }
    return Entry(kind="own-keyset", at_ms=now_ms, meta=meta, body=canonical.encode(identity.keyset))


def _reply_error(reply_to: int) -> Callable[[KizunaError], list[Effect]]:
    return lambda error: [Reply(reply_to, error)]


def _ignore(_error: KizunaError) -> list[Effect]:
    return []
