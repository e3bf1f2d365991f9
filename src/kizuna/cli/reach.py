"""Reaching a node to change something: a running one through its users' interface, one at rest by opening it here.

Both ways take the same commands and end in the same journal entries. Over the interface the token says who acts; a node at rest is changed by
whoever may read its keys, and its journal names the officer whose token was given, or the local administrator.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from kizuna.cli.base import CLOCK, random
from kizuna.cli.comparing import compare
from kizuna.errors import (
    BundleError,
    ChannelError,
    ConfigError,
    ForkError,
    JournalCorruptError,
    KizunaError,
    RecordError,
    RefusedError,
    ReleaseDeniedError,
    SignatureError,
    UnknownTypeError,
)
from kizuna.kernel import canonical, sign
from kizuna.kernel.instrument import Instrument, version_of
from kizuna.kernel.operation import Asked
from kizuna.node import effects as fx
from kizuna.node.acts import agreeing
from kizuna.node.channel import treaties
from kizuna.node.keys import renewal
from kizuna.node.people.tokens import Officer, Tokens
from kizuna.node.service import InUseError, Node, open_node
from kizuna.node.settings import Settings, host_port

Degrees = tuple[float, float, float, float]
"""South, west, north and east."""
LOCAL = Officer("local", "administrator")
TOKEN, SECOND_TOKEN = "KIZUNA_TOKEN", "KIZUNA_SECOND_TOKEN"
SECOND_OFFICER = "kizuna-second-officer"
"""The header in which the second person's token travels."""
_WAIT_S = 300.0
_DEGREE = 600_000
_WORDS: dict[str, type[KizunaError]] = {
    "malformed": RecordError,
    "signature": SignatureError,
    "unknown-type": UnknownTypeError,
    "bundle": BundleError,
    "too-large": RecordError,
    **dict.fromkeys(("refused", "no-passkey", "no-token", "not-signed-in", "not-your-role", "not-held"), RefusedError),
    "log-fault": ForkError,
    "too-fast": ChannelError,
    "too-many-tries": ChannelError,
    "try-later": ChannelError,
    "journal-corrupt": JournalCorruptError,
    "configuration": ConfigError,
    "error": KizunaError,
}
"""The interface's error words (`kizuna.web.errors`) and the branch that each stands for here; `release-denied` carries a reason more."""


@dataclass(frozen=True)
class Notice:
    """What an officer says about records that are out: the interface's path and body for it, and the command that it becomes.

    `make` takes the actor, and the second one where it takes `two` persons.
    """

    path: str
    asked: dict[str, Any]
    make: Callable[[str, str], fx.Command]
    two: bool = False


class Reach(Protocol):
    """What can be done to a node."""

    def introduce(self, card: bytes, fingerprint: str) -> str:
        """Pin the card of a party that no channel runs to, whose fingerprint was read out; return its node."""
        ...

    def notice(self, said: Notice) -> str:
        """Sign a notice; return its id."""
        ...

    def enrol(self, card: bytes, fingerprint: str) -> str:
        """Pin a partner whose fingerprint was compared; return its node name."""
        ...

    def remove(self, node: str) -> None:
        """Close both channels with a partner."""
        ...

    def load(self, made: Instrument) -> str:
        """Keep an instrument version; return its hash."""
        ...

    def signed(self, held: Instrument, envelope: sign.Envelope) -> str:
        """Say that our party signs this version; return the record's id."""
        ...

    def status(self, held: Instrument, act: str, reason: str, lifts: str = "") -> str:
        """Suspend, resume or terminate an instrument; return the record's id."""
        ...

    def open_scope(self, held: Instrument, name: str, from_ms: int, to_ms: int) -> str:
        """Open a scope for our party; return the record's id."""
        ...

    def close_scope(self, held: Instrument, closes: str) -> str:
        """Close a scope that our party opened, before its time; return the record's id."""
        ...

    def operate(self, domain: str, operation: str, asked: Asked) -> dict[str, Any]:
        """Do what a domain offers; return what was said, by `said`, and what else is told, by `told`."""
        ...

    def halt(self, *, on: bool, reason: str) -> bool:
        """Stop all releases or go on; return whether they are halted."""
        ...

    def backfill(self, node: str, from_ms: int, to_ms: int, *, queue: bool) -> list[str]:
        """Return the records of a period that would go, or that are now queued."""
        ...

    def act(self, record_id: str, act: str, reason: str) -> list[str]:
        """Retract, recall or destroy an own record; return the channels that are told."""
        ...

    def export(self, node: str, not_after_ms: int) -> bytes:
        """Release what is due to a partner into a bundle and return it."""
        ...

    def take_in(self, data: bytes) -> dict[str, Any]:
        """Take in a partner's bundle; return what it brought."""
        ...

    def reopen(self, channel: str, reason: str) -> None:
        """Let a stopped channel go on."""
        ...

    def rotate(self, signed: bytes) -> int:
        """Turn to keys that the root has signed; return their version."""
        ...

    def revoke(self, signed: bytes) -> int:
        """Revoke former keys by the root's word; return their version."""
        ...

    def picture(self, box: Degrees, limit: int) -> dict[str, Any]:
        """Return the vessels of the picture in a box, with how many there are, and the state of every feed."""
        ...


