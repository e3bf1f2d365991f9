"""Events as claims: a meeting or an exercise is a subject with claims on its kind, date, ordinal, place and who took part."""

from __future__ import annotations

from collections.abc import Iterator

from kizuna.domains.claim.matching import KnownEvent
from kizuna.domains.claim.rules import ALSO_CALLED, NAME, TOOK_PART
from kizuna.kernel.claim import Status
from kizuna.kernel.journal import Db

KIND, DATE, END, ORDINAL, PLACE, STATE = "kind of event", "date", "end", "ordinal", "place", "state"
MOST = 10_000
"""Events that an article is compared with at most."""
_PASSED_OVER = (Status.WITHDRAWN.value, Status.NOT_CHOSEN.value)


def event_facts(event: KnownEvent, state: str = "") -> Iterator[tuple[str, str]]:
    """Return what is claimed of an event, as predicate and value; what is not known is not claimed."""
    said = {
        KIND: event.kind, STATE: state, DATE: event.date, END: event.end,
        ORDINAL: str(event.ordinal) if event.ordinal is not None else "", PLACE: event.place,
    }  # fmt: skip
    yield from ((predicate, value) for predicate, value in said.items() if value)
    yield from ((TOOK_PART, person) for person in event.people)


def known_events(db: Db, kind: str = "", limit: int = MOST, offset: int = 0) -> tuple[KnownEvent, ...]:
    """Return the events that claims tell of, by id, of one kind where it is named; of several values of one fact a chosen one goes before others."""
    told: dict[str, dict[str, list[str]]] = {}
    of_kind = " AND value = ?" if kind else ""
    rows = db.execute(
        "SELECT c.subject, c.predicate, c.value FROM claim_claim c JOIN (SELECT DISTINCT subject FROM claim_claim"
        f" WHERE predicate = ?{of_kind} AND subject <> '' AND status NOT IN (?, ?) ORDER BY subject LIMIT ? OFFSET ?) AS k"
        " ON k.subject = c.subject WHERE c.status NOT IN (?, ?)"
        " ORDER BY c.subject, c.predicate, CASE WHEN c.status = ? THEN 0 ELSE 1 END, c.value",
        (KIND, *((kind,) if kind else ()), *_PASSED_OVER, limit, offset, *_PASSED_OVER, Status.CHOSEN.value),
    )
    for subject, predicate, value in rows:
        told.setdefault(subject, {}).setdefault(predicate, []).append(value)
    return tuple(_event(subject, facts) for subject, facts in sorted(told.items()) if KIND in facts)


def _event(subject: str, facts: dict[str, list[str]]) -> KnownEvent:
    def first(predicate: str) -> str:
        return facts.get(predicate, [""])[0]

    ordinal = first(ORDINAL)
    return KnownEvent(
        id=subject, kind=first(KIND), names=tuple(dict.fromkeys(facts.get(ALSO_CALLED, ()))), date=first(DATE),
        end=first(END), ordinal=int(ordinal) if ordinal.isdecimal() else None, place=first(PLACE),
        people=tuple(dict.fromkeys(facts.get(TOOK_PART, ()))),
    )  # fmt: skip


def names(db: Db, called: str = "", limit: int = MOST, offset: int = 0) -> tuple[tuple[str, str, str], ...]:
    """Return what subjects are called, as subject, predicate (`name` or `also called`) and value; only of those that are `called` so, where given."""
    so = " AND LOWER(value) = LOWER(CAST(? AS TEXT))" if called else ""
    standing = "predicate IN (?, ?) AND status NOT IN (?, ?)"
    given = (NAME, ALSO_CALLED, *_PASSED_OVER)
    rows = db.execute(
        "SELECT DISTINCT c.subject, c.predicate, c.value FROM claim_claim c JOIN (SELECT DISTINCT subject FROM claim_claim"
        f" WHERE {standing} AND subject <> ''{so} ORDER BY subject LIMIT ? OFFSET ?) AS k ON k.subject = c.subject WHERE {standing}"
        " ORDER BY c.subject, c.predicate DESC, c.value",
        (*given, *((called,) if called else ()), limit, offset, *given),
    )
    return tuple((subject, predicate, value) for subject, predicate, value in rows)


def exercise_names(told: tuple[tuple[str, str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Return the names of exercises with their series."""
    return tuple((value, subject) for subject, _, value in told if subject.startswith("exercise-"))


def other_names(told: tuple[tuple[str, str, str], ...]) -> dict[str, tuple[str, ...]]:
    """Return, for each name, the other names of what it names."""
    by_subject: dict[str, list[str]] = {}
    for subject, _, value in told:
        by_subject.setdefault(subject, []).append(value)
    found: dict[str, set[str]] = {}
    for values in by_subject.values():
        for value in values:
            found.setdefault(value, set()).update(values)
    return {value: tuple(sorted(others - {value})) for value, others in found.items()}
