"""Lines as people type them at a prompt: `1=300000 litre @31.5 !short` for a quantity, `1=0.7253` for a price."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from kizuna.domains.supply.numbers import wrong

_MEASURED = re.compile(
    r"\s*(?P<line>[0-9]{1,4})\s*=\s*(?P<quantity>[0-9.]{1,24})(?:\s+(?P<unit>[a-z][a-z0-9-]*))?(?:\s+@\s*(?P<degrees>-?[0-9.]{1,12}))?"
    r"(?:\s+!\s*(?P<code>[a-z-]+))?\s*",
    re.ASCII,
).fullmatch
_PRICED = re.compile(r"\s*(?P<line>[0-9]{1,4})\s*=\s*(?P<price>[0-9.]{1,24})\s*", re.ASCII).fullmatch


class Measured(msgspec.Struct, frozen=True):
    """A measured line; an empty unit means the order's own."""

    line_no: int
    quantity: str
    unit: str = ""
    temperature_c: str | None = None
    code: str = ""


def measured(texts: Iterable[str]) -> tuple[Measured, ...]:
    """Return measured lines.

    Raises:
        RefusedError: a text is not written so.
    """
    made = []
    for text in texts:
        found = _MEASURED(text)
        if found is None:
            wrong(
                "line", text, "it is line, quantity, unit, `@` degrees, `!` discrepancy", "write `1=300000 litre @31.5`"
            )
        made.append(
            Measured(int(found["line"]), found["quantity"], found["unit"] or "", found["degrees"], found["code"] or "")
        )
    return tuple(made)


def prices(texts: Iterable[str]) -> dict[int, str]:
    """Return the unit price of each line.

    Raises:
        RefusedError: a text is not written so, or a line stands twice.
    """
    made: dict[int, str] = {}
    for text in texts:
        found = _PRICED(text)
        if found is None or int(found["line"]) in made:
            wrong("price", text, "it is a line's number and its unit price, each line once", "write `1=0.7253`")
        made[int(found["line"])] = found["price"]
    return made
