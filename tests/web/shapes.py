"""Bodies for every class of record, made by the shape of its fields, with words and numbers that stand nowhere else."""

from __future__ import annotations

import hashlib
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from kizuna.kernel.record import Body, Withheld

FIRST_NUMBER = 870_000_000
"""From here on numbers are counted where a field takes so large a one: nothing else in a test's world is so large, but instants, which are larger."""


class Filler:
    """Fills classes; every text has the tag in it, every number that may be so large is one of its own."""

    def __init__(self, tag: str, first: int = FIRST_NUMBER) -> None:
        self.tag = tag
        self.first = first
        self.made = 0

    @property
    def numbers(self) -> range:
        """Every large number that was given."""
        return range(self.first, self.first + self.made + 1)

    def word(self) -> str:
        """Return a fresh text."""
        self.made += 1
        return f"{self.tag}{self.made:05d}"

    def body(self, kind: type[Body], /, **given: Any) -> Body:
        """Return a body of a class; `given` are fields that are said otherwise, where it has them."""
        hints = get_type_hints(kind, include_extras=True)
        chosen = {name: value for name, value in given.items() if name in kind.__struct_fields__}
        made = {name: self._value(hints[name]) for name in kind.__struct_fields__ if name not in chosen}
        return kind(**made, **chosen)

    def _value(self, hint: Any) -> Any:  # noqa: PLR0911 # one return for each kind of type
        origin, args = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._constrained(args[0], args[1])
        if origin is Literal:
            self.made += 1
            return args[self.made % len(args)]
        if origin is tuple:
            return (self._value(args[0]), self._value(args[0]))
        if origin in (UnionType, Union):
            told = [arg for arg in args if arg not in (Withheld, type(None), msgspec.UnsetType)]
            return self._value(told[0])
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            fields = get_type_hints(hint, include_extras=True)
            return hint(**{name: self._value(fields[name]) for name in hint.__struct_fields__})
        if hint is bool:
            return True
        return self._number(0, None) if hint is int else self.word()

    def _constrained(self, hint: Any, meta: msgspec.Meta) -> Any:
        if hint is int:
            most = meta.le if meta.le is not None else None if meta.lt is None else meta.lt - 1
            return self._number(int(meta.ge or 0), None if most is None else int(most))
        return self._value(hint) if meta.pattern is None else self._spelled(meta.pattern)

    def _number(self, least: int, most: int | None) -> int:
        self.made += 1
        number = self.first + self.made
        return number if most is None or number <= most else max(least, self.made % (most + 1))

    def _spelled(self, pattern: str) -> str:
        """Return a text of one of the patterns that records know."""
        word = self.word()
        spelled = {
            "[0-9a-f]{64}": hashlib.sha256(word.encode()).hexdigest(),
            "[0-9]{4}": f"20{31 + self.first % 50}-0{1 + self.made % 9}-1{self.made % 10}",
            "(0|[1-9]": f"{self.made}.25",
            "[A-Z]{3}": "XTS",
            "(?:mmsi": f"name:{word}",
            "[a-z]{2,3}": "ja",
        }
        return next(text for begin, text in spelled.items() if pattern.removeprefix(r"\A").startswith(begin))
