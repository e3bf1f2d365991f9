"""Reading an article: what of it is text, what it repeats, and which events it reports. Pure; nothing of the text is kept by it.

Sentences are looked at one by one for a mechanism or an exercise, with ordinal, date and place beside it. Mentions of one event become one
proposal, which `kizuna.domains.claim.matching` joins to an event that is known. A person confirms; no language model is needed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from kizuna.domains.claim.rules import precision_of, weekday_day

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH = "|".join(_MONTHS) + "|" + "|".join(name[:3] for name in _MONTHS if name != "may")
_WORDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "inaugural")
_ORDINAL = rf"(?P<ordinal>\d{{1,3}}(?:st|nd|rd|th)?|{'|'.join(_WORDS)})"
_SPELLED = re.compile(
    rf"(?P<d>\d{{1,2}}) (?P<m>{_MONTH})\.?,? (?P<y>\d{{4}})|(?P<m2>{_MONTH})\.? (?P<d2>\d{{1,2}}), (?P<y2>\d{{4}})",
    re.IGNORECASE,
)
_HEADINGS = re.compile(
    r"(?:latest|related|more|popular|recommended|trending) (?:articles|news|stories|posts)|also read|read next",
    re.IGNORECASE,
)
_FURNITURE = re.compile(
    r"social icons|leave a (?:comment|reply)|exit mobile version|read more\b.*|click here.*|share (?:this|on)\b.*|advertisement|subscribe\b.*"
    r"|follow us\b.*|sign up\b.*|\d{1,4}|https?://\S+",
    re.IGNORECASE,
)  # fmt: skip
_ENDS = (".", "!", "?", '"', "'", ":")
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "`": "'", "\u201c": '"', "\u201d": '"', "\u2026": "..."})
"""Quotation marks come in many shapes; here they have one."""
_HEADLINE_CHARS = 110
_SAME = 0.7
_SHINGLE = 3
_MINISTERIAL = (
    r"(?<!foreign and )(?<!plus )defen[cs]e ministerial (?:meeting|dialogue|talks)"
    r"|(?:defen[cs]e minister\b(?=.*\b(?:met|held|talks)\b)(?=.*(?<!vice )(?:minister of defen[cs]e|defen[cs]e minister)))"
)
MECHANISMS: tuple[tuple[str, str], ...] = (
    ("quad-leaders-summit", r"quad leaders.{0,2} summit"),
    ("2plus2-ministerial", r"2\s?\+\s?2|two[- ]plus[- ]two"),
    ("defence-policy-dialogue", r"defen[cs]e policy dialogue"),
    ("joint-service-staff-talks", r"joint service staff talks"),
    ("coast-guard-high-level-meeting", r"coast guard high[- ]level meeting"),
    ("joint-working-group-equipment", r"joint working group on defen[cs]e equipment"),
    ("defence-industry-dialogue", r"defen[cs]e industry dialogue"),
    ("courtesy-call", r"called on (?:him|her|the defen[cs]e minister)"),
    ("defence-ministerial", _MINISTERIAL),
    (
        "annual-summit",
        r"(?<!g7 )(?<!g20 )(?<!quad )(?<!leaders )(?<!leaders' )\bsummit\b|\btalks\b(?=.*prime minister)",
    ),
)
"""How a text names the meetings that parties hold, by kind. What it says of somebody else's summits is not theirs."""
_NEXT = re.compile(r"\bnext (?:[\w'+-]+ ){0,3}$", re.IGNORECASE)
_EXERCISE = re.compile(r"\bexercises? ['\"]?(?P<name>[A-Z][\w-]+(?: [A-Z][\w-]+)*)")
_EDITION = re.compile(rf"\b{_ORDINAL} edition of (?:the )?(?:[\w'-]+ ){{0,4}}['\"]?$", re.IGNORECASE)
_PLACE = re.compile(r"\b(?:in|at|off) (?P<place>(?:New )?[A-Z][a-z]+)\b(?! India)")
_NO_PLACE = frozenset(
    {"India", "Japan", "Indo", "Indian", "Japanese", "Exercise", *(name.capitalize() for name in _MONTHS)}
)


class Paragraph(msgspec.Struct, frozen=True):
    """A paragraph of an article that is text of its own: its line, counted from 1."""

    line: int
    text: str


