"""A running node, asked through its users' interface on this machine: the token says who acts."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from kizuna.cli.comparing import compare
from kizuna.cli.ways import SECOND_OFFICER, SECOND_TOKEN, TOKEN, WAIT_S, Degrees, Notice
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
from kizuna.node.settings import Settings, host_port

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


def _second(what: str) -> dict[str, str]:
    """Return the header that names the second person."""
    second = os.environ.get(SECOND_TOKEN, "")
    if not second:
        raise RefusedError(f"{what} needs two persons: their tokens in `{TOKEN}` and `{SECOND_TOKEN}`")
    return {SECOND_OFFICER: f"Bearer {second}"}


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
        headers = {SECOND_OFFICER: f"Bearer {second}"} if said.two and second else {}
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
            with opener.open(request, timeout=WAIT_S) as response:
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
