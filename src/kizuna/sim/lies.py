"""Lies that a partner may tell: bad entries in a good log, logs that are none, answers that fit no request.

Each says by its name what is wrong. A bad entry returns its index and the code that its reader must refuse it by (none where it harms nobody).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from kizuna.domains.instruments.records import Suspended
from kizuna.kernel import canonical, note, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import origin
from kizuna.kernel.frames import pack
from kizuna.kernel.label import Grade
from kizuna.kernel.merkle import Tree, leaf_hash
from kizuna.kernel.record import WITHHELD, Body, Withheld
from kizuna.sim.adversary import Byzantine
from kizuna.sim.partnership import POLICY, NoteSaid, SecretSaid

Lie = Callable[[Byzantine], None]
BadEntry = Callable[[Byzantine], tuple[int, str]]


class Picture(Body, frozen=True):
    """A note that may show a picture."""

    text: str | Withheld = WITHHELD
    picture: dict[str, object] | Withheld = WITHHELD
    source: str | Withheld = WITHHELD


# --- bad entries in a good log ------------------------------------------------------------------------------------------------------


def _entry_too_high(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), evil.label(3))
    return evil.add(held.bytes(evil.names())), "level"


def _entry_translated_too_low(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), evil.label(3))
    return evil.add(held.bytes(evil.names()), label=(Grade(POLICY, 0, frozenset()),)), "level"


def _entry_translated_into_another_policy(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", label=(Grade("other.v1", 0, frozenset()),)), "no-equivalence"


def _entry_not_releasable(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), evil.label(to=("kor",)))
    return evil.add(held.bytes((*evil.names(), "releasable_to/kor"))), "releasability"


def _entry_with_its_releasability_withheld(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"))
    return evil.add(held.bytes(name for name in evil.names() if name != "releasable_to/jpn")), "releasability"


def _entry_without_its_caveats(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"))
    return evil.add(held.bytes(name for name in evil.names() if not name.startswith("caveats"))), "releasability"


def _entry_for_another_purpose(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", purpose="targeting"), "purpose"


def _entry_that_discloses_more(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="canary"))
    return evil.add(held.bytes(evil.names("payload/source"))), "over-disclosed"


def _entry_under_another_provision(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", provision=evil.made.provisions[1].id), "no-provision"


def _entry_under_no_provision(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", provision="whatever"), "no-provision"


def _entry_under_another_version(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", instrument_sha256="00" * 32), "no-instrument"


def _entry_under_the_agreement_of_others(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", instrument="aus-jpn-arrangement"), "no-instrument"


def _entry_of_a_type_that_no_provision_names(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(SecretSaid(text="x"), type_="notes.secret-said.v1")
    return evil.add(held.bytes(evil.names()), type="notes.secret-said.v1"), "no-provision"


def _entry_of_an_unknown_type(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(SecretSaid(text="x"), type_="notes.prophecy-said.v9")
    return evil.add(held.bytes(evil.names()), type="notes.prophecy-said.v9"), "no-provision"


def _entry_headed_as_another_type(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(SecretSaid(text="x"), type_="notes.secret-said.v1")
    return evil.add(held.bytes(evil.names())), "body-malformed"


def _entry_by_a_key_that_nobody_certified(evil: Byzantine) -> tuple[int, str]:
    stray = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    return evil.add(evil.issue(NoteSaid(text="x", source="y"), key=stray).bytes(evil.names())), "unknown-key"


def _entry_by_the_checkpoint_key(evil: Byzantine) -> tuple[int, str]:
    seed = evil.keys[sign.Purpose.CHECKPOINT]
    stray = object.__new__(sign.SigningKey)
    stray.public, stray._secret = seed.public, seed._secret  # noqa: SLF001 # the lie is a key of one purpose that signs for another
    stray.purpose = "record"
    stray.key_id = sign.key_id("record", seed.public)
    return evil.add(evil.issue(NoteSaid(text="x", source="y"), key=stray).bytes(evil.names())), "unknown-key"


def _entry_with_a_forged_signature(evil: Byzantine) -> tuple[int, str]:
    stray = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    stray.key_id = evil.keys[sign.Purpose.RECORD].key_id
    return evil.add(evil.issue(NoteSaid(text="x", source="y"), key=stray).bytes(evil.names())), "bad-signature"


def _entry_in_the_name_of_another_party(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), node="aus/perth")
    return evil.add(held.bytes(evil.names())), "no-consent"


def _entry_with_a_body_that_is_not_headed(evil: Byzantine) -> tuple[int, str]:
    one, other = (evil.issue(NoteSaid(text=text, source="y")).bytes(evil.names()) for text in "ab")
    return evil.add(one, shown=other), "body-malformed"


def _entry_released_in_the_future(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", released_at_ms=evil.federation.now_ms + 10**9), "time"


def _entry_released_before_the_one_before(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", released_at_ms=evil.federation.now_ms - 10**9), "time"


def _entry_released_before_the_beginning(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", released_at_ms=-(10**9)), "time"


def _entry_receipting_what_was_never_written(evil: Byzantine) -> tuple[int, str]:
    return evil.say("x", receipted=10**12), ""  # it says nothing: after a restore we may know less than our partner


def _entry_receipting_less_than_the_one_before(evil: Byzantine) -> tuple[int, str]:
    evil.say("x", receipted=1)
    return evil.say("x", receipted=0), "time"


def _entry_made_before_the_agreement(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"), at_ms=0)
    return evil.add(held.bytes(evil.names())), "expired"


def _entry_oversize(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b"x" * ((1 << 20) + 1)), "oversize"


def _entry_empty(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b""), "body-malformed"


def _entry_of_noise(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b"\xff\x00 not json"), "body-malformed"


def _entry_nested_without_end(evil: Byzantine) -> tuple[int, str]:
    return evil.add(b"[" * 500_000), "body-malformed"


def _entry_nested_within_its_value(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y")).bytes(evil.names())
    return evil.add(held.replace(b'"x"', b"[" * 5000 + b"]" * 5000)), "body-malformed"


def _entry_with_a_doubled_key(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y")).bytes(evil.names())
    return evil.add(held[:-1] + b',"envelope":{}}'), "body-malformed"


def _entry_with_a_disclosure_that_opens_nothing(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y")).bytes(evil.names())
    return evil.add(held.replace(b'"x"', b'"z"')), "body-malformed"


def _entry_whose_payload_fits_no_class(evil: Byzantine) -> tuple[int, str]:
    class Odd(Body, frozen=True):
        text: object = 7

    return evil.add(evil.issue(Odd()).bytes(evil.names())), ""  # kept, and never projected


def _entry_again(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="said twice", source="y")).bytes(evil.names())
    evil.add(held)
    return evil.add(held), "replay"


def _entry_about_an_agreement_with_something_else(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(NoteSaid(text="x", source="y"))
    return evil.add(held.bytes(evil.names()), kind="instrument", type="notes.note-said.v1"), "no-provision"


def _entry_about_an_agreement_headed_otherwise(evil: Byzantine) -> tuple[int, str]:
    body = Suspended(instrument="x", reason="y")
    index = evil.treaty("instruments.suspended.v1", body, type="instruments.resumed.v1")
    return index, "body-malformed"


def _entry_about_an_agreement_not_for_us(evil: Byzantine) -> tuple[int, str]:
    return evil.treaty("instruments.suspended.v1", Suspended(instrument="x", reason="y"), ("kor",)), "releasability"


def _entry_of_a_keyset_of_another_root(evil: Byzantine) -> tuple[int, str]:
    own, evil.root = evil.root, sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.ROOT)
    body = canonical.encode(evil.keyset(version=2))
    evil.root = own
    return evil.add(body, kind="keys"), "bad-signature"


def _entry_of_a_keyset_with_a_key_of_small_order(evil: Byzantine) -> tuple[int, str]:
    weak = {str(purpose): canonical.b64(key.public) for purpose, key in evil.keys.items()}
    weak["record"] = canonical.b64(bytes.fromhex("01" + "00" * 31))
    return evil.add(canonical.encode(evil.keyset(version=2, keys=weak)), kind="keys"), "bad-signature"


def _entry_of_an_old_keyset(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode(evil.keyset(version=1, made_at_ms=1)), kind="keys"), "body-malformed"


def _entry_of_a_keyset_of_another_node(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode(evil.keyset(version=2, node=f"{evil.party}/mumbai")), kind="keys"), "bad-signature"


def _entry_of_an_unknown_act(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode({"act": "bless", "record": "0" * 64, "targets": [[0, 0]]}), kind="act"), (
        "body-malformed"
    )


def _entry_of_an_epoch_in_the_middle(evil: Byzantine) -> tuple[int, str]:
    return evil.add(canonical.encode({"epoch": 0, "root": "", "size": 0}), kind="epoch"), "body-malformed"


def _entry_naming_a_blob_that_is_no_digest(evil: Byzantine) -> tuple[int, str]:
    held = evil.issue(Picture(text="x", picture={"blob": {"sha256": "../../../etc/passwd", "size": 5}}))
    return evil.add(held.bytes(evil.names("payload/picture"))), "over-disclosed"


ENTRIES: tuple[BadEntry, ...] = tuple(made for name, made in sorted(globals().items()) if name.startswith("_entry_"))

# --- logs that are none -------------------------------------------------------------------------------------------------------------


def fork_its_log(evil: Byzantine) -> None:
    """Serve another history after the one that the victim has seen."""
    data, body = evil.entries[-1]
    header = wire.decode_header(data)
    evil.tree = Tree()
    evil.entries, old = [], evil.entries
    for kept, shown in old[:-1]:
        evil.tree.append(leaf_hash(kept))
        evil.entries.append((kept, shown))
    evil.add(body, kind=header.kind, type=header.type, released_at_ms=header.released_at_ms + 1)
    evil.say("after the fork")


def _go_back(evil: Byzantine) -> None:
    evil.entries.pop()
    evil.tree = Tree(leaf_hash(data) for data, _ in evil.entries)
    evil.answers = lambda pull: wire.pack_message(evil.head(pull, end=pull.start), [evil.checkpoint(), b""])


def _sign_with_another_key(evil: Byzantine) -> None:
    evil.say("x")
    evil.keys[sign.Purpose.CHECKPOINT] = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.CHECKPOINT)


def _sign_nothing(evil: Byzantine) -> None:
    evil.say("x")
    text, _, _ = evil.checkpoint().rpartition(b"\n\n")
    nobody = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.CHECKPOINT)
    unsigned = note.sign_note(text.decode() + "\n", "nobody", nobody).to_bytes()
    evil.answers = lambda pull: wire.pack_message(
        evil.head(pull), [unsigned, b"", *(part for entry in evil.entries[pull.start :] for part in entry)]
    )


def _sign_for_another_log(evil: Byzantine) -> None:
    evil.say("x")
    other = evil.checkpoint(origin=origin(evil.reverse, evil.epoch))
    evil.answers = lambda pull: wire.pack_message(
        evil.head(pull), [other, b"", *(part for entry in evil.entries[pull.start :] for part in entry)]
    )


def _show_what_it_did_not_sign(evil: Byzantine) -> None:
    """Sign one entry and show another in its place."""
    at = evil.say("signed")
    signed, _ = evil.entries[at]
    body = evil.issue(NoteSaid(text="shown", source="y")).bytes(evil.names())
    named = {"body_sha256": hashlib.sha256(body).hexdigest(), "body_size": len(body)}
    shown, _ = wire.encode_header(msgspec.structs.replace(wire.decode_header(signed), **named))
    evil.entries[at] = shown, body


def _sign_two_logs_after_what_is_held(evil: Byzantine) -> None:
    """Show the checkpoint over an entry, keep that entry back, and show another log in which another stands in its place."""
    other = evil.tree.copy()
    evil.say("signed and kept back")
    evil.keep()
    text = evil.issue(NoteSaid(text="of the other log", source="y")).bytes(evil.names())
    data, _ = evil.entries[-1]
    named = {"body_sha256": hashlib.sha256(text).hexdigest(), "body_size": len(text)}
    shown, leaf = wire.encode_header(msgspec.structs.replace(wire.decode_header(data), **named))
    other.append(leaf)

    def answer(pull: wire.Pull) -> bytes:
        if pull.seen < evil.tree.size:
            lead = evil.tree.consistency_proof(pull.start, evil.tree.size) if pull.start else []
            head = evil.head(pull, end=pull.start, proof=tuple(item.hex() for item in lead))
            return wire.pack_message(head, [evil.checkpoint(), b""])
        return wire.pack_message(evil.head(pull), [evil.checkpoint(tree=other), b"", shown, text])

    evil.answers = answer


def _leave_an_entry_out(evil: Byzantine) -> None:
    evil.say("hidden")
    evil.say("shown")
    evil.answers = lambda pull: wire.pack_message(
        evil.head(pull, end=pull.start + 1), [evil.checkpoint(), b"", *evil.entries[-1]]
    )


def _oversize_header(evil: Byzantine) -> None:
    evil.say("x")
    data, body = evil.entries[-1]
    evil.entries[-1] = (data[:-1] + b" " * wire.MAX_HEADER_BYTES + b"}", body)


def _header_outside_nfc(evil: Byzantine) -> None:
    evil.say("x")
    data, body = evil.entries[-1]
    evil.entries[-1] = (data.replace(b'"coordination"', '"e\u0301"'.encode()), body)


def _header_of_an_unknown_kind(evil: Byzantine) -> None:
    evil.say("x", kind="gossip")


def _new_epoch_without_a_word(evil: Byzantine) -> None:
    evil.epoch, evil.entries, evil.tree = 1, [], Tree()
    evil.say("in the new epoch")


def _new_epoch_naming_another_root(evil: Byzantine) -> None:
    size = evil.tree.size
    evil.epoch, evil.entries, evil.tree = 1, [], Tree()
    evil.add(canonical.encode({"epoch": 0, "root": "00" * 32, "size": size}), kind="epoch")


def _new_epoch_with_another_body(evil: Byzantine) -> None:
    size, root = evil.tree.size, evil.tree.root().hex()
    evil.epoch, evil.entries, evil.tree = 1, [], Tree()
    evil.add(
        canonical.encode({"epoch": 0, "root": "00" * 32, "size": size}),
        kind="epoch",
        shown=canonical.encode({"epoch": 0, "root": root, "size": size}),
    )


LOGS: tuple[Lie, ...] = (
    fork_its_log,
    _go_back,
    _sign_with_another_key,
    _sign_nothing,
    _sign_for_another_log,
    _show_what_it_did_not_sign,
    _sign_two_logs_after_what_is_held,
    _leave_an_entry_out,
    _oversize_header,
    _header_outside_nfc,
    _header_of_an_unknown_kind,
    _new_epoch_without_a_word,
    _new_epoch_naming_another_root,
    _new_epoch_with_another_body,
)

# --- answers that fit no request ----------------------------------------------------------------------------------------------------


def _replay_old_answers(evil: Byzantine) -> None:
    old = wire.pack_message(
        evil.head(wire.Pull(evil.channel, 0, 1, 1, "", 0, 0, 0)),
        [evil.checkpoint(), b"", *[part for entry in evil.entries for part in entry]],
    )
    evil.answers = lambda _pull: old


def _answer_noise(evil: Byzantine) -> None:
    evil.answers = lambda _pull: b"\x00\x00\x00\x05noise"


def _answer_text_outside_nfc(evil: Byzantine) -> None:
    evil.answers = lambda _pull: pack(['{"code":"e\u0301","message":"channel.fault.v1","sentence":"e\u0301"}'.encode()])


def _answer_with_faults(evil: Byzantine) -> None:
    evil.answers = lambda _pull: wire.pack_message(wire.Fault(code="NetworkError", sentence="ha"), [])


def _answer_with_blobs(evil: Byzantine) -> None:
    evil.answers = lambda _pull: wire.pack_message(wire.BlobAnswer(channel=evil.channel, count=1), [b"x"])


def _answer_with_a_request(evil: Byzantine) -> None:
    evil.answers = lambda pull: wire.pack_message(pull, [])


def _answer_of_another_channel(evil: Byzantine) -> None:
    evil.answers = lambda pull: wire.pack_message(evil.head(pull, channel=evil.reverse), [evil.checkpoint(), b""])


def _answer_nothing_at_once(evil: Byzantine) -> None:
    evil.answers = lambda pull: wire.pack_message(evil.head(pull, more=True), [evil.checkpoint(), b""])


def _answer_with_a_receipt_of_its_own(evil: Byzantine) -> None:
    fake = evil.receipt(10**6, "00" * 32)
    evil.answers = lambda pull: wire.pack_message(
        evil.head(pull, receipt_sha256=hashlib.sha256(fake).hexdigest()), [evil.checkpoint(), fake]
    )


def _answer_never(evil: Byzantine) -> None:
    evil.answers = lambda _pull: None


ANSWERS: tuple[Lie, ...] = (
    _replay_old_answers,
    _answer_noise,
    _answer_text_outside_nfc,
    _answer_with_faults,
    _answer_with_blobs,
    _answer_with_a_request,
    _answer_of_another_channel,
    _answer_nothing_at_once,
    _answer_with_a_receipt_of_its_own,
    _answer_never,
)
