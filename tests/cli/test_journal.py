"""`kizuna journal`: verified, shown, rebuilt."""

import apsw

from tests.cli.conftest import Party


def alter(party: Party, sql: str) -> None:
    connection = apsw.Connection(str(party.folder / "data" / "journal.sqlite"))
    connection.execute(sql)
    connection.close()


def test_a_whole_journal_verifies(india: Party) -> None:
    found = india.ok("journal", "verify")
    assert found["ok"]
    assert found["entries"] == found["head"]["seq"] == 12
    head = india("journal", "head").out.strip()
    assert india("journal", "verify", "--expect", head).code == 0


def test_an_altered_byte_is_found(india: Party) -> None:
    alter(india, "UPDATE journal_packed_body SET body = CAST(body || ' ' AS BLOB) WHERE seq = 3")
    done = india("journal", "verify", "--json")
    assert done.code == 9
    assert not done.json["ok"]
    assert any(finding["entry"] == 3 for finding in done.json["findings"])
    assert "stop the node" in done.err


def test_a_cut_tail_is_found_by_a_head_that_was_noted(india: Party) -> None:
    head = india("journal", "head").out.strip()
    alter(india, "DELETE FROM journal_packed_entry WHERE seq = 12")
    alter(india, "DELETE FROM journal_packed_body WHERE seq = 12")
    assert india("journal", "verify").code == 0
    assert india("journal", "verify", "--expect", head).code == 9
    assert india("journal", "verify", "--expect", "12").code == 3


def test_an_entry_is_shown(india: Party) -> None:
    entry = india.ok("journal", "show", 1)
    assert entry["kind"] == "instrument"
    assert "body" not in entry
    assert india.ok("journal", "show", 1, "--body")["body"].startswith("{")
    assert india("journal", "show", 99).code == 6
    assert india("journal", "show", 0).code == 2


def test_tables_are_made_anew_from_the_journal(india: Party) -> None:
    before = india.ok("instrument", "show")["instruments"]
    alter(india, "DELETE FROM instrument_version")
    assert india.ok("instrument", "show")["instruments"] == []
    assert india.ok("journal", "rebuild")["entries"] == 12
    assert india.ok("instrument", "show")["instruments"] == before


def test_a_file_that_is_no_journal_stops_everything(india: Party) -> None:
    for path in (india.folder / "data").glob("journal.sqlite*"):
        path.unlink()
    assert india("journal", "head").code == 13
    (india.folder / "data" / "journal.sqlite").write_bytes(b"nonsense" * 1000)
    assert india("journal", "head").code == 9
