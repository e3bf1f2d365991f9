"""What officers do in supply: ordering, and what comes after delivery."""

from kizuna.domains.supply import handling, ordering

OPERATIONS = (*ordering.OPERATIONS, *handling.OPERATIONS)
