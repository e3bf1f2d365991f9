"""The marking text of a record: a pure function of its label, the marking policies and the language.

A policy gives each classification number its names; it is data. The bundled ones are examples, made from public descriptions of the two
systems, and no official marking rule. What a policy does not know is marked as unknown, never as something lower.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kizuna.kernel.label import Grade, Label


class GradeNames(msgspec.Struct, frozen=True):
    """What one classification is called in English, Japanese and Hindi."""

    level: int
    en: str
    ja: str
    hi: str


class MarkingPolicy(msgspec.Struct, frozen=True):
    """A marking scheme: the names of its grades, and what stands between the parts of a marking."""

    id: str
    owner: str
    """The party whose scheme it is, as it stands in a marking."""
    grades: tuple[GradeNames, ...]
    basis: str
    separator: str = "//"

    def name(self, level: int, language: str) -> str:
        """Return the grade's name, or an empty string where the policy has no such grade."""
        return next((str(getattr(grade, language)) for grade in self.grades if grade.level == level), "")


# A grade of one state is written out in another's script, never by that state's own word: that would claim an equivalence.
IND_EXAMPLE = MarkingPolicy(
    id="ind.example.v1",
    owner="IND",
    basis="example",
    grades=(
        GradeNames(0, "UNCLASSIFIED", "アンクラシファイド", "अवर्गीकृत"),
        GradeNames(1, "RESTRICTED", "レストリクテッド", "प्रतिबंधित"),
        GradeNames(2, "CONFIDENTIAL", "コンフィデンシャル", "गोपनीय"),
        GradeNames(3, "SECRET", "シークレット", "गुप्त"),
        GradeNames(4, "TOP SECRET", "トップシークレット", "परम गुप्त"),
    ),
)
JPN_EXAMPLE = MarkingPolicy(
    id="jpn.example.v1",
    owner="JPN",
    basis="example",
    grades=(
        GradeNames(0, "UNCLASSIFIED (KOKAI)", "公開", "अवर्गीकृत (कोकाई)"),
        GradeNames(1, "CHUI", "注意", "चुई"),
        GradeNames(2, "HI", "秘", "हि"),
        GradeNames(3, "GOKUHI", "極秘", "गोकुहि"),
        GradeNames(4, "TOKUTEI HIMITSU", "特定秘密", "तोकुतेई हिमित्सु"),
    ),
)
BUNDLED: Mapping[str, MarkingPolicy] = {policy.id: policy for policy in (IND_EXAMPLE, JPN_EXAMPLE)}

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
    """Return the marking text in `en`, `ja` or `hi` (else English).

    Each component of the label is written in its own policy; an unknown policy, grade or a missing label is written as unknown and to be
    handled at the highest grade.
    """
    tongue = language if language in _EXERCISE else "en"
    parts = [_EXERCISE[tongue]] if exercise else []
    if label is None or not label.grades:
        return "//".join([*parts, _UNMARKED[tongue]])
    known = [policies[grade.policy] for grade in label.grades if grade.policy in policies]
    separator = known[0].separator if known else "//"
    parts += [_grade(grade, policies.get(grade.policy), tongue) for grade in label.grades]
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


def _grade(grade: Grade, policy: MarkingPolicy | None, tongue: str) -> str:
    name = policy.name(grade.classification, tongue) if policy is not None else ""
    if policy is None or not name:
        return _UNKNOWN[tongue].format(grade=f"{grade.policy}:{grade.classification}")
    return " ".join([policy.owner, name, *(caveat.upper() for caveat in sorted(grade.caveats))])
