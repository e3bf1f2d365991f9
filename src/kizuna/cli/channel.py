"""`kizuna channel`: where channels stand, bundles across an air gap, and whether both sides hold the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from kizuna.cli.base import (
    CLOCK,
    CONFIG,
    Config,
    Json,
    Reason,
    emit,
    group,
    read_file,
    settings_of,
    shown_instant,
    table,
    write_file,
)
from kizuna.cli.reach import reach
from kizuna.cli.reading import reading
from kizuna.errors import ConfigError, ForkError
from kizuna.kernel.intervals import DAY_MS
from kizuna.node.channel.divergence import divergence, standing, told

app = group("channel", "Channels with partners, and bundles for those that no wire reaches.")
_Node = Annotated[str, typer.Argument(metavar="NODE", help="The partner's node, like `jpn/yokosuka`.")]


@app.command()
def export(
    node: _Node,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the bundle goes.")],
    days: Annotated[
        int, typer.Option("--days", min=1, max=365, help="For how many days the partner may take it in.")
    ] = 7,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Release what is due to a partner into a bundle file. This is the release, whether or not the file arrives."""
    if file.exists():
        raise ConfigError("exists already: choose another name, nothing was released", where=str(file))
    if not file.resolve().parent.is_dir():
        raise ConfigError("its folder does not exist: nothing was released", where=str(file))
    not_after_ms = CLOCK.now_ms() + days * DAY_MS
    with reach(settings_of(config)) as reached:
        data = reached.export(node, not_after_ms)
    write_file(file, data)
    result = {"bytes": len(data), "file": str(file), "node": node, "not_after_ms": not_after_ms}
    line = f"The bundle for `{node}` is in `{file}` ({len(data)} bytes), good until {shown_instant(not_after_ms)}."
    emit(result, json_wanted=json, lines=[line])


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The partner's bundle.")],
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Take in a partner's bundle; twice or out of order does no harm."""
    data = read_file(file)
    with reach(settings_of(config)) as node:
        done = node.take_in(data)
    receipt = "our receipt came home" if done["receipt"] else "no receipt of ours in it"
    line = f"From `{done['node']}`: {done['new']} new entries, {done['known']} held already, {done['refused']} refused; {receipt}."
    emit(done, json_wanted=json, lines=[line])


@app.command()
def status(config: Config = CONFIG, *, json: Json = False) -> None:
    """Show where both channels with each partner stand."""
    with reading(settings_of(config)) as node:
        found = [standing(node.store, name, CLOCK.now_ms()) for name in node.partners]
    rows = []
    for one in found:
        out, in_ = one["out"], one["in"]
        stopped = out["stopped"] or in_["stopped"]
        rows.append(
            (
                one["node"],
                out["size"],
                out["receipted"],
                out["due"],
                len(out["unconfirmed"]),
                len(out["bundles"]),
                in_["size"],
                in_["seen"],
                stopped or "no",
            )
        )
    names = ("node", "sent", "receipted", "due", "unconfirmed acts", "bundles out", "received", "seen", "stopped")
    emit(
        {"channels": found}, json_wanted=json, lines=[table(*names, rows=rows)] if rows else ["No partner is enrolled."]
    )


@app.command()
def compare(
    node: _Node,
    theirs: Annotated[
        Path | None,
        typer.Option("--theirs", metavar="FILE", help="The partner's own `kizuna channel compare --leaves --json`."),
    ] = None,
    *,
    leaves: Annotated[
        bool, typer.Option("--leaves", help="Add every leaf hash, for the partner to compare with.")
    ] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Check that both sides hold the same: sizes, roots, receipts, and by index what is missing; exit code 11 where they diverge."""
    settings = settings_of(config)
    with reading(settings) as held:
        held.partner(node)
        ours = standing(held.store, node, CLOCK.now_ms(), leaves=True)
    ours["of"] = settings.node
    findings = divergence(ours, told(read_file(theirs), settings.node, node) if theirs else None)
    diverged = [finding for finding in findings if finding.diverged]
    if not leaves:
        for side in ("out", "in"):
            ours[side].pop("leaves")
    result = {**ours, "agree": not diverged, "findings": msgspec.to_builtins(findings)}
    lines = [finding.sentence for finding in findings] or [
        f"Nothing is missing and nothing differs in the channels with `{node}`."
    ]
    emit(result, json_wanted=json, lines=lines)
    if diverged:
        raise ForkError(f"the channels with `{node}` diverge: stop them, tell the security officer")


@app.command()
def reopen(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="As `kizuna channel status --json` names it.")],
    reason: Reason,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Let a channel go on that a log fault has stopped, after security has looked into it."""
    with reach(settings_of(config)) as node:
        node.reopen(channel, reason)
    emit({"channel": channel}, json_wanted=json, lines=[f"`{channel}` goes on."])
