"""The domains that this node runs: one explicit tuple, no discovery."""

from kizuna.domains import case, instruments, maritime
from kizuna.kernel.domain import Domain

DOMAINS: tuple[Domain, ...] = (case.DOMAIN, instruments.DOMAIN, maritime.DOMAIN)
