"""After a restore, a halt or a wrong clock honest nodes lose nothing to one another and accuse nobody."""

from __future__ import annotations

import copy
import dataclasses

import pytest

from kizuna.kernel import canonical
from kizuna.kernel.channel import wire
from kizuna.kernel.instrument import Instrument
from kizuna.node import effects as fx
from kizuna.node.channel import again
from kizuna.node.channel.again import Again, Written
from kizuna.node.channel.world import Limits
from kizuna.sim.federation import Federation, SimNode, opened_receipt
from kizuna.sim.keyring import next_identity
from tests.sim.test_bundles import apart, carry, export
from tests.sim.test_recovery import projected
from tests.sim.world import DOMAINS, arrangement, note, notes, pair, sides, sign_instrument, suspend

SECURITY = ("officer:1:security", "officer:2:administrator")


def restored(node: SimNode, backup: dict[str, object]) -> None:
    node.alive = False
    node.store.close()
    node.disk.files = copy.deepcopy(backup)
    node.crash()


def backup_of(node: SimNode) -> dict[str, object]:
    return copy.deepcopy(node.disk.files)


def say(node: SimNode, text: str) -> str:
    party = node.identity.party
    said = node.do(fx.Say((note(text, party, "jpn" if party == "ind" else "ind"),)))[0]
    return str(said.record_id)


def codes(node: SimNode) -> set[str]:
    return {code for (code,) in node.store.query("SELECT code FROM leaf_in")}


@pytest.mark.parametrize("who", ["delhi", "yokosuka"])
@pytest.mark.parametrize("cut", [True, False])
def test_traffic_goes_on_both_ways_after_a_restore(who: str, cut: bool) -> None:  # noqa: FBT001 # a case
    federation, delhi, yokosuka, _ = pair(f"both-{who}-{cut}")
    one, other = (delhi, yokosuka) if who == "delhi" else (yokosuka, delhi)
    for number in range(3):
        say(one, f"early {number} of {one.name}")
        say(other, f"early {number} of {other.name}")
        federation.run(3_000)
    backup = backup_of(one)
    for number in range(5):
        say(one, f"lost {number} of {one.name}")
        say(other, f"kept {number} of {other.name}")
        federation.run(3_000)
    if cut:
        federation.weather.cut.add(frozenset((one.name, other.name)))
    restored(one, backup)
    for number in range(4):
        say(other, f"late {number} of {other.name}")
        say(one, f"late {number} of {one.name}")
        federation.run(2_000)
    federation.weather.cut.clear()
    federation.run(240_000)
    for number in range(4):
        say(other, f"last {number} of {other.name}")
        say(one, f"last {number} of {one.name}")
        federation.run(10_000)
    federation.run(120_000)
    assert codes(one) | codes(other) == {""}
    assert {f"late {i} of {other.name}" for i in range(4)} | {f"last {i} of {other.name}" for i in range(4)} <= notes(
        one
    )
    assert {f"late {i} of {one.name}" for i in range(4)} | {f"last {i} of {one.name}" for i in range(4)} <= notes(other)
    assert {f"kept {i} of {other.name}" for i in range(5)} <= notes(one)
    assert "fork" not in one.alerts + other.alerts
    for writer, reader in ((one, other), (other, one)):
        out, read = sides(writer, reader)
        assert out == read
    for node in (one, other):
        misplaced = "SELECT COUNT(*) FROM leaf_out l LEFT JOIN record r ON r.id = l.record_id WHERE l.record <> COALESCE(r.seq, 0)"
        assert node.store.query(misplaced) == [(0,)], "each leaf names the record that it shows"
        before = projected(node)
        node.store.rebuild()
        assert projected(node) == before


