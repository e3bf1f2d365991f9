"""The lock files say what pyproject.toml asks for, by hash, and from nowhere in particular."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins(name: str) -> dict[str, set[str]]:
    """Return the versions that a lock pins, by canonical name; a name with markers may have several."""
    text = (ROOT / "locks" / f"{name}.txt").read_text(encoding="utf-8").replace("\\\n", " ")
    found = defaultdict(set)
    for line in text.splitlines():
        requirement, *hashes = line.split("--hash=sha256:")
        parsed = Requirement(requirement)
        assert hashes, f"`{requirement}` has no hash"
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest.strip()) for digest in hashes), requirement
        (pin,) = parsed.specifier
        assert pin.operator == "==", requirement
        found[canonicalize_name(parsed.name)].add(pin.version)
    return found


def unmet(lock: dict[str, set[str]], asked: Iterable[str]) -> list[str]:
    """Return what is asked for and not pinned to a version that would do."""
    requirements = [Requirement(text) for text in asked]
    return [
        str(wanted)
        for wanted in requirements
        if not (versions := lock.get(canonicalize_name(wanted.name), set()))
        or not all(wanted.specifier.contains(version, prereleases=True) for version in versions)
    ]


def test_base_lock_is_what_running_and_building_ask_for() -> None:
    asked = PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"]
    assert not unmet(pins("base"), asked)


APART = "spark"
"""The extra with a lock of its own, half a gigabyte: whoever wants it installs it, and its tests then run."""


def test_dev_lock_adds_tests_and_every_extra_but_one() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    together = [text for name, group in extras.items() if name != APART for text in group]
    assert not unmet(pins("dev"), PROJECT["dependency-groups"]["dev"] + together)
    assert unmet(pins("dev"), extras[APART])
    named = re.search(
        r"^EXTRAS := .*foreach extra,([a-z0-9 ]+),", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert named is not None
    assert {*named[1].split(), APART} == set(extras)


def test_the_lock_apart_adds_to_what_a_node_runs_on() -> None:
    assert not unmet(
        pins(APART), PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"][APART]
    )
    shared = pins("base").keys() & pins(APART).keys()
    assert not {name for name in shared if pins("base")[name] != pins(APART)[name]}


def test_dev_lock_holds_the_base_lock() -> None:
    dev = pins("dev")
    assert not {name: versions for name, versions in pins("base").items() if dev.get(name) != versions}


def test_a_user_without_extras_installs_none_of_them() -> None:
    extras = [text for group in PROJECT["project"]["optional-dependencies"].values() for text in group]
    tools = [canonicalize_name(Requirement(text).name) for text in PROJECT["dependency-groups"]["dev"] + extras]
    # hatchling, which builds us, brings packaging along
    assert not (set(tools) - {"packaging"}) & pins("base").keys()


def test_the_build_group_repeats_what_the_build_asks_for() -> None:
    assert PROJECT["dependency-groups"]["build"] == PROJECT["build-system"]["requires"]


@pytest.mark.parametrize("name", ["base", "dev", APART])
def test_a_lock_carries_no_address(name: str) -> None:
    text = (ROOT / "locks" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith(("-", "#"))]


def test_a_missing_or_stale_pin_is_seen() -> None:
    assert unmet({"rich": {"14.0"}}, ["rich>=15"]) == ["rich>=15"]
    assert unmet({}, ["rich"]) == ["rich"]
