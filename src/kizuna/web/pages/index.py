"""Which pages there are: one explicit list, and the order of the navigation. A page that a domain makes of its own is named here too."""

from __future__ import annotations

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from kizuna.kernel.domain import Domain
from kizuna.node.maritime.watch import Watch
from kizuna.web.access import Office
from kizuna.web.assets import Assets
from kizuna.web.pages.account import account_pages
from kizuna.web.pages.accounts import TASK as ACCOUNTS
from kizuna.web.pages.accounts import accounts_pages
from kizuna.web.pages.case import TASK as CASES
from kizuna.web.pages.case import case_pages
from kizuna.web.pages.claims import claim_pages
from kizuna.web.pages.compare import compare_pages
from kizuna.web.pages.desk import TASK as DESKS
from kizuna.web.pages.desk import desk_pages
from kizuna.web.pages.dialogue import dialogue_pages
from kizuna.web.pages.dryrun import dryrun_pages
from kizuna.web.pages.exchange import exchange_pages
from kizuna.web.pages.exercises import exercise_pages
from kizuna.web.pages.forecast import forecast_pages
from kizuna.web.pages.handover import handover_pages
from kizuna.web.pages.incident import incident_pages
from kizuna.web.pages.instruments import instrument_pages
from kizuna.web.pages.liaison import ALERTS, CHANNELS, WITHHELD, liaison_pages
from kizuna.web.pages.next import TASK as NEXT
from kizuna.web.pages.next import next_pages
from kizuna.web.pages.oidc import oidc_pages
from kizuna.web.pages.page import Pages
from kizuna.web.pages.passkeys import passkey_pages
from kizuna.web.pages.picture import TASK as PICTURE
from kizuna.web.pages.picture import picture_pages
from kizuna.web.pages.search import search_pages
from kizuna.web.pages.security import TASK as SECURITY
from kizuna.web.pages.security import security_pages
from kizuna.web.pages.supply import supply_pages
from kizuna.web.pages.watch import TASK as WATCH
from kizuna.web.pages.watch import watch_pages

TASKS = (
    NEXT,
    PICTURE,
    WATCH,
    CASES,
    DESKS,
    CHANNELS,
    WITHHELD,
    ALERTS,
    SECURITY,
    ACCOUNTS,
)


def page_routes(
    office: Office,
    domains: Sequence[Domain],
    watch: Watch,
    *,
    own_units: frozenset[int] = frozenset(),
    assets: Assets | None = None,
) -> list[ControllerRouterHandler]:
    """Return the routes of all pages of a node."""
    pages = Pages(office, TASKS, assets, domains)
    return [
        *account_pages(pages),
        *passkey_pages(pages),
        *accounts_pages(pages),
        *oidc_pages(pages),
        *picture_pages(pages, watch, own_units=own_units),
        *claim_pages(pages),
        *dialogue_pages(pages),
        *exercise_pages(pages),
        *supply_pages(pages),
        *compare_pages(pages),
        *exchange_pages(pages),
        *forecast_pages(pages),
        *dryrun_pages(pages),
        *instrument_pages(pages),
        *security_pages(pages),
        *handover_pages(pages),
        *incident_pages(pages),
        *watch_pages(pages),
        *case_pages(pages, domains),
        *desk_pages(pages, domains),
        *liaison_pages(pages),
        *search_pages(pages),
        *next_pages(pages, domains),
    ]
