"""When positions end: by the node's own rules, and by the term of the agreement under which a partner released them.

What is decided here is which batches are to go; that it is journalled first, and what is then deleted, is the node's. Batches go by whole days, UTC,
so that a day's go together: by a rule of ours when the day that they were heard on lies so many days back, by a term, which is a limit, at the start
of the day on which it passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kizuna.kernel.intervals import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Rule(msgspec.Struct, frozen=True):
    """Positions end so many days after the day on which the last of their batch was heard; an empty word means any."""

    days: int
    party: str = ""
    source_kind: str = ""
    source: str = ""

    def meets(self, held: Held) -> bool:
        """Return whether the rule speaks of a batch."""
        asked = (self.party, self.source_kind, self.source)
        told = (held.party, held.source_kind, held.source)
        return all(wanted in {"", given} for wanted, given in zip(asked, told, strict=True))

    def text(self) -> str:
        """Return the rule as the journal and people read it."""
        of = "/".join(word or "any" for word in (self.party, self.source_kind, self.source))
        return f"settings, {of}: {self.days} days"


class Held(msgspec.Struct, frozen=True):
    """A batch that is held: whose, of which source, when it ends by its own window (0 where that is not known), and by an agreement."""

    record_id: str
    party: str
    source_kind: str
    source: str
    to_ms: int
    term_ms: int | None = None
    term: str = ""
    """The agreement, its provision and the days, where it has a term."""


class Ending(msgspec.Struct, frozen=True):
    """Batches of one source that end by one rule."""

    party: str
    source_kind: str
    source: str
    rule: str
    records: tuple[str, ...]


def endings(held: Iterable[Held], rules: Sequence[Rule], now_ms: int) -> list[Ending]:
    """Return what has ended by now, by source and rule.

    Of several rules the first that has ended a batch is named, the agreement's before our own. A batch whose window is not known ends by an
    agreement's term alone: by our own rules it is kept, for nobody can say how old it is.
    """
    found: dict[tuple[str, str, str, str], list[str]] = {}
    for each in held:
        rule = _ended_by(each, rules, now_ms)
        if rule:
            found.setdefault((each.party, each.source_kind, each.source, rule), []).append(each.record_id)
    return [Ending(*key, records=tuple(sorted(records))) for key, records in sorted(found.items())]


def _ended_by(held: Held, rules: Sequence[Rule], now_ms: int) -> str:
    today = now_ms // DAY_MS
    if held.term_ms is not None and held.term_ms // DAY_MS <= today:
        return held.term
    if not held.to_ms:
        return ""
    day_after = -(-held.to_ms // DAY_MS)
    return next((rule.text() for rule in rules if rule.meets(held) and day_after + rule.days <= today), "")
