"""The board of commitments, and one commitment whole: what was promised, since when, who owns it, what shows it, and how each side scores it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kizuna.domains.dialogue import lookup, rules
from kizuna.domains.dialogue.commitments import CLOSED, SETTLED
from kizuna.domains.dialogue.lookup import Told
from kizuna.domains.dialogue.meetings import shown
from kizuna.domains.dialogue.records import CommitmentCited
from kizuna.errors import RefusedError
from kizuna.kernel.journal import Db
from kizuna.kernel.operation import Desk, Query, Wanted
from kizuna.kernel.statement import day_of

_CITED_OPEN = ("open", "standing", "unknown")
_PREFIX = "dialogue.commitment:"


class BoardWanted(Wanted, frozen=True):
    """Which commitments."""

    owner: Annotated[str, Meta(description="Only those that this owner answers for, on either side.")] = ""
    party: Annotated[str, Meta(description="Only those that this party has promised.")] = ""
    mechanism: Annotated[str, Meta(description="Only those made or restated at meetings of this mechanism.")] = ""
    state: Annotated[str, Meta(description="Only those in this state; open ones where not given.")] = ""
    overdue: Annotated[bool, Meta(description="Only those whose day has passed.")] = False
    limit: Annotated[int, Meta(description="At most so many, the first due first.", ge=1, le=1000)] = 100


class CommitmentWanted(Wanted, frozen=True):
    """Which commitment."""

    commitment: Annotated[str, Meta(description="Its name, with or without `dialogue.commitment:`.")]


class CommitmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A commitment in a list. `basis` is `case` where both sides sign it here and `cited` where sources tell of it; `due_on` empty means open."""

    commitment: str
    basis: str
    text: str
    state: str
    actors: tuple[str, ...]
    owners: dict[str, str]
    due_on: str
    due_phrase: str
    days_overdue: int
    first_made_on: str
    days_open: int | None
    made_at: str
    waits_for: str


class Evidence(msgspec.Struct, frozen=True):
    """What shows that something was done; `record` is the id by which a score names it, empty where it is cited."""

    record: str
    party: str
    on: str
    text: str
    ref: str
    sources: tuple[str, ...]


class Score(msgspec.Struct, frozen=True):
    """One side's score, with what it rests on."""

    party: str
    value: int
    rationale: str
    from_on: str
    as_of: str
    guideline: str
    evidence: tuple[str, ...]


class Progress(msgspec.Struct, frozen=True):
    """One side's own assessment on a day."""

    party: str
    assessment: str
    text: str
    as_of: str


class CommitmentShown(msgspec.Struct, frozen=True, kw_only=True):
    """A commitment whole.

    The days are counted up to `until_on`: the day on which it is claimed done, else the earliest evidence, else today. `days_from_first` runs from
    the first promise, which no restatement moves, `days_from_restatement` from the last one. `aggregate` is the mean of each side's last score.
    """

    row: CommitmentRow
    strength: str
    indicator: str
    minute: str
    paragraph: int | None
    paragraph_text: str
    paragraph_sha256: str
    restatements: tuple[tuple[str, str], ...]
    """Meeting and day."""
    until_on: str
    days_from_first: int | None
    days_from_restatement: int | None
    evidence: tuple[Evidence, ...]
    progress: tuple[Progress, ...]
    scores: tuple[Score, ...]
    last_scores: dict[str, int]
    aggregate: float | None
    scores_differ: bool
    meetings: tuple[tuple[str, str], ...]
    """What each meeting that reported on it made of it."""
    note: str
    sources: tuple[str, ...]


# --- the board --------------------------------------------------------------------------------------------------------------------

_SELECT = (
    "SELECT c.case_id, c.name, c.text, c.state, c.actors, c.due_on, c.due_phrase, c.first_made_on, c.first_made_at, s.waits_for"
    " FROM {source} JOIN case_state s ON s.case_id = c.case_id WHERE {where} ORDER BY {order} LIMIT ?"
)
_BY_DUE = "CASE WHEN c.due_on IS NULL THEN 1 ELSE 0 END, c.due_on, c.first_made_on, c.name"


def rows_of(
    db: Db, today: str, tests: Sequence[str], values: Sequence[Any], limit: int, source: str = "dialogue_commitment c"
) -> list[CommitmentRow]:
    """Return commitments that pass all tests on `dialogue_commitment c`, the first due first."""
    sql = _SELECT.format(source=source, where=" AND ".join(tests) or "1 = 1", order=_BY_DUE)
    found = [*db.execute(sql, (*values, limit))]
    owners: dict[str, dict[str, str]] = {}
    ids = [row[0] for row in found]
    if ids:
        marks = ",".join("?" * len(ids))
        for case_id, party, owner in db.execute(
            f"SELECT case_id, party, owner FROM dialogue_owner WHERE case_id IN ({marks}) ORDER BY party", ids
        ):
            owners.setdefault(case_id, {})[party] = owner
    return [_case_row(row, owners.get(row[0], {}), today) for row in found]


