"""Routes of the plugs: how they are and what they were given, for officers; and what those that are asked are answered.

A call's token says which plug it is; where none stands for the officer, nothing is given. The figures of the sockets go to the metrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from litestar import get
from litestar.types import ControllerRouterHandler
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kizuna.node.acts.handing import HandedRow, handed
from kizuna.node.plugs.outlets import OutletStatus
from kizuna.node.plugs.plugging import Plugging
from kizuna.node.plugs.showing import Showing
from kizuna.web import access
from kizuna.web.access import EVERYONE, Office, OfficeDependency
from kizuna.web.api.gfw import gfw_routes
from kizuna.web.api.ogc import ogc_routes
from kizuna.web.bodies import Call


class PlugShown(msgspec.Struct, frozen=True):
    """A plug: whom it stands for, for which purpose, what is not set and so denies, and its sockets where it has some."""

    name: str
    kind: str
    party: str
    purpose: str
    unset: tuple[str, ...]
    outlet: OutletStatus | None


class Plugs(msgspec.Struct, frozen=True):
    """All plugs, and the journalled account of what each was given and was not."""

    plugs: tuple[PlugShown, ...]
    handed: tuple[HandedRow, ...]


class _Figures(Collector):
    """Reads the sockets at each scrape; a plug's name is a setting, and tells nothing of a record."""

    def __init__(self, plugging: Plugging) -> None:
        self._plugging = plugging

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, said in (
            ("readers", "who is connected to a plug"),
            ("sent", "messages handed to a plug's readers since the start"),
            ("let_go", "readers let go since the start because they did not keep up"),
            ("dropped", "messages that could not be handed on since the start"),
        ):
            family = GaugeMetricFamily(f"kizuna_plug_{name}", said, labels=["plug"])
            for status in self._plugging.statuses():
                family.add_metric([status.name], float(getattr(status, name)))
            yield family


def plug_routes(
    office: Office, plugging: Plugging, showing: Showing, more: Sequence[ControllerRouterHandler] = ()
) -> Sequence[ControllerRouterHandler]:
    """Return the routes over a node's plugs, whose figures the office's metrics tell from now on, and `more` beside them."""
    office.metrics.watch(_Figures(plugging))

    @get("/api/v1/plugs", opt=access.opt(EVERYONE), sync_to_thread=True)
    def plugs(office: OfficeDependency, request: Call) -> Plugs:
        """Return the plugs, how their sockets are, and what each was given and was not, as journalled each minute.

        How their sockets are is told to those who may see all that is held.
        """
        sockets = {status.name: status for status in plugging.statuses()} if access.sees_all(office, request) else {}
        shown = []
        for plug in plugging.plugs:
            who = plug.gate.recipient
            shown.append(PlugShown(who.name, plug.kind, who.party, who.purpose, who.unset, sockets.get(who.name)))
        with access.node_of(office, request).store.view() as db:
            return Plugs(tuple(shown), handed(db))

    return [plugs, *ogc_routes(plugging, showing), *gfw_routes(plugging, showing), *more]
