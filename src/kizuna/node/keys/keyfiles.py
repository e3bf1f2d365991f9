"""Keys as files: a party's root in one file that belongs offline, a node's keys in a folder that its user alone may read.

A private key file says its purpose, so that no key can take another's place. A folder of keys appears whole or not at all. Loading refuses files
and folders that others may read, and keys that the party's root has not certified.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
import re
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kizuna.errors import ConfigError, KizunaError, RecordError, RefusedError
from kizuna.kernel import bundle, canonical, keys, sign
from kizuna.kernel.intervals import DAY_MS
from kizuna.kernel.ports import Random
from kizuna.node.held.facts import Identity
from kizuna.node.keys import tokenkeys
from kizuna.storage.blobs import sync_directory
from kizuna.storage.private import write_private

CERTIFICATE, TLS_KEY = "tls.cert.pem", "tls.key.pem"
KEYSET, ROOT_PUBLIC = "keyset.json", "root.pub"
CERTIFICATE_DAYS = 730
_BACKDATED_MS = 3_600_000
"""So that a partner whose clock is a little behind accepts a certificate made just now."""
_MOST_COMMON_NAME = 64
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_KEY_FILE = re.compile(r"kizuna-key-v1 ([a-z]+) ([A-Za-z0-9_-]{43})\n").fullmatch
_is_version = re.compile(r"v[1-9][0-9]{0,8}").fullmatch
_OTHERS = 0o077


# --- files ------------------------------------------------------------------------------------------------------------------------


def check_private(path: Path) -> None:
    """Accept a file or folder that its owner alone may touch, and that is ours.

    Raises:
        ConfigError: it is missing, or others may read or write it.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigError(
            f"is not there ({error.strerror}): make keys with `kizuna init`, or mend `keys`", where=str(path)
        ) from error
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OTHERS:
        wanted = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise ConfigError(
            f"has mode `{mode:03o}`, so that others may reach a private key: `chmod {wanted}` it", where=str(path)
        )
    if found.st_uid != os.geteuid():
        raise ConfigError(
            f"belongs to user `{found.st_uid}`, not to the user who runs this: `chown` it", where=str(path)
        )


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}): check path and permissions", where=str(path)) from error


def _key_text(purpose: str, seed: bytes) -> bytes:
    return f"kizuna-key-v1 {purpose} {canonical.b64(seed)}\n".encode()


def _seed(path: Path, purpose: str) -> bytes:
    check_private(path)
    found = _KEY_FILE(read_bytes(path).decode("ascii", "replace"))
    if found is None:
        raise ConfigError("is no key file: give the one that `kizuna init` made", where=str(path))
    if found[1] != purpose:
        raise ConfigError(
            f"holds a `{found[1]}` key where a `{purpose}` key is needed: give the right file", where=str(path)
        )
    return canonical.unb64(found[2])


# --- the party's root -------------------------------------------------------------------------------------------------------------


def create_root(path: Path, random: Random) -> sign.SigningKey:
    """Make a party's root key in a file of its own and return it.

    Raises:
        RefusedError: there is a file already.
        ConfigError: it cannot be written.
    """
    if path.exists():
        raise RefusedError(f"`{path}` exists: a root key is never overwritten, give it to `--root-key` to use it")
    seed = random(sign.KEY_BYTES)
    write_private(path, _key_text(sign.Purpose.ROOT, seed))
    return sign.SigningKey(seed, sign.Purpose.ROOT)


def load_root(path: Path) -> sign.SigningKey:
    """Return the party's root key.

    Raises:
        ConfigError: the file is missing, readable by others, or no root key.
    """
    return sign.SigningKey(_seed(path, sign.Purpose.ROOT), sign.Purpose.ROOT)


# --- the node's keys --------------------------------------------------------------------------------------------------------------


def create_keys(
    folder: Path, node: str, hosts: Sequence[str], root: sign.SigningKey, now_ms: int, random: Random
) -> None:
    """Make all keys of a node, certified by its party's root, in a folder that did not exist before.

    Args:
        folder: Where the keys go; appears whole or not at all.
        node: The node's name, `party/name`.
        hosts: Names and IP addresses under which partners reach the node.
        root: The party's root key.
        now_ms: The present, milliseconds UTC.
        random: Source of fresh bytes.

    Raises:
        RefusedError: the folder exists.
        ConfigError: it cannot be written, or a host does not fit into a certificate.
    """
    if folder.exists():
        raise RefusedError(f"`{folder}` exists: keys are never overwritten, choose another folder")
    made = new_keys(node, hosts, now_ms, random)
    keyset = keys.KeySetV1(
        keys=made.publics,
        made_at_ms=now_ms,
        node=node,
        party=node.partition("/")[0],
        seal=made.seal,
        tls_sha256=certificate_sha256(made.certificate),
        version=1,
    )
    certified = {
        KEYSET: canonical.encode(keys.certify(keyset, root)),
        ROOT_PUBLIC: canonical.b64(root.public).encode() + b"\n",
    }
    write_folder(folder, made.files | certified)


