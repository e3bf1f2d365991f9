"""Keys as files: certified, private, whole or not at all."""

import os
from pathlib import Path
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kizuna.errors import ConfigError, RefusedError
from kizuna.kernel import keys, sign
from kizuna.node.keys import keyfiles

NODE = "ind/fusion-delhi"
NOW_MS = 1_790_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = keyfiles.create_root(tmp_path / "root.key", os.urandom)
    keyfiles.create_keys(tmp_path / "keys", NODE, ["node.example", "127.0.0.1"], root, NOW_MS, os.urandom)
    return tmp_path / "keys"


def test_keys_that_were_made_are_loaded_and_make_a_card(folder: Path) -> None:
    identity = keyfiles.load_identity(folder, NODE)
    data = keyfiles.card(identity, folder, "node.example:7443")
    card, keyset = keys.read_card(data)
    assert keyset.node == NODE
    assert card.address == "node.example:7443"
    assert keyset.tls_sha256 == keyfiles.certificate_sha256(card.certificate_pem.encode())
    assert keyset.keys == keys.public_keys(identity.keys)
    assert keyfiles.certificate_ends_ms(folder / keyfiles.CERTIFICATE) == NOW_MS // 1000 * 1000 + 730 * 86_400_000


def test_every_private_file_is_private(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert (folder.parent / "root.key").stat().st_mode & 0o777 == 0o600
    assert not (folder.parent / "keys.new").exists()


@pytest.mark.parametrize("name", ["record.key", "seal.key", "tls.key.pem", "."])
def test_a_key_that_others_may_read_is_refused(folder: Path, name: str) -> None:
    (folder / name).chmod(0o750 if name == "." else 0o640)
    with pytest.raises(ConfigError, match="chmod"):
        keyfiles.load_identity(folder, NODE)


def test_a_key_of_another_purpose_is_refused(folder: Path) -> None:
    (folder / "record.key").write_bytes((folder / "bundle.key").read_bytes())
    with pytest.raises(ConfigError, match="holds a `bundle` key where a `record` key is needed"):
        keyfiles.load_identity(folder, NODE)


@pytest.mark.parametrize("name", ["record.key", "seal.key", "tls.cert.pem"])
def test_a_key_that_the_root_did_not_certify_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    root = keyfiles.load_root(tmp_path / "root.key")
    keyfiles.create_keys(tmp_path / "other", NODE, [], root, NOW_MS, os.urandom)
    (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(ConfigError, match="differs from what the root certified"):
        keyfiles.load_identity(folder, NODE)


@pytest.mark.parametrize("name", ["record.key", "keyset.json", "root.pub", "tls.cert.pem"])
def test_a_missing_or_damaged_file_is_told_by_name(folder: Path, name: str) -> None:
    held = (folder / name).read_bytes()
    (folder / name).write_bytes(held[: len(held) // 2])
    with pytest.raises(ConfigError):
        keyfiles.load_identity(folder, NODE)
    (folder / name).unlink()
    with pytest.raises(ConfigError) as caught:
        keyfiles.load_identity(folder, NODE)
    assert caught.value.where == str(folder / name)


def test_the_keys_of_another_node_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"keys are those of `ind/fusion-delhi`"):
        keyfiles.load_identity(folder, "ind/elsewhere")


def test_nothing_is_overwritten(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="never overwritten"):
        keyfiles.create_root(tmp_path / "root.key", os.urandom)
    with pytest.raises(RefusedError, match="never overwritten"):
        keyfiles.create_keys(folder, NODE, [], keyfiles.load_root(tmp_path / "root.key"), NOW_MS, os.urandom)


def test_a_host_that_fits_no_certificate_leaves_nothing_behind(tmp_path: Path) -> None:
    root = sign.SigningKey(os.urandom(32), sign.Purpose.ROOT)
    with pytest.raises(ConfigError):
        keyfiles.create_keys(tmp_path / "keys", NODE, ["数"], root, NOW_MS, os.urandom)
    assert not list(tmp_path.iterdir())


def test_a_node_key_is_no_root_key(folder: Path) -> None:
    with pytest.raises(ConfigError, match="`root` key is needed"):
        keyfiles.load_root(folder / "record.key")


def test_a_certificate_names_its_node_and_hosts_and_lasts_two_years() -> None:
    key = keyfiles.new_tls_key(Random(1).randbytes)
    hosts = ["node.example", "192.0.2.1", "2001:db8::1"]
    pem = keyfiles.self_signed(NODE, hosts, key, NOW_MS, Random(2).randbytes)
    made = x509.load_pem_x509_certificate(pem)
    assert made.subject.rfc4514_string() == f"CN={NODE}"
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["node.example"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "2001:db8::1"]
    assert int(made.not_valid_after_utc.timestamp()) * 1000 == NOW_MS + 730 * 86_400_000
    assert int(made.not_valid_before_utc.timestamp()) * 1000 < NOW_MS
    assert keyfiles.self_signed(NODE, hosts, key, NOW_MS, Random(2).randbytes) == pem
    assert keyfiles.self_signed(NODE, hosts, key, NOW_MS, Random(3).randbytes) != pem


def test_a_long_name_is_cut() -> None:
    pem = keyfiles.self_signed("ind/" + "x" * 90, [], keyfiles.new_tls_key(os.urandom), NOW_MS, os.urandom)
    assert len(x509.load_pem_x509_certificate(pem).subject.rfc4514_string()) == 3 + 64


def test_a_tls_key_of_another_kind_is_refused() -> None:
    other = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for key in (other, b"nothing", b""):
        with pytest.raises(ConfigError):
            keyfiles.self_signed(NODE, [], key, NOW_MS, os.urandom)
