"""What every domain lets be found: each of its records, or a reason why not."""

from __future__ import annotations

import pytest

from kizuna.kernel.domain import Domain
from kizuna.node.domains import DOMAINS
from kizuna.node.held.seeking import kinds_in, sought_in
from kizuna.web.searching import KIND_TITLES

UNSOUGHT = {
    "case.resolved.v1": "it ends a conflict in a case, which is found by its steps",
    "case.endorsed.v1": "a signature has no words",
    "claim.adjudicated.v1": "the claims that it chose among are found",
    "claim.disputed.v1": "the claim is found, and shows who disputes it",
    "claim.withdrawn.v1": "the same",
    "instruments.resumed.v1": "agreements are found whole, with their provisions",
    "instruments.scope-closed.v1": "the same",
    "instruments.scope-opened.v1": "the same",
    "instruments.suspended.v1": "the same",
    "instruments.terminated.v1": "the same",
    "instruments.version-signed.v1": "the same",
    "maritime.alert-acknowledged.v1": "the alert is found",
    "maritime.alert-dismissed.v1": "the same",
    "maritime.alert-escalated.v1": "the same",
    "maritime.alert-noted.v1": "the same",
    "maritime.feed-reported.v1": "the state of a feed stands beside the picture",
    "maritime.identity-unlinked.v1": "the link is found",
    "maritime.own-unit-batch.v1": "numbers in blobs: vessels are found by what they say of themselves",
    "maritime.position-batch.v1": "the same",
    "maritime.rule-withdrawn.v1": "the rule is found",
    "maritime.thresholds-published.v1": "numbers: events cite them, and the desk lists them",
    "maritime.watch-handed-over.v1": "it stands in the sheet of its watch",
    "protection.compromise-warned.v1": "the compromise is found",
    "protection.custody-taken.v1": "the copy is found",
    "protection.document-registered.v1": "the register is looked up at the desk: its titles are no search words until protection says so",
    "protection.document-regraded.v1": "the copy is found",
    "protection.inventory-taken.v1": "it stands in the register",
    "supply.authority-granted.v1": "who may sign is looked up at the desk",
    "supply.prices-listed.v1": "numbers that change: looked up at the desk, which offers by them",
    "supply.stock-counted.v1": "the same",
    "training.person-noted.v1": "a person is looked up at the desk, for its purpose",
}


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_each_kind_of_record_is_found_or_a_reason_is_given(domain: Domain) -> None:
    sought = sought_in(DOMAINS)
    forgotten = {name for name, kind in domain.records.items() if kind not in sought and name not in UNSOUGHT}
    assert not forgotten
    assert not {name for name, kind in domain.records.items() if kind in sought and name in UNSOUGHT}
    for kind, seek in domain.sought.items():
        assert kind in domain.records.values()
        assert {*seek.title, *seek.ref, *seek.text} <= set(kind.__struct_fields__), kind


def test_each_kind_of_thing_has_a_name() -> None:
    assert not set(kinds_in(DOMAINS)) - KIND_TITLES.keys()
