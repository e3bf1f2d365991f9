"""What seeds of the campaign found, each as the shortest story that shows it."""

from __future__ import annotations

import pytest

from kizuna.errors import ConfigError
from kizuna.node import effects as fx
from kizuna.node.channel.world import Limits
from kizuna.sim.federation import SimNode
from kizuna.sim.keyring import next_identity, revocations
from tests.sim.test_after_restore import backup_of, codes, restored, say
from tests.sim.world import notes, pair, sides

HOUR_MS = 3_600_000
ONE, TWO = "officer:1:security", "officer:2:administrator"


def test_what_is_said_by_a_clock_that_leapt_bears_no_time_to_come_and_does_not_wait_for_it() -> None:
    federation, delhi, yokosuka, _ = pair("leapt")
    recalled = say(delhi, "to be recalled")
    federation.run(10_000)
    delhi.skew_ms = 5 * HOUR_MS
    federation.run(1_000)
    said = say(delhi, "said by a wrong clock")
    delhi.do(fx.Act(recalled, "recall", "in error", "officer:2:security"))
    federation.run(5_000)
    delhi.skew_ms = 0
    federation.run(90_000)
    assert "said by a wrong clock" in notes(yokosuka)
    assert yokosuka.store.query("SELECT standing FROM record WHERE id = ?", (recalled,)) == [("recall",)]
    assert delhi.store.query("SELECT at_ms FROM record WHERE id = ?", (said,)) < [(federation.now_ms,)]
    assert codes(yokosuka) == {""}


def test_a_reader_whose_clock_was_set_back_refuses_nothing_for_its_time() -> None:
    federation, delhi, yokosuka, _ = pair("set back")
    federation.run(10_000)
    yokosuka.skew_ms = -60_000
    for number in range(8):
        say(delhi, f"note {number}")
        federation.run(5_000)
    yokosuka.skew_ms = 0
    federation.run(60_000)
    assert codes(yokosuka) == {""}
    assert notes(yokosuka) == {f"note {number}" for number in range(8)}


def test_a_bundle_from_the_future_of_a_clock_in_doubt_waits() -> None:
    federation, delhi, yokosuka, _ = pair("bundle")
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    say(delhi, "by courier")
    data = delhi.do(fx.ExportBundle(yokosuka.name, delhi.now_ms + HOUR_MS, "officer:3:liaison"))
    yokosuka.skew_ms = -60_000
    federation.run(1_000)
    with pytest.raises(Exception, match="clock that is in doubt"):
        yokosuka.do(fx.ImportBundle(data, "officer:3:liaison"))
    yokosuka.skew_ms = 0
    federation.run(1_000)
    assert yokosuka.do(fx.ImportBundle(data, "officer:3:liaison")).refused == 0
    assert notes(yokosuka) == {"by courier"}


def test_a_clock_that_was_wrong_for_long_and_is_set_right_goes_on_asking() -> None:
    federation, delhi, yokosuka, _ = pair("asking")
    yokosuka.skew_ms = 2 * HOUR_MS
    federation.run(70_000)
    assert not yokosuka.core.world.clock_in_doubt
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    federation.run(60_000)  # when to ask again is noted by the wrong clock
    yokosuka.skew_ms = 0
    federation.weather.cut.clear()
    say(delhi, "now")
    federation.run(60_000)
    assert notes(yokosuka) == {"now"}


def test_new_keys_that_a_full_disk_kept_out_of_the_journal_are_told_once_it_has_room() -> None:
    federation, delhi, yokosuka, _ = pair("full")
    delhi.identity = made = next_identity(delhi)
    delhi.disk.capacity = delhi.disk.used
    with pytest.raises(ConfigError):
        delhi.do(fx.Rotate(made, ONE, TWO))
    delhi.crash()
    federation.run(2_000)
    delhi.disk.capacity = None
    federation.run(1_000)
    say(delhi, "by the new key")
    federation.run(60_000)
    assert notes(yokosuka) == {"by the new key"}
    assert codes(yokosuka) == {""}
    assert yokosuka.core.world.partners[delhi.name].keyset.version == 2


