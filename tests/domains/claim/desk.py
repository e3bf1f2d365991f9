"""A desk of one party with the claim domain's tables, on which operations are done and what they say is projected at once."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from kizuna.domains.claim import DOMAIN
from kizuna.kernel.domain import Fact, Forget
from kizuna.kernel.journal import Db, Entry, Projections, Store
from kizuna.kernel.label import label
from kizuna.kernel.operation import Asked, Desk, Outcome, Statement
from kizuna.node.held.filling import kinds_of
from kizuna.storage.sqlite import open_sqlite

MARK = label("ind.example.v1", 0, originator="ind")


class Claims:
    """The tables of one node, filled by facts; `say` does an operation and keeps what it says."""

    def __init__(self, party: str = "ind") -> None:
        self.party = party
        self._waiting: list[Fact[Any]] = []
        self._forgetting: tuple[str, Forget] | None = None
        self.facts: list[Fact[Any]] = []
        self.store: Store = open_sqlite(":memory:", Projections("1", DOMAIN.schema, DOMAIN.tables, self._apply))

    def _apply(self, db: Db, _seq: int, _entry: Entry) -> None:
        if self._forgetting is not None:
            record_id, how = self._forgetting
            how(db, record_id)
        for fact in self._waiting:
            DOMAIN.apply[type(fact.body)](db, fact)

    def take(self, *facts: Fact[Any]) -> None:
        """Keep records, as they arrive."""
        self._waiting = list(facts)
        self.facts += facts
        self.store.commit([Entry(kind="record", at_ms=0, meta={})])

    def forget(self, record_id: str, how: Forget) -> None:
        """Take out a record whose body was erased."""
        self._waiting = []
        self._forgetting = (record_id, how)
        self.store.commit([Entry(kind="record", at_ms=0, meta={})])

    def say(self, name: str, asked: Asked, actor: str = "officer:1:desk") -> tuple[list[str], Outcome]:
        """Do an operation; returns the record ids of what it said."""
        operation = next(each for each in DOMAIN.operations if each.name == name)
        with self.store.view() as db:
            outcome = operation.run(self._desk(db, actor), asked)
        made = [self._fact(statement, actor) for statement in outcome.statements]
        if made:
            self.take(*made)
        return [fact.record_id for fact in made], outcome

    def ask(self, query_name: str, **wanted: Any) -> Any:
        """Return what a query shows, as plain data."""
        query = next(each for each in DOMAIN.queries if each.name == query_name)
        with self.store.view() as db:
            return msgspec.to_builtins(query.run(self._desk(db, "officer:1:desk"), query.asks(**wanted)))

    def rows(self) -> list[list[str]]:
        """Return all tables, each sorted."""
        return [sorted(map(repr, self.store.query(f"SELECT * FROM {table}"))) for table in DOMAIN.tables]

    def _desk(self, db: Db, actor: str) -> Desk:
        return Desk(
            db=db,
            now_ms=1000,
            party=self.party,
            actor=actor,
            kinds=kinds_of((DOMAIN,)),
            random=bytes,
        )

    def _fact(self, said: Statement, actor: str) -> Fact[Any]:
        number = len(self.facts) + 1
        seed = f"{self.party} {number} {said.subject} {msgspec.json.encode(said.body)!r}"
        return Fact(
            record_id=hashlib.sha256(seed.encode()).hexdigest(), type=said.type, body=said.body, issuer=self.party,
            node=f"{self.party}/n", actor=actor, subject=said.subject, at_ms=1000 + number, label=MARK, exercise="",
            own=True, after=said.after,
        )  # fmt: skip
