"""The dialogue's bodies and hashes as they stand on the wire: what was once written is read for ever."""

import hashlib
import json
from pathlib import Path

import msgspec

from kizuna.domains.dialogue import DOMAIN
from kizuna.domains.dialogue.rules import paragraph_sha256, text_sha256
from kizuna.domains.dialogue.steps import TextVersion
from kizuna.kernel import canonical

GOLDEN = json.loads((Path(__file__).parent / "dialogue-v1.json").read_text(encoding="utf-8"))


def test_every_body_reads_and_is_written_the_same() -> None:
    assert set(GOLDEN["bodies"]) == set(DOMAIN.records)
    for name, text in GOLDEN["bodies"].items():
        body = msgspec.json.decode(text, type=DOMAIN.records[name], strict=True)
        assert set(json.loads(text)) == set(body.__struct_fields__), name
        assert canonical.encode(body).decode() == text


def test_a_joint_text_is_named_by_the_hash_of_its_canonical_json() -> None:
    held = GOLDEN["text"]
    texts = tuple(TextVersion(each["language"], tuple(each["paragraphs"])) for each in held["texts"])
    assert text_sha256(texts) == held["text_sha256"]
    assert paragraph_sha256(texts[0].paragraphs[0]) == held["paragraph_sha256"]
    plain = json.dumps(held["texts"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(plain.encode()).hexdigest() == held["text_sha256"]
