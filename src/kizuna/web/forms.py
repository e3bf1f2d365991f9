"""Forms made from requests, and requests read from forms.

Each field of a request's struct becomes one that a browser can show: text, number, choice, instant, list, file, or a table of lines. What is sent
back is read strictly, as the interface reads JSON; what does not fit is said beside its field. What changes something carries the session's mark.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec
from litestar.datastructures import UploadFile

from kizuna.errors import RecordError
from kizuna.kernel.operation import LabelAsked
from kizuna.node.offering import LABEL, FieldAsked, fields
from kizuna.web.bodies import MAX_BODY_BYTES, Call
from kizuna.web.errors import NotYourRoleError, TooLargeError
from kizuna.web.sessions import Session
from kizuna.web.shown import title

T = TypeVar("T", bound=msgspec.Struct)
CSRF = "csrf"
LONG = 200
"""A text that may be longer than this is given room."""
MORE_LINES = "more-lines"
"""The button that adds empty lines to the tables of a form."""
_MOST_LINES = 200
_EMPTY_LINES = 2
_WRONG_AT = re.compile(r" - at `\$\.?([^`]*)`$")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?").fullmatch
_LABEL_TEXTS = {
    "classification": "Grade it so, in this desk's policy, instead of as usual",
    "releasable_to": "Let it go to these parties instead of to whom it concerns",
    "purposes": "For these purposes instead of the usual ones",
    "caveats": "With these caveats",
    "review_by": "Denied to all from this day on",
}
_SENTENCES = (
    ("missing required field", "this is needed"),
    ("of length >= 1", "this is needed"),
    ("of length", "this is too short or too long"),
    ("Expected `int` >=", "this number is too small or too large"),
    ("Expected `int` <=", "this number is too small or too large"),
    ("Expected `int", "a whole number is needed"),
    ("Invalid enum value", "choose one of the list"),
    ("matching regex", "this is not written as it should be"),
)


@dataclass(frozen=True)
class Field:
    """A field as a template shows it."""

    name: str
    title: str
    hint: str
    kind: Literal["text", "long", "number", "choice", "check", "instant", "day", "lines", "file", "json", "table"]
    needed: bool = False
    choices: tuple[str, ...] = ()
    value: Any = ""
    wrong: str = ""
    limits: Mapping[str, int] = field(default_factory=dict)
    columns: tuple[Field, ...] = ()
    """The fields of a table's line."""
    rows: tuple[tuple[Field, ...], ...] = ()

    @property
    def id(self) -> str:
        """Its id in the page."""
        return f"field-{self.name.replace('.', '-')}"


@dataclass(frozen=True)
class Form:
    """A request's fields, those of its label, and what is wrong with the whole."""

    fields: tuple[Field, ...]
    label: tuple[Field, ...] = ()
    wrong: str = ""

    @property
    def uploads(self) -> bool:
        """Whether a field takes a file."""
        return any(each.kind == "file" for each in self.fields)


def form_of(
    kind: type[msgspec.Struct],
    given: Mapping[str, str] = {},
    *,
    wrong: Mapping[str, str] | None = None,
    labelled: bool = False,
) -> Form:
    """Return the form of a request, filled with what was given, with what is wrong beside its field."""
    faults = dict(wrong or {})
    made = tuple(_field(each, given, faults) for each in fields(kind).values())
    label = tuple(_label_field(each, given, faults) for each in fields(LabelAsked).values()) if labelled else ()
    known = {each.name for each in (*made, *label)}
    rest = "; ".join(text for name, text in faults.items() if name not in known)
    return Form(made, label, rest)


