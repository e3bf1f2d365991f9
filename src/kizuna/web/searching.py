"""What a reader finds, for page and interface alike: records through the index, agreements and the node's own alerts, each with where it leads.

The index passes over what is graded too high; here each record is asked again, as the page that it leads to would. A word that stands only in what
the reader may not see gives the answer of a word that nobody wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from urllib.parse import quote

import msgspec

from kizuna.kernel.instrument import Instrument
from kizuna.kernel.journal import Db
from kizuna.kernel.spelling import asked, words
from kizuna.node.held import seeking
from kizuna.node.held.seeking import Hit, Reader
from kizuna.web.access import Office
from kizuna.web.books import RunningNode
from kizuna.web.sight import Sight

MOST = 8
"""How many of a kind are shown beside the other kinds."""
MOST_OF_ONE = 50
"""How many of one kind a page has."""
MOST_CHARS = 200
_ID_CHARS = 8
_RECORD_CHARS = 64
_ALERTS = 2_000
AGREEMENTS, ALERTS, RECORDS, VESSELS = "instruments.agreement", "node.alert", "record", "maritime.vessel"


KIND_TITLES = {
    "claim": "Claims",
    "dialogue.commitment": "Commitments",
    "dialogue.document": "Documents exchanged",
    "dialogue.mechanism": "Mechanisms",
    "dialogue.meeting": "Meetings",
    "dialogue.milestone": "Milestones",
    "dialogue.minute": "Minutes of meetings",
    "dialogue.position": "Positions",
    "dialogue.roadmap": "Roadmap",
    "exercises.edition": "Exercises",
    "exercises.series": "Series of exercises",
    "instruments.life": "Agreements in the making",
    AGREEMENTS: "Agreements and provisions",
    "maritime.alert": "Alerts at sea",
    "maritime.event": "Events at sea",
    "maritime.identity": "Identities of vessels",
    "maritime.incident": "Incidents",
    "maritime.interest": "Vessels of interest",
    "maritime.note": "Notes on incidents",
    "maritime.request": "Requests for information",
    "maritime.rule": "Rules of the watch",
    VESSELS: "Vessels",
    ALERTS: "Alerts of this node",
    RECORDS: "Records",
    "protection.compromise": "Compromises",
    "protection.copy": "Copies",
    "supply.draft": "Drafts of orders",
    "supply.order": "Orders",
    "supply.terms": "Terms of supply",
    "training.course": "Courses",
    "training.evidence": "Evidence",
    "training.grant": "Grants",
    "training.industry": "Industry",
    "training.investment": "Investments",
    "training.pledge": "Pledges",
    "training.seat": "Seats at courses",
    "training.transaction": "Transactions",
}
"""What each kind of thing is called; one that is not named here is shown by its own name."""


class Found(msgspec.Struct, frozen=True):
    """A thing that was found, its page, and the record that says so, empty where it is none; `at_ms` is UTC, 0 where not known."""

    title: str
    path: str
    record: str
    issuer: str
    at_ms: int
    standing: str


class FoundGroup(msgspec.Struct, frozen=True):
    """Things of one kind, those that came last first; `more` tells whether there are others."""

    kind: str
    found: tuple[Found, ...]
    more: bool


@dataclass
class Search:
    """Looks for an officer; `sight` is None for a program, whose role alone decides."""

    office: Office
    node: RunningNode
    sight: Sight | None

    def find(self, question: str, kind: str = "", after: str = "") -> tuple[FoundGroup, ...]:
        """Return what a question finds, by kind; all of one kind from behind a record on where it is named."""
        question = question[:MOST_CHARS]
        kinds = seeking.kinds_in(self.office.node.core.world.domains)
        with self.node.store.view() as db:
            indexed = seeking.find(
                db, question, self._reader(), [each for each in kinds if kind in {"", each}],
                most=MOST_OF_ONE if kind else MOST, after=after if kind else "",
            )  # fmt: skip
            others = [
                *self._gathered(AGREEMENTS, self._agreements(asked(question)), kind),
                *self._gathered(ALERTS, self._alerts(db, asked(question)), kind),
                *self._gathered(RECORDS, self._records(db, question), kind),
            ]
        return (*(self._group(group) for group in indexed), *others)

    def _reader(self) -> Reader:
        if self.sight is None:
            return seeking.whoever_holds_the_store()
        return Reader(self.sight.clearance, self.sight.nationality if self.sight.foreign else "", self.sight.record)

    def _group(self, group: seeking.Group) -> FoundGroup:
        return FoundGroup(
            group.kind,
            tuple(
                Found(hit.title or hit.type, self._path(hit), hit.record, hit.issuer, hit.at_ms, hit.standing)
                for hit in group.hits
            ),
            group.more,
        )

    def _path(self, hit: Hit) -> str:
        """Return the page of a thing: its own where the reader may open it, else that of the record."""
        if hit.kind == VESSELS and hit.ref.isdigit():
            return f"/vessels/{hit.ref}"
        if hit.ref.startswith(f"{hit.kind}:") and self._whole(hit.ref):
            return f"/cases/{quote(hit.ref, safe='')}"
        return f"/records/{hit.record}"

    def _whole(self, case_id: str) -> bool:
        steps = self.node.store.query("SELECT record_id FROM case_step WHERE case_id = ?", (case_id,))
        return self.sight is None or self.sight.records(str(step) for (step,) in steps)

    def _gathered(self, name: str, found: Iterator[Found], kind: str) -> Iterator[FoundGroup]:
        if kind in {"", name}:
            most = MOST_OF_ONE if kind else MOST
            some = tuple(islice(found, most + 1))
            if some:
                yield FoundGroup(name, some[:most], len(some) > most)

    def _agreements(self, wanted: Sequence[bytes]) -> Iterator[Found]:
        """Yield agreements and their provisions; a person of another nation finds those to which that nation is a party."""
        for agreement in self.office.books.agreements(self.node) if wanted else ():
            made = agreement.instrument
            if self.sight is not None and self.sight.foreign and self.sight.nationality not in made.parties:
                continue
            path = f"/agreements/{quote(made.id, safe='')}"
            for title, text in _parts(made):
                if _has(_words(text), wanted):
                    yield Found(title, path, "", "", 0, "")

    def _alerts(self, db: Db, wanted: Sequence[bytes]) -> Iterator[Found]:
        rows = db.execute("SELECT at_ms, kind, channel, sentence FROM alert ORDER BY seq DESC LIMIT ?", (_ALERTS,))
        for at_ms, kind, channel, sentence in rows if wanted else ():
            if _has(_words(f"{kind} {channel} {sentence}"), wanted):
                yield Found(sentence, "/alerts", "", "", at_ms, "")

    def _records(self, db: Db, question: str) -> Iterator[Found]:
        """Yield the records whose id begins as asked."""
        begin = question.strip().lower()
        if not _ID_CHARS <= len(begin) <= _RECORD_CHARS or set(begin) - set("0123456789abcdef"):
            return
        rows = db.execute(
            "SELECT id, type, issuer, at_ms, standing FROM record WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?",
            (begin, begin.ljust(_RECORD_CHARS, "f"), MOST_OF_ONE),
        )
        for record_id, type_, issuer, at_ms, standing in rows:
            if self.sight is None or self.sight.record(record_id):
                yield Found(type_, f"/records/{record_id}", record_id, issuer, at_ms, standing)


def _parts(made: Instrument) -> Iterator[tuple[str, str]]:
    yield made.title, f"{made.title} {made.id} {made.kind} {' '.join(made.parties)}"
    for each in made.provisions:
        yield f"{made.title} · {each.id}", f"{each.id} {each.article} {each.text}"


@lru_cache(maxsize=8_192)
def _words(text: str) -> frozenset[bytes]:
    return frozenset(words(text))


def _has(held: frozenset[bytes], wanted: Sequence[bytes]) -> bool:
    return all(any(word.startswith(begin) for word in held) for begin in wanted)
