"""An authenticator in software, after W3C Web Authentication level 3: it makes passkeys and signs with them, also wrongly where asked to."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from kizuna.kernel.canonical import b64

PRESENT, VERIFIED, MADE = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """A device with one passkey. Each keyword of `make` and `sign` that is not the options changes one thing that a sound one would not."""

    counts: bool = True
    edwards: bool = False
    id: bytes = field(default_factory=lambda: os.urandom(32))
    handle: str = ""
    count: int = 0

    def __post_init__(self) -> None:
        self.key: Any = (
            ed25519.Ed25519PrivateKey.generate() if self.edwards else ec.generate_private_key(ec.SECP256R1())
        )

    def make(self, options: dict[str, Any], at: str, **wrong: Any) -> str:
        """Return what a browser answers to the options of making a passkey."""
        self.handle = options["user"]["id"]
        told = len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(self._cose())
        data = self._data(options["rp"]["id"], MADE, wrong) + bytes(16) + told
        made = {"attestationObject": b64(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}))}
        return self._answer({**made, "clientDataJSON": b64(_client("create", options, at, wrong))}, wrong)

    def sign(self, options: dict[str, Any], at: str, **wrong: Any) -> str:
        """Return what a browser answers to the options of signing in."""
        data = self._data(options["rpId"], 0, wrong)
        client = _client("get", options, at, wrong)
        signed = self._signed(data + hashlib.sha256(client).digest())
        said = {"authenticatorData": b64(data), "clientDataJSON": b64(client), "signature": b64(signed)}
        return self._answer(said | {"userHandle": wrong.get("handle", self.handle)}, wrong)

    def _data(self, domain: str, flags: int, wrong: dict[str, Any]) -> bytes:
        self.count += self.counts
        flags |= PRESENT | (0 if wrong.get("unverified") else VERIFIED)
        count = wrong.get("count", self.count)
        return hashlib.sha256(wrong.get("domain", domain).encode()).digest() + bytes([flags]) + count.to_bytes(4, "big")

    def _cose(self) -> dict[int, Any]:
        if self.edwards:
            return {1: 1, 3: -8, -1: 6, -2: self.key.public_key().public_bytes_raw()}
        numbers = self.key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def _signed(self, data: bytes) -> bytes:
        found: bytes = self.key.sign(data) if self.edwards else self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        return found

    def _answer(self, response: dict[str, Any], wrong: dict[str, Any]) -> str:
        id_ = b64(wrong.get("id", self.id))
        return json.dumps({"id": id_, "rawId": id_, "type": "public-key", "response": response})


def _client(kind: str, options: dict[str, Any], at: str, wrong: dict[str, Any]) -> bytes:
    said = {"type": f"webauthn.{wrong.get('kind', kind)}", "challenge": wrong.get("challenge", options["challenge"])}
    said |= {"origin": wrong.get("origin", at), "crossOrigin": wrong.get("framed", False)}
    return json.dumps(said).encode()
