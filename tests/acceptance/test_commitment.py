"""8 September 2022: the fighter exercise, from the ministers' statement to the evidence of January 2023 and the scores of both sides.

Delhi's node runs; Tokyo's is a workstation that no wire reaches: all between them goes by courier. Everything is typed as desk officers type it.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import docx
import pytest

from tests.cli import conftest
from tests.cli.conftest import Kizuna, Party, ports

DECLARATION = "ind-jpn-2008-joint-declaration-security"
MINISTERIAL = "ind-jpn-2plus2-ministerial-2022-09-08"
KEY = "ind-fighter-exercise"
CASE = f"dialogue.commitment:{KEY}"
MINUTE = "jpn-2022-09-08"
OURS = """On 8 September 2022 the defence ministers of India and Japan met in Tokyo.

They welcomed that the agreement on supplies and services had been put to use during MILAN.

The two ministers agreed that an early inaugural fighter exercise of the air forces should be held.

They acknowledged the part that the partnership plays in a free and open region."""
ARTICLES = Path(os.environ.get("KIZUNA_SHARED", Path(__file__).parents[3] / "shared")) / "seeds"

kizuna = conftest.kizuna  # the fixture: a command line that is called in this process
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Office:
    """A desk officer at one of the two nodes."""

    def __init__(self, node: Party, use: Callable[[str], None]) -> None:
        self.node = node
        self._use = use
        self._token = str(node.ok("token", "add", "7", "desk")["token"])

    def types(self, *words: object) -> Any:
        self._use(self._token)
        return self.node.ok(*words)

    def refused(self, *words: object) -> str:
        self._use(self._token)
        done = self.node(*words)
        assert done.code == 6, (words, done)
        return done.err


def article() -> str:
    (path,) = ARTICLES.glob("003_*.txt")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("source", ["ours", "article"])
def test_the_fighter_exercise_from_promise_to_evidence(
    kizuna: Kizuna,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,  # the fixture's name
) -> None:
    if source == "article" and not ARTICLES.is_dir():
        pytest.skip("the articles are not here")
    india = Party(kizuna, tmp_path / "india", "ind", "fusion-delhi", *ports())
    japan = Party(kizuna, tmp_path / "japan", "jpn", "tokyo", *ports())
    india.accept(japan)
    japan.accept(india)
    for node in (india, japan):
        node.ok("instrument", "sign", DECLARATION, "--root-key", node.folder / "root.key")
    delhi, tokyo = (Office(node, lambda token: monkeypatch.setenv("KIZUNA_TOKEN", token)) for node in (india, japan))
    bundles = iter(tmp_path / f"{number}.kizuna" for number in range(99))

    def courier(*route: Party) -> None:
        monkeypatch.delenv("KIZUNA_TOKEN", raising=False)  # the administrator of each node exports and imports
        for sender, receiver in pairwise(route):
            sender.carry(receiver, next(bundles))

    with india.running():
        promise(delhi, tokyo, courier, tmp_path, OURS if source == "ours" else article())
        briefs(delhi, tokyo, tmp_path)
        evidence(delhi, tokyo, courier, tmp_path)


Courier = Callable[..., None]


def promise(delhi: Office, tokyo: Office, courier: Courier, folder: Path, statement: str) -> None:
    india, japan = delhi.node, tokyo.node
    courier(japan, india, japan)
    for office in (delhi, tokyo):
        assert office.types("dialogue", "load-bundled")["told"] == {"held": 0, "loaded": 72}

    # Japan hosted: it drafts the text, India signs it by its hash. Nothing can be read out of a mere draft.
    (folder / "statement.txt").write_text(statement, encoding="utf-8")
    tokyo.types(
        "dialogue",
        "draft-minute",
        "--key",
        MINUTE,
        "--meeting",
        MINISTERIAL,
        "--guest",
        "ind",
        "--text",
        folder / "statement.txt",
    )
    sha256 = tokyo.types("dialogue", "agree-minute", "--key", MINUTE)["told"]["text_sha256"]
    courier(japan, india)
    identify = (
        "dialogue", "identify", "--key", KEY, "--minute", MINUTE, "--text", "hold a first exercise of fighter aircraft, in Japan",
        "--due-phrase", "early", "--restates", "commitment-fighter-exercise",
    )  # fmt: skip
    assert "a commitment is read in agreed text only" in delhi.refused(*identify, "--paragraph", 1)
    delhi.types("case", "endorse", "--case", f"dialogue.minute:{MINUTE}")
    (minute,) = delhi.types("dialogue", "meeting", "--meeting", MINISTERIAL)["minutes"]
    assert (minute["state"], minute["text_sha256"]) == ("agreed", sha256)

    # The reader proposes the one sentence, a person confirms it, and Japan signs.
    proposals = delhi.types("dialogue", "read", "--minute", MINUTE)["rows"]
    (proposal,) = [each for each in proposals if "fighter exercise" in each["sentence"]]
    assert (proposal["verb"], proposal["actors"]) == ("agreed", ["ind", "jpn"])
    assert not [each for each in proposals if "welcomed" in each["sentence"]]
    delhi.types(*identify, "--paragraph", proposal["paragraph"])
    delhi.types(
        "dialogue",
        "identify",
        "--key",
        "ind-other",
        "--minute",
        MINUTE,
        "--paragraph",
        proposal["paragraph"],
        "--text",
        "x",
    )
    courier(india, japan)
    tokyo.types("case", "endorse", "--case", CASE)
    tokyo.types("dialogue", "decline", "--key", "ind-other", "--reason", "said once, counted once")
    tokyo.types("dialogue", "assign", "--key", KEY, "--owner", "Air Defense Command")
    courier(japan, india)
    delhi.types("dialogue", "assign", "--key", KEY, "--owner", "Air Headquarters")
    delhi.types("dialogue", "start", "--key", KEY)


def briefs(delhi: Office, tokyo: Office, folder: Path) -> None:
    # Overdue or open: the brief for the next ministerial says so, in the language of whoever reads it.
    page = folder / "brief.html"
    delhi.types(
        "dialogue", "brief", "--mechanism", "ind-jpn-2plus2-ministerial", "--since", "2019-12-01", "--out", page
    )
    said = page.read_text(encoding="utf-8")
    assert "hold a first exercise of fighter aircraft, in Japan" in said
    assert "Air Headquarters" in said
    paper = folder / "brief.docx"
    tokyo.types(
        "dialogue",
        "brief",
        "--mechanism",
        "ind-jpn-2plus2-ministerial",
        "--language",
        "ja",
        "--form",
        "docx",
        "--out",
        paper,
    )
    assert docx.Document(str(paper)).paragraphs[0].text.startswith("会合準備資料")


def evidence(delhi: Office, tokyo: Office, courier: Courier, folder: Path) -> None:
    india, japan = delhi.node, tokyo.node

    # January 2023. Evidence first, then scores; older evidence is refused.
    assert "older than the promise of `2019-11-30`" in delhi.refused(
        "dialogue", "attach", "--key", KEY, "--on", "2018-12-03", "--text", "SHINYUU Maitri"
    )
    score = (
        "dialogue",
        "score",
        "--key",
        KEY,
        "--value",
        1,
        "--as-of",
        "2023-04-05",
        "--rationale",
        "held, in Japan, by both air forces",
    )
    assert "attach some before you score it" in delhi.refused(*score)
    delhi.types(
        "dialogue", "attach", "--key", KEY, "--on", "2023-01-12", "--text", "Veer Guardian began at Hyakuri (Indian count)",
        "--ref", "exercise-veer-guardian-2023",
    )  # fmt: skip
    delhi.types("dialogue", "claim-done", "--key", KEY, "--done-on", "2023-01-12", "--text", "Veer Guardian was held")
    delhi.types(*score)
    courier(india, japan)
    tokyo.types("dialogue", "accept-done", "--key", KEY)
    tokyo.types("dialogue", "verify", "--key", KEY)
    tokyo.types(*score)
    courier(japan, india)
    delhi.types("case", "endorse", "--case", CASE)
    courier(india, japan)

    # Both pages say the same.
    shown = [office.types("dialogue", "commitment", "--commitment", KEY) for office in (delhi, tokyo)]
    assert shown[0] == shown[1]
    assert shown[0]["row"]["state"] == "verified"
    assert (shown[0]["days_from_first"], shown[0]["days_from_restatement"]) == (1139, 126)
    assert (shown[0]["last_scores"], shown[0]["aggregate"]) == ({"ind": 1, "jpn": 1}, 1.0)
    assert shown[0]["row"]["owners"] == {"ind": "Air Headquarters", "jpn": "Air Defense Command"}
    assert "fighter exercise" in shown[0]["paragraph_text"]
    register = folder / "commitments.csv"
    delhi.types("dialogue", "export", "--closed", "--out", register)
    marked, _, table = register.read_text(encoding="utf-8").partition("\n")
    assert marked.startswith("# ")
    rows = {row["commitment"]: row for row in csv.DictReader(io.StringIO(table))}
    assert rows[KEY]["scores"] == "ind: +1; jpn: +1"
    assert rows["ind-other"]["state"] == "dropped"
