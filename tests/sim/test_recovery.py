"""What happens after the fact: retraction, recall, destruction, a node restored from an old backup, and rebuilding."""

from __future__ import annotations

import copy

from kizuna.node import effects as fx
from kizuna.node.held.filling import projections
from kizuna.sim.federation import SimNode
from tests.sim.world import note, notes, pair, sides


def projected(node: SimNode) -> list[object]:
    """Return every row of every table that is rebuilt from the journal, the domains' too."""
    made = projections(node.domains)
    return [sorted(map(repr, node.store.query(f"SELECT * FROM {table}"))) for table in made.tables]


def test_a_retraction_reaches_the_holder_and_the_receipt_says_so() -> None:
    federation, delhi, yokosuka, _ = pair("retract")
    said = delhi.do(fx.Say((note("was wrong", "ind", "jpn"),)))[0]
    federation.run(5_000)
    told = delhi.do(fx.Act(said.record_id, "retract", "a mistaken identity", "officer:2:watch"))
    assert len(told) == 1
    assert delhi.store.query("SELECT confirmed_at_ms FROM act WHERE channel != ''") in ([], [(0,)])
    federation.run(5_000)
    assert yokosuka.store.query("SELECT standing FROM record WHERE id = ?", (said.record_id,)) == [("retract",)]
    assert delhi.store.query("SELECT confirmed_at_ms > 0 FROM act WHERE channel != ''") == [(1,)]


def test_destruction_erases_bodies_on_both_sides_and_both_journals_verify() -> None:
    federation, delhi, yokosuka, _ = pair("destroy")
    said = delhi.do(fx.Say((note("canary-to-destroy", "ind", "jpn"),)))[0]
    federation.run(5_000)
    delhi.do(fx.Act(said.record_id, "destroy", "retention", "officer:2:security"))
    federation.run(5_000)
    for node in (delhi, yokosuka):
        bodies = b"".join(
            bytes(body) for (body,) in node.store.query("SELECT body FROM journal_body WHERE body IS NOT NULL")
        )
        assert b"canary-to-destroy" not in bodies
        verified = node.store.verify()
        assert verified.findings == ()
        assert verified.erased >= 1
    assert sides(delhi, yokosuka)[0] == sides(delhi, yokosuka)[1]


def test_projections_rebuilt_from_the_journal_are_the_same() -> None:
    federation, delhi, yokosuka, _ = pair("rebuild")
    ids = [delhi.do(fx.Say((note(f"note {i}", "ind", "jpn", level=i % 4),)))[0].record_id for i in range(12)]
    federation.run(5_000)
    delhi.do(fx.Act(ids[0], "recall", "released in error", "officer:2:security"))
    federation.run(5_000)
    for node in (delhi, yokosuka):
        before = projected(node)
        node.store.rebuild()
        assert projected(node) == before


def test_a_writer_restored_from_an_old_backup_takes_its_entries_back_and_is_not_a_forker() -> None:
    federation, delhi, yokosuka, _ = pair("backup")
    delhi.do(fx.Say((note("before the backup", "ind", "jpn"),)))
    federation.run(5_000)
    backup = copy.deepcopy(delhi.disk.files)
    delhi.do(fx.Say((note("after the backup", "ind", "jpn"),)))
    federation.run(5_000)
    delhi.alive = False
    delhi.store.close()
    delhi.disk.files = backup
    delhi.crash()
    delhi.do(fx.Say((note("after the restore", "ind", "jpn"),)))
    federation.run(60_000)
    assert {"before the backup", "after the backup", "after the restore"} <= notes(yokosuka)
    assert "fork" not in yokosuka.alerts + delhi.alerts
    assert {"before the backup", "after the backup", "after the restore"} <= notes(delhi)
    assert yokosuka.alerts == delhi.alerts == []
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert out[0] == 0


def test_a_reader_restored_from_an_old_backup_goes_on_from_its_own_newest_receipt() -> None:
    federation, delhi, yokosuka, _ = pair("reader-backup")
    delhi.do(fx.Say((note("before the backup", "ind", "jpn"),)))
    federation.run(5_000)
    backup = copy.deepcopy(yokosuka.disk.files)
    delhi.do(fx.Say((note("after the backup", "ind", "jpn"),)))
    federation.run(5_000)
    yokosuka.alive = False
    yokosuka.store.close()
    yokosuka.disk.files = backup
    yokosuka.crash()
    federation.run(30_000)
    delhi.do(fx.Say((note("after the restore", "ind", "jpn"),)))
    federation.run(60_000)
    assert {"before the backup", "after the backup", "after the restore"} <= notes(yokosuka)
    assert "fork" not in yokosuka.alerts + delhi.alerts
    out, read = sides(delhi, yokosuka)
    assert out == read


def test_a_clock_that_leaps_releases_nothing_until_it_is_trusted_again() -> None:
    federation, delhi, yokosuka, _ = pair("clock")
    federation.run(120_000)
    delhi.skew_ms = -60_000
    federation.run(500)
    delhi.do(fx.Say((note("said in doubt", "ind", "jpn"),)))
    federation.run(20_000)
    assert notes(yokosuka) == set()
    delhi.skew_ms = 0
    federation.run(90_000)
    assert notes(yokosuka) == {"said in doubt"}
