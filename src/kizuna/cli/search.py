"""`kizuna search`: what is held, by its words; whoever may read the store finds all of it."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from kizuna.cli.base import CONFIG, Config, Json, emit, settings_of, shown_instant, table
from kizuna.cli.reading import reading
from kizuna.node.domains import DOMAINS
from kizuna.node.held import seeking


def search(
    words: Annotated[list[str], typer.Argument(metavar="WORD...", help="Words, or how they begin; all must be there.")],
    kind: Annotated[
        str, typer.Option("--kind", help="Only this kind of thing, such as `maritime.vessel` or `supply.order`.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many of each kind to list.")] = 20,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Find records by what they say: vessels, cases, orders, commitments, exercises, claims, meetings; the newest first."""
    kinds = [each for each in seeking.kinds_in(DOMAINS) if kind in {"", each}]
    with reading(settings_of(config)) as node, node.store.view() as db:
        groups = seeking.find(db, " ".join(words), seeking.whoever_holds_the_store(), kinds, most=limit)
    rows = [
        (hit.kind, hit.title or hit.type, hit.issuer, shown_instant(hit.at_ms), hit.standing, hit.record[:16])
        for group in groups
        for hit in group.hits
    ]
    more = [group.kind for group in groups if group.more]
    lines = [
        table("kind", "what", "who", "when", "", "record", rows=rows) if rows else "nothing has all of these words"
    ]
    lines += [f"more of: {', '.join(more)}"] if more else []
    emit({"groups": msgspec.to_builtins(groups)}, json_wanted=json, lines=lines)
