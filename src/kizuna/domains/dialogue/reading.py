"""Reads a joint text for promises, by rules: verbs that bind (agree, decide, will, commit) against verbs that do not (welcome, share, note).

It proposes, a person confirms. Of every sentence it says by which verb it judged; what matches no verb is left alone. English, Japanese and Hindi.
"""

from __future__ import annotations

# ruff: noqa: RUF001 # joint texts take the punctuation of their languages
import re
from collections.abc import Iterator, Sequence

import msgspec

from kizuna.domains.dialogue.steps import Strength


class Reading(msgspec.Struct, frozen=True):
    """What a sentence was read as: `commitment` with its strength, or `position`; `verb` is the word that decided."""

    paragraph: int
    sentence: str
    kind: str
    verb: str
    strength: Strength | None
    actors: tuple[str, ...]
    due_phrase: str


class _Rules(msgspec.Struct, frozen=True):
    """One language: where sentences end, what binds and how strongly, what does not, who is named, and words for a time."""

    ends: re.Pattern[str]
    binds: re.Pattern[str]
    strengths: tuple[tuple[str, Strength], ...]
    views: re.Pattern[str]
    joins: re.Pattern[str]
    """What may stand between a view and a promise that is one of its own."""
    due: re.Pattern[str]
    both: re.Pattern[str]
    doer: re.Pattern[str] | None = None
    """Who must be named before a bare `will`; None where the verb's form says it."""


