"""What the routes of API and pages stand on: the running node, who calls, and what their role lets them do.

A program calls with a token, a browser with a session; both are an officer in a role, and pass the same guard. A route without stated roles is
closed: what is forgotten is refused.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import SkipValidation

from kizuna.errors import RefusedError
from kizuna.kernel.marking_policy import BUNDLED, MarkingPolicy
from kizuna.kernel.ports import Clock, Random
from kizuna.node.metrics import Health, Metrics
from kizuna.node.people.accounts import Account, Accounts
from kizuna.node.people.tokens import ROLES, Officer, Tokens
from kizuna.web.bodies import Call
from kizuna.web.books import Books, RunningNode
from kizuna.web.errors import NoPasskeyError, NotHeldError, NoTokenError, NotSignedInError, NotYourRoleError
from kizuna.web.oidc import Provider
from kizuna.web.passkeys import Passkeys
from kizuna.web.rates import PLACE, SESSION, TOKEN, Rates
from kizuna.web.reading import Reading
from kizuna.web.sessions import Session, Sessions, Tries
from kizuna.web.sight import readers_of
from kizuna.web.stream import Hub

EVERYONE = frozenset(ROLES)
OFFICERS = EVERYONE - {"integrator"}
LIAISONS = frozenset({"liaison", "security"})
CARRIERS = LIAISONS | {"administrator"}
KEEPERS = frozenset({"administrator", "security"})
OPEN = "open"
"""Marks a route that takes no token."""
LOOPBACK = "loopback"
"""Marks a route that takes no token from this machine, and a token of any role from elsewhere."""

SECOND_OFFICER = "kizuna-second-officer"
"""The header in which a second person's token stands where an act needs two."""


@dataclass(frozen=True)
class Office:
    """What every route may use."""

    node: RunningNode
    tokens: Tokens
    clock: Clock
    health: Callable[[], Health]
    metrics: Metrics
    hub: Hub
    accounts: Accounts
    sessions: Sessions
    tries: Tries
    rates: Rates
    reading: Reading
    passkeys: Passkeys
    random: Random
    books: Books
    address: str = ""
    """Where browsers reach the pages, `https://...`; empty: over loopback, without TLS."""
    oidc: Provider | None = None
    """The provider of identities, where the settings name one."""
    policies: Mapping[str, MarkingPolicy] = field(default_factory=lambda: BUNDLED)
    """By which pages are marked."""

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; two nodes on one host keep apart by it, for a cookie knows no port."""
        name = f"kizuna-{self.node.identity.node.replace('/', '-')}"
        return f"__Host-{name}" if self.secure else name

    @property
    def secure(self) -> bool:
        """Whether browsers come over TLS."""
        return self.address.startswith("https://")


OfficeDependency = NamedDependency[SkipValidation[Office]]
Connection = ASGIConnection[Any, Any, Any, Any]


def opt(roles: frozenset[str] | str) -> dict[str, Any]:
    """Return the route options that name who may call it."""
    return {"access": roles}


def guard(office: Office) -> Callable[[Connection, BaseRouteHandler], None]:
    """Return the guard of the whole API."""

    def check(connection: Connection, handler: BaseRouteHandler) -> None:
        access = handler.opt.get("access", frozenset())
        _check_rate(office, connection)
        if handler.opt.get("page"):
            _check_page(office, connection, handler.opt)
            return
        if access == OPEN or (access == LOOPBACK and _is_local(connection)):
            return
        officer = officer_of(office, connection.headers.get("authorization", ""))
        if officer.role not in (EVERYONE if access == LOOPBACK else access):
            raise NotYourRoleError(f"role `{officer.role}` may not do this")
        connection.state.officer = officer

    return check


def _check_rate(office: Office, connection: Connection) -> None:
    """Count a request of whoever makes it: a session, a token, else a place. A made-up name has the bucket of its place."""
    client = connection.client
    caller, rate = f"place {client.host if client is not None else ''}", PLACE
    text = connection.cookies.get(office.cookie, "")
    header = connection.headers.get("authorization", "")
    now_ms = office.clock.now_ms()
    if text and office.sessions.holds(text, now_ms):
        caller, rate = f"session {hashlib.sha256(text.encode()).hexdigest()}", SESSION
    elif header and (officer := office.tokens.who(header.partition(" ")[2].strip(), now_ms)) is not None:
        caller, rate = f"token {officer.id} {officer.role}", TOKEN
    office.rates.take(caller, rate, now_ms)


def _check_page(office: Office, connection: Connection, handler_opt: Mapping[str, Any]) -> None:
    """Accept a browser's request: what it changes must come from our own pages, and its session must be of a role that may.

    Who must have a passkey and has none opens only what is marked for accounts that are not finished.
    """
    access = handler_opt.get("access", frozenset())
    if connection.scope.get("method") not in {"GET", "HEAD"}:
        _check_origin(connection)
    signed_in = session_of(office, connection)
    connection.state.session, connection.state.account = signed_in or (None, None)
    if access == OPEN:
        return
    if signed_in is None:
        raise NotSignedInError("sign in first")
    session, account = signed_in
    if session.role not in access:
        raise NotYourRoleError(f"role `{session.role}` may not do this")
    if not handler_opt.get("unfinished") and office.passkeys.missing(account):
        raise NoPasskeyError("this account needs a passkey before anything else")
    connection.state.officer = session.caller


def _check_origin(connection: Connection) -> None:
    """Accept a request that a page of this very host has made, by what browsers say of it (Fetch Metadata, RFC 6454)."""
    site = connection.headers.get("sec-fetch-site", "same-origin")
    origin = connection.headers.get("origin", "")
    if site != "same-origin" or (origin and origin.partition("://")[2] != connection.headers.get("host", "")):
        raise NotYourRoleError("this request does not come from a page of this node")


def session_of(office: Office, connection: Connection) -> tuple[Session, Account] | None:
    """Return session and account of whoever is signed in, None where nobody is, or no longer with this role."""
    text = connection.cookies.get(office.cookie, "")
    session = office.sessions.find(text, office.clock.now_ms()) if text else None
    account = office.accounts.get(session.officer) if session is not None else None
    if (
        session is None
        or account is None
        or session.role not in account.roles
        or not account.lasts(office.clock.now_ms())
        or (account.passkeys and not session.strong)
    ):
        office.sessions.end(text)
        return None
    return session, account


def page(roles: frozenset[str] | str, *, unfinished: bool = False) -> dict[str, Any]:
    """Return the route options of a page that these roles may open; `unfinished`: also who must have a passkey and has none yet."""
    return {"access": roles, "page": True, "unfinished": unfinished}


def officer_of(office: Office, header: str) -> Officer:
    """Return whose token an authorization header carries.

    Raises:
        NoTokenError: it carries none, or one that does not count.
    """
    scheme, _, text = header.partition(" ")
    officer = office.tokens.who(text.strip(), office.clock.now_ms()) if scheme.lower() == "bearer" else None
    if officer is None:
        raise NoTokenError("this call needs the token of an officer")
    return officer


def caller(request: Call) -> Officer:
    """Return the officer whom the guard let in."""
    officer: Officer = request.state.officer
    return officer


def node_of(office: Office, request: Call) -> RunningNode:
    """Return the node as the caller may see it, by the account of the token's officer."""
    return office.books.of(office.accounts.get(caller(request).id))


