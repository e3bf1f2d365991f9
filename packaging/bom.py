# ruff: noqa: INP001 # a script that is run by its path
"""The software bill of materials of what runs (CycloneDX 1.6), out of the hash lock and of what is installed; and a check of its licences.

    python packaging/bom.py --check          every locked package has a permissive licence
    python packaging/bom.py build/bom.json   write the bill

Nothing is asked of any network. A package that no platform of ours installs is listed by its pin alone. What a package is under is said by its own
metadata and judged by the list below; what stands on no list fails the check, and a person decides.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from uuid import UUID, uuid5

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from license_expression import ExpressionError, LicenseSymbol, get_spdx_licensing
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PERMISSIVE = frozenset({
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "PSF-2.0",
    "Python-2.0", "Unlicense", "Zlib",
})  # fmt: skip
WORDS = {
    "Apache 2.0": "Apache-2.0", "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0", "BSD": "BSD-3-Clause", "BSD License": "BSD-3-Clause",
    "ISC License": "ISC", "ISC License (ISCL)": "ISC", "MIT License": "MIT", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0", "Python Software Foundation License": "PSF-2.0",
}  # fmt: skip
"""How metadata that knows no SPDX names what it means."""
REASONED = {
    "apsw": ("any-OSI", "its author lets everybody choose any licence that the OSI has approved: we choose MIT"),
    "certifi": (
        "MPL-2.0",
        "copyleft of its own files alone: a list of certificates, installed as it is and never changed",
    ),
    "pathspec": ("MPL-2.0", "copyleft of its own files alone: used while building, not while running"),
}
"""Licences that are on no list, each with why it is taken all the same."""
_BOM = UUID("5f0f2e3c-9e0e-5b39-9a0d-6f5d0c6d9d11")
_SPDX = get_spdx_licensing()
_MIT_TEXT = "MIT License"


@dataclass(frozen=True)
class Package:
    """A locked package: its pin, the digests of its files, and the licence that its own metadata states, empty where it is not installed."""

    name: str
    version: str
    sha256: tuple[str, ...]
    licence: str


def packages(lock: Path) -> Iterator[Package]:
    """Yield what a lock pins; of several pins of one name by platform each."""
    for line in lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        requirement, *digests = line.split("--hash=sha256:")
        parsed = Requirement(requirement)
        (pin,) = parsed.specifier
        yield Package(parsed.name, pin.version, tuple(digest.strip() for digest in digests), licence_of(parsed.name))


def licence_of(name: str) -> str:
    """Return the licence that an installed package states, in SPDX where that can be told; empty where it is not installed."""
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return ""
    if found.get("License-Expression"):
        return found["License-Expression"]
    text = (
        (found.get("License") or "").strip().removeprefix("UNKNOWN")
    )  # what old build tools write where nothing is said
    named = [WORDS.get(each, each) for each in _classified(found.get_all("Classifier") or ())]
    if text.startswith(_MIT_TEXT):
        return "MIT"
    return WORDS.get(text, text) if text and "\n" not in text else " OR ".join(sorted(set(named)))


def _classified(classifiers: Iterable[str]) -> Iterator[str]:
    return (each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::"))


def is_permissive(expression: str) -> bool:
    """Return whether every choice that an expression forces on us is on the list."""
    try:
        parsed = _SPDX.parse(expression)
    except ExpressionError:
        return False
    return parsed is not None and _permitted(parsed)


def _permitted(parsed: object) -> bool:
    arguments = getattr(parsed, "args", ())
    if isinstance(parsed, LicenseSymbol) or not arguments:
        return str(parsed) in PERMISSIVE
    judged = [_permitted(each) for each in arguments]
    return any(judged) if type(parsed).__name__ == "OR" else all(judged)


def faults(found: Iterable[Package]) -> list[str]:
    """Return what is wrong with the licences of packages, one sentence each."""
    wrong = []
    for each in found:
        expected, _ = REASONED.get(each.name, ("", ""))
        if each.licence and each.licence != expected and not is_permissive(each.licence):
            stated = " ".join(each.licence.split())[:80]
            wrong.append(f"`{each.name}` is under `{stated}`, which is on no list: leave it out, or give a reason")
    return wrong


def bill(lock: Path) -> str:
    """Return the bill of what a lock pins, CycloneDX 1.6 as JSON; the same lock and licences give the same bytes."""
    serial = uuid5(_BOM, sha256(lock.read_bytes()).hexdigest())
    made = Bom(components=[_component(each) for each in packages(lock)], serial_number=serial)
    made.metadata.component = root = Component(name="kizuna", type=ComponentType.APPLICATION, bom_ref="kizuna")
    made.register_dependency(root, [each for each in made.components if each.name in direct()])
    made.metadata.timestamp = None  # type: ignore[assignment] # a bill says what is in, not when somebody asked
    return JsonV1Dot6(made).output_as_string(indent=2) + "\n"


def direct() -> frozenset[str]:
    """Return the packages that the project itself asks for while running, by canonical name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return frozenset(canonicalize_name(Requirement(text).name) for text in project["dependencies"])


def _component(found: Package) -> Component:
    known = found.licence and is_permissive(found.licence)
    licences = (
        [LicenseExpression(found.licence)]
        if known
        else [DisjunctiveLicense(name=found.licence or "not installed here")]
    )
    return Component(
        name=found.name,
        version=found.version,
        bom_ref=f"{found.name}@{found.version}",
        purl=PackageURL("pypi", name=found.name, version=found.version),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in found.sha256],
        licenses=licences,
    )


def main(words: list[str]) -> int:
    """Check, or write the bill where the one word says."""
    lock = ROOT / "locks" / "base.txt"
    wrong = faults(packages(lock))
    sys.stderr.writelines(f"{fault}\n" for fault in wrong)
    if wrong or words == ["--check"]:
        return bool(wrong)
    (out,) = words
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(bill(lock), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
