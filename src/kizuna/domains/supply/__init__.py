"""Supply: support ordered from a partner, from request to closing, with one balance that both sides compute alike."""

from kizuna.domains.supply import documents, statement, stock
from kizuna.domains.supply.cases import ORDER
from kizuna.domains.supply.operations import OPERATIONS
from kizuna.domains.supply.projections import APPLY, SCHEMA, TABLES
from kizuna.domains.supply.queries import QUERIES
from kizuna.domains.supply.records import RECORDS, OrderDrafted, TermsStated
from kizuna.kernel.domain import Domain, Seek

DOMAIN = Domain(
    name="supply", records={**RECORDS, **stock.RECORDS}, schema=(*SCHEMA, *stock.SCHEMA), tables=(*TABLES, *stock.TABLES),
    apply={**APPLY, **stock.APPLY}, cases=(ORDER,), operations=OPERATIONS,
    queries=(*QUERIES, *statement.QUERIES, *documents.QUERIES, *stock.QUERIES),
    sought={
        OrderDrafted: Seek(kind="supply.draft", title=("order_no",), ref=("order_no",)),
        TermsStated: Seek(kind="supply.terms", title=("arrangement",)),
    },
)  # fmt: skip
