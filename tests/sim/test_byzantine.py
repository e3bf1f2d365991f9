"""What a lying partner can do to an honest node: be refused by the right code, or stop its own channel; nothing else, and never the next entry."""

from __future__ import annotations

import hashlib

import pytest

from kizuna.domains.instruments.records import Suspended
from kizuna.kernel import canonical, note, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.frames import pack
from kizuna.kernel.instrument import Instrument
from kizuna.kernel.label import Grade
from kizuna.kernel.merkle import Tree
from kizuna.kernel.record import WITHHELD, Body, Record, Withheld
from kizuna.node import effects as fx
from kizuna.node import outgoing
from kizuna.node.world import Limits
from tests.sim.byzantine import Byzantine, stands, trap
from tests.sim.world import NOTES, POLICY, NoteSaid, SecretSaid, arrangement, note as note_draft, notes, provision

DAY_MS = 86_400_000


class Blob(Body, frozen=True):
    text: str | Withheld = WITHHELD
    picture: dict[str, object] | Withheld = WITHHELD


# --- entries ----------------------------------------------------------------------------------------------------------------------


def entry_too_high(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), evil.label(3))
    return evil.add(held.bytes(evil.names())), "level"


def entry_translated_too_low(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), evil.label(3))
    return evil.add(held.bytes(evil.names()), label=(Grade(POLICY, 0, frozenset()),)), "level"


def entry_translated_into_another_policy(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", label=(Grade("other.v1", 0, frozenset()),)), "no-equivalence"


def entry_not_releasable(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), evil.label(to=("kor",)))
    return evil.add(held.bytes((*evil.names(), "releasable_to/kor"))), "releasability"


