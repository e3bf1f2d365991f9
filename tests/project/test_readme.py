"""What the documents tell people to type exists, what they link to is there, and what can be set is documented."""

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

import kizuna
from kizuna import errors

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(p for top in ("docs", "src", "bench", "tests") for p in (ROOT / top).rglob("*.md"))]
)
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:kizuna|make) [a-z][^`]*)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TARGET = re.compile(r"^([a-z]+):.*## ", re.MULTILINE)


def typed(text: str) -> Iterator[list[str]]:
    """Yield the words of each command line that a document shows, in console blocks and in running text."""
    for block in CONSOLE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("$ "):
                yield shlex.split(line[2:], comments=True)
    for line in INLINE.findall(text):
        yield shlex.split(line)


def commands(program: str) -> list[Any]:
    """Return every showing of a program in the documents, as test parameters."""
    return [
        pytest.param(words, id=f"{path.relative_to(ROOT)}: {' '.join(words)}")
        for path in DOCUMENTS
        for words in typed(path.read_text(encoding="utf-8"))
        if words and Path(words[0]).name == program
    ]


@pytest.fixture(scope="module")
def command_line() -> Any:
    """Return the root of the command tree."""
    if find_spec("kizuna.cli.main") is None:
        pytest.skip("the command line is not here yet")
    return typer.main.get_command(import_module("kizuna.cli.main").app)


def fault(root: Any, words: list[str]) -> str:
    """Return what of a shown command line the command tree does not know; empty where all is well."""
    command = root
    rest = iter(words[1:])
    for word in rest:
        if word.startswith("-"):
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            if word.split("=")[0] not in known | {"--help", "--version"}:
                return f"`{command.name}` has no option `{word}`"
        elif hasattr(command, "get_command"):
            found = command.get_command(typer.Context(command), word)
            if found is None:
                return f"`{command.name}` has no command `{word}`"
            command = found
    return ""


@pytest.mark.parametrize("words", commands("kizuna"))
def test_each_shown_kizuna_command_exists(command_line: Any, words: list[str]) -> None:
    assert not fault(command_line, words)


@pytest.mark.parametrize("words", commands("make"))
def test_each_shown_make_target_exists(words: list[str]) -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    assert {word for word in words[1:] if "=" not in word} <= targets


def test_each_phony_target_explains_itself() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert set(TARGET.findall(makefile)) == set(phony.split())


def anchors(text: str) -> set[str]:
    """Return the fragment of each heading, as code forges make them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_each_relative_link_leads_somewhere(path: Path) -> None:
    dead = []
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, fragment = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (fragment and fragment not in anchors(target.read_text(encoding="utf-8"))):
            dead.append(link)
    assert not dead


def test_each_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    index = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert index == {path.name for path in folder.glob("[0-9]*.md")}


def test_the_change_log_names_this_version() -> None:
    assert f"## {kizuna.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def keys(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of each setting; sections are structs."""
    for field in msgspec.structs.fields(struct):
        name = f"{prefix}{field.encode_name}"
        sections = [t for t in msgspec_types(field.type) if isinstance(t, type) and issubclass(t, msgspec.Struct)]
        if sections:
            for section in sections:
                yield from keys(section, f"{name}.")
        else:
            yield name


def msgspec_types(annotation: Any) -> Iterator[Any]:
    """Yield a type and the types inside it: `tuple[Feed, ...]` gives Feed too."""
    yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from msgspec_types(inner)


def documented_settings() -> set[str]:
    """Return the first column of the settings table in docs/operations.md."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = text.partition("\n## Settings\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([a-z0-9_.]+)` \|", section, re.MULTILINE))


def test_each_setting_is_documented_and_each_documented_setting_exists() -> None:
    if find_spec("kizuna.node.settings") is None:
        pytest.skip("the node has no settings yet")
    assert set(keys(import_module("kizuna.node.settings").Settings)) == documented_settings()


def branches(error: type[errors.KizunaError]) -> Iterator[type[errors.KizunaError]]:
    """Yield an error class and all below it."""
    yield error
    for below in error.__subclasses__():
        yield from branches(below)


def documented_exit_codes() -> dict[str, int]:
    """Return the exit code of each error class in the table of docs/operations.md."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    return {name: int(code) for code, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.MULTILINE)}


def test_each_branch_of_the_error_tree_has_a_documented_exit_code_of_its_own() -> None:
    ours = {error.__name__ for error in branches(errors.KizunaError) if error.__module__ == errors.__name__}
    codes = documented_exit_codes()
    assert codes.keys() == ours
    assert len(set(codes.values())) == len(codes)


def test_the_command_line_exits_as_documented() -> None:
    if find_spec("kizuna.cli.exits") is None:
        pytest.skip("the command line has no exit codes yet")
    table = import_module("kizuna.cli.exits").EXIT_CODES
    assert {error.__name__: code for error, code in table.items()} == documented_exit_codes()


class _Part(msgspec.Struct):
    port: int


class _Whole(msgspec.Struct):
    name: str
    feeds: tuple[_Part, ...] = ()
    web: _Part | None = None


def test_settings_in_sections_are_found() -> None:
    assert set(keys(_Whole)) == {"name", "feeds.port", "web.port"}


def test_an_unknown_command_or_option_is_seen() -> None:
    app = typer.Typer()
    partner = typer.Typer()
    app.add_typer(partner, name="partner")

    @partner.command()
    def invite(*, json: bool = False) -> None: ...

    @partner.command("list")
    def list_() -> None: ...

    root = typer.main.get_command(app)
    assert not fault(root, ["kizuna", "partner", "invite", "--json"])
    assert "no command `invent`" in fault(root, ["kizuna", "partner", "invent"])
    assert "no option `--jsno`" in fault(root, ["kizuna", "partner", "list", "--jsno"])
    assert list(typed("```console\n$ kizuna partner \\\n  invite  # note\nshown\n```\nor `make test`")) == [
        ["kizuna", "partner", "invite"],
        ["make", "test"],
    ]
