"""Every text that pages show, as the code and the templates name it: what the catalogue must know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import jinja2
import msgspec
from jinja2.ext import babel_extract

from kizuna.domains.exercises.measures import FORMULAS
from kizuna.kernel.domain import Domain
from kizuna.node import offering
from kizuna.web import forms, searching
from kizuna.web.errors import STATUSES
from kizuna.web.pages import compare as pages_compare
from kizuna.web.pages import index, liaison, page
from kizuna.web.pages.desk import first_sentence
from kizuna.web.shown import GRAVITY, title

SOURCE = Path(page.__file__).parents[1]
TEMPLATES = sorted((SOURCE / "templates").glob("*.html"))
_IN_PYTHON = re.compile(r'words\(\s*"((?:[^"\\]|\\.)+)"')
_FACTS = re.compile(r"Error\(\s*\"([a-z][^\"{}]+)\"")


def templates() -> dict[str, set[str]]:
    """Return the texts of each template."""
    found = {}
    for path in TEMPLATES:
        with path.open("rb") as file:
            options = {"trim_blocks": "true", "lstrip_blocks": "true"}
            said = [
                message if isinstance(message, str | None) else message[0]
                for _, _, message, _ in babel_extract(file, ["_"], [], options)
            ]
            found[path.name] = {text for text in said if text}
    return found


def of_pages() -> set[str]:
    """Return the texts of the pages' frame, forms and code."""
    found = {text for texts in templates().values() for text in texts}
    found |= {task.title for task in index.TASKS} | set(page.ROLE_TITLES.values()) | set(page.PALETTES)
    found |= set(liaison.REASONS.values()) | {remedy for *_, remedy in STATUSES}
    found |= set(searching.KIND_TITLES.values()) | {text for pair in pages_compare.MEANT.values() for text in pair}
    found |= set(FORMULAS.values()) | set(GRAVITY.values())
    found |= {sentence for _, sentence in forms._SENTENCES} | set(forms._LABEL_TEXTS.values())
    for path in sorted((SOURCE / "pages").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        found |= set(_IN_PYTHON.findall(text)) | set(_FACTS.findall(text))
    for name in ("shown", "forms", "access"):
        text = (SOURCE / f"{name}.py").read_text(encoding="utf-8")
        found |= set(_IN_PYTHON.findall(text)) | set(_FACTS.findall(text))
    return found - {""}


def of_domain(domain: Domain) -> set[str]:
    """Return what a domain's desk shows of its operations and queries."""
    head, _, text = first_sentence(domain).partition(": ")
    found = {head, text}
    for offered in (*domain.operations, *domain.queries):
        found |= {offered.text, *_of_fields(offered.asks)}
    for query in domain.queries:
        found |= set(_of_shown(get_type_hints(query.run)["return"]))
    for kind in domain.cases:
        found |= set(kind.table.states) | {row.name for row in kind.table.transitions}
    return found - {""}


def _of_fields(kind: type) -> Iterator[str]:
    for name, field in offering.fields(kind).items():
        if name != "limit":
            yield title(name)
        if field.said != name.replace("_", " "):
            yield field.said
        if get_origin(field.type) is Literal:
            yield from (title(str(choice)) for choice in get_args(field.type))


def _of_shown(kind: Any) -> Iterator[str]:
    """Yield the names under which what a query returns is shown, whatever it is made of."""
    for part in get_args(kind):
        yield from _of_shown(part)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for name, part in get_type_hints(kind).items():
            yield title(name)
            yield from _of_shown(part)


def literal_text(path: Path) -> list[str]:
    """Return what of a template stands outside tags, comments and expressions: text that no catalogue sees."""
    text = path.read_text(encoding="utf-8")
    jinja2.Environment(autoescape=True).parse(text)
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "\0", text, flags=re.DOTALL)
    text = re.sub(r"<(script|style|code)\b.*?</\1>", "\0", text, flags=re.DOTALL)
    attributes = re.findall(r'\b(?:title|aria-label|placeholder|alt)="([^"\0]*[A-Za-z]{2}[^"]*)"', text)
    return [
        part.strip() for part in re.sub(r"<[^>]*>", "\0", text).split("\0") if re.search(r"[A-Za-z]{2}", part)
    ] + attributes
