"""`kizuna instrument`: agreements as data: checked, shown, loaded, signed, suspended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from kizuna.cli.base import (
    CLOCK,
    CONFIG,
    Config,
    Json,
    Reason,
    emit,
    group,
    instant_ms,
    read_file,
    settings_of,
    shown_instant,
    table,
)
from kizuna.cli.reach import reach
from kizuna.cli.reading import Reading, now_ms, reading
from kizuna.domains.instruments import queries
from kizuna.errors import ConfigError, RefusedError
from kizuna.kernel import instrument
from kizuna.kernel.instrument import Instrument, version_of
from kizuna.kernel.instrument_file import load_partnership
from kizuna.node.channel import treaties
from kizuna.node.channel.treaties import bundled
from kizuna.node.domains import DOMAINS
from kizuna.node.keys import keyfiles

app = group("instrument", "Agreements: no instrument in force, no release.")
_Id = Annotated[str, typer.Argument(metavar="ID", help="The instrument's id.")]
_Version = Annotated[str, typer.Option("--version", help="The beginning of a version's hash, where several are held.")]
_Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Instrument and rule files, or folders of them.")]


def _load(paths: Sequence[Path]) -> list[Instrument]:
    """Return the instruments that files and folders describe together."""
    names = [name for path in paths for name in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]
    if not names:
        raise ConfigError("holds no `.toml` file: name instrument files", where=str(paths[0]))
    sources = []
    for name in names:
        try:
            sources.append((str(name), read_file(name).decode()))
        except UnicodeDecodeError as error:
            raise ConfigError("is not text in utf-8: name an instrument file", where=str(name)) from error
    known = {wire: frozenset(kind.__struct_fields__) for domain in DOMAINS for wire, kind in domain.records.items()}
    return load_partnership(sources, known)


def _date(date: instrument.LimitedDate | None) -> str:
    return "" if date is None else date.value or "unknown"


def _summary(made: Instrument) -> dict[str, Any]:
    return {
        "basis": made.basis,
        "id": made.id,
        "in_force_on": _date(made.in_force_on),
        "parties": list(made.parties),
        "provisions": [
            {
                "basis": p.basis,
                "effect": p.effect,
                "from": p.direction.from_party,
                "id": p.id,
                "to": p.direction.to_party,
            }
            for p in made.provisions
        ],
        "signed_on": _date(made.signed_on),
        "terminates_on": _date(made.terminates_on),
        "title": made.title,
        "version": version_of(made),
    }


@app.command()
def check(files: _Files, *, json: Json = False) -> None:
    """Read instrument files and say what they hold, or what is wrong with them as `file:line`."""
    made = [_summary(one) for one in _load(files)]
    rows = [
        (
            m["id"],
            ", ".join(m["parties"]),
            m["in_force_on"],
            m["terminates_on"] or "open",
            len(m["provisions"]),
            m["version"][:16],
        )
        for m in made
    ]
    lines = [
        table("id", "parties", "in force on", "ends", "provisions", "version", rows=rows),
        f"{len(made)} well-formed.",
    ]
    emit({"instruments": made}, json_wanted=json, lines=lines)


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="[ID]", help="One instrument whole; without: all of them.")] = "",
    on: Annotated[str, typer.Option("--on", metavar="DATE", help="As of this date instead of now.")] = "",
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Show the instruments that are held and whether they are in force."""
    at_ms = instant_ms(on) if on else now_ms()
    with reading(settings_of(config)) as node:
        found = [_state(node, made, at_ms) for made in treaties.instruments(node.store) if name in ("", made.id)]
    if name and not found:
        raise RefusedError(f"no instrument `{name}` is held: `kizuna instrument show` lists them")
    rows = [(f["id"], f["version"][:16], f["state"], f["reason"]) for f in found]
    lines: list[Any] = [table("id", "version", "state", "why", rows=rows)] if found else ["No instrument is held."]
    if name:
        lines += [line for one in found for line in _whole(one)]
    emit({"at_ms": at_ms, "instruments": found}, json_wanted=json, lines=lines)