def _case_row(row: Sequence[Any], owners: dict[str, str], today: str) -> CommitmentRow:
    _, name, text, state, actors, due_on, due_phrase, first_made_on, first_made_at, waits_for = row
    return CommitmentRow(
        commitment=name, basis="case", text=text or "", state=state, actors=tuple(actors.split()), owners=owners, due_on=due_on or "",
        due_phrase=due_phrase or "", days_overdue=0 if state in SETTLED else days_overdue(due_on, today), first_made_on=first_made_on or "",
        days_open=None if state in CLOSED else rules.days_between(first_made_on, today), made_at=first_made_at or "", waits_for=waits_for,
    )  # fmt: skip


def days_overdue(due_on: str | None, today: str) -> int:
    """Return how many days a due date has passed, 0 where it has not, or is open."""
    found = rules.bounds(due_on)
    return max(0, rules.days_between(found[1], today) or 0) if found is not None else 0


def _cited_row(found: Told[CommitmentCited], today: str) -> CommitmentRow:
    def text(name: str) -> str:
        return str(shown(found.body, name) or "")

    is_open = text("status") in _CITED_OPEN
    return CommitmentRow(
        commitment=found.name, basis="cited", text=text("text"), state=text("status"), actors=shown(found.body, "actors") or (), owners={},
        due_on=text("due_on"), due_phrase=text("due_phrase"), days_overdue=days_overdue(text("due_on"), today) if is_open else 0,
        first_made_on=text("made_on"), days_open=rules.days_between(text("made_on"), today) if is_open else None,
        made_at=text("meeting"), waits_for="",
    )  # fmt: skip


def cited_rows(db: Db, today: str, *, mechanism: str = "", states: Sequence[str] = _CITED_OPEN) -> list[CommitmentRow]:
    """Return promises that are only cited, in one of some states, the first made first."""
    rows = [_cited_row(found, today) for found in lookup.cited_commitments(db, mechanism=mechanism)]
    return sorted((row for row in rows if row.state in states), key=lambda row: (row.first_made_on, row.commitment))


def commitments(desk: Desk, wanted: BoardWanted) -> Sequence[CommitmentRow]:
    """Return commitments, the first due first; those that are only cited come last."""
    today = day_of(desk.now_ms)
    tests, values, source = ["c.closed = 0"], list[Any](), "dialogue_commitment c"
    if wanted.state:
        tests, values = ["c.state = ?"], [wanted.state]
    if wanted.overdue:
        # A year or month of which no day is left sorts before today, one that runs still does too: those are sifted below.
        tests.append("c.due_on < ?")
        values.append(today)
    if wanted.party:
        tests.append("' ' || c.actors || ' ' LIKE ?")
        values.append(f"% {wanted.party} %")
    if wanted.owner:
        source = f"dialogue_owner o JOIN {source} ON c.case_id = o.case_id"
        tests.append("o.owner = ?")
        values.append(wanted.owner)
    if wanted.mechanism:
        tests.append("EXISTS (SELECT 1 FROM dialogue_followed f WHERE f.mechanism = ? AND f.case_id = c.case_id)")
        values.append(wanted.mechanism)
    rows = rows_of(desk.db, today, tests, values, wanted.limit, source)
    cased = {row.commitment: row for row in rows}  # one owner may stand for both sides
    states = (wanted.state,) if wanted.state else _CITED_OPEN
    cited = [] if wanted.owner else cited_rows(desk.db, today, mechanism=wanted.mechanism, states=states)
    every = [*cased.values(), *(row for row in cited if not wanted.party or wanted.party in row.actors)]
    return [row for row in every if row.days_overdue or not wanted.overdue][: wanted.limit]


# --- one commitment ---------------------------------------------------------------------------------------------------------------


def commitment(desk: Desk, wanted: CommitmentWanted) -> CommitmentShown:
    """Return a commitment whole, as a case or as it is cited.

    Raises:
        RefusedError: none of that name is held.
    """
    name = wanted.commitment.removeprefix(_PREFIX)
    today = day_of(desk.now_ms)
    rows = rows_of(desk.db, today, ["c.case_id = ?"], [_PREFIX + name], 1)
    if rows:
        return _case_shown(desk.db, rows[0], today)
    cited = lookup.told(desk.db, "dialogue.commitment-cited.v1", name=name)
    if not cited:
        raise RefusedError(
            f"no commitment is called `{name[:100]}` here: look it up with `kizuna dialogue commitments`"
        )
    return _cited_shown(cited[0], today)


