"""What an officer says about records that are out already, on the command line: consents, relabels, successors."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from kizuna.cli.base import CONFIG, Config, Json, Reason, emit, instant_ms, settings_of
from kizuna.cli.reach import reach
from kizuna.cli.ways import Notice
from kizuna.errors import RecordError
from kizuna.kernel.lifecycle import ConsentGranted
from kizuna.node import effects as fx

Record = Annotated[str, typer.Argument(metavar="RECORD", help="One of our records, by its whole id.")]


def _path(record: str, word: str) -> str:
    return f"records/{quote(record, safe='')}/{word}"


def _pairs(given: list[str] | None) -> dict[str, str] | None:
    """Return what `policy=value` options say, or None where there is none.

    Raises:
        RecordError: one has no `=`, or a policy stands twice.
    """
    if not given:
        return None
    found = dict(one.partition("=")[::2] for one in given)
    if len(found) != len(given) or not all("=" in one for one in given):
        raise RecordError("write each grade or caveat as `policy=value`, each policy once")
    return found


def _grade(text: str) -> int:
    if not text.isdecimal():
        raise RecordError(f"grade `{text[:20]}` is not a number, as the policy counts them")
    return int(text)


def _listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def relabel(
    record: Record,
    reason: Reason,
    grade: Annotated[list[str] | None, typer.Option("--grade", help="POLICY=NUMBER: the new classification.")] = None,
    caveats: Annotated[
        list[str] | None, typer.Option("--caveats", help="POLICY=ONE,TWO; nothing after = for none.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Parties, with commas, to whom it may go now.")] = None,
    purposes: Annotated[str | None, typer.Option("--purposes", help="The new purposes, with commas.")] = None,
    review_by: Annotated[str | None, typer.Option("--review-by", help="YYYY-MM-DD, or nothing for none.")] = None,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Change the label of a record of ours: two persons, by the tokens in KIZUNA_TOKEN and KIZUNA_SECOND_TOKEN; holders are told."""
    grades, marks = _pairs(grade), _pairs(caveats)
    changes: dict[str, Any] = {
        "caveats": {policy: _listed(text) or () for policy, text in marks.items()} if marks is not None else None,
        "grades": {policy: _grade(text) for policy, text in grades.items()} if grades is not None else None,
        "purposes": _listed(purposes),
        "releasable_to": _listed(to),
        "review_by": review_by,
    }
    said = Notice(
        _path(record, "relabel"),
        {"reason": reason, **changes},
        lambda one, two: fx.Relabel(record, reason, one, two, **changes),
        two=True,
    )
    with reach(settings_of(config)) as node:
        made = node.notice(said)
    emit({"id": made, "record": record}, json_wanted=json, lines=[f"Record `{record[:16]}` is relabelled by `{made}`."])


def supersede(
    record: Record,
    successor: Annotated[str, typer.Option("--by", metavar="RECORD", help="The record that corrects it.")],
    reason: Reason,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Say that a record of ours is corrected by another; who may not have that one is told only that this one is retracted."""
    said = Notice(
        _path(record, "supersede"),
        {"reason": reason, "successor": successor},
        lambda one, _two: fx.Supersede(record, successor, reason, one),
    )
    with reach(settings_of(config)) as node:
        made = node.notice(said)
    told = f"`{record[:16]}` is superseded by `{successor[:16]}`."
    emit({"id": made, "record": record, "successor": successor}, json_wanted=json, lines=[told])


def consent(
    relay: Annotated[str, typer.Option("--relay", metavar="PARTY", help="Who may pass it on.")],
    recipient: Annotated[str, typer.Option("--recipient", metavar="PARTY", help="To whom.")],
    field: Annotated[list[str], typer.Option("--field", help="A field that may be shown; give it again for more.")],
    purpose: Annotated[str, typer.Option("--purpose", help="For which purpose.")],
    expires: Annotated[str, typer.Option("--expires", metavar="INSTANT", help="Until when.")],
    *,
    record: Annotated[list[str] | None, typer.Option("--record", help="A record's id; give it again for more.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="In place of ids: a record type, of a period.")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="INSTANT", help="The period's beginning.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="INSTANT", help="Its end, which is not part of it.")] = None,
    config: Config = CONFIG,
    once: Annotated[bool, typer.Option("--once", help="For one release alone.")] = False,
    json: Json = False,
) -> None:
    """Let one party pass records of ours on to another, on these terms and no others."""
    terms: dict[str, Any] = {
        "expires_ms": instant_ms(expires),
        "fields": tuple(field),
        "from_ms": None if from_ is None else instant_ms(from_),
        "purpose": purpose,
        "recipient": recipient,
        "record_type": type_,
        "records": tuple(record or ()),
        "relay": relay,
        "single_use": once,
        "to_ms": None if to is None else instant_ms(to),
    }
    said = Notice("consents", terms, lambda one, _two: fx.GrantConsent(ConsentGranted(**terms), one))
    with reach(settings_of(config)) as node:
        made = node.notice(said)
    emit({"id": made}, json_wanted=json, lines=[f"Consent `{made}`: `{relay}` may pass this on to `{recipient}`."])


def revoke(
    consent_id: Annotated[str, typer.Argument(metavar="CONSENT", help="A consent of ours, by its whole id.")],
    reason: Reason,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Take a consent back; it denies from when relay and recipient hear of it."""
    said = Notice(
        f"consents/{quote(consent_id, safe='')}/revoke",
        {"reason": reason},
        lambda one, _two: fx.RevokeConsent(consent_id, reason, one),
    )
    with reach(settings_of(config)) as node:
        made = node.notice(said)
    emit({"consent": consent_id, "id": made}, json_wanted=json, lines=[f"Consent `{consent_id[:16]}` is revoked."])


def add_to(app: typer.Typer) -> None:
    """Add these commands to a group."""
    for command in (relabel, supersede, consent, revoke):
        app.command()(command)
