"""The settings of a node, from one TOML file; `docs/operations.md` lists each of them.

Whatever is wrong is told as `file:line` with the setting, its value, the rule and what to do. Relative paths count from the file's own folder.
Opening what the settings name is left to `kizuna.node.service`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

import msgspec

from kizuna.errors import ConfigError, RecordError
from kizuna.kernel import label
from kizuna.kernel.label import Grade, Label
from kizuna.node.channel.world import Limits
from kizuna.node.plug_settings import CiseSettings, Plug, check_cise, check_plugs
from kizuna.node.sea_settings import Anchorage, Area, Retention, check_anchorages, check_areas, check_retention
from kizuna.node.setting_parts import Part
from kizuna.node.signin_settings import OidcSettings, PasskeySettings, check_oidc, check_passkeys, is_loopback

NODE = re.compile(r"[a-z][a-z0-9-]{1,31}/[a-z][a-z0-9-]{1,63}").fullmatch
SQLITE = "sqlite"
_HOST_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})").fullmatch
_HTTPS = re.compile(r"https://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?").fullmatch
_SUBJECT = re.compile(r"[A-Za-z0-9_*-]+(\.([A-Za-z0-9_*-]+|>))*").fullmatch
_WEBSOCKET = re.compile(
    r"(wss?)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/?=&%-]*)?"
).fullmatch
_TOML_LINE = re.compile(r"line (\d+)").search
_TABLE = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\s-]+?)\s*\]\]?\s*(?:#.*)?$").match
_LAST_PORT = 65_535
_LAST_MMSI = 999_999_999


class PartnerSettings(Part, frozen=True, kw_only=True):
    """The listener for partners' nodes (mutual TLS), and the `host:port` under which they reach it."""

    listen: str = "0.0.0.0:7443"  # partners come from outside, and show a pinned certificate
    address: str = ""


class UserSettings(Part, frozen=True, kw_only=True):
    """The listener for users and programs, and the address under which browsers reach it through a proxy with TLS."""

    listen: str = "127.0.0.1:7080"
    address: str = ""
    oidc: OidcSettings = OidcSettings()
    passkeys: PasskeySettings = PasskeySettings()
    unsafe_not_loopback: bool = False
    """Listen beyond loopback without TLS: only inside a container whose network is the boundary."""


class LogSettings(Part, frozen=True, kw_only=True):
    """How much is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class LimitSettings(Part, frozen=True, kw_only=True):
    """Budgets towards each partner."""

    pull_entries: int = Limits.pull_entries
    pull_bytes: int = Limits.pull_bytes
    window_entries: int = Limits.window_entries
    quarantine_bytes: int = Limits.quarantine_bytes

    def limits(self) -> Limits:
        """Return them as the core takes them."""
        return Limits(**msgspec.structs.asdict(self))


class LabelSettings(Part, frozen=True, kw_only=True):
    """How the records of a feed are labelled; empty releasability or purposes mean that they stay at home."""

    policy: str
    classification: int
    releasable_to: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    review_by: str | None = None

    def label(self, originator: str) -> Label:
        """Return the label of a record that this party originates.

        Raises:
            RecordError: a part is not well-formed.
        """
        return label.label(
            self.policy,
            self.classification,
            originator=originator,
            releasable_to=self.releasable_to,
            purposes=self.purposes,
            caveats=self.caveats,
            review_by=self.review_by,
        )


class DeskSettings(Part, frozen=True, kw_only=True):
    """How what officers say is graded where they ask for nothing else; an empty policy takes the party's own, `<party>.desk.v1`."""

    policy: str = ""
    classification: int = 0
    caveats: tuple[str, ...] = ()

    def grade(self, party: str) -> Grade:
        """Return the grade.

        Raises:
            RecordError: a part is not well-formed.
        """
        made = label.label(
            self.policy or f"{party}.desk.v1", self.classification, originator=party, caveats=self.caveats
        )
        return made.grades[0]


class Feed(Part, frozen=True, kw_only=True):
    """Where AIS comes from: `address` is `host:port` of a server or of a port of ours, or a WebSocket's; `path` a file, `subject` a stream."""

    source: str
    kind: Literal["file", "stdin", "tcp", "tcp-server", "udp", "nats", "websocket"]
    receiver: str = ""
    party: str = ""
    """Whose receiver it is; empty: ours."""
    address: str = ""
    subject: str = ""
    path: Path | None = None
    key_file: Path | None = None
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    """What a WebSocket is asked for: south, west, north and east in degrees."""
    simulated: bool = False
    label: LabelSettings


