"""A partner that rotates and revokes as it pleases: every version is checked like the first, and a revocation counts where it belongs."""

from __future__ import annotations

import msgspec
import pytest

from kizuna.kernel import canonical, keys, sign
from kizuna.kernel.bundle import sealing_public
from kizuna.sim.federation import START_MS
from tests.sim.byzantine import Byzantine, stands, trap

WEAK = canonical.b64(bytes.fromhex("01" + "00" * 31))


def second(evil: Byzantine, **changes: object) -> keys.KeySetV2:
    made = keys.KeySetV2(
        certificate=canonical.b64(evil.name.encode()),
        keys=keys.public_keys({str(purpose): key for purpose, key in evil.keys.items()}),
        made_at_ms=START_MS,
        node=evil.name,
        party=evil.party,
        previous_until_ms=START_MS,
        seal=canonical.b64(sealing_public(evil.seal)),
        version=2,
    )
    return msgspec.structs.replace(made, **changes)


def add(evil: Byzantine, keyset: keys.KeySetV2) -> int:
    return evil.add(canonical.encode(keys.certify(keyset, evil.root)), kind="keys")


def revocation(evil: Byzantine, **changes: object) -> int:
    said = keys.Revocation(
        channel=evil.channel,
        compromised=False,
        epoch=0,
        made_at_ms=START_MS,
        node=evil.name,
        party=evil.party,
        size=0,
        version=1,
    )
    return evil.add(canonical.encode(keys.revoke(msgspec.structs.replace(said, **changes), evil.root)), kind="keys")


def test_a_rotated_key_set_is_checked_like_the_first() -> None:
    federation, victim, honest, evil = trap("rotated")
    ours, theirs = victim.identity.public, honest.identity.public
    good = second(evil)
    wrong = [
        add(evil, second(evil, keys=good.keys | {"record": WEAK})),
        add(evil, second(evil, seal=WEAK)),
        add(evil, second(evil, keys=good.keys | {"receipt": good.keys["record"]})),
        add(evil, second(evil, node=honest.name, party=honest.identity.party)),
        add(evil, second(evil, keys=good.keys | {"record": theirs.keys["record"]})),
        add(evil, second(evil, seal=ours.seal)),
        add(evil, second(evil, version=1)),
    ]
    right = add(evil, good)
    federation.run(60_000)
    codes = evil.codes()
    assert all(codes[index] in {"bad-signature", "body-malformed"} for index in wrong)
    assert codes[right] == ""
    assert victim.core.world.partners[evil.name].keyset == good
    stands(federation, victim, honest, evil)


def test_a_revocation_counts_for_its_own_channel_and_a_former_version() -> None:
    federation, victim, honest, evil = trap("revoking")
    add(evil, second(evil))
    wrong = [
        revocation(evil, channel=evil.reverse),
        revocation(evil, version=2),
        revocation(evil, version=3),
        revocation(evil, node="ind/mumbai"),
    ]
    own, evil.root = evil.root, sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.ROOT)
    wrong.append(revocation(evil))
    evil.root = own
    before = evil.say("before")
    federation.run(60_000)
    codes = evil.codes()
    assert all(codes[index] in {"bad-signature", "body-malformed"} for index in wrong)
    assert codes[before] == ""
    assert not victim.core.world.partners[evil.name].revoked
    stands(federation, victim, honest, evil)


@pytest.mark.parametrize("size", [0, 10_000])
def test_a_compromise_may_name_any_place(size: int) -> None:
    """Whatever it names, it takes from that partner's own words alone."""
    federation, victim, honest, evil = trap(f"place-{size}")
    first = evil.say("first")
    fresh = sign.SigningKey(evil.rng.randbytes(32), sign.Purpose.RECORD)
    keyset = second(evil)
    add(evil, msgspec.structs.replace(keyset, keys=keyset.keys | {"record": canonical.b64(fresh.public)}))
    federation.run(30_000)
    revocation(evil, compromised=True, size=size)
    later = evil.say("later, by the old key")
    federation.run(60_000)
    codes = evil.codes()
    assert codes[first] == ""
    assert codes[later] == ("revoked-key" if size == 0 else "")
    evil.keys[sign.Purpose.RECORD] = fresh
    stands(federation, victim, honest, evil)
