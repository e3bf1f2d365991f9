"""Enrolment: a card that shows another node's keys is refused, and what names no partner is refused as such."""

from __future__ import annotations

import msgspec
import pytest

from kizuna.errors import RefusedError
from kizuna.kernel import canonical, keys, sign
from kizuna.node import effects as fx
from kizuna.sim.federation import Federation, SimNode
from tests.sim.world import DOMAINS, pair

OFFICER = "officer:1:administrator"


def card_with(node: SimNode, root: sign.SigningKey | None = None, **changed: object) -> bytes:
    """Return the node's card with a key set in which something is another's, certified by its own root."""
    keyset = keys.read_keyset(node.identity.keyset, node.root.public)
    signer = root or node.root
    envelope = keys.certify(msgspec.structs.replace(keyset, tls_sha256="c" * 64, **changed), signer)
    card = keys.Card(address="", certificate_pem="", keyset=envelope, root=canonical.b64(signer.public))
    return canonical.encode(card)


def three() -> tuple[Federation, SimNode, SimNode, SimNode]:
    federation, delhi, yokosuka, _ = pair("enrolling")
    return federation, delhi, yokosuka, federation.add("aus/canberra", DOMAINS)


@pytest.mark.parametrize("purpose", [str(purpose) for purpose in keys.NODE_PURPOSES])
def test_a_card_with_a_key_of_a_partner_is_refused(purpose: str) -> None:
    _, delhi, yokosuka, canberra = three()
    own = keys.read_keyset(canberra.identity.keyset, canberra.root.public)
    theirs = keys.read_keyset(yokosuka.identity.keyset, yokosuka.root.public)
    stolen = card_with(canberra, keys={**own.keys, purpose: theirs.keys[purpose]})
    with pytest.raises(RefusedError, match="shows a key of `jpn/yokosuka`"):
        delhi.do(fx.Enrol(stolen, OFFICER))
    assert "aus/canberra" not in delhi.core.world.partners


def test_a_card_with_the_seal_or_a_key_of_our_own_is_refused() -> None:
    _, delhi, yokosuka, canberra = three()
    theirs = keys.read_keyset(yokosuka.identity.keyset, yokosuka.root.public)
    ours = keys.read_keyset(delhi.identity.keyset, delhi.root.public)
    for seal, whose in ((theirs.seal, "jpn/yokosuka"), (ours.seal, "ind/delhi")):
        with pytest.raises(RefusedError, match=f"shows a key of `{whose}`"):
            delhi.do(fx.Enrol(card_with(canberra, seal=seal), OFFICER))


def test_a_card_with_the_certificate_of_a_partner_is_refused() -> None:
    federation, delhi, _, canberra = three()
    first = federation.add("bgd/dhaka", DOMAINS)
    delhi.do(fx.Enrol(card_with(first), OFFICER))
    with pytest.raises(RefusedError, match="shows a key of `bgd/dhaka`"):
        delhi.do(fx.Enrol(card_with(canberra), OFFICER))


def test_a_card_under_the_root_of_another_party_is_refused() -> None:
    _, delhi, yokosuka, canberra = three()
    with pytest.raises(RefusedError, match="shows a key of `jpn/yokosuka`"):
        delhi.do(fx.Enrol(card_with(canberra, root=yokosuka.root), OFFICER))


def test_a_card_of_its_own_is_enrolled_and_again_after_it_moved() -> None:
    _, delhi, _, canberra = three()
    assert delhi.do(fx.Enrol(card_with(canberra), OFFICER)) == "aus/canberra"
    assert delhi.do(fx.Enrol(card_with(canberra), OFFICER)) == "aus/canberra"


def test_what_names_no_partner_is_refused_and_not_a_fault_of_a_channel() -> None:
    _, delhi, _, _ = three()
    now_ms = delhi.now_ms
    for command in (
        fx.Backfill("aus/canberra", 0, now_ms, OFFICER),
        fx.ExportBundle("aus/canberra", now_ms + 1000, OFFICER),
        fx.RemovePartner("aus/canberra", OFFICER),
    ):
        with pytest.raises(RefusedError, match="not an enrolled partner"):
            delhi.do(command)
