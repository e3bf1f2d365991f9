"""Labels of other systems and ours: policy files into marking policies, labels of STANAG 4774 into labels, and back.

Nothing is guessed: a policy, classification or category that is not known refuses the label, and so does a part of ours that the other form cannot
say, for without it the data would be less protected. Bytes and files are the caller's; the meaning of labels is `kizuna.kernel.label`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kizuna.errors import RecordError, RefusedError
from kizuna.formats import spif, stanag4774, stanag4778
from kizuna.formats.spif import NO_MARKING, NO_NAME, REPLACE_POLICY, Spif
from kizuna.formats.stanag4774 import ConfidentialityLabel
from kizuna.kernel import label as labels
from kizuna.kernel.label import MAX_CLASSIFICATION, Grade, Label
from kizuna.kernel.marking_policy import (
    BUNDLED,
    Category,
    GradeNames,
    Kind,
    MarkingPolicy,
    Role,
    Tag,
    borne,
    excluded,
    word_of,
)

Policies = Mapping[str, MarkingPolicy]
_ROLES: Mapping[str, Role] = {"Releasable To": "releasable", "Only": "only"}
"""Tags that name parties, by the names that the Alliance's policy file gives them (ADatP-4774)."""
_PAGE = frozenset({"pageTop", "pageTopBottom"})
_PARTIES = "party:"
_URI = "uniformResourceIdentifier"
_OPEN: Mapping[str, Kind] = {"Releasable To": "PERMISSIVE", "Purpose": "PERMISSIVE", "Caveat": "RESTRICTIVE"}
"""The categories in which a policy without tags of its own is written."""


# --- policy files -----------------------------------------------------------------------------------------------------------------


def read_policies(files: Iterable[tuple[str, bytes]]) -> dict[str, MarkingPolicy]:
    """Return the bundled marking policies and those of policy files, given as name and content, by id.

    Raises:
        RecordError: a file is no policy, or two are of one policy; the file is named.
    """
    found = dict(BUNDLED)
    for name, data in files:
        try:
            policy = policy_of(spif.read(data))
        except RecordError as error:
            raise RecordError(f"{name}: {error}") from error
        if policy.id in found:
            raise RecordError(f"{name}: policy `{policy.id}` is given twice: give one file of each policy")
        found[policy.id] = policy
    return found


def policy_of(read: Spif) -> MarkingPolicy:
    """Return a policy file as a marking policy.

    Raises:
        RecordError: its id is no object identifier, a hierarchy is out of range, or two categories of a tag have one word.
    """
    policy_id = f"urn:oid:{read.id}"
    if not labels.WORD(policy_id):
        raise RecordError(f"policy id `{read.id[:60]}` is no object identifier: write it in digits and dots")
    levels = {found.name: found.hierarchy for found in read.classifications}
    grades = []
    for found in read.classifications:
        if found.hierarchy > MAX_CLASSIFICATION:
            raise RecordError(f"hierarchy `{found.hierarchy}` of `{found.name[:40]}` is above {MAX_CLASSIFICATION}")
        phrases, replaces = _phrases(found.markings)
        grades.append(GradeNames(found.hierarchy, found.name, others=phrases, replaces=replaces))
    return MarkingPolicy(
        id=policy_id,
        owner=read.name,
        basis=f"policy file, version {read.version}",
        grades=tuple(grades),
        tags=tuple(_tag(tag, levels) for tag in read.tags),
    )


def _tag(tag: spif.Tag, levels: Mapping[str, int]) -> Tag:
    categories = []
    for found in tag.categories:
        phrases, replaces = _phrases(found.markings)
        barred = frozenset(levels[name] for name in found.excluded if name in levels)
        categories.append(Category(word_of(found.name), found.name, phrases, replaces, barred))
    words = [category.word for category in categories]
    if len(set(words)) < len(words) or "" in words or not word_of(tag.name):
        raise RecordError(
            f"two categories of `{tag.name[:60]}` differ in signs alone, or one has no letter: name them apart"
        )
    around: dict[str, dict[str, str]] = {"prefix": {}, "suffix": {}, "separator": {}}
    for language, code, text in tag.qualifiers:
        around.get(code, {})[language] = text
    return Tag(
        name=tag.name,
        word=word_of(tag.name),
        kind=_KINDS[tag.kind],
        role=_ROLES.get(tag.name, "caveat"),
        uri=f"urn:oid:{tag.set_id}",
        categories=tuple(categories),
        **around,
    )


_KINDS: Mapping[str, Kind] = {
    spif.RESTRICTIVE: "RESTRICTIVE",
    spif.PERMISSIVE: "PERMISSIVE",
    spif.INFORMATIVE: "INFORMATIVE",
}


