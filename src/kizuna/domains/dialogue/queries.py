"""What the dialogue shows: the board, mechanisms and meetings, the roadmap, the brief, and files."""

from kizuna.domains.dialogue import agenda, board, brief, dyads, exchange, positions, roadmap
from kizuna.kernel.operation import Query

QUERIES: tuple[Query, ...] = (
    *board.QUERIES,
    *agenda.QUERIES,
    *positions.QUERIES,
    *roadmap.QUERIES,
    *exchange.QUERIES,
    *dyads.QUERIES,
    *brief.QUERIES,
)
