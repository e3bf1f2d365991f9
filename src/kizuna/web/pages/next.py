"""What to do next: what waits for this officer in this role, the most pressing first; where a role begins that has no page of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from kizuna.domains.case.queries import QUERIES
from kizuna.kernel.domain import Domain
from kizuna.web import reads
from kizuna.web.access import CARRIERS, OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.pages.desk import ask, offers
from kizuna.web.pages.page import Pages, Task, View, route

TASK = Task("/next", "What to do next", OFFICERS)
_BY_NAME = {query.name: query for query in QUERIES}
_SOON_MS = 7 * 86_400_000
_MOST = 10
_LOOKED_AT = 200
_NEW_MS = 86_400_000


@dataclass(frozen=True)
class Next:
    """One thing to do: how pressing it is (`alarm`, `now` or empty), what it is in words, and its page."""

    urgency: str
    text: str
    path: str
    at_ms: int = 0


def next_pages(pages: Pages, domains: Sequence[Domain]) -> list[ControllerRouterHandler]:
    """Return the route of what to do next."""

    @get("/next", sync_to_thread=True, **route(pages, OFFICERS))
    def following(request: Call) -> Response[str]:
        view = pages.view(request)
        found = [*_of_node(view), *_deadlines(view), *_waiting(view), *_alerts(view), *_own(view)]
        return view.page("next.html", nexts=found, offers=offers(domains, view.role))

    return [following]


def _of_node(view: View) -> Iterator[Next]:
    """Yield what is not right with the node itself, for those who can mend it."""
    if view.role not in CARRIERS:
        return
    state = reads.status(view.node, view.office.health())
    if state.halted:
        yield Next("alarm", view.words("Every release is stopped."), "/channels")
    for channel in state.channels:
        if channel.out_stopped or channel.in_stopped:
            yield Next("alarm", view.words("The channel with {node} is stopped.", node=channel.node), "/channels")
    for warned in state.warnings:
        yield Next("now", view.words(warned.sentence), "/channels")


def _deadlines(view: View) -> Iterator[Next]:
    given = {"until_ms": str(view.now_ms + _SOON_MS), "limit": str(_LOOKED_AT)}
    for row in (view.sight.rows(ask(view, _BY_NAME["dues"], given), "case") or ())[:_MOST]:
        text = view.words("A deadline has passed: {case}") if row["overdue"] else view.words("A deadline comes: {case}")
        yield Next(
            "alarm" if row["overdue"] else "now", text.format(case=row["case"]), _case(row["case"]), row["due_ms"]
        )


def _waiting(view: View) -> Iterator[Next]:
    """Yield the cases that wait for a signature of the reader's party."""
    given = {"waits_for": view.office.node.identity.party, "limit": str(_LOOKED_AT)}
    for row in (view.sight.rows(ask(view, _BY_NAME["list"], given), "case") or ())[:_MOST]:
        text = view.words("A proposal waits for our signature: {case}", case=row["case"])
        yield Next("now", text, _case(row["case"]), row["changed_at_ms"])


def _alerts(view: View) -> Iterator[Next]:
    with view.node.store.view() as db:
        for alert in reads.alerts(db, 1 << 53, _MOST):
            if view.now_ms - alert.at_ms < _NEW_MS:
                yield Next("now", alert.sentence, "/alerts", alert.at_ms)


def _own(view: View) -> Iterator[Next]:
    account = view.account
    if account is not None and not account.password and not account.federated:
        yield Next("", view.words("Choose a password: without one, only a new link lets you in again."), "/password")


def _case(name: str) -> str:
    return f"/cases/{quote(name, safe='')}"
