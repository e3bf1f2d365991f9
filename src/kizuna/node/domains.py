"""The domains that this node runs: one explicit tuple, no discovery."""

from kizuna.domains import case, claim, dialogue, exercises, instruments, maritime, protection, supply, training
from kizuna.kernel.domain import Domain

DOMAINS: tuple[Domain, ...] = (
    case.DOMAIN,
    claim.DOMAIN,
    instruments.DOMAIN,
    maritime.DOMAIN,
    exercises.DOMAIN,
    training.DOMAIN,
    dialogue.DOMAIN,
    supply.DOMAIN,
    protection.DOMAIN,
)
