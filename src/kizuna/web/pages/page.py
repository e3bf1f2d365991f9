"""What every page is made with: its frame, its words, its marking, who looks at it, and how it says that something went wrong.

A page is a handler that collects what it shows through a `View` and renders a template. Its marking is made from what was collected, so that the
banner is never lower than anything below it. A page that renews a part of itself says in its address what it bears (`?bears=`), and what comes back
brings the marking that then holds: that of the part and of all that still stands beside it. `kizuna.web.pages.index` says which pages there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
import structlog
from litestar import MediaType, Response
from litestar.exceptions import HTTPException
from markupsafe import Markup

from kizuna.errors import KizunaError
from kizuna.kernel.domain import Domain
from kizuna.kernel.explain import LANGUAGES
from kizuna.kernel.instrument import Agreement
from kizuna.node.people.accounts import Account
from kizuna.node.readers.extract import ExtractBehindError
from kizuna.web import access, shown
from kizuna.web.access import Office
from kizuna.web.assets import Assets
from kizuna.web.bodies import Call
from kizuna.web.books import RunningNode
from kizuna.web.catalogue import NAMES, Words, language_of
from kizuna.web.errors import AGAIN_S, NoPasskeyError, NotSignedInError, branch_of
from kizuna.web.rates import TooFastError
from kizuna.web.sessions import Session
from kizuna.web.sight import Ceilings, Sight

PALETTES = ("day", "dusk", "night")
LANGUAGE_COOKIE = "kizuna-language"
PALETTE_COOKIE = "kizuna-palette"
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self';"
        " worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "referrer-policy": "same-origin",  # with `no-referrer` browsers send forms with `Origin: null`
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""What every page says to the browser: nothing inline, nothing from elsewhere, in nobody's frame, in no cache."""
ROLE_TITLES = {
    "watch": "Watch officer",
    "liaison": "Liaison officer",
    "desk": "Desk officer",
    "logistics": "Logistics officer",
    "exercise": "Exercise planner",
    "equipment": "Equipment and technology officer",
    "security": "Security officer",
    "cyber": "Cyber analyst",
    "space": "Space analyst",
    "integrator": "Integrator",
    "administrator": "Administrator",
}
_TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
_MOST_DIGITS = 15
_log = structlog.get_logger("kizuna.web.pages")


@dataclass(frozen=True)
class Task:
    """An entry of the navigation: where it leads, what it is called, and to which roles it is shown."""

    path: str
    title: str
    roles: frozenset[str]


FIRST = {
    "watch": ("/picture", "/next", "/alerts", "/cases"),
    "liaison": ("/channels", "/withheld", "/next", "/cases"),
    "security": ("/security", "/channels", "/withheld", "/alerts", "/next"),
    "administrator": ("/channels", "/alerts", "/next"),
}
"""What of the navigation a role comes to first; all others begin with what waits for them, their desks and cases."""
_FIRST = ("/next", "/desk", "/cases")


def ordered(tasks: Sequence[Task], role: str) -> list[Task]:
    """Return the entries of the navigation that a role sees, its own work first."""
    first = FIRST.get(role, _FIRST)
    seen = [task for task in tasks if role in task.roles]
    return sorted(seen, key=lambda task: first.index(task.path) if task.path in first else len(first))


class Pages:
    """The templates, words and files of the pages of one node."""

    def __init__(
        self, office: Office, tasks: Sequence[Task], assets: Assets | None = None, domains: Sequence[Domain] = ()
    ) -> None:
        self.office = office
        self.tasks = tuple(tasks)
        self.roles = {(domain.name, act.name): act.roles for domain in domains for act in domain.operations}
        """Who may do what domains offer; a page shows no way to what its reader may not do."""
        self.assets = Assets() if assets is None else assets
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["coded"] = shown.coded
        self._templates.globals |= {"languages": NAMES, "palettes": PALETTES, "role_titles": ROLE_TITLES}

    def view(self, request: Call, desk: str = "") -> View:
        """Return what a handler collects a page in; a desk has words of its own."""
        return View(
            pages=self,
            path=request.url.path,
            host=request.headers.get("host", ""),
            session=request.state.session,
            account=request.state.account,
            words=Words(_language(request), desk),
            palette=_choice(request.cookies.get(PALETTE_COOKIE, ""), PALETTES),
            borne=request.query_params.get("bears", ""),
        )

    def render(self, template: str, values: dict[str, Any]) -> str:
        """Return the text of a template."""
        return self._templates.get_template(template).render(values)


