"""What a version of an agreement would newly let go, or keep, of what is held: told before it is signed, part after part of the journal."""

from __future__ import annotations

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from kizuna.node.acts.forecasting import MOST_LISTED, candidates, forecast
from kizuna.web.access import LIAISONS
from kizuna.web.bodies import Call
from kizuna.web.pages.page import Pages, number, route

_COUNT = "count."


def forecast_pages(pages: Pages) -> list[ControllerRouterHandler]:
    """Return the routes of the forecast."""
    options = route(pages, LIAISONS) | {"sync_to_thread": True}

    @get("/security/forecast", **options)
    def choose(request: Call) -> Response[str]:
        view = pages.view(request)
        version = request.query_params.get("version", "")
        return view.page("forecast.html", held=view.agreements, unsigned=candidates(view.agreements), version=version)

    @get("/security/forecast/part", **options)
    def part(request: Call) -> Response[str]:
        """Judge the next part of the journal, and add it to what the parts before came to, which the page brings along."""
        view = pages.view(request)
        asked = dict(request.query_params.items())
        after, looked = (number(asked.get(name, "")) for name in ("after", "looked"))
        version = asked.get("version", "")
        found = forecast(view.node.core.world, view.node.store, version, after, view.now_ms)
        counts = {name: number(text) for name, text in asked.items() if name.startswith(_COUNT) and number(text)}
        for (type_, party, clause, goes), count in found.counts.items():
            name = f"{_COUNT}{'goes' if goes else 'stays'}|{type_}|{party}|{clause}"
            counts[name] = counts.get(name, 0) + count
        listed = number(asked.get("listed", ""))
        shown = [change for change in found.changes if view.sight.record(change.record)][: max(0, MOST_LISTED - listed)]
        state = {
            "version": version,
            "after": found.next_seq,
            "looked": looked + found.looked,
            "listed": listed + len(shown),
        }
        rows = [(*name.removeprefix(_COUNT).split("|"), count) for name, count in sorted(counts.items())]
        return view.swap(
            "forecast_part.html", found=found, looked=looked + found.looked, rows=rows, changes=shown,
            next=state | counts | {"bears": view.sight.bears()},
        )  # fmt: skip

    return [choose, part]
