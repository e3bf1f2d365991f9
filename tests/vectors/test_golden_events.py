"""Bodies of events and their thresholds as they stand on the wire, and the digests that events cite: what was once written is read for ever."""

import hashlib
import json
from pathlib import Path

import msgspec

from kizuna.domains.maritime.events.model import Evidence, ThresholdSet
from kizuna.domains.maritime.records import RECORDS, ThresholdsPublished
from kizuna.domains.maritime.stating import evidence_digest
from kizuna.kernel import canonical

GOLDEN = json.loads((Path(__file__).parent / "events-v2.json").read_text(encoding="utf-8"))


def test_every_body_reads_and_is_written_the_same() -> None:
    for name, text in GOLDEN["bodies"].items():
        body = msgspec.json.decode(text, type=RECORDS[name], strict=True)
        assert set(json.loads(text)) == set(body.__struct_fields__), name
        assert canonical.encode(body).decode() == text


def test_evidence_is_cited_by_the_hash_of_its_canonical_json() -> None:
    assert evidence_digest([Evidence(*each) for each in reversed(GOLDEN["evidence"])]) == GOLDEN["evidence_sha256"]
    plain = json.dumps(GOLDEN["evidence"], separators=(",", ":"))
    assert hashlib.sha256(plain.encode()).hexdigest() == GOLDEN["evidence_sha256"]


def test_thresholds_are_cited_by_the_hash_of_their_numbers_and_id() -> None:
    body = msgspec.json.decode(GOLDEN["bodies"]["maritime.thresholds-published.v1"], type=ThresholdsPublished)
    assert isinstance(body.values, tuple)
    numbers = {each.name: each.value for each in body.values} | {"id": body.id}
    assert body.sha256 == GOLDEN["thresholds_sha256"]
    assert hashlib.sha256(canonical.encode(numbers)).hexdigest() == GOLDEN["thresholds_sha256"]
    assert msgspec.convert(numbers, ThresholdSet).digest() == GOLDEN["thresholds_sha256"]
