"""`kizuna plug`: which outside systems are given what, and why a record may or may not go to one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kizuna.cli.base import CONFIG, Config, Json, emit, group, settings_of, table
from kizuna.cli.reading import Reading, now_ms, reading
from kizuna.cli.release import record_of
from kizuna.errors import RefusedError
from kizuna.node.plug_settings import Plug
from kizuna.node.settings import Settings

if TYPE_CHECKING:
    from kizuna.node.plugs.recipients import Recipient, Rules

app = group("plug", "Plugs: charts, GIS and other systems that are given what their recipient may have.")


@app.command("list")
def list_(config: Config = CONFIG, *, json: Json = False) -> None:
    """List the plugs, whom each stands for, what is missing and so denies, and what each was given and was not."""
    from kizuna.node.acts.handing import handed  # noqa: PLC0415 # what decides is loaded where it is asked

    settings = settings_of(config)
    with reading(settings) as node, node.store.view() as db:
        account = handed(db)
    plugs = [_shown(settings, each) for each in settings.plugs]
    rows = [
        (p["name"], p["kind"], p["party"], p["purpose"] or "none", p["at"], ", ".join(p["unset"]) or "-") for p in plugs
    ]
    counts = [
        (row.plug, row.type, row.grade, "given" if row.permit else "kept back", row.count, row.reason)
        for row in account
    ]
    result = {"handed": [_row(row) for row in account], "plugs": plugs}
    lines: list[Any] = [table("plug", "kind", "party", "purpose", "at", "missing", rows=rows)]
    if counts:
        lines += ["", table("plug", "type", "grade", "", "records", "by", rows=counts)]
    emit(result, json_wanted=json, lines=lines if rows else ["No plugs are set: nothing is given to anybody."])


def _row(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _shown(settings: Settings, each: Plug) -> dict[str, Any]:
    return {
        "at": each.address or each.officer,
        "kind": each.kind,
        "name": each.name,
        "party": each.party if each.party != "own" else f"own ({settings.party})",
        "purpose": each.purpose,
        "unset": list(_recipient(each).unset),
    }


def _recipient(each: Plug) -> Recipient:
    from kizuna.node.plugs.plugging import recipient_of  # noqa: PLC0415 # what decides is loaded where it is asked

    return recipient_of(each)


@app.command("explain")
def explain(
    name: Annotated[str, typer.Argument(metavar="PLUG", help="The plug's name.")],
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A record's id, or its beginning.")],
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Say whether a plug may have a record now, what of it, and why."""
    from kizuna.node.plugs.recipients import Gate  # noqa: PLC0415 # what decides is loaded where it is asked

    settings = settings_of(config)
    found = next((each for each in settings.plugs if each.name == name), None)
    if found is None:
        raise RefusedError(f"there is no plug `{name[:64]}`: `kizuna plug list` shows them")
    with reading(settings) as node:
        held = record_of(node, record)
        gate = Gate(_rules(node), _recipient(found))
        given = gate.rule(held, now_ms())
        sentence, remedy = gate.explain(held, given, now_ms())
    result: dict[str, Any] = {
        "discloses": sorted(given.names),
        "permit": given.permit,
        "plug": name,
        "reason": given.reason,
        "record": held.id,
        "remedy": remedy,
        "sentence": sentence,
        "stays": sorted(held.disclosures.keys() - given.names),
        "type": held.clear.type,
    }
    lines = [sentence, *([remedy] if remedy else [])]
    if given.permit:
        lines += [
            f"given: {', '.join(result['discloses']) or 'coarser rows'}",
            f"stays: {', '.join(result['stays']) or 'nothing'}",
        ]
    emit(result, json_wanted=json, lines=lines)


def _rules(node: Reading) -> Rules:
    """Return the rules as a store at hand has them; whether a running node's clock is in doubt only that node knows."""
    from kizuna.node.plugs.recipients import Rules  # noqa: PLC0415 # what decides is loaded where it is asked
    from kizuna.storage.blobs import Blobs  # noqa: PLC0415 # the same

    releaser = node.releaser()
    halted = node.store.query("SELECT value FROM setting WHERE name = 'halted'") == [("on",)]
    blobs = Blobs(node.settings.data / "blobs")
    return Rules(lambda: releaser, node.store, lambda: "halted" if halted else "", lambda _record_id: False, blobs.get)