def check_held(office: Office, request: Call, record_id: str) -> None:
    """Accept the id of a record that the caller may see.

    Raises:
        NotHeldError: none such is held, or none that they may see: the same answer.
    """
    node = node_of(office, request)
    if node.store is not office.node.store and not node.store.query("SELECT 1 FROM record WHERE id = ?", (record_id,)):
        raise NotHeldError("no such record is held")


def sees_all(office: Office, request: Call) -> bool:
    """Return whether a caller may see all that is held, whatever that is now; this machine itself may, where it needs no token."""
    officer = office.tokens.who(
        request.headers.get("authorization", "").partition(" ")[2].strip(), office.clock.now_ms()
    )
    account = office.accounts.get(officer.id) if officer is not None else None
    return account is None or readers_of(account, office.node.identity.party).whole


def check_sees_all(office: Office, request: Call) -> None:
    """Accept a caller who may see all that is held: for figures that are made of everything.

    Raises:
        NotYourRoleError: the clearance of the token's officer does not reach so far, or they are of another nation.
    """
    if not sees_all(office, request):
        raise NotYourRoleError("this tells of all that the node holds: your clearance does not reach so far")


def second_officer(office: Office, request: Call, roles: frozenset[str]) -> Officer | None:
    """Return the second person who stands behind a call, or None where none is named.

    Raises:
        NoTokenError: the second token does not count.
        NotYourRoleError: its role may not do this.
        RefusedError: it is the same person, whatever the role.
    """
    header = request.headers.get(SECOND_OFFICER)
    if header is None:
        return None
    second = officer_of(office, header)
    if second.role not in roles:
        raise NotYourRoleError(f"the second person's role `{second.role}` may not do this")
    if second.id == caller(request).id:
        raise RefusedError("this needs two persons: the second must be another than the first")
    return second


def _is_local(connection: Connection) -> bool:
    client = connection.client
    try:
        return client is not None and ipaddress.ip_address(client.host).is_loopback
    except ValueError:
        return False