def _choice(wanted: str, of: Sequence[str]) -> str:
    return wanted if wanted in of else of[0]


def _language(request: Call) -> str:
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else language_of(request.headers.get("accept-language", ""))


@dataclass
class View:
    """One page in the making: who looks at it, in which language and palette, and the labels of what is on it."""

    pages: Pages
    path: str
    host: str
    """As the browser asked for it, with the port."""
    session: Session | None
    account: Account | None
    words: Words
    palette: str
    borne: str = ""
    """What the open page bears of which a part is renewed; empty for a page that is opened."""
    _sight: Sight | None = field(default=None)
    _node: RunningNode | None = field(default=None)

    @property
    def office(self) -> Office:
        """The node that the page is of."""
        return self.pages.office

    @property
    def node(self) -> RunningNode:
        """The node as the officer may see it, still for the time of a page."""
        if self._node is None:
            if self.account is None:
                raise NotSignedInError("sign in first")
            self._node = self.office.books.of(self.account)
        return self._node

    @property
    def sees_all(self) -> bool:
        """Whether the officer may see all that is held, whatever that is now."""
        return self.node.store is self.office.node.store

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """The agreements as far as the officer may see what was said of them."""
        return self.office.books.agreements(self.node)

    @property
    def ceilings(self) -> Ceilings:
        """The highest grades of what the officer may see."""
        return self.office.books.ceilings(self.node.store)

    def look_again(self) -> None:
        """Take up what has happened since, on a page that goes on."""
        self._sight = self._node = None

    @property
    def now_ms(self) -> int:
        """The node's clock."""
        return self.office.clock.now_ms()

    @property
    def role(self) -> str:
        """The role in which the officer is signed in; empty where nobody is."""
        return self.session.role if self.session is not None else ""

    @property
    def finished(self) -> bool:
        """Whether somebody is signed in and may go further than to make a passkey."""
        return self.account is not None and not self.office.passkeys.missing(self.account)

    @property
    def sight(self) -> Sight:
        """What the officer may see, and the labels on the page."""
        if self._sight is None:
            if self.account is None:
                raise NotSignedInError("sign in first")
            self._sight = Sight(
                self.node.store, self.ceilings, self.node.identity.party, self.account,
                self.office.node.core.world.ledger.relabels, self.office.policies, self.office.books.labels(self.node.store),
            )  # fmt: skip
            if self.borne:
                self._sight.bear(self.borne)
        return self._sight

    def page(self, template: str, *, status: int = 200, script: str = "page", **values: Any) -> Response[str]:
        """Return a whole page; one that only changes a part of another is `part`."""
        assets = self.pages.assets
        entries = ("page",) if script == "page" else ("page", script)
        body_class = "picture" if script == "map" else ""
        text = self.pages.render(
            template,
            self._values(values)
            | {
                "body_class": body_class,
                "scripts": [url for entry in entries for url in assets.scripts(entry)],
                "styles": [url for entry in entries for url in assets.styles(entry)],
                "built": assets.built,
                "tasks": ordered(self.pages.tasks, self.role),
                "swapped": False,
            },
        )
        self._note_reads()
        return Response(text, status_code=status, media_type=MediaType.HTML, headers=HEADERS)

    def swap(self, template: str, **values: Any) -> Response[str]:
        """Return what takes the place of a part of an open page, or of all that is graded on it, with the marking that then holds."""
        shown = self._values(values) | {"swapped": True}
        parts = (template, "marking.html", "marking_foot.html")
        text = "".join(self.pages.render(part, shown) for part in parts)
        self._note_reads()
        return Response(text, media_type=MediaType.HTML, headers=HEADERS)

    def part(self, template: str, **values: Any) -> Response[str]:
        """Return a part of a page that is put into one that is open and has its marking from elsewhere; one that brings it is `swap`."""
        text = self.pages.render(template, self._values(values))
        self._note_reads()
        return Response(text, media_type=MediaType.HTML, headers=HEADERS)

    def _note_reads(self) -> None:
        if self._sight is not None and self.session is not None:
            self.office.reading.note(self.session.caller.actor, self._sight.shown, self.now_ms)

    def _values(self, values: dict[str, Any]) -> dict[str, Any]:
        return {
            "_": self.words,
            "view": self,
            "node": self.office.node.identity.node,
            "party": self.office.node.identity.party,
            "language": self.words.language,
            "palette": self.palette,
            "cell": self.cell,
            "may_do": lambda desk, act: self.role in self.pages.roles.get((desk, act), ()),
            "instant": shown.instant,
            "ago": lambda at_ms: shown.ago(at_ms, self.now_ms, self.words),
            "title_of": lambda name: self.words(shown.title(name)),
            "state_of": lambda name: shown.state(name, self.words),
            "role_title": lambda role: self.words(ROLE_TITLES.get(role, role)),
            "party_name": lambda code: shown.party(code, self.words.language),
            "grouped": lambda number: shown.grouped(number, self.words.language),
            "place": shown.place,
            "noted": lambda note: shown.noted(note, self.words),
            "told": lambda what: shown.told(what, self.words),
            "query": lambda **parts: urlencode(parts),
            "query_of": lambda asked, page: urlencode({**asked, "page": page}),
            # a page that looked at nothing bears no marking; one about a fault must not stand on what is at fault
            "marked": self._sight.marked(self.words.language) if self._sight is not None else "",
            "bears": self._sight.bears() if self._sight is not None else "",
            "csrf": Markup('<input type="hidden" name="csrf" value="{}">').format(
                self.session.csrf if self.session else ""
            ),  # the value is escaped by format
        } | values

    def cell(self, name: str, value: Any) -> Markup:
        """Return a value as a page shows it; see `kizuna.web.shown`."""
        return shown.cell(name, value, self.words)


