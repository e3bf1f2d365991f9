"""The security desk: who read what, who let what go, what was changed or refused; stopping a channel or all of them; and the audit as a file."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from kizuna.errors import KizunaError
from kizuna.kernel.channel import wire
from kizuna.kernel.intervals import DAY_MS
from kizuna.node import effects as fx
from kizuna.node.held.auditing import KINDS
from kizuna.node.held.facts import load_record
from kizuna.web import forms, reads
from kizuna.web.access import LIAISONS
from kizuna.web.api.release import stated
from kizuna.web.bodies import Call
from kizuna.web.errors import branch_of
from kizuna.web.pages.desk import PAGE_ROWS
from kizuna.web.pages.page import HEADERS, Pages, Task, View, number, redirect, route

SECURITY = frozenset({"security"})
TASK = Task("/security", "Security", SECURITY)
GROUPS = ("reads", "releases", "policy", "acts", "accounts", "faults")
GROUP_TITLES = {
    "reads": "Who read what",
    "releases": "Who released what",
    "policy": "Changes of policy and partners",
    "acts": "Relabels, withdrawals and backfills",
    "accounts": "Accounts and passkeys",
    "faults": "Failed signatures and faults",
}
COLUMNS = ("seq", "at_ms", "kind", "actor", "partner", "record", "what", "entry_sha256")
_MOST_EXPORTED = 20_000


class Line(msgspec.Struct, frozen=True):
    """One line of the audit; `entry_sha256` is the journal's chain value after its entry, by which it is found there again."""

    seq: int
    at_ms: int
    kind: str
    actor: str
    partner: str
    record: str
    what: str
    entry_sha256: str


class Wanted(msgspec.Struct, frozen=True):
    """Which lines: of a group, between two days, by a person, with a partner."""

    group: str = "reads"
    from_on: str = ""
    to_on: str = ""
    actor: str = ""
    partner: str = ""

    @property
    def span_ms(self) -> tuple[int, int]:
        """From the start of the first day to the end of the last."""
        return _day_ms(self.from_on, 0), _day_ms(self.to_on, (1 << 52) - DAY_MS) + DAY_MS


