"""Which partners' certificates are trusted."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kizuna.errors import ConfigError, SignatureError
from kizuna.kernel import keys
from kizuna.node.held.facts import Partner
from kizuna.node.keys import keyfiles
from kizuna.web import tls
from kizuna.web.tls import TlsFiles
from tests.web.harness import make_keys, make_tls


def partner(folder: Path, name: str = "aus/one", address: str = "host:1") -> Partner:
    card, keyset = keys.read_card(make_keys(folder, name).card(address))
    return Partner(name, keyset.party, card.root_bytes, keyset, {}, card.address, card.certificate_pem)


def with_certificate(known: Partner, pem: bytes) -> Partner:
    """Return the partner with another certificate, which its root certifies."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode())).hexdigest()
    keyset = keys.KeySetV1(
        **{f: getattr(known.keyset, f) for f in known.keyset.__struct_fields__} | {"tls_sha256": digest}
    )
    return replace(known, certificate_pem=pem.decode(), keyset=keyset)


def authority(*, ca: bool | None) -> bytes:
    """Return a self-signed certificate that is an authority's, or says nothing of it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    day = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(day).not_valid_after(day + dt.timedelta(days=999))
    )  # fmt: skip
    if ca is not None:
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_what_is_not_one_certificate_is_refused(tmp_path: Path) -> None:
    pem = make_tls(tmp_path, "x").certificate.read_bytes()
    for text in (b"", b"nothing", pem + pem, pem[:-40]):
        with pytest.raises(SignatureError):
            tls.read_certificate(text)


def test_only_the_certificate_that_the_key_set_certifies_is_trusted(tmp_path: Path) -> None:
    known = partner(tmp_path)
    other = make_tls(tmp_path, "other").certificate.read_text()
    (pin,) = tls.pins_of([known])
    (digest,) = pin.digests
    assert digest.hex() == keyfiles.certificate_sha256(known.certificate_pem.encode()) == known.keyset.tls_sha256
    for pem in (other, known.certificate_pem + other, ""):
        assert not tls.pins_of([replace(known, certificate_pem=pem)])
    assert tls.pins_of([with_certificate(known, other.encode())])


def test_a_certificate_that_could_vouch_for_others_is_not_trusted(tmp_path: Path) -> None:
    known = partner(tmp_path)
    assert tls.pins_of([with_certificate(known, authority(ca=False))])
    assert not tls.pins_of([with_certificate(known, authority(ca=True))])
    assert not tls.pins_of([with_certificate(known, authority(ca=None))])


def test_a_certificate_that_two_partners_claim_proves_neither(tmp_path: Path) -> None:
    one = partner(tmp_path)
    thief = replace(one, node="bgd/two", party="bgd")
    third = partner(tmp_path, "can/three")
    assert [pin.node for pin in tls.pins_of([one, thief, third])] == ["can/three"]


@pytest.mark.parametrize(
    "address",
    ["", "host", "host:1/path", "user@host:1", "host:1#x", "http://host:1", "ho st:1", "host:123456", "[::1]"],
)
def test_an_address_that_is_no_host_and_port_is_none(tmp_path: Path, address: str) -> None:
    assert [pin.address for pin in tls.pins_of([partner(tmp_path, address=address)])] == [""]


@pytest.mark.parametrize("address", ["host:1", "10.0.0.1:8443", "[::1]:8443", "node-1.example:65535"])
def test_an_address_of_host_and_port_is_kept(tmp_path: Path, address: str) -> None:
    assert [pin.address for pin in tls.pins_of([partner(tmp_path, address=address)])] == [address]


def test_two_certificates_of_one_name_do_not_stand_in_each_others_way(tmp_path: Path) -> None:
    """Neither old and new of one partner, nor those of two partners: a name is a label for people."""
    server, old, new = (make_tls(tmp_path, each, cn="ind/one") for each in ("server", "old", "new"))
    ders = [ssl.PEM_cert_to_DER_cert(files.certificate.read_text()) for files in (server, old, new)]
    for first, second in ((ders[1], ders[2]), (ders[2], ders[1])):
        for shown in (old, new):
            accepting = tls.server_context(server, [tls.Pin("ind/one", first, "", (second,))])
            asking = tls.client_context(shown, tls.Pin("jpn/two", ders[0], ""))
            there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
            one = asking.wrap_bio(back, there)
            other = accepting.wrap_bio(there, back, server_side=True)
            for side in (one, other, one, other):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
            assert other.getpeercert(binary_form=True) in {first, second}


def test_files_that_cannot_be_loaded_say_where(tmp_path: Path) -> None:
    good, other = make_tls(tmp_path, "a"), make_tls(tmp_path, "b")
    missing = TlsFiles(tmp_path / "none.crt", good.key)
    for files in (missing, TlsFiles(good.certificate, other.key)):
        with pytest.raises(ConfigError, match="kizuna init") as caught:
            tls.server_context(files, ())
        assert caught.value.where == str(files.certificate)
