"""The golden bytes of version 1 of log, checkpoint and bundle, and the pages that show them."""

from __future__ import annotations

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

from kizuna.kernel import bundle, canonical, note, sign
from kizuna.kernel.merkle import CompactRange, Tree, leaf_hash, verify_consistency, verify_inclusion

ROOT = Path(__file__).parents[2]


def _golden(name: str) -> Any:
    return json.loads((ROOT / "tests" / "vectors" / f"{name}-v1.json").read_text())


def _shown(page: str) -> list[str]:
    """Return the fenced blocks of a page."""
    parts = (ROOT / "docs" / "protocol" / page).read_text().split("```")
    return [part.partition("\n")[2] for part in parts[1::2]]


def test_the_log_is_what_it_was() -> None:
    golden = _golden("merkle")
    leaves = [leaf_hash(bytes.fromhex(data)) for data in golden["leaves"]]
    tree, edge = Tree(leaves), CompactRange()
    edge.extend(leaves[:7])
    roots = [bytes.fromhex(root) for root in golden["roots"]]
    assert [leaf.hex() for leaf in leaves] == golden["leaf_hashes"]
    assert [tree.root(size) for size in range(9)] == roots
    assert edge.to_bytes().hex() == golden["compact_range_at_7"]
    for case in golden["inclusion"]:
        index, size, proof = case["index"], case["size"], [bytes.fromhex(item) for item in case["proof"]]
        assert tree.inclusion_proof(index, size) == proof
        verify_inclusion(index, size, leaves[index], proof, roots[size])
    for case in golden["consistency"]:
        size1, size2, proof = case["size1"], case["size2"], [bytes.fromhex(item) for item in case["proof"]]
        assert tree.consistency_proof(size1, size2) == proof
        verify_consistency(size1, size2, roots[size1], roots[size2], proof)
    assert (len(golden["inclusion"]), len(golden["consistency"])) == (36, 36)


def test_the_page_shows_the_log_and_the_checkpoint() -> None:
    golden = _golden("merkle")
    proof = next(case["proof"] for case in golden["consistency"] if (case["size1"], case["size2"]) == (3, 8))
    assert _shown("merkle-and-checkpoints.md") == [
        "\n".join(golden["roots"][:4]) + "\n",
        "\n".join(proof) + "\n",
        golden["compact_range_at_7"] + "\n",
        _golden("checkpoint")["cosigned"],
    ]


def test_the_checkpoint_is_what_it_was() -> None:
    golden = _golden("checkpoint")
    sender = sign.SigningKey(bytes.fromhex(golden["sender_seed"]), sign.Purpose.CHECKPOINT)
    reader = sign.SigningKey(bytes.fromhex(golden["reader_seed"]), sign.Purpose.RECEIPT)
    checkpoint = note.Checkpoint(golden["origin"], golden["size"], bytes.fromhex(golden["root"]))
    sent = note.sign_checkpoint(checkpoint, sender)
    assert sent.to_bytes().decode() == golden["note"]
    assert note.cosign(sent, golden["reader"], reader, golden["time_s"]).to_bytes().decode() == golden["cosigned"]
    cosigned = golden["cosigned"].encode()
    assert note.open_checkpoint(cosigned, golden["origin"], bytes.fromhex(golden["sender_public"])) == checkpoint
    reader_public = bytes.fromhex(golden["reader_public"])
    assert note.verify_cosignature(note.parse_note(cosigned), golden["reader"], reader_public) == golden["time_s"]


def test_a_bundle_of_version_one_opens_for_ever() -> None:
    golden = _golden("bundle")
    data, private = b64decode(golden["file"]), bytes.fromhex(golden["sealing_private"])
    keys = {bundle.sealing_key_id(bytes.fromhex(golden["sealing_public"])): private}
    pinned = {("ind/fusion-delhi", golden["sender_key_id"]): bytes.fromhex(golden["sender_public"])}
    manifest, members = bundle.open_bundle(
        data, golden["recipient"], keys, golden["now_ms"], lambda sender, key_id: pinned.get((sender, key_id))
    )
    assert canonical.encode(manifest).decode() == golden["manifest"]
    assert [{"kind": m.kind, "name": m.name, "data": m.data.hex()} for m in members] == golden["members"]
    assert sha256(data).hexdigest() == golden["sha256"]
    start, shown = _shown("bundle.md")
    assert start == data[:134].hex() + "\n"
    assert json.loads(shown) == json.loads(golden["manifest"])
