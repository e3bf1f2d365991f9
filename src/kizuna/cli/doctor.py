"""`kizuna doctor`: what is not right with a node, before it matters."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from kizuna.cli.base import CLOCK, CONFIG, Config, Json, emit, random, settings_of, table
from kizuna.cli.reading import Reading, reading
from kizuna.errors import ConfigError, JournalCorruptError, KizunaError, RefusedError
from kizuna.kernel.intervals import DAY_MS
from kizuna.node.keys import keyfiles
from kizuna.node.maritime.boundary import read_boundary
from kizuna.node.people.accounts import Accounts
from kizuna.node.people.tokens import Tokens
from kizuna.node.service import EXTRACTS, POSITIONS, DataLock, InUseError, mark_of, open_marks
from kizuna.node.settings import SQLITE, Settings, host_port
from kizuna.storage.extracts import space_of

_SOON_DAYS = 30
_LEAST_FREE_PERCENT = 10
_NEWEST = 1000
_LEAST_FONTS = 100
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Check:
    """One thing looked at; `error` is why it is not right."""

    name: str
    said: str
    error: KizunaError | None = None


def doctor(
    *,
    reachable: Annotated[bool, typer.Option("--partners", help="Also try to reach each partner's address.")] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Say what is not right, from settings, keys, clock and disk to pages, borders, sign-in and plugs; exits as the first fault does."""
    settings = settings_of(config)
    checks = [Check("settings", f"`{settings.node}` in `{config}`")]
    for name, look in _LOOKS.items():
        checks.append(_look(name, look, settings))
    if reachable:
        checks += _partners(settings)
    faults = [check.error for check in checks if check.error is not None]
    shown = [{"name": check.name, "ok": check.error is None, "said": check.said} for check in checks]
    rows = [(check.name, "ok" if check.error is None else "FAULT", check.said) for check in checks]
    emit(
        {"checks": shown, "node": settings.node, "ok": not faults},
        json_wanted=json,
        lines=[table("check", "", "", rows=rows)],
    )
    if faults:
        raise faults[0]


def _look(name: str, look: Callable[[Settings], str], settings: Settings) -> Check:
    try:
        return Check(name, look(settings))
    except KizunaError as error:
        return Check(name, str(error), error)


def _keys(settings: Settings) -> str:
    keyfiles.load_identity(settings.keys, settings.node)
    stray = settings.keys.parent / "root.key"
    if stray.exists():
        return f"private and certified; `{stray}` still lies on this machine: take it offline"
    return "private, and certified by the party's root"


def _certificate(settings: Settings) -> str:
    identity = keyfiles.load_identity(settings.keys, settings.node)
    folder = keyfiles.version_folder(settings.keys, identity.public.version)
    days = (keyfiles.certificate_ends_ms(folder / keyfiles.CERTIFICATE) - CLOCK.now_ms()) // DAY_MS
    if days < _SOON_DAYS:
        raise RefusedError(
            f"the tls certificate ends in {days} days: rotate the keys, beginning with `kizuna keys request`"
        )
    return f"ends in {days} days"


def _disk(settings: Settings) -> str:
    free = shutil.disk_usage(_existing(settings.data))
    percent = 100 * free.free // max(1, free.total)
    if percent < _LEAST_FREE_PERCENT:
        raise ConfigError(
            f"{percent} % of the disk is free, less than {_LEAST_FREE_PERCENT} %: make room", where=str(settings.data)
        )
    return f"{percent} % free, {free.free >> 20} MiB"


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _clock(_settings: Settings) -> str:
    synchronised = CLOCK.synchronised()
    if CLOCK.in_doubt():
        raise RefusedError("the clock was just set: a node releases nothing for a minute, look at the time service")
    if synchronised is None:
        return "the system does not say whether a time service holds it"
    return (
        "held by a time service" if synchronised else "held by no time service: set one up, unless this is an air gap"
    )


