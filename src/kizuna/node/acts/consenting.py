"""What officers say about records that are out already: consent to pass them on, relabels, successors; and what arrives of the kind.

Each operation signs one notice, journals it with where it goes, and has what it changes decided again. An introduced party is one whose card two
people have compared although no channel runs to it: so that what it signs can be believed when a relay brings it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from kizuna.errors import RecordError, RefusedError
from kizuna.kernel import keys, label, lifecycle, record, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.clause import Consent, consent_reaches
from kizuna.kernel.journal import Entry
from kizuna.kernel.label import Label
from kizuna.kernel.record import Body
from kizuna.node import effects as fx
from kizuna.node.channel import outgoing
from kizuna.node.channel.incoming import Arrival
from kizuna.node.channel.world import World
from kizuna.node.effects import Effect, Reply
from kizuna.node.held import facts, noting
from kizuna.node.held.schema import NUMBER_OF
from kizuna.node.held.tables import clear_meta

Row = list[str | int]
"""An outbox row: channel, item, kind, lane, not before."""
_AT_ONCE = 2000


class Consenting:
    """The operations on notices. `woken` is called with the channels that have something new to serve."""

    def __init__(self, world: World, woken: Callable[[Sequence[str], int], list[Effect]]) -> None:
        self._world = world
        self._woken = woken

    # --- operations ----------------------------------------------------------------------------------------------------------------

    def consent(self, command: fx.GrantConsent, reply_to: int, now_ms: int) -> list[Effect]:
        """Let one party pass our records on to another; the reply is the consent's id."""
        terms = command.terms
        if any(value is record.WITHHELD for value in msgspec.structs.asdict(terms).values()):
            raise RecordError("a consent states all of its terms")
        self._check_terms(terms, now_ms)
        names = (str(terms.relay), str(terms.recipient))
        made = self._issue(noting.GRANTED, terms, self._between(names), command.actor, now_ms, closed=True)
        (granted,) = lifecycle.consents_of([lifecycle.act_of(made, terms)])
        rows: list[Row] = [[channel, made.id, "notice", 0, now_ms] for channel in self._channels({granted.relay})]
        rows += self._opened_anew(granted, now_ms)
        return self._say([(made, rows)], reply_to, made.id, now_ms)

    def _check_terms(self, terms: lifecycle.ConsentGranted, now_ms: int) -> None:
        world = self._world
        relay, recipient = str(terms.relay), str(terms.recipient)
        if len({relay, recipient, world.identity.party}) != 3:  # noqa: PLR2004 # originator, relay, recipient
            raise RefusedError("a consent names a relay and a recipient, which are two parties and neither is ours")
        if relay not in {partner.party for partner in world.partners.values()}:
            raise RefusedError(f"relay `{relay[:32]}` is not the party of an enrolled partner: enrol it first")
        if not label.PARTY(recipient) or not terms.fields or not label.WORD(str(terms.purpose)):
            raise RefusedError("a consent names a recipient, at least one field and a purpose")
        if not isinstance(terms.expires_ms, int) or terms.expires_ms <= now_ms:
            raise RefusedError("the consent would have expired already: give a later `expires_ms`")
        period = (terms.record_type, terms.from_ms, terms.to_ms)
        if bool(terms.records) == all(part is not None for part in period):
            raise RefusedError("a consent names records, or one type with a period")
        for record_id in terms.records or ():
            now = self._label_now(self._own(record_id))
            if recipient not in now.releasable_to:
                raise RefusedError(f"record `{record_id[:16]}` may not be released to `{recipient}`: relabel it first")

    def revoke(self, command: fx.RevokeConsent, reply_to: int, now_ms: int) -> list[Effect]:
        """Take a consent of ours back, at the relay and, where it is our partner too, at the recipient."""
        granted = self._granted(command.consent)
        body = lifecycle.ConsentRevoked(consent=granted.id, reason=command.reason)
        names = (granted.relay, granted.recipient)
        made = self._issue(noting.REVOKED, body, self._between(names), command.actor, now_ms, closed=True)
        rows: list[Row] = [[channel, made.id, "notice", 0, now_ms] for channel in self._channels(set(names))]
        return self._say([(made, rows)], reply_to, made.id, now_ms)

    def _granted(self, consent: str) -> Consent:
        party = self._world.identity.party
        for granted in self._world.ledger.granted:
            if granted.id == consent and granted.originator == party:
                return granted
        raise RefusedError(f"consent `{consent[:16]}` is not one that we granted")

    def relabel(self, command: fx.Relabel, reply_to: int, now_ms: int) -> list[Effect]:
        """Change the label of a record of ours, by two persons; what is releasable now is decided again, and holders are told."""
        if "" in (one := [person(command.actor), person(command.second_actor)]) or len(set(one)) != 2:  # noqa: PLR2004 # two persons
            raise RefusedError("a relabel needs two persons: the second must be another than the first")
        held = self._own(command.record_id)
        before = self._label_now(held)
        if before.originators != {self._world.identity.party}:
            raise RefusedError("others' information is in this record: only they change what protects it")
        body = lifecycle.RecordRelabelled(
            target=held.id,
            approved_by=command.second_actor,
            grades=command.grades,
            releasability=command.releasable_to is not None,
            purposes=command.purposes,
            caveats=command.caveats,
            review_by=command.review_by,
            reason=command.reason,
        )
        to = before.releasable_to if command.releasable_to is None else frozenset(command.releasable_to)
        own = msgspec.structs.replace(before, releasable_to=to)
        after = self._world.ledger.relabels_of(held.id)
        made = self._issue(noting.RELABELLED, body, own, command.actor, now_ms, after=after)
        now = self._label_now(held, lifecycle.act_of(made, body))
        if now == before:
            raise RefusedError("this relabel changes nothing")
        rows: list[Row] = [[channel, made.id, "notice", 0, now_ms] for channel in self._holders(held.id)]
        return self._say([(made, rows)], reply_to, made.id, now_ms, reoffered=(held.id,))

    def supersede(self, command: fx.Supersede, reply_to: int, now_ms: int) -> list[Effect]:
        """Say that a record of ours is corrected by another; a holder that may not have the successor is told only that it is retracted."""
        held, successor = self._own(command.record_id), self._own(command.successor)
        if held.id == successor.id or held.clear.type != successor.clear.type:
            raise RefusedError("a successor is another record of the same type")
        body = lifecycle.RecordSuperseded(target=held.id, successor=successor.id, reason=command.reason)
        made = self._issue(noting.SUPERSEDED, body, self._label_now(held), command.actor, now_ms)
        rows: list[Row] = [[channel, made.id, "notice", 0, now_ms] for channel in self._holders(held.id)]
        return self._say([(made, rows)], reply_to, made.id, now_ms)

    def introduce(self, command: fx.Introduce, reply_to: int, now_ms: int) -> list[Effect]:
        """Pin the card of a party that we have no channel with, so that its signature counts when a relay brings it."""
        card, keyset = keys.read_card(command.card)
        world = self._world
        if keyset.party == world.identity.party:
            raise RefusedError(f"`{keyset.node}` is of our own party")
        roots = {partner.party: partner.root for partner in world.partners.values()}
        roots = facts.introduced_roots(world.store) | roots
        if roots.get(keyset.party, card.root_bytes) != card.root_bytes:
            raise RefusedError(f"party `{keyset.party}` is pinned under another root: one root for each party")
        facts.check_unshared(card.root, keyset, world.identity, world.partners.values())
        meta = {"actor": command.actor, "node": keyset.node, "party": keyset.party, "version": keyset.version}
        entry = Entry(kind="introduced", at_ms=now_ms, meta=meta, body=command.card)

        def then(_seqs: Sequence[int], _later_ms: int) -> list[Effect]:
            world.refresh_partners()
            return [Reply(reply_to, keyset.node)]

        return [world.commit([entry], then, lambda error: [Reply(reply_to, error)])]

    def check_sources(self, draft: fx.Draft, now_ms: int) -> None:
        """Accept a record that is made from others' only where its label says so, and lets it go to nobody whom they have not consented to.

        Raises:
            RefusedError: an originator is missing from the label, or a party is in it without consent.
        """
        party = self._world.identity.party
        sources = [facts.load_record(self._world.store, source) for source in draft.derived_from]
        foreign: set[str] = set()
        for source in sources:
            foreign |= {source.clear.issuer, *source.label.originators} - {party} if source is not None else set()
        if not foreign:
            return
        if not foreign <= draft.label.originators:
            raise RefusedError(
                f"the record is made from information of `{', '.join(sorted(foreign))}`: name each as originator in its label"
            )
        allowed = {party} | {
            consent.recipient
            for consent in self._ours()
            if now_ms < consent.expires_ms
            and all(
                any(c.originator == one and c.recipient == consent.recipient for c in self._ours()) for one in foreign
            )
        }
        if not draft.label.releasable_to <= allowed:
            raise RefusedError(
                f"`{', '.join(sorted(draft.label.releasable_to - allowed))}` may not have what others' information went into without"
                " the consent of each of them: ask for it, or leave the party out"
            )

    # --- what others say -----------------------------------------------------------------------------------------------------------

    def arrived(self, arrival: Arrival, now_ms: int) -> list[Effect]:
        """Act on notices, and on records that consents let us pass on: what is due onward is queued."""
        accepted = [verdict for verdict in arrival.verdicts if not verdict.code and not verdict.stub]
        notices = [verdict.item for verdict in accepted if verdict.shown.header.kind == "notice"]
        if notices:
            self._world.refresh_ledger()
        if not self._ours():
            return self._queue(self._onward(notices, now_ms), now_ms)
        fresh = None if notices else {verdict.item for verdict in accepted if verdict.shown.header.kind == "record"}
        return self._queue(self._onward(notices, now_ms) + self.due_onward(now_ms, fresh), now_ms)

    def _ours(self) -> list[Consent]:
        """Return the consents by which we may pass something on."""
        return [consent for consent in self._world.ledger.consents if consent.relay == self._world.identity.party]

    def _onward(self, notices: Iterable[str], now_ms: int) -> list[Row]:
        """Return where notices of others go on: to the readers whom this node has shown their record or their consent."""
        rows: list[Row] = []
        for notice in notices:
            found = self._world.store.query(
                "SELECT DISTINCT l.channel FROM notice n JOIN record r ON r.id = n.target JOIN leaf_out l ON l.record = r.seq"
                " WHERE n.record_id = ? AND n.issuer <> ? ORDER BY l.channel",
                (notice, self._world.identity.party),
            )
            rows += [[channel, notice, "notice", 0, now_ms] for (channel,) in found]
        return rows

    def due_onward(self, now_ms: int, fresh: set[str] | None = None) -> list[Row]:
        """Return what consents let us pass on and no partner was offered: of all that is held, or of `fresh` records alone."""
        rows: list[Row] = []
        for consent in self._ours():
            for partner in self._world.partners.values():
                if partner.party != consent.recipient:
                    continue
                channel = wire.channel_name(self._world.identity.node, partner.node)
                for record_id in self._candidates(consent, channel):
                    held = (
                        facts.load_record(self._world.store, record_id) if fresh is None or record_id in fresh else None
                    )
                    ruling = self._world.releaser.rule(held, partner.party, now_ms) if held is not None else None
                    if ruling is not None and (ruling.permit or ruling.decision.not_before_ms > now_ms):
                        lane = wire.LANES.index(ruling.decision.lane)
                        rows.append([channel, record_id, "record", lane, max(now_ms, ruling.decision.not_before_ms)])
        return rows

    def _candidates(self, consent: Consent, channel: str) -> list[str]:
        never = (
            f"standing NOT IN {outgoing.WITHDRAWN} AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.channel = ? AND o.item = r.id)"
            " AND NOT EXISTS (SELECT 1 FROM leaf_out l WHERE l.channel = ? AND l.record = r.seq)"
        )
        marks = ",".join("?" * len(consent.records)) or "''"
        rows = self._world.store.query(
            f"SELECT id FROM record r WHERE {never} AND (id IN ({marks}) OR (type = ? AND at_ms >= ? AND at_ms < ?)) ORDER BY seq LIMIT ?",
            (
                channel,
                channel,
                *sorted(consent.records),
                consent.record_type,
                consent.from_ms,
                consent.to_ms,
                _AT_ONCE,
            ),
        )
        return [record_id for (record_id,) in rows]

    # --- the word of a withdrawal that goes by relays --------------------------------------------------------------------------------

    def withdrawal(self, command: fx.Act, now_ms: int) -> list[Entry]:
        """Return the journal entries of a signed act for those who have a record of ours by a relay; none where nobody was let pass it on."""
        held = facts.load_record(self._world.store, command.record_id)
        if held is None:
            return []
        header = self._world.releaser.header(held)
        party = self._world.identity.party
        granted = [
            msgspec.structs.replace(one, used=False, expires_ms=now_ms + 1) for one in self._world.ledger.granted
        ]
        relays = {one.relay for one in granted if one.originator == party and consent_reaches(one, header, now_ms)}
        type_ = next(name for name, word in noting.WITHDRAWALS.items() if word == command.act)
        if not relays:
            return []
        kind = lifecycle.KERNEL_RECORDS[type_]
        said = {"rule": "by its originator"} if command.act == "destroy" else {}
        body = kind(target=held.id, reason=command.reason, **said)
        made = self._issue(type_, body, self._label_now(held), command.actor, now_ms)
        rows: list[Row] = [[channel, made.id, "notice", 0, now_ms] for channel in self._channels(relays)]
        return [_entry(made, rows, now_ms)]

    # --- shared --------------------------------------------------------------------------------------------------------------------

    def _own(self, record_id: str) -> record.Record:
        rows = self._world.store.query("SELECT own, standing FROM record WHERE id = ?", (record_id,))
        held = facts.load_record(self._world.store, record_id) if rows and rows[0][0] else None
        if held is None:
            raise RefusedError(f"record `{record_id[:16]}` is not one of ours: only its originator speaks of it so")
        if rows[0][1] in outgoing.WITHDRAWN:
            raise RefusedError(f"record `{record_id[:16]}` stands as `{rows[0][1]}`: nothing more is said of it")
        return held

    def _label_now(self, held: record.Record, *acts: lifecycle.Act) -> Label:
        known = (*self._world.ledger.relabels.get(held.id, ()), *acts)
        return lifecycle.label_now(held.id, held.clear.issuer, held.label, known)

    def _between(self, parties: Sequence[str]) -> Label:
        party = self._world.identity.party
        return label.label(
            f"{party}.agreements.v1", 0, originator=party, releasable_to=tuple(parties), purposes=("agreements",)
        )

    def _channels(self, parties: set[str]) -> list[str]:
        return [
            wire.channel_name(self._world.identity.node, partner.node)
            for partner in self._world.partners.values()
            if partner.party in parties
        ]

    def _holders(self, record_id: str) -> list[str]:
        return list(outgoing.holders(self._world.store, record_id))

    def _opened_anew(self, granted: Consent, now_ms: int) -> list[Row]:
        """Return the records that a relay holds already and that are to be shown to it again: a consent opens to whom they may go."""
        rows: list[Row] = []
        for channel in self._channels({granted.relay}):
            found = self._world.store.query(
                "SELECT DISTINCT r.id FROM leaf_out l JOIN record r ON r.seq = l.record WHERE l.channel = ? AND l.kind = 'record'"
                " AND r.own = 1 ORDER BY r.id",
                (channel,),
            )
            for (record_id,) in found:
                held = facts.load_record(self._world.store, record_id)
                if held is not None and consent_reaches(granted, self._world.releaser.header(held), now_ms):
                    rows.append([channel, record_id, "record", 0, now_ms])
                    relabels = self._world.ledger.relabels_of(record_id)
                    rows += [[channel, relabel, "notice", 0, now_ms] for relabel in relabels]
        return rows

    def _issue(
        self,
        type_: str,
        body: Body,
        own: Label,
        actor: str,
        now_ms: int,
        *,
        after: tuple[str, ...] = (),
        closed: bool = False,
    ) -> record.Record:
        about = record.Facts(node=self._world.identity.node, actor=actor, at_ms=now_ms, after=after)
        key = self._world.sign_key(sign.Purpose.RECORD)
        return record.issue(type_, body, own, about, key, self._world.random, closed=closed)

    def _say(
        self,
        made: Sequence[tuple[record.Record, list[Row]]],
        reply_to: int,
        reply: str,
        now_ms: int,
        reoffered: Sequence[str] = (),
    ) -> list[Effect]:
        """Journal notices with where they go; what they change is decided again once they are durable."""
        entries = [_entry(held, [row for row in rows if row[1] == held.id], now_ms) for held, rows in made]
        others = [row for held, rows in made for row in rows if row[1] != held.id]
        entries += [Entry(kind="queued", at_ms=now_ms, meta={"rows": others})] if others else []
        channels = [str(row[0]) for _, rows in made for row in rows]

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            self._world.refresh_ledger()
            again = self._queue(self._reoffered(reoffered, later_ms), later_ms)
            return [Reply(reply_to, reply), *again, *self._woken(channels, later_ms)]

        return [self._world.commit(entries, then, lambda error: [Reply(reply_to, error)])]

    def _reoffered(self, record_ids: Sequence[str], now_ms: int) -> list[Row]:
        rows: list[Row] = []
        for record_id in record_ids:
            held = facts.load_record(self._world.store, record_id)
            for partner in self._world.partners.values() if held is not None else ():
                channel = wire.channel_name(self._world.identity.node, partner.node)
                known = self._world.store.query(
                    f"SELECT 1 FROM leaf_out WHERE record = {NUMBER_OF} AND channel = ? LIMIT 1",
                    (record_id, channel),
                )
                ruling = self._world.releaser.rule(held, partner.party, now_ms) if held is not None else None
                if ruling is not None and not known and (ruling.permit or ruling.decision.not_before_ms > now_ms):
                    lane = wire.LANES.index(ruling.decision.lane)
                    rows.append([channel, record_id, "record", lane, max(now_ms, ruling.decision.not_before_ms)])
        return rows

    def _queue(self, rows: list[Row], now_ms: int) -> list[Effect]:
        if not rows:
            return []

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            return self._woken([str(row[0]) for row in rows], later_ms)

        return [self._world.commit([Entry(kind="queued", at_ms=now_ms, meta={"rows": rows})], then, lambda _error: [])]


def person(actor: str) -> str:
    """Return who an actor is, whatever the role: `officer:<id>:<role>`; empty where it is no person."""
    kind, _, rest = actor.partition(":")
    return rest.partition(":")[0] if kind == "officer" else ""


def _entry(held: record.Record, rows: list[Row], now_ms: int) -> Entry:
    due = [[channel, kind, lane, not_before_ms] for channel, _, kind, lane, not_before_ms in rows]
    meta = {"clear": clear_meta(held), "due": due, "held": [], "item": held.id}
    return Entry(kind="record", at_ms=now_ms, meta=meta, body=held.bytes())
