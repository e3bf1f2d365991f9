"""`kizuna backup` and `kizuna restore`: a verified copy of a node, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kizuna.cli.base import CLOCK, CONFIG, Config, Json, emit, settings_of, shown_instant
from kizuna.node import backing


def backup(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where it goes; it must not exist.")],
    config: Config = CONFIG,
    *,
    keys: Annotated[bool, typer.Option("--with-keys", help="Also copy the private keys: guard it like them.")] = False,
    json: Json = False,
) -> None:
    """Copy journal, blobs, tokens and settings as of one instant, beside a running node too, and verify the copy."""
    made = backing.make(settings_of(config), config, folder, CLOCK.now_ms(), with_keys=keys)
    size = sum(file.size for file in made.files)
    result = {"chain": made.chain, "files": len(made.files), "folder": str(folder), "seq": made.seq, "size": size}
    secret = "the private keys are in it: guard it like them" if keys else "the private keys are not in it"
    lines = [f"`{made.node}` up to entry {made.seq} is in `{folder}`, {size >> 10} KiB, and verifies; {secret}."]
    emit(result, json_wanted=json, lines=lines)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `kizuna backup` wrote.")],
    config: Config = CONFIG,
    *,
    keys: Annotated[bool, typer.Option("--with-keys", help="Also put its private keys in place.")] = False,
    json: Json = False,
) -> None:
    """Verify a backup, then put it in the place of the node's data; the node must be stopped, and the high-water mark stays."""
    settings = settings_of(config)
    done = backing.restore(settings, folder, CLOCK.now_ms(), with_keys=keys)
    before = str(done.before) if done.before is not None else ""
    lines = [
        f"`{settings.node}` is at entry {done.manifest.seq} of {shown_instant(done.manifest.made_at_ms)}.",
        *([f"What was there before lies in `{before}`: keep it until all partners have caught up."] if before else []),
        "Start it and wait: what it signed since then it takes back from its partners before it signs again.",
    ]
    emit({"before": before, "node": settings.node, "seq": done.manifest.seq}, json_wanted=json, lines=lines)
