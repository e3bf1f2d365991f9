"""What a rule can look for: one table of the kinds, with the events that each takes and what it tells an officer."""

from __future__ import annotations

from typing import NamedTuple, get_args

from kizuna.domains.maritime.watchlog.records import RuleKind


class KindOfRule(NamedTuple):
    """`events` are the kinds of events that it takes, none where it looks at reports itself; `lasts` says whether its finding has a length."""

    text: str
    events: tuple[str, ...] = ()
    lasts: bool = False


KINDS: dict[RuleKind, KindOfRule] = {
    "area": KindOfRule("A vessel enters an area.", ("area-entry",)),
    "clash": KindOfRule("Two ships use one number at once.", ("identity-clash",), lasts=True),
    "disabling": KindOfRule(
        "A vessel falls silent for half a day, far out, as if its transponder had been switched off.",
        ("disabling-suspected",),
        lasts=True,
    ),
    "gap": KindOfRule("A vessel is no longer heard, though its feed is.", ("gap",), lasts=True),
    "identity": KindOfRule("A vessel changes its name, IMO number or call sign."),
    "impossible-move": KindOfRule(
        "A vessel moves as no ship does, or is put on land.", ("impossible-speed", "impossible-turn", "on-land")
    ),
    "interference": KindOfRule("Several vessels jump at once, as where GNSS is disturbed.", ("simultaneous-jumps",)),
    "loitering": KindOfRule("A vessel hardly moves for hours, far from the shore.", ("loitering",), lasts=True),
    "meeting": KindOfRule("Two vessels lie side by side for hours.", ("encounter",), lasts=True),
    "port-visit": KindOfRule("A vessel calls at a port or an anchorage.", ("port-visit",), lasts=True),
    "speed": KindOfRule("A vessel is faster than a limit."),
    "vessel-of-interest": KindOfRule("A vessel that somebody holds to be of interest is seen."),
}
OF_EVENTS = frozenset(name for name, kind in KINDS.items() if kind.events)
"""Kinds that look at events."""
if set(KINDS) != set(get_args(RuleKind)):
    raise TypeError("the table of kinds of rules and the words of the records differ")