def _case_shown(db: Db, row: CommitmentRow, today: str) -> CommitmentShown:
    case_id = _PREFIX + row.commitment
    strength, indicator, minute, paragraph, text, sha256, made_on, meeting, restated_on, done_on = next(iter(db.execute(
        "SELECT strength, indicator, minute, paragraph, paragraph_text, paragraph_sha256, made_on, meeting, restated_on, done_on"
        " FROM dialogue_commitment WHERE case_id = ?",
        (case_id,),
    )))  # fmt: skip
    evidence = tuple(
        Evidence(record, party, on or "", said or "", ref or "", tuple(sources.split("\n")) if sources else ())
        for record, party, on, said, ref, sources in db.execute(
            "SELECT record_id, party, happened_on, text, ref, sources FROM dialogue_evidence WHERE case_id = ? ORDER BY happened_on, record_id",
            (case_id,),
        )
    )
    scores = tuple(
        Score(party, value, rationale or "", from_on or "", as_of or "", guideline or "", tuple(named.split()))
        for party, value, rationale, from_on, as_of, guideline, named in db.execute(
            "SELECT party, value, rationale, from_on, as_of, guideline, evidence FROM dialogue_score WHERE case_id = ? ORDER BY no",
            (case_id,),
        )
    )
    restatements = [
        *db.execute("SELECT meeting, made_on FROM dialogue_restated WHERE case_id = ? ORDER BY no", (case_id,))
    ]
    if rules.is_before(row.first_made_on, made_on):
        restatements.insert(0, (meeting, made_on))
    days = {
        "first": row.first_made_on,
        "restated": restated_on or "",
        "until": done_on or (evidence[0].on if evidence else today),
    }
    return _whole(
        row, days, evidence, scores, tuple((each or "", on or "") for each, on in restatements),
        strength=strength or "", indicator=indicator or "", minute=minute or "", paragraph=paragraph, paragraph_text=text or "",
        paragraph_sha256=sha256 or "",
        progress=tuple(
            Progress(party, assessment or "", said or "", as_of or "")
            for party, assessment, said, as_of in db.execute(
                "SELECT party, assessment, text, as_of FROM dialogue_progress WHERE case_id = ? ORDER BY no", (case_id,)
            )
        ),
        meetings=tuple(
            (name, becomes)
            for name, becomes in db.execute(
                "SELECT m.name, d.becomes FROM dialogue_disposition d JOIN dialogue_meeting m ON m.case_id = d.case_id"
                " WHERE d.commitment = ? ORDER BY m.starts_on, m.name",
                (row.commitment,),
            )
        ),
    )  # fmt: skip


def _whole(
    row: CommitmentRow, days: dict[str, str], evidence: tuple[Evidence, ...], scores: tuple[Score, ...],
    restatements: tuple[tuple[str, str], ...], **more: Any,
) -> CommitmentShown:  # fmt: skip
    last = {score.party: score.value for score in scores}
    given: dict[str, Any] = {
        "strength": "", "indicator": "", "minute": "", "paragraph": None, "paragraph_text": "", "paragraph_sha256": "", "progress": (),
        "meetings": (), "note": "", "sources": (),
    }  # fmt: skip
    return CommitmentShown(
        row=row, restatements=restatements, until_on=days["until"], days_from_first=rules.days_between(days["first"], days["until"]),
        days_from_restatement=rules.days_between(days["restated"], days["until"]), evidence=evidence, scores=scores, last_scores=last,
        aggregate=rules.aggregate(last), scores_differ=len(set(last.values())) > 1, **(given | more),
    )  # fmt: skip


def _cited_shown(found: Told[CommitmentCited], today: str) -> CommitmentShown:
    row = _cited_row(found, today)
    steps = shown(found.body, "steps") or ()
    restatements = tuple((step.ref, step.on) for step in steps if step.kind == "restated")
    days = {
        "first": row.first_made_on,
        "restated": restatements[-1][1] if restatements else "",
        "until": str(shown(found.body, "fulfilled_on") or ("" if row.days_open is None else today)),
    }
    evidence = tuple(
        Evidence("", "", step.on, step.text, step.ref, ())
        for step in steps
        if step.kind in ("evidence", "acknowledged")
    )
    progress = tuple(
        Progress("", step.kind, step.text, step.on) for step in steps if step.kind in ("progress", "related")
    )
    return _whole(
        row, days, evidence, (), restatements, progress=progress, indicator=str(shown(found.body, "indicator") or ""),
        minute=str(shown(found.body, "document") or ""), note=str(shown(found.body, "note") or ""), sources=found.sources,
    )  # fmt: skip


QUERIES = (
    Query(
        name="commitments",
        text="The board: open commitments with owners and days, the first due first.",
        asks=BoardWanted,
        run=commitments,
    ),
    Query(
        name="commitment",
        text="One commitment whole: source, days, evidence, both sides' scores.",
        asks=CommitmentWanted,
        run=commitment,
    ),
)