class Dropped(msgspec.Struct, frozen=True):
    """A line that was passed over: `why` is `boilerplate`, `headline`, `repeat` or `other article`; a repeat names the line that it repeats."""

    line: int
    why: str
    repeats: int = 0


class Mention(msgspec.Struct, frozen=True, kw_only=True):
    """One place where an article speaks of an event; what it does not say is None or empty. `date` is `YYYY`, `YYYY-MM` or `YYYY-MM-DD`."""

    kind: str
    line: int
    sentence: str
    ordinal: int | None = None
    date: str = ""
    place: str = ""


class Article(msgspec.Struct, frozen=True, kw_only=True):
    """What was read: the day of publication as far as known, the text's own paragraphs, what was dropped, and where events are spoken of."""

    published_on: str
    paragraphs: tuple[Paragraph, ...]
    dropped: tuple[Dropped, ...]
    mentions: tuple[Mention, ...]


def read(text: str, published_on: str = "", exercises: Iterable[tuple[str, str]] = ()) -> Article:
    """Return what an article says of events; `exercises` are names of exercises with their kind. A day given goes before one found in the text."""
    dated, lines = _dated(text.translate(_QUOTES).splitlines())
    published = published_on or dated
    paragraphs, dropped = _own_text(lines)
    names = {name.casefold(): kind for name, kind in exercises}
    mentions = [
        mention
        for paragraph in paragraphs
        for sentence in re.split(r"(?<=[.!?\"])\s+(?=[A-Z'\"])", paragraph.text)
        for mention in _mentions(paragraph.line, sentence, published, names)
    ]
    return Article(published_on=published, paragraphs=paragraphs, dropped=dropped, mentions=tuple(mentions))


def excerpt_sha256(text: str) -> str:
    """Return the hex digest of a passage, white space and quotation marks evened out: all that is kept of it."""
    return hashlib.sha256(" ".join(text.translate(_QUOTES).split()).encode()).hexdigest()


# --- text and what is not -----------------------------------------------------------------------------------------------------------


def _dated(lines: Sequence[str]) -> tuple[str, list[tuple[int, str]]]:
    """Return the day that a line of its own, or a mark `date ...` at the beginning, states, and the lines without it."""
    found, kept = "", []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        mark = re.match(r"date[: ]\s*(\d{4}-\d{2}-\d{2})\s*", text, re.IGNORECASE)
        whole = _spelled_date(text) if len(text) < 30 else ""  # noqa: PLR2004 # a date line is short
        if not found and mark is not None and precision_of(mark[1]) == "day":
            found, text = mark[1], text[mark.end() :]
        elif not found and whole:
            found, text = whole, ""
        kept.append((number, text))
    return found, kept


def _spelled_date(text: str) -> str:
    found = _SPELLED.fullmatch(text)
    if found is None:
        return text if precision_of(text) == "day" else ""
    return _iso(found["y"] or found["y2"], found["m"] or found["m2"], found["d"] or found["d2"])


def _iso(year: str, month: str, day: str = "") -> str:
    number = next(i for i, name in enumerate(_MONTHS, 1) if name.startswith(month.casefold()[:3]))
    made = f"{year}-{number:02}" + (f"-{int(day):02}" if day else "")
    return made if precision_of(made) != "unknown" else ""


def _own_text(lines: Sequence[tuple[int, str]]) -> tuple[tuple[Paragraph, ...], tuple[Dropped, ...]]:
    kept: list[Paragraph] = []
    seen: list[tuple[int, frozenset[str]]] = []
    dropped: list[Dropped] = []
    elsewhere = False
    for number, text in lines:
        if not text:
            continue
        elsewhere = elsewhere or (_HEADINGS.fullmatch(text.rstrip(":")) is not None and bool(kept))
        shingles = _shingles(text)
        twin = next((line for line, other in seen if _alike(shingles, other)), 0)
        seen.append((number, shingles))
        if elsewhere:
            dropped.append(Dropped(number, "other article", twin))
        elif _FURNITURE.fullmatch(text):
            dropped.append(Dropped(number, "boilerplate"))
        elif twin:
            dropped.append(Dropped(number, "repeat", twin))
        elif len(text) < _HEADLINE_CHARS and not text.endswith(_ENDS):
            dropped.append(Dropped(number, "headline"))
        else:
            kept.append(Paragraph(number, text))
    return tuple(kept), tuple(dropped)


