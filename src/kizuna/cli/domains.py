"""The commands of every domain, made from what it offers: `kizuna DOMAIN OPERATION` says something, `kizuna DOMAIN QUERY` shows something.

Each field of a request is an option; what no option can say (lists of lines, say) comes in a JSON file with `--body`. A field that holds a file's
content names the file.
"""

from __future__ import annotations

import inspect
import json
import sys
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import typer

from kizuna.cli.base import (
    CLOCK,
    CONFIG,
    Config,
    Json,
    emit,
    group,
    instant_ms,
    random,
    read_file,
    settings_of,
    table,
    write_file,
)
from kizuna.cli.reach import reach
from kizuna.cli.reading import reading
from kizuna.errors import RecordError
from kizuna.kernel.domain import Domain, tellers
from kizuna.kernel.operation import Asked, Document, LabelAsked, Operation, Query, Wanted
from kizuna.node.domains import DOMAINS
from kizuna.node.held.filling import kinds_of
from kizuna.node.offering import LABEL, Asker, FieldAsked, ask, fields, wanted

_BODY = Annotated[
    str, typer.Option("--body", metavar="FILE", help="A JSON file with the whole request, or - for standard input.")
]
_OUT = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where to write a document; its own name if not given.")
]


def names() -> list[str]:
    """Return the domains that have commands."""
    return [domain.name for domain in DOMAINS if domain.operations or domain.queries]


@cache
def group_of(name: str, shared: typer.Typer | None = None) -> typer.Typer:
    """Return the commands of a domain, added to those of `shared` where the two stand under one name."""
    domain = next(domain for domain in DOMAINS if domain.name == name)
    made = shared if shared is not None else group(name, _first_sentence(domain))
    for operation in domain.operations:
        made.command(operation.name, help=operation.text)(_operation(domain, operation))
    for query in domain.queries:
        made.command(query.name, help=query.text)(_query(DOMAINS, query))
    return made


def _first_sentence(domain: Domain) -> str:
    module = sys.modules[f"kizuna.domains.{domain.name}"]
    return (module.__doc__ or domain.name).partition("\n")[0]


# --- options ----------------------------------------------------------------------------------------------------------------------


def _option_type(field: FieldAsked) -> Any:
    """Return what the command line takes for a field, or None where only a body can say it."""
    bare = field.type
    if field.file:
        return Path | None
    if bare is int and field.name.endswith("_ms"):
        return str | None
    if bare in (str, int, bool):
        return bare | None
    if get_origin(bare) is Literal:
        return (int if all(isinstance(word, int) for word in get_args(bare)) else str) | None
    if get_origin(bare) is tuple and get_args(bare)[:1] == (str,):
        return list[str] | None
    return None


def _parameters(kind: type[msgspec.Struct]) -> list[inspect.Parameter]:
    made = []
    for name, field in fields(kind).items():
        taken = _option_type(field)
        if taken is None:
            continue
        bare, said = field.type, field.said
        flag = name.removesuffix("_ms").replace("_", "-")
        if get_origin(bare) is Literal:
            said = f"{said.rstrip('.')}: {', '.join(map(str, get_args(bare)))}."
        option = typer.Option(f"--{flag}/--no-{flag}" if bare is bool else f"--{flag}", help=said)
        made.append(_keyword(name, Annotated[taken, option], None))
    return made


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _label_parameters() -> list[inspect.Parameter]:
    def option(name: str, taken: Any, text: str) -> inspect.Parameter:
        return _keyword(
            f"label_{name}", Annotated[taken, typer.Option(f"--label-{name.replace('_', '-')}", help=text)], None
        )

    return [
        option("classification", int | None, "Grade the record so, in the desk's policy, instead of as usual."),
        option(
            "releasable_to",
            list[str] | None,
            "Let it go to this party instead of to whom it concerns; may be repeated.",
        ),
        option("purposes", list[str] | None, "For this purpose instead of the usual ones; may be repeated."),
        option("caveats", list[str] | None, "With this caveat; may be repeated."),
        option("review_by", str | None, "Denied to all from this day on, YYYY-MM-DD."),
    ]