def test_what_a_restore_left_unreceipted_is_shown_in_the_new_epoch() -> None:
    federation, delhi, yokosuka, _ = pair("unreceipted")
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    backup_note = say(delhi, "sequenced, never heard of")
    federation.run(1_000)
    backup = backup_of(delhi)
    assert delhi.store.query("SELECT COUNT(*) FROM leaf_out WHERE record_id = ?", (backup_note,)) == [(1,)]
    mark = next(iter(delhi.marks.values()))
    delhi.marks[mark.channel] = type(mark)(mark.channel, mark.epoch, mark.size + 1, bytes(32))
    restored(delhi, backup)
    federation.weather.cut.clear()
    federation.run(240_000)
    assert notes(yokosuka) == {"sequenced, never heard of"}
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert out[0] == 1


def test_a_halted_writer_that_was_restored_is_no_forker() -> None:
    federation, delhi, yokosuka, _ = pair("halted")
    backup = backup_of(delhi)
    say(delhi, "lost to the writer")
    federation.run(5_000)
    restored(delhi, backup)
    delhi.do(fx.Halt(on=True, actor="officer:2:security", reason="after a restore"))
    federation.run(60_000)
    assert "fork" not in yokosuka.alerts
    delhi.do(fx.Halt(on=False, actor="officer:2:security", reason="looked into"))
    say(delhi, "after the halt")
    federation.run(60_000)
    assert notes(yokosuka) == {"lost to the writer", "after the halt"}


def test_what_was_served_as_a_stub_is_shown_once_it_may_be() -> None:
    federation, delhi, yokosuka, _ = pair("stub")
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    say(delhi, "sequenced")  # a pull waits: it is sequenced at once, and the answer is lost
    federation.run(60_000)
    assert notes(yokosuka) == set()
    delhi.do(fx.Halt(on=True, actor="officer:2:security", reason="a test"))
    federation.weather.cut.clear()
    federation.run(60_000)
    assert notes(yokosuka) == set()
    out, read = sides(delhi, yokosuka)
    assert out == read
    delhi.do(fx.Halt(on=False, actor="officer:2:security", reason="over"))
    federation.run(120_000)
    assert notes(yokosuka) == {"sequenced"}
    assert delhi.store.query("SELECT COUNT(*) FROM outbox") == [(0,)]


def test_a_stub_that_stays_denied_is_not_shown_again() -> None:
    federation, delhi, yokosuka, made = pair("stays")
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    say(delhi, "sequenced")  # a pull waits: it is sequenced at once, and the answer is lost
    federation.run(60_000)
    suspend(delhi, made)
    federation.weather.cut.clear()
    federation.run(300_000)
    assert notes(yokosuka) == set()
    rows = delhi.store.query("SELECT COUNT(*) FROM leaf_out WHERE kind = 'record'")
    assert rows == [(1,)]


def test_a_reader_far_behind_is_served_page_by_page_and_what_is_new_waits_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(again, "PAGE", 3)
    served: list[str] = []
    decided = Again.record_body

    def counted(self: Again, written: Written) -> bytes:
        served.append(written.item)
        return decided(self, written)

    monkeypatch.setattr(Again, "record_body", counted)
    federation, delhi, yokosuka, _ = pair("far behind", limits=Limits(pull_entries=5))
    say(delhi, "before")
    federation.run(3_000)
    backup = backup_of(yokosuka)
    lost = [say(delhi, f"lost {number}") for number in range(20)]
    federation.run(20_000)
    delhi.do(fx.Act(lost[7], "retract", "a test", "officer:2:watch"))
    federation.run(20_000)
    assert not served, "what was sequenced a moment ago is served from memory"
    restored(yokosuka, backup)
    new = {say(delhi, f"new {number}") for number in range(9)}
    federation.run(120_000)
    stands = {f"lost {number}" for number in range(20) if number != 7}  # the one that was retracted
    assert notes(yokosuka) == {"before", *stands, *(f"new {number}" for number in range(9))}
    assert set(served) - new == set(lost)
    assert len(served) == len(set(served)), "each is decided once"
    assert len(new & set(served)) <= 1, (
        "but for what the pull that waited at the restore took, none was sequenced before its turn"
    )
    out, read = sides(delhi, yokosuka)
    assert out == read


