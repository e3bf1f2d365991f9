"""The books that a reader is given: the node's own store where they may see all that is held, else the extract of what they may.

Pages and interface ask a node through `Books.of`, so that what a reader may not see is not in the tables from which they are answered: nothing has
to be left out afterwards, and nothing can be forgotten. A program whose token stands for nobody with an account reads the store itself: there the
role alone decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary, proxy

from kizuna.kernel.instrument import Agreement
from kizuna.kernel.journal import Store
from kizuna.node import effects as fx
from kizuna.node.channel import treaties
from kizuna.node.core import Core
from kizuna.node.held.facts import Identity
from kizuna.node.held.filling import projections
from kizuna.node.people.accounts import Account
from kizuna.node.readers.extract import Extracts, Shelf
from kizuna.node.readers.thinning import Readers
from kizuna.node.runner import Runner
from kizuna.web.sight import Ceilings, Labels, readers_of

Made = TypeVar("Made")


class RunningNode(Protocol):
    """A node as the web layer sees it."""

    @property
    def identity(self) -> Identity:
        """Who it is."""
        ...

    @property
    def store(self) -> Store:
        """Its journal and projections."""
        ...

    @property
    def core(self) -> Core:
        """Its state machine: read, never called, from here."""
        ...

    @property
    def runner(self) -> Runner:
        """Carries commands to the core."""
        ...


@dataclass(frozen=True)
class NodeSeen:
    """A node as some readers see it: `store` holds what they may."""

    identity: Identity
    store: Store
    core: Core
    runner: Runner


class ByStore(Generic[Made]):
    """Something made once over each store, which it does not keep alive: an extract that was made anew goes with all that was made over it."""

    def __init__(self, make: Callable[[Store], Made]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[Store, Made] = WeakKeyDictionary()

    def of(self, store: Store) -> Made:
        """Return what was made over a store."""
        found = self._made.get(store)
        if found is None:
            found = self._made.setdefault(store, self._make(proxy(store)))
        return found


class Books:
    """Gives each reader theirs; for any thread."""

    def __init__(self, node: RunningNode, shelf: Shelf) -> None:
        self._node = node
        self._extracts = Extracts(node.store, projections(node.core.world.domains), shelf)
        self._ceilings = ByStore(Ceilings)
        self._labels: ByStore[Labels] = ByStore(lambda _store: Labels())
        self._agreements: ByStore[dict[int, tuple[Agreement, ...]]] = ByStore(lambda _store: {})

    def of(self, account: Account | None) -> RunningNode:
        """Return the node as an officer may see it; None stands for a program without an account."""
        if account is None:
            return self._node
        return self.read_by(readers_of(account, self._node.identity.party))

    def read_by(self, readers: Readers) -> RunningNode:
        """Return the node as some readers may see it, up to where its journal ends now."""
        node = self._node
        if readers.whole:
            return node
        return NodeSeen(node.identity, self._extracts.of(readers), node.core, node.runner)

    def bring(self) -> bool:
        """Bring each extract that is kept some way further; return whether one of them was behind.

        Raises:
            KizunaError: the journal cannot be read now, or an extract not be written.
        """
        return self._extracts.bring()

    def keep(self, accounts: Iterable[Account]) -> None:
        """Remove the extracts that none of these accounts reads.

        Raises:
            ConfigError: a file cannot be removed.
        """
        self._extracts.keep({readers_of(account, self._node.identity.party) for account in accounts})

    def close(self) -> None:
        """Let go of the extracts' files."""
        self._extracts.close()

    def agreements(self, node: RunningNode) -> tuple[Agreement, ...]:
        """Return the agreements as the journal that a reader may see has them."""
        world = node.core.world
        if node.store is self._node.store:
            return world.agreements
        kept, seq = self._agreements.of(node.store), node.store.head().seq
        if seq not in kept:
            found = treaties.agreements(node.store, world.roots)
            kept.clear()
            kept[seq] = found
            return found
        return kept[seq]

    def rehearse(self, node: RunningNode, command: fx.Operate, now_ms: int) -> None:
        """Let what an officer may not see refuse nothing by name: what they ask for is first tried on what they may.

        Raises:
            KizunaError: it stands against what they may see; what they may not is as if it were not held.
        """
        if node.store is not self._node.store:
            node.core.operating.rehearse(command, now_ms, node.store)

    def labels(self, store: Store) -> Labels:
        """Return the labels of a store's records as they were last read."""
        return self._labels.of(store)

    def ceilings(self, store: Store) -> Ceilings:
        """Return the highest grades of what a store holds."""
        return self._ceilings.of(store)
