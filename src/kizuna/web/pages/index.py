"""Which pages there are: one explicit list, and the order of the navigation. A page that a domain makes of its own is named here too."""

from __future__ import annotations

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from kizuna.kernel.domain import Domain
from kizuna.node.maritime.watch import Watch
from kizuna.web.access import Office
from kizuna.web.assets import Assets
from kizuna.web.pages import accounts as pages_accounts
from kizuna.web.pages import case as pages_case
from kizuna.web.pages import desk as pages_desk
from kizuna.web.pages import dryrun as pages_dryrun
from kizuna.web.pages import instruments as pages_instruments
from kizuna.web.pages import liaison as pages_liaison
from kizuna.web.pages import next as pages_next
from kizuna.web.pages import oidc as pages_oidc
from kizuna.web.pages import picture as pages_picture
from kizuna.web.pages import search as pages_search
from kizuna.web.pages import security as pages_security
from kizuna.web.pages import watch as pages_watch
from kizuna.web.pages.account import account_pages
from kizuna.web.pages.claims import claim_pages
from kizuna.web.pages.compare import compare_pages
from kizuna.web.pages.dialogue import dialogue_pages
from kizuna.web.pages.exchange import exchange_pages
from kizuna.web.pages.exercises import exercise_pages
from kizuna.web.pages.forecast import forecast_pages
from kizuna.web.pages.handover import handover_pages
from kizuna.web.pages.incident import incident_pages
from kizuna.web.pages.page import Pages
from kizuna.web.pages.passkeys import passkey_pages
from kizuna.web.pages.supply import supply_pages

TASKS = (
    pages_next.TASK,
    pages_picture.TASK,
    pages_watch.TASK,
    pages_case.TASK,
    pages_desk.TASK,
    pages_liaison.CHANNELS,
    pages_liaison.WITHHELD,
    pages_liaison.ALERTS,
    pages_security.TASK,
    pages_accounts.TASK,
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
        *pages_accounts.accounts_pages(pages),
        *pages_oidc.oidc_pages(pages),
        *pages_picture.picture_pages(pages, watch, own_units=own_units),
        *claim_pages(pages),
        *dialogue_pages(pages),
        *exercise_pages(pages),
        *supply_pages(pages),
        *compare_pages(pages),
        *exchange_pages(pages),
        *forecast_pages(pages),
        *pages_dryrun.dryrun_pages(pages),
        *pages_instruments.instrument_pages(pages),
        *pages_security.security_pages(pages),
        *handover_pages(pages),
        *incident_pages(pages),
        *pages_watch.watch_pages(pages),
        *pages_case.case_pages(pages, domains),
        *pages_desk.desk_pages(pages, domains),
        *pages_liaison.liaison_pages(pages),
        *pages_search.search_pages(pages),
        *pages_next.next_pages(pages, domains),
    ]
