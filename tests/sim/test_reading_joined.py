"""An article is held against what every desk knows: a meeting or exercise in its register is joined, not told again."""

from __future__ import annotations

from typing import Any

from kizuna.domains.claim.operations import ReadAsked
from kizuna.domains.dialogue.ops_statements import LoadAsked
from kizuna.domains.exercises.operations import LoadAsked as LoadExercises
from kizuna.node import effects as fx
from kizuna.node.domains import DOMAINS
from kizuna.sim.federation import Federation, SimNode

ARTICLE = """New Delhi, 6 April 2023

India and Japan held the 7th Defence Policy Dialogue in New Delhi on Wednesday. Both sides spoke of ships and of aircraft.

The two air forces flew together for the first time as exercise Veer Guardian 2023 in January 2023.
"""


def proposals(node: SimNode) -> dict[str, str]:
    done: Any = node.do(
        fx.Operate("claim", "read-article", ReadAsked(text=ARTICLE, published_on="2023-04-06"), "officer:1:desk")
    )
    return {each["kind"]: f"{each['outcome']} {each['event']}" for each in done.told["proposals"]}


def test_a_meeting_and_an_exercise_that_a_desk_knows_are_joined() -> None:
    node = Federation(1).add("ind/delhi", DOMAINS)
    before = proposals(node)
    assert before["defence-policy-dialogue"].startswith("new ")
    node.do(fx.Operate("dialogue", "load-bundled", LoadAsked(), "officer:1:desk"))
    node.do(fx.Operate("exercises", "load-bundled", LoadExercises(), "officer:1:exercise"))
    after = proposals(node)
    assert after["defence-policy-dialogue"] == "join ind-jpn-defence-policy-dialogue-2023-04-05"
    joined = [said for kind, said in after.items() if "veer-guardian" in kind]
    assert all(said.startswith("join veer-guardian-2023") for said in joined)