@dataclass(frozen=True)
class NewKeys:
    """Keys just made: the files that hold them, the public halves by purpose and that of the seal, base64url, and the certificate, PEM."""

    files: dict[str, bytes]
    publics: dict[str, str]
    seal: str
    certificate: bytes


def new_keys(node: str, hosts: Sequence[str], now_ms: int, random: Random) -> NewKeys:
    """Return keys for every purpose of a node, not yet certified; see `create_keys`.

    Raises:
        ConfigError: a host does not fit into a certificate.
    """
    seeds = {purpose: random(sign.KEY_BYTES) for purpose in keys.NODE_PURPOSES}
    seal, tls = random(sign.KEY_BYTES), new_tls_key(random)
    certificate = self_signed(node, hosts, tls, now_ms, random)
    files = {f"{purpose}.key": _key_text(purpose, seed) for purpose, seed in seeds.items()}
    files |= {"seal.key": _key_text(sign.Purpose.SEAL, seal), TLS_KEY: tls, CERTIFICATE: certificate}
    publics = keys.public_keys({str(purpose): sign.SigningKey(seed, purpose) for purpose, seed in seeds.items()})
    return NewKeys(files, publics, canonical.b64(bundle.sealing_public(seal)), certificate)


def write_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Write a folder of files that its owner alone may read, whole or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    new = folder.with_name(f"{folder.name}.new")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        for name, data in files.items():
            write_private(new / name, data)
        new.rename(folder)
        sync_directory(folder.parent)
    except OSError as error:
        raise ConfigError(f"keys cannot be written here ({error.strerror})", where=str(folder)) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def load_identity(folder: Path, node: str) -> Identity:
    """Return a node's identity from its key folder, every key of every version compared with what the party's root certified.

    Raises:
        ConfigError: a file is missing, readable by others, damaged, or not the certified one.
    """
    check_private(folder)
    try:
        root_public = canonical.unb64(read_bytes(folder / ROOT_PUBLIC).decode("ascii", "replace").strip())
    except RecordError as error:
        raise ConfigError("is no public key: restore the folder whole", where=str(folder / ROOT_PUBLIC)) from error
    try:
        later = [each for each in folder.iterdir() if _is_version(each.name)]
    except OSError as error:
        raise ConfigError(
            f"cannot be read ({error.strerror}): check path and permissions", where=str(folder)
        ) from error
    found = [_load_one(each, node, root_public) for each in (folder, *later)]
    newest, *former = sorted(found, key=lambda each: each.public.version, reverse=True)
    return replace(newest, former=tuple(former))


def version_folder(folder: Path, version: int) -> Path:
    """Return where a version of a node's keys lies: the first in the folder itself, later ones inside it."""
    later = folder / f"v{version}"
    return later if later.exists() else folder


def _load_one(folder: Path, node: str, root_public: bytes) -> Identity:
    check_private(folder)
    held = {str(purpose): _signing_key(folder, purpose) for purpose in keys.NODE_PURPOSES}
    seal = _seed(folder / "seal.key", sign.Purpose.SEAL)
    check_private(folder / TLS_KEY)
    try:
        envelope = sign.read_envelope(read_bytes(folder / KEYSET))
        keyset = keys.read_keyset(envelope, root_public)
    except ConfigError:
        raise
    except KizunaError as error:
        raise ConfigError(f"the certified key set does not verify: {error}", where=str(folder / KEYSET)) from error
    if keyset.node != node:
        raise ConfigError(
            f"the keys are those of `{keyset.node}`, the settings say `{node}`: mend `node` or `keys`",
            where=str(folder),
        )
    same = keyset.keys == keys.public_keys(held) and keyset.seal == canonical.b64(bundle.sealing_public(seal))
    if not same or keyset.tls_sha256 != certificate_sha256(read_bytes(folder / CERTIFICATE)):
        raise ConfigError("a key differs from what the root certified: restore the folder whole", where=str(folder))
    return Identity(node, held, seal, envelope, root_public)


