"""`kizuna keys`: new keys for a node, and old ones revoked; the party's root signs both on a machine of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kizuna.cli.base import (
    CLOCK,
    CONFIG,
    Config,
    Json,
    emit,
    group,
    random,
    read_file,
    settings_of,
    shown_instant,
    table,
    write_file,
)
from kizuna.cli.reach import reach
from kizuna.cli.reading import reading
from kizuna.errors import RecordError
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.keys import NODE_PURPOSES
from kizuna.node.keys import keyfiles, renewal
from kizuna.node.service import DataLock
from kizuna.node.settings import host_port

app = group("keys", "Rotate and revoke the node's keys; the party's root stays offline.")
_OUT = Annotated[Path, typer.Argument(metavar="FILE", help="Where it goes; it holds no secret.")]
_SIGNED = Annotated[Path, typer.Argument(metavar="FILE", help="What `kizuna keys sign` made.")]


@app.command()
def show(config: Config = CONFIG, *, json: Json = False) -> None:
    """Show the versions of this node's keys, and when their certificates end."""
    settings = settings_of(config)
    identity = keyfiles.load_identity(settings.keys, settings.node)
    versions: list[dict[str, Any]] = [
        {
            "ends_ms": keyfiles.certificate_ends_ms(
                keyfiles.version_folder(settings.keys, each.public.version) / keyfiles.CERTIFICATE
            ),
            "made_at_ms": each.public.made_at_ms,
            "version": each.public.version,
        }
        for each in identity.every
    ]
    waiting = (settings.keys / renewal.NEXT).exists()
    rows = [(each["version"], shown_instant(each["made_at_ms"]), shown_instant(each["ends_ms"])) for each in versions]
    lines: list[Any] = [table("version", "made", "certificate ends", rows=rows)]
    if waiting:
        lines.append("New keys wait for the root's signature: `kizuna keys rotate` takes it in.")
    emit({"node": settings.node, "versions": versions, "waiting": waiting}, json_wanted=json, lines=lines)


@app.command()
def request(
    out: _OUT,
    overlap_days: Annotated[
        int, typer.Option("--overlap-days", min=1, max=365, help="How long the old certificate counts beside the new.")
    ] = 30,
    revoke_version: Annotated[
        int, typer.Option("--revoke", metavar="VERSION", help="Ask to revoke former keys instead.")
    ] = 0,
    *,
    compromised: Annotated[
        bool, typer.Option("--compromised", help="With --revoke: what the thief may have signed does not count either.")
    ] = False,
    last_good: Annotated[
        list[str] | None,
        typer.Option("--last-good", metavar="NODE=SIZE", help="With --compromised: how many entries to NODE count."),
    ] = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Make new keys, or name those to revoke, and write what the party's root is to sign."""
    settings = settings_of(config)
    identity = keyfiles.load_identity(settings.keys, settings.node)
    if revoke_version:
        with reading(settings) as node:
            epochs = dict(node.store.query("SELECT node, epoch FROM channel_out"))
            partners = {name: int(epochs[name]) for name in node.partners}
        data = renewal.ask_for_revocation(
            identity, revoke_version, partners, _sizes(last_good or []), compromised=compromised, now_ms=CLOCK.now_ms()
        )
    else:
        reached = settings.partners.address
        hosts = [host_port(reached)[0]] if reached else []
        overlap_ms = overlap_days * DAY_MS
        data = renewal.ask_for_keys(settings.keys, identity, hosts, CLOCK.now_ms(), overlap_ms, random)
    write_file(out, data + b"\n", replace=True)
    lines = [
        f"`{out}` waits for your party's root: `kizuna keys sign {out} SIGNED --root-key ROOT` on its own machine."
    ]
    emit({"request": str(out)}, json_wanted=json, lines=lines)


def _sizes(texts: list[str]) -> dict[str, int]:
    found = {}
    for text in texts:
        node, _, size = text.rpartition("=")
        if not node or not size.isdecimal():
            raise RecordError(f"`{text[:60]}` is not `NODE=SIZE`: like `jpn/yokosuka=120`")
        found[node] = int(size)
    return found


@app.command("sign")
def sign_(
    file: Annotated[Path, typer.Argument(metavar="REQUEST", help="What `kizuna keys request` wrote.")],
    out: _OUT,
    root_key: Annotated[Path, typer.Option("--root-key", metavar="FILE", help="The party's root key.")],
    *,
    json: Json = False,
) -> None:
    """Sign a request with the party's root key; needs no node, and shows what is signed."""
    asked = renewal.read_request(read_file(file).strip())
    write_file(out, renewal.sign_request(asked, keyfiles.load_root(root_key)) + b"\n", replace=True)
    lines = []
    if asked.keyset is not None:
        made = shown_instant(asked.keyset.made_at_ms)
        lines.append(f"Signed: key set {asked.keyset.version} of `{asked.keyset.node}`, made {made}.")
    for each in asked.revocations:
        where = f"from entry {each.size} of epoch {each.epoch} on" if each.compromised else "from its arrival on"
        lines.append(f"Signed: version {each.version} of `{each.node}` does not count on `{each.channel}` {where}.")
    result = {
        "revocations": len(asked.revocations),
        "signed": str(out),
        "version": asked.keyset.version if asked.keyset is not None else 0,
    }
    emit(result, json_wanted=json, lines=lines)


@app.command("to-token")
def to_token(
    purpose: Annotated[str, typer.Argument(metavar="PURPOSE", help="record, checkpoint, receipt or bundle.")],
    module: Annotated[Path, typer.Option("--module", metavar="FILE", help="The token's PKCS#11 module.")],
    token: Annotated[str, typer.Option("--token", metavar="LABEL", help="The token, by its label.")],
    pin_file: Annotated[
        Path, typer.Option("--pin-file", metavar="FILE", help="Holds the PIN; readable by the node alone.")
    ],
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Put a signing key into a PKCS#11 token, where it can be used and not read; no node may run."""
    settings = settings_of(config)
    if purpose not in NODE_PURPOSES:
        raise RecordError(f"`{purpose[:40]}` is no signing key of a node: choose {', '.join(NODE_PURPOSES)}")
    lock = DataLock(settings.data)
    try:
        label = keyfiles.move_to_token(settings.keys, settings.node, purpose, str(module.absolute()), token, pin_file)
    finally:
        lock.release()
    result = {"label": label, "purpose": purpose, "token": token}
    emit(
        result,
        json_wanted=json,
        lines=[f"The {purpose} key is in token `{token}` as `{label}`, and no file holds it here."],
    )


@app.command()
def rotate(file: _SIGNED, config: Config = CONFIG, *, json: Json = False) -> None:
    """Turn to the new keys and tell every partner; two persons."""
    with reach(settings_of(config)) as node:
        version = node.rotate(read_file(file).strip())
    lines = [f"Key set {version} is in use; each partner learns of it over its channel or by the next bundle."]
    emit({"version": version}, json_wanted=json, lines=lines)


@app.command()
def revoke(file: _SIGNED, config: Config = CONFIG, *, json: Json = False) -> None:
    """Tell every partner that former keys sign no more; two persons."""
    with reach(settings_of(config)) as node:
        version = node.revoke(read_file(file).strip())
    emit({"version": version}, json_wanted=json, lines=[f"Key set {version} is revoked; each partner is told."])
