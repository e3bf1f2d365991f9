"""The marking text of a record: a pure function of its label, the marking policies and the language.

What the policies are is data (`kizuna.kernel.marking_policy`); the bundled ones of the two states are examples, made from public descriptions, and
no official marking rule. What a policy does not know is marked as unknown, never as something lower.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kizuna.kernel.label import Grade, Label
from kizuna.kernel.marking_policy import BUNDLED, Category, MarkingPolicy, Tag, borne, text_in

__all__ = ["BUNDLED", "marking"]

_EXERCISE = {"en": "EXERCISE", "ja": "演習", "hi": "अभ्यास"}
_UNMARKED = {
    "en": "UNMARKED - HANDLE AT THE HIGHEST GRADE",
    "ja": "表示なし・最高区分として取り扱うこと",
    "hi": "अचिह्नित - उच्चतम श्रेणी मानें",
}
_UNKNOWN = {
    "en": "UNKNOWN GRADE {grade} - HANDLE AT THE HIGHEST GRADE",
    "ja": "不明な区分{grade}・最高区分として取り扱うこと",
    "hi": "अज्ञात श्रेणी {grade} - उच्चतम श्रेणी मानें",
}
_UNKNOWN_WORD = {
    "en": "UNKNOWN MARK {word} - HANDLE AT THE HIGHEST GRADE",
    "ja": "不明な表示{word}・最高区分として取り扱うこと",
    "hi": "अज्ञात अंकन {word} - उच्चतम श्रेणी मानें",
}
_RELEASABLE = {"en": "REL TO {parties}", "ja": "提供先 {parties}", "hi": "केवल {parties} हेतु"}
_NOBODY = {"en": "NOT RELEASABLE", "ja": "提供不可", "hi": "देने योग्य नहीं"}
_ORIGIN = {"en": "ORIGIN {parties}", "ja": "発信 {parties}", "hi": "मूल {parties}"}
_REVIEW = {"en": "REVIEW {day}", "ja": "見直し {day}", "hi": "समीक्षा {day}"}
_EXAMPLE = {"en": "EXAMPLE MARKING", "ja": "表示例", "hi": "उदाहरण अंकन"}


def marking(
    label: Label | None,
    policies: Mapping[str, MarkingPolicy] = BUNDLED,
    language: str = "en",
    *,
    exercise: bool = False,
) -> str:
    """Return the marking text in `en`, `ja` or `hi` (else English), the words of a policy in any language that it has.

    Each component of the label is written in its own policy; an unknown policy, grade or category or a missing label is written as unknown and
    to be handled at the highest grade. A label of one policy that has phrases of its own is marked by these alone.
    """
    tongue = language if language in _EXERCISE else "en"
    parts = [_EXERCISE[tongue]] if exercise else []
    if label is None or not label.grades:
        return "//".join([*parts, _UNMARKED[tongue]])
    if len(label.grades) == 1 and (sole := policies.get(label.grades[0].policy)) is not None and sole.tags:
        return "//".join([*parts, _phrased(label.grades[0], label.releasable_to, sole, language, tongue)])
    known = [policies[grade.policy] for grade in label.grades if grade.policy in policies]
    separator = known[0].separator if known else "//"
    parts += [_grade(grade, policies.get(grade.policy), language, tongue) for grade in label.grades]
    parts.append(
        _RELEASABLE[tongue].format(parties=_parties(label.releasable_to)) if label.releasable_to else _NOBODY[tongue]
    )
    if label.originators:
        parts.append(_ORIGIN[tongue].format(parties=_parties(label.originators)))
    if label.review_by is not None:
        parts.append(_REVIEW[tongue].format(day=label.review_by))
    if any(policy.basis == "example" for policy in known):
        parts.append(_EXAMPLE[tongue])
    return separator.join(parts)


def _parties(parties: Iterable[str]) -> str:
    return ", ".join(sorted(party.upper() for party in parties))


def _grade(grade: Grade, policy: MarkingPolicy | None, language: str, tongue: str) -> str:
    name = policy.name(grade.classification, tongue) if policy is not None else ""
    if policy is None or not name:
        return _UNKNOWN[tongue].format(grade=f"{grade.policy}:{grade.classification}")
    if policy.tags:  # the releasability of a label of several policies is written once, for all of them
        return _phrased(grade, frozenset(), policy, language, tongue)
    return " ".join(filter(None, [policy.owner, name, *(caveat.upper() for caveat in sorted(grade.caveats))]))


def _phrased(grade: Grade, releasable_to: frozenset[str], policy: MarkingPolicy, language: str, tongue: str) -> str:
    """Return the marking of one grade by the phrases of its policy."""
    names = policy.grade(grade.classification)
    if names is None:
        return _UNKNOWN[tongue].format(grade=f"{grade.policy}:{grade.classification}")
    found = borne(policy, grade.caveats, releasable_to)
    instead = [names.replaces, *(category.replaces for _, categories in found.tags for category in categories)]
    owner = next((text for texts in instead if (text := text_in(texts, language))), policy.owner)
    parts = [owner, names.name(language), *(_tag(tag, categories, language) for tag, categories in found.tags)]
    unknown = [_UNKNOWN_WORD[tongue].format(word=word) for word in found.unknown]
    return policy.separator.join([" ".join(filter(None, parts)), *unknown])


def _tag(tag: Tag, categories: Iterable[Category], language: str) -> str:
    shown = [text for each in categories if (text := text_in(each.phrases, language, each.name))]
    text = text_in(tag.separator, language, ", ").join(shown)
    return f"{text_in(tag.prefix, language)}{text}{text_in(tag.suffix, language)}" if shown else ""
