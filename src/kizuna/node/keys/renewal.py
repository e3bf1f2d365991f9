"""New keys as files: what a node asks its party's root to sign, what the root signs on a machine of its own, and the folder that takes their place.

The request and its answer hold public keys alone and may travel on any medium. New private keys wait in `next` inside the keys' folder, and become
`vN` in one step once the signed set is at hand; earlier ones stay, for what was sealed to them and for partners that do not know the new yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from kizuna.errors import ConfigError, KizunaError, RefusedError, SignatureError
from kizuna.kernel import canonical, keys, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.ports import Random
from kizuna.node.held.facts import Identity
from kizuna.node.keys import keyfiles
from kizuna.storage.blobs import sync_directory
from kizuna.storage.private import write_private

NEXT, REQUEST = "next", "request.json"


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the root is asked to sign: a key set, or revocations of one version, one for each channel."""

    keyset: keys.KeySetV2 | None
    revocations: tuple[keys.Revocation, ...]
    what: Literal["kizuna-key-request-v1"] = "kizuna-key-request-v1"


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the root has signed."""

    keyset: sign.Envelope | None
    revocations: tuple[sign.Envelope, ...]
    what: Literal["kizuna-keys-signed-v1"] = "kizuna-keys-signed-v1"


def ask_for_keys(
    folder: Path, identity: Identity, hosts: Sequence[str], now_ms: int, overlap_ms: int, random: Random
) -> bytes:
    """Return the request for the node's next keys, which are made where none wait yet.

    Args:
        folder: The node's key folder.
        identity: The node with its present keys.
        hosts: Names and IP addresses under which partners reach the node.
        now_ms: The present, milliseconds UTC.
        overlap_ms: How long partners accept the present TLS certificate beside the new one.
        random: Source of fresh bytes.

    Raises:
        ConfigError: the folder cannot be read or written.
    """
    waiting = folder / NEXT
    if waiting.exists():
        keyfiles.check_private(waiting)
        return keyfiles.read_bytes(waiting / REQUEST)
    made = keyfiles.new_keys(identity.node, hosts, now_ms, random)
    keyset = keys.KeySetV2(
        certificate=canonical.b64(keyfiles.der_of(made.certificate)),
        keys=made.publics,
        made_at_ms=now_ms,
        node=identity.node,
        party=identity.party,
        previous_until_ms=now_ms + overlap_ms,
        seal=made.seal,
        version=identity.public.version + 1,
    )
    data = canonical.encode(Request(keyset, ()))
    keyfiles.write_folder(waiting, made.files | {REQUEST: data})
    return data


def ask_for_revocation(
    identity: Identity,
    version: int,
    partners: Mapping[str, int],
    good: Mapping[str, int],
    *,
    compromised: bool,
    now_ms: int,
) -> bytes:
    """Return the request to revoke a former version of the node's keys.

    Args:
        identity: The node with its present keys.
        version: Which version signs no more.
        partners: The epoch of the channel to each partner's node.
        good: By partner's node, how many entries of that epoch still count where the keys are compromised; 0 for those not named.
        compromised: Whether entries from the last good size on do not count, instead of those after the revocation.
        now_ms: The present, milliseconds UTC.

    Raises:
        RefusedError: the version is none of the node's former ones, or a partner is not enrolled.
    """
    if version not in {each.public.version for each in identity.former}:
        raise RefusedError(f"version `{version}` is not a former version of this node's keys: rotate first")
    if unknown := sorted(good.keys() - partners.keys()):
        raise RefusedError(f"`{unknown[0]}` is not an enrolled partner: mend the name")
    revocations = tuple(
        keys.Revocation(
            channel=wire.channel_name(identity.node, node),
            compromised=compromised,
            epoch=epoch if compromised else 0,
            made_at_ms=now_ms,
            node=identity.node,
            party=identity.party,
            size=good.get(node, 0) if compromised else 0,
            version=version,
        )
        for node, epoch in sorted(partners.items())
    )
    return canonical.encode(Request(None, revocations))


def read_request(data: bytes) -> Request:
    """Return a request.

    Raises:
        RecordError: it is malformed.
    """
    return canonical.decode(data, type=Request)


def sign_request(request: Request, root: sign.SigningKey) -> bytes:
    """Return what the root signs of a request."""
    keyset = keys.certify(request.keyset, root) if request.keyset is not None else None
    return canonical.encode(Signed(keyset, tuple(keys.revoke(each, root) for each in request.revocations)))


def read_signed(data: bytes) -> Signed:
    """Return what a root has signed; nothing in it is verified.

    Raises:
        RecordError: it is malformed.
    """
    return canonical.decode(data, type=Signed)


def install(folder: Path, identity: Identity, signed: Signed) -> Identity:
    """Put the keys that wait in their place and return the node with them; doing it again does nothing more.

    Raises:
        RefusedError: the file holds no key set, or one that is not newer.
        SignatureError: the party's root did not sign it.
        ConfigError: the keys that wait are not those that were signed, or cannot be put in place.
    """
    if signed.keyset is None:
        raise RefusedError(
            "this file holds no key set: give the one that `kizuna keys sign` made from the request for keys"
        )
    keyset = keys.read_keyset(signed.keyset, identity.root_public)
    if keyset.node != identity.node:
        raise SignatureError(f"the key set is that of `{keyset.node}`, this is `{identity.node}`")
    if keyset.version <= identity.public.version:
        raise RefusedError(f"key set `{keyset.version}` is not newer than the present one, `{identity.public.version}`")
    place, waiting = folder / f"v{keyset.version}", folder / NEXT
    if not place.exists():
        _check_waiting(waiting, keyset)
        write_private(waiting / keyfiles.KEYSET, canonical.encode(signed.keyset))
        try:
            waiting.rename(place)
            sync_directory(folder)
        except OSError as error:
            raise ConfigError(
                f"cannot be put in place ({error.strerror}): check permissions", where=str(place)
            ) from error
    return keyfiles.load_identity(folder, identity.node)


def _check_waiting(waiting: Path, keyset: keys.KeySet) -> None:
    try:
        asked = read_request(keyfiles.read_bytes(waiting / REQUEST)).keyset
    except KizunaError as error:
        raise ConfigError(
            f"no new keys wait here ({error}): make them with `kizuna keys request`", where=str(waiting)
        ) from error
    if asked != keyset:
        raise ConfigError(
            "the keys that wait are not those that were signed: sign the newest request", where=str(waiting)
        )
