"""What supply says on the wire does not change: the payload of every record, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from kizuna.domains.supply.records import RECORDS
from kizuna.kernel import canonical
from kizuna.kernel.record import WITHHELD

VECTORS: dict[str, str] = json.loads((Path(__file__).parent / "supply-v1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_a_payload_is_read_whole_and_written_again_as_it_was(name: str) -> None:
    made = msgspec.json.decode(VECTORS[name], type=RECORDS[name], strict=True)
    assert not [field for field in made.__struct_fields__ if getattr(made, field) is WITHHELD]
    assert canonical.encode(made).decode() == VECTORS[name]


def test_every_record_of_supply_has_its_bytes() -> None:
    assert set(VECTORS) == set(RECORDS)
