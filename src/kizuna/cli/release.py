"""`kizuna release`: why a record may or may not go, and the officers' hand on the tap."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kizuna.cli.base import CONFIG, Config, Json, Reason, emit, group, instant_ms, settings_of, table
from kizuna.cli.notices import add_to
from kizuna.cli.reach import reach
from kizuna.cli.reading import Reading, now_ms, reading
from kizuna.cli.ways import SECOND_TOKEN, TOKEN
from kizuna.errors import RefusedError
from kizuna.kernel.channel.wire import ACTS
from kizuna.kernel.explain import LANGUAGES, explain
from kizuna.kernel.record import Record
from kizuna.node.held import facts

app = group("release", "Releases: explained, stopped, taken back, passed on.")
add_to(app)


@app.command("explain")
def explain_(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A record's id, or its beginning.")],
    to: Annotated[str, typer.Option("--to", metavar="PARTY", help="The recipient, like `jpn`.")],
    at: Annotated[str, typer.Option("--at", metavar="INSTANT", help="As of this instant instead of now.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="For this purpose.")] = "",
    language: Annotated[str, typer.Option("--language", help="en, ja or hi.")] = "en",
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Say whether a record may go to a party, under which clause, and what it would show."""
    if language not in LANGUAGES:
        raise typer.BadParameter(f"`{language}` is none of {', '.join(LANGUAGES)}", param_hint="--language")
    with reading(settings_of(config)) as node:
        held = record_of(node, record)
        result = _explained(node, held, to, instant_ms(at) if at else now_ms(), purpose, language)
    emit(result, json_wanted=json, lines=_told(result))


def record_of(node: Reading, beginning: str) -> Record:
    """Return a held record by its id or the beginning of it.

    Raises:
        RefusedError: it names none or several, or its body was erased.
    """
    rows = node.store.query(
        "SELECT id FROM record WHERE id >= ? AND id < ? ORDER BY id LIMIT 2", (beginning, f"{beginning}g")
    )
    if len(rows) != 1:
        raise RefusedError(
            f"`{beginning[:64]}` names {'no record' if not rows else 'several records'} held here: give the whole id"
        )
    held = facts.load_record(node.store, rows[0][0])
    if held is None:
        raise RefusedError(
            f"record `{rows[0][0][:16]}` was erased: its header alone is left, which no clause can be asked about"
        )
    return held


def _explained(node: Reading, held: Record, to: str, at_ms: int, purpose: str, language: str) -> dict[str, Any]:
    releaser = node.releaser()
    ruling = releaser.rule(held, to, at_ms, purpose=purpose)
    said = explain(releaser.index, releaser.header(held), to, at_ms, language, purpose, ruled=ruling.decision)
    halted = node.store.query("SELECT value FROM setting WHERE name = 'halted'") == [("on",)]
    return {
        "at_ms": at_ms,
        "consulted": [{"instrument": i, "provision": p, "says": why} for i, p, why in said.consulted],
        "discloses": sorted(ruling.names),
        "halted": halted,
        "permit": ruling.permit,
        "reason": ruling.decision.reason,
        "record": held.id,
        "remedy": said.remedy,
        "sentence": said.sentence,
        "stays": sorted(held.disclosures.keys() - ruling.names),
        "to": to,
        "type": held.clear.type,
    }


def _told(result: dict[str, Any]) -> list[Any]:
    lines: list[Any] = [result["sentence"]]
    lines += [result["remedy"]] if result["remedy"] else []
    lines += ["All releases are halted now, whatever the clauses say."] if result["halted"] else []
    if result["permit"]:
        lines += [
            f"crosses: {', '.join(result['discloses']) or 'nothing'}",
            f"stays:   {', '.join(result['stays']) or 'nothing'}",
        ]
    rows = [(c["instrument"], c["provision"], c["says"]) for c in result["consulted"]]
    return [*lines, table("instrument", "provision", "says", rows=rows)] if rows else lines


@app.command()
def halt(
    reason: Reason,
    *,
    off: Annotated[bool, typer.Option("--off", help="Go on releasing.")] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Stop every release at once; with --off, go on."""
    with reach(settings_of(config)) as node:
        halted = node.halt(on=not off, reason=reason)
    emit({"halted": halted}, json_wanted=json, lines=["All releases are halted." if halted else "Releases go on."])


@app.command()
def backfill(
    node: Annotated[str, typer.Argument(metavar="NODE", help="The partner's node.")],
    from_: Annotated[str, typer.Option("--from", metavar="INSTANT", help="The beginning of the period.")],
    to: Annotated[str, typer.Option("--to", metavar="INSTANT", help="Its end, which is not part of it.")],
    *,
    queue: Annotated[
        bool, typer.Option("--queue", help=f"Release them: needs two persons' tokens in {TOKEN} and {SECOND_TOKEN}.")
    ] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Show which records of a past period a partner would now get; with --queue and two persons, release them."""
    with reach(settings_of(config)) as reached:
        records = reached.backfill(node, instant_ms(from_), instant_ms(to), queue=queue)
    done = f"{len(records)} records {'are queued' if queue else 'would go'} to `{node}`."
    emit({"node": node, "queued": queue, "records": records}, json_wanted=json, lines=[*records, done])


@app.command()
def withdraw(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="One of our records, by its whole id.")],
    act: Annotated[str, typer.Option("--act", help="retract, recall or destroy.")],
    reason: Reason,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Retract (no longer asserted), recall (released in error) or destroy a record at every holder."""
    if act not in ACTS:
        raise typer.BadParameter(f"`{act}` is none of {', '.join(ACTS)}", param_hint="--act")
    with reach(settings_of(config)) as node:
        channels = node.act(record, act, reason)
    told = f"{len(channels)} channels are told; `kizuna channel status` shows who has confirmed."
    emit({"act": act, "channels": channels, "record": record}, json_wanted=json, lines=[told])