def _phrases(markings: Iterable[spif.Marking]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what is shown, and what stands in place of the policy's name, by language."""
    phrases: dict[str, str] = {}
    replaces: dict[str, str] = {}
    for found in markings:
        if REPLACE_POLICY in found.codes and found.phrase:
            replaces[found.language] = found.phrase
        if found.codes & {NO_NAME, NO_MARKING}:
            phrases[found.language] = ""
        elif found.phrase and REPLACE_POLICY not in found.codes and (not found.codes or found.codes & _PAGE):
            phrases[found.language] = found.phrase
    return phrases, replaces


# --- from STANAG 4774 -------------------------------------------------------------------------------------------------------------


def read_label(data: bytes, policies: Policies, originator: str = "") -> Label:
    """Return the label in a file: our own as JSON, one of STANAG 4774, or what a binding of STANAG 4778 binds, joined.

    Raises:
        RecordError: it is none of these, or says what is not known.
    """
    if not data.lstrip().startswith(b"<"):
        try:
            made = msgspec.json.decode(data, type=Label)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RecordError(f"the label is neither xml nor a label as json: {str(error)[:100]}") from error
        labels.check(made)
        return made
    try:
        found: tuple[ConfidentialityLabel, ...] = (stanag4774.read(data),)
    except RecordError as error:
        try:
            found = stanag4778.read(data).labels
        except RecordError:
            raise error from None
    return joined(found, policies, originator)


def joined(found: Iterable[ConfidentialityLabel], policies: Policies, originator: str = "") -> Label:
    """Return several labels of STANAG 4774 as one of ours, which demands what each demands.

    Raises:
        RecordError: there is none, or one says what is not known.
    """
    made = labels.aggregate(label_of(each, policies, originator) for each in found)
    if made is None:
        raise RecordError("the file binds no label")
    return made


def label_of(found: ConfidentialityLabel, policies: Policies, originator: str = "") -> Label:
    """Return a label of STANAG 4774 as ours; where it names no party as originator, `originator` is it, or else the policy's owner.

    Raises:
        RecordError: policy, classification, category or originator is not known, or the policy bars what it combines.
    """
    policy = _policy(found, policies)
    levels = {grade.en.casefold(): grade.level for grade in policy.grades}
    level = levels.get(found.classification.casefold())
    if level is None:
        raise RecordError(
            f"classification `{found.classification[:60]}` is not one of `{policy.id}`: known are {', '.join(grade.en for grade in policy.grades)}"
        )
    if found.privacy_marks:
        raise RecordError(f"privacy mark `{found.privacy_marks[0][:60]}` is not known: the label is refused")
    read = _closed_categories(found, policy) if policy.tags else _open_categories(found)
    caveats, releasable_to, purposes = read
    barred = excluded(level, borne(policy, caveats, releasable_to).tags) if policy.tags else ()
    if barred:
        raise RecordError(f"`{barred[0]}` may not stand with `{found.classification[:60]}` in `{policy.id}`")
    made = Label(
        grades=(Grade(policy.id, level, caveats),),
        originators=_originators(found, policy, originator),
        purposes=purposes,
        releasable_to=releasable_to,
        review_by=_day(found.review_at) if found.review_at else None,
    )
    labels.check(made)
    return made


def _policy(found: ConfidentialityLabel, policies: Policies) -> MarkingPolicy:
    if found.policy_uri in policies:
        return policies[found.policy_uri]
    named = [
        policy
        for policy in policies.values()
        if found.policy.casefold() in {policy.id.casefold(), policy.owner.casefold() if policy.tags else policy.id}
    ]
    if len(named) != 1 or (found.policy_uri and named[0].tags):
        raise RecordError(
            f"policy `{(found.policy_uri or found.policy)[:80]}` is not known here: give its policy file with `--policy` or the setting `policies`"
        )
    return named[0]


_Read = tuple[frozenset[str], frozenset[str], frozenset[str]]
"""Caveats, releasability, purposes."""


def _closed_categories(found: ConfidentialityLabel, policy: MarkingPolicy) -> _Read:
    caveats: set[str] = set()
    releasable: list[frozenset[str]] = []
    for category in found.categories:
        tag = next((tag for tag in policy.tags if tag.name.casefold() == category.tag.casefold()), None)
        if tag is None or tag.kind != category.kind:
            raise RecordError(
                f"category `{category.tag[:60]}`, {category.kind}, is not one of `{policy.id}`: the label is refused"
            )
        known = {each.name.casefold(): each.word for each in tag.categories}
        words = set()
        for value in category.values:
            if value.casefold() not in known:
                raise RecordError(f"`{value[:60]}` is no value of `{tag.name}` in `{policy.id}`: the label is refused")
            words.add(known[value.casefold()])
        caveats |= tag.caveats(words)
        if tag.role != "caveat":
            releasable.append(frozenset(words))
    if len(releasable) > 1:
        raise RecordError("the label names parties in two categories: say once to whom it may go")
    return frozenset(caveats), releasable[0] if releasable else frozenset(), frozenset()


def _open_categories(found: ConfidentialityLabel) -> _Read:
    parts: dict[str, frozenset[str]] = {}
    for category in found.categories:
        if _OPEN.get(category.tag) != category.kind or category.tag in parts:
            raise RecordError(
                f"category `{category.tag[:60]}`, {category.kind}, stands twice or is not known: use {', '.join(_OPEN)}"
            )
        parts[category.tag] = frozenset(category.values)
    return (
        parts.get("Caveat", frozenset()),
        parts.get("Releasable To", frozenset()),
        parts.get("Purpose", frozenset()),
    )


def _originators(found: ConfidentialityLabel, policy: MarkingPolicy, given: str) -> frozenset[str]:
    if found.originator_kind == _URI and found.originator.startswith(_PARTIES):
        return frozenset(found.originator.removeprefix(_PARTIES).split("+"))
    party = given or word_of(policy.owner)
    if not labels.PARTY(party):
        raise RecordError("the label names no party as its originator: say with `--originator` who gave it")
    return frozenset({party})


def _day(instant: str) -> str:
    day = instant[:10]
    if not labels.is_date(day):
        raise RecordError(f"review instant `{instant[:40]}` is none: write it like `2030-01-01T00:00:00Z`")
    return day


# --- to STANAG 4774 ---------------------------------------------------------------------------------------------------------------


def confidentiality_of(label: Label, policies: Policies, created_at: str = "") -> tuple[ConfidentialityLabel, ...]:
    """Return a label in the words of STANAG 4774: one for each of its policies, the first as originator's and the others as alternatives.

    Raises:
        RefusedError: a part of it has no word in one of the policies, so that what is written would protect less.
    """
    return tuple(
        _written(label, grade, policies, created_at, stanag4774.FORMS[min(place, 1)])
        for place, grade in enumerate(label.grades)
    )


def _written(label: Label, grade: Grade, policies: Policies, created_at: str, form: str) -> ConfidentialityLabel:
    policy = policies.get(grade.policy)
    name = policy.name(grade.classification, "en") if policy is not None else ""
    if policy is None or not name:
        raise RefusedError(f"grade `{grade.policy}:{grade.classification}` has no name here: give its policy file")
    categories = _closed(label, grade, policy) if policy.tags else _open(label, grade)
    return ConfidentialityLabel(
        policy=policy.owner if policy.tags else policy.id,
        policy_uri=policy.id if policy.tags else "",
        classification=name,
        categories=tuple(categories),
        originator=_PARTIES + "+".join(sorted(label.originators)),
        originator_kind=_URI,
        created_at=created_at,
        review_at=f"{label.review_by}T00:00:00Z" if label.review_by else "",
        form=form,
    )


def _closed(label: Label, grade: Grade, policy: MarkingPolicy) -> Iterable[stanag4774.Category]:
    found = borne(policy, grade.caveats, label.releasable_to)
    lost = [*found.unknown, *sorted(label.purposes)]
    if not label.releasable_to and any(tag.role == "only" and tag.word in grade.caveats for tag in policy.tags):
        lost.append("only, for nobody")
    lost += [
        tag.name
        for tag in policy.tags
        if tag.kind == "PERMISSIVE"
        and tag.role == "caveat"
        and any(caveat.startswith(f"{tag.word}:") for caveat in grade.caveats)
        and not tag.borne(grade.caveats)
    ]
    if lost:
        raise RefusedError(
            f"`{lost[0]}` of the label has no word in `{policy.id}`, so the written label would protect less: take it out by a relabel, or write json"
        )
    return (
        stanag4774.Category(tag.name, tag.kind, tuple(category.name for category in categories), tag.uri)
        for tag, categories in found.tags
    )


def _open(label: Label, grade: Grade) -> Iterable[stanag4774.Category]:
    parts = {"Releasable To": label.releasable_to, "Purpose": label.purposes, "Caveat": grade.caveats}
    return (stanag4774.Category(tag, _OPEN[tag], tuple(sorted(values))) for tag, values in parts.items() if values)
