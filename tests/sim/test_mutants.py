"""The stories notice planted bugs: else they would prove nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_planted_bug_is_caught() -> None:
    script = ROOT / "tests" / "scripts" / "mutants.py"
    done = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, timeout=1780, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n0 of " in done.stdout
