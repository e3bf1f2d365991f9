"""Keys in a PKCS#11 token: a software token stands for a card, where one is installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest

from kizuna.errors import ConfigError
from kizuna.kernel import canonical, sign
from kizuna.node.keys import keyfiles, tokenkeys
from kizuna.storage.private import write_private

NODE = "ind/fusion-delhi"
MODULES = [
    Path(name)
    for name in (
        os.environ.get("KIZUNA_TEST_PKCS11", ""), "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    )
    if name and Path(name).is_file()
]  # fmt: skip
TOOL = os.environ.get("KIZUNA_TEST_SOFTHSM_UTIL") or which("softhsm2-util")


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the module of a software token `card`, made anew with the PIN 2468."""
    if not MODULES or TOOL is None:
        pytest.skip(
            "no software token: apt-get install softhsm2, or set KIZUNA_TEST_PKCS11 and KIZUNA_TEST_SOFTHSM_UTIL"
        )
    folder = tmp_path_factory.mktemp("token")
    (folder / "store").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'store'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(settings)  # read once, when the module is loaded
    words = [
        TOOL,
        "--module",
        str(MODULES[0]),
        "--init-token",
        "--free",
        "--label",
        "card",
        "--pin",
        "2468",
        "--so-pin",
        "1357",
    ]
    subprocess.run(words, check=True, capture_output=True)
    return MODULES[0]


def keys_in(folder: Path) -> Path:
    root = sign.SigningKey(os.urandom(32), sign.Purpose.ROOT)
    keyfiles.create_keys(folder, NODE, ["localhost"], root, 1_800_000_000_000, os.urandom)
    return folder


def test_a_key_moves_into_a_token_and_the_node_signs_as_before(module: Path, tmp_path: Path) -> None:
    folder = keys_in(tmp_path / "keys")
    pin = tmp_path / "pin"
    write_private(pin, b"2468\n")
    before = keyfiles.load_identity(folder, NODE).keys["record"]
    label = keyfiles.move_to_token(folder, NODE, "record", str(module), "card", pin)
    assert label == f"kizuna {NODE} record v1"
    assert not (folder / "record.key").exists()
    assert b"2468" not in (folder / "record.pkcs11").read_bytes()
    after = keyfiles.load_identity(folder, NODE).keys["record"]
    assert isinstance(after, tokenkeys.TokenKey)
    assert (after.public, after.key_id, after.purpose) == (before.public, before.key_id, before.purpose)
    assert after.sign(b"a statement") == before.sign(b"a statement")
    sign.verify(before.public, b"a statement", after.sign(b"a statement"))
    with pytest.raises(ConfigError, match="in a token already"):
        keyfiles.move_to_token(folder, NODE, "record", str(module), "card", pin)


def test_a_token_that_cannot_be_used_is_told_by_its_file_and_changes_nothing(module: Path, tmp_path: Path) -> None:
    folder = keys_in(tmp_path / "keys")
    pin = tmp_path / "pin"
    write_private(pin, b"2468\n")
    for wrong in (("card", str(tmp_path / "no.so")), ("another card", str(module))):
        with pytest.raises(ConfigError, match=r"record\.pkcs11: the token cannot be used"):
            keyfiles.move_to_token(folder, NODE, "record", wrong[1], wrong[0], pin)
    pin.chmod(0o644)
    with pytest.raises(ConfigError):
        keyfiles.move_to_token(folder, NODE, "record", str(module), "card", pin)
    assert (folder / "record.key").exists()
    assert not (folder / "record.pkcs11").exists()


def test_a_token_that_signs_by_another_key_is_not_believed(module: Path, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    write_private(pin, b"2468\n")
    told = tokenkeys.TokenFile(
        label="swapped", module=str(module), pin_file=str(pin), token="card", public=canonical.b64(sign.SigningKey(b"1" * 32).public)
    )  # fmt: skip
    with pytest.raises(ConfigError, match="does not sign for `record`"):
        tokenkeys.move_in(told, b"2" * 32, "record", tmp_path / "record.pkcs11")
    (tmp_path / "record.pkcs11").write_bytes(canonical.encode(told))
    with pytest.raises(ConfigError, match="cannot be used"):
        tokenkeys.open_key(tmp_path / "record.pkcs11", "record")


def test_a_file_that_names_no_key_is_said(tmp_path: Path) -> None:
    (tmp_path / "record.pkcs11").write_bytes(b"{}")
    with pytest.raises(ConfigError, match="names no key of a token"):
        tokenkeys.open_key(tmp_path / "record.pkcs11", "record")
