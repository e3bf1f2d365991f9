"""What no review should have to look for."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FUNCTION = 60
LONGEST_FILE = 500

MACHINE_PATH = re.compile(r"/(?:work|farm|root|tmp|home|Users)/[A-Za-z]")
REGISTRY_HOST = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|index-url\s*=|\s--find-links")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b|NotImplementedError")
SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma:\s*no cover)")
REASONED = re.compile(
    r"# noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*\s+# \S+.*"  # a rule, then why
    r"|# type: ignore\[[a-z, -]+\]\s+# \S+.*"
)


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files that git knows of, or all files of a source archive."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT, capture_output=True, check=True,
        ).stdout.decode()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return tuple(path for name in sorted(listed.split("\0")) if name and (path := ROOT / name).is_file())


def text_of(path: Path) -> str:
    """Return the text of a file; empty where it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def shipped() -> list[Path]:
    """Return the tracked files outside tests."""
    return [path for path in tracked() if path.relative_to(ROOT).parts[0] != "tests"]


def sources() -> list[Path]:
    """Return our own Python modules."""
    return [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == "src"]


def findings(paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    """Return `file:line text` of each line that the pattern is found in."""
    return [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in paths
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_path_of_a_developers_machine_is_shipped() -> None:
    assert not findings(shipped(), MACHINE_PATH)


def test_no_package_registry_is_named() -> None:
    assert not findings(shipped(), REGISTRY_HOST)


def test_nothing_is_left_for_later() -> None:
    assert not findings([p for p in shipped() if p.suffix == ".py"], UNFINISHED)


def test_every_suppression_names_its_rule_and_its_reason() -> None:
    python = [p for p in tracked() if p.suffix == ".py" and p != Path(__file__)]
    assert not [line for line in findings(python, SUPPRESSION) if not REASONED.search(line)]


def test_files_are_short() -> None:
    lengths = {str(p.relative_to(ROOT)): len(text_of(p).splitlines()) for p in sources()}
    assert not {name: length for name, length in lengths.items() if length >= LONGEST_FILE}


def test_functions_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} {size}"
        for path in sources()
        for node in ast.walk(ast.parse(text_of(path)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or node.lineno) - node.lineno + 1) >= LONGEST_FUNCTION
    ]
    assert not long


def undocumented(tree: ast.Module) -> list[str]:
    """Return the public modules, classes and functions of a module without a docstring; inner functions are private."""
    missing = [] if ast.get_docstring(tree) else ["module"]
    waiting: list[ast.Module | ast.ClassDef] = [tree]
    while waiting:
        for node in waiting.pop().body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            overload = any(isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list)
            if not overload and not ast.get_docstring(node):
                missing.append(f"{node.lineno} {node.name}")
            if isinstance(node, ast.ClassDef):
                waiting.append(node)
    return missing


def test_everything_public_has_a_docstring() -> None:
    missing = {str(p.relative_to(ROOT)): undocumented(ast.parse(text_of(p))) for p in sources()}
    assert not {name: names for name, names in missing.items() if names}


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE_PATH, "open('/work/x')"),
        (REGISTRY_HOST, "from https://pypi.org/simple"),
        (UNFINISHED, "# TODO: later"),
        (SUPPRESSION, "x = 1  # noqa"),
        (SUPPRESSION, "x = 1  # type: ignore"),
    ],
)
def test_each_pattern_finds_what_it_is_for(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


@pytest.mark.parametrize(
    ("line", "reasoned"),
    [
        ("x = 1  # noqa", False),
        ("x = 1  # noqa: S101", False),
        ("x = 1  # type: ignore[arg-type]", False),
        ("x = 1  # noqa: S101 # checked above", True),
        ("x = 1  # noqa: S101, S603  # our own command", True),
        ("x = 1  # type: ignore[arg-type] # a dict of mixed values", True),
    ],
)
def test_a_suppression_without_rule_or_reason_is_seen(line: str, *, reasoned: bool) -> None:
    assert bool(REASONED.search(line)) is reasoned
