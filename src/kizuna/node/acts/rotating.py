"""New keys for old: a node tells every partner of a key set or a revocation that its party's root has signed.

Both travel as entries of kind `keys`. Towards each partner the node goes on signing with the keys that this partner is known to hold, and turns to
the new ones once the entry that carries them is receipted: so no signature fails on the way. Making and keeping keys is `kizuna.node.keys.keyfiles`'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kizuna.errors import KizunaError, RefusedError
from kizuna.kernel import keys, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.journal import Entry
from kizuna.node import effects as fx
from kizuna.node.acts.desk import check_two, own_keyset_entry
from kizuna.node.channel.world import World
from kizuna.node.effects import Effect, Reply
from kizuna.node.held.facts import Identity

_STARTED = "system:start"


class Rotating:
    """The commands that change this node's keys. `woken` is called with the channels that have something new to serve."""

    def __init__(self, world: World, woken: Callable[[Sequence[str], int], list[Effect]]) -> None:
        self._world = world
        self._woken = woken
        self._telling = 0
        """The version that is being told: its journal entry may be on its way."""

    def begin(self, now_ms: int) -> list[Effect]:
        """Return what tells of a key set that was put in place while the node was at rest, before a crash, or beside a full disk."""
        identity = self._world.identity
        version = identity.public.version
        if not identity.former or version <= self._telling:
            return []
        rows = self._world.store.query("SELECT MAX(version) FROM own_key")
        if version <= (rows[0][0] or 0):
            self._telling = version
            return []

        def failed(_error: KizunaError) -> list[Effect]:
            self._telling = 0
            return []

        return [self._told((_STARTED, ""), now_ms, lambda _now_ms: [], failed)]

    def rotate(self, command: fx.Rotate, reply_to: int, now_ms: int) -> list[Effect]:
        """Sign with new keys from now on and tell every partner; the reply is their version."""
        check_two(command.actor, command.second_actor, "a rotation of keys")
        identity, held = command.identity, self._world.identity
        version = identity.public.version
        if identity.node != held.node or version <= held.public.version:
            raise RefusedError(
                f"key set `{version}` is not newer than `{held.public.version}`, which this node has: ask for a new one"
            )
        self._world.identity = identity

        def then(_now_ms: int) -> list[Effect]:
            return [Reply(reply_to, version)]

        def failed(error: KizunaError) -> list[Effect]:
            self._world.identity = held
            self._telling = 0  # the keys held may wait to be told themselves
            return [Reply(reply_to, error)]

        return [self._told((command.actor, command.second_actor), now_ms, then, failed)]

    def _told(
        self,
        actors: tuple[str, str],
        now_ms: int,
        then: Callable[[int], list[Effect]],
        failed: Callable[[KizunaError], list[Effect]],
    ) -> Effect:
        identity = self._world.identity
        self._telling = identity.public.version
        channels = [wire.channel_name(identity.node, node) for node in self._world.partners]
        entries = [own_keyset_entry(each, self._without(each), actors, now_ms) for each in self._missing()]
        return self._world.commit(
            entries, lambda _seqs, later_ms: then(later_ms) + self._woken(channels, later_ms), failed
        )

    def _missing(self) -> list[Identity]:
        """Return this node with each key set that the journal lacks, oldest first: a full disk may have kept out more than the newest."""
        identity = self._world.identity
        rows = self._world.store.query("SELECT MAX(version) FROM own_key")
        told = rows[0][0] or identity.every[-1].public.version
        return [each for each in identity.every[::-1] if each.public.version > told]

    def _without(self, told: Identity) -> list[str]:
        """Return the channels to the partners that must be told of a key set: of the newest all, of others those whose card is older."""
        newest, version = self._world.identity.public.version, told.public.version
        return [
            wire.channel_name(told.node, node)
            for node in self._world.partners
            if version == newest or self._world.version_on_card(node) < version
        ]

    def revoke(self, command: fx.Revoke, reply_to: int, now_ms: int) -> list[Effect]:
        """Tell every partner that a version of our keys signs no more; the reply is the version."""
        check_two(command.actor, command.second_actor, "a revocation of keys")
        world = self._world
        read = [
            (keys.read_revocation(sign.read_envelope(data), world.identity.root_public), data)
            for data in command.envelopes
        ]
        versions = {revocation.version for revocation, _ in read}
        if len(versions) != 1 or not versions < {each.public.version for each in world.identity.every}:
            raise RefusedError("a revocation is of one version of our keys, for all partners alike")
        (version,) = versions
        if version == world.identity.public.version:
            raise RefusedError(f"version `{version}` is the newest: rotate first, then revoke it")
        channels = {wire.channel_name(world.identity.node, node) for node in world.partners}
        named = [revocation.channel for revocation, _ in read]
        if set(named) != channels or len(named) != len(channels):
            raise RefusedError("the revocation does not name each channel to a partner once: ask for it again")
        entries = [
            Entry(
                kind="own-key-revoked",
                at_ms=now_ms,
                meta={
                    "actor": command.actor,
                    "channels": [revocation.channel],
                    "second_actor": command.second_actor,
                    "version": version,
                },
                body=data,
            )
            for revocation, data in read
        ]

        def then(_seqs: Sequence[int], later_ms: int) -> list[Effect]:
            return [Reply(reply_to, version), *self._woken(sorted(channels), later_ms)]

        return [world.commit(entries, then, lambda error: [Reply(reply_to, error)])]