@pytest.mark.parametrize("leap_ms", [2 * 3_600_000, 30 * 86_400_000])
def test_a_clock_that_leapt_and_went_on_steadily_is_believed_again(leap_ms: int) -> None:
    federation, delhi, yokosuka, _ = pair(f"leap-{leap_ms}")
    federation.run(10_000)
    delhi.skew_ms = yokosuka.skew_ms = leap_ms
    federation.run(1_000)
    assert delhi.core.world.clock_in_doubt
    say(delhi, "said in doubt")
    federation.run(30_000)
    assert notes(yokosuka) == set()
    federation.run(120_000)
    assert notes(yokosuka) == {"said in doubt"}


def test_a_clock_that_leapt_and_came_back_is_believed_soon() -> None:
    federation, delhi, yokosuka, _ = pair("back")
    federation.run(10_000)
    delhi.skew_ms = 5 * 3_600_000
    federation.run(1_000)
    delhi.skew_ms = 0
    say(delhi, "said in doubt")
    federation.run(180_000)
    assert notes(yokosuka) == {"said in doubt"}


def test_a_clock_set_back_a_little_costs_no_record() -> None:
    federation, delhi, yokosuka, _ = pair("little")
    federation.run(10_000)
    say(delhi, "before")
    delhi.skew_ms = -1_900
    say(delhi, "just after")
    federation.run(60_000)
    assert notes(yokosuka) == {"before", "just after"}
    assert codes(yokosuka) == {""}


def test_a_retraction_said_while_the_clock_is_in_doubt_is_not_refused() -> None:
    federation, delhi, yokosuka, _ = pair("doubt")
    record_id = say(delhi, "to be retracted")
    federation.run(100_000)
    delhi.skew_ms = -60_000
    federation.run(500)
    delhi.do(fx.Act(record_id, "retract", "a test", "officer:2:watch"))
    federation.run(180_000)
    assert yokosuka.store.query("SELECT standing FROM record WHERE id = ?", (record_id,)) == [("retract",)]
    assert codes(yokosuka) == {""}


def test_a_bundle_with_receipts_for_what_a_restore_lost_accuses_nobody() -> None:
    federation, delhi, yokosuka = apart("bundle-behind")
    carry(delhi, yokosuka)
    carry(yokosuka, delhi)
    federation.run(5_000)
    backup = backup_of(delhi)
    say(delhi, "lost to the writer")
    carry(delhi, yokosuka)
    home = export(yokosuka, delhi)
    restored(delhi, backup)
    delhi.do(fx.ImportBundle(home, "officer:3:liaison"))
    assert delhi.alerts == []
    say(delhi, "after the restore")
    for _ in range(2):  # the first pair asks back and gives back
        carry(delhi, yokosuka)
        carry(yokosuka, delhi)
    assert notes(delhi) == notes(yokosuka) == {"lost to the writer", "after the restore"}
    assert "fork" not in delhi.alerts + yokosuka.alerts
    out, read = sides(delhi, yokosuka)
    assert out == read


def test_an_epoch_that_a_bundle_opens_is_not_refused_for_what_the_one_before_had_receipted() -> None:
    federation, delhi, yokosuka = apart("bundle-epoch")
    for text in ("first", "second"):  # the second says that delhi has receipted what yokosuka told it
        say(delhi, text)
        carry(delhi, yokosuka)
        carry(yokosuka, delhi)
    backup = backup_of(delhi)
    mark = next(iter(delhi.marks.values()))
    delhi.marks[mark.channel] = type(mark)(mark.channel, mark.epoch, mark.size + 1, bytes(32))
    restored(delhi, backup)
    federation.run(5_000)
    delhi.identity = made = next_identity(delhi)
    delhi.do(fx.Rotate(made, *SECURITY))
    say(delhi, "in the new epoch")
    for _ in range(3):
        carry(delhi, yokosuka)
        carry(yokosuka, delhi)
    assert codes(yokosuka) == {""}
    assert notes(yokosuka) == {"first", "second", "in the new epoch"}
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert out[0] == 1


