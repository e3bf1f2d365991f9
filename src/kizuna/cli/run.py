"""`kizuna run`: the node with its listeners, until told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from typing import TYPE_CHECKING, Any

from kizuna.cli.account import first_link
from kizuna.cli.base import CLOCK, CONFIG, Config, Json, emit, policies_of, progress, random, settings_of
from kizuna.errors import ConfigError
from kizuna.node import logs
from kizuna.node.keys import keyfiles
from kizuna.node.people import tokens
from kizuna.node.people.tokens import Tokens
from kizuna.node.service import Node, open_node
from kizuna.node.settings import Settings, host_port
from kizuna.storage.private import write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from litestar.types import ControllerRouterHandler

    from kizuna.node.plugs.plugging import Plugging
    from kizuna.node.plugs.showing import Showing
    from kizuna.web.partners import PartnerClient
    from kizuna.web.serve import Ports
    from kizuna.web.tls import TlsFiles

_YEAR_MS = 365 * 86_400_000


def run(config: Config = CONFIG, *, json: Json = False) -> None:
    """Run the node until SIGTERM or SIGINT; what is under way is finished."""
    from kizuna.web.partners import PartnerClient  # noqa: PLC0415 # the servers are loaded by this command alone
    from kizuna.web.tls import TlsFiles  # noqa: PLC0415 # the same

    # A node makes containers by the hundred for each record and keeps few: rare collections save a quarter of its time.
    gc.set_threshold(50_000, 50, 100)
    settings = settings_of(config)
    logs.configure(sys.stderr, level=settings.log.level, form=settings.log.format)
    files = TlsFiles(settings.keys / keyfiles.CERTIFICATE, settings.keys / keyfiles.TLS_KEY)
    client = PartnerClient(files)
    with progress("rebuilding tables", json_wanted=json) as tick:
        node = open_node(settings, clock=CLOCK, random=random, send=client.send, progress=tick)
    try:
        first = admin_token(settings)
        asyncio.run(_serve(node, client, files, first=first, json_wanted=json))
        if node.runner.fault is not None:
            raise node.runner.fault
    finally:
        node.close(served=True)


async def _serve(node: Node, client: PartnerClient, files: TlsFiles, *, first: bool, json_wanted: bool) -> None:
    from kizuna.node.maritime.watch import open_watch  # noqa: PLC0415 # the same
    from kizuna.node.plugs.plugging import Plugging  # noqa: PLC0415 # Arrow and numpy are loaded by this command alone
    from kizuna.node.plugs.showing import Showing  # noqa: PLC0415 # the same
    from kizuna.web.api.domains import domain_routes  # noqa: PLC0415 # the servers are loaded by this command alone
    from kizuna.web.api.instruments import INSTRUMENT_ROUTES  # noqa: PLC0415 # the same
    from kizuna.web.api.keys import key_routes  # noqa: PLC0415 # the same
    from kizuna.web.api.picture import picture_routes  # noqa: PLC0415 # the same
    from kizuna.web.api.plugs import plug_routes  # noqa: PLC0415 # the same
    from kizuna.web.pages.index import page_routes  # noqa: PLC0415 # the same
    from kizuna.web.serve import Serving, serve  # noqa: PLC0415 # the same

    settings = node.settings
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch = open_watch(node, CLOCK)
    plugging = Plugging(node.runner, node.core.world, settings.plugs, CLOCK)
    node.runner.observe(plugging.observe)
    showing = Showing(node.store, settings.party, settings.areas, settings.desk.grade(settings.party))
    adaptor = _adaptor(settings, plugging, showing)
    partner_host, partner_port = host_port(settings.partners.listen)
    api_host, api_port = host_port(settings.users.listen)
    serving = Serving(
        tls=files,
        keys=settings.keys,
        tokens=settings.tokens,
        data=settings.data,
        partner_host=partner_host,
        partner_port=partner_port,
        api_host=api_host,
        api_port=api_port,
        routes=(*INSTRUMENT_ROUTES, *domain_routes(node.domains), *key_routes(settings.keys), *picture_routes(watch)),
        pages=lambda office: (
            *plug_routes(office, plugging, showing, adaptor),
            *page_routes(office, node.domains, watch, own_units=frozenset(settings.own_units)),
        ),
        address=settings.users.address,
        oidc=settings.users.oidc,
        passkeys=settings.users.passkeys,
        policies=policies_of(settings),
    )

    ready = _telling(settings, first_link(settings), first=first, json_wanted=json_wanted)
    await serve(node, client, CLOCK, serving, stop, jobs=(watch, plugging), ready=ready)


def _telling(settings: Settings, link: str, *, first: bool, json_wanted: bool) -> Callable[[Ports], None]:
    """Return what says that the node runs, where, and how somebody gets in."""

    def ready(ports: Ports) -> None:
        host = host_port(settings.users.listen)[0]
        result: dict[str, Any] = {"node": settings.node, "partners_port": ports.partners, "users_port": ports.api}
        lines = [f"`{settings.node}` runs: partners on port {ports.partners}, users on http://{host}:{ports.api}/"]
        if link:
            result["link"] = link
            lines.append(f"Let yourself in, once and within an hour: {link}")
        if first:
            lines.append(
                f"An administrator's token is in `{settings.admin_token}`; `kizuna token add` makes one for each program,"
                " `kizuna account add` an account for each officer."
            )
        emit(result, json_wanted=json_wanted, lines=lines)
        sys.stdout.flush()

    return ready


def _adaptor(settings: Settings, plugging: Plugging, showing: Showing) -> Sequence[ControllerRouterHandler]:
    """Return the routes of the adaptor to EU CISE, none where the settings name none.

    Raises:
        ConfigError: its files cannot be used, or the extra for it is not installed.
    """
    if settings.cise is None:
        return ()
    try:
        from kizuna.node.plugs.cise_edge import open_edge  # noqa: PLC0415 # needs an extra that most nodes do without
        from kizuna.web.api.cise import cise_routes  # noqa: PLC0415 # the same
    except ImportError as error:
        raise ConfigError("`[cise]` needs the reader of its messages: install the extra `kizuna[cise]`") from error
    return cise_routes(plugging, showing, open_edge(settings.cise, settings.party, random))


def admin_token(settings: Settings) -> bool:
    """Leave a token for the local administrator where there is none that counts; return whether one was made.

    Raises:
        ConfigError: it cannot be read or written.
    """
    held = Tokens(settings.tokens)
    now = CLOCK.now_ms()
    path = settings.admin_token
    if path.exists():
        keyfiles.check_private(path)
        if held.who(path.read_text(encoding="ascii", errors="replace").strip(), now) is not None:
            return False
    text, token = tokens.make("local", "administrator", now_ms=now, ends_ms=now + _YEAR_MS, random=random)
    held.add(token)
    write_private(path, text.encode() + b"\n")
    return True
