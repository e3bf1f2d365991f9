"""From mentions to events: mentions of one event become one proposal, and one that is known already is joined, not told again.

Known events are passed in: whoever calls says where they come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from kizuna.domains.claim.reading import Article, Mention
from kizuna.errors import RecordError
from kizuna.kernel.instrument import limited_date
from kizuna.kernel.operation import Happening

_REPORTED_WITHIN_DAYS = 7
_PAIR = re.compile(r"^[a-z]{3}-[a-z]{3}-")
"""The two parties with which the name of a mechanism may begin: what articles name is the mechanism."""
_ENOUGH_PEOPLE = 2


class KnownEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An event that is known: `kind` is its mechanism or series, `names` what it is called; dates keep their precision, `YYYY[-MM[-DD]]`."""

    id: str
    kind: str
    names: tuple[str, ...] = ()
    date: str = ""
    end: str = ""
    ordinal: int | None = None
    place: str = ""
    people: tuple[str, ...] = ()


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """An event that an article reports, for a person to confirm.

    `outcome` is `join` (it is `event`, which is known), `new` (`event` is the id that it would get), `ambiguous` (one of `candidates`, or none: the
    article does not say enough) or `mention` (the mechanism is named, no event of it). `differs` says where the article and what is known part.
    """

    outcome: str
    event: str
    kind: str
    ordinal: int | None
    date: str
    place: str
    candidates: tuple[str, ...]
    differs: tuple[str, ...]
    lines: tuple[int, ...]
    sentence: str


def propose(
    article: Article, known: Sequence[KnownEvent], called: Mapping[str, Sequence[str]] | None = None
) -> tuple[Proposal, ...]:
    """Return the events of an article, each once; `called` gives, for a person's name, the other ways in which it is written."""
    text = " ".join(paragraph.text for paragraph in article.paragraphs).casefold()
    made: dict[str, Proposal] = {}
    for group in _groups(article.mentions):
        found = _proposal(group, article, known, text, called or {})
        key = found.event or f"{found.kind} {found.outcome} {found.ordinal} {found.date}"
        made[key] = _joined(made[key], found) if key in made else found
    return tuple(made.values())


def _joined(one: Proposal, other: Proposal) -> Proposal:
    return msgspec.structs.replace(
        one, lines=tuple(sorted({*one.lines, *other.lines})), date=max(one.date, other.date, key=len),
        ordinal=one.ordinal or other.ordinal, place=one.place or other.place,
        differs=tuple(dict.fromkeys((*one.differs, *other.differs))),
    )  # fmt: skip


# --- one event, many mentions -------------------------------------------------------------------------------------------------------


def _groups(mentions: Iterable[Mention]) -> list[list[Mention]]:
    """Return mentions that can be of one event together; one that says neither which nor when goes with the only one of its kind."""
    groups: list[list[Mention]] = []
    loose: list[Mention] = []
    for mention in mentions:
        if mention.ordinal is None and not mention.date:
            loose.append(mention)
            continue
        home = next((group for group in groups if group[0].kind == mention.kind and _one_event(group, mention)), None)
        if home is None:
            groups.append([mention])
        else:
            home.append(mention)
    for mention in loose:
        homes = [group for group in groups if group[0].kind == mention.kind]
        if len(homes) == 1:
            homes[0].append(mention)
        elif not homes:
            groups.append([mention])
    return groups


def _one_event(group: Sequence[Mention], mention: Mention) -> bool:
    ordinals = {each.ordinal for each in group if each.ordinal is not None}
    if mention.ordinal is not None and ordinals:
        return mention.ordinal in ordinals
    return all(_overlap(each.date, "", mention.date, "") for each in group if each.date and mention.date)


def _span(first: str, last: str) -> tuple[str, str] | None:
    try:
        start, end = limited_date(first or "unknown").bounds(), limited_date(last or first or "unknown").bounds()
    except RecordError:
        return None
    return (start[0], end[1]) if start and end else None


def _overlap(one: str, one_end: str, other: str, other_end: str) -> bool:
    """Return whether two dates can be of one event; an unknown one can be any."""
    left, right = _span(one, one_end), _span(other, other_end)
    return left is None or right is None or (left[0] <= right[1] and right[0] <= left[1])