def _day_ms(text: str, otherwise: int) -> int:
    try:
        return int(datetime.fromisoformat(text[:10]).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return otherwise


def security_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of the security desk."""
    return [*_audit(pages), *_stopping(pages)]


def _audit(pages: Pages) -> list[ControllerRouterHandler]:
    @get("/security", sync_to_thread=True, **route(pages, SECURITY))
    def desk(request: Call) -> Response[str]:
        view = pages.view(request)
        asked = dict(request.query_params.items())
        page = number(asked.get("page", ""))
        wanted = _wanted(asked)
        found = _seen(view, lines(view, wanted, PAGE_ROWS + 1, page * PAGE_ROWS))
        rows, more = found[:PAGE_ROWS], len(found) > PAGE_ROWS
        state = reads.status(view.node, view.office.health())
        kept = {name: value for name, value in msgspec.to_builtins(wanted).items() if value}
        return view.page(
            "security.html", wanted=wanted, rows=rows, more=more, page_number=page, groups=GROUP_TITLES, state=state, asked=kept,
        )  # fmt: skip

    @get(["/security/audit.csv", "/security/audit.json"], **route(pages, SECURITY))
    async def export(request: Call) -> Response[bytes]:
        view = pages.view(request)
        wanted = _wanted(dict(request.query_params.items()))
        groups = [wanted.group] if request.query_params.get("group") else list(GROUPS)
        return await asyncio.to_thread(_export, view, wanted, groups, request.url.path.rpartition(".")[2])

    return [desk, export]


def _export(view: View, wanted: Wanted, groups: Sequence[str], form: str) -> Response[bytes]:
    found = [
        line
        for group in groups
        for line in _seen(view, lines(view, msgspec.structs.replace(wanted, group=group), _MOST_EXPORTED, 0))
    ]
    found.sort(key=lambda line: (line.seq, line.kind, line.record))
    return _file(view, found, form)


def _wanted(asked: dict[str, str]) -> Wanted:
    given = {name: asked.get(name, "").strip()[:100] for name in Wanted.__struct_fields__}
    return Wanted(**given | {"group": given["group"] if given["group"] in GROUPS else "reads"})


def _seen(view: View, found: Sequence[Line]) -> list[Line]:
    """Return the lines whose record this officer may see, and those about none; what is no record held is a name alone."""
    return [line for line in found if not line.record or _may(view, line.record)]


def _may(view: View, record: str) -> bool:
    held = view.node.store.query(
        "SELECT 1 FROM record r JOIN holding h ON h.record = r.seq WHERE r.id = ? LIMIT 1", (record,)
    )
    account = view.account
    if not held:
        return account is not None and not view.sight.foreign
    shown = set(view.sight.shown)
    may = view.sight.record(record)
    view.sight.shown = shown  # its name stands here, nothing that it says: that is no read
    return may


def lines(view: View, wanted: Wanted, limit: int, offset: int) -> list[Line]:
    """Return lines of the audit, the newest first."""
    if wanted.group == "releases":
        return _releases(view, wanted, limit, offset)
    kinds = [kind for kind, group in KINDS.items() if group == wanted.group]
    from_ms, to_ms = wanted.span_ms
    rows = view.node.store.query(
        "SELECT a.seq, a.at_ms, a.kind, a.actor, a.partner, a.item, a.what, e.chain FROM audit a JOIN journal_entry e ON e.seq = a.seq"
        f" WHERE a.kind IN ({','.join('?' * len(kinds))}) AND a.at_ms >= ? AND a.at_ms < ? AND (? = '' OR a.actor LIKE ?)"
        " AND (? = '' OR a.partner LIKE ?) ORDER BY a.seq DESC, a.nth LIMIT ? OFFSET ?",
        (
            *kinds,
            from_ms,
            to_ms,
            wanted.actor,
            _like(wanted.actor),
            wanted.partner,
            _like(wanted.partner),
            limit,
            offset,
        ),
    )
    return [
        Line(seq, at_ms, kind, actor, partner, item, what, bytes(chain).hex())
        for seq, at_ms, kind, actor, partner, item, what, chain in rows
    ]


def _like(text: str) -> str:
    return f"%{text.replace('%', '').replace('_', '')}%"


def _releases(view: View, wanted: Wanted, limit: int, offset: int) -> list[Line]:
    """Return released records, the newest first, each with its author, who by saying it let it go, and the clause."""
    from_ms, to_ms = wanted.span_ms
    rows = view.node.store.query(
        "SELECT l.seq, l.type, l.channel, l.record_id, e.header, e.chain FROM leaf_out l JOIN journal_entry e ON e.seq = l.seq"
        " WHERE l.kind IN ('record', 'instrument', 'notice') AND (? = '' OR l.channel LIKE ?) ORDER BY l.seq DESC LIMIT ? OFFSET ?",
        (wanted.partner, _like(wanted.partner), limit, offset),
    )
    found = []
    for seq, type_, channel, record, header, chain in rows:
        entry = msgspec.json.decode(bytes(header))
        if not from_ms <= entry["at_ms"] < to_ms:
            continue
        said = msgspec.json.decode(entry["meta"]["header"])
        held = load_record(view.node.store, record)
        actor = held.text("actor") if held is not None else ""
        if wanted.actor and wanted.actor not in actor:
            continue
        what = "; ".join(
            filter(None, (type_, said.get("provision", ""), f"{len(entry['meta'].get('names', ()))} facts"))
        )
        partner = wire.ends_of(channel)[1]
        found.append(Line(seq, entry["at_ms"], "released", actor, partner, record, what, bytes(chain).hex()))
    return found


def _file(view: View, found: Sequence[Line], form: str) -> Response[bytes]:
    head = view.node.store.head()
    name = f"audit-{view.office.node.identity.node.replace('/', '-')}-{head.seq}.{form}"
    if form == "csv":
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows([_plain(getattr(line, name)) for name in COLUMNS[:-1]] + [line.entry_sha256] for line in found)
        data, kind = out.getvalue().encode(), "text/csv; charset=utf-8"
    else:
        made: dict[str, Any] = {
            "journal": {"chain": head.chain.hex(), "node": view.office.node.identity.node, "seq": head.seq},
            "marking": view.sight.marked("en"), "lines": found,
        }  # fmt: skip
        data, kind = msgspec.json.format(msgspec.json.encode(made), indent=1), "application/json"
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=kind, headers=headers)


def _plain(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text[:1] in "=+-@\t\r" else text


# --- stopping ---------------------------------------------------------------------------------------------------------------------


def _stopping(pages: Pages) -> list[ControllerRouterHandler]:
    @post("/security/stop", **route(pages, LIAISONS))
    async def stop(request: Call) -> Response[Any]:
        """Ask once more, with what it will do; the second click, which repeats the reason, does it."""
        given = await forms.read_fields(request)
        view = pages.view(request)
        try:
            reason, act, node = stated(given.get("reason", "")), given.get("act", ""), given.get("node", "")
            if given.get("sure") != "yes":
                return view.page("stop.html", act=act, of=node, reason=reason)
            await asyncio.wrap_future(view.office.node.runner.do(_command(view, act, node, reason)))
        except KizunaError as error:
            status, _, remedy = branch_of(error)
            return view.page("failed.html", status=status, sentence=str(error), remedy=remedy)
        return redirect("/security?group=policy" if view.role == "security" else "/channels")

    return [stop]


def _command(view: View, act: str, node: str, reason: str) -> fx.Command:
    actor = view.session.caller.actor if view.session is not None else ""
    if act in ("halt", "go-on"):
        return fx.Halt(act == "halt", actor, reason)
    if act == "reopen":
        return fx.Reopen(_channel_of(view, node), actor, reason)
    return fx.StopChannel(node, actor, reason)


def _channel_of(view: View, node: str) -> str:
    return wire.channel_name(view.office.node.identity.node, node)