def _journal(settings: Settings) -> str:
    with reading(settings) as node:
        head = node.store.head()
        newest = list(node.store.read(max(1, head.seq - _NEWEST), _NEWEST + 1))
    if newest and newest[-1].chain != head.chain:
        raise JournalCorruptError("the newest entries do not lead to the head: `kizuna journal verify` says where")
    return f"{head.seq} entries, the newest {len(newest)} read back; `kizuna journal verify` reads all"


def _archive(settings: Settings) -> str:
    from kizuna.node.maritime.clearing import left  # noqa: PLC0415 # Arrow is loaded where it is looked at

    with reading(settings) as node:
        found = left(node.store, settings.data / POSITIONS)
    if found:
        raise RefusedError(
            f"{len(found)} files still hold positions that were withdrawn or have ended, the first `{found[0].path}`:"
            " a running node clears them within seconds, at rest `kizuna archive retain` does"
        )
    return "holds nothing that was withdrawn or has ended"


def _high_water(settings: Settings) -> str:
    marks = open_marks(settings)
    with reading(settings) as node:
        channels = node.store.query("SELECT channel, epoch, size FROM channel_out ORDER BY channel")
    behind = []
    for channel, epoch, size in channels:
        mark = mark_of(marks, channel)
        if mark is not None and (epoch, size) < (mark.epoch, mark.size):
            behind.append(f"`{channel}` ends at {size}, {mark.size} entries were signed")
    if behind:
        raise RefusedError(
            f"{'; '.join(behind)}: a restored backup; start the node, it fetches them back from the partner"
        )
    return f"{len(channels)} channels, none behind what was signed"


def _extracts(settings: Settings) -> str:
    count, size = space_of(settings.data / EXTRACTS)
    return (
        f"{count} of the journal for readers who may not see all, {size >> 20} MiB"
        if count
        else "none yet: made when asked for"
    )


def _ports(settings: Settings) -> str:
    try:
        DataLock(settings.data).release()
    except InUseError:
        return "the node runs"
    for name, text in (("partners", settings.partners.listen), ("users", settings.users.listen)):
        host, port = host_port(text)
        try:
            socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
        except OSError as error:
            raise ConfigError(f"`{name}.listen` cannot bind `{text}` ({error.strerror}): choose another") from error
    return f"free: {settings.partners.listen} and {settings.users.listen}"


def _plugs(settings: Settings) -> str:
    if not settings.plugs:
        return "none: nothing is given to charts or other systems"
    from kizuna.node.plugs.plugging import recipient_of  # noqa: PLC0415 # what decides is loaded where it is looked at

    with reading(settings) as node:
        known = {"own", *(partner.party for partner in node.partners.values())}
    strangers = sorted({plug.party for plug in settings.plugs} - known)
    if strangers:
        raise ConfigError(f"no partner of `{'`, `'.join(strangers)}` is enrolled: such plugs are given nothing")
    officers = {token.officer for token in Tokens(settings.tokens).list()}
    without = [plug.name for plug in settings.plugs if plug.officer and plug.officer not in officers]
    if without:
        raise ConfigError(f"the officers of `{'`, `'.join(without)}` have no token: make one with `kizuna token add`")
    unset = [plug.name for plug in settings.plugs if recipient_of(plug).unset]
    open_ones = [plug.name for plug in settings.plugs if plug.unsafe_not_loopback]
    if settings.cise is not None:
        keyfiles.check_private(settings.cise.key)
    told = [f"{len(settings.plugs)} plugs"]
    told += [f"given nothing, see `kizuna plug list`: {', '.join(unset)}"] if unset else []
    told += [f"open to their network: {', '.join(open_ones)}"] if open_ones else []
    return "; ".join(told)