def _field(asked: FieldAsked, given: Mapping[str, str], faults: Mapping[str, str], prefix: str = "") -> Field:
    name = prefix + asked.name
    kind, choices = _kind(asked)
    made = Field(
        name=name, title=title(asked.name), hint="" if asked.said == asked.name.replace("_", " ") else asked.said, kind=kind,
        needed=asked.needed, choices=choices, value=given.get(name, "" if given else _spelled(asked)),
        wrong=faults.get(name, ""), limits=_limits(asked.meta),
    )  # fmt: skip
    return _tabled(made, asked, given, faults) if kind == "table" else made


def _label_field(asked: FieldAsked, given: Mapping[str, str], faults: Mapping[str, str]) -> Field:
    made = _field(asked, given, faults, f"{LABEL}.")
    kind = "day" if asked.name == "review_by" else made.kind
    return replace(made, hint=_LABEL_TEXTS[asked.name], kind=kind)


def _tabled(made: Field, asked: FieldAsked, given: Mapping[str, str], faults: Mapping[str, str]) -> Field:
    line = fields(get_args(asked.type)[0])
    filled = [
        number for number in range(_MOST_LINES) if any(given.get(f"{made.name}.{number}.{name}") for name in line)
    ]
    count = max(filled, default=-1) + 1 + _EMPTY_LINES
    rows = tuple(
        tuple(_field(each, given or {"": ""}, faults, f"{made.name}.{number}.") for each in line.values())
        for number in range(count)
    )
    return replace(made, rows=rows, columns=rows[0])


def _kind(asked: FieldAsked) -> tuple[Any, tuple[str, ...]]:  # noqa: PLR0911 # one return for each kind of field
    bare, name = asked.type, asked.name
    long = asked.meta is None or asked.meta.max_length is None or asked.meta.max_length > LONG
    if asked.file:
        return "file", ()
    if bare is bool:
        return "check", ()
    if get_origin(bare) is Literal:
        return "choice", tuple(map(str, get_args(bare)))
    if bare is int:
        return ("instant" if name.endswith("_ms") else "number"), ()
    if bare is str:
        given_length = asked.meta is not None and asked.meta.max_length is not None
        return ("day" if name.endswith(("_on", "_day")) else "long" if long and given_length else "text"), ()
    if get_origin(bare) is tuple:
        part = get_args(bare)[0]
        if part is str:
            return "lines", ()
        if (
            isinstance(part, type)
            and issubclass(part, msgspec.Struct)
            and all(_simple(each) for each in fields(part).values())
        ):
            return "table", ()
    return "json", ()


def _simple(asked: FieldAsked) -> bool:
    return asked.type in (str, int, bool) or get_origin(asked.type) is Literal


def _limits(meta: msgspec.Meta | None) -> dict[str, int]:
    names = {"min": "ge", "max": "le", "minlength": "min_length", "maxlength": "max_length"}
    found = {html: getattr(meta, name, None) for html, name in names.items()} if meta is not None else {}
    return {html: int(value) for html, value in found.items() if value is not None and value < 2**53}


def _spelled(asked: FieldAsked) -> Any:
    value = asked.default
    if (
        value is None
        or value in ("", (), [])
        or (isinstance(value, int) and not isinstance(value, bool) and value >= 2**53)
    ):
        return ""
    if isinstance(value, bool):
        return "true" if value else ""
    return "\n".join(map(str, value)) if isinstance(value, tuple) else str(value)


# --- reading ----------------------------------------------------------------------------------------------------------------------


async def read_fields(request: Call, limit: int = 2 * MAX_BODY_BYTES) -> dict[str, str]:
    """Return what a form of ours sent, by name, where it is no larger than `limit` bytes; files as their base64, lists line by line.

    Raises:
        NotYourRoleError: the form was not made for this session.
        RecordError: a name stands twice that may not.
        TooLargeError: it is larger than any form of ours.
    """
    if int(request.headers.get("content-length", "0") or 0) > limit:
        raise TooLargeError(f"the form has more than {limit} bytes")
    given: dict[str, str] = {}
    for name, value in (await request.form()).multi_items():
        text = (
            b64encode(await value.read()).decode()
            if isinstance(value, UploadFile)
            else str(value).replace("\r\n", "\n")
        )
        if name in given and text != given[name]:
            raise RecordError(f"`{name[:40]}` stands twice: say each thing once")
        given[name] = text
    session: Session | None = request.state.session
    if session is not None and not session.vouches(given.pop(CSRF, "")):
        raise NotYourRoleError("this form was made for another session: open the page again")
    return given