def with_happenings(known: Sequence[KnownEvent], told: Iterable[Happening]) -> tuple[KnownEvent, ...]:
    """Return what is known with what other domains tell of meetings and exercises; one that claims tell of already is not counted twice."""
    found = [*known]
    for each in told:
        kind = _PAIR.sub("", each.group)
        same = [event for event in known if event.kind == kind and event.date]
        if kind and not any(_overlap(event.date, event.end, each.first_on, each.last_on) for event in same):
            end = each.last_on if each.last_on != each.first_on else ""
            found.append(KnownEvent(id=each.ref, kind=kind, date=each.first_on, end=end, place=each.place))
    return tuple(found)


# --- what is known already ----------------------------------------------------------------------------------------------------------


def _proposal(
    group: Sequence[Mention], article: Article, known: Sequence[KnownEvent], text: str, called: Mapping[str, Sequence[str]]
) -> Proposal:  # fmt: skip
    ordinal = next((each.ordinal for each in group if each.ordinal is not None), None)
    said = max((each.date for each in group), key=len)
    place = next((each.place for each in group if each.place), "")
    kind = group[0].kind
    found = _candidates(kind, ordinal, said, known)
    chosen = _chosen(found, ordinal, said, place, article.published_on, text, called)
    candidates: tuple[str, ...]
    if chosen is not None:
        outcome, event, candidates = "join", chosen.id, ()
    elif ordinal is None and not said:
        outcome, event, candidates = "mention", "", ()
    elif found:
        outcome, event, candidates = "ambiguous", "", tuple(each.id for each in found)
    else:
        outcome, event, candidates = "new", f"event-{kind}-{said or ordinal}", ()
    return Proposal(
        outcome=outcome, event=event, kind=kind, ordinal=ordinal, date=said, place=place, candidates=candidates,
        differs=_differs(chosen, ordinal, said) if chosen is not None else (),
        lines=tuple(sorted({each.line for each in group})), sentence=group[0].sentence,
    )  # fmt: skip


def _candidates(kind: str, ordinal: int | None, said: str, known: Sequence[KnownEvent]) -> list[KnownEvent]:
    same = [event for event in known if event.kind == kind]
    numbered = [event for event in same if ordinal is not None and event.ordinal == ordinal]
    if numbered:
        return numbered  # the number goes before the date: a date may be misprinted
    return [
        event
        for event in same
        if (ordinal is None or event.ordinal is None) and _overlap(said, "", event.date, event.end)
    ]  # fmt: skip


def _chosen(
    found: Sequence[KnownEvent], ordinal: int | None, said: str, place: str, published: str, text: str,
    called: Mapping[str, Sequence[str]],
) -> KnownEvent | None:  # fmt: skip
    if len(found) == 1 and (said or ordinal is not None):
        return found[0]
    people = {event.id: sum(_named(person, text, called) for person in event.people) for event in found}
    most = max(people.values(), default=0)
    best = [event for event in found if people[event.id] == most]
    if most >= _ENOUGH_PEOPLE and len(best) == 1:
        return best[0]
    fresh = [event for event in best if _days_before(event.date, published) is not None]
    if len(fresh) == 1:
        return fresh[0]
    here = [event for event in best if place and place in event.place]
    return here[0] if len(here) == 1 and (said or ordinal is not None) else None


def _named(person: str, text: str, called: Mapping[str, Sequence[str]]) -> bool:
    words = person.casefold().split()
    spelled = [person.casefold(), " ".join(reversed(words)), *(name.casefold() for name in called.get(person, ()))]
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in spelled)


def _days_before(day: str, published: str) -> int | None:
    """Return how many days before its publication an event lay, where that is few enough for a report of the day."""
    try:
        days = date.fromisoformat(published).toordinal() - date.fromisoformat(day).toordinal()
    except ValueError:
        return None
    return days if 0 <= days <= _REPORTED_WITHIN_DAYS else None


def _differs(event: KnownEvent, ordinal: int | None, said: str) -> tuple[str, ...]:
    found = []
    if said and event.date and not _overlap(said, "", event.date, event.end):
        found.append(f"the article says `{said}`, known is `{event.date}`: assert it, and both stand side by side")
    if ordinal is not None and event.ordinal is not None and ordinal != event.ordinal:
        found.append(f"the article numbers it {ordinal}, known is {event.ordinal}")
    return tuple(found)