def route(pages: Pages, roles: frozenset[str] | str, *, unfinished: bool = False) -> dict[str, Any]:
    """Return the options of a page's route: who may open it (see `access.page`), and that what goes wrong is said on a page."""
    return {
        "opt": access.page(roles, unfinished=unfinished),
        "include_in_schema": False,
        "exception_handlers": problem(pages),
    }


def problem(pages: Pages) -> dict[Any, Any]:
    """Return how pages say that something went wrong, by the branch of the error."""

    def on_error(request: Call, error: KizunaError) -> Response[Any]:
        if isinstance(error, NotSignedInError):
            return redirect("/signin")
        if isinstance(error, NoPasskeyError):
            return redirect("/passkeys")
        status, _, remedy = branch_of(error)
        if isinstance(error, ExtractBehindError):
            return _not_ready(pages, request, status)
        answer = _failed(pages, request, status, str(error), remedy)
        if isinstance(error, TooFastError):
            answer.headers["retry-after"] = str(error.wait_s)
        return answer

    def on_http(request: Call, error: HTTPException) -> Response[Any]:
        return _failed(
            pages, request, error.status_code, "there is no such page", "go back, or begin at the start page"
        )

    def on_any(request: Call, error: Exception) -> Response[Any]:
        _log.exception("page failed", status=500, exc_info=error)
        return _failed(
            pages,
            request,
            500,
            "the page failed on an unexpected error",
            "an administrator must look into the node's log",
        )

    return {KizunaError: on_error, HTTPException: on_http, Exception: on_any}


def _failed(pages: Pages, request: Call, status: int, sentence: str, remedy: str) -> Response[str]:
    for name in ("session", "account"):
        if not hasattr(request.state, name):
            setattr(request.state, name, None)
    view = pages.view(request)
    view.borne = ""  # what went wrong may be that very text, and nothing else stands on this page
    return view.page("failed.html", status=status, sentence=sentence, remedy=remedy)


def _not_ready(pages: Pages, request: Call, status: int) -> Response[str]:
    """Return a page without anything that is held, which asks again by itself where asking changes nothing."""
    request.state.session = request.state.account = None
    answer = pages.view(request).page(
        "not_ready.html", status=status, again_s=AGAIN_S if request.method == "GET" else 0
    )
    answer.headers["retry-after"] = str(AGAIN_S)
    return answer


def number(text: str, otherwise: int = 0) -> int:
    """Return the whole number that an address says, `otherwise` where it says none: digits in another script, or more than a store counts to."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else otherwise


def redirect(path: str) -> Response[None]:
    """Return an answer that leads the browser to a page of ours."""
    return Response(None, status_code=303, headers={**HEADERS, "location": path})