def request_of(kind: type[T], given: Mapping[str, str]) -> tuple[T | None, dict[str, str]]:
    """Return the request that a form's fields say, or None and what is wrong by the field's name."""
    values: dict[str, Any] = {}
    for name, asked in fields(kind).items():
        try:
            value = _value(asked, given, name)
        except ValueError as error:
            return None, {name: str(error)}
        if value is not None:
            values[name] = value
    label = {name: _value(asked, given, f"{LABEL}.{name}") for name, asked in fields(LabelAsked).items()}
    if any(value is not None for value in label.values()):
        values[LABEL] = {name: value for name, value in label.items() if value is not None}
    try:
        return msgspec.convert(values, kind), {}
    except msgspec.ValidationError as error:
        return None, _faults(str(error), kind)


def _value(asked: FieldAsked, given: Mapping[str, str], name: str) -> Any:  # noqa: PLR0911 # the same
    """Return what a field says, None where it says nothing.

    Raises:
        ValueError: it is not written as such a field is.
    """
    kind, _ = _kind(asked)
    if kind == "table":
        return _lines(asked, given, name)
    text = given.get(name, "").strip()
    if kind == "check":
        return True if text else (False if asked.needed or asked.default else None)
    if not text:
        return None
    if kind == "number":
        return _whole(text)
    if kind == "instant":
        return _instant_ms(text)
    if kind == "lines":
        return tuple(line.strip() for line in text.split("\n") if line.strip())
    if kind == "file" and asked.type is str:
        return b64decode(text).decode("utf-8-sig")
    if kind == "json":
        return json.loads(text)
    return text


def _lines(asked: FieldAsked, given: Mapping[str, str], name: str) -> tuple[dict[str, Any], ...] | None:
    line = fields(get_args(asked.type)[0])
    found = []
    for number in range(_MOST_LINES):
        prefix = f"{name}.{number}."
        if any(given.get(prefix + each, "").strip() for each in line):
            values = {each: _value(part, given, prefix + each) for each, part in line.items()}
            found.append({each: value for each, value in values.items() if value is not None})
    return tuple(found) or None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number is needed") from None


def _instant_ms(text: str) -> int:
    if not _TIME(text):
        raise ValueError("an instant is written like 2026-09-14 06:30, in UTC")
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        raise ValueError("there is no such instant") from None


def _faults(message: str, kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return a message of the decoder by the field that it is about, in a sentence of ours where we have one."""
    found = _WRONG_AT.search(message)
    said = _WRONG_AT.sub("", message)
    name = re.sub(r"\[(\d+)\]", r".\1", found[1]) if found is not None else ""
    missing = re.search(r"missing required field `([^`]*)`", said)
    if missing is not None:
        name = f"{name}.{missing[1]}".strip(".")
    sentence = next((ours for theirs, ours in _SENTENCES if theirs in said), said)
    top = name.partition(".")[0]
    listed = fields(kind).get(top)
    return {(top if listed is not None and _kind(listed)[0] == "lines" else name): sentence}


def kept(given: Mapping[str, str], but: Iterable[str] = ()) -> dict[str, str]:
    """Return the fields that say something, without some."""
    left = frozenset(but)
    return {name: text for name, text in given.items() if text and name not in left}


def page_of(rows: Sequence[Any], page: int, size: int) -> tuple[Sequence[Any], bool]:
    """Return the rows of one page, from 0, and whether more follow."""
    return rows[page * size : (page + 1) * size], len(rows) > (page + 1) * size
