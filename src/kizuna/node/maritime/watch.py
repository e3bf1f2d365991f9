"""The watch of one node: its feeds, its live picture and the search for events, put together from the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kizuna.domains.maritime.events.area import WatchArea, box
from kizuna.domains.maritime.records import SourceKind
from kizuna.domains.maritime.watchlog.cases import PURPOSE
from kizuna.errors import ConfigError
from kizuna.formats.ais_stream import subscription
from kizuna.kernel.label import Label
from kizuna.kernel.ports import Clock
from kizuna.node import sea_settings
from kizuna.node import settings as given
from kizuna.node.keys import keyfiles
from kizuna.node.maritime.ageing import Ageing
from kizuna.node.maritime.alerting import Alerting, named_areas, rule_areas
from kizuna.node.maritime.archives import Archives
from kizuna.node.maritime.boundary import read_boundary
from kizuna.node.maritime.clearing import Clearing
from kizuna.node.maritime.detecting import Detecting
from kizuna.node.maritime.drawings import FILE as DRAWINGS
from kizuna.node.maritime.drawings import Drawings
from kizuna.node.maritime.feeding import Feeding, RejectedFiles
from kizuna.node.maritime.intake import FeedStatus
from kizuna.node.maritime.landmask import LAND, land
from kizuna.node.maritime.picture import LivePicture
from kizuna.node.maritime.port_file import ports_of
from kizuna.node.maritime.searching import Rules
from kizuna.node.maritime.sources import Feed
from kizuna.node.maritime.warming import Warming
from kizuna.node.service import POSITIONS, Node

DEGREE = 600_000


@dataclass(frozen=True)
class Watch:
    """The jobs of the sea; start them once the node's runner runs, stop them before it stops."""

    picture: LivePicture
    feeding: Feeding
    drawings: Drawings
    detecting: Detecting | None
    """None where no feed says how records are labelled."""
    alerting: Alerting | None = None
    """Runs without a feed too: a node that only receives is watched all the same."""
    boundary: bytes = b""
    """The borders that the chart shows, as GeoJSON; empty where the node was given none."""
    ageing: Ageing | None = None
    """Ends positions whose time has passed."""
    clearing: Clearing | None = None
    """Takes what stands no longer out of the archive."""

    def start(self) -> None:
        """Make the picture, then read the feeds, look for events, judge the rules, end what is to end and clear the archive of it."""
        self.picture.start()
        self.feeding.start()
        for job in (self.detecting, self.alerting, self.ageing, self.clearing):
            if job is not None:
                job.start()

    def stop(self) -> None:
        """Stop the feeds, what ends positions and clears them, the judgement, the search and the picture, in this order."""
        self.feeding.stop()
        for job in (self.ageing, self.clearing, self.alerting, self.detecting):
            if job is not None:
                job.stop()
        self.picture.stop()


def open_watch(node: Node, clock: Clock) -> Watch:
    """Return the watch of an open node, not started; events and alerts are labelled as the first feed is.

    Raises:
        RecordError: the label of a feed is not well-formed.
        ConfigError: the data folder or the boundary file cannot be used.
    """
    settings, party = node.settings, node.identity.party
    LAND.keep_in(settings.data)
    own_units = frozenset(settings.own_units)
    picture = open_picture(node, clock)
    node.runner.observe(picture.observe)
    feeds = [feed_of(each, each.label.label(party)) for each in settings.feeds]
    rejected = RejectedFiles(settings.data / "rejected")
    passes = Warming().passes
    feeding = Feeding(node.runner, feeds, own_units=own_units, clock=clock, rejected=rejected, passes=passes)
    drawings = Drawings(settings.data / DRAWINGS)
    detecting = None
    if feeds:
        detecting = Detecting(
            node.runner,
            node.store,
            picture.archives,
            party,
            feeds[0].label,
            own_units=own_units,
            clock=clock,
            rules=rules_of(settings),
            more_areas=lambda: areas_of_rules(node, drawings),
        )
    mark = feeds[0].label if feeds else _home_label(node)
    alerting = Alerting(node.runner, node.store, picture.archives, party, mark, clock=clock)
    boundary = read_boundary(settings.boundary) if settings.boundary is not None else b""
    clearing = Clearing(node.store, picture)
    ageing = open_ageing(node, picture, clearing, clock)
    return Watch(picture, feeding, drawings, detecting, alerting, boundary, ageing, clearing)


