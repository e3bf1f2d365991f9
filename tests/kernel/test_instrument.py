"""Being in force: dates of limited precision, signatures of all parties, suspensions in any order of arrival."""

import itertools
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError, SignatureError
from kizuna.kernel import canonical, instrument, sign
from kizuna.kernel.instrument import (
    Agreement,
    Instrument,
    LimitedDate,
    Scope,
    Status,
    agreements,
    day_ms,
    in_force,
    limited_date,
    read_signature,
    sign_version,
    version_of,
)
from kizuna.kernel.intervals import FOREVER

ROOTS = {party: sign.SigningKey(bytes([number]) * 32, sign.Purpose.ROOT) for number, party in enumerate(("ind", "jpn"))}
PINNED = {party: key.public for party, key in ROOTS.items()}
SIGNED = day_ms("2024-01-01")
NOW = day_ms("2024-06-01")


def made(**parts: object) -> Instrument:
    base = Instrument(
        basis="example",
        id="arrangement",
        in_force_on=limited_date("2018-10-29"),
        kind="implementing-arrangement",
        parties=("ind", "jpn"),
        title="arrangement",
    )
    return msgspec.structs.replace(base, **parts)


def signed(value: Instrument, at_ms: int = SIGNED, parties: tuple[str, ...] = ("ind", "jpn")) -> list:
    return [read_signature(sign_version(value, party, at_ms, ROOTS[party]), PINNED) for party in parties]


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2018", "2018-01-01", "2018-12-31"),
        ("2018-10", "2018-10-01", "2018-10-31"),
        ("2020-02", "2020-02-01", "2020-02-29"),
        ("2018-10-29", "2018-10-29", "2018-10-29"),
    ],
)
def test_a_date_keeps_its_precision_and_knows_its_bounds(text: str, first: str, last: str) -> None:
    assert limited_date(text).bounds() == (first, last)
    assert limited_date(text).value == text
    assert (
        in_force(made(in_force_on=limited_date(text)), signed(made(in_force_on=limited_date(text))), [], NOW).state
        == "in-force"
    )


