"""`kizuna token`: users' tokens, each bound to one officer in one role."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from kizuna.cli.base import CLOCK, CONFIG, Config, Json, emit, group, random, settings_of, shown_instant, table
from kizuna.errors import ConfigError
from kizuna.kernel.intervals import DAY_MS
from kizuna.node.people import tokens
from kizuna.node.people.tokens import Tokens
from kizuna.node.settings import Settings

app = group("token", "Tokens for officers and programs; a running node sees changes at once.")


def _tokens(settings: Settings) -> Tokens:
    if not settings.data.is_dir():
        raise ConfigError("is no folder: make the node first, or mend `data`", where=str(settings.data))
    return Tokens(settings.tokens)


@app.command()
def add(
    officer: Annotated[str, typer.Argument(metavar="OFFICER", help="A pseudonymous officer id, like `7`.")],
    role: Annotated[str, typer.Argument(metavar="ROLE", help=", ".join(tokens.ROLES))],
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="After how many days it ends.")] = 90,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Make a token and show it once."""
    held = _tokens(settings_of(config))
    now = CLOCK.now_ms()
    text, token = tokens.make(officer, role, now_ms=now, ends_ms=now + days * DAY_MS, random=random)
    held.add(token)
    result = {"ends_ms": token.ends_ms, "id": token.id, "officer": officer, "role": role, "token": text}
    lines = [text, f"For officer `{officer}` as {role} until {shown_instant(token.ends_ms)}; it is not shown again."]
    emit(result, json_wanted=json, lines=lines)


@app.command("list")
def list_(config: Config = CONFIG, *, json: Json = False) -> None:
    """Show whose tokens there are, never the tokens."""
    found = _tokens(settings_of(config)).list()
    rows = [(t.id, t.officer, t.role, shown_instant(t.made_ms), shown_instant(t.ends_ms)) for t in found]
    shown = [{k: v for k, v in msgspec.structs.asdict(token).items() if k != "sha256"} for token in found]
    lines = [table("id", "officer", "role", "made", "ends", rows=rows)] if found else ["There are no tokens."]
    emit({"tokens": shown}, json_wanted=json, lines=lines)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `kizuna token list` shows it.")],
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Take a token back."""
    token = _tokens(settings_of(config)).revoke(token_id)
    result = {"id": token.id, "officer": token.officer, "role": token.role}
    emit(result, json_wanted=json, lines=[f"The token of officer `{token.officer}` as {token.role} counts no more."])
