"""Meetings and minutes as cases: host and guest agree on days, hold, report; they agree on one text by its hash."""

from __future__ import annotations

from typing import Any

from kizuna.domains.dialogue import rules, steps
from kizuna.kernel.case import EVERY, CaseType, Transition
from kizuna.kernel.casework import CaseKind, CaseView, Move
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.journal import Db

DESK = "desk"
PURPOSES = ("defence-dialogue",)
_BEFORE = ("agreed", "postponed")


def shown(body: object, name: str) -> Any:
    """Return a field that has a value, else None: what is withheld reads as not said."""
    value = getattr(body, name, None)
    return value if isinstance(value, str | int | tuple) else None


def opening(view: CaseView, kind: CaseKind, transition: str) -> Move:
    """Return the step that a case rests on: the opening that took effect, else the first that was offered."""
    return view.last(transition) or next(move for move in view.moves if isinstance(move.body, kind.opens))


def two_sides(own: str, other: str, field: str, key: str, move: Move) -> dict[str, str] | None:
    """Return who stands on which side: the author, whose name the key begins with, and the party that a field names."""
    party, partner = move.step.party, shown(move.body, field)
    if not key.startswith(f"{party}-") or not isinstance(partner, str) or not partner or partner == party:
        return None
    return {own: party, other: partner}


# --- meeting ----------------------------------------------------------------------------------------------------------------------

MEETING_TABLE = CaseType(
    name="dialogue.meeting",
    states=("proposed", "agreed", "postponed", "cancelled", "held", "reported"),
    initial="proposed",
    transitions=(
        Transition(
            name="propose", frm=("proposed",), to="agreed", side="host", role=DESK, signatures=EVERY, endorser_role=DESK
        ),
        Transition(name="reschedule", frm=_BEFORE, to="agreed", role=DESK, signatures=EVERY, endorser_role=DESK),
        Transition(name="add-item", frm=("proposed", *_BEFORE), role=DESK),
        Transition(name="postpone", frm=("agreed",), to="postponed", role=DESK),
        Transition(name="cancel", frm=("proposed", *_BEFORE), to="cancelled", role=DESK),
        Transition(name="hold", frm=("agreed",), to="held", side="host", role=DESK),
        Transition(name="report", frm=("held",), to="reported", side="host", role=DESK),
    ),
    resolver_role=DESK,
)  # fmt: skip


def _days(_view: CaseView, move: Move) -> str:
    starts_on, ends_on = shown(move.body, "starts_on"), shown(move.body, "ends_on")
    days = rules.days_between(starts_on, ends_on)
    if days is None:
        return f"`{starts_on}` to `{ends_on}` are no days of the calendar"
    return f"it ends on `{ends_on}`, before it begins on `{starts_on}`" if days < 0 else ""


def _held(view: CaseView, move: Move) -> str:
    starts_ms = rules.ends_ms(shown(move.body, "starts_on"))
    if starts_ms is not None and move.step.at_ms < starts_ms - DAY_MS - _HALF_DAY_MS:
        return f"it has not begun: it begins on `{shown(move.body, 'starts_on')}`"
    return _days(view, move)


_HALF_DAY_MS = 50_400_000
"""Fourteen hours: a day begins in the furthest east so long before it does in UTC."""


def _reported(_view: CaseView, move: Move) -> str:
    named = [each.commitment for each in shown(move.body, "dispositions") or ()]
    twice = sorted({name for name in named if named.count(name) > 1})
    return f"`{twice[0]}` is disposed of twice" if twice else ""


def _meeting_rows(db: Db, view: CaseView) -> None:
    body = opening(view, MEETING, "propose").body
    when = view.last("propose", "reschedule", "hold")
    days = when.body if when is not None else body
    report = view.last("report")
    db.execute(
        "INSERT INTO dialogue_meeting (case_id, name, state, mechanism, host, guest, ordinal, title, starts_on, ends_on, place, minute,"
        " reported_at_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            view.id, view.key, view.state.state, shown(body, "mechanism") or "", view.sides["host"], view.sides["guest"],
            shown(body, "ordinal"), shown(body, "title") or "", shown(days, "starts_on") or "", shown(days, "ends_on") or "",
            shown(days, "place") or "", shown(report.body, "minute") if report is not None else None, view.effect_ms("report"),
        ),
    )  # fmt: skip
    items = [(move, move.body) for move in view.effective("add-item")]
    db.executemany(
        "INSERT INTO dialogue_agenda (case_id, no, title, owner_party, commitment, party) VALUES (?,?,?,?,?,?)",
        [
            (view.id, no, shown(item, "title") or "", shown(item, "owner_party") or "", shown(item, "commitment") or "", move.step.party)
            for no, (move, item) in enumerate(items, 1)
        ],
    )  # fmt: skip
    if report is not None:
        db.executemany(
            "INSERT INTO dialogue_decision (case_id, no, text, paragraph) VALUES (?,?,?,?)",
            [
                (view.id, no, each.text, each.paragraph)
                for no, each in enumerate(shown(report.body, "decisions") or (), 1)
            ],
        )
        db.executemany(
            "INSERT INTO dialogue_disposition (case_id, commitment, becomes) VALUES (?,?,?)",
            [(view.id, each.commitment, each.becomes) for each in shown(report.body, "dispositions") or ()],
        )