@contextmanager
def reach(settings: Settings) -> Iterator[Reach]:
    """Give the way to the node: in this process where it is at rest, else over its users' interface.

    Raises:
        ConfigError: the node cannot be opened, or it runs and no token is at hand.
        ChannelError: it runs and does not answer.
    """
    try:
        node = open_node(settings, clock=CLOCK, random=random, send=lambda _node, _data: None)
    except InUseError:
        yield Remote(settings, _token(settings))
        return
    node.runner.start()
    try:
        yield Local(node)
    finally:
        node.close()


def _token(settings: Settings) -> str:
    given = os.environ.get(TOKEN)
    if given:
        return given
    try:
        return settings.admin_token.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the node runs: give an officer's token in `{TOKEN}`, or run this as the node's own user"
        ) from error


# --- at rest ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Local:
    """A node at rest, opened in this process."""

    node: Node

    def _officer(self, variable: str) -> Officer | None:
        given = os.environ.get(variable)
        if not given:
            return None
        officer = Tokens(self.node.settings.tokens).who(given, CLOCK.now_ms())
        if officer is None:
            raise RefusedError(f"the token in `{variable}` is nobody's, or has ended: ask an administrator for one")
        return officer

    @property
    def _actor(self) -> str:
        return (self._officer(TOKEN) or LOCAL).actor

    def _do(self, command: fx.Command) -> Any:
        return self.node.runner.do(command).result(_WAIT_S)

    def _say(self, draft: fx.Draft) -> str:
        return str(self._do(fx.Say((draft,)))[0].record_id)

    def enrol(self, card: bytes, fingerprint: str) -> str:
        """See `Reach`."""
        compare(card, fingerprint)
        return str(self._do(fx.Enrol(card, self._actor)))

    def introduce(self, card: bytes, fingerprint: str) -> str:
        """See `Reach`."""
        compare(card, fingerprint)
        return str(self._do(fx.Introduce(card, self._actor)))

    def notice(self, said: Notice) -> str:
        """See `Reach`; two persons' tokens stand for the two persons."""
        second = self._officer(SECOND_TOKEN) if said.two else None
        if said.two and (second is None or self._officer(TOKEN) is None):
            raise RefusedError(f"this needs two persons: their tokens in `{TOKEN}` and `{SECOND_TOKEN}`")
        return str(self._do(said.make(self._actor, second.actor if second is not None else "")))

    def remove(self, node: str) -> None:
        """See `Reach`."""
        self._do(fx.RemovePartner(node, self._actor))

    def load(self, made: Instrument) -> str:
        """See `Reach`."""
        digest = version_of(made)
        if any(version_of(held) == digest for held in treaties.instruments(self.node.store)):
            return digest
        return str(self._do(fx.LoadInstrument(canonical.encode(made), self._actor)))

    def signed(self, held: Instrument, envelope: sign.Envelope) -> str:
        """See `Reach`."""
        identity = self.node.identity
        return self._say(agreeing.signed(held, envelope, identity.root_public, identity.party, self._actor))

    def status(self, held: Instrument, act: str, reason: str, lifts: str = "") -> str:
        """See `Reach`."""
        return self._say(agreeing.status(held, act, self.node.identity.party, self._actor, reason=reason, lifts=lifts))

    def open_scope(self, held: Instrument, name: str, from_ms: int, to_ms: int) -> str:
        """See `Reach`."""
        return self._say(agreeing.scope_opened(held, name, from_ms, to_ms, self.node.identity.party, self._actor))

    def close_scope(self, held: Instrument, closes: str) -> str:
        """See `Reach`."""
        return self._say(agreeing.scope_closed(held, closes, self.node.identity.party, self._actor))

    def operate(self, domain: str, operation: str, asked: Asked) -> dict[str, Any]:
        """See `Reach`; the tokens say who acts, and in which role."""
        officer, second = self._officer(TOKEN), self._officer(SECOND_TOKEN)
        if officer is None:
            raise RefusedError(f"`{domain} {operation}` is an officer's act: give the officer's token in `{TOKEN}`")
        command = fx.Operate(domain, operation, asked, officer.actor, second.actor if second is not None else "")
        done: fx.Done = self._do(command)
        said = [{"due": each.due, "record": each.record_id, "withheld": each.held} for each in done.said]
        return {"said": said, "told": done.told}

    def halt(self, *, on: bool, reason: str) -> bool:
        """See `Reach`."""
        return bool(self._do(fx.Halt(on, self._actor, reason)))

    def backfill(self, node: str, from_ms: int, to_ms: int, *, queue: bool) -> list[str]:
        """See `Reach`; two persons' tokens stand for the two persons."""
        actors = self._two("a backfill") if queue else (LOCAL.actor, "")
        return list(self._do(fx.Backfill(node, from_ms, to_ms, *actors)))

    def _two(self, what: str) -> tuple[str, str]:
        """Return the two persons whose tokens were given."""
        first, second = self._officer(TOKEN), self._officer(SECOND_TOKEN)
        if first is None or second is None:
            raise RefusedError(f"{what} needs two persons: their tokens in `{TOKEN}` and `{SECOND_TOKEN}`")
        if first.id == second.id:
            raise RefusedError(f"{what} needs two persons: the second token is the first person's too")
        return first.actor, second.actor

    def rotate(self, signed: bytes) -> int:
        """See `Reach`."""
        actors = self._two("a rotation of keys")
        identity = renewal.install(self.node.settings.keys, self.node.identity, renewal.read_signed(signed))
        return int(self._do(fx.Rotate(identity, *actors)))

    def revoke(self, signed: bytes) -> int:
        """See `Reach`."""
        envelopes = tuple(canonical.encode(each) for each in renewal.read_signed(signed).revocations)
        return int(self._do(fx.Revoke(envelopes, *self._two("a revocation of keys"))))

    def act(self, record_id: str, act: str, reason: str) -> list[str]:
        """See `Reach`."""
        return list(self._do(fx.Act(record_id, act, reason, self._actor)))

    def export(self, node: str, not_after_ms: int) -> bytes:
        """See `Reach`."""
        return bytes(self._do(fx.ExportBundle(node, not_after_ms, self._actor)))

    def take_in(self, data: bytes) -> dict[str, Any]:
        """See `Reach`."""
        done: fx.Imported = self._do(fx.ImportBundle(data, self._actor))
        return {
            "known": done.known,
            "new": done.new,
            "node": done.node,
            "receipt": done.receipt,
            "refused": done.refused,
        }

    def reopen(self, channel: str, reason: str) -> None:
        """See `Reach`."""
        self._do(fx.Reopen(channel, self._actor, reason))

    def picture(self, box: Degrees, limit: int) -> dict[str, Any]:
        """See `Reach`; a node at rest shows what it held when it stopped."""
        from kizuna.node.maritime.watch import open_picture  # noqa: PLC0415 # Arrow is loaded by this command alone
        from kizuna.storage.positions import Box  # noqa: PLC0415 # the same

        picture = open_picture(self.node, CLOCK)
        picture.rebuild()
        rows, total = picture.vessels(Box(*(round(edge * _DEGREE) for edge in box)), limit)
        feeds = picture.feeds()
        return {"feeds": msgspec.to_builtins(feeds), "total": total, "vessels": msgspec.to_builtins(rows)}