def rules_of(settings: given.Settings) -> Rules:
    """Return what a node's settings have its positions searched for."""
    areas = tuple(part for each in settings.areas for part in areas_of(each))
    return Rules(areas=areas, ports=ports_of(settings), land=land)


def areas_of_rules(node: Node, drawings: Drawings) -> tuple[WatchArea, ...]:
    """Return the areas that officers' rules watch besides, boxes and drawn ones."""
    party = node.identity.party
    return (*rule_areas(node.store, party), *drawings.areas(named_areas(node.store, party)))


def _home_label(node: Node) -> Label:
    """Return the label of what the watch of a node without feeds says: graded as its desk does, released to nobody."""
    return Label(
        grades=(node.core.world.grade,),
        originators=frozenset({node.identity.party}),
        purposes=frozenset({PURPOSE}),
        releasable_to=frozenset(),
    )


def open_picture(node: Node, clock: Clock) -> LivePicture:
    """Return the picture of an open node, not made yet."""
    archives = Archives(node.settings.data / POSITIONS)
    return LivePicture(node.store, node.blobs, archives, node.identity.party, clock)


def open_ageing(node: Node, picture: LivePicture, clearing: Clearing, clock: Clock) -> Ageing:
    """Return what ends the positions of an open node by its settings and agreements, not started."""
    rules = [each.rule() for each in node.settings.retention]
    return Ageing(node.runner, node.store, picture, clearing, rules, clock=clock)


def read_files(node: Node, through: given.Feed, paths: Sequence[Path], clock: Clock) -> list[FeedStatus]:
    """Have an open node whose runner runs take in recordings as if a feed of its settings had brought them; return what each brought.

    Raises:
        ConfigError: a file cannot be read.
        RecordError: a packed file is damaged; what came before it is in.
    """
    mark = through.label.label(node.identity.party)
    as_file = msgspec.structs.replace(
        through, receiver=through.receiver or through.source, kind="file", address="", subject=""
    )
    feeds = [feed_of(msgspec.structs.replace(as_file, source=str(path), path=path), mark) for path in paths]
    rejected = RejectedFiles(node.settings.data / "rejected")
    own_units = frozenset(node.settings.own_units)
    passes = Warming().passes
    feeding = Feeding(node.runner, feeds, own_units=own_units, clock=clock, rejected=rejected, passes=passes)
    feeding.start()
    feeding.join()
    for fault in feeding.faults.values():
        raise fault
    return feeding.statuses()


def feed_of(feed: given.Feed, mark: Label) -> Feed:
    """Return a feed as it is read; its records name the receiver, and are simulated, recorded in a file, or live."""
    heard: SourceKind = "recorded" if feed.kind == "file" else "live"
    return Feed(
        name=feed.source,
        source=feed.receiver or feed.source,
        label=mark,
        kind=feed.kind,
        source_kind="simulated" if feed.simulated else heard,
        address=feed.address,
        subject=feed.subject,
        path=str(feed.path or ""),
        subscription=_subscription(feed) if feed.kind == "websocket" else "",
    )


def _subscription(feed: given.Feed) -> str:
    """Return what a WebSocket is told; its key stands in a file of its own, which no one else may read.

    Raises:
        ConfigError: the file cannot be read, or others may read it.
    """
    if feed.key_file is None:
        return subscription("", feed.boxes)
    keyfiles.check_private(feed.key_file)
    try:
        key = feed.key_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "the key of a feed cannot be read: give one line of text", where=str(feed.key_file)
        ) from error
    return subscription(key, feed.boxes)


def areas_of(area: sea_settings.Area) -> tuple[WatchArea, ...]:
    """Return a watched area in 1/600000 degree; one that crosses 180 degrees is two of one name."""
    south, west, north, east = (round(edge * DEGREE) for edge in (area.south, area.west, area.north, area.east))
    spans = [(west, east)] if west < east else [(west, 180 * DEGREE), (-180 * DEGREE, east)]
    return tuple(box(area.name, south=south, west=start, north=north, east=end) for start, end in spans)