@pytest.mark.parametrize("arrived", [0, 1])
@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_writer_whose_lost_entries_never_reached_their_reader_waits_for_none_of_them(arrived: int, kept: int) -> None:
    federation, delhi, yokosuka = apart(f"never-arrived-{arrived}-{kept}")
    for _ in range(2):  # else the agreement is not in force
        carry(delhi, yokosuka)
        carry(yokosuka, delhi)
    backup = backup_of(delhi)
    for number in range(3):
        if number == kept:
            backup = backup_of(delhi)
        said = say(delhi, f"note {number}")
        lost = export(delhi, yokosuka)
        if number < arrived:
            yokosuka.do(fx.ImportBundle(lost, "officer:3:liaison"))
    restored(delhi, backup)
    federation.run(5_000)
    assert said not in {record_id for (record_id,) in delhi.store.query("SELECT id FROM record")}
    say(delhi, "after the restore")
    for _ in range(3):
        carry(delhi, yokosuka)
        carry(yokosuka, delhi)
    assert "after the restore" in notes(yokosuka)
    assert notes(yokosuka) >= {f"note {number}" for number in range(max(arrived, kept))}
    assert codes(yokosuka) <= {""}
    assert "fork" not in delhi.alerts + yokosuka.alerts
    out, read = sides(delhi, yokosuka)
    assert out == read


@pytest.mark.parametrize("reached", [False, True])
def test_an_epoch_that_a_second_restore_forgot_is_given_back_or_not_waited_for(reached: bool) -> None:  # noqa: FBT001 # a case
    federation, delhi, yokosuka = apart(f"lost-epoch-{reached}")
    say(delhi, "first")
    carry(delhi, yokosuka)
    carry(yokosuka, delhi)
    backup = backup_of(delhi)
    for number in range(2):
        mark = next(iter(delhi.marks.values()))
        delhi.marks[mark.channel] = type(mark)(mark.channel, mark.epoch, mark.size + 1, bytes(32))
        restored(delhi, backup)
        federation.run(5_000)
        say(delhi, f"after restore {number}")
        carry(delhi, yokosuka)
        carry(yokosuka, delhi)
        if reached:
            carry(delhi, yokosuka)
        else:  # the epoch is opened, and no courier carries it
            export(delhi, yokosuka)
    for _ in range(2):
        carry(delhi, yokosuka)
        carry(yokosuka, delhi)
    assert "after restore 1" in notes(yokosuka)
    assert delhi.store.query("SELECT epoch FROM channel_out") == [(2,)]
    out, read = sides(delhi, yokosuka)
    assert out == read


def test_wire_and_bundle_at_once_keep_one_chain_of_receipts() -> None:
    federation, delhi, yokosuka, _ = pair("at-once")
    for number in range(5):
        say(delhi, f"note {number}")
    data = export(delhi, yokosuka)
    federation.run(20)
    yokosuka.do(fx.ImportBundle(data, "officer:3:liaison"))
    federation.run(120_000)
    say(delhi, "last")
    federation.run(60_000)
    assert len(notes(yokosuka)) == 6
    out, read = sides(delhi, yokosuka)
    assert out == read


def test_an_input_between_a_boundary_and_the_tick_does_not_hide_it() -> None:
    federation, delhi, _, _ = pair("edge")
    federation.run(5_000)
    delhi.core.world.boundaries = (delhi.now_ms + 100,)
    asked: list[int] = []
    delhi.core.desk.redecide = lambda now_ms: asked.append(now_ms) or []  # type: ignore[method-assign, func-returns-value] # counts
    federation.now_ms += 120
    delhi.run(lambda: delhi.core.on_unreachable("nobody/here", delhi.now_ms))
    federation.run(1_000)
    assert len(asked) == 1


