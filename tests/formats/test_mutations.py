"""The long run of mutated sentences, short: it still runs, and it finds nothing. `docs/reliability.md` says how long it ran for a release."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_short_run_of_mutated_sentences_finds_no_difference() -> None:
    script = ROOT / "tests" / "scripts" / "mutate_ais.py"
    done = subprocess.run(
        [sys.executable, script, "--sentences", "20000", "--seed", "3"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["lines"] >= 20_000
    assert {"malformed", "checksum", "incomplete-multipart"} <= set(found["rejected"])
