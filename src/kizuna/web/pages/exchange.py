"""The balance of exchange: what each side gave, by category, with a chart; every number opens its records. And what was taken back or refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Response, get
from litestar.types import ControllerRouterHandler

from kizuna.kernel.channel import wire
from kizuna.web import charts
from kizuna.web.access import OFFICERS
from kizuna.web.bodies import Call
from kizuna.web.errors import NotHeldError
from kizuna.web.pages.desk import PAGE_ROWS
from kizuna.web.pages.page import Pages, View, number, route

WAYS = ("sent", "received", "refused", "refused-by-us", "taken-back", "waiting")
WAY_TITLES = {
    "sent": "Sent",
    "received": "Received",
    "refused": "Refused by the partner",
    "refused-by-us": "Refused by us",
    "taken-back": "Taken back",
    "waiting": "Waiting to go",
}
_LOOKED_AT = 2000
_OUT = frozenset({"sent", "refused", "taken-back", "waiting"})
_ROWS = {
    "sent": "SELECT l.type, l.record_id FROM leaf_out l WHERE l.kind = 'record' AND l.channel = ?1 ORDER BY l.seq DESC",
    "received": "SELECT l.type, l.record_id FROM leaf_in l WHERE l.kind = 'record' AND l.code = '' AND l.channel = ?2 ORDER BY l.seq DESC",
    "refused": "SELECT l.type, l.record_id FROM leaf_out l WHERE l.outcome NOT IN ('', 'stub') AND l.channel = ?1 ORDER BY l.seq DESC",
    "refused-by-us": "SELECT l.type, l.record_id FROM leaf_in l WHERE l.code <> '' AND l.channel = ?2 ORDER BY l.seq DESC",
    "taken-back": "SELECT r.type, a.record_id FROM act a JOIN record r ON r.id = a.record_id WHERE a.channel = ?1 ORDER BY r.seq DESC",
    "waiting": "SELECT r.type, o.item FROM outbox o JOIN record r ON r.id = o.item WHERE o.channel = ?1 ORDER BY o.seq DESC",
}


class Balance(msgspec.Struct, frozen=True):
    """What a category of records came to with one partner, each way."""

    category: str
    counts: dict[str, int]


class TakenBack(msgspec.Struct, frozen=True):
    """A record that was taken back, and whether its reader has confirmed that; `backups_until_ms` is until when its backups may hold it."""

    record: str
    type: str
    act: str
    confirmed_at_ms: int
    backups_until_ms: int


def exchange_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of the balance of exchange."""
    options = route(pages, OFFICERS) | {"sync_to_thread": True}

    @get("/channels/balance", **options)
    def balance(request: Call) -> Response[str]:
        view = pages.view(request)
        nodes = sorted(view.office.node.core.world.partners)
        node = request.query_params.get("node", "") or (nodes[0] if nodes else "")
        found = balances(view, node) if node in nodes else []
        back = taken_back(view, node) if node in nodes else []
        return view.page(
            "balance.html", nodes=nodes, of=node, found=found, ways=WAY_TITLES, chart=_chart(view, node, found), back=back,
        )  # fmt: skip

    @get("/channels/records", **options)
    def records(request: Call) -> Response[str]:
        view = pages.view(request)
        asked = {name: request.query_params.get(name, "") for name in ("node", "way", "category")}
        page = number(request.query_params.get("page", ""))
        if asked["way"] not in WAYS or asked["node"] not in view.office.node.core.world.partners:
            raise NotHeldError("there is no such list")
        found = [row for row in _rows(view, **asked) if view.sight.record(row[1])]
        rows, more = found[page * PAGE_ROWS : (page + 1) * PAGE_ROWS], len(found) > (page + 1) * PAGE_ROWS
        return view.page(
            "exchange_records.html", asked=asked, rows=rows, more=more, page_number=page, title=WAY_TITLES[asked["way"]]
        )

    return [balance, records]


def _channels(view: View, node: str) -> tuple[str, str]:
    own = view.office.node.identity.node
    return wire.channel_name(own, node), wire.channel_name(node, own)


def _rows(view: View, node: str, way: str, category: str) -> list[tuple[str, str]]:
    out, come = _channels(view, node)
    sql = _ROWS[way].replace("?1", "?").replace("?2", "?")
    rows = view.node.store.query(f"{sql} LIMIT ?", (out if way in _OUT else come, _LOOKED_AT))
    return [(type_, record) for type_, record in rows if not category or category_of(type_) == category]


def category_of(type_: str) -> str:
    """Return the category of a record type: its domain."""
    return type_.partition(".")[0]


_COUNTS = {
    "sent": "SELECT type, COUNT(*) FROM leaf_out WHERE kind = 'record' AND channel = ? GROUP BY type",
    "received": "SELECT type, COUNT(*) FROM leaf_in WHERE kind = 'record' AND code = '' AND channel = ? GROUP BY type",
    "refused": "SELECT type, COUNT(*) FROM leaf_out WHERE outcome NOT IN ('', 'stub') AND channel = ? GROUP BY type",
    "refused-by-us": "SELECT type, COUNT(*) FROM leaf_in WHERE code <> '' AND channel = ? GROUP BY type",
    "taken-back": "SELECT r.type, COUNT(*) FROM act a JOIN record r ON r.id = a.record_id WHERE a.channel = ? GROUP BY r.type",
    "waiting": "SELECT r.type, COUNT(*) FROM outbox o JOIN record r ON r.id = o.item WHERE o.channel = ? GROUP BY r.type",
}


def balances(view: View, node: str) -> list[Balance]:
    """Return the categories of which this officer may see all that either side holds: what may not be seen is not counted."""
    out, come = _channels(view, node)
    counts: dict[str, dict[str, int]] = {}
    for way, sql in _COUNTS.items():
        for type_, count in view.node.store.query(sql, (out if way in _OUT else come,)):
            row = counts.setdefault(category_of(type_), dict.fromkeys(WAYS, 0))
            row[way] += int(count)
    parties = {view.office.node.identity.party, node.partition("/")[0]}
    seen = [name for name in sorted(counts) if view.sight.issuers({name}) >= parties & _issuers(view, name)]
    return [Balance(name, counts[name]) for name in seen]


def _issuers(view: View, category: str) -> set[str]:
    return set(view.ceilings.of({category}))


def taken_back(view: View, node: str) -> list[TakenBack]:
    """Return what was taken back from a partner, what it has not confirmed first."""
    rows = view.node.store.query(
        "SELECT a.record_id, r.type, a.act, a.confirmed_at_ms, a.backups_pending_until_ms FROM act a JOIN record r ON r.id = a.record_id"
        " WHERE a.channel = ? ORDER BY CASE WHEN a.confirmed_at_ms = 0 THEN 0 ELSE 1 END, r.seq DESC LIMIT 200",
        (_channels(view, node)[0],),
    )
    return [TakenBack(*row) for row in rows if view.sight.record(row[0])]


def _chart(view: View, node: str, found: list[Balance]) -> Any:
    def href(way: str, category: str) -> str:
        return f"/channels/records?{urlencode({'node': node, 'way': way, 'category': category})}"

    series = {
        view.words(WAY_TITLES[way]): [charts.Bar(row.counts[way], href(way, row.category)) for row in found]
        for way in ("sent", "received")
    }
    labels = [view.words(row.category.capitalize()) for row in found]
    return charts.bars(view.words("Balance of exchange"), labels, series) if found else ""
