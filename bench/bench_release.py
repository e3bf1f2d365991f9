"""Release decisions a second, of CPU time, at 500 agreements, beside Cedar on the same requests.

`release.decide` walks 200,000 different records, whose labels lie in cold memory: that, not the rule, is then most of the time.
`release.decide-near` asks about 2,000 of them again and again, as a node does about records that it has just made;
`release.decide-first` asks an index that has met none of its labels.
"""

import random
import time
from typing import Any

import cedarpy

from kizuna.kernel import cedar
from kizuna.kernel.instrument import (
    Agreement,
    Direction,
    EquivalenceRow,
    EquivalenceTable,
    Instrument,
    Provision,
    limited_date,
    version_of,
)
from kizuna.kernel.intervals import FOREVER
from kizuna.kernel.label import Grade, Label
from kizuna.kernel.release import GUARD_MS, Index, ReleaseHeader

AGREEMENTS = 500
PARTNERS = 50
NOW_MS = 1_700_000_000_000
PURPOSES = ("exercise-support", "maritime-domain-awareness", "search-and-rescue")
TYPES = tuple(f"maritime.kind-{letter}.v1" for letter in "abcdefghij")


def _agreement(rng: random.Random, number: int) -> Agreement:
    partner = f"party-{number % PARTNERS:02}"
    policy = f"{partner}.v1"
    rows = tuple(EquivalenceRow(from_level=level, to_levels=(level,)) for level in range(5))
    provisions = tuple(
        Provision(
            basis="example",
            direction=Direction(from_party="ind", to_party=partner),
            discloses=("mmsi", "name"),
            effect="forbids" if rng.randrange(20) == 0 else "permits",
            equivalence="table@1",
            id=f"p{i}",
            max_classification={policy: rng.randint(0, 4)},
            purposes=tuple(rng.sample(PURPOSES, 2)),
            record_types=(rng.choice(TYPES),),
        )
        for i in range(6)
    )
    instrument = Instrument(
        basis="example",
        id=f"agreement-{number:03}",
        in_force_on=limited_date("2018"),
        kind="memorandum",
        parties=("ind", partner),
        provisions=provisions,
        tables=(
            EquivalenceTable(
                basis="example", from_policy="ind.v1", id="table", rows=rows, to_policy=policy, version="1"
            ),
        ),
        title=f"agreement {number}",
    )
    return Agreement(instrument, version_of(instrument), ((NOW_MS - 10**9, FOREVER),))


def _requests(rng: random.Random, count: int) -> list[tuple[ReleaseHeader, str, int]]:
    made = []
    for _ in range(count):
        partner = f"party-{rng.randrange(PARTNERS):02}"
        label = Label(
            grades=(Grade("ind.v1", rng.randint(0, 4)),),
            originators=frozenset({"ind"}),
            purposes=frozenset(rng.sample(PURPOSES, 2)),
            releasable_to=frozenset({"party-99"} if rng.randrange(10) == 0 else {partner}),
        )
        now_ms = NOW_MS + rng.randrange(10**6)
        header = ReleaseHeader(type=rng.choice(TYPES), label=label, issuer="ind", at_ms=now_ms - 1000)
        made.append((header, partner, now_ms))
    return made


def _rate(index: Index, requests: list[tuple[ReleaseHeader, str, int]]) -> float:
    decide = index.decide
    start = time.process_time()
    for header, partner, now_ms in requests:
        decide(header, partner, now_ms)
    return len(requests) / (time.process_time() - start)


def _cedar_rate(agreements: list[Agreement], requests: list[tuple[ReleaseHeader, str, int]], index: Index) -> float:
    partners = sorted({partner for _, partner, _ in requests})
    compiled = {
        name: cedarpy.PolicySet.from_str(cedar.policies("ind", name, agreements, GUARD_MS)) for name in partners
    }
    sliced = {name: [cedar.request("ind", *r) for r in requests if r[1] == name] for name in partners}
    entities = cedarpy.Entities.from_json_str("[]")
    start = time.process_time()
    answers = {name: cedarpy.is_authorized_batch(sliced[name], compiled[name], entities) for name in partners}
    spent = time.process_time() - start
    allowed = sum(answer.allowed for found in answers.values() for answer in found)
    assert allowed == sum(index.decide(*request).permit for request in requests)
    return len(requests) / spent


def run() -> list[dict[str, Any]]:
    rng = random.Random(1)  # noqa: S311 # a benchmark repeats itself
    agreements = [_agreement(rng, number) for number in range(AGREEMENTS)]
    requests = _requests(rng, 200_000)
    cold = _rate(Index.build("ind", agreements), requests[:20_000])
    index = Index.build("ind", agreements)
    _rate(index, requests)
    warm = max(_rate(index, requests) for _ in range(3))
    near = max(_rate(index, requests[:2_000] * 100) for _ in range(3))
    oracle = _cedar_rate(agreements, requests[:5_000], index)
    start = time.process_time()
    Index.build("ind", agreements)
    build_ms = (time.process_time() - start) * 1000
    return [
        {"name": "release.decide", "value": warm, "unit": "1/s", "peer": "cedarpy", "ratio": warm / oracle},
        {"name": "release.decide-near", "value": near, "unit": "1/s", "peer": "cedarpy", "ratio": near / oracle},
        {"name": "release.decide-first", "value": cold, "unit": "1/s", "peer": "cedarpy", "ratio": cold / oracle},
        {"name": "release.index-build", "value": build_ms, "unit": "ms", "peer": None, "ratio": None},
    ]


if __name__ == "__main__":
    for row in run():
        print(row)