@pytest.mark.parametrize(
    "text", ["", "18", "2018-1", "2018-13", "2018-02-30", "2018-10-29T00", "0000", "\uff12\uff10\uff11\uff18"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        limited_date(text)


def test_a_date_known_to_the_month_counts_from_its_last_day() -> None:
    value = made(in_force_on=limited_date("2018-10"))
    early = signed(value, at_ms=0)
    assert in_force(value, early, [], day_ms("2018-10-31") - 1).state == "not-yet"
    assert in_force(value, early, [], day_ms("2018-10-31")).state == "in-force"


def test_an_end_known_to_the_month_counts_from_its_first_day_and_an_unknown_one_always() -> None:
    value = made(terminates_on=limited_date("2024-06"))
    assert in_force(value, signed(value), [], NOW - 1).state == "in-force"
    assert in_force(value, signed(value), [], NOW).state == "expired"
    value = made(terminates_on=LimitedDate())
    assert in_force(value, signed(value), [], NOW).state == "expired"
    assert agreements([value], signed(value))[0].in_force == ()


def test_unknown_entry_into_force_is_never_in_force() -> None:
    value = made(in_force_on=LimitedDate())
    assert in_force(value, signed(value), [], NOW).state == "unknown"
    found = agreements([value], signed(value))
    assert found[0].in_force == ()
    assert "not known" in found[0].note


def test_all_parties_must_have_signed_this_very_version() -> None:
    value = made()
    other = made(title="another text")
    assert in_force(value, signed(value, parties=("ind",)), [], NOW).state == "unsigned"
    assert (
        in_force(value, [*signed(value, parties=("ind",)), *signed(other, parties=("jpn",))], [], NOW).state
        == "unsigned"
    )
    assert in_force(value, signed(value), [], SIGNED - 1).state == "unsigned"
    assert in_force(value, signed(value), [], NOW).state == "in-force"
    assert "`jpn`" in in_force(value, signed(value, parties=("ind",)), [], NOW).reason


def test_a_signature_counts_only_from_the_pinned_root_of_its_party() -> None:
    value = made()
    with pytest.raises(RecordError, match="pinned"):
        read_signature(sign_version(value, "aus", SIGNED, ROOTS["jpn"]), PINNED)
    with pytest.raises(RecordError, match="not the root key"):
        read_signature(sign_version(value, "jpn", SIGNED, ROOTS["ind"]), PINNED)
    record_key = sign.SigningKey(bytes([1]) * 32, sign.Purpose.RECORD)
    with pytest.raises(RecordError, match="not the root key"):
        read_signature(sign_version(value, "jpn", SIGNED, record_key), PINNED)
    envelope = sign_version(value, "jpn", SIGNED, ROOTS["jpn"])
    forged = msgspec.structs.replace(envelope, payload=sign_version(value, "jpn", SIGNED + 1, ROOTS["jpn"]).payload)
    with pytest.raises(SignatureError):
        read_signature(forged, PINNED)


def test_the_version_is_the_hash_of_the_canonical_bytes_and_survives_the_wire() -> None:
    value = made(parties=("ind", "jpn", "aus"))
    again = canonical.decode(canonical.encode(value), type=Instrument)
    assert again == value
    assert version_of(again) == version_of(value)
    assert version_of(made(title="x")) != version_of(made(title="y"))


def act(name: str, at_ms: int, kind: str, party: str = "ind", lifts: str = "") -> Status:
    return Status(act=kind, at_ms=at_ms, id=name, instrument="arrangement", party=party, lifts=lifts)


def test_a_suspension_holds_until_the_same_party_lifts_that_very_one() -> None:
    value = made()
    suspended = act("s1", NOW - 100, "suspended")
    for lifting in (
        act("r1", NOW - 50, "resumed", party="jpn", lifts="s1"),
        act("r1", NOW - 50, "resumed", lifts="s2"),
        act("r1", NOW - 50, "resumed"),
    ):
        assert in_force(value, signed(value), [suspended, lifting], NOW).state == "suspended"
    lifted = act("r1", NOW - 50, "resumed", lifts="s1")
    assert in_force(value, signed(value), [suspended, lifted], NOW).state == "in-force"
    assert in_force(value, signed(value), [suspended, lifted], NOW - 60).state == "suspended"
    both = [suspended, lifted, act("s2", NOW - 70, "suspended", party="jpn")]
    assert in_force(value, signed(value), both, NOW).state == "suspended"


statuses = st.lists(
    st.builds(
        act,
        st.sampled_from("abcdef"),
        st.integers(0, 50),
        st.sampled_from(("suspended", "resumed", "terminated")),
        st.sampled_from(("ind", "jpn", "aus")),
        st.sampled_from(("", "a", "b", "c")),
    ),
    max_size=6,
)


@given(statuses, st.randoms())
def test_status_folds_the_same_in_every_order_with_duplicates(acts: list[Status], random: Random) -> None:
    value = made()
    shuffled = [*acts, *acts[:2]]
    random.shuffle(shuffled)
    assert agreements([value], signed(value), shuffled) == agreements([value], signed(value), acts)
    assert instrument.suspensions(shuffled, value.parties) == instrument.suspensions(acts, value.parties)


def test_one_party_ends_it_for_good_and_a_stranger_cannot() -> None:
    value = made()
    assert in_force(value, signed(value), [act("t", NOW - 1, "terminated", party="jpn")], NOW).state == "terminated"
    assert in_force(value, signed(value), [act("t", NOW - 1, "terminated", party="aus")], NOW).state == "in-force"
    assert in_force(value, signed(value), [act("s", NOW - 1, "suspended", party="aus")], NOW).state == "in-force"


def test_versions_follow_one_another_at_the_last_signature() -> None:
    old, new = made(title="old"), made(title="new")
    signatures = [*signed(old), *signed(new, SIGNED + 500, ("ind",)), *signed(new, SIGNED + 900, ("jpn",))]
    for order in itertools.permutations([old, new]):
        found = {a.instrument.title: a.current for a in agreements(order, signatures)}
        assert found == {"old": ((SIGNED, SIGNED + 900),), "new": ((SIGNED + 900, FOREVER),)}


def test_a_half_signed_successor_changes_nothing() -> None:
    old, new = made(title="old"), made(title="new")
    found = agreements([old, new], [*signed(old), *signed(new, SIGNED + 500, ("ind",))])
    by_title: dict[str, Agreement] = {a.instrument.title: a for a in found}
    assert by_title["old"].current == ((SIGNED, FOREVER),)
    assert by_title["new"].in_force == ()


def test_an_instrument_ends_the_one_that_it_supersedes() -> None:
    old = made()
    new = made(id="successor", supersedes="arrangement", in_force_on=limited_date("2025-01-01"))
    found = {a.instrument.id: a.in_force for a in agreements([old, new], [*signed(old), *signed(new)])}
    assert found["arrangement"] == ((day_ms("2018-10-29"), day_ms("2025-01-01")),)
    assert found["successor"] == ((day_ms("2025-01-01"), FOREVER),)


def test_scopes_and_acts_reach_only_their_own_instrument() -> None:
    value = made()
    scopes = [Scope(1, "arrangement", "milan", 2), Scope(1, "another", "milan", 2)]
    found = agreements(
        [value], signed(value), [msgspec.structs.replace(act("s", 1, "suspended"), instrument="another")], scopes
    )
    assert found[0].scopes == (scopes[0],)
    assert found[0].suspended == ()
