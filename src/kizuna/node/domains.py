"""The domains that this node runs: one explicit tuple, no discovery."""

from kizuna.domains import instruments, maritime
from kizuna.kernel.domain import Domain

DOMAINS: tuple[Domain, ...] = (instruments.DOMAIN, maritime.DOMAIN)