def _given(kind: type[msgspec.Struct], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the options say, as a request's values."""
    found: dict[str, Any] = {}
    for name, field in fields(kind).items():
        value = values.get(name)
        if value is None or value == []:
            continue
        if field.file:
            data = read_file(value)
            found[name] = b64encode(data).decode() if field.type is bytes else _text(data, value)
        elif name.endswith("_ms") and isinstance(value, str):
            found[name] = instant_ms(value)
        else:
            found[name] = value
    label = {
        name: value for name in LabelAsked.__struct_fields__ if (value := values.get(f"label_{name}")) not in (None, [])
    }
    return found | ({LABEL: label} if label else {})


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecordError(f"{path}: is not UTF-8 text from byte {error.start} on: save it as UTF-8") from error


def _body(source: str) -> dict[str, Any]:
    if not source:
        return {}
    data = sys.stdin.buffer.read() if source == "-" else read_file(Path(source))
    try:
        found = json.loads(data)
    except ValueError as error:
        raise RecordError(f"{source}: is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise RecordError(f"{source}: holds no JSON object: write the request's fields in braces")
    return found


def request(kind: type[Asked], values: Mapping[str, Any], body: str) -> Asked:
    """Return a request out of a body file and options, which go before it.

    Raises:
        RecordError: a field is missing, unknown or does not fit.
        ConfigError: a file cannot be read.
    """
    try:
        return msgspec.convert({**_body(body), **_given(kind, values)}, kind)
    except msgspec.ValidationError as error:
        raise RecordError(f"{error}: give it as an option, or in the file of `--body`") from error


# --- commands ---------------------------------------------------------------------------------------------------------------------


def _operation(domain: Domain, operation: Operation) -> Any:
    def run(**values: Any) -> None:
        asked = request(operation.asks, values, values["body"])
        with reach(settings_of(values["config"])) as node:
            done = node.operate(domain.name, operation.name, asked)
        emit(done, json_wanted=values["json"], lines=_told(done))

    own = [*_parameters(operation.asks), *_label_parameters(), _keyword("body", _BODY, "")]
    return _with_signature(run, own)


def _query(domains: Sequence[Domain], query: Query) -> Any:
    def run(**values: Any) -> None:
        asked = wanted(query, [(name, _spelled(value)) for name, value in _given(query.asks, values).items()])
        found = _ask(domains, query, asked, values["config"])
        if isinstance(found, Document):
            path = values["out"] or Path(found.name)
            write_file(path, found.data, replace=values["out"] is not None)
            result: Any = {"bytes": len(found.data), "file": str(path), "media_type": found.media_type}
        else:
            result = msgspec.to_builtins(found)
        shown = result if isinstance(result, dict) else {"rows": result}
        emit(shown, json_wanted=values["json"], lines=lines(result))

    return _with_signature(run, [*_parameters(query.asks), _keyword("out", _OUT, None)])


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _ask(domains: Sequence[Domain], query: Query, asked: Wanted, config: Path) -> Any:
    with reading(settings_of(config)) as node:
        asker = Asker(
            now_ms=CLOCK.now_ms(), party=node.identity.party, actor="officer:local:administrator",
            kinds=kinds_of(domains), agreements=node.agreements, random=random, tellers=tellers(domains),
        )  # fmt: skip
        return ask(node.store, query, asked, asker)


def _with_signature(run: Any, own: list[inspect.Parameter]) -> Any:
    shared = [_keyword("config", Config, CONFIG), _keyword("json", Json, default=False)]
    run.__signature__ = inspect.Signature([*own, *shared])
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *shared)}
    return run


def _told(done: dict[str, Any]) -> list[Any]:
    said = [
        line
        for each in done["said"]
        for line in (
            f"said {each['record'][:16]}"
            + (f", goes to {', '.join(_reader(name) for name in each['due'])}" if each["due"] else ""),
            *(f"  stays from {party}: {reason}" for party, reason in each["withheld"]),
        )
    ]
    return [*(said if len(said) <= _MOST_LINES else [f"{len(done['said'])} records said"]), *lines(done["told"])]


_MOST_LINES = 40


def _reader(channel: str) -> str:
    return channel.rpartition("/to/")[2]


def lines(value: Any) -> list[Any]:
    """Return what was found as lines and tables for people."""
    if isinstance(value, Mapping):
        plain = [f"{name}: {_cell(each)}" for name, each in value.items() if not _is_rows(each)]
        rows = [part for name, each in value.items() if _is_rows(each) for part in (f"{name}:", *lines(each))]
        return [*plain, *rows]
    if _is_rows(value):
        columns = list(dict.fromkeys(name for row in value for name in row))
        return [table(*columns, rows=[[_cell(row.get(name)) for name in columns] for row in value])]
    return [_cell(each) for each in value] if isinstance(value, list | tuple) else [_cell(value)]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str | int | float):
        return str(value)
    return ", ".join(map(_cell, value)) if _is_plain(value) else json.dumps(value, ensure_ascii=False)


def _is_plain(value: Any) -> bool:
    return (
        isinstance(value, Iterable)
        and not isinstance(value, Mapping)
        and all(isinstance(each, str | int) for each in value)
    )
