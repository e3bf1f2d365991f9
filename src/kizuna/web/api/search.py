"""The route of the search: what an officer's program finds."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.params import FromQuery

from kizuna.web import access
from kizuna.web.access import OFFICERS, Office, OfficeDependency, caller, node_of
from kizuna.web.bodies import Call
from kizuna.web.searching import FoundGroup, Search
from kizuna.web.sight import Sight


class Answered(msgspec.Struct, frozen=True):
    """What was found, by kind."""

    groups: tuple[FoundGroup, ...]


@get("/api/v1/search", opt=access.opt(OFFICERS), sync_to_thread=True)
def search(
    office: OfficeDependency,
    request: Call,
    q: FromQuery[str] = "",
    kind: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Answered:
    """Find what the officer may see whose words begin so; `kind` asks for one kind alone, `after` pages it behind a record."""
    return Answered(Search(office, node_of(office, request), sight_of(office, request)).find(q, kind, after))


def sight_of(office: Office, request: Call) -> Sight | None:
    """Return what the officer of a token may see, by the account of that officer; None where there is none: the role alone decides then."""
    account = office.accounts.get(caller(request).id)
    if account is None:
        return None
    node = node_of(office, request)
    relabels = node.core.world.ledger.relabels
    return Sight(node.store, office.books.ceilings(node.store), node.identity.party, account, relabels)