def test_a_receipt_that_arrives_after_its_reader_was_restored_does_not_end_the_chain() -> None:
    federation, delhi, yokosuka, _ = pair("under way")
    federation.run(5_000)
    backup = yokosuka.backup()
    federation.weather.delay_ms = (300, 300)
    federation.weather.one_way.add((yokosuka.name, delhi.name))
    federation.run(30_000)
    say(delhi, "first")
    federation.weather.one_way.clear()
    while "first" not in notes(yokosuka):
        federation.run(50)
    under_way = federation.wire[-1]  # the pull with the receipt for it
    assert under_way[0] == yokosuka.name
    federation.weather.one_way.add((yokosuka.name, delhi.name))
    federation.run(30_000)
    yokosuka.restore(backup)
    federation.weather.one_way.clear()
    while "first" not in notes(yokosuka):
        federation.run(50)
    delhi.serve(yokosuka.name, under_way[2], lambda _answer: None)
    say(delhi, "second")
    federation.run(60_000)
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert notes(yokosuka) == {"first", "second"}


def test_a_restored_reader_is_not_served_bare_headers_by_a_writer_that_rests() -> None:
    federation, delhi, yokosuka, _ = pair("rests")
    backup = yokosuka.backup()
    say(delhi, "read before")
    federation.run(5_000)
    delhi.do(fx.Halt(on=True, actor="officer:2:security", reason="an exercise"))
    yokosuka.restore(backup)
    federation.run(30_000)
    assert notes(yokosuka) == set()
    delhi.do(fx.Halt(on=False, actor="officer:2:security", reason="over"))
    federation.run(60_000)
    assert notes(yokosuka) == {"read before"}


def rotated(node: SimNode) -> None:
    node.identity = made = next_identity(node)
    node.do(fx.Rotate(made, ONE, TWO))


def test_receipts_that_are_shown_again_under_a_key_revoked_since_do_not_close_the_channel() -> None:
    federation, delhi, yokosuka, _ = pair("shown again")
    say(delhi, "first")
    federation.run(5_000)
    rotated(yokosuka)
    federation.run(10_000)
    yokosuka.do(fx.Revoke(revocations(yokosuka, 1), ONE, TWO))
    federation.run(10_000)
    assert delhi.core.world.partners[yokosuka.name].revoked
    yokosuka.crash()  # which receipts have arrived it does not know now
    say(delhi, "second")
    federation.run(60_000)
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert notes(yokosuka) == {"first", "second"}


@pytest.mark.parametrize("restarts", [False, True])
def test_a_receipt_that_was_lost_before_its_key_was_revoked_is_signed_anew(restarts: bool) -> None:  # noqa: FBT001 # a case
    federation, delhi, yokosuka, _ = pair(f"lost {restarts}")
    say(delhi, "before")
    federation.run(5_000)
    federation.weather.delay_ms = (300, 300)
    say(delhi, "under way")
    while "under way" not in notes(yokosuka):
        federation.run(50)
    hears, delhi.serve = delhi.serve, lambda *_: None  # type: ignore[method-assign] # it asks on, and hears no request
    rotated(yokosuka)
    federation.run(30_000)
    yokosuka.do(fx.Revoke(revocations(yokosuka, 1), ONE, TWO))
    federation.run(30_000)
    assert delhi.core.world.partners[yokosuka.name].revoked
    if restarts:
        yokosuka.crash()
    delhi.serve = hears  # type: ignore[method-assign] # it hears again
    federation.run(60_000)
    out, read = sides(delhi, yokosuka)
    assert out == read
    say(delhi, "after")
    federation.run(60_000)
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert notes(yokosuka) == {"before", "under way", "after"}
    assert delhi.alerts == yokosuka.alerts == []


def test_an_answer_from_a_new_epoch_that_a_full_disk_kept_out_accuses_nobody() -> None:
    federation, delhi, yokosuka, _ = pair("full epoch", limits=Limits(pull_entries=2))
    backup = delhi.backup()
    mark = next(iter(delhi.marks.values()))
    delhi.marks[mark.channel] = type(mark)(mark.channel, mark.epoch, mark.size + 1, bytes(32))
    delhi.restore(backup)  # what it signed last nobody has: it opens an epoch
    for number in range(7):
        say(delhi, f"note {number}")
    yokosuka.disk.capacity = yokosuka.disk.used
    federation.run(20_000)
    assert yokosuka.store.query("SELECT epoch FROM channel_in") == [(0,)]
    yokosuka.disk.capacity = None
    federation.run(60_000)
    assert "fork" not in yokosuka.alerts
    assert notes(yokosuka) == {f"note {number}" for number in range(7)}
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert out[0] == 1


