"""`kizuna partner`: enrolment by card and fingerprint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kizuna.cli.base import CONFIG, Config, Json, emit, group, read_file, settings_of, shown_instant, table, write_file
from kizuna.cli.reach import reach
from kizuna.cli.reading import reading
from kizuna.kernel import keys
from kizuna.node.keys import keyfiles

app = group("partner", "Enrol partners: a card each way, fingerprints compared by voice.")


@app.command()
def invite(
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where the card goes.")] = None,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Write this node's card for a partner, and show its fingerprint to read out."""
    settings = settings_of(config)
    identity = keyfiles.load_identity(settings.keys, settings.node)
    card = keyfiles.card(identity, settings.keys, settings.partners.address)
    path = out or Path(f"{settings.node.replace('/', '-')}.card")
    write_file(path, card + b"\n", replace=True)
    fingerprint = keys.fingerprint(card)
    lines = [
        f"The card of `{settings.node}` is in `{path}`: hand it to the partner, it holds no secret.",
        f"Its fingerprint, to be read out over a line that you trust: {fingerprint}",
    ]
    emit({"card": str(path), "fingerprint": fingerprint, "node": settings.node}, json_wanted=json, lines=lines)


@app.command()
def accept(
    card_file: Annotated[Path, typer.Argument(metavar="FILE", help="The partner's card.")],
    fingerprint: Annotated[str, typer.Option("--fingerprint", help="As the partner has read it out.")] = "",
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Pin a partner's card, once you have typed the fingerprint that the partner has read out."""
    settings = settings_of(config)
    card = read_file(card_file).strip()
    _, keyset = keys.read_card(card)
    said = fingerprint or typer.prompt(
        f"The fingerprint of `{keyset.node}`, as its people read it out to you", err=True
    )
    with reach(settings) as node:
        accepted = node.enrol(card, said)
    emit({"node": accepted, "party": keyset.party}, json_wanted=json, lines=[f"`{accepted}` is enrolled."])


@app.command()
def introduce(
    card_file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The card of a party that we have no channel with.")
    ],
    fingerprint: Annotated[str, typer.Option("--fingerprint", help="As its people have read it out.")] = "",
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Pin a card without opening a channel: what this party signs then counts when a partner passes it on with its consent."""
    settings = settings_of(config)
    card = read_file(card_file).strip()
    _, keyset = keys.read_card(card)
    said = fingerprint or typer.prompt(
        f"The fingerprint of `{keyset.node}`, as its people read it out to you", err=True
    )
    with reach(settings) as node:
        pinned = node.introduce(card, said)
    emit({"node": pinned, "party": keyset.party}, json_wanted=json, lines=[f"`{pinned}` is introduced."])


@app.command("list")
def list_(config: Config = CONFIG, *, json: Json = False) -> None:
    """Show who is enrolled."""
    with reading(settings_of(config)) as node:
        since = dict(node.store.query("SELECT node, enrolled_at_ms FROM partner WHERE removed_at_ms = 0"))
        found = [
            {
                "address": partner.address,
                "enrolled_at_ms": since[partner.node],
                "keys_version": partner.keyset.version,
                "node": partner.node,
                "party": partner.party,
            }
            for partner in node.partners.values()
        ]
    rows = [
        (p["node"], p["address"] or "by bundle", p["keys_version"], shown_instant(p["enrolled_at_ms"])) for p in found
    ]
    lines = [table("node", "address", "keys", "enrolled", rows=rows)] if found else ["No partner is enrolled."]
    emit({"partners": found}, json_wanted=json, lines=lines)


@app.command()
def remove(
    node: Annotated[str, typer.Argument(metavar="NODE", help="Like `jpn/yokosuka`.")],
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Close both channels with a partner; what was exchanged stays."""
    settings = settings_of(config)
    with reading(settings) as held:
        held.partner(node)
    with reach(settings) as reached:
        reached.remove(node)
    emit({"node": node}, json_wanted=json, lines=[f"The channels with `{node}` are closed."])