def _shingles(text: str) -> frozenset[str]:
    words = re.findall(r"\w+", text.casefold())
    return frozenset(" ".join(words[i : i + _SHINGLE]) for i in range(max(1, len(words) - _SHINGLE + 1)))


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= _SAME * len(one | other)


# --- what a sentence says -----------------------------------------------------------------------------------------------------------


def _mentions(line: int, sentence: str, published: str, names: dict[str, str]) -> Iterator[Mention]:
    for kind, start, end in _named(sentence, names):
        before = sentence[:start]
        if _NEXT.search(before):
            continue  # one that is still to come is not the one that is reported
        ordinal = _EDITION.search(before) if kind.startswith("exercise-") else _ordinal_before(before)
        yield Mention(
            kind=kind, line=line, sentence=sentence, ordinal=_number(ordinal["ordinal"]) if ordinal else None,
            date=_date_near(sentence, start, published), place=_place(sentence, end),
        )  # fmt: skip


def _named(sentence: str, names: dict[str, str]) -> Iterator[tuple[str, int, int]]:
    for kind, pattern in MECHANISMS:
        found = re.search(pattern, sentence, re.IGNORECASE)
        if found is not None:
            yield kind, found.start(), found.end()
    told = set()
    for name, kind in names.items():
        found = re.search(rf"\b{re.escape(name)}\b", sentence, re.IGNORECASE)
        if found is not None and kind not in told:
            told.add(kind)
            yield kind, found.start(), found.end()
    for found in _EXERCISE.finditer(sentence):
        name = found["name"]
        if name.casefold() not in names and not any(known in name.casefold() for known in names):
            yield f"exercise-{'-'.join(name.casefold().split())}", found.start("name"), found.end()


def _ordinal_before(before: str) -> re.Match[str] | None:
    return re.search(rf"(?<![\w+]){_ORDINAL}(?:[ -][A-Za-z][\w'-]*){{0,3}}[ '\"]*$", before, re.IGNORECASE)


def _number(text: str) -> int:
    word = text.casefold()
    if word == "inaugural":
        return 1
    return _WORDS.index(word) + 1 if word in _WORDS else int(re.sub(r"\D", "", text))


_DATES: tuple[str, ...] = (
    r"(?P<iso>\d{4}-\d{2}-\d{2})",
    rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<m>{_MONTH}),? (?P<y>\d{{4}})",
    rf"(?P<m2>{_MONTH}) (?P<d2>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y2>\d{{4}})",
    rf"(?P<m3>{_MONTH}) (?:of )?(?P<y3>\d{{4}}|this year|last year)",
    r"(?P<weekday>monday|tuesday|wednesday|thursday|friday|saturday|sunday)",
    r"(?P<today>today|later in the day)",
    r"(?P<year>this year|last year)",
    r"in (?P<y4>(?:19|20)\d{2})",
)
_DATE = re.compile(r"\b(?:" + "|".join(_DATES) + r")\b", re.IGNORECASE)


def _date_near(sentence: str, start: int, published: str) -> str:
    """Return the most precise date that a sentence states, the nearest to a place in it where several are; empty where none can be told."""
    found = [
        (made, abs(match.start() - start)) for match in _DATE.finditer(sentence) if (made := _date_of(match, published))
    ]
    return min(found, key=lambda pair: (-len(pair[0]), pair[1]))[0] if found else ""


def _date_of(found: re.Match[str], published: str) -> str:
    year = published[:4]
    relative = {"this year": year, "last year": str(int(year) - 1) if year else ""}
    if found["iso"]:
        return found["iso"] if precision_of(found["iso"]) == "day" else ""
    if found["y"] or found["y2"]:
        return _iso(found["y"] or found["y2"], found["m"] or found["m2"], found["d"] or found["d2"])
    if found["y3"]:
        of = relative.get(found["y3"].casefold(), found["y3"])
        return _iso(of, found["m3"]) if of else ""
    if found["weekday"]:
        return weekday_day(found["weekday"], published) or ""
    if found["today"]:
        return published
    return found["y4"] or relative[found["year"].casefold()]


def _place(sentence: str, end: int) -> str:
    found = [
        (abs(match.start() - end), match["place"])
        for match in _PLACE.finditer(sentence)
        if match["place"] not in _NO_PLACE
    ]
    return min(found)[1] if found else ""
