"""Marking policies as data: the names of a scheme's grades, the categories that its labels may bear, and the words in which both are marked.

A label says categories in one word each. A restrictive or informative category is a caveat of its own, `administrative:staff`. The categories of a
permissive tag are one caveat together, `context:nato.releasable`, for any of them is enough: so the union in which caveats are joined still means
that each label's demand is met. A tag that names parties is the label's `releasable_to`; one that names the only parties adds its own word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

Kind = Literal["RESTRICTIVE", "PERMISSIVE", "INFORMATIVE"]
Role = Literal["caveat", "releasable", "only"]
Texts = Mapping[str, str]
"""Text by language; under the empty language what holds for any other."""
_GAP = re.compile(r"[^a-z0-9]+")


def word_of(name: str) -> str:
    """Return a policy's own name as a label's word."""
    return _GAP.sub("-", name.lower()).strip("-")


def text_in(texts: Texts, language: str, usual: str = "") -> str:
    """Return the text in a language, or that for any, or the usual one."""
    return texts.get(language, texts.get("", usual))


class GradeNames(msgspec.Struct, frozen=True):
    """What one classification is called in English, Japanese, Hindi and others; `replaces` stands in place of the owner's name."""

    level: int
    en: str
    ja: str = ""
    hi: str = ""
    others: Texts = {}
    replaces: Texts = {}

    def name(self, language: str) -> str:
        """Return the name in a language, in English where it has none."""
        own = {"en": self.en, "ja": self.ja, "hi": self.hi, **self.others}
        return own.get(language) or self.en


class Category(msgspec.Struct, frozen=True):
    """A value of a tag: its word in a label, its name in the policy, how it is marked, and the levels with which it may not stand."""

    word: str
    name: str
    phrases: Texts = {}
    replaces: Texts = {}
    excluded: frozenset[int] = frozenset()


class Tag(msgspec.Struct, frozen=True, kw_only=True):
    """A tag with its categories, and what stands around them in a marking."""

    name: str
    word: str
    kind: Kind
    role: Role = "caveat"
    uri: str = ""
    categories: tuple[Category, ...] = ()
    prefix: Texts = {}
    suffix: Texts = {}
    separator: Texts = {}

    def caveats(self, names: Iterable[str]) -> frozenset[str]:
        """Return the caveats by which a label says that it bears these categories, by word."""
        words = sorted(names)
        if not words or self.role == "releasable":
            return frozenset()
        if self.role == "only":
            return frozenset({self.word})
        if self.kind == "PERMISSIVE":
            return frozenset({f"{self.word}:{'.'.join(words)}"})
        return frozenset(f"{self.word}:{word}" for word in words)

    def borne(self, caveats: Iterable[str]) -> frozenset[str]:
        """Return the words of the categories that caveats name; of several demands on a permissive tag, what meets them all."""
        found = [caveat.removeprefix(f"{self.word}:") for caveat in caveats if caveat.startswith(f"{self.word}:")]
        if self.kind != "PERMISSIVE" or not found:
            return frozenset(found)
        return frozenset.intersection(*(frozenset(text.split(".")) for text in found))


class MarkingPolicy(msgspec.Struct, frozen=True):
    """A marking scheme: the names of its grades, and what stands between the parts of a marking.

    One that lists `tags` marks by its own phrases and knows no other caveats; one that lists none takes any word.
    """

    id: str
    owner: str
    """The party whose scheme it is, as it stands in a marking."""
    grades: tuple[GradeNames, ...]
    basis: str
    separator: str = "//"
    tags: tuple[Tag, ...] = ()

    def grade(self, level: int) -> GradeNames | None:
        """Return the grade of that level, or None where the policy has none."""
        return next((grade for grade in self.grades if grade.level == level), None)

    def name(self, level: int, language: str) -> str:
        """Return the grade's name, or an empty string where the policy has no such grade."""
        found = self.grade(level)
        return "" if found is None else found.name(language)


class Borne(msgspec.Struct, frozen=True):
    """What a label bears under a policy: tags with their categories in the policy's order, and the words that the policy does not know."""

    tags: tuple[tuple[Tag, tuple[Category, ...]], ...]
    unknown: tuple[str, ...]


def borne(policy: MarkingPolicy, caveats: frozenset[str], releasable_to: frozenset[str]) -> Borne:
    """Return the categories that a label bears under a policy with tags."""
    only = any(tag.word in caveats for tag in policy.tags if tag.role == "only")
    tags: list[tuple[Tag, tuple[Category, ...]]] = []
    rest, unknown = set(caveats), set[str]()
    for tag in policy.tags:
        if tag.role == "caveat":
            words = tag.borne(caveats)
            rest -= {caveat for caveat in caveats if caveat.startswith(f"{tag.word}:")}
        else:
            words = releasable_to if only is (tag.role == "only") else frozenset()
            rest.discard(tag.word)
        found = tuple(category for category in tag.categories if category.word in words)
        unknown |= words - {category.word for category in found}
        if found:
            tags.append((tag, found))
    if releasable_to and all(tag.role == "caveat" for tag in policy.tags):
        unknown |= releasable_to
    return Borne(tuple(tags), tuple(sorted(rest | unknown)))


def excluded(level: int, tags: Sequence[tuple[Tag, tuple[Category, ...]]]) -> tuple[str, ...]:
    """Return the names of the categories that may not stand with a level."""
    return tuple(category.name for _, found in tags for category in found if level in category.excluded)


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
# FIRST, Traffic Light Protocol 2.0 (2022): the words are English and capitals in every language.
TLP_V2 = MarkingPolicy(
    id="tlp.v2",
    owner="",
    basis="FIRST TLP 2.0",
    grades=(
        GradeNames(0, "TLP:CLEAR"),
        GradeNames(1, "TLP:GREEN"),
        GradeNames(2, "TLP:AMBER"),
        GradeNames(3, "TLP:AMBER+STRICT"),
        GradeNames(4, "TLP:RED"),
    ),
)
BUNDLED: Mapping[str, MarkingPolicy] = {policy.id: policy for policy in (IND_EXAMPLE, JPN_EXAMPLE, TLP_V2)}
