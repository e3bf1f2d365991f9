"""Both sides of a channel beside each other: what each says of both logs, where they part, since when, and what to do about it.

What the partner says is what it has signed: its receipts and its checkpoints. Entry by entry the logs are compared where the partner's people have
sent what their node says of every leaf, as the command line writes it too.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.types import ControllerRouterHandler

from kizuna.errors import KizunaError, RecordError
from kizuna.node.channel.divergence import Finding, divergence, standing, told
from kizuna.web import forms
from kizuna.web.access import CARRIERS
from kizuna.web.bodies import Call, attachment
from kizuna.web.errors import NotHeldError, NotYourRoleError, branch_of
from kizuna.web.pages.page import HEADERS, Pages, View, route

MAX_FILE_BYTES = 8 << 20
"""A comparison of some 100,000 entries."""
MEANT: dict[str, tuple[str, str]] = {
    "own-log-broken": (
        "Our own log does not make its root: leaves are missing or altered on this node.",
        "Stop the node and verify its journal; tell the security officer.",
    ),
    "receipt-differs": (
        "The partner's receipt names another root than ours: the two sides hold different histories.",
        "Stop the channel and tell the security officers of both sides.",
    ),
    "not-receipted": (
        "Beyond the partner's receipt: {count}, from entry {first} on.",
        "The receipt comes with the partner's next pull. Where none comes, ask its liaison, or carry a bundle.",
    ),
    "refused": (
        "Entry {index} was refused by the partner: {code}.",
        "Open the record, mend what the code names, and say it again.",
    ),
    "stub": ("Entry {index} went as its header alone.", "Nothing: more may not be shown there now."),
    "unconfirmed": (
        "The withdrawal at entry {index} is not confirmed: {act}.",
        "Until it is, the partner may still hold the record. Ask its liaison.",
    ),
    "to-fetch": (
        "Signed by the partner and not held here yet: {count}, from entry {first} on.",
        "The next pull fetches them. Where it does not, see the alerts, or ask for a bundle.",
    ),
    "epochs-differ": (
        "The two sides are in different epochs of this channel.",
        "One of them began anew, as after a backup. Tell the security officers of both sides.",
    ),
    "logs-differ": (
        "The two logs differ from entry {first} on.",
        "Stop the channel and tell the security officers of both sides.",
    ),
    "writer-lost": (
        "Lost by the writer, held by the reader: {count}, from entry {first} on.",
        "Was it restored from an older backup? Stop the channel and tell the security officers of both sides.",
    ),
    "partner-behind": (
        "Not held by the partner yet: {count}, from entry {first} on.",
        "Its next pull fetches them, or a bundle carries them.",
    ),
    "we-are-behind": ("Not held here yet: {count}, from entry {first} on.", "The next pull fetches them, or a bundle brings them."),
}  # fmt: skip
"""What each kind of finding says, and what to do."""
MOST_SHOWN = 50
_FROM = (
    "SELECT l.idx, l.type, l.record_id, e.header FROM leaf_{side} l JOIN journal_entry e ON e.seq = l.seq"
    " WHERE l.channel = ? AND l.epoch = ? AND l.idx >= ? ORDER BY l.idx LIMIT ?"
)


class Entry(msgspec.Struct, frozen=True):
    """An entry of a channel's log as this node holds it; `record` is empty where it carries none."""

    index: int
    type: str
    record: str
    at_ms: int


class Shown(msgspec.Struct, frozen=True):
    """A finding with since when it holds, 0 where that is unknown, and its record, empty where the officer may not see it."""

    finding: Finding
    said: str
    remedy: str
    since_ms: int
    record: str


def compare_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of the comparison."""
    options = route(pages, CARRIERS)

    @get("/channels/compare", **options)
    async def compare(request: Call) -> Response[str]:
        view = pages.view(request)
        return await asyncio.to_thread(_page, view, _known(view, request.query_params.get("node", "")))

    @get("/channels/compare.json", sync_to_thread=True, **options)
    def ours(request: Call) -> Response[bytes]:
        view = pages.view(request)
        node = _known(view, request.query_params.get("node", ""))
        own = view.office.node.identity.node
        said = standing(view.node.store, node, view.now_ms, leaves=True) | {"of": own}
        name = f"{own}-{node}.json".replace("/", "-")
        return Response(
            msgspec.json.encode(said, order="sorted"),
            media_type="application/json",
            headers={**HEADERS, **attachment(name)},
        )

    @post("/channels/compare", request_max_body_size=MAX_FILE_BYTES, **options)
    async def with_theirs(request: Call) -> Response[str]:
        given = await forms.read_fields(request, MAX_FILE_BYTES)
        view = pages.view(request)
        try:
            data = b64decode(given.get("theirs", ""), validate=True)
        except ValueError as error:
            raise RecordError("choose a file") from error
        return await asyncio.to_thread(_page, view, _known(view, given.get("node", "")), data)

    return [compare, ours, with_theirs]


def _known(view: View, node: str) -> str:
    """Return a partner's node; the logs as they are signed are for whoever may see all that is held."""
    if not view.sees_all:
        raise NotYourRoleError("this tells of all that the node holds: your clearance does not reach so far")
    if node not in view.office.node.core.world.partners:
        raise NotHeldError("no such partner is enrolled")
    return node


def _page(view: View, node: str, data: bytes | None = None) -> Response[str]:
    ours = standing(view.node.store, node, view.now_ms, leaves=True)
    theirs, refused, status = None, "", 200
    if data is not None:
        try:
            theirs = told(data, view.office.node.identity.node, node)
        except KizunaError as error:
            status, refused = branch_of(error)[0], str(error)
    found = sorted(divergence(ours, theirs), key=lambda each: (not each.diverged, each.kind == "stub"))
    shown = [_shown(view, ours, each) for each in found[:MOST_SHOWN]]
    return view.page(
        "compare.html", status=status, of=node, ours=ours, theirs=theirs, refused=refused, found=shown,
        beyond=_seen(view, entries(view, "out", ours["out"], ours["out"]["receipted"])), diverged=any(each.diverged for each in found),
        more=len(found[MOST_SHOWN:]), largest_mb=MAX_FILE_BYTES >> 20,
    )  # fmt: skip


def _shown(view: View, ours: dict[str, Any], finding: Finding) -> Shown:
    said, remedy = MEANT[finding.kind]
    first = finding.first if finding.first is not None else finding.index
    log = ours[finding.side or "out"]
    since = () if first is None else entries(view, finding.side or "out", log, first, 1)
    count = finding.last - finding.first + 1 if finding.first is not None and finding.last is not None else 0
    values = msgspec.structs.asdict(finding) | {"count": count}
    return Shown(
        finding, view.words(said, **values), remedy, since[0].at_ms if since else 0,
        finding.record if finding.record and view.sight.record(finding.record) else "",
    )  # fmt: skip


def _seen(view: View, found: list[Entry]) -> list[Entry]:
    """Return entries without the records that the officer may not see."""
    return [each if view.sight.record(each.record) else msgspec.structs.replace(each, record="") for each in found]


def entries(view: View, side: str, log: Mapping[str, Any], first: int, most: int = MOST_SHOWN) -> list[Entry]:
    """Return so many entries of a log from one on, as this node holds them; `log` names channel and epoch."""
    sql = _FROM.replace("{side}", side)
    rows = view.node.store.query(sql, (log["channel"], log["epoch"], first, most))
    return [
        Entry(index, type_, record, msgspec.json.decode(bytes(header))["at_ms"])
        for index, type_, record, header in rows
    ]
