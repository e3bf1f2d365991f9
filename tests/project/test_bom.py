"""The bill of materials says what the lock pins, and no package comes in under a licence that nobody has looked at."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def bom() -> ModuleType:
    """Return the tool, which is a script and no package of ours."""
    spec = importlib.util.spec_from_file_location("bom_of_kizuna", ROOT / "packaging" / "bom.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made  # dataclasses look their module up by name
    spec.loader.exec_module(made)
    return made


def test_every_package_that_runs_has_a_permissive_licence_or_a_reason(bom: ModuleType) -> None:
    found = list(bom.packages(ROOT / "locks" / "base.txt"))
    assert not bom.faults(found)
    held = {package.name: package.licence for package in found}
    for name, (licence, reason) in bom.REASONED.items():
        assert held[name] == licence, f"the reason for `{name}` is for another licence"
        assert reason


def test_the_bill_lists_every_pin_with_its_digests_and_is_the_same_each_time(bom: ModuleType) -> None:
    lock = ROOT / "locks" / "base.txt"
    text = bom.bill(lock)
    assert text == bom.bill(lock)
    made = json.loads(text)
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    pins = {(package.name, package.version): set(package.sha256) for package in bom.packages(lock)}
    assert {
        (each["name"], each["version"]): {digest["content"] for digest in each["hashes"]} for each in made["components"]
    } == pins


@pytest.mark.parametrize(
    ("licence", "right"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("LGPL-2.1-or-later", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("BSD-2-Clause AND Apache-2.0 WITH LLVM-exception", True),
        ("any-OSI", False),
        ("", False),
        ("(((", False),
    ],
)
def test_a_licence_is_judged_by_what_it_forces_on_us(bom: ModuleType, licence: str, right: bool) -> None:  # noqa: FBT001 # a case of the table
    assert bom.is_permissive(licence) is right


def test_a_package_under_another_licence_is_seen(bom: ModuleType) -> None:
    assert "`x` is under `GPL-3.0-only`" in bom.faults([bom.Package("x", "1", (), "GPL-3.0-only")])[0]
    assert not bom.faults([bom.Package("x", "1", (), "")])
