"""Golden bytes of channels and key sets: made again, read and verified, and shown on the pages, for ever."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from kizuna.kernel import canonical, keys, note, sign
from kizuna.kernel.bundle import sealing_public
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import ReaderState, check_answer, origin
from kizuna.kernel.channel.writer import WriterState, check_receipt
from kizuna.kernel.merkle import CompactRange, Tree
from kizuna.node.channel import outgoing

ROOT = Path(__file__).parents[2]
GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "channel-v1.json").read_text(encoding="utf-8"))
RENEWAL: dict[str, Any] = json.loads((Path(__file__).parent / "keys-v2.json").read_text(encoding="utf-8"))
PAGES = ROOT / "docs" / "protocol"
MESSAGES = {name: bytes.fromhex(text) for name, text in GOLDEN["messages"].items()}


def seed(name: str) -> bytes:
    return hashlib.sha256(f"{GOLDEN['seeds']} {name}".encode()).digest()


def signer(purpose: str, name: str = "") -> sign.SigningKey:
    made = sign.SigningKey(seed(name or purpose), purpose)
    assert made.public.hex() == GOLDEN["publics"][name or purpose]
    return made


def tree() -> Tree:
    return Tree(bytes.fromhex(entry["leaf"]) for entry in GOLDEN["entries"])


def test_headers_read_back_and_hash_to_their_leaves() -> None:
    for index, entry in enumerate(GOLDEN["entries"]):
        data, body = entry["header"].encode(), entry["body"].encode()
        header = wire.decode_header(data)
        assert (header.channel, header.epoch, header.index) == (GOLDEN["channel"], 1, index)
        assert (header.body_size, header.body_sha256) == (len(body), hashlib.sha256(body).hexdigest())
        assert wire.encode_header(header)[0] == data
        assert hashlib.sha256(b"\0" + data).hexdigest() == entry["leaf"]  # by the page's words, with no line of ours
    assert tree().root().hex() == GOLDEN["root"]


def test_the_act_says_the_same_in_code() -> None:
    body = GOLDEN["entries"][2]["body"].encode()
    ((act, record_id, targets),) = outgoing.acts_of(body)
    assert outgoing.act_body(act, record_id, targets) == body


def test_the_checkpoint_is_made_again() -> None:
    name = origin(GOLDEN["channel"], 1)
    made = note.sign_checkpoint(note.Checkpoint(name, 3, tree().root()), signer("checkpoint"))
    assert made.to_bytes().decode() == GOLDEN["checkpoint"]


def test_the_receipt_is_made_again_and_accepted() -> None:
    reader, text = signer("receipt", "reader receipt"), GOLDEN["receipt"]
    receipt = canonical.decode(text["statement"].encode(), type=wire.Receipt)
    assert wire.sign_receipt(receipt, reader).decode() == text["envelope"]
    assert hashlib.sha256(text["envelope"].encode()).hexdigest() == text["sha256"]
    at = WriterState(GOLDEN["channel"], 1, 0)
    assert check_receipt(at, tree(), text["envelope"].encode(), reader.public) == receipt


def test_messages_read_back_and_are_made_again() -> None:
    for name, data in MESSAGES.items():
        head, parts = wire.unpack_message(data)
        assert wire.pack_message(head, parts) == data
        assert canonical.encode(head).decode() == GOLDEN["heads"][name]


def test_the_answer_is_accepted_by_the_reader_who_pulled() -> None:
    pull, answer = wire.unpack_message(MESSAGES["pull"])[0], wire.unpack_message(MESSAGES["answer"])
    assert isinstance(pull, wire.Pull)
    assert isinstance(answer[0], wire.Answer)
    frontier = CompactRange()
    frontier.append(bytes.fromhex(GOLDEN["entries"][0]["leaf"]))
    at = ReaderState(pull.channel, pull.epoch, pull.start, frontier.to_bytes(), pull.seen, tree().root(pull.seen))
    accepted = check_answer(at, answer[0], answer[1], signer("checkpoint").public)
    assert [shown.body.decode() for shown in accepted.entries] == [entry["body"] for entry in GOLDEN["entries"][1:]]
    assert accepted.root.hex() == GOLDEN["root"]


def test_keyset_and_card_are_made_again() -> None:
    keyset = keys.KeySetV1(
        keys={purpose: canonical.b64(signer(purpose).public) for purpose in keys.NODE_PURPOSES},
        made_at_ms=1_790_000_000_000,
        node="ind/fusion-delhi",
        party="ind",
        seal=canonical.b64(sealing_public(seed("seal"))),
        tls_sha256=hashlib.sha256(b"certificate").hexdigest(),
        version=1,
    )
    assert canonical.encode(keyset).decode() == GOLDEN["keyset"]
    root = signer("root")
    data = GOLDEN["card"].encode()
    card, read = keys.read_card(data)
    assert read == keyset
    assert card.keyset == keys.certify(keyset, root)
    assert canonical.encode(msgspec.structs.replace(card, root=canonical.b64(root.public))) == data
    assert {purpose: read.key_id(purpose) for purpose in read.keys} == GOLDEN["key_ids"]
    assert keys.fingerprint(data) == GOLDEN["fingerprint"]
    digest = hashlib.sha256(b"kizuna.key.v1\0record\0" + bytes.fromhex(GOLDEN["publics"]["record"])).hexdigest()
    assert digest[:32] == GOLDEN["key_ids"]["record"]


def shown_on(page: str) -> list[str]:
    return [block.strip("\n") for block in (PAGES / page).read_text(encoding="utf-8").split("```")[1::2]]


def test_the_pages_show_the_golden_bytes() -> None:
    entries = GOLDEN["entries"]
    assert shown_on("channel.md") == [
        GOLDEN["channel"],
        entries[1]["header"],
        entries[1]["leaf"],
        entries[2]["body"],
        entries[0]["body"],
        *(GOLDEN["heads"][name] for name in ("pull", "answer", "blob_pull", "blob_answer", "fault")),
        RENEWAL["heads"]["return"],
        RENEWAL["heads"]["returned"],
        GOLDEN["receipt"]["statement"],
    ]
    assert shown_on("keys.md") == [
        GOLDEN["keyset"],
        GOLDEN["key_ids"]["record"],
        RENEWAL["keyset"],
        RENEWAL["revocation"],
        GOLDEN["card"],
        GOLDEN["fingerprint"],
    ]


def test_the_page_lists_every_refusal_code() -> None:
    page = (PAGES / "channel.md").read_text(encoding="utf-8")
    assert all(f"`{code}`" in page for code in (*wire.BODY_REFUSALS, *wire.REFUSALS))
