"""What is PostgreSQL's own: placeholders, a lost server, an answer that got lost."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from kizuna.errors import ConfigError, JournalConflictError
from kizuna.kernel.journal import Db, Entry, OutcomeUnknownError, Projections
from tests.contract.journals import COUNTING, PostgresEngine, entry

psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
postgres = pytest.importorskip("kizuna.storage.postgres", reason="psycopg is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def engine(postgres_conninfo: str) -> Iterator[PostgresEngine]:
    made = PostgresEngine(postgres_conninfo, f"test_{uuid.uuid4().hex[:12]}")
    yield made
    made.drop()


@pytest.mark.parametrize(
    ("portable", "native"),
    [
        ("SELECT ?", "SELECT %s"),
        ("a = ? AND b IN (?, ?)", "a = %s AND b IN (%s, %s)"),
        ("a LIKE '%?' AND b = ?", "a LIKE '%%?' AND b = %s"),
        ("a = 'it''s ?' AND b = ?", "a = 'it''s ?' AND b = %s"),
        ('"odd?" = ? -- why?\nAND c = ?', '"odd?" = %s -- why?\nAND c = %s'),
        ("/* ? */ a % ? = 0", "/* ? */ a %% %s = 0"),
    ],
)
def test_placeholders_are_translated_and_text_is_not(portable: str, native: str) -> None:
    assert postgres.translate(portable) == native


@pytest.mark.parametrize("schema", ["", "Kizuna", 'k"; DROP SCHEMA public', "1a", "a" * 64])
def test_a_schema_name_that_would_need_quoting_is_refused(schema: str) -> None:
    with pytest.raises(ConfigError, match="is not a schema name"):
        postgres.open_postgres("", COUNTING, schema=schema)


def test_an_unreachable_server_is_said_without_the_password() -> None:
    with pytest.raises(JournalConflictError) as raised:
        postgres.open_postgres("host=/nonexistent user=u password=hunter2", COUNTING)
    assert "hunter2" not in str(raised.value)


@pytest.mark.postgres
def test_a_connection_lost_before_the_commit_keeps_nothing(engine: PostgresEngine) -> None:
    def cut(db: Db, seq: int, kept: Entry) -> None:
        COUNTING.apply(db, seq, kept)
        if kept.kind == "cut":
            db.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    store = engine.open(Projections("1", COUNTING.schema, COUNTING.tables, cut))
    store.commit([entry(1)])
    with pytest.raises(JournalConflictError, match="does not answer"):
        store.commit([entry(2), entry(2, "cut")])
    assert store.commit([entry(3)]) == [2]
    assert store.verify().findings == ()
    store.close()


@pytest.mark.postgres
def test_an_answer_lost_after_the_commit_is_found_out(engine: PostgresEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    store = engine.open()
    execute = psycopg.Connection.execute

    def lose_answer(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        result = execute(self, query, *args, **options)
        if query == "COMMIT":
            monkeypatch.undo()
            self.close()
            raise psycopg.OperationalError("the connection was lost")
        return result

    monkeypatch.setattr(psycopg.Connection, "execute", lose_answer)
    assert store.commit([entry(1), entry(2)]) == [1, 2]
    assert store.commit([entry(3)]) == [3]
    assert store.verify().count == 3
    store.close()


@pytest.mark.postgres
def test_a_commit_of_which_nobody_can_be_asked_is_neither_denied_nor_made_again(
    engine: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = engine.open()
    execute = psycopg.Connection.execute

    def away(*_args: Any, **_options: Any) -> Any:
        raise psycopg.OperationalError("the server is starting up")

    def lose_answer(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        result = execute(self, query, *args, **options)
        if query == "COMMIT":
            self.close()
            raise psycopg.OperationalError("the connection was lost")
        return result

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "execute", lose_answer)
        patched.setattr(psycopg, "connect", away)
        with pytest.raises(OutcomeUnknownError, match="may have been kept"):
            store.commit([entry(1), entry(2)])
    assert store.head().seq == 2
    assert store.commit([entry(3)]) == [3]
    store.close()


@pytest.mark.postgres
def test_a_reader_whose_connection_was_cut_is_replaced(engine: PostgresEngine) -> None:
    store = engine.open()
    store.commit([entry(1)])
    with pytest.raises(JournalConflictError), store.view() as db:
        db.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert store.query("SELECT entries FROM tally") == [(1,)]
    store.close()
