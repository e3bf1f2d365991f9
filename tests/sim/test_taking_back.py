"""A restored writer takes its own entries back from the partner before it signs: over the wire, by bundle, through power losses, and from liars."""

from __future__ import annotations

import copy
import hashlib
from contextlib import suppress

import msgspec
import pytest

from kizuna.kernel import note, record, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.channel.reader import origin
from kizuna.kernel.merkle import Tree, leaf_hash
from kizuna.node import effects as fx
from kizuna.node.channel.world import Limits
from kizuna.sim.disk import PowerLossError
from kizuna.sim.federation import Federation, SimNode, Weather
from kizuna.sim.keyring import next_identity, revocations
from tests.sim import world
from tests.sim.test_after_restore import SECURITY, backup_of, codes, restored, say
from tests.sim.test_bundles import apart, carry
from tests.sim.test_recovery import projected
from tests.sim.world import DOMAINS, arrangement, notes, sides, sign_instrument

SMALL = Limits(pull_entries=3)


def small_pair(seed: str, weather: Weather | None = None) -> tuple[Federation, SimNode, SimNode]:
    """Return two nodes that hand over three entries at a time."""
    federation = Federation(seed, weather)
    one, other = federation.add("ind/delhi", DOMAINS, SMALL), federation.add("jpn/yokosuka", DOMAINS, SMALL)
    federation.introduce(one, other)
    made = arrangement("ind", "jpn")
    sign_instrument(one, made)
    sign_instrument(other, made)
    federation.run(20_000)
    return federation, one, other


def lost(federation: Federation, node: SimNode, count: int) -> set[str]:
    """Say what a restore will lose, let it be receipted, and put the node back to before."""
    backup = backup_of(node)
    said = {f"lost {number}" for number in range(count)}
    for text in sorted(said):
        say(node, text)
    federation.run(30_000)
    restored(node, backup)
    return said


def tell_apart(data: bytes) -> wire.Head:
    return wire.unpack_message(data)[0]


def given_back(federation: Federation) -> list[wire.Returned]:
    heads = [tell_apart(data) for _, _, data in federation.wire]
    return [head for head in heads if isinstance(head, wire.Returned)]


def test_nothing_receipted_is_lost_and_the_log_goes_on() -> None:
    federation, delhi, yokosuka = small_pair("goes-on")
    say(delhi, "early")
    federation.run(5_000)
    said = lost(federation, delhi, 10)
    assert not said & notes(delhi)
    say(delhi, "late")
    federation.run(60_000)
    assert notes(delhi) == notes(yokosuka) == said | {"early", "late"}
    assert len(given_back(federation)) > 3, "page by page"
    assert codes(yokosuka) == {""}
    assert delhi.alerts == yokosuka.alerts == []
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert out[0] == 0
    before = projected(delhi)
    delhi.store.rebuild()
    assert projected(delhi) == before
    assert delhi.store.verify().findings == ()


def test_nothing_is_signed_before_all_is_back() -> None:
    federation, delhi, yokosuka = small_pair("unsigned")
    lost(federation, delhi, 10)
    say(delhi, "late")
    mark = delhi.marks[f"kizuna/{delhi.name}/to/{yokosuka.name}"]
    began = len(federation.wire)
    federation.run(60_000)
    sizes = []
    for sender, _, data in federation.wire[began:]:
        head, parts = wire.unpack_message(data)
        if sender == delhi.name and isinstance(head, wire.Answer) and head.channel == mark.channel:
            sizes.append(note.decode_checkpoint(note.parse_note(parts[0]).text).size)
    assert min(sizes) >= mark.size


@pytest.mark.parametrize("seed", range(6))
def test_power_losses_in_the_middle_cost_nothing(seed: int) -> None:
    weather = Weather(loss=0.1, twice=0.2, delay_ms=(1, 600))
    federation, delhi, yokosuka = small_pair(f"middle-{seed}", weather)
    federation.run(60_000)
    said = lost(federation, delhi, 12)
    held = said & notes(yokosuka)
    crashes = delhi.crashes
    for _ in range(12):
        delhi.disk.fail_at = delhi.disk.steps + federation.rng.randint(1, 12)
        federation.run(federation.rng.randint(1_000, 8_000))
        with suppress(PowerLossError):
            say(delhi, "amid")
    delhi.disk.fail_at = None
    federation.weather.loss = federation.weather.twice = 0.0
    with suppress(PowerLossError):
        say(delhi, "late")
    federation.run(180_000)
    assert delhi.crashes > crashes
    assert held <= notes(delhi)
    assert "late" in notes(yokosuka)
    assert "fork" not in delhi.alerts + yokosuka.alerts
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert delhi.store.verify().findings == ()


