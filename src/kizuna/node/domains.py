"""Which domains this node runs: one explicit tuple, no discovery."""

from kizuna.domains import instruments
from kizuna.kernel.domain import Domain

DOMAINS: tuple[Domain, ...] = (instruments.DOMAIN,)