@pytest.mark.parametrize("rotations", [1, 3])
def test_a_reader_restored_to_before_its_partner_rotated_accuses_nobody(rotations: int) -> None:
    federation, delhi, yokosuka, _ = pair(f"before-{rotations}")
    backup = backup_of(yokosuka)
    for number in range(rotations):
        delhi.identity = made = next_identity(delhi)
        delhi.do(fx.Rotate(made, *SECURITY))
        federation.run(20_000)
        say(delhi, f"by key set {number + 2}")
        federation.run(5_000)
    told = {f"by key set {number + 2}" for number in range(rotations)}
    assert notes(yokosuka) == told
    restored(yokosuka, backup)
    federation.run(60_000)
    say(delhi, "after")
    say(yokosuka, "home")
    federation.run(60_000)
    assert yokosuka.alerts == delhi.alerts == []
    assert notes(yokosuka) == notes(delhi) == told | {"after", "home"}
    assert codes(yokosuka) == {""}
    assert yokosuka.core.world.partners[delhi.name].keyset.version == rotations + 1
    for writer, reader in ((delhi, yokosuka), (yokosuka, delhi)):
        out, read = sides(writer, reader)
        assert out == read


def enrolled_after_a_backup(seed: str) -> tuple[Federation, SimNode, SimNode, dict[str, object], Instrument]:
    """Return Delhi and Yokosuka, in traffic, and a backup of Delhi's from before they enrolled each other."""
    federation = Federation(seed)
    delhi, yokosuka = (federation.add(name, DOMAINS) for name in ("ind/delhi", "jpn/yokosuka"))
    backup = backup_of(delhi)
    federation.introduce(delhi, yokosuka)
    made = arrangement("ind", "jpn")
    for node in (delhi, yokosuka):
        sign_instrument(node, made)
    return federation, delhi, yokosuka, backup, made


def test_a_node_restored_to_before_an_enrolment_takes_all_back_once_it_enrols_again() -> None:
    federation, delhi, yokosuka, backup, made = enrolled_after_a_backup("enrolled")
    federation.run(10_000)
    say(delhi, "said in Delhi")
    say(yokosuka, "said in Yokosuka")
    federation.run(10_000)
    restored(delhi, backup)
    federation.run(20_000)
    delhi.do(fx.Enrol(yokosuka.card(), "officer:1:liaison"))
    delhi.do(fx.LoadInstrument(canonical.encode(made), "officer:1:desk"))  # its signature comes home
    federation.run(120_000)
    say(delhi, "and after")
    federation.run(60_000)
    assert delhi.alerts == yokosuka.alerts == []
    assert notes(delhi) == notes(yokosuka) == {"said in Delhi", "said in Yokosuka", "and after"}
    assert codes(delhi) | codes(yokosuka) == {""}
    for writer, reader in ((delhi, yokosuka), (yokosuka, delhi)):
        out, read = sides(writer, reader)
        assert out == read


@pytest.mark.parametrize("heard", [True, False])
def test_a_node_restored_to_before_an_enrolment_and_with_newer_keys_than_its_partner_knows_is_no_forker(
    heard: bool,  # noqa: FBT001 # a case
) -> None:
    federation, delhi, yokosuka, backup, made = enrolled_after_a_backup(f"newer keys {heard}")
    if heard:
        say(delhi, "said before")
        federation.run(10_000)
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    delhi.identity = new = next_identity(delhi)
    delhi.do(fx.Rotate(new, *SECURITY))
    restored(delhi, backup)  # the entry that told of the new keys is lost, and that there was a partner to tell
    federation.weather.cut.clear()
    delhi.do(fx.Enrol(yokosuka.card(), "officer:1:liaison"))
    sign_instrument(delhi, made)
    federation.run(120_000)
    say(delhi, "by the new keys")
    say(yokosuka, "heard")
    federation.run(60_000)
    assert "fork" not in delhi.alerts + yokosuka.alerts
    assert notes(delhi) == notes(yokosuka) == {"by the new keys", "heard"} | ({"said before"} if heard else set())
    assert yokosuka.core.world.partners[delhi.name].keyset.version == 2
    for writer, reader in ((delhi, yokosuka), (yokosuka, delhi)):
        out, read = sides(writer, reader)
        assert out == read