def _signing_key(folder: Path, purpose: str) -> sign.SigningKey:
    in_token = folder / f"{purpose}.pkcs11"
    if not in_token.exists():
        return sign.SigningKey(_seed(folder / f"{purpose}.key", purpose), purpose)
    check_private(in_token)
    return tokenkeys.open_key(in_token, purpose)


def move_to_token(folder: Path, node: str, purpose: str, module: str, token: str, pin_file: Path) -> str:
    """Put the newest key of one purpose into a PKCS#11 token, take its file away and return its label there.

    The file is unlinked; what a disk or a backup keeps of it, nobody can say: rotate the keys before, so that no backup has this one.

    Raises:
        ConfigError: the key is in a token already, or the token does not take it; then nothing has changed.
    """
    folder = version_folder(folder, version := load_identity(folder, node).public.version)
    path = folder / f"{purpose}.key"
    if not path.exists():
        raise ConfigError("is not here: the key is in a token already", where=str(path))
    check_private(pin_file)
    seed = _seed(path, purpose)
    public = canonical.b64(sign.SigningKey(seed, purpose).public)
    label = f"kizuna {node} {purpose} v{version}"
    told = tokenkeys.TokenFile(
        label=label, module=module, pin_file=str(pin_file.absolute()), public=public, token=token
    )
    in_token = folder / f"{purpose}.pkcs11"
    write_private(in_token, tokenkeys.move_in(told, seed, purpose, in_token))
    path.unlink()
    return label


def card(identity: Identity, folder: Path, address: str) -> bytes:
    """Return the card that a partner enrols: root, key set, TLS certificate and address (`host:port`, or empty for bundles alone).

    Raises:
        ConfigError: the certificate cannot be read.
    """
    newest = version_folder(folder, identity.public.version)
    made = keys.Card(
        address=address,
        certificate_pem=read_bytes(newest / CERTIFICATE).decode("ascii", "replace"),
        keyset=identity.keyset,
        root=canonical.b64(identity.root_public),
    )
    return canonical.encode(made)


# --- the certificate --------------------------------------------------------------------------------------------------------------


def new_tls_key(random: Random) -> bytes:
    """Return a P-256 private key, PEM; as good as the random bytes are."""
    scalar = (
        int.from_bytes(random(48), "big") % (_P256_ORDER - 1) + 1
    )  # 128 surplus bits: no bias that matters (FIPS 186-5 A.2.1)
    return ec.derive_private_key(scalar, ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def self_signed(node: str, hosts: Sequence[str], private_key: bytes, now_ms: int, random: Random) -> bytes:
    """Return a node's self-signed certificate, PEM: it counts because the party's root certifies its digest.

    Raises:
        ConfigError: a name does not fit into a certificate.
    """
    try:
        key = serialization.load_pem_private_key(private_key, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ConfigError("the tls key is not a p-256 key: make it anew with `kizuna init`")
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node[:_MOST_COMMON_NAME])])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = (
            x509.CertificateBuilder(name, name, key.public_key(), int.from_bytes(random(16), "big") + 1)
            .not_valid_before(_instant(now_ms - _BACKDATED_MS))
            .not_valid_after(_instant(now_ms + CERTIFICATE_DAYS * DAY_MS))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=False)
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
        made = builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"no certificate can be made for `{node}`: {error}") from error
    return made.public_bytes(serialization.Encoding.PEM)


def _instant(at_ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC)


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def certificate_sha256(pem: bytes) -> str:
    """Return the SHA-256 of a PEM certificate's DER bytes, hex: what a key set certifies as `tls_sha256`.

    Raises:
        ConfigError: it is no certificate.
    """
    return hashlib.sha256(der_of(pem)).hexdigest()


def der_of(pem: bytes) -> bytes:
    """Return a PEM certificate's DER bytes.

    Raises:
        ConfigError: it is no certificate.
    """
    return _certificate(pem).public_bytes(serialization.Encoding.DER)


def certificate_ends_ms(certificate: Path) -> int:
    """Return when the certificate in a PEM file ceases to be valid, milliseconds UTC.

    Raises:
        ConfigError: there is no certificate, or it is malformed.
    """
    return int(_certificate(read_bytes(certificate)).not_valid_after_utc.timestamp()) * 1000


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise ConfigError("a tls certificate is malformed: restore it from where the keys were made") from error
