"""Where docs/partnership.md says that something runs there is code, and each test that it names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "partnership.md"
ROW = re.compile(r"^\| (?!rule |---)(.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
QUOTED = re.compile(r"`([^`]+)`")


def test_each_row_names_code_and_tests_that_are_there() -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) > 60
    wrong = []
    for what, places, tests in rows:
        found = QUOTED.findall(places), QUOTED.findall(tests)
        wrong += [(what, "names nothing")] * (not all(found))
        wrong += [(what, place) for place in found[0] if not [*(ROOT / "src" / "kizuna").glob(place)]]
        for named in found[1]:
            path, _, test = named.partition(":")
            text = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).is_file() else ""
            wrong += [(what, named)] * (re.search(rf"^def {test}\(", text, re.MULTILINE) is None)
    assert not wrong