def test_who_enrols_a_partner_again_by_a_newer_card_than_it_was_told_of_accuses_nobody() -> None:
    federation, delhi, yokosuka, backup, _ = enrolled_after_a_backup("newer card")
    federation.run(10_000)
    yokosuka.identity = new = next_identity(yokosuka)
    yokosuka.do(fx.Rotate(new, *SECURITY))  # told in an entry that the old key signs for; nothing follows it
    federation.run(10_000)
    restored(delhi, backup)
    delhi.do(fx.Enrol(yokosuka.card(), "officer:1:liaison"))
    federation.run(120_000)
    assert "fork" not in delhi.alerts + yokosuka.alerts
    out, read = sides(yokosuka, delhi)
    assert out == read
    assert out[1] == 2


def test_a_restored_reader_that_starts_again_says_nothing_of_what_it_does_not_hold_yet() -> None:
    federation, delhi, yokosuka, _ = pair("again")
    backup = backup_of(yokosuka)
    for number in range(5):
        say(delhi, f"note {number}")
    federation.run(10_000)
    for steps in range(1, 30):  # the power goes at each step of taking all in again
        restored(yokosuka, backup)
        yokosuka.disk.fail_at = yokosuka.disk.steps + steps
        federation.run(10_000)
    pulls = [wire.unpack_message(data) for _, to, data in federation.wire if to == delhi.name]
    shown = [(head.start, part) for head, parts in pulls if isinstance(head, wire.Pull) for part in parts[1:]]
    assert len(shown) > 30
    assert all(opened_receipt(receipt, yokosuka).size <= start for start, receipt in shown)
    assert notes(yokosuka) == {f"note {number}" for number in range(5)}
    out, read = sides(delhi, yokosuka)
    assert out == read


def test_whoever_enrols_right_after_a_restore_keeps_no_other_partner_from_new_keys() -> None:
    federation, delhi, yokosuka, _ = pair("at once")
    perth = federation.add("aus/perth", DOMAINS)
    backup = backup_of(yokosuka)
    federation.introduce(yokosuka, perth)
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    yokosuka.identity = new = next_identity(yokosuka)
    yokosuka.do(fx.Rotate(new, *SECURITY))
    restored(yokosuka, backup)  # the entry that told of the new keys is lost
    yokosuka.do(fx.Enrol(perth.card(), "officer:1:liaison"))  # before the node has looked what its partners lack
    federation.weather.cut.clear()
    federation.run(120_000)
    assert delhi.core.world.partners[yokosuka.name].keyset.version == 2
    assert "fork" not in delhi.alerts + yokosuka.alerts


def test_where_keys_and_log_are_lost_the_alert_says_what_it_may_be_and_what_to_do() -> None:
    federation, delhi, yokosuka, backup, made = enrolled_after_a_backup("keys lost")
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    delhi.identity = dataclasses.replace(next_identity(delhi), former=())  # the key folder is lost too
    restored(delhi, backup)
    federation.weather.cut.clear()
    delhi.do(fx.Enrol(yokosuka.card(), "officer:1:liaison"))
    sign_instrument(delhi, made)
    federation.run(60_000)
    assert yokosuka.alerts == ["fork"]
    ((sentence,),) = yokosuka.store.query("SELECT sentence FROM alert")
    assert "either its writer has new keys" in sentence
    assert "or somebody else signed it" in sentence
    assert "enrol it again if it is right, then reopen the channel" in sentence
    yokosuka.do(fx.Enrol(delhi.card(), "officer:1:liaison"))
    yokosuka.do(fx.Reopen(f"kizuna/{delhi.name}/to/{yokosuka.name}", "officer:2:security", "the fingerprint is right"))
    federation.run(120_000)
    say(delhi, "by the new keys")
    say(yokosuka, "heard")
    federation.run(60_000)
    assert yokosuka.alerts == ["fork"]
    assert delhi.alerts == []
    assert notes(delhi) == notes(yokosuka) == {"by the new keys", "heard"}
