"""Reaching a node to change something: a running one through its users' interface, one at rest by opening it here.

Both ways (`kizuna.cli.ways`) take the same commands and end in the same journal entries. Over the interface (`kizuna.cli.running`) the token says who
acts; a node at rest is changed by whoever may read its keys, and its journal names the officer whose token was given, or the local administrator.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from kizuna.cli.base import CLOCK, random
from kizuna.cli.comparing import compare
from kizuna.cli.running import Remote
from kizuna.cli.ways import SECOND_TOKEN, TOKEN, WAIT_S, Degrees, Notice, Reach
from kizuna.errors import ConfigError, RefusedError
from kizuna.kernel import canonical, sign
from kizuna.kernel.instrument import Instrument, version_of
from kizuna.kernel.operation import Asked
from kizuna.node import effects as fx
from kizuna.node.acts import agreeing
from kizuna.node.channel import treaties
from kizuna.node.keys import renewal
from kizuna.node.people.tokens import Officer, Tokens
from kizuna.node.service import InUseError, Node, open_node
from kizuna.node.settings import Settings

LOCAL = Officer("local", "administrator")
_DEGREE = 600_000


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
        return self.node.runner.do(command).result(WAIT_S)

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