def test_what_was_signed_by_keys_that_a_full_disk_kept_out_counts_though_newer_ones_are_told_first() -> None:
    federation, delhi, yokosuka, _ = pair("skipped")
    delhi.identity = made = next_identity(delhi)
    delhi.disk.capacity = delhi.disk.used
    with pytest.raises(ConfigError):
        delhi.do(fx.Rotate(made, ONE, TWO))
    delhi.crash()
    delhi.disk.capacity = None
    say(delhi, "by the second keys")
    delhi.identity = newer = next_identity(delhi)
    delhi.do(fx.Rotate(newer, ONE, TWO))
    federation.run(30_000)
    say(delhi, "by the third keys")
    federation.run(30_000)
    assert codes(yokosuka) == {""}
    assert notes(yokosuka) == {"by the second keys", "by the third keys"}
    assert yokosuka.core.world.partners[delhi.name].keyset.version == 3


def test_a_rotation_that_fails_does_not_forget_that_the_keys_before_it_wait_to_be_told() -> None:
    federation, delhi, yokosuka, _ = pair("fails twice")
    delhi.disk.capacity = delhi.disk.used
    for _ in range(2):
        made = next_identity(delhi)
        with pytest.raises(ConfigError):
            delhi.do(fx.Rotate(made, ONE, TWO))
        if delhi.core.world.identity.public.version == 1:
            delhi.identity = made
            delhi.crash()
    federation.run(2_000)
    delhi.disk.capacity = None
    say(delhi, "by the second keys")
    federation.run(60_000)
    assert notes(yokosuka) == {"by the second keys"}
    assert codes(yokosuka) == {""}
    assert yokosuka.core.world.partners[delhi.name].keyset.version == 2


def test_keys_that_a_wrong_clock_brought_are_told_before_newer_ones() -> None:
    federation, delhi, yokosuka, _ = pair("keys of a wrong clock")
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    federation.run(40_000)  # the pull that waited is lost
    delhi.skew_ms = 50 * 60_000  # no leap by its size
    rotated(delhi)
    delhi.skew_ms = 0
    federation.run(1_000)
    rotated(delhi)
    federation.weather.cut.clear()
    say(delhi, "under the newest")
    federation.run(4 * HOUR_MS)
    assert codes(yokosuka) == {""}
    assert notes(yokosuka) == {"under the newest"}


def test_keys_that_a_closed_epoch_held_are_told_before_newer_ones() -> None:
    """A restored writer opens a new epoch: what the old one held, and nobody received, comes before what is due since."""
    federation, delhi, yokosuka, _ = pair("keys of a closed epoch")
    link = frozenset((delhi.name, yokosuka.name))
    federation.weather.cut.add(link)
    federation.run(40_000)
    federation.weather.cut.clear()
    federation.weather.one_way.add((delhi.name, yokosuka.name))
    rotated(delhi)
    federation.run(60_000)  # asked for and sequenced, and no answer arrives
    before = backup_of(delhi)
    say(delhi, "sequenced after the backup, and lost")
    federation.run(60_000)
    restored(delhi, before)
    rotated(delhi)
    federation.weather.one_way.clear()
    federation.run(300_000)
    say(delhi, "in the new epoch")
    federation.run(60_000)
    assert yokosuka.store.query("SELECT MAX(epoch) FROM leaf_in") == [(1,)]
    assert codes(yokosuka) == {""}
    assert "in the new epoch" in notes(yokosuka)


def test_what_comes_back_twice_ends_no_recovery() -> None:
    federation, delhi, yokosuka, _ = pair("twice", limits=Limits(pull_entries=4))
    before = backup_of(delhi)
    texts = {f"note {number}" for number in range(12)}
    for text in sorted(texts):
        say(delhi, text)
    federation.run(30_000)
    assert notes(yokosuka) == texts
    federation.weather.twice = 1.0
    restored(delhi, before)
    federation.run(120_000)
    assert notes(delhi) == texts
    assert delhi.store.query("SELECT sentence FROM alert") == []
    assert delhi.store.query("SELECT MAX(epoch) FROM leaf_out") == [(0,)], "nothing is lost, and no new epoch is needed"


def test_a_partner_that_missed_many_rotations_and_was_restored_finds_a_signature_that_it_knows() -> None:
    federation, delhi, yokosuka, _ = pair("many rotations")
    before = backup_of(yokosuka)
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    for _ in range(10):
        rotated(delhi)
        federation.run(2_000)
    restored(yokosuka, before)
    federation.weather.cut.clear()
    say(delhi, "under the newest")
    federation.run(120_000)
    assert yokosuka.store.query("SELECT sentence FROM alert") == []
    assert notes(yokosuka) == {"under the newest"}
