"""Destruction reaches the files: those that no other record names, at every holder, and through a power loss."""

from __future__ import annotations

import hashlib

import pytest

from kizuna.kernel.domain import Domain
from kizuna.kernel.label import label
from kizuna.node import effects as fx
from kizuna.node.acts import erasing
from kizuna.sim.disk import PowerLossError
from kizuna.sim.federation import Federation, SimNode
from tests.sim.byzantine import PICTURES, Picture
from tests.sim.test_recovery import projected
from tests.sim.test_withdrawing import act
from tests.sim.world import INSTRUMENTS, POLICY, arrangement, provision, sign_instrument

DOMAINS = (INSTRUMENTS, Domain(name="notes", records={"notes.note-said.v1": Picture}))


def shown(data: bytes) -> dict[str, object]:
    return {"blob": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}}


def pair(seed: str) -> tuple[Federation, SimNode, SimNode]:
    federation = Federation(seed)
    delhi, yokosuka = federation.add("ind/delhi", DOMAINS), federation.add("jpn/yokosuka", DOMAINS)
    federation.introduce(delhi, yokosuka)
    made = arrangement("ind", "jpn", provision("ind", "jpn", discloses=PICTURES))
    for node in (delhi, yokosuka):
        sign_instrument(node, made)
    federation.run(10_000)
    return federation, delhi, yokosuka


def picture(node: SimNode, text: str, data: bytes) -> str:
    own = label(POLICY, 1, originator="ind", releasable_to=("jpn",), purposes=("coordination",))
    body = Picture(text=text, picture=shown(data), source="camera")
    draft = fx.Draft("notes.note-said.v1", body, own, "officer:7:watch", blobs=(data,))
    return str(node.do(fx.Say((draft,)))[0].record_id)


def audit(node: SimNode) -> erasing.BlobAudit:
    with node.store.view() as db:
        return erasing.audit(db, node.blobs.has)


def test_a_file_goes_with_the_last_record_that_names_it() -> None:
    federation, delhi, yokosuka = pair("last")
    data = b"the harbour at dawn" * 20
    digest = hashlib.sha256(data).hexdigest()
    one, other = picture(delhi, "one", data), picture(delhi, "other", data)
    federation.run(10_000)
    act(delhi, one, "destroy")
    federation.run(10_000)
    for node in (delhi, yokosuka):
        assert node.blobs.has(digest)
        assert audit(node) == erasing.BlobAudit(1, {}, ())
    act(delhi, other, "destroy")
    federation.run(10_000)
    for node in (delhi, yokosuka):
        assert not node.blobs.has(digest)
        found = audit(node)
        assert (found.held, list(found.erased), found.missing) == (0, [digest], ())
        ((kind,),) = node.store.query(
            "SELECT CAST(e.header AS TEXT) FROM journal_entry e WHERE e.seq = ?", (found.erased[digest],)
        )
        assert '"blob-erased"' in kind
        before = projected(node)
        node.store.rebuild()
        assert projected(node) == before


def test_what_was_erased_may_be_said_again() -> None:
    federation, delhi, yokosuka = pair("again")
    data = b"the harbour at noon" * 20
    digest = hashlib.sha256(data).hexdigest()
    act(delhi, picture(delhi, "wrong", data), "destroy")
    picture(delhi, "right", data)
    federation.run(10_000)
    for node in (delhi, yokosuka):
        assert node.blobs.has(digest)
        assert audit(node) == erasing.BlobAudit(1, {}, ())
    for node in (delhi, yokosuka):
        node.crash()
    federation.run(10_000)
    for node in (delhi, yokosuka):
        assert node.blobs.has(digest)


def test_a_file_that_no_entry_erased_is_missing() -> None:
    federation, delhi, _ = pair("missing")
    data = b"the harbour at dusk" * 20
    picture(delhi, "kept", data)
    federation.run(1_000)
    delhi.blobs.erase(hashlib.sha256(data).hexdigest())
    assert audit(delhi).missing == (hashlib.sha256(data).hexdigest(),)


@pytest.mark.parametrize("steps", range(1, 60, 3))
def test_a_power_loss_in_between_leaves_no_file(steps: int) -> None:
    federation, delhi, yokosuka = pair(f"power-{steps}")
    data = b"canary of a file" * 20
    record_id = picture(delhi, "canary", data)
    federation.run(10_000)
    assert yokosuka.blobs.has(hashlib.sha256(data).hexdigest())
    victim = (delhi, yokosuka)[steps % 2]
    victim.disk.fail_at = victim.disk.steps + steps
    try:
        act(delhi, record_id, "destroy")
    except PowerLossError:
        delhi.disk.fail_at = None
        if not delhi.store.query("SELECT 1 FROM act WHERE act = 'destroy'"):
            return  # nothing was journalled: the officer was not told that it was
    federation.run(10_000)
    victim.disk.fail_at = None
    federation.run(120_000)
    for node in (delhi, yokosuka):
        assert not node.blobs.has(hashlib.sha256(data).hexdigest())
        assert audit(node).missing == ()
        assert node.store.verify().findings == ()
