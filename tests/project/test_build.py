"""The pages are built with the package, or one sentence says why not and what works without them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "web" / "package-lock.json"


def test_the_lock_of_the_pages_names_no_address() -> None:
    text = LOCK.read_text(encoding="utf-8")
    assert "://" not in re.sub(r'"(?:url|homepage)": "[^"]*"', "", text)
    assert "resolved" not in text
    assert text.count('"integrity": "sha512-') > 20


@pytest.mark.slow
def test_without_a_mirror_one_sentence_says_so(tmp_path: Path) -> None:
    shutil.copy(ROOT / "hatch_build.py", tmp_path)
    shutil.copytree(ROOT / "web", tmp_path / "web", ignore=shutil.ignore_patterns("node_modules"))
    away = {
        "npm_config_registry": "http://127.0.0.1:9",
        "npm_config_cache": str(tmp_path / "cache"),
        "npm_config_fetch_retries": "0",
    }
    done = subprocess.run(
        [sys.executable, "hatch_build.py"],
        cwd=tmp_path,
        env={**os.environ, **away},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith("the pages were not built: npm packages cannot be fetched")
    assert "make pages" in sentence
    assert not (tmp_path / "src").exists()


def test_what_is_built_is_never_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"web/node_modules/", "src/kizuna/formats/fonts/", "src/kizuna/web/static/"} <= set(ignored)