def entry_with_its_releasability_withheld(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"))
    return evil.add(held.bytes(name for name in evil.names() if name != "releasable_to/jpn")), "releasability"


def entry_without_its_caveats(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"))
    return evil.add(held.bytes(name for name in evil.names() if not name.startswith("caveats"))), "releasability"


def entry_for_another_purpose(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", purpose="targeting"), "purpose"


def entry_that_discloses_more(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="canary"))
    return evil.add(held.bytes(evil.names("payload/source"))), "over-disclosed"


def entry_under_another_provision(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", provision=evil.made.provisions[1].id), "no-provision"


def entry_under_no_provision(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", provision="whatever"), "no-provision"


def entry_under_another_version(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", instrument_sha256="00" * 32), "no-instrument"


def entry_under_the_agreement_of_others(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", instrument="aus-jpn-arrangement"), "no-instrument"


def entry_of_a_type_that_no_provision_names(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(SecretSaid(text="x"), type_="notes.secret-said.v1")
    return evil.add(held.bytes(evil.names()), type="notes.secret-said.v1"), "no-provision"


def entry_of_an_unknown_type(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(SecretSaid(text="x"), type_="notes.prophecy-said.v9")
    return evil.add(held.bytes(evil.names()), type="notes.prophecy-said.v9"), "no-provision"


def entry_headed_as_another_type(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(SecretSaid(text="x"), type_="notes.secret-said.v1")
    return evil.add(held.bytes(evil.names())), "body-malformed"


def entry_by_a_key_that_nobody_certified(evil: Byzantine) -> tuple[int, str]:
    stray = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    return evil.add(evil.issue(NoteSaid(text="x", source="y"), key=stray).bytes(evil.names())), "unknown-key"


def entry_by_the_checkpoint_key(evil: Byzantine) -> tuple[int, str]:
    seed = evil.keys[sign.Purpose.CHECKPOINT]
    stray = object.__new__(sign.SigningKey)
    stray.public, stray._secret = seed.public, seed._secret
    stray.purpose = "record"
    stray.key_id = sign.key_id("record", seed.public)
    return evil.add(evil.issue(NoteSaid(text="x", source="y"), key=stray).bytes(evil.names())), "unknown-key"


def entry_with_a_forged_signature(evil: Byzantine) -> tuple[int, str]:
    stray = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    stray.key_id = evil.keys[sign.Purpose.RECORD].key_id
    return evil.add(evil.issue(NoteSaid(text="x", source="y"), key=stray).bytes(evil.names())), "bad-signature"


def entry_in_the_name_of_another_party(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), node="aus/perth")
    return evil.add(held.bytes(evil.names())), "no-consent"


def entry_with_a_body_that_is_not_headed(evil: Byzantine) -> tuple[int, str]:
    one, other = (evil.issue(NoteSaid(text=text, source="y")).bytes(evil.names()) for text in "ab")
    return evil.add(one, shown=other), "body-malformed"


def entry_released_in_the_future(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", released_at_ms=evil.federation.now_ms + 10**9), "time"


def entry_released_before_the_one_before(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", released_at_ms=evil.federation.now_ms - 10**9), "time"


def entry_released_before_the_beginning(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", released_at_ms=-(10**9)), "time"


def entry_receipting_what_was_never_written(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", receipted=10**12), "time"


def entry_made_before_the_agreement(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), at_ms=0)
    return evil.add(held.bytes(evil.names())), "expired"


def entry_oversize(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b"x" * ((1 << 20) + 1)), "oversize"


def entry_empty(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b""), "body-malformed"


def entry_of_noise(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b"\xff\x00 not json"), "body-malformed"


def entry_nested_without_end(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b"[" * 500_000), "body-malformed"


def entry_nested_within_its_value(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y")).bytes(evil.names())
    return evil.add(held.replace(b'"x"', b"[" * 5000 + b"]" * 5000)), "body-malformed"


def entry_with_a_doubled_key(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y")).bytes(evil.names())
    return evil.add(held[:-1] + b',"envelope":{}}'), "body-malformed"


def entry_with_a_disclosure_that_opens_nothing(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y")).bytes(evil.names())
    return evil.add(held.replace(b'"x"', b'"z"')), "body-malformed"


def entry_whose_payload_fits_no_class(evil: Byzantine) -> tuple[int, str]:
    class Odd(Body, frozen=True):
        text: object = 7

    return evil.add(evil.issue(Odd()).bytes(evil.names())), ""  # kept, and never projected


def entry_again(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="said twice", source="y")).bytes(evil.names())
    evil.add(held)
    return evil.add(held), "replay"


def entry_about_an_agreement_with_something_else(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"))
    return evil.add(held.bytes(evil.names()), kind="instrument", type="notes.note-said.v1"), "no-provision"


def entry_about_an_agreement_headed_otherwise(evil: Byzantine) -> tuple[int, str]:
    body = Suspended(instrument="x", reason="y")
    index = evil.treaty("instruments.suspended.v1", body, type="instruments.resumed.v1")
    return index, "body-malformed"


def entry_about_an_agreement_not_for_us(evil: Byzantine) -> tuple[int, str]:
    return evil.treaty("instruments.suspended.v1", Suspended(instrument="x", reason="y"), ("kor",)), "releasability"


def entry_of_a_keyset_of_another_root(evil: Byzantine) -> tuple[int, str]:
    own, evil.root = evil.root, sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.ROOT)
    body = canonical.encode(evil.keyset(version=2))
    evil.root = own
    return evil.add(body, kind="keys"), "bad-signature"


def entry_of_a_keyset_with_a_key_of_small_order(evil: Byzantine) -> tuple[int, str]:
    weak = {str(purpose): canonical.b64(key.public) for purpose, key in evil.keys.items()}
    weak["record"] = canonical.b64(bytes.fromhex("01" + "00" * 31))
    return evil.add(canonical.encode(evil.keyset(version=2, keys=weak)), kind="keys"), "bad-signature"


def entry_of_an_old_keyset(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode(evil.keyset(version=1)), kind="keys"), "body-malformed"


def entry_of_a_keyset_of_another_node(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode(evil.keyset(version=2, node="ind/mumbai")), kind="keys"), "bad-signature"


def entry_of_an_unknown_act(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode({"act": "bless", "record": "0" * 64, "targets": [[0, 0]]}), kind="act"), (
        "body-malformed"
    )


def entry_of_an_epoch_in_the_middle(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode({"epoch": 0, "root": "", "size": 0}), kind="epoch"), "body-malformed"


def entry_naming_a_blob_that_is_no_digest(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(Blob(text="x", picture={"blob": {"sha256": "../../../etc/passwd", "size": 5}}))
    return evil.add(held.bytes(evil.names("payload/picture"))), "over-disclosed"


ENTRIES = [made for name, made in sorted(globals().items()) if name.startswith("entry_")]


@pytest.mark.parametrize("make", ENTRIES, ids=lambda make: make.__name__)
def test_a_bad_entry_is_refused_by_its_code_and_blocks_nothing(make) -> None:  # type: ignore[no-untyped-def] # a table of functions
    federation, victim, honest, evil = trap(make.__name__)
    before = notes(victim)
    index, code = make(evil)
    beside = evil.say("beside it")
    federation.run(60_000)
    assert evil.codes()[index] == code
    assert evil.codes()[beside] == ""
    assert notes(victim) - before <= {"beside it", "said twice"}
    assert "fork" not in victim.alerts
    assert victim.store.query("SELECT COUNT(*) FROM holding WHERE channel = ? AND idx = ?", (evil.channel, index)) == [
        (int(code == ""),)
    ]
    refused = {item.index: item.code for receipt in evil.receipts for item in receipt.refused}
    assert refused.get(index, "") == code
    stands(federation, victim, honest, evil)


def test_all_bad_entries_in_one_answer() -> None:
    federation, victim, honest, evil = trap("all")
    expected = dict(make(evil) for make in ENTRIES if "released" not in make.__name__)
    federation.run(60_000)
    assert {index: code for index, code in evil.codes().items() if index in expected} == expected
    stands(federation, victim, honest, evil)


@pytest.mark.parametrize("names", [("payload/source",), ("payload/text", "payload/source")])
def test_one_statement_that_opens_a_name_in_two_ways_is_refused_the_second_time(names: tuple[str, ...]) -> None:
    federation, victim, honest, evil = trap(f"two-ways-{names}")
    first, second = two_ways(evil)
    index = evil.add(first)
    federation.run(10_000)
    other = evil.add(second)
    federation.run(60_000)
    assert evil.codes()[index] == ""
    assert evil.codes()[other] in {"body-malformed", "replay"}
    third, fourth = two_ways(evil)
    index, other = evil.add(third), evil.add(fourth)  # both in one answer
    federation.run(60_000)
    assert evil.codes()[index] == ""
    assert evil.codes()[other] in {"body-malformed", "replay"}
    stands(federation, victim, honest, evil)


def two_ways(evil: Byzantine) -> tuple[bytes, bytes]:
    """Return two bodies of one statement whose author committed twice to `payload/text`; the second shows `actor` too."""
    held = evil.issue(NoteSaid(text="one", source="y"))
    other = evil.issue(NoteSaid(text="two", source="y"))
    extra = other.disclosures["payload/text"]
    digest = canonical.b64(hashlib.sha256(b"kizuna.field.v1\0" + extra).digest())
    from base64 import b64encode  # noqa: PLC0415

    import msgspec  # noqa: PLC0415

    clear = msgspec.structs.replace(held.clear, digests=tuple(sorted((*held.clear.digests, digest))))
    envelope = sign.seal("statement", canonical.encode(clear), evil.keys[sign.Purpose.RECORD])
    assert b64encode
    shown = {name: held.disclosures[name] for name in evil.names()}
    one = Record("", envelope, clear, held.disclosed, shown).bytes()
    two = Record("", envelope, clear, held.disclosed, shown | {"payload/text": extra}).bytes()
    return one, two


# --- acts -------------------------------------------------------------------------------------------------------------------------


def act(evil: Byzantine, name: str, record_id: str, *targets: tuple[int, int]) -> int:
    return evil.add(outgoing.act_body(name, record_id, targets), kind="act")


@pytest.mark.parametrize("name", wire.ACTS)
def test_nobody_acts_on_the_records_of_others(name: str) -> None:
    federation, victim, honest, evil = trap(f"acts-{name}")
    own = victim.do(fx.Say((note_draft("our own", "jpn", "ind", "aus"),)))[0].record_id
    third = honest.do(fx.Say((note_draft("from perth", "aus", "jpn", "ind"),)))[0].record_id
    federation.run(10_000)
    stolen = bytes(
        victim.store.query(
            "SELECT b.body FROM holding h JOIN journal_body b ON b.seq = h.seq WHERE h.record_id = ?", (third,)
        )[0][0]
    )
    plain = evil.say("mine")
    relayed = evil.add(stolen)
    unseen = evil.issue(NoteSaid(text="never shown", source="y"), node="aus/perth").id
    for record_id in (own, third, unseen):
        for target in (plain, relayed, 0, 10**6):
            act(evil, name, record_id, (0, target))
        act(evil, name, record_id, (0, plain), (0, relayed), (7, 0))
    federation.run(60_000)
    assert evil.codes()[relayed] == "no-consent"
    assert victim.store.query("SELECT DISTINCT standing FROM record WHERE id IN (?,?)", (own, third)) == [("",)]
    bodies = b"".join(bytes(b) for (b,) in victim.store.query("SELECT body FROM journal_body WHERE body IS NOT NULL"))
    assert b"from perth" in bodies
    assert b"our own" in bodies
    stands(federation, victim, honest, evil)


def test_its_own_records_it_may_destroy_even_twice_in_one_answer() -> None:
    federation, victim, honest, evil = trap("twice")
    held = evil.issue(NoteSaid(text="canary-gone", source="y"))
    index = evil.add(held.bytes(evil.names()))
    federation.run(10_000)
    for _ in range(2):
        act(evil, "destroy", held.id, (0, index))
    federation.run(60_000)
    assert victim.store.query("SELECT standing FROM record WHERE id = ?", (held.id,)) == [("destroy",)]
    bodies = b"".join(bytes(b) for (b,) in victim.store.query("SELECT body FROM journal_body WHERE body IS NOT NULL"))
    assert b"canary-gone" not in bodies
    stands(federation, victim, honest, evil)


# --- agreements -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["aus-jpn-arrangement", "no-such-arrangement"])
def test_nobody_suspends_the_agreements_of_others(name: str) -> None:
    federation, victim, honest, evil = trap(f"suspends-{name}")
    evil.treaty("instruments.suspended.v1", Suspended(instrument=name, reason="mischief"))
    evil.treaty("instruments.terminated.v1", Suspended(instrument=name, reason="mischief"))
    federation.run(10_000)
    stands(federation, victim, honest, evil)


# --- logs -------------------------------------------------------------------------------------------------------------------------


def fork_its_log(evil: Byzantine) -> None:
    """Serve another history after the one that the victim has seen."""
    data, body = evil.entries[-1]
    header = wire.decode_header(data)
    evil.tree = Tree()
    evil.entries, old = [], evil.entries
    for kept, shown in old[:-1]:
        evil.tree.append(wire.leaf_hash(kept))
        evil.entries.append((kept, shown))
    evil.add(body, kind=header.kind, type=header.type, released_at_ms=header.released_at_ms + 1)
    evil.say("after the fork")


def go_back(evil: Byzantine) -> None:
    evil.entries.pop()
    evil.tree = Tree(wire.leaf_hash(data) for data, _ in evil.entries)
    evil.answers = lambda pull: wire.pack_message(evil.head(pull, end=pull.start), [evil.checkpoint(), b""])


def sign_with_another_key(evil: Byzantine) -> None:
    evil.say("x")
    evil.keys[sign.Purpose.CHECKPOINT] = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.CHECKPOINT)


def leave_an_entry_out(evil: Byzantine) -> None:
    evil.say("hidden")
    evil.say("shown")
    evil.answers = lambda pull: wire.pack_message(
        evil.head(pull, end=pull.start + 1), [evil.checkpoint(), b"", *evil.entries[-1]]
    )


def oversize_header(evil: Byzantine) -> None:
    evil.say("x")
    data, body = evil.entries[-1]
    evil.entries[-1] = (data[:-1] + b" " * wire.MAX_HEADER_BYTES + b"}", body)


def header_outside_nfc(evil: Byzantine) -> None:
    evil.say("x")
    data, body = evil.entries[-1]
    evil.entries[-1] = (data.replace(b'"coordination"', '"e\u0301"'.encode()), body)


def header_of_an_unknown_kind(evil: Byzantine) -> None:
    evil.say("x", kind="gossip")


def new_epoch_without_a_word(evil: Byzantine) -> None:
    evil.epoch, evil.entries, evil.tree = 1, [], Tree()
    evil.say("in the new epoch")


def new_epoch_naming_another_root(evil: Byzantine) -> None:
    size = evil.tree.size
    evil.epoch, evil.entries, evil.tree = 1, [], Tree()
    evil.add(canonical.encode({"epoch": 0, "root": "00" * 32, "size": size}), kind="epoch")


def new_epoch_with_another_body(evil: Byzantine) -> None:
    size, root = evil.tree.size, evil.tree.root().hex()
    evil.epoch, evil.entries, evil.tree = 1, [], Tree()
    evil.add(
        canonical.encode({"epoch": 0, "root": "00" * 32, "size": size}),
        kind="epoch",
        shown=canonical.encode({"epoch": 0, "root": root, "size": size}),
    )


FORKS = [
    fork_its_log,
    go_back,
    sign_with_another_key,
    leave_an_entry_out,
    oversize_header,
    header_outside_nfc,
    header_of_an_unknown_kind,
    new_epoch_without_a_word,
    new_epoch_naming_another_root,
    new_epoch_with_another_body,
]


@pytest.mark.parametrize("lie", FORKS, ids=lambda lie: lie.__name__)
def test_a_broken_log_stops_that_channel_alone_and_tells_security(lie) -> None:  # type: ignore[no-untyped-def] # a table
    federation, victim, honest, evil = trap(lie.__name__)
    evil.say("before")
    federation.run(10_000)
    before = notes(victim)
    held = evil.codes()
    lie(evil)
    pulls = evil.pulls
    federation.run(60_000)
    assert evil.stopped()[0] == "fork"
    assert victim.alerts.count("fork") == 1
    assert evil.pulls <= pulls + 3
    evil.epoch = 0
    assert evil.codes() == held
    assert notes(victim) == before
    stands(federation, victim, honest, evil, stopped=True)


def test_evidence_of_a_fork_is_kept() -> None:
    federation, victim, _, evil = trap("evidence")
    evil.say("before")
    federation.run(10_000)
    fork_its_log(evil)
    federation.run(10_000)
    bodies = [
        bytes(body)
        for (body,) in victim.store.query(
            "SELECT b.body FROM alert a JOIN journal_body b ON b.seq = a.seq WHERE a.kind = 'fork'"
        )
    ]
    assert len(bodies) == 1
    checkpoint = note.open_checkpoint(bodies[0], f"{evil.channel}/0", evil.keys[sign.Purpose.CHECKPOINT].public)
    assert checkpoint.root == evil.tree.root()


# --- answers ----------------------------------------------------------------------------------------------------------------------


def replay_old_answers(evil: Byzantine) -> None:
    old = wire.pack_message(
        evil.head(wire.Pull(evil.channel, 0, 1, 1, "", 0, 0, 0)),
        [evil.checkpoint(), b"", *[part for entry in evil.entries for part in entry]],
    )
    evil.answers = lambda _pull: old


def answer_noise(evil: Byzantine) -> None:
    evil.answers = lambda _pull: b"\x00\x00\x00\x05noise"


def answer_text_outside_nfc(evil: Byzantine) -> None:
    evil.answers = lambda _pull: pack(
        ['{"code":"e\u0301","message":"channel.fault.v1","sentence":"e\u0301"}'.encode()]
    )


def answer_with_faults(evil: Byzantine) -> None:
    evil.answers = lambda _pull: wire.pack_message(wire.Fault(code="NetworkError", sentence="ha"), [])


def answer_with_blobs(evil: Byzantine) -> None:
    evil.answers = lambda _pull: wire.pack_message(wire.BlobAnswer(channel=evil.channel, count=1), [b"x"])


def answer_with_a_request(evil: Byzantine) -> None:
    evil.answers = lambda pull: wire.pack_message(pull, [])


def answer_of_another_channel(evil: Byzantine) -> None:
    evil.answers = lambda pull: wire.pack_message(evil.head(pull, channel=evil.reverse), [evil.checkpoint(), b""])


def answer_nothing_at_once(evil: Byzantine) -> None:
    evil.answers = lambda pull: wire.pack_message(evil.head(pull, more=True), [evil.checkpoint(), b""])


def answer_with_a_receipt_of_its_own(evil: Byzantine) -> None:
    fake = evil.receipt(10**6, "00" * 32)
    evil.answers = lambda pull: wire.pack_message(
        evil.head(pull, receipt_sha256=hashlib.sha256(fake).hexdigest()), [evil.checkpoint(), fake]
    )


def answer_never(evil: Byzantine) -> None:
    evil.answers = lambda _pull: None


ANSWERS = [
    replay_old_answers,
    answer_noise,
    answer_text_outside_nfc,
    answer_with_faults,
    answer_with_blobs,
    answer_with_a_request,
    answer_of_another_channel,
    answer_nothing_at_once,
    answer_with_a_receipt_of_its_own,
    answer_never,
]


@pytest.mark.parametrize("lie", ANSWERS, ids=lambda lie: lie.__name__)
def test_answers_that_do_not_fit_are_passed_over_without_haste(lie) -> None:  # type: ignore[no-untyped-def] # a table
    federation, victim, honest, evil = trap(lie.__name__)
    evil.say("before")
    federation.run(10_000)
    pulls, wire_before = evil.pulls, len(federation.wire)
    lie(evil)
    federation.run(60_000)
    assert evil.pulls - pulls < 200  # it asks again, and no faster than a few times a second
    assert len(federation.wire) - wire_before < 1000
    assert evil.stopped() == ("", "")
    evil.answers = evil.answer
    federation.run(60_000)
    stands(federation, victim, honest, evil)


def test_a_withheld_body_is_a_stub_and_says_so() -> None:
    federation, victim, honest, evil = trap("stub")
    index = evil.add(evil.issue(NoteSaid(text="held back", source="y")).bytes(evil.names()), shown=b"")
    federation.run(30_000)
    assert any(index in receipt.stubs for receipt in evil.receipts)
    assert "held back" not in notes(victim)
    stands(federation, victim, honest, evil)


# --- blobs ------------------------------------------------------------------------------------------------------------------------


def pictured(evil: Byzantine, blobs: list[tuple[bytes, int]], seed: str = "") -> int:
    """Append a note that shows blobs; each is (bytes served, size that the record states)."""
    shown: dict[str, object] = {}
    heads = []
    for data, size in blobs:
        digest = hashlib.sha256(data + seed.encode()).hexdigest() if seed else hashlib.sha256(data).hexdigest()
        shown["blob"] = {"sha256": digest, "size": size}
        heads.append(wire.Blob(digest, size))
    held = evil.issue(Blob(text="pictured", picture=shown))
    index = evil.add(held.bytes(evil.names("payload/picture")), blobs=tuple(heads))
    for place, (data, _) in enumerate(blobs):
        evil.blobs[index, place] = data
    return index


def picture_trap(seed: str, **kwargs: object):  # type: ignore[no-untyped-def] # a tuple as `trap` returns
    """Return a trap in which notes may show pictures."""
    made: list[Instrument] = []

    def with_pictures(one: str, other: str) -> Instrument:
        both = (
            provision(one, other, discloses=("text", "picture")),
            provision(other, one, discloses=("text", "picture")),
        )
        made.append(arrangement(one, other, *both))
        return made[-1]

    import tests.sim.byzantine as module  # noqa: PLC0415 # only to give its partner another agreement

    plain, module.arrangement = module.arrangement, lambda one, other: with_pictures(one, other)
    try:
        return trap(seed, **kwargs)  # type: ignore[arg-type] # passed through
    finally:
        module.arrangement = plain


@pytest.mark.parametrize(
    ("served", "size", "seed", "code"),
    [
        (b"a picture", 9, "", ""),
        (b"", 0, "", ""),
        (b"another picture", 15, "x", "blob-malformed"),
        (b"short", 9, "", "blob-malformed"),
        (b"", 9, "x", "blob-missing"),
        (b"huge", wire.MAX_BLOB_BYTES + 1, "", "oversize"),
    ],
)
def test_a_wrong_blob_costs_its_entry_alone(served: bytes, size: int, seed: str, code: str) -> None:
    federation, victim, honest, evil = picture_trap(f"blob-{served!r}-{code}")
    index = pictured(evil, [(served, size)], seed)
    beside = evil.say("beside it")
    federation.run(60_000)
    assert evil.codes()[index] == code
    assert evil.codes()[beside] == ""
    stands(federation, victim, honest, evil)


def test_a_blob_that_the_record_does_not_show_is_refused() -> None:
    federation, victim, honest, evil = picture_trap("blob-not-shown")
    held = evil.issue(Blob(text="x", picture={"blob": {"sha256": "ab" * 32, "size": 5}}))
    index = evil.add(held.bytes(evil.names("payload/picture")), blobs=())
    other = evil.add(evil.issue(NoteSaid(text="x")).bytes(evil.names()), blobs=(wire.Blob("ab" * 32, 5),))
    true = evil.issue(Blob(text="x", picture={"blob": {"sha256": "ab" * 32, "size": True}}))
    third = evil.add(true.bytes(evil.names("payload/picture")), blobs=(wire.Blob("ab" * 32, 1),))
    path = evil.issue(Blob(text="x", picture={"blob": {"sha256": "../../x", "size": 1}}))
    fourth = evil.add(path.bytes(evil.names("payload/picture")))
    federation.run(60_000)
    codes = evil.codes()
    assert {codes[index], codes[other], codes[third], codes[fourth]} == {"blob-malformed"}
    stands(federation, victim, honest, evil)


def blob_answers(evil: Byzantine) -> list[bytes]:
    return [
        wire.pack_message(wire.BlobAnswer(channel=evil.channel, count=0), []),
        wire.pack_message(wire.BlobAnswer(channel=evil.channel, count=5), [b"x"] * 5),
        wire.pack_message(wire.Fault(code="NetworkError", sentence="ha"), []),
        wire.pack_message(wire.Fault(code="ServerError", sentence="ha"), []),
        wire.pack_message(evil.head(wire.Pull(evil.channel, 0, 1, 1, "", 0, 0, 0)), [evil.checkpoint(), b""]),
        b"noise",
    ]


@pytest.mark.parametrize("number", range(6))
def test_a_partner_that_serves_no_blobs_is_asked_again_later(number: int) -> None:
    federation, victim, honest, evil = picture_trap(f"no-blobs-{number}")
    index = pictured(evil, [(b"a picture", 9)])
    evil.answers_blobs = lambda _asked: blob_answers(evil)[number]
    before = len(federation.wire)
    federation.run(60_000)
    assert len(federation.wire) - before < 1000
    evil.answers_blobs = evil.answer_blobs
    federation.run(60_000)
    assert evil.codes()[index] == ""
    stands(federation, victim, honest, evil)


def test_blobs_do_not_fill_the_memory() -> None:
    federation, victim, honest, evil = picture_trap("blob-flood")
    most = 0
    for number in range(6):
        pictured(evil, [(bytes([number]) * (30 << 20), 30 << 20)])
    asked: list[int] = []

    def counted(pull: wire.BlobPull) -> bytes | None:
        asked.append(len(pull.items))
        return evil.answer_blobs(pull)

    evil.answers_blobs = counted
    federation.run(60_000)
    assert most <= max(asked) <= 3  # at most 64 MiB of blobs wait for one commit
    assert set(evil.codes().values()) == {""}
    stands(federation, victim, honest, evil)


# --- quotas -----------------------------------------------------------------------------------------------------------------------


def test_a_flood_of_what_might_be_cured_stops_at_the_quota() -> None:
    quota = 64_000
    federation, victim, honest, evil = trap("flood", limits=Limits(quarantine_bytes=quota))
    stray = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    for number in range(40):
        held = evil.issue(NoteSaid(text=f"{number}" + "x" * 4000, source="y"), key=stray)
        evil.add(held.bytes(evil.names()))
        if number % 8 == 0:
            federation.run(2_000)
    federation.run(60_000)
    codes = list(evil.codes().values())
    assert codes.count("unknown-key") > 5
    assert codes.count("quota") > 5
    kept = victim.store.query("SELECT SUM(LENGTH(b.body)) FROM leaf_in l JOIN journal_body b ON b.seq = l.seq WHERE l.code <> ''")
    assert kept[0][0] <= quota
    assert victim.store.query("SELECT quarantined FROM channel_in WHERE node = ?", (evil.name,))[0][0] <= quota
    before = victim.store.query("SELECT quarantined FROM channel_in ORDER BY channel")
    victim.store.rebuild()
    assert victim.store.query("SELECT quarantined FROM channel_in ORDER BY channel") == before
    stands(federation, victim, honest, evil)


def test_what_a_new_key_cures_is_let_in_once_and_said_so() -> None:
    federation, victim, honest, evil = trap("cure")
    new = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    index = evil.add(evil.issue(NoteSaid(text="cured", source="y"), key=new).bytes(evil.names()))
    federation.run(30_000)
    assert evil.codes()[index] == "unknown-key"
    assert notes(victim) == set()
    evil.keys[sign.Purpose.RECORD] = new
    evil.add(canonical.encode(evil.keyset(version=2)), kind="keys")
    federation.run(60_000)
    assert evil.codes()[index] == ""
    assert notes(victim) == {"cured"}
    assert [receipt.cured for receipt in evil.receipts if receipt.cured] == [(index,)]
    stands(federation, victim, honest, evil)


# --- receipts and pulls -----------------------------------------------------------------------------------------------------------


def pulled(evil: Byzantine) -> tuple[int, str]:
    """Have the victim write something for the partner, and return its log's size and root."""
    evil.victim.do(fx.Say((note_draft(f"for delhi {evil.federation.now_ms}", "jpn", "ind"),)))
    came = evil.ask()
    assert came is not None
    assert isinstance(came[0], wire.Answer)
    return evil.out_root()


def test_receipts_for_records_never_sent_stop_that_channel_alone() -> None:
    for number, lie in enumerate((lambda size, root: (size + 5, root), lambda size, _root: (size, "00" * 32))):
        federation, victim, honest, evil = trap(f"receipt-{number}")
        size, root = pulled(evil)
        came = evil.ask(evil.receipt(*lie(size, root)))
        assert came is not None
        assert isinstance(came[0], wire.Fault)
        assert evil.stopped() == ("", "fork")
        assert victim.store.query("SELECT receipted FROM channel_out WHERE node = ?", (evil.name,)) == [(0,)]
        stands(federation, victim, honest, evil)


def test_contradictory_receipts_change_nothing() -> None:
    federation, victim, honest, evil = trap("contradict")
    size, root = pulled(evil)
    first = evil.receipt(size, root)
    evil.ask(first)
    evil.ask(evil.receipt(size, root, refused=(wire.Refused("label", 0),)))
    evil.ask(first, evil.receipt(size, root, previous_sha256=hashlib.sha256(first).hexdigest()))
    rows = victim.store.query("SELECT receipted, receipt FROM channel_out WHERE node = ?", (evil.name,))
    assert rows == [(size, first)]
    assert victim.store.query("SELECT DISTINCT outcome FROM leaf_out") == [("",)]
    stands(federation, victim, honest, evil)


def test_a_receipt_beside_one_that_is_malformed_is_not_taken_in_memory_alone() -> None:
    federation, victim, honest, evil = trap("half")
    size, root = pulled(evil)
    good = evil.receipt(size, root)
    came = evil.ask(good, b"noise")
    assert came is not None
    assert isinstance(came[0], wire.Fault)
    evil.ask(good)
    assert victim.store.query("SELECT receipted FROM channel_out WHERE node = ?", (evil.name,)) == [(size,)]
    stands(federation, victim, honest, evil)


def test_a_receipt_is_taken_for_no_other_act_than_it_names() -> None:
    federation, victim, honest, evil = trap("applied")
    said = victim.do(fx.Say((note_draft("to be recalled", "jpn", "ind"),)))[0]
    evil.ask()
    victim.do(fx.Act(said.record_id, "recall", "in error", "officer:2:security"))
    evil.ask()
    size, root = evil.out_root()
    evil.ask(evil.receipt(size, root, applied=(wire.Applied("retract", 0, size - 1),)))
    rows = victim.store.query("SELECT confirmed_at_ms FROM act WHERE act = 'recall' AND channel <> ''")
    assert rows == [(0,)]
    stands(federation, victim, honest, evil)


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": "kizuna/jpn/yokosuka/to/aus/perth"},
        {"start": -1},
        {"start": 5, "seen": 3},
        {"seen": 10**9},
        {"epoch": 10**9},
        {"epoch": -1},
        {"max_entries": -1},
        {"max_bytes": -1},
        {"wait_ms": -1},
        {"wait_ms": 2**52},
        {"receipt_sha256": "e" * 10_000},
    ],
    ids=str,
)
def test_a_pull_that_cannot_be_is_answered_and_harms_nothing(changes: dict[str, object]) -> None:
    federation, victim, honest, evil = trap(f"pull-{changes}")
    size, root = pulled(evil)
    evil.ask(**changes)
    federation.run(60_000)
    assert evil.out_root() == (size, root)
    assert evil.stopped() == ("", "")
    stands(federation, victim, honest, evil)


def test_others_see_no_difference_between_what_is_not_theirs_and_what_is_not() -> None:
    federation, victim, honest, evil = trap("blobs-asked")
    size, _ = pulled(evil)
    items = ((0, 0), (-1, 0), (0, -1), (size - 1, 0), (10**9, 10**9), (2**52, 2**52))
    came = evil.ask_bytes(wire.pack_message(wire.BlobPull(channel=evil.reverse, epoch=0, items=items), []))
    assert came is not None
    assert came[1] == [b""] * len(items)
    stands(federation, victim, honest, evil)


NOISE = {
    "empty": b"",
    "noise": b"noise",
    "outside nfc": pack(['{"code":"e\u0301","message":"channel.fault.v1","sentence":""}'.encode()]),
    "key outside ascii": pack(['{"é":1,"message":"channel.fault.v1"}'.encode()]),
    "surrogate": pack([b'{"code":"\\ud800","message":"channel.fault.v1","sentence":""}']),
    "an answer": pack([b'{"code":"","message":"channel.fault.v1","sentence":""}']),
    "nested": pack([b"[" * 200_000]),
    "half a frame": pack([b"{}"])[:-1],
}


@pytest.mark.parametrize("name", NOISE)
def test_requests_that_are_none_get_a_fault(name: str) -> None:
    federation, victim, honest, evil = trap(f"noise-{name}")
    came = evil.ask_bytes(NOISE[name])
    assert came is not None
    assert isinstance(came[0], wire.Fault)
    stands(federation, victim, honest, evil)


def test_receipts_outside_nfc_get_a_fault() -> None:
    federation, victim, honest, evil = trap("receipt-nfc")
    pulled(evil)
    statement = '{"channel":"e\u0301"}'.encode()
    envelope = sign.seal("receipt", statement, evil.keys[sign.Purpose.RECEIPT])
    came = evil.ask(canonical.encode(envelope))
    assert came is not None
    assert isinstance(came[0], wire.Fault)
    stands(federation, victim, honest, evil)


def test_a_partner_removed_in_the_middle_takes_nothing_down() -> None:
    federation, victim, honest, evil = trap("removed")
    for number in range(30):
        evil.say(f"note {number}")
    size, root = pulled(evil)
    assert evil.ask(start=size, seen=size, wait_ms=20_000, seen_note=b"") is None
    victim.do(fx.RemovePartner(evil.name, "officer:1:liaison"))
    federation.run(60_000)
    victim.do(fx.Enrol(evil.card(), "officer:1:liaison"))
    federation.run(60_000)
    assert evil.out_root()[0] >= size
    assert root
    stands(federation, victim, honest, evil)


def test_a_partner_enrolled_again_under_a_new_root_leaves_no_old_key_behind() -> None:
    federation, victim, honest, evil = trap("new-root")
    evil.add(canonical.encode(evil.keyset(version=2)), kind="keys")
    federation.run(10_000)
    victim.do(fx.RemovePartner(evil.name, "officer:1:liaison"))
    evil.root = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.ROOT)
    victim.do(fx.Enrol(evil.card(), "officer:1:liaison"))
    victim.crash()
    federation.run(30_000)
    assert victim.core.world.partners[evil.name].root == evil.root.public
    victim.crashes = 0
    stands(federation, victim, honest, evil, stopped=True)


assert NOTES
assert DAY_MS