def _state(node: Reading, made: Instrument, at_ms: int) -> dict[str, Any]:
    signatures = treaties.signatures(node.store, node.roots)
    with node.store.view() as db:
        scopes = [one for one in queries.scopes(db) if one.instrument == made.id]
        statuses = [one for one in queries.statuses(db) if one.at_ms <= at_ms]
    version = version_of(made)
    state = instrument.in_force(made, signatures, statuses, at_ms)
    signers = sorted({said.party for said in signatures if (said.instrument, said.version) == (made.id, version)})
    suspended = [s.id for s in statuses if s.instrument == made.id and s.act == "suspended"]
    opened = [
        {"from_ms": s.from_ms, "name": s.name, "open": s.from_ms <= at_ms < s.to_ms, "to_ms": s.to_ms} for s in scopes
    ]
    return {
        **_summary(made),
        "reason": state.reason,
        "scopes": opened,
        "signed_by": signers,
        "state": state.state,
        "suspensions": suspended,
    }


def _whole(one: dict[str, Any]) -> list[Any]:
    rows = [(p["id"], p["effect"], f"{p['from']} > {p['to']}", p["basis"]) for p in one["provisions"]]
    return [
        f"\n{one['title']}",
        *(
            f"scope `{s['name']}` {'is open' if s['open'] else 'is agreed'}: {shown_instant(s['from_ms'])} to {shown_instant(s['to_ms'])}"
            for s in one["scopes"]
        ),
        f"basis: {one['basis']}; signed by: {', '.join(one['signed_by']) or 'nobody'}; version {one['version']}",
        table("provision", "effect", "direction", "basis", rows=rows)
        if rows
        else "It has no provisions: it permits nothing.",
    ]


@app.command()
def load(
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE...]", help="Files or folders.")] = None,
    *,
    bundled_too: Annotated[bool, typer.Option("--bundled", help="Load the bundled India-Japan instruments.")] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Keep instrument versions; each counts once all its parties have signed it."""
    if not files and not bundled_too:
        raise typer.BadParameter("name files, or give --bundled")
    settings = settings_of(config)
    made = (_load(files) if files else []) + (bundled() if bundled_too else [])
    with reach(settings) as node:
        versions = {one.id: node.load(one) for one in made}
    lines = [f"{name}  {version[:16]}" for name, version in versions.items()]
    emit(
        {"loaded": versions},
        json_wanted=json,
        lines=[*lines, f"{len(versions)} held; sign with `kizuna instrument sign`."],
    )


@app.command()
def sign(
    name: _Id,
    root_key: Annotated[Path, typer.Option("--root-key", metavar="FILE", help="The party's root key.")],
    version: _Version = "",
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Sign a version with the party's root key and tell the other parties."""
    settings = settings_of(config)
    root = keyfiles.load_root(root_key)
    with reading(settings) as node:
        held = node.instrument(name, version)
        if root.public != node.identity.root_public:
            raise ConfigError(
                f"is not the root key of `{settings.party}`: give the one that certified this node", where=str(root_key)
            )
    envelope = instrument.sign_version(held, settings.party, CLOCK.now_ms(), root)
    with reach(settings) as reached:
        record = reached.signed(held, envelope)
    result = {"instrument": name, "party": settings.party, "record": record, "version": version_of(held)}
    emit(
        result, json_wanted=json, lines=[f"`{settings.party}` has signed version {version_of(held)[:16]} of `{name}`."]
    )


def _newest(node: Reading, name: str) -> Instrument:
    """Return the version of an instrument that was loaded last."""
    versions = [made for made in treaties.instruments(node.store) if made.id == name]
    return versions[-1] if versions else node.instrument(name)


