"""A node's signing keys in a PKCS#11 token: a smart card, a hardware module, or a software one for trials. Needs the extra `kizuna[pkcs11]`.

In the key folder `record.pkcs11` then stands in place of `record.key`: which module, token and label, the public key, and the file of the PIN. The
token signs (`CKM_EDDSA`) and gives the key to nobody; what it signed is verified by our own rule before it is used.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from kizuna.errors import ConfigError, RecordError, SignatureError
from kizuna.kernel import canonical, sign

_CURVE = b"\x13\x0cedwards25519"
"""The curve's name as a printable string in DER, as PKCS#11 3.0 section 2.3.10 asks for."""


_opening = threading.Lock()
_sessions: dict[tuple[str, str], tuple[Any, threading.Lock]] = {}


class TokenFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a key is: `module` and `pin_file` are paths, `public` is base64url."""

    label: str
    module: str
    pin_file: str
    public: str
    token: str


class TokenKey(sign.SigningKey):
    """A signing key that a token holds; one signature at a time."""

    __slots__ = ("_lock", "_private")

    def __init__(self, private: Any, lock: threading.Lock, public: bytes, purpose: str) -> None:
        self.public = public
        self.purpose = str(purpose)
        self.key_id = sign.key_id(self.purpose, public)
        self._private = private
        self._lock = lock

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over the message.

        Raises:
            ConfigError: the token does not sign, or not by this key.
        """
        from pkcs11 import Mechanism  # noqa: PLC0415 # an extra, there where a token is used

        try:
            with self._lock:
                made = bytes(self._private.sign(message, mechanism=Mechanism.EDDSA))
            sign.verify(self.public, message, made)
        except Exception as error:  # a driver's errors are its own; a node that cannot sign says so and stops
            raise ConfigError(
                f"the token does not sign for `{self.purpose}` ({type(error).__name__}): check that it is in"
            ) from error
        return made


def open_key(path: Path, purpose: str) -> TokenKey:
    """Return the key that a file names, its token's session open for as long as the process runs.

    Raises:
        ConfigError: the extra, the module, the token, the PIN or the key is missing or not the one that the file says.
    """
    try:
        told = canonical.decode(path.read_bytes(), type=TokenFile)
        public = canonical.unb64(told.public)
    except (OSError, RecordError) as error:
        raise ConfigError("names no key of a token: restore the folder whole", where=str(path)) from error
    with _errors(path):
        from pkcs11 import KeyType, ObjectClass  # noqa: PLC0415 # the same

        session, lock = _session(told, path.parent)
        with lock:
            private = session.get_key(
                object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.EC_EDWARDS, label=told.label
            )
    return TokenKey(private, lock, public, purpose)


def move_in(told: TokenFile, seed: bytes, purpose: str, where: Path) -> bytes:
    """Put a key into a token so that it can be used there and not read; return what the file `where` is to say of it.

    Raises:
        ConfigError: the token does not take it, or does not then sign by it; it is then not in the token either.
    """
    with _errors(where):
        from pkcs11 import Attribute, KeyType, ObjectClass  # noqa: PLC0415 # the same

        key = {
            Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.KEY_TYPE: KeyType.EC_EDWARDS, Attribute.LABEL: told.label,
            Attribute.ID: told.label.encode(), Attribute.TOKEN: True, Attribute.PRIVATE: True, Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: False, Attribute.SIGN: True, Attribute.EC_PARAMS: _CURVE, Attribute.VALUE: seed,
        }  # fmt: skip
        session, lock = _session(told, where.parent)
        with lock:
            private = session.create_object(key)
        try:
            made = TokenKey(private, lock, canonical.unb64(told.public), purpose)
            made.sign(b"kizuna: does the token sign by the key that it was given?")
        except ConfigError:
            private.destroy()
            raise
    return canonical.encode(told)


def _session(told: TokenFile, folder: Path) -> tuple[Any, threading.Lock]:
    """Return the process's session with a token, and the lock under which it is used: PKCS#11 logs a process in once."""
    import pkcs11  # noqa: PLC0415 # the same

    with _opening:
        held = _sessions.get((told.module, told.token))
        if held is None:
            pin = (folder / told.pin_file).read_text(encoding="utf-8").strip()
            session = pkcs11.lib(told.module).get_token(token_label=told.token).open(rw=True, user_pin=pin)
            held = _sessions[told.module, told.token] = (session, threading.Lock())
        return held


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Turn what a driver raises into our error."""
    try:
        yield
    except ImportError as error:
        raise ConfigError("the key is in a token: install the extra `kizuna[pkcs11]`", where=str(path)) from error
    except (ConfigError, SignatureError):
        raise
    except Exception as error:  # a driver's errors are its own
        raise ConfigError(
            f"the token cannot be used ({type(error).__name__}): check module, token, pin file and label",
            where=str(path),
        ) from error