class Settings(Part, frozen=True, kw_only=True):
    """All settings of a node; paths are absolute."""

    node: str
    data: Path
    keys: Path
    high_water: Path
    store: str = SQLITE
    """`sqlite`, or a libpq connection string of a database that belongs to this node alone."""
    own_units: tuple[int, ...] = ()
    policies: tuple[Path, ...] = ()
    """Files of marking policies (SPIF) beside the bundled ones."""
    partners: PartnerSettings = PartnerSettings()
    users: UserSettings = UserSettings()
    log: LogSettings = LogSettings()
    limits: LimitSettings = LimitSettings()
    desk: DeskSettings = DeskSettings()
    feeds: tuple[Feed, ...] = ()
    areas: tuple[Area, ...] = ()
    anchorages: tuple[Anchorage, ...] = ()
    retention: tuple[Retention, ...] = ()
    ports: Path | None = None
    """A list of ports, CSV or GeoJSON, in place of the bundled one."""
    boundary: Path | None = None
    """This nation's own borders, GeoJSON, drawn on its chart; without it none are drawn."""
    plugs: tuple[Plug, ...] = ()
    cise: CiseSettings | None = None

    @property
    def party(self) -> str:
        """The party that this node speaks for."""
        return self.node.partition("/")[0]

    @property
    def admin_token(self) -> Path:
        """The file in which a running node leaves the local administrator's token."""
        return self.data / "admin.token"

    @property
    def accounts(self) -> Path:
        """The file of the officers' accounts."""
        return self.data / "accounts.json"

    @property
    def tokens(self) -> Path:
        """The file of the users' tokens, hashed."""
        return self.data / "tokens.json"


def host_port(text: str) -> tuple[str, int]:
    """Return host and port of `host:port`; an IPv6 address stands in brackets and is returned without.

    Raises:
        RecordError: the text is something else.
    """
    found = _HOST_PORT(text)
    if found is None or int(found[2]) > _LAST_PORT:
        raise RecordError(
            f"`{text[:80]}` is not `host:port` with a port up to {_LAST_PORT}: write it like `node.example:7443`"
        )
    return found[1].strip("[]"), int(found[2])


def read_settings(path: Path) -> Settings:
    """Return the settings in a file.

    Raises:
        ConfigError: the file cannot be read, or a setting is missing, unknown or against a rule.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            "there is no such file: name it with `--config`, or make a node with `kizuna init`", where=str(path)
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "the settings cannot be read: check that it is a text file that you may read", where=str(path)
        ) from error
    return parse_settings(text, str(path), path.resolve().parent)


def parse_settings(text: str, name: str, folder: Path) -> Settings:
    """Return the settings in the text of the file `name`, relative paths counted from `folder`.

    Raises:
        ConfigError: a setting is missing, unknown or against a rule.
    """
    source = _Source(name, text)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _TOML_LINE(str(error))
        raise ConfigError(f"not toml: {error}", where=f"{name}:{line[1] if line else 1}") from error
    try:
        settings = msgspec.convert(document, Settings, strict=True, dec_hook=_path(folder))
    except msgspec.ValidationError as error:
        source.misfit(str(error))
    _check(source, settings)
    return settings


def _path(folder: Path) -> Any:
    def hook(kind: type, value: Any) -> Any:
        if kind is Path and isinstance(value, str) and value:
            return (folder / value).absolute()
        raise ValueError("Expected the path of a file or folder")

    return hook


class _Source(msgspec.Struct):
    """The file's text, and the way back from a setting to its line."""

    name: str
    text: str

    def line(self, steps: Sequence[str | int]) -> int:
        """Return the line of `("feeds", 1, "kind")`, or of the table that it should stand in."""
        tables = [step for step in steps if isinstance(step, str)]
        wanted_index = next((step for step in steps if isinstance(step, int)), 0)
        table, at, seen = "", 1, -1
        for number, line in enumerate(self.text.splitlines(), 1):
            header = _TABLE(line)
            if header:
                table = re.sub(r"\s", "", header[2])
                seen += header[1] == "[[" and table == tables[0]
                if table == ".".join(tables) and (tables[0] not in _LISTS or seen == wanted_index):
                    return number
            elif "=" in line:
                full = f"{table}.{line.partition('=')[0].strip()}".strip(".")
                if full.split(".") == tables and (tables[0] not in _LISTS or seen == wanted_index):
                    return number
            if table == tables[0] and seen in (-1, wanted_index) and at == 1:
                at = number
        return at

    def fail(self, steps: Sequence[str | int], message: str) -> NoReturn:
        shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).strip(".")
        raise ConfigError(f"`{shown}`: {message}", where=f"{self.name}:{self.line(steps)}")

    def misfit(self, message: str) -> NoReturn:
        """Turn msgspec's `... - at `$.feeds[1].kind`` into a line."""
        said, _, path = message.partition(" - at `$")
        steps: list[str | int] = [
            int(index) if index else word for word, index in re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]", path)
        ]
        named = re.search(r"field `([^`]*)`", said)
        if named:
            steps.append(named[1])
        if "unknown field" in said:
            self.fail(steps, "there is no such setting: remove it or mend its spelling, `docs/operations.md` lists all")
        if "required field" in said:
            self.fail(steps, "is missing: give it")
        self.fail(steps, f"{said[:1].lower()}{said[1:]}: mend it, `docs/operations.md` says what may stand here")


_LISTS = frozenset({"feeds", "areas", "anchorages", "plugs", "retention"})


