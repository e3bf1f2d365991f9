"""`kizuna account`: officers' accounts for the pages, and the links that let them in once."""

from __future__ import annotations

from typing import Annotated

import typer

from kizuna.cli.base import (
    CLOCK,
    CONFIG,
    Config,
    Json,
    emit,
    group,
    instant_ms,
    random,
    settings_of,
    shown_instant,
    table,
)
from kizuna.errors import ConfigError, RefusedError
from kizuna.kernel.label import MAX_CLASSIFICATION
from kizuna.node.people.accounts import Account, Accounts
from kizuna.node.people.tokens import ROLES
from kizuna.node.settings import Settings, host_port
from kizuna.node.signin_settings import is_loopback

app = group("account", "Officers' accounts for the pages; a running node sees changes at once.")
_HOUR_MS = 3_600_000
FIRST = "local"
"""The officer id of the account that a node's first start makes."""
FIRST_LINK_MS = _HOUR_MS

Officer = Annotated[str, typer.Argument(metavar="OFFICER", help="A pseudonymous officer id, like `7`.")]
Hours = Annotated[int, typer.Option("--hours", min=1, max=24 * 30, help="After how many hours the link ends.")]


@app.command()
def add(
    officer: Officer,
    role: Annotated[list[str], typer.Option("--role", help=f"One of {', '.join(ROLES)}; may be repeated.")],
    clearance: Annotated[
        int,
        typer.Option(
            min=0, max=MAX_CLASSIFICATION, help="The highest grade that may be seen, in the node's own policy."
        ),
    ] = 0,
    nationality: Annotated[str, typer.Option(help="Whose officer it is; without, the node's own party.")] = "",
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="INSTANT",
            help="From when on the account counts no more and is forgotten, like `2027-07-01`.",
        ),
    ] = "",
    hours: Hours = 24,
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Make an account, and a link that lets its officer in once to choose a password."""
    settings = settings_of(config)
    held = _accounts(settings)
    now = CLOCK.now_ms()
    held.add(
        Account(
            clearance=clearance, made_ms=now, nationality=nationality or settings.party, officer=officer, password="",
            roles=tuple(dict.fromkeys(role)), ends_ms=_end_ms(until, now) if until else 0,
        )
    )  # fmt: skip
    _tell_link(settings, held, officer, hours * _HOUR_MS, json=json)


def _end_ms(until: str, now_ms: int) -> int:
    ends_ms = instant_ms(until)
    if ends_ms <= now_ms:
        raise RefusedError(f"`{until[:40]}` is past, and the account would count for nothing: give a later instant")
    return ends_ms


@app.command()
def link(officer: Officer, hours: Hours = 24, config: Config = CONFIG, *, json: Json = False) -> None:
    """Make a fresh link that lets an officer in once: for who has forgotten the password."""
    settings = settings_of(config)
    _tell_link(settings, _accounts(settings), officer, hours * _HOUR_MS, json=json)


def _tell_link(settings: Settings, held: Accounts, officer: str, good_ms: int, *, json: bool) -> None:
    now = CLOCK.now_ms()
    url = sign_in_link(settings, held, officer, now_ms=now, good_ms=good_ms)
    lines = [url, f"Lets officer `{officer}` in once, until {shown_instant(now + good_ms)}; it is not shown again."]
    emit({"ends_ms": now + good_ms, "link": url, "officer": officer}, json_wanted=json, lines=lines)


@app.command("list")
def list_(config: Config = CONFIG, *, json: Json = False) -> None:
    """Show which accounts there are."""
    found = _accounts(settings_of(config)).list()
    shown = [
        {
            "clearance": each.clearance, "made_ms": each.made_ms, "nationality": each.nationality, "officer": each.officer,
            "passkeys": len(each.passkeys), "password": bool(each.password), "roles": list(each.roles), "ends_ms": each.ends_ms,
        }
        for each in found
    ]  # fmt: skip
    rows = [
        (
            each.officer, ", ".join(each.roles), each.clearance, each.nationality, "chosen" if each.password else "none yet",
            len(each.passkeys), shown_instant(each.made_ms), shown_instant(each.ends_ms),
        )
        for each in found
    ]  # fmt: skip
    columns = ("officer", "roles", "clearance", "nationality", "password", "passkeys", "made", "ends")
    lines = [table(*columns, rows=rows)] if found else ["There are no accounts: `kizuna account add` makes one."]
    emit({"accounts": shown}, json_wanted=json, lines=lines)


@app.command()
def remove(officer: Officer, config: Config = CONFIG, *, json: Json = False) -> None:
    """Take an account away; whoever is signed in with it is out at the next click."""
    _accounts(settings_of(config)).remove(officer)
    emit({"officer": officer}, json_wanted=json, lines=[f"The account of officer `{officer}` is gone."])


@app.command()
def passkeys(
    officer: Officer,
    remove: Annotated[
        str, typer.Option("--remove", metavar="NAME", help="Forget this one: for who has lost its device.")
    ] = "",
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Show an officer's passkeys, or take one away."""
    held = _accounts(settings_of(config))
    if remove:
        held.remove_passkey(officer, remove)
        emit(
            {"officer": officer, "passkey": remove}, json_wanted=json,
            lines=[f"Passkey `{remove}` of officer `{officer}` counts no more."],
        )  # fmt: skip
        return
    account = held.get(officer)
    if account is None:
        raise RefusedError(f"there is no account of officer `{officer[:40]}`: list them first")
    shown = [{"made_ms": key.made_ms, "name": key.name, "used_ms": key.used_ms} for key in account.passkeys]
    rows = [(key.name, shown_instant(key.made_ms), shown_instant(key.used_ms)) for key in account.passkeys]
    lines = [table("passkey", "made", "last used", rows=rows)] if rows else ["There are none: an officer makes them."]
    emit({"officer": officer, "passkeys": shown}, json_wanted=json, lines=lines)


def _accounts(settings: Settings) -> Accounts:
    if not settings.data.is_dir():
        raise ConfigError("is no folder: make the node first, or mend `data`", where=str(settings.data))
    return Accounts(settings.accounts)


def sign_in_link(settings: Settings, held: Accounts, officer: str, *, now_ms: int, good_ms: int) -> str:
    """Return the address that lets an officer in once.

    Raises:
        RefusedError: there is no such account.
        ConfigError: the accounts cannot be read or written.
    """
    code = held.invite(officer, now_ms=now_ms, ends_ms=now_ms + good_ms, random=random)
    return f"{settings.users.address or _by_name(settings)}/signin/{code}"


def _by_name(settings: Settings) -> str:
    """Return where this machine reaches the pages: by a name where an account may need a passkey, which browsers keep for names alone."""
    host, port = host_port(settings.users.listen)
    wanted = settings.users.passkeys
    by_name = is_loopback(host) and (wanted.required_roles or wanted.required_clearance is not None)
    return f"http://localhost:{port}" if by_name else f"http://{settings.users.listen}"


def first_link(settings: Settings) -> str:
    """Return a link for the local administrator where nobody has a password yet and only this machine reaches the pages, else nothing."""
    held = Accounts(settings.accounts)
    if settings.users.address or any(account.password or account.officer != FIRST for account in held.list()):
        return ""
    now = CLOCK.now_ms()
    if held.get(FIRST) is None:
        held.add(
            Account(
                clearance=MAX_CLASSIFICATION, made_ms=now, nationality=settings.party, officer=FIRST, password="",
                roles=("administrator",),
            )
        )  # fmt: skip
    return sign_in_link(settings, held, FIRST, now_ms=now, good_ms=FIRST_LINK_MS)
