"""Labels between systems: a policy file's own markings, and no way there or back that lowers protection."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import RecordError, RefusedError
from kizuna.formats import stanag4774, stanag4778
from kizuna.formats.stanag4774 import Category, ConfidentialityLabel
from kizuna.kernel.instrument import EquivalenceRow, EquivalenceTable
from kizuna.kernel.label import Grade, Label, dominates, join, label
from kizuna.kernel.marking import marking
from kizuna.kernel.marking_policy import BUNDLED, TLP_V2
from kizuna.node.labelling import confidentiality_of, label_of, policy_of, read_label, read_policies

OWN = Path(__file__).parents[1] / "vectors" / "label"
PUBLIC = Path(os.environ.get("KIZUNA_SHARED", Path(__file__).parents[3] / "shared")) / "data" / "vectors" / "label"
POLICIES = read_policies([("policy.xml", (OWN / "policy.xml").read_bytes())])
ARDEN = "urn:oid:2.999.7.1"


def expected(folder: Path) -> Iterator[tuple[str, str, str]]:
    with (folder / "expected.csv").open(encoding="utf-8") as file:
        yield from ((row["label"], row["language"], row["marking"]) for row in csv.DictReader(file))


@pytest.mark.parametrize(("name", "language", "text"), list(expected(OWN)))
def test_a_policy_file_marks_by_its_own_words(name: str, language: str, text: str) -> None:
    found = read_label((OWN / f"{name}.xml").read_bytes(), POLICIES)
    assert marking(found, POLICIES, language) == text
    (written,) = confidentiality_of(found, POLICIES)
    assert label_of(written, POLICIES) == found


def test_the_public_labels_give_their_markings() -> None:
    if not PUBLIC.is_dir():
        pytest.skip(f"no public test labels in {PUBLIC}; set KIZUNA_SHARED")
    policies = read_policies([("nato", (PUBLIC / "nato-4774-policy.xml").read_bytes())])
    for name, language, text in expected(PUBLIC):
        found = read_label((PUBLIC / f"{name}.nato").read_bytes(), policies)
        assert marking(found, policies, language) == text
        (written,) = confidentiality_of(found, policies)
        assert label_of(written, policies) == found


# --- any label --------------------------------------------------------------------------------------------------------------------

TAGS = {tag.name: tag for tag in POLICIES[ARDEN].tags}


def categories(name: str) -> st.SearchStrategy[tuple[Category, ...]]:
    tag = TAGS[name]
    values = st.sets(st.sampled_from([each.name for each in tag.categories if not each.excluded]))
    return values.map(lambda found: (Category(name, tag.kind, tuple(sorted(found))),) if found else ())


READ = st.builds(
    lambda classification, parties, *others: label_of(
        ConfidentialityLabel(
            policy="ARDEN",
            classification=classification,
            categories=(*parties, *(c for found in others for c in found)),
        ),
        POLICIES,
    ),
    st.sampled_from(["OPEN", "SHUT"]),
    categories("Releasable To") | categories("Only"),
    *(categories(name) for name in ("Guard", "Group", "Desk")),
)


@given(READ, READ)
def test_a_joined_label_that_can_be_written_says_all_that_its_parts_demand(one: Label, other: Label) -> None:
    joined = join(one, other)
    demands = [TAGS["Group"].borne(part.grades[0].caveats) for part in (one, other)]
    nobody = any("only" in part.grades[0].caveats for part in (one, other)) and not joined.releasable_to
    if nobody or (all(demands) and not frozenset.intersection(*demands)):
        with pytest.raises(RefusedError, match="would protect less"):
            confidentiality_of(joined, POLICIES)
        return
    (written,) = confidentiality_of(joined, POLICIES)
    again = label_of(written, POLICIES)
    for part in (one, other):
        assert again.grades[0].classification >= part.grades[0].classification
        assert again.releasable_to <= part.releasable_to
        for name in ("Guard", "Desk"):
            assert TAGS[name].borne(again.grades[0].caveats) >= TAGS[name].borne(part.grades[0].caveats)
        asked = TAGS["Group"].borne(part.grades[0].caveats)
        assert not asked or TAGS["Group"].borne(again.grades[0].caveats) <= asked
    assert marking(joined, POLICIES) == marking(again, POLICIES)


PLAIN = st.builds(
    Label,
    grades=st.lists(
        st.builds(Grade, st.sampled_from(sorted(BUNDLED)), st.integers(0, 4), st.frozensets(st.sampled_from(["eyes", "nofax"]))),
        min_size=1, max_size=3, unique_by=lambda grade: grade.policy,
    ).map(lambda found: tuple(sorted(found))),
    originators=st.frozensets(st.sampled_from(["ind", "jpn"]), min_size=1),
    purposes=st.frozensets(st.sampled_from(["ops", "safety"])),
    releasable_to=st.frozensets(st.sampled_from(["ind", "jpn", "aus"])),
    review_by=st.none() | st.just("2030-01-01"),
)  # fmt: skip


@given(PLAIN, st.sampled_from(stanag4778.FORMS))
def test_there_and_back_is_the_same_label_in_every_binding(held: Label, form: str) -> None:
    written = confidentiality_of(held, POLICIES, "2029-01-01T00:00:00Z")
    assert read_label(stanag4778.bind(written, b"<a>x</a>", form), POLICIES) == held


# --- what is refused --------------------------------------------------------------------------------------------------------------

FOUND = ConfidentialityLabel(policy="ARDEN", classification="OPEN")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"policy": "NEMO"}, "policy `NEMO` is not known"),
        ({"policy_uri": "urn:oid:2.999.8"}, "2.999.8"),
        ({"classification": "AJAR"}, "`AJAR`"),
        ({"privacy_marks": ("HUSH",)}, "HUSH"),
        ({"categories": (Category("Guard", "RESTRICTIVE", ("FIRE",)),)}, "`FIRE`"),
        ({"categories": (Category("Guard", "PERMISSIVE", ("AIR",)),)}, "PERMISSIVE"),
        ({"categories": (Category("Guild", "RESTRICTIVE", ("AIR",)),)}, "Guild"),
        ({"categories": (Category("Guard", "RESTRICTIVE", ("DEEP WATER",)),)}, "may not stand with"),
        (
            {"categories": (Category("Only", "PERMISSIVE", ("JPN",)), Category("Releasable To", "PERMISSIVE", ("IND",)))},
            "two categories",
        ),
        ({"review_at": "soon"}, "review instant"),
        ({"policy": "tlp.v2", "classification": "TLP:RED"}, "--originator"),
        (
            {"policy": "ind.example.v1", "classification": "SECRET", "categories": (Category("Guard", "RESTRICTIVE", ("x",)),)},
            "Guard",
        ),
    ],
)  # fmt: skip
def test_what_is_not_known_refuses_the_label(changed: dict[str, object], why: str) -> None:
    with pytest.raises(RecordError, match=why):
        label_of(replace(FOUND, **changed), POLICIES)  # type: ignore[arg-type] # one changed field of several types


@pytest.mark.parametrize(
    "held",
    [
        label(ARDEN, 0, originator="arden", releasable_to=("usa",)),
        label(ARDEN, 0, originator="arden", purposes=("ops",)),
        label(ARDEN, 0, originator="arden", caveats=("guard:fire",)),
        label(ARDEN, 0, originator="arden", caveats=("only",)),
        label(ARDEN, 0, originator="arden", caveats=("group:red", "group:blue")),
        label(ARDEN, 1, originator="arden"),
        label("usa.v1", 0, originator="usa"),
    ],
)
def test_what_the_other_form_cannot_say_is_not_written(held: Label) -> None:
    with pytest.raises(RefusedError):
        confidentiality_of(held, POLICIES)


def test_what_a_policy_does_not_know_is_marked_so() -> None:
    strange = label(ARDEN, 0, originator="arden", releasable_to=("usa",), caveats=("guard:fire", "hush"))
    text = marking(strange, POLICIES)
    assert text.count("HIGHEST GRADE") == 3
    assert "最高区分" in marking(strange, POLICIES, "ja")
    joined = join(strange, label("ind.example.v1", 1, originator="ind", releasable_to=("usa",)))
    assert "//REL TO USA//" in marking(joined, POLICIES)


def test_a_policy_given_twice_and_a_file_that_is_none_are_named() -> None:
    data = (OWN / "policy.xml").read_bytes()
    with pytest.raises(RecordError, match=r"b\.xml: policy `urn:oid:2.999.7.1` is given twice"):
        read_policies([("a.xml", data), ("b.xml", data)])
    with pytest.raises(RecordError, match=r"c\.xml: .*no policy file"):
        read_policies([("c.xml", stanag4774.write(FOUND))])


def test_a_policy_with_a_name_for_nobody_or_beyond_the_scale_is_refused() -> None:
    text = (OWN / "policy.xml").read_text(encoding="utf-8")
    for old, new in (
        ('hierarchy="3"', 'hierarchy="16"'),
        ('id="2.999.7.1"', 'id="A B"'),
        ('name="AIR"', 'name="DEEP-WATER"'),
    ):
        with pytest.raises(RecordError):
            read_policies([("p.xml", text.replace(old, new).encode())])
    assert policy_of.__doc__


# --- the traffic light --------------------------------------------------------------------------------------------------------------


def test_a_traffic_light_is_marked_alike_in_every_language_and_translates_by_agreement_alone() -> None:
    held = label("tlp.v2", 3, originator="jpn", releasable_to=("ind",))
    for language in ("en", "ja", "hi"):
        assert marking(held, language=language).startswith("TLP:AMBER+STRICT//")
    assert [TLP_V2.name(level, "ja") for level in range(6)] == [
        "TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED", "",
    ]  # fmt: skip
    table = EquivalenceTable(
        basis="example", id="tlp-ind", version="1", from_policy="tlp.v2", to_policy="ind.example.v1",
        rows=(EquivalenceRow(from_level=2, to_levels=(1,)), EquivalenceRow(from_level=3, to_levels=(1, 2))),
    )  # fmt: skip
    assert [table.translate(level) for level in range(5)] == [None, None, 1, 2, None]
    both = join(held, label("ind.example.v1", 2, originator="ind", releasable_to=("ind",)))
    assert marking(both).startswith("IND CONFIDENTIAL//TLP:AMBER+STRICT//REL TO IND//ORIGIN IND, JPN")
    assert dominates(both, held)
