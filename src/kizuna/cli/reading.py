"""Looking into a node's store without disturbing it: what is only read needs no running node and stops none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kizuna.cli.base import CLOCK
from kizuna.errors import ConfigError, RefusedError
from kizuna.kernel.instrument import Agreement, Instrument, version_of
from kizuna.kernel.journal import Store
from kizuna.kernel.release import GUARD_MS, Index
from kizuna.node.channel import treaties
from kizuna.node.channel.ledger import Ledger
from kizuna.node.channel.releasing import Releaser
from kizuna.node.domains import DOMAINS
from kizuna.node.held import facts
from kizuna.node.held.facts import Identity, Partner
from kizuna.node.held.filling import projections
from kizuna.node.keys import keyfiles
from kizuna.node.service import JOURNAL, open_store
from kizuna.node.settings import SQLITE, Settings


@dataclass(frozen=True)
class Reading:
    """An open store with what is needed to understand it."""

    settings: Settings
    identity: Identity
    store: Store

    @property
    def partners(self) -> dict[str, Partner]:
        """The enrolled partners."""
        return facts.load_partners(self.store)

    @property
    def roots(self) -> dict[str, bytes]:
        """The root key of each party that is pinned, and ours."""
        return {
            **{partner.party: partner.root for partner in self.partners.values()},
            self.identity.party: self.identity.root_public,
        }

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """The instrument versions with the instants at which they count."""
        return treaties.agreements(self.store, self.roots)

    def releaser(self) -> Releaser:
        """Return what decides releases, by the agreements as they stand in the journal."""
        ledger = Ledger()
        ledger.refresh(self.store)
        return Releaser(Index.build(self.identity.party, self.agreements, GUARD_MS), DOMAINS, ledger)

    def partner(self, node: str) -> Partner:
        """Return an enrolled partner.

        Raises:
            RefusedError: there is none of that name.
        """
        found = self.partners.get(node)
        if found is None:
            raise RefusedError(f"`{node}` is not an enrolled partner: `kizuna partner list` shows who is")
        return found

    def instrument(self, name: str, version: str = "") -> Instrument:
        """Return one version of an instrument; `version` may be the beginning of its hash.

        Raises:
            RefusedError: it is not held, or several versions are and none is named.
        """
        held = [made for made in treaties.instruments(self.store) if made.id == name]
        found = [made for made in held if version_of(made).startswith(version)]
        if not held:
            raise RefusedError(f"no instrument `{name}` is held: `kizuna instrument show` lists them")
        if len(found) != 1:
            versions = ", ".join(f"`{version_of(made)[:16]}`" for made in held)
            raise RefusedError(f"name one version of `{name}` with `--version`: held are {versions}")
        return found[0]


@contextmanager
def reading(settings: Settings) -> Iterator[Reading]:
    """Open a node's store for reading, beside a running node too.

    Raises:
        ConfigError: keys or store cannot be used, or there is no journal yet.
        JournalCorruptError: the journal is damaged.
    """
    identity = keyfiles.load_identity(settings.keys, settings.node)
    if settings.store == SQLITE and not (settings.data / JOURNAL).exists():
        raise ConfigError("holds no journal: start the node once, or mend `data`", where=str(settings.data))
    store = open_store(settings, projections(DOMAINS))
    try:
        yield Reading(settings, identity, store)
    finally:
        store.close()


def now_ms() -> int:
    """Return the present, milliseconds UTC."""
    return CLOCK.now_ms()
