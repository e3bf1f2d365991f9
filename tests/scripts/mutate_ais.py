"""Mutated AIS sentences by the million, read both ways: the compiled passes must tell what the careful reader tells, and neither may raise or grow.

    python tests/scripts/mutate_ais.py --sentences 10000000 --seed 1

Each block of lines is made from traffic of every kind (and from recordings where `KIZUNA_SHARED` names them) by flipping, cutting, doubling, joining
and inserting bytes; it is read by one reader of each way that lives through the whole run, so that what they hold over from block to block is
tried too. Prints how many lines went through, what was set aside and why, and the memory at the start and at the end.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from kizuna.formats.ais import AisReader  # noqa: E402 # the tests' own generator lies beside the package
from kizuna.formats.ais_columns import ColumnReader  # noqa: E402 # the same
from kizuna.formats.ais_passes import Passes  # noqa: E402 # the same
from kizuna.formats.ais_tables import columns_of  # noqa: E402 # the same
from tests.formats.test_ais_columns import FILES, rows, traffic  # noqa: E402 # the same

MESSAGES = 2_000
EVERY = 120
"""One byte in so many is changed."""


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return the bytes with changes of six kinds sown over them."""
    made = bytearray(data)
    for _ in range(len(data) // EVERY):
        at, way = rng.randrange(len(made)), rng.randrange(6)
        if way == 0:
            made[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            made[at] = rng.randrange(256)
        elif way == 2:  # the third way
            del made[at : at + rng.randrange(1, 40)]
        elif way == 3:  # the fourth
            begin = rng.randrange(len(made))
            made[at:at] = made[begin : begin + rng.randrange(1, 90)]
        elif way == 4:  # the fifth
            made[at:at] = rng.choice([b"!", b"\\", b"\r", b"\n", b"!!!!", b",", b"*", b"\0", b"$PGHP,", b"!AIVDM,2,1,"])
        else:
            made[at : at + 2] = b"\r\n"
    return bytes(made)


def main() -> None:
    """Run; ends with exit code 1 at the first difference, whose seed and block it names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    recorded = b"".join(path.read_bytes() for path in FILES)
    careful, compiled = AisReader(), ColumnReader(Passes)
    started, memory_kib = time.monotonic(), 0
    rejected: Counter[str] = Counter()
    block = 0
    while careful.counts.lines < asked.sentences:
        rng = random.Random(f"{asked.seed} {block}")  # chance that a seed brings back
        data = traffic(rng.randrange(1 << 30), MESSAGES, 0.1)
        if recorded and block % 2:
            begin = rng.randrange(max(1, len(recorded) - len(data)))
            data = recorded[begin : begin + len(data)]
        data = mutated(data, rng)
        wanted, found = columns_of(careful.feed(data)), compiled.feed(data)
        if (
            rows(wanted)[:2] != rows(found)[:2]
            or careful.counts.readable_by_type() != compiled.counts.readable_by_type()
        ):
            sys.exit(f"the two ways differ: seed {asked.seed}, block {block}")
        rejected.update(each.reason for each in wanted.rejected)
        block += 1
        memory_kib = memory_kib or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = {
        "blocks": block,
        "lines": careful.counts.lines,
        "messages": careful.counts.readable_by_type().total(),
        "rejected": dict(rejected),
        "seconds": round(time.monotonic() - started, 1),
        "rss_first_mib": memory_kib // 1024,
        "rss_most_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
