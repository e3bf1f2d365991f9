"""New keys for a simulated node, and its root's word against old ones."""

from __future__ import annotations

from kizuna.kernel import canonical, keys, sign
from kizuna.kernel.bundle import sealing_public
from kizuna.kernel.channel import wire
from kizuna.node.held.facts import Identity
from kizuna.sim.federation import SimNode


def next_identity(node: SimNode, version: int = 0) -> Identity:
    """Return the node with new keys, certified by its root."""
    old = node.identity
    held = {str(purpose): sign.SigningKey(node.rng.randbytes(32), purpose) for purpose in keys.NODE_PURPOSES}
    seal = node.rng.randbytes(32)
    keyset = keys.KeySetV2(
        certificate="",
        keys=keys.public_keys(held),
        made_at_ms=node.now_ms,
        node=node.name,
        party=old.party,
        previous_until_ms=node.now_ms + 86_400_000,
        seal=canonical.b64(sealing_public(seal)),
        version=version or old.public.version + 1,
    )
    envelope = keys.certify(keyset, node.root)
    return Identity(node.name, held, seal, envelope, node.root.public, old.every)


def revocations(node: SimNode, version: int, good: dict[str, tuple[int, int]] | None = None) -> tuple[bytes, ...]:
    """Return the root's word for each partner; `good` names the last good (epoch, size) of a compromised key's channels."""
    found = []
    for partner in node.core.world.partners:
        channel = wire.channel_name(node.name, partner)
        epoch, size = (good or {}).get(partner, (0, 0))
        said = keys.Revocation(
            channel=channel,
            compromised=good is not None,
            epoch=epoch,
            made_at_ms=node.now_ms,
            node=node.name,
            party=node.identity.party,
            size=size,
            version=version,
        )
        found.append(canonical.encode(keys.revoke(said, node.root)))
    return tuple(found)