def _second(what: str) -> dict[str, str]:
    """Return the header that names the second person."""
    second = os.environ.get(SECOND_TOKEN, "")
    if not second:
        raise RefusedError(f"{what} needs two persons: their tokens in `{TOKEN}` and `{SECOND_TOKEN}`")
    return {SECOND_OFFICER: f"Bearer {second}"}


# --- running ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Remote:
    """A running node, asked through its users' interface on this machine."""

    settings: Settings
    token: str

    def enrol(self, card: bytes, fingerprint: str) -> str:
        """See `Reach`."""
        compare(card, fingerprint)
        return str(self._ask("POST", "partners", {"card": card.decode(), "fingerprint": fingerprint})["node"])

    def introduce(self, card: bytes, fingerprint: str) -> str:
        """See `Reach`."""
        compare(card, fingerprint)
        return str(self._ask("POST", "introduced", {"card": card.decode(), "fingerprint": fingerprint})["node"])

    def notice(self, said: Notice) -> str:
        """See `Reach`."""
        second = os.environ.get(SECOND_TOKEN, "")
        headers = {"kizuna-second-officer": f"Bearer {second}"} if said.two and second else {}
        return str(self._ask("POST", said.path, said.asked, headers)["id"])

    def remove(self, node: str) -> None:
        """See `Reach`."""
        self._ask("DELETE", f"partners/{quote(node)}")

    def load(self, made: Instrument) -> str:
        """See `Reach`."""
        return str(self._ask("POST", "instruments", canonical.encode(made))["version"])

    def signed(self, held: Instrument, envelope: sign.Envelope) -> str:
        """See `Reach`."""
        asked = {"envelope": canonical.encode(envelope).decode(), "version": version_of(held)}
        return str(self._ask("POST", f"instruments/{quote(held.id)}/sign", asked)["record"])

    def status(self, held: Instrument, act: str, reason: str, lifts: str = "") -> str:
        """See `Reach`."""
        asked = {"act": act, "lifts": lifts, "reason": reason}
        return str(self._ask("POST", f"instruments/{quote(held.id)}/status", asked)["record"])

    def open_scope(self, held: Instrument, name: str, from_ms: int, to_ms: int) -> str:
        """See `Reach`."""
        asked = {"from_ms": from_ms, "name": name, "to_ms": to_ms}
        return str(self._ask("POST", f"instruments/{quote(held.id)}/scopes", asked)["record"])

    def close_scope(self, held: Instrument, closes: str) -> str:
        """See `Reach`."""
        return str(self._ask("POST", f"instruments/{quote(held.id)}/scopes/close", {"closes": closes})["record"])

    def operate(self, domain: str, operation: str, asked: Asked) -> dict[str, Any]:
        """See `Reach`."""
        body = msgspec.to_builtins(asked, str_keys=True)
        second = os.environ.get(SECOND_TOKEN, "")
        headers = {SECOND_OFFICER: f"Bearer {second}"} if second else {}
        return self._ask("POST", f"{domain}/{operation}", body, headers)

    def halt(self, *, on: bool, reason: str) -> bool:
        """See `Reach`."""
        return bool(self._ask("POST", "release/halt", {"on": on, "reason": reason})["halted"])

    def backfill(self, node: str, from_ms: int, to_ms: int, *, queue: bool) -> list[str]:
        """See `Reach`."""
        headers = _second("a backfill") if queue else {}
        asked = {"from_ms": from_ms, "node": node, "to_ms": to_ms}
        return list(self._ask("POST", "release/backfill", asked, headers)["records"])

    def act(self, record_id: str, act: str, reason: str) -> list[str]:
        """See `Reach`."""
        return list(
            self._ask("POST", f"records/{quote(record_id, safe='')}/act", {"act": act, "reason": reason})["channels"]
        )

    def export(self, node: str, not_after_ms: int) -> bytes:
        """See `Reach`."""
        return self._call("POST", f"channels/{quote(node)}/export", {"not_after_ms": not_after_ms})

    def take_in(self, data: bytes) -> dict[str, Any]:
        """See `Reach`."""
        return self._ask("POST", "bundles", data)

    def reopen(self, channel: str, reason: str) -> None:
        """See `Reach`."""
        self._ask("POST", "channels/reopen", {"channel": channel, "reason": reason})

    def rotate(self, signed: bytes) -> int:
        """See `Reach`."""
        headers = _second("a rotation of keys")
        return int(self._ask("POST", "keys/rotate", {"signed": signed.decode()}, headers)["version"])

    def revoke(self, signed: bytes) -> int:
        """See `Reach`."""
        headers = _second("a revocation of keys")
        return int(self._ask("POST", "keys/revoke", {"signed": signed.decode()}, headers)["version"])

    def picture(self, box: Degrees, limit: int) -> dict[str, Any]:
        """See `Reach`."""
        south, west, north, east = box
        shown = self._ask("GET", f"picture?south={south}&west={west}&north={north}&east={east}&limit={limit}")
        feeds = json.loads(self._call("GET", "feeds"))
        return {"feeds": feeds, "total": shown["total"], "vessels": shown["vessels"]}

    def _ask(
        self, method: str, path: str, body: dict[str, Any] | bytes | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(self._call(method, path, body, headers))
        except ValueError as error:
            raise ChannelError("the node's answer is not json: is another program on its port") from error
        return answer

    def _call(
        self, method: str, path: str, body: dict[str, Any] | bytes | None = None, headers: dict[str, str] | None = None
    ) -> bytes:
        host, port = host_port(self.settings.users.listen)
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body, ensure_ascii=False).encode()
        sent = {"authorization": f"Bearer {self.token}", "content-type": kind, **(headers or {})}
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/api/v1/{path}"
        request = urllib.request.Request(url, data, sent, method=method)  # always http
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_WAIT_S) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            raise _refusal(error) from error
        except OSError as error:
            raise ChannelError(
                f"the node is open in another process but does not answer at `{host}:{port}`: try later"
            ) from error


def _refusal(error: urllib.error.HTTPError) -> KizunaError:
    """Return the error that the interface's answer stands for."""
    try:
        said = json.loads(error.read())
        word, sentence, remedy = str(said["error"]), str(said["sentence"]), str(said["remedy"])
    except (ValueError, KeyError, TypeError):
        return ChannelError(f"the node answers with status `{error.code}`: is another program on its port")
    if word == "release-denied":
        return ReleaseDeniedError(sentence, reason="")
    if word == "no-token":
        return RefusedError(f"{sentence}: give one in `{TOKEN}`")
    return _WORDS.get(word, KizunaError)(sentence if ":" in sentence else f"{sentence}: {remedy}")