MEETING = CaseKind(
    table=MEETING_TABLE,
    opens=steps.MeetingProposed,
    sides=lambda key, move: two_sides("host", "guest", "guest", key, move),
    apply=_meeting_rows,
    tables=("dialogue_meeting", "dialogue_agenda", "dialogue_decision", "dialogue_disposition"),
    purposes=PURPOSES,
    steps={
        steps.MeetingProposed: "propose", steps.MeetingRescheduled: "reschedule", steps.AgendaItemAdded: "add-item",
        steps.MeetingPostponed: "postpone", steps.MeetingCancelled: "cancel", steps.MeetingHeld: "hold",
        steps.MeetingReported: "report",
    },
    guards={"propose": _days, "reschedule": _days, "hold": _held, "report": _reported},
)  # fmt: skip


# --- minute -----------------------------------------------------------------------------------------------------------------------

MINUTE_TABLE = CaseType(
    name="dialogue.minute",
    states=("draft", "comments", "agreed", "published", "restricted"),
    initial="draft",
    transitions=(
        Transition(name="draft", frm=("draft",), to="draft", side="host", role=DESK),
        Transition(name="revise", frm=("draft", "comments"), to="draft", side="host", role=DESK),
        Transition(name="comment", frm=("draft", "comments"), to="comments", side="guest", role=DESK),
        Transition(
            name="agree", frm=("draft", "comments"), to="agreed", role=DESK, signatures=EVERY, endorser_role=DESK
        ),
        Transition(name="publish", frm=("agreed",), to="published", role=DESK, signatures=EVERY, endorser_role=DESK),
        Transition(name="restrict", frm=("agreed",), to="restricted", role=DESK),
    ),
    precedence=("restrict",),
    resolver_role=DESK,
)  # fmt: skip


def current_texts(view: CaseView) -> tuple[steps.TextVersion, ...]:
    """Return the joint text as it stands: the agreed one where one is agreed, else the last draft."""
    versions = [shown(move.body, "texts") or () for move in view.effective("draft", "revise")]
    agreed = view.last("agree")
    wanted = shown(agreed.body, "text_sha256") if agreed is not None else None
    found = [version for version in versions if rules.text_sha256(version) == wanted]
    return (found or versions or [()])[-1]


def _drafted(view: CaseView, move: Move) -> str:
    if view.last("draft") is not None:
        return "it is drafted already: revise it"
    return rules.text_fault(shown(move.body, "texts"))


def _revised(_view: CaseView, move: Move) -> str:
    return rules.text_fault(shown(move.body, "texts"))


def _commented(view: CaseView, move: Move) -> str:
    texts = current_texts(view)
    most = len(texts[0].paragraphs) if texts else 0
    wrong = [each.paragraph for each in shown(move.body, "comments") or () if not 0 <= each.paragraph <= most]
    return f"the text has {most} paragraphs, and no `{wrong[0]}`" if wrong else ""


def _agreed(view: CaseView, move: Move) -> str:
    if shown(move.body, "text_sha256") != rules.text_sha256(current_texts(view)):
        return "the hash is not that of the text as it stands: agree on the last draft"
    return ""


def _minute_rows(db: Db, view: CaseView) -> None:
    first = opening(view, MINUTE, "draft").body
    texts = current_texts(view)
    db.execute(
        "INSERT INTO dialogue_minute (case_id, name, state, meeting, host, guest, title, versions, text_sha256, agreed_at_ms)"
        " VALUES (?,?,?,?,?,?,?,?,?,?)",
        (
            view.id, view.key, view.state.state, shown(first, "meeting") or "", view.sides["host"], view.sides["guest"],
            shown(first, "title") or "", len(view.effective("draft", "revise")), rules.text_sha256(texts), view.effect_ms("agree"),
        ),
    )  # fmt: skip
    db.executemany(
        "INSERT INTO dialogue_paragraph (case_id, language, no, text, sha256) VALUES (?,?,?,?,?)",
        [
            (view.id, text.language, no, paragraph, rules.paragraph_sha256(paragraph))
            for text in texts
            for no, paragraph in enumerate(text.paragraphs, 1)
        ],
    )
    db.executemany(
        "INSERT INTO dialogue_comment (case_id, no, paragraph, text) VALUES (?,?,?,?)",
        [
            (view.id, no, each.paragraph, each.text)
            for no, each in enumerate(
                (each for move in view.effective("comment") for each in shown(move.body, "comments") or ()), 1
            )
        ],
    )


MINUTE = CaseKind(
    table=MINUTE_TABLE,
    opens=steps.MinuteDrafted,
    sides=lambda key, move: two_sides("host", "guest", "guest", key, move),
    apply=_minute_rows,
    tables=("dialogue_minute", "dialogue_paragraph", "dialogue_comment"),
    purposes=PURPOSES,
    steps={
        steps.MinuteDrafted: "draft", steps.MinuteRevised: "revise", steps.MinuteCommented: "comment",
        steps.MinuteAgreed: "agree", steps.MinutePublished: "publish", steps.MinuteRestricted: "restrict",
    },
    guards={"draft": _drafted, "revise": _revised, "comment": _commented, "agree": _agreed},
)  # fmt: skip
