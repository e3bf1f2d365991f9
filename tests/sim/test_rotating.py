"""New keys while traffic flows: no signature fails and no gap opens; what a revoked key signed counts by its place in the channel alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from kizuna.errors import RefusedError
from kizuna.kernel import note
from kizuna.node import effects as fx
from kizuna.sim.federation import SimNode, Weather
from kizuna.sim.keyring import next_identity, revocations
from tests.sim.test_after_restore import backup_of, codes, restored, say
from tests.sim.test_bundles import apart, carry
from tests.sim.test_recovery import projected
from tests.sim.world import DOMAINS, notes, pair, sides

ONE, TWO = "officer:1:security", "officer:2:administrator"


def rotate(node: SimNode) -> int:
    made = next_identity(node)
    version = node.do(fx.Rotate(made, ONE, TWO))
    node.identity = made
    return int(version)


def revoke(node: SimNode, version: int, good: dict[str, tuple[int, int]] | None = None) -> None:
    node.do(fx.Revoke(revocations(node, version, good), ONE, TWO))


def with_old_keys(node: SimNode) -> None:
    """Let a thief sign records with the keys before the newest ones."""
    node.core.world.identity = replace(
        node.identity, keys={**node.identity.keys, "record": node.identity.former[0].keys["record"]}
    )


def checkpoint_signed_by_newest(writer: SimNode, reader: SimNode) -> bool:
    (data,) = reader.store.query("SELECT note FROM channel_in WHERE node = ?", (writer.name,))[0]
    text = note.parse_note(bytes(data))
    try:
        note.verify_note(text, text.text.split("\n")[0], writer.identity.keys["checkpoint"].public)
    except Exception:  # noqa: BLE001 # any way of not verifying
        return False
    return True


@pytest.mark.parametrize("weather", [Weather(), Weather(loss=0.1, twice=0.2, delay_ms=(1, 900))])
def test_traffic_flows_through_a_rotation_on_both_sides(weather: Weather) -> None:
    federation, delhi, yokosuka, _ = pair(f"rotate-{weather.loss}", weather=weather)
    for number in range(24):
        say(delhi, f"ind {number}")
        say(yokosuka, f"jpn {number}")
        if number == 8:
            assert rotate(delhi) == 2
        if number in {10, 16}:
            rotate(yokosuka)
        federation.run(700)
    federation.weather.loss = federation.weather.twice = 0.0
    federation.run(120_000)
    everything = {f"{party} {number}" for party in ("ind", "jpn") for number in range(24)}
    assert notes(delhi) == notes(yokosuka) == everything
    assert codes(delhi) | codes(yokosuka) == {""}
    assert delhi.alerts == yokosuka.alerts == []
    for writer, reader in ((delhi, yokosuka), (yokosuka, delhi)):
        out, read = sides(writer, reader)
        assert out == read
        assert reader.core.world.partners[writer.name].keyset.version == writer.identity.public.version
        say(writer, f"{writer.name} at last")
        federation.run(10_000)
        assert checkpoint_signed_by_newest(writer, reader)
        before = projected(reader)
        reader.store.rebuild()
        assert projected(reader) == before


def test_a_node_that_died_between_its_keys_and_its_journal_tells_them_when_it_starts() -> None:
    federation, delhi, yokosuka, _ = pair("between")
    delhi.identity = next_identity(delhi)
    delhi.crash()
    say(delhi, "under the new keys")
    federation.run(30_000)
    assert notes(yokosuka) == {"under the new keys"}
    assert yokosuka.core.world.partners[delhi.name].keyset.version == 2
    assert codes(yokosuka) == {""}


def test_bundles_carry_new_keys_and_revocations() -> None:
    federation, delhi, yokosuka = apart("bundled-keys")
    carry(delhi, yokosuka)
    carry(yokosuka, delhi)
    rotate(delhi)
    say(delhi, "after")
    carry(delhi, yokosuka)
    carry(yokosuka, delhi)
    revoke(delhi, 1)
    say(delhi, "revoked")
    carry(delhi, yokosuka)
    carry(yokosuka, delhi)
    say(delhi, "last")
    carry(delhi, yokosuka)
    assert notes(yokosuka) == {"after", "revoked", "last"}
    assert codes(yokosuka) == {""}
    federation.run(1_000)
    assert checkpoint_signed_by_newest(delhi, yokosuka)


def test_old_signatures_survive_and_later_ones_by_a_revoked_key_are_refused() -> None:
    federation, delhi, yokosuka, _ = pair("revoked")
    say(delhi, "long before")
    federation.run(5_000)
    rotate(delhi)
    with_old_keys(delhi)
    say(delhi, "old key, before the revocation")
    federation.run(5_000)
    delhi.core.world.identity = delhi.identity
    revoke(delhi, 1)
    federation.run(5_000)
    with_old_keys(delhi)
    say(delhi, "old key, after the revocation")
    federation.run(5_000)
    delhi.core.world.identity = delhi.identity
    say(delhi, "new key")
    federation.run(10_000)
    assert notes(yokosuka) == {"long before", "old key, before the revocation", "new key"}
    assert codes(yokosuka) == {"", "revoked-key"}
    assert yokosuka.alerts == []


def test_a_compromise_names_the_last_good_size_of_each_channel() -> None:
    federation, delhi, yokosuka, _ = pair("compromised")
    say(delhi, "good")
    federation.run(5_000)
    good = int(str(sides(delhi, yokosuka)[0][1]))
    say(delhi, "by a thief")
    federation.run(5_000)
    rotate(delhi)
    federation.weather.cut.add(frozenset((delhi.name, yokosuka.name)))
    with_old_keys(delhi)
    say(delhi, "by a thief too")
    delhi.core.world.identity = delhi.identity
    revoke(delhi, 1, {yokosuka.name: (0, good)})
    federation.weather.cut.clear()
    federation.run(60_000)
    assert yokosuka.alerts == ["compromised-key"]
    with_old_keys(delhi)
    say(delhi, "by a thief at last")
    federation.run(10_000)
    assert "by a thief at last" not in notes(yokosuka)
    assert "good" in notes(yokosuka)
    assert "revoked-key" in codes(yokosuka)


def test_a_checkpoint_under_a_revoked_key_stops_the_channel() -> None:
    federation, delhi, yokosuka, _ = pair("stolen-checkpoint")
    rotate(delhi)
    federation.run(10_000)
    revoke(delhi, 1)
    federation.run(10_000)
    say(delhi, "honest")
    federation.run(10_000)
    thief = replace(delhi.identity.former[0], former=())
    delhi.core.world.identity = thief  # a thief with the old keys, and no others
    say(delhi, "by a thief")
    federation.run(30_000)
    assert notes(yokosuka) == {"honest"}
    assert "fork" in yokosuka.alerts


def refusals() -> Sequence[tuple[str, str, str]]:
    return (("", TWO, "two persons"), (ONE, ONE, "two persons"), (ONE, "system:job", "two persons"))


@pytest.mark.parametrize(("first", "second", "why"), refusals())
def test_keys_change_by_two_persons(first: str, second: str, why: str) -> None:
    _, delhi, _, _ = pair("two")
    with pytest.raises(RefusedError, match=why):
        delhi.do(fx.Rotate(next_identity(delhi), first, second))
    assert not delhi.core.world.identity.former
    rotate(delhi)
    with pytest.raises(RefusedError, match=why):
        delhi.do(fx.Revoke(revocations(delhi, 1), first, second))


def test_versions_only_grow_and_the_newest_is_not_revoked() -> None:
    _, delhi, _, _ = pair("grow")
    with pytest.raises(RefusedError, match="not newer"):
        delhi.do(fx.Rotate(next_identity(delhi, version=1), ONE, TWO))
    rotate(delhi)
    for version, why in ((2, "rotate first"), (7, "of one version of our keys")):
        with pytest.raises(RefusedError, match=why):
            revoke(delhi, version)
    with pytest.raises(RefusedError, match="each channel"):
        delhi.do(fx.Revoke(revocations(delhi, 1) * 2, ONE, TWO))


def test_a_restore_to_before_a_rotation_takes_it_back() -> None:
    federation, delhi, yokosuka, _ = pair("rotation-lost")
    backup = backup_of(delhi)
    rotate(delhi)
    say(delhi, "new key")
    federation.run(20_000)
    revoke(delhi, 1)
    federation.run(20_000)
    restored(delhi, backup)
    say(delhi, "after the restore")
    federation.run(120_000)
    assert notes(delhi) == notes(yokosuka) == {"new key", "after the restore"}
    assert delhi.alerts == yokosuka.alerts == []
    out, read = sides(delhi, yokosuka)
    assert out == read
    assert out[0] == 0


def test_a_partner_enrolled_after_a_rotation_has_the_new_keys_from_its_card() -> None:
    federation, delhi, _, _ = pair("late-partner")
    rotate(delhi)
    federation.run(5_000)
    canberra = federation.add("aus/canberra", DOMAINS)
    federation.introduce(delhi, canberra)
    federation.run(10_000)
    assert canberra.alerts == delhi.alerts == []
    assert canberra.core.world.partners[delhi.name].keyset.version == 2