def _check(source: _Source, settings: Settings) -> None:
    if not NODE(settings.node):
        source.fail(
            ("node",),
            f"`{settings.node[:80]}` is not `party/name` in lower-case letters, digits and `-`, like `ind/fusion-delhi`",
        )
    if settings.high_water.is_relative_to(settings.data):
        source.fail(("high_water",), "lies inside `data`: put it where no backup of `data` brings an old one back")
    if settings.store != SQLITE and not re.match(r"postgres(ql)?://|\w+\s*=", settings.store):
        source.fail(("store",), "is neither `sqlite` nor a PostgreSQL connection string: give one of the two")
    _check_addresses(source, settings)
    check_oidc(settings.users.oidc, source.fail)
    check_passkeys(settings.users.passkeys, settings.users.address, source.fail)
    for key, value in msgspec.structs.asdict(settings.limits).items():
        if value < 1:
            source.fail(("limits", key), f"`{value}` is not at least 1: give more, or remove the line")
    for mmsi in settings.own_units:
        if not 0 < mmsi <= _LAST_MMSI:
            source.fail(("own_units",), f"`{mmsi}` is no mmsi: give up to nine digits")
    _check_desk(source, settings)
    _check_feeds(source, settings)
    check_anchorages(settings.anchorages, source.fail)
    check_plugs(settings.plugs, settings.party, source.fail, _reached)
    check_cise(settings.cise, settings.plugs, source.fail)
    check_areas(settings.areas, source.fail)
    check_retention(settings.retention, source.fail)


def _check_desk(source: _Source, settings: Settings) -> None:
    try:
        settings.desk.grade(settings.party)
    except RecordError as error:
        source.fail(("desk", "policy"), str(error))


def _check_addresses(source: _Source, settings: Settings) -> None:
    given = {("partners", "listen"): settings.partners.listen, ("users", "listen"): settings.users.listen}
    if settings.partners.address:
        given["partners", "address"] = settings.partners.address
    for steps, text in given.items():
        try:
            host_port(text)
        except RecordError as error:
            source.fail(steps, str(error))
    if settings.users.address and not _HTTPS(settings.users.address):
        source.fail(
            ("users", "address"),
            f"`{settings.users.address[:80]}` is not `https://host` or `https://host:port`: give the proxy's, or remove the line",
        )
    if not is_loopback(host_port(settings.users.listen)[0]) and not settings.users.unsafe_not_loopback:
        source.fail(
            ("users", "listen"),
            f"`{settings.users.listen}` is not loopback, and users' tokens would cross the network unprotected: put a proxy with tls in front",
        )


def _reached(address: str) -> bool:
    """Return whether only this machine reaches an address; see `host_port`."""
    return is_loopback(host_port(address)[0])


def _check_feeds(source: _Source, settings: Settings) -> None:
    seen: set[str] = set()
    for index, feed in enumerate(settings.feeds):
        if not label.WORD(feed.source) or feed.source in seen:
            source.fail(
                ("feeds", index, "source"),
                f"`{feed.source[:64]}` is not a lower-case name of its own: each feed needs one",
            )
        seen.add(feed.source)
        if feed.party and not label.PARTY(feed.party):
            source.fail(("feeds", index, "party"), f"`{feed.party[:64]}` is not a party's lower-case name")
        if (feed.kind == "file") is not (feed.path is not None):
            source.fail(
                ("feeds", index, "kind"), "a feed of kind `file` has a `path`, and no other has: mend kind or path"
            )
        if (feed.kind in ("tcp", "tcp-server", "udp", "nats", "websocket")) is not bool(feed.address):
            source.fail(
                ("feeds", index, "kind"),
                f"give `address` as `host:port` to tcp, tcp-server, udp and nats, as `wss://` to websocket, not to `{feed.kind}`",
            )
        if (feed.kind == "nats") is not bool(_SUBJECT(feed.subject)):
            source.fail(
                ("feeds", index, "kind"),
                f"give `subject`, such as `ais.>`, to nats alone, not `{feed.subject[:64]}` to `{feed.kind}`",
            )
        _check_feed_address(source, feed, index)
        try:
            feed.label.label(settings.party)
        except RecordError as error:
            source.fail(("feeds", index, "label"), str(error))


def _check_feed_address(source: _Source, feed: Feed, index: int) -> None:
    if feed.kind != "websocket":
        if feed.key_file is not None or feed.boxes:
            source.fail(("feeds", index, "kind"), "a key and boxes are a `websocket`'s: remove them, or mend the kind")
        try:
            if feed.address:
                host_port(feed.address)
        except RecordError as error:
            source.fail(("feeds", index, "address"), str(error))
        return
    found = _WEBSOCKET(feed.address)
    if found is None or (found[1] == "ws" and not is_loopback(found[2].strip("[]"))):
        source.fail(
            ("feeds", index, "address"),
            f"`{feed.address[:80]}` is not `wss://host/path`; without tls only loopback is asked, for a key would be read on the way",
        )
    for south, west, north, east in feed.boxes:
        if not -90 <= south < north <= 90 or not -180 <= west < east <= 180:  # noqa: PLR2004 # degrees
            source.fail(("feeds", index, "boxes"), f"`{south},{west},{north},{east}` is no box of the earth")