def _pages(_settings: Settings) -> str:
    from kizuna.web.assets import FOLDER, Assets  # noqa: PLC0415 # the web layer is loaded where it is looked at

    assets = Assets()
    if not assets.built:
        return "not built: run `make pages` with a network; node and command line work without"
    missing = [entry for entry in ("page", "map") if not assets.scripts(entry) or not assets.styles(entry)]
    fonts = assets.fonts()
    if missing or fonts < _LEAST_FONTS:
        raise ConfigError(f"{fonts} fonts, without `{missing}`: build them anew with `make pages`", where=str(FOLDER))
    return f"built, {fonts} font files for three scripts"


def _borders(settings: Settings) -> str:
    if settings.boundary is None:
        return "none given: the chart draws none"
    return f"{len(read_boundary(settings.boundary)) >> 10} KiB of lines from `{settings.boundary}`"


def _proxy(settings: Settings) -> str:
    """Say whether the pages are had over TLS where browsers are meant to come from."""
    address = settings.users.address
    if not address:
        return "browsers come over loopback alone; for others set `users.address` and put a proxy with tls in front"
    host, port = host_port(address.removeprefix("https://") if ":" in address[8:] else f"{address[8:]}:443")
    try:
        with (
            socket.create_connection((host, port), _PATIENCE_S) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            return f"`{address}` answers with {wrapped.version()}"
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"`{address}` does not answer with tls ({error}): look at the proxy") from error


def _words(_settings: Settings) -> str:
    from kizuna.web.catalogue import NAMES, catalogue  # noqa: PLC0415 # the same

    counted = {name: sum(map(len, catalogue(name).values())) for name in NAMES if name != "en"}
    if not all(counted.values()):
        raise ConfigError(
            f"there are no words of `{min(counted, key=lambda name: counted[name])}`: install kizuna anew"
        )
    return "English, " + ", ".join(f"{count} texts in {NAMES[name]}" for name, count in counted.items())


def _provider(settings: Settings) -> str:
    """Say whether the provider of identities answers and is the one that is meant."""
    oidc = settings.users.oidc
    if not oidc.issuer:
        return "none: officers sign in with passwords"
    from kizuna.web.oidc import Provider  # noqa: PLC0415 # the same

    oidc.client_secret()
    told = asyncio.run(Provider(oidc, CLOCK, random).discover())
    return f"`{told.issuer}` answers"


def _accounts(settings: Settings) -> str:
    found = Accounts(settings.accounts).list()
    if not found:
        return "none yet: the first start prints a link, `kizuna account add` makes more"
    open_ones = [account.officer for account in found if not account.password and not account.federated]
    waiting = f", without a password yet: {', '.join(open_ones[:5])}" if open_ones else ""
    return f"{len(found)} accounts{waiting}"


def _store(settings: Settings) -> str:
    if settings.store != SQLITE:
        return "PostgreSQL"
    with reading(settings) as node:
        return f"SQLite, {_count(node)} records"


def _count(node: Reading) -> Any:
    return node.store.query("SELECT COUNT(*) FROM record")[0][0]


def _partners(settings: Settings) -> list[Check]:
    with reading(settings) as node:
        partners = list(node.partners.values())
    return [_look(f"partner {partner.node}", _reacher(partner.address), settings) for partner in partners]


def _reacher(address: str) -> Callable[[Settings], str]:
    def look(_settings: Settings) -> str:
        if not address:
            return "by bundle alone"
        try:
            socket.create_connection(host_port(address), _PATIENCE_S).close()
        except OSError as error:
            raise ConfigError(f"`{address}` cannot be reached ({error}): check network and firewall") from error
        return f"`{address}` answers"

    return look


_LOOKS: dict[str, Callable[[Settings], str]] = {
    "keys": _keys,
    "certificate": _certificate,
    "disk": _disk,
    "clock": _clock,
    "store": _store,
    "journal": _journal,
    "archive": _archive,
    "high-water": _high_water,
    "extracts": _extracts,
    "ports": _ports,
    "accounts": _accounts,
    "pages": _pages,
    "borders": _borders,
    "words": _words,
    "proxy": _proxy,
    "sign-in": _provider,
    "plugs": _plugs,
}
