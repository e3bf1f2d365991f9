"""Plants bugs in the node, one rule broken at a time, and runs the stories that must notice each; prints which did.

Run from the root of a checkout: `python tests/scripts/mutants.py [part of a name]`. It ends with 1 where a bug survives: the tests then have a hole.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from kizuna.kernel import canonical, clause, keys, lifecycle, note, sign  # noqa: E402 # after the path is set
from kizuna.kernel.channel import reader, returned, wire  # noqa: E402 # the same
from kizuna.kernel.release import Index  # noqa: E402 # the same
from kizuna.node import core  # noqa: E402 # the same
from kizuna.node.acts import (  # noqa: E402 # the same
    adopting,
    carrying,
    consenting,
    desk,
    erasing,
    rotating,
)
from kizuna.node.channel import (  # noqa: E402 # the same
    answers,
    incoming,
    outgoing,
    pulling,
    relayed,
    sequencing,
    serving,
    world,
)
from kizuna.node.channel.again import Again  # noqa: E402 # the same
from kizuna.node.channel.ledger import Ledger  # noqa: E402 # the same
from kizuna.node.channel.releasing import Releaser, Ruling  # noqa: E402 # the same
from kizuna.node.held import (  # noqa: E402 # the same
    facts,
    filling,
    noting,
    tables,
)
from kizuna.sim import federation  # noqa: E402 # the same

Planting = Callable[[], AbstractContextManager[Any]]
Around = Callable[..., Any]


@dataclass(frozen=True)
class Mutant:
    """One planted bug: what is broken, how, and the test `module:function` that must fail."""

    name: str
    plant: Planting
    story: str


def put(owner: Any, name: str, new: Any) -> Planting:
    """Plant something else in place of an attribute."""
    return lambda: mock.patch.object(owner, name, new)


def around(owner: Any, name: str, planted: Around) -> Planting:
    """Plant `planted(plain, *args)` in place of a function or method."""
    plain = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return planted(plain, *args, **kwargs)

    return lambda: mock.patch.object(owner, name, wrapped)


def nothing(*_args: Any, **_kwargs: Any) -> None:
    """Do nothing."""


def _acknowledges(plain: Any, node: Any, commit: Any) -> Any:
    if commit.entries and node.rng.random() < 0.1:  # the power goes before it is written, and nobody waited for that
        seq = node.store.head().seq
        return node.core.on_commit(commit.token, list(range(seq + 1, seq + 1 + len(commit.entries))), node.now_ms)
    return plain(node, commit)


def _permits(plain: Any, releaser: Any, held: Any, *rest: Any, **named: Any) -> Ruling:
    ruling: Ruling = plain(releaser, held, *rest, **named)
    if ruling.permit or ruling.decision.reason not in {"level", "releasability"}:
        return ruling
    return Ruling(msgspec.structs.replace(ruling.decision, permit=True), frozenset(held.disclosures))


def _discloses(plain: Any, releaser: Any, held: Any, *rest: Any, **named: Any) -> Ruling:
    ruling: Ruling = plain(releaser, held, *rest, **named)
    return Ruling(ruling.decision, frozenset(held.disclosures)) if ruling.permit else ruling


def _lets_pass(*codes: str) -> Around:
    def judged(plain: Any, *args: Any, **kwargs: Any) -> str | None:
        code: str | None = plain(*args, **kwargs)
        return None if code in codes else code

    return judged


def _serves_again(_plain: Any, served: Any, written: Any) -> Any:
    held = facts.load_record(served._store, written.item)
    return held.bytes(written.meta["names"]) if held is not None else b""


class _Sticky(dict[int, tuple[bytes, bytes]]):
    """Bodies that are never cleared."""

    def clear(self) -> None:
        """Keep everything."""


def _keeps_bodies(plain: Any, *args: Any) -> Any:
    state = plain(*args)
    state.bodies = _Sticky()
    return state


def _stale_receipt(_plain: Any, _state: Any, tree: Any, data: bytes, public: bytes) -> Any:
    receipt = wire.open_receipt(data, public)
    return receipt if 0 <= receipt.size <= tree.size else None


def _any_time(plain: Any, judge: Any, shown: Any, now_ms: int) -> Any:
    return judge._body(shown) if shown.body else plain(judge, shown, now_ms)  # a planted bug reaches in


def _floor_by_word(plain: Any, judge: Any, shown: Any, now_ms: int) -> Any:
    verdict, header = plain(judge, shown, now_ms), shown.header
    released_at_ms = max(judge.floor.released_at_ms, header.released_at_ms)
    judge.floor = msgspec.structs.replace(judge.floor, released_at_ms=released_at_ms)
    return verdict


def _acts_on_all(_plain: Any, _judge: Any, shown: Any) -> Any:
    ((act, record_id, _),) = outgoing.acts_of(shown.body)
    return incoming.Verdict(shown, item=record_id, acts=((act, record_id),))


def _no_quota(plain: Any, *args: Any) -> Any:
    judge = plain(*args)
    judge._quota_left = 1 << 60  # a planted bug reaches in
    return judge


def _accepts_logs(plain: Any, *args: Any) -> Any:
    with mock.patch.object(reader, "_check_leads", nothing), mock.patch.object(reader, "_check_extends", nothing):
        return plain(*args)


def _tells_all(plain: Any, self: Any, held: Any, now_ms: int) -> Any:
    if held.clear.type not in incoming.TREATY_TYPES:
        return plain(self, held, now_ms)
    own = self._world.identity.node  # a planted bug reaches in
    partners = self._world.partners  # the same
    return desk.Offer([[wire.channel_name(own, node), "instrument", 0, now_ms] for node in partners], [], [])


def _old_keys(plain: Any, self: Any, partner: Any, *rest: Any) -> Any:
    with mock.patch.dict(self._world.partners, {partner.node: partner}):  # a planted bug reaches in
        return plain(self, partner, *rest)


def _any_keyset(envelope: sign.Envelope, root: bytes, *, newer_than: int = 0) -> keys.KeySet:
    del newer_than
    return canonical.decode(sign.unseal("keyset", envelope, root), type=keys.KeySetV1)


def _any_new_keyset(envelope: sign.Envelope, root: bytes, *, newer_than: int = 0) -> keys.KeySet:
    del newer_than
    if envelope.payload_type == sign.PAYLOAD_TYPES["keyset"]:
        return _any_keyset(envelope, root)
    return canonical.decode(sign.unseal("keyset.v2", envelope, root), type=keys.KeySetV2)


def _from_its_arrival(plain: Any, judge: Any, shown: Any, envelope: Any) -> Any:
    verdict = plain(judge, shown, envelope)
    return msgspec.structs.replace(verdict, revoked=(verdict.revoked[0], shown.header.epoch, shown.header.index))


def _for_any_channel(_plain: Any, judge: Any, shown: Any, envelope: Any) -> Any:
    said = keys.read_revocation(envelope, judge._partner.root)  # a planted bug reaches in
    return incoming.Verdict(shown, revoked=(said.version, shown.header.epoch, shown.header.index))


def _trusts(self: Any, now_ms: int) -> int:
    self._last_ms = now_ms
    self.world.clock_in_doubt = False
    return now_ms


def _by_the_clock(_plain: Any, state: Any, now_ms: int) -> int:
    state.released_at_ms = now_ms
    return now_ms


def _takes_any_blob(made: Any, asked: Any, parts: Any, _checks: Any) -> None:
    for place, data in zip(asked, parts, strict=True):
        blob = made.missing.pop(place, None)
        if blob is not None:
            made.fetched[blob.sha256] = data


def _takes_half(plain: Any, self: Any, partner: Any, receipts: Any, cosigned: bytes, now_ms: int) -> Any:
    entries: list[Any] = []
    for one in receipts:
        entries += plain(self, partner, (one,), cosigned, now_ms)
    return entries


def _without_evidence(plain: Any, *args: Any, **kwargs: Any) -> Any:
    return plain(*args, **(kwargs | {"evidence": b""}))


def _over_consent(plain: Any, releaser: Any, held: Any, *rest: Any, **named: Any) -> Ruling:
    ruling: Ruling = plain(releaser, held, *rest, **named)
    return Ruling(ruling.decision, frozenset(held.disclosures)) if ruling.decision.consents else ruling


def _never_expires(plain: Any, consent: Any, header: Any, now_ms: int) -> Any:
    return plain(msgspec.structs.replace(consent, expires_ms=1 << 53), header, now_ms)


def _never_revoked(plain: Any, acts: Any, *rest: Any) -> Any:
    return plain([act for act in acts if not isinstance(act.body, lifecycle.ConsentRevoked)], *rest)


def _never_spent(plain: Any, *args: Any, **named: Any) -> Any:
    header = plain(*args, **named)
    unused = tuple(msgspec.structs.replace(consent, used=False) for consent in header.consents)
    return msgspec.structs.replace(header, consents=unused)


def _by_anyone(_plain: Any, act: Any, record_id: str, issuer: str) -> bool:
    return isinstance(act.body, lifecycle.RecordRelabelled) and (act.party, act.body.target) == (issuer, record_id)


def _for_two(plain: Any, self: Any, command: Any, *rest: Any) -> Any:
    return plain(self, replace(command, second_actor=command.second_actor or "officer:nobody:liaison"), *rest)


@contextmanager
def _withdrawn_goes() -> Iterator[None]:
    with (
        mock.patch.object(outgoing, "WITHDRAWN", ("nothing", "at all")),
        mock.patch.object(outgoing, "stands", return_value=True),
    ):
        yield


ENTRIES = "test_byzantine_entries:test_all_bad_entries_in_one_answer"
LOGS = "test_byzantine_logs:test_a_broken_log_stops_that_channel_alone_and_tells_security"
STORM = "test_federation:test_weather_and_power_loss_lose_nothing_and_double_nothing"
STUB = "test_after_restore:test_a_stub_that_stays_denied_is_not_shown_again"
RELAY = "test_byzantine_relay:test_a_relay_that_oversteps_is_refused_entry_by_entry"
JUDGE = (
    ("skip the label of entries", ("level", "releasability")),
    ("skip what a provision discloses", ("over-disclosed",)),
    ("skip the purpose", ("purpose",)),
    ("skip provision and version", ("no-provision", "no-instrument")),
    ("skip the term of the agreement", ("expired",)),
    ("skip the translation", ("no-equivalence",)),
)

MUTANTS = (
    Mutant("acknowledge before the commit", around(federation.SimNode, "_commit", _acknowledges), STORM),
    Mutant(
        "release whatever the label",
        around(Releaser, "rule", _permits),
        "test_federation:test_what_no_clause_permits_stays_and_says_why",
    ),
    Mutant(
        "disclose every fact",
        around(Releaser, "rule", _discloses),
        "test_federation:test_what_a_provision_does_not_name_stays_closed",
    ),
    Mutant("serve again without a fresh decision", around(Again, "record_body", _serves_again), STUB),
    Mutant("keep what was decided once", around(outgoing, "load", _keeps_bodies), STUB),
    *(Mutant(name, around(Index, "judge", _lets_pass(*codes)), ENTRIES) for name, codes in JUDGE),
    Mutant("skip the author", put(incoming.Judge, "_author", lambda _self, _held, _header: ""), ENTRIES),
    Mutant("skip the replay check", put(incoming.Judge, "_replayed", lambda _self, _held: ""), ENTRIES),
    Mutant("skip the time of release", around(incoming.Judge, "_verdict", _any_time), ENTRIES),
    Mutant("let a refused time close the channel", around(incoming.Judge, "_verdict", _floor_by_word), ENTRIES),
    Mutant("take any key set of the root", put(keys, "read_keyset", _any_keyset), ENTRIES),
    Mutant(
        "act on any record",
        around(incoming.Judge, "_act", _acts_on_all),
        "test_byzantine_acts:test_nobody_acts_on_the_records_of_others",
    ),
    Mutant(
        "count what others say of a record",
        put(tables, "_is_originators", lambda _channel, _issuer: True),
        "test_byzantine_acts:test_an_act_on_what_others_have_not_shown_yet_counts_for_nothing",
    ),
    Mutant(
        "judge the rest of an answer by the old keys",
        around(pulling.Pulling, "_judge", _old_keys),
        "test_byzantine_acts:test_a_key_that_comes_in_an_answer_counts_for_its_rest",
    ),
    Mutant(
        "treaty records to every partner",
        around(desk.Desk, "offer", _tells_all),
        "test_byzantine_acts:test_what_is_said_of_an_agreement_goes_to_its_parties_alone",
    ),
    Mutant("skip root and consistency", around(pulling, "check_answer", _accepts_logs), LOGS),
    Mutant("skip the checkpoint's signature", put(note, "verify_note", nothing), LOGS),
    Mutant("accept any epoch", put(pulling, "check_epoch_entry", nothing), LOGS),
    Mutant(
        "keep no evidence",
        around(world.World, "alarm", _without_evidence),
        "test_byzantine_logs:test_evidence_of_a_fork_is_kept",
    ),
    Mutant(
        "no quota",
        around(pulling.Pulling, "judge", _no_quota),
        "test_byzantine_quotas:test_a_flood_of_what_might_be_cured_stops_at_the_quota",
    ),
    Mutant(
        "blobs unchecked",
        put(incoming, "take_blobs", _takes_any_blob),
        "test_byzantine_quotas:test_a_wrong_blob_costs_its_entry_alone",
    ),
    Mutant(
        "blobs without a budget",
        put(answers, "MOST_BLOB_BYTES", 1 << 60),
        "test_byzantine_quotas:test_blobs_do_not_fill_the_memory",
    ),
    Mutant(
        "take a stale receipt for a new one",
        around(serving, "check_receipt", _stale_receipt),
        "test_byzantine_receipts:test_contradictory_receipts_change_nothing",
    ),
    Mutant(
        "take half of the receipts",
        around(serving.Serving, "receipt_entries", _takes_half),
        "test_byzantine_receipts:test_a_receipt_beside_one_that_is_malformed_is_not_taken_in_memory_alone",
    ),
    Mutant(
        "answer in a partner's own letters",
        put(world, "plain", lambda sentence: sentence),
        "test_byzantine_receipts:test_requests_that_are_none_get_a_fault",
    ),
    Mutant(
        "never look whether the log is behind",
        put(serving.Serving, "_last_signed", nothing),
        "test_recovery:test_a_writer_restored_from_an_old_backup_takes_its_entries_back_and_is_not_a_forker",
    ),
    Mutant(
        "sign on without taking entries back",
        put(serving.Serving, "_can_be_had", lambda _self, _state, _pull: False),
        "test_taking_back:test_nothing_receipted_is_lost_and_the_log_goes_on",
    ),
    Mutant(
        "take back without verifying",
        put(returned, "_check_leads", nothing),
        "test_taking_back:test_what_is_not_in_our_signed_log_is_not_taken_back",
    ),
    Mutant(
        "take back what is not ours",
        put(adopting.record, "verify", nothing),
        "test_taking_back:test_a_record_that_we_never_signed_is_not_taken_back",
    ),
    Mutant(
        "forget an act that came back",
        put(adopting.Adopting, "_lost_acts", lambda *_args: []),
        "test_taking_back:test_a_retraction_that_was_lost_holds_again_and_reaches_the_other_holder",
    ),
    Mutant(
        "take a rotated key set without its checks",
        put(keys, "read_keyset", _any_new_keyset),
        "test_byzantine_keys:test_a_rotated_key_set_is_checked_like_the_first",
    ),
    Mutant(
        "accept a revoked key by the time of its entry",
        put(facts.Partner, "counts", lambda _self, _key_id, _epoch, _index: True),
        "test_rotating:test_old_signatures_survive_and_later_ones_by_a_revoked_key_are_refused",
    ),
    Mutant(
        "accept the old key after the last good size",
        around(incoming.Judge, "_revocation", _from_its_arrival),
        "test_rotating:test_a_compromise_names_the_last_good_size_of_each_channel",
    ),
    Mutant(
        "take a revocation for another channel",
        around(incoming.Judge, "_revocation", _for_any_channel),
        "test_byzantine_keys:test_a_revocation_counts_for_its_own_channel_and_a_former_version",
    ),
    Mutant(
        "keep checkpoints of a revoked key",
        put(facts.Partner, "valid", property(lambda partner: (partner.keyset, *partner.former))),
        "test_rotating:test_a_checkpoint_under_a_revoked_key_stops_the_channel",
    ),
    Mutant(
        "sign with new keys before they are known",
        put(world.World, "speaking", lambda self, _node: self.identity),
        "test_rotating:test_bundles_carry_new_keys_and_revocations",
    ),
    Mutant(
        "rotate by one person",
        put(rotating, "check_two", nothing),
        "test_rotating:test_keys_change_by_two_persons",
    ),
    Mutant(
        "forget what a closed log held",
        put(tables, "_lose", nothing),
        "test_after_restore:test_what_a_restore_left_unreceipted_is_shown_in_the_new_epoch",
    ),
    Mutant(
        "stamp by the clock alone",
        around(outgoing.OutState, "stamp", _by_the_clock),
        "test_after_restore:test_a_clock_set_back_a_little_costs_no_record",
    ),
    Mutant(
        "trust every clock",
        put(core.Core, "_observe", _trusts),
        "test_recovery:test_a_clock_that_leaps_releases_nothing_until_it_is_trusted_again",
    ),
    Mutant(
        "release what was withdrawn",
        _withdrawn_goes,
        "test_withdrawing:test_what_was_withdrawn_after_it_was_sequenced_is_not_shown_again",
    ),
    Mutant(
        "leave what was destroyed in the tables",
        put(filling, "erased", lambda _db, _target: []),
        "test_withdrawing:test_destruction_leaves_nothing_in_any_table",
    ),
    Mutant(
        "leave a destruction unfinished",
        put(erasing, "unfinished", lambda _world, _now_ms: []),
        "test_withdrawing:test_a_power_loss_between_destruction_and_erasure_leaves_no_body",
    ),
    Mutant(
        "decide by the old rules after a suspension",
        put(world.World, "treaties_changed", nothing),
        "test_agreements_flood:test_a_suspension_binds_the_very_next_decision",
    ),
    Mutant(
        "relay a field beyond the consent",
        around(Releaser, "rule", _over_consent),
        "test_consent:test_a_relay_passes_on_what_the_originator_consents_to_and_no_more",
    ),
    Mutant("take an expired consent", around(clause, "consent_reaches", _never_expires), RELAY),
    Mutant("take a revoked consent", around(lifecycle, "consents_of", _never_revoked), RELAY),
    Mutant("take what no originator has signed", put(relayed.Relayed, "_signed", lambda _self, _held: ""), RELAY),
    Mutant(
        "hear anyone on the records of others",
        put(relayed.Relayed, "_consented", lambda _self, _party: True),
        "test_byzantine_relay:test_whom_an_originator_let_pass_on_nothing_says_nothing_of_its_records",
    ),
    Mutant("never count a use", around(Ledger, "fold", _never_spent), "test_consent:test_a_single_use_is_spent_once"),
    Mutant(
        "stop a withdrawal at the relay",
        put(consenting.Consenting, "_onward", lambda _self, _notices, _now_ms: []),
        "test_consent:test_a_withdrawal_reaches_whoever_has_it_by_a_relay",
    ),
    Mutant(
        "leave what was made of a withdrawn record",
        put(desk.Desk, "withdraw_derived", lambda _self, _source, _act, _now_ms: []),
        "test_consent:test_what_was_made_from_a_withdrawn_record_is_withdrawn_too",
    ),
    Mutant(
        "join others' information without their consent",
        put(consenting.Consenting, "check_sources", nothing),
        "test_consent:test_a_joined_record_goes_by_consents_alone",
    ),
    Mutant(
        "show a notice whole",
        put(noting, "shown_to", lambda held, _party, _opened: frozenset(held.disclosures)),
        "test_consent:test_who_is_no_party_to_a_consent_learns_nothing_of_it",
    ),
    Mutant(
        "count a relabel by one person",
        around(lifecycle, "_relabels", _by_anyone),
        "test_byzantine_relay:test_a_relabel_by_one_person_counts_for_nothing_here_either",
    ),
    Mutant(
        "name a successor to whoever held the record",
        put(sequencing.Sequencer, "_may_have", lambda _self, _record_id, _now_ms: True),
        "test_relabelling:test_a_holder_that_may_not_see_the_successor_gets_a_bare_retraction",
    ),
    Mutant(
        "backfill by one person",
        around(desk.Desk, "backfill", _for_two),
        "test_backfill:test_two_persons_release_what_was_made_before",
    ),
    Mutant(
        "take any backfill",
        put(clause, "_reaches", lambda _clause, _header: True),
        "test_backfill:test_a_partner_that_backfills_without_the_word_or_the_clause_is_refused",
    ),
    Mutant(
        "leave the files of what was destroyed",
        put(erasing, "_files", lambda _world, _record_id: []),
        "test_erasing:test_a_file_goes_with_the_last_record_that_names_it",
    ),
    Mutant(
        "delete a file that another record names",
        put(erasing, "_ALIVE", "({0} = '' AND ? = '')"),
        "test_erasing:test_a_file_goes_with_the_last_record_that_names_it",
    ),
    Mutant(
        "release what can be linked",
        put(Releaser, "_unlinked", lambda _self, _held, _decision: True),
        "test_unlinkable:test_each_partner_gets_a_record_of_its_own",
    ),
    Mutant(
        "judge a bundle in one go",
        put(carrying, "split_at_rules", lambda _base, accepted: (accepted, None)),
        "test_bundles:test_what_a_bundle_brings_is_judged_by_the_rules_that_came_before_it_in_the_bundle",
    ),
    Mutant(
        "ignore the halt", put(world.World, "releasing", new=True), "test_federation:test_halt_stops_everything_at_once"
    ),
)


def why_failed(story: str, plant: Planting) -> str:
    """Return why a story fails with a bug planted, or the empty string where it passes."""
    module, _, function = story.partition(":")
    path = f"{ROOT}/tests/sim/{module}.py::{function}"
    options = [
        "-q",
        "-x",
        "--no-header",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        "-o",
        "timeout=60",
        f"--rootdir={ROOT}",
    ]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), plant():
        code = pytest.main([*options, path])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        raise SystemExit(f"`{story}` cannot be run: {code}")
    said = [line[1:].strip() for line in out.getvalue().splitlines() if line.startswith("E ")]
    return "" if code == pytest.ExitCode.OK else (said or ["failed"])[0][:100]


def main() -> int:
    """Run all whose name holds the first argument; return the exit code."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = [mutant for mutant in MUTANTS if wanted in mutant.name]
    for story in sorted({mutant.story for mutant in chosen}):
        if why := why_failed(story, contextlib.nullcontext):
            raise SystemExit(f"`{story}` fails without any planted bug: {why}")
    survivors = 0
    for mutant in chosen:
        began = time.perf_counter()
        why = why_failed(mutant.story, mutant.plant)
        survivors += not why
        word = "caught" if why else "SURVIVES"
        print(f"{word:<9}{time.perf_counter() - began:5.1f} s  {mutant.name}: {mutant.story}: {why}", flush=True)
    print(f"{survivors} of {len(chosen)} survive")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