def test_what_nobody_received_is_given_up_by_an_epoch_after_the_rest_is_back() -> None:
    federation, delhi, yokosuka = small_pair("unseen")
    backup = backup_of(delhi)
    say(delhi, "received")
    federation.run(10_000)
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    say(delhi, "signed, never received")  # a pull waits: its answer is lost
    federation.run(1_000)
    restored(delhi, backup)
    federation.weather.cut.clear()
    say(delhi, "late")
    federation.run(240_000)
    assert notes(delhi) == {"received", "late"}
    assert notes(yokosuka) == {"received", "late"}
    assert "epoch" in yokosuka.alerts
    assert "fork" not in delhi.alerts + yokosuka.alerts
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert out[0] == 1


def test_a_reader_in_the_middle_of_an_answer_gives_back_what_it_holds() -> None:
    federation, delhi, yokosuka = small_pair("half")
    backup = backup_of(delhi)
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    for number in range(9):
        say(delhi, f"lost {number}")
    federation.weather.cut.clear()
    while not 1 <= len(notes(yokosuka)) < 9:
        federation.run(5)
    held = notes(yokosuka)
    restored(delhi, backup)
    federation.run(240_000)
    assert held <= notes(delhi)
    assert "fork" not in delhi.alerts + yokosuka.alerts
    out, read = sides(delhi, yokosuka)
    assert out == read


def test_the_epoch_that_a_restore_forgot_is_taken_back_too() -> None:
    federation, delhi, yokosuka = small_pair("two-restores")
    first = backup_of(delhi)
    mark = delhi.marks[f"kizuna/{delhi.name}/to/{yokosuka.name}"]
    delhi.marks[mark.channel] = type(mark)(mark.channel, mark.epoch, mark.size + 1, bytes(32))
    restored(delhi, copy.deepcopy(first))
    say(delhi, "in the new epoch")
    federation.run(60_000)
    assert sides(delhi, yokosuka)[0][0] == 1
    restored(delhi, first)
    say(delhi, "late")
    federation.run(120_000)
    assert {"in the new epoch", "late"} <= notes(delhi) & notes(yokosuka)
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert out[0] == 1


def test_a_lost_mark_is_told_by_the_partner() -> None:
    federation, delhi, yokosuka = small_pair("no-mark")
    backup = backup_of(delhi)
    say(delhi, "lost")
    federation.run(10_000)
    delhi.marks.clear()
    restored(delhi, backup)
    federation.run(60_000)
    assert notes(delhi) == {"lost"}
    assert delhi.marks[f"kizuna/{delhi.name}/to/{yokosuka.name}"].size == sides(delhi, yokosuka)[1][1]


def test_a_retraction_that_was_lost_holds_again_and_reaches_the_other_holder() -> None:
    federation = Federation("acts")
    delhi, yokosuka = federation.add("ind/delhi", DOMAINS, SMALL), federation.add("jpn/yokosuka", DOMAINS, SMALL)
    canberra = federation.add("aus/canberra", DOMAINS, SMALL)
    for other in (yokosuka, canberra):
        federation.introduce(delhi, other)
        made = arrangement(*sorted(("ind", other.identity.party)))
        sign_instrument(delhi, made)
        sign_instrument(other, made)
    record_id = str(delhi.do(fx.Say((world.note("wrong", "ind", "jpn", "aus"),)))[0].record_id)
    federation.run(60_000)
    assert notes(yokosuka) == notes(canberra) == {"wrong"}
    backup = backup_of(delhi)
    federation.weather.cut.add(frozenset((delhi.name, canberra.name)))
    delhi.do(fx.Act(record_id, "retract", "a mistaken identity", "officer:2:watch"))
    federation.run(10_000)
    restored(delhi, backup)
    federation.weather.cut.clear()
    federation.run(120_000)
    for node in (delhi, yokosuka, canberra):
        assert node.store.query("SELECT standing FROM record WHERE id = ?", (record_id,)) == [("retract",)], node.name
    assert "fork" not in delhi.alerts + yokosuka.alerts + canberra.alerts


def test_a_bundle_asks_back_and_the_next_one_brings_it() -> None:
    federation, delhi, yokosuka = apart("bundled")
    carry(delhi, yokosuka)
    carry(yokosuka, delhi)
    federation.run(5_000)
    backup = backup_of(delhi)
    for number in range(5):
        say(delhi, f"lost {number}")
    carry(delhi, yokosuka)
    restored(delhi, backup)
    say(delhi, "late")
    assert carry(delhi, yokosuka).new == 0, "it asks, and hands over nothing"
    carry(yokosuka, delhi)
    assert {f"lost {number}" for number in range(5)} <= notes(delhi)
    carry(delhi, yokosuka)
    carry(yokosuka, delhi)
    assert notes(yokosuka) == notes(delhi)
    assert "late" in notes(yokosuka)
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert out[0] == 0
    assert delhi.alerts == yokosuka.alerts == []


