"""What desk officers do in the dialogue."""

from kizuna.domains.dialogue import exchange, ops_commitments, ops_meetings, ops_roadmap, ops_statements
from kizuna.kernel.operation import Operation

OPERATIONS: tuple[Operation, ...] = (
    *ops_statements.OPERATIONS,
    *ops_meetings.OPERATIONS,
    *ops_commitments.OPERATIONS,
    *exchange.OPERATIONS,
    *ops_roadmap.OPERATIONS,
)