def _act(config: Path, name: str, act: str, reason: str, *, lifts: str = "", json: bool, done: str) -> None:
    settings = settings_of(config)
    with reading(settings) as node:
        held = _newest(node, name)
        if act == "resume":
            lifts = _lifted(node, name, lifts)
    with reach(settings) as reached:
        record = reached.status(held, act, reason, lifts)
    result = {"act": act, "instrument": name, "record": record}
    emit(result, json_wanted=json, lines=[f"`{name}` {done} (record {record[:16]})."])


def _lifted(node: Reading, name: str, lifts: str) -> str:
    """Return the record id of our one suspension that a resumption lifts."""
    with node.store.view() as db:
        own = [s for s in queries.statuses(db) if s.instrument == name and s.party == node.identity.party]
    over = {status.lifts for status in own if status.act == "resumed"}
    standing = [s.id for s in own if s.act == "suspended" and s.id not in over and s.id.startswith(lifts)]
    if len(standing) == 1:
        return standing[0]
    if not standing:
        raise RefusedError(
            f"no suspension of `{name}` by `{node.identity.party}` stands: only who suspended can resume"
        )
    raise RefusedError(f"name one suspension with `--lifts`: {', '.join(f'`{s[:16]}`' for s in standing)}")


@app.command()
def suspend(name: _Id, reason: Reason, config: Config = CONFIG, *, json: Json = False) -> None:
    """Stop releases under an instrument: at once here, at the partner's when it arrives."""
    _act(config, name, "suspend", reason, json=json, done="is suspended")


@app.command()
def resume(
    name: _Id,
    lifts: Annotated[str, typer.Option("--lifts", metavar="RECORD", help="Which of our suspensions.")] = "",
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Lift our party's suspension of an instrument."""
    _act(config, name, "resume", "", lifts=lifts, json=json, done="is no longer suspended by us")


@app.command()
def terminate(name: _Id, reason: Reason, config: Config = CONFIG, *, json: Json = False) -> None:
    """End an instrument for good."""
    _act(config, name, "terminate", reason, json=json, done="is terminated")


@app.command("open-scope")
def open_scope(
    name: _Id,
    scope: Annotated[str, typer.Argument(metavar="SCOPE", help="One of the instrument's scopes, like `milan`.")],
    from_: Annotated[str, typer.Option("--from", metavar="INSTANT", help="When it opens.")],
    to: Annotated[str, typer.Option("--to", metavar="INSTANT", help="When it closes by itself.")],
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Open an operation or exercise: its provisions count once every party has opened it alike."""
    settings = settings_of(config)
    from_ms, to_ms = instant_ms(from_), instant_ms(to)
    with reading(settings) as node:
        held = _newest(node, name)
    with reach(settings) as reached:
        record = reached.open_scope(held, scope, from_ms, to_ms)
    result = {"from_ms": from_ms, "instrument": name, "record": record, "scope": scope, "to_ms": to_ms}
    line = f"`{settings.party}` has opened `{scope}` of `{name}`; to close it before its time: record {record}"
    emit(result, json_wanted=json, lines=[line])


@app.command("close-scope")
def close_scope(
    name: _Id,
    opening: Annotated[str, typer.Argument(metavar="RECORD", help="The record by which our party opened it.")],
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Close a scope that our party opened, before its time."""
    settings = settings_of(config)
    with reading(settings) as node:
        held = _newest(node, name)
        own = node.store.query(
            "SELECT 1 FROM instruments_scope WHERE record_id = ? AND instrument = ? AND party = ?",
            (opening, name, settings.party),
        )
    if not own:
        raise RefusedError(
            f"record `{opening[:16]}` is no opening of a scope of `{name}` by `{settings.party}`: give its whole id"
        )
    with reach(settings) as reached:
        record = reached.close_scope(held, opening)
    emit({"instrument": name, "record": record}, json_wanted=json, lines=[f"The scope of `{name}` is closed."])