def _any(*words: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile("|".join(words), flags)


_ENGLISH = _Rules(
    ends=re.compile(r"(?<=[.;?!])[\"'”’)]*\s+(?=[\"'“‘(]*[A-Z0-9])"),
    binds=_any(
        r"(?<!not )\b(?:agree[sd]?|decide[sd]?|resolve[sd]?)\b(?= (?:to|that|on|upon|in principle)\b)",
        r"(?<!are )(?<!is )(?<!be )(?<!remain )(?<!remained )(?<!were )\b(?:commit(?:s|ted)?|pledge[sd]?|undertake[s]?|undertook) to\b",
        r"\bexpress(?:es|ed)? (?:their|its|the) (?:firm |shared )?commitment (?:to|in) \w+ing\b",
        r"(?<!which )(?<!that )\b(?:will|shall)\b",
        r"\bintend(?:s|ed)? to\b",
    ),
    strengths=(
        ("express", "intends"), ("agree", "agrees"), ("decide", "decides"), ("resolve", "decides"), ("intend", "intends"),
        ("will", "will"), ("shall", "will"), ("", "commits"),
    ),
    views=_any(
        r"\b(?:welcom(?:es?|ed)|shar(?:es?|ed)|reaffirm(?:s|ed)?|reiterat(?:es?|ed)|not(?:es?|ed)|appreciat(?:es?|ed)|acknowledg(?:es?|ed))\b",
        r"\b(?:recogni[sz](?:es?|ed)|commend(?:s|ed)?|emphasi[sz](?:es?|ed)|stress(?:es|ed)|underlin(?:es?|ed)|underscor(?:es?|ed))\b",
        r"\b(?:highlight(?:s|ed)?|discuss(?:es|ed)|review(?:s|ed)|exchang(?:es?|ed) views|recall(?:s|ed)|condemn(?:s|ed)|attach(?:es)? importance)\b",
        r"\b(?:are|is|remain|remained|were) committed to\b",
    ),
    joins=re.compile(r"(?:\band|;|,)(?: \w+){0,3} $"),
    due=_any(
        r"\bat (?:an|the) earl(?:y|iest) (?:date|opportunity|time)\b", r"\b(?:at|on) (?:a )?mutually \w+ (?:dates?|times?)\b",
        r"\bearly conduct\b", r"\bas soon as possible\b", r"\b(?:by|before|within|in) (?:the end of )?(?:20\d\d|this year|next year|the year)\b",
        r"\b(?:this|next) year\b", r"\bat an early date\b", r"\bearly\b",
    ),
    both=_any(r"\bboth\b", r"\bthe two\b", r"\bministers\b", r"\bthey\b", r"\bsides\b", r"\bindia and japan\b", r"\bjapan and india\b"),
    doer=_any(
        r"\b(?:sides|ministers|countries|parties|leaders|governments|forces|navies|armies|coast guards|they|both|india|japan)\b"
    ),
)  # fmt: skip
_JAPANESE = _Rules(
    ends=re.compile(r"(?<=。)"),
    binds=_any(
        r"(?:こと|旨)(?:で|に)(?:一致|合意)",
        r"(?:一致|合意)(?:し|した|を見た)",
        r"決定し",
        r"こととした",
        r"こととする",
        r"約束し",
    ),
    strengths=(
        ("決定", "decides"),
        ("こととし", "decides"),
        ("こととする", "decides"),
        ("約束", "commits"),
        ("", "agrees"),
    ),
    views=_any(r"歓迎", r"共有", r"再確認", r"改めて確認", r"評価し", r"留意", r"意見交換", r"強調し", r"言及し"),
    joins=re.compile(r"[、，][^、，。]{0,40}$"),
    due=_any(r"早期に", r"早期の", r"年内", r"来年", r"本年中", r"できる限り早", r"双方の都合"),
    both=_any(r"双方", r"両国", r"両大臣", r"両首脳", r"四大臣", r"日印", r"両者"),
)
_HINDI = _Rules(
    ends=re.compile(r"(?<=[।?!])\s*"),
    binds=_any(
        r"सहमत (?:हुए|हुईं|हैं)", r"सहमति (?:जताई|व्यक्त की|बनी)", r"(?:निर्णय|फैसला|फ़ैसला) (?:लिया|किया)", r"\S+(?:ेंगे|ेगा|ेगी)(?=[ ।]|$)",
        r"वचन दिया",
    ),
    strengths=(("सहम", "agrees"), ("निर्णय", "decides"), ("फ", "decides"), ("वचन", "commits"), ("", "will")),
    views=_any(r"स्वागत किया", r"साझा (?:किए|किया|करते)", r"दोहरा(?:या|ई|यी|ते)", r"सराहना", r"पर बल दिया", r"उल्लेख किया", r"चर्चा की", r"समीक्षा की"),
    joins=re.compile(r"(?:और|तथा|,)[^।]{0,60}$"),
    due=_any(r"शीघ्र", r"जल्द", r"इस वर्ष", r"अगले वर्ष", r"पारस्परिक रूप से सुविधाजनक"),
    both=_any(r"दोनों", r"भारत और जापान", r"जापान और भारत", r"मंत्रियों"),
)  # fmt: skip
_LANGUAGES = {"en": _ENGLISH, "ja": _JAPANESE, "hi": _HINDI}
LANGUAGES = tuple(_LANGUAGES)
_NAMES = {
    "ind": re.compile(r"\bIndia\b|インド|印|भारत"),
    "jpn": re.compile(r"\bJapan\b|日本|日印|जापान"),
}
"""How the parties that this node ships facts of are named in texts; others must be named by the person who confirms."""


def read(paragraphs: Sequence[str], language: str) -> tuple[Reading, ...]:
    """Return what the sentences of a text were read as, in order; none for a language that is not one of `LANGUAGES`."""
    rules = _LANGUAGES.get(language)
    if rules is None:
        return ()
    return tuple(
        found
        for no, paragraph in enumerate(paragraphs, 1)
        for sentence in _sentences(rules, paragraph)
        if (found := _sentence(rules, no, sentence)) is not None
    )


def _sentences(rules: _Rules, paragraph: str) -> Iterator[str]:
    for part in rules.ends.split(" ".join(paragraph.split())):
        if part.strip():
            yield part.strip()


def _sentence(rules: _Rules, no: int, sentence: str) -> Reading | None:
    view = rules.views.search(sentence)
    bound = next((found for found in rules.binds.finditer(sentence) if _binds(rules, sentence, found, view)), None)
    verdict = bound or view
    if verdict is None:
        return None
    due = rules.due.search(sentence)
    return Reading(
        paragraph=no,
        sentence=sentence,
        kind="commitment" if bound is not None else "position",
        verb=verdict[0].strip(),
        strength=None if bound is None else next(s for word, s in rules.strengths if bound[0].lower().startswith(word) or word in bound[0]),
        actors=_actors(rules, sentence),
        due_phrase=due[0] if bound is not None and due is not None else "",
    )  # fmt: skip


def _binds(rules: _Rules, sentence: str, found: re.Match[str], view: re.Match[str] | None) -> bool:
    """Return whether a binding verb is the sentence's own, and not part of what is welcomed, shared or noted."""
    before = sentence[: found.start()]
    bare = found[0].lower() in ("will", "shall")
    if bare and rules.doer is not None and rules.doer.search(before) is None:
        return False
    if view is None or found.start() < view.start():
        return True
    joined = rules.joins.search(before)
    return joined is not None and (not bare or joined[0].strip() in ("and", ";", ","))


def _actors(rules: _Rules, sentence: str) -> tuple[str, ...]:
    if rules.both.search(sentence):
        return tuple(_NAMES)
    return tuple(party for party, name in _NAMES.items() if name.search(sentence))
