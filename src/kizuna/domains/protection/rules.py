"""Names, days and persons of the register, and how long receipts and acknowledgements may take. Ours, and no state's regulation."""

from __future__ import annotations

import re
from typing import Any

from kizuna.errors import RefusedError
from kizuna.kernel.folding import person_of
from kizuna.kernel.label import is_date

ROLE = "security"
PURPOSE = "security"
ACKNOWLEDGE_REGRADE_DAYS = 14
ACKNOWLEDGE_COMPROMISE_DAYS = 1
MOST_COPIES = 200
_DOCUMENT = re.compile(r"[a-z][a-z0-9]{1,15}-[0-9]{4}-[0-9]{1,6}").fullmatch
_COMPROMISE = re.compile(r"[a-z][a-z0-9]{1,15}-[0-9]{4}-x[0-9]{1,4}").fullmatch


def copy_key(document: str, copy_no: int) -> str:
    """Return the name of a copy: its document's with its number, so that no copy has two."""
    return f"{document}-c{copy_no}"


def document_of(copy: str) -> str:
    """Return the document of a copy, or the empty string where the name is no copy's."""
    document, _, number = copy.rpartition("-c")
    return document if _DOCUMENT(document) and number.isdecimal() else ""


def check_document(name: str, party: str) -> None:
    """Accept the name of a document that a party registers.

    Raises:
        RefusedError: it is not written so, or begins with another party.
    """
    if not _DOCUMENT(name) or not name.startswith(f"{party}-"):
        raise RefusedError(
            f"`document`: `{name[:60]}` is no register number of `{party}`: write it like `{party}-2027-0001`"
        )


def check_compromise(name: str, party: str) -> None:
    """Accept the name of a report that a party opens; raises RefusedError as `check_document` does."""
    if not _COMPROMISE(name) or not name.startswith(f"{party}-"):
        raise RefusedError(f"`compromise`: `{name[:60]}` is no report of `{party}`: write it like `{party}-2027-x1`")


def is_compromise(name: str) -> bool:
    """Return whether a name is a report's."""
    return _COMPROMISE(name) is not None


def day_fault(value: Any, field: str) -> str:
    """Return what is wrong with a day, or nothing."""
    return "" if isinstance(value, str) and is_date(value) else f"`{field}` is no day: write it like `2027-03-31`"


def check_day(value: str, field: str) -> None:
    """Accept a day; raises RefusedError with what is wrong."""
    if fault := day_fault(value, field):
        raise RefusedError(fault)


def second_fault(actor: str, second: Any, field: str) -> str:
    """Return what is wrong with a second person beside an actor, or nothing."""
    people = [text for text in (actor, second) if isinstance(text, str) and text.startswith("officer:")]
    if len(people) == 2 and person_of(people[0]) != person_of(people[1]):  # noqa: PLR2004 # two persons
        return ""
    return f"`{field}` names no second person: two officers stand behind this, and one of them is another"
