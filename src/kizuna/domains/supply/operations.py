"""What officers do in supply: ordering, what comes after delivery, and the tables of stock and prices."""

from kizuna.domains.supply import handling, ordering, stock

OPERATIONS = (*ordering.OPERATIONS, *handling.OPERATIONS, *stock.OPERATIONS)