def lying(yokosuka: SimNode, change: object) -> None:
    """Let a reader give back something else than it holds."""
    returning = yokosuka.core.pulling._returning  # a liar is made of an honest node
    honest = returning.returned

    def returned(partner: object, asked: wire.Return) -> object:
        given = honest(partner, asked)  # type: ignore[arg-type] # passed through
        return change(*given) if given is not None else None  # type: ignore[operator] # a function

    returning.returned = returned  # type: ignore[method-assign, assignment] # the same


def test_what_is_not_in_our_signed_log_is_not_taken_back() -> None:
    federation, delhi, yokosuka = small_pair("liar")

    def change(head: wire.Returned, parts: list[bytes]) -> tuple[wire.Returned, list[bytes]]:
        header = wire.decode_header(parts[1])
        forged = wire.encode_header(msgspec.structs.replace(header, purpose="forged"))[0]
        return head, [parts[0], forged, *parts[2:]]

    lost(federation, delhi, 4)
    lying(yokosuka, change)
    say(delhi, "late")
    federation.run(120_000)
    assert delhi.store.query("SELECT COUNT(*) FROM journal_entry WHERE CAST(header AS TEXT) LIKE '%\"forged\"%'") == [
        (0,)
    ]
    assert "not-taken-back" in delhi.alerts
    assert "late" in notes(yokosuka)
    assert "epoch" in yokosuka.alerts


def test_a_record_that_we_never_signed_is_not_taken_back() -> None:
    """Not even from a log that bears our signature: whoever stole a checkpoint key cannot speak for us."""
    federation, delhi, yokosuka = small_pair("stolen")

    def change(head: wire.Returned, parts: list[bytes]) -> tuple[wire.Returned, list[bytes]]:
        leaves = [bytes(leaf) for (leaf,) in delhi.store.query("SELECT leaf FROM leaf_out ORDER BY idx")]
        held = record.read(parts[2])
        other = sign.SigningKey(bytes(32), sign.Purpose.RECORD)
        forged = sign.seal("statement", held.envelope.payload_bytes(), other).signatures[0]
        forged = msgspec.structs.replace(forged, keyid=held.envelope.key_id)
        sealed = msgspec.structs.replace(held.envelope, signatures=(forged,))
        body = msgspec.structs.replace(held, envelope=sealed).bytes()
        header = msgspec.structs.replace(
            wire.decode_header(parts[1]),
            body_sha256=hashlib.sha256(body).hexdigest(),
            body_size=len(body),
        )
        data = wire.encode_header(header)[0]
        tree = Tree([*leaves, leaf_hash(data)])
        name = origin(head.channel, head.epoch)
        key = delhi.identity.keys[sign.Purpose.CHECKPOINT]
        signed = note.sign_checkpoint(note.Checkpoint(name, tree.size, tree.root()), key).to_bytes()
        end = head.start + 1
        told = msgspec.structs.replace(head, end=end, held=end, lead=(), proof=(), root=tree.root().hex())
        return told, [signed, data, body]

    lost(federation, delhi, 4)
    lying(yokosuka, change)
    federation.run(60_000)
    assert "not-taken-back" in delhi.alerts
    assert not notes(delhi)


@pytest.mark.parametrize("gives_back", [True, False])
def test_a_writer_restored_to_before_its_partner_was_told_of_revoked_keys_is_no_forker(gives_back: bool) -> None:  # noqa: FBT001 # a case
    federation, delhi, yokosuka = small_pair(f"revoked-{gives_back}")
    backup = backup_of(delhi)
    for number in range(2):
        delhi.identity = made = next_identity(delhi)
        delhi.do(fx.Rotate(made, *SECURITY))
        federation.run(10_000)
        delhi.do(fx.Revoke(revocations(delhi, number + 1), *SECURITY))
        federation.run(10_000)
    assert len(yokosuka.core.world.partners[delhi.name].revoked) == 2
    if gives_back:  # and the mark says that more was signed than anybody holds: an epoch follows in either case
        mark = next(iter(delhi.marks.values()))
        delhi.marks[mark.channel] = type(mark)(mark.channel, mark.epoch, mark.size + 1, bytes(32))
    else:
        lying(yokosuka, lambda _head, _parts: None)
    restored(delhi, backup)
    for number in range(12):
        say(delhi, f"after {number}")
        federation.run(20_000)
    assert set(yokosuka.alerts) == {"epoch"}
    assert notes(yokosuka) == {f"after {number}" for number in range(12)}
    assert codes(yokosuka) == {""}
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert out[0] == 1
