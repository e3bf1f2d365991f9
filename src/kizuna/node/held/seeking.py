"""The words of what is held, as rows, and who finds what by them: filled from the journal like all tables, and gone with the body of a record.

A domain says by `Seek` what of its records is looked for; steps of a case are found under the kind of their case by all that they say. Each row
bears the grade and the parties by which it is shown, so that what may not be seen is not looked through, not counted, and takes no time; whoever
shows a hit still asks the record itself. Words are found by how they begin, in any order, and all must be there.

What a thing is found by is kept once, however often records of it say the same under the same label: a ship names itself every few minutes. It stands
where its newest record does, and where that one goes, at the one before: each record that says the same names the one before it, so that nothing is
written but at the end, however many things there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from kizuna.kernel import labelled
from kizuna.kernel.domain import Domain, Fact, Seek
from kizuna.kernel.journal import Db
from kizuna.kernel.label import MAX_CLASSIFICATION
from kizuna.kernel.record import WITHHELD, Body
from kizuna.kernel.spelling import WORD_BYTES, asked, words
from kizuna.node.held.tables import Held, number_of

SCHEMA = (
    """CREATE TABLE sought (
        thing BYTES PRIMARY KEY, doc BIGINT NOT NULL, kind TEXT NOT NULL, ref TEXT NOT NULL, title TEXT NOT NULL, level BIGINT NOT NULL,
        parties TEXT NOT NULL) CLUSTERED""",
    "CREATE TABLE sought_again (doc BIGINT_KEY, thing BYTES NOT NULL, earlier BIGINT NOT NULL)",
    "CREATE INDEX sought_again_by_earlier ON sought_again (earlier) WHERE earlier <> 0",
    """CREATE TABLE sought_word (
        thing BYTES NOT NULL, word BYTES NOT NULL, kind TEXT NOT NULL, level BIGINT NOT NULL, PRIMARY KEY (thing, word)) CLUSTERED""",
    "CREATE INDEX sought_word_by_word ON sought_word (kind, word, thing, level)",
)
TABLES = ("sought", "sought_again", "sought_word")
TITLES = ("title", "name", "text", "question", "series", "description", "value", "reason", "remarks", "note")
"""What a record is called by, where its domain does not say: the first of these that it has."""
TITLE_CHARS = 160
_ANYBODY = "*"
_AT_ONCE = 64
_LOOKED_THROUGH = 40
_COUNTED = 2_000
_DIGEST_CHARS = 64
_THING_BYTES = 16
_PAST_ALL = b"\xff"
_END = 1 << 62


def sought_in(domains: Sequence[Domain]) -> dict[type[Body], Seek]:
    """Return what of which records is looked for: what domains say, and the steps of their cases."""
    found: dict[type[Body], Seek] = {}
    for domain in domains:
        for kind in domain.cases:
            opens = kind.opens if isinstance(kind.opens, tuple) else (kind.opens,)
            found |= dict.fromkeys((*kind.steps, *opens), Seek(kind=kind.name))
        found |= domain.sought
    return found


def kinds_in(domains: Sequence[Domain]) -> tuple[str, ...]:
    """Return the kinds of thing that can be found."""
    return tuple(dict.fromkeys(seek.kind for seek in sought_in(domains).values()))


# --- filling ----------------------------------------------------------------------------------------------------------------------


def fill(db: Db, held: Held, fact: Fact[Any], seek: Seek, level: int) -> None:
    """Keep the words of a record as far as it is disclosed; a fuller or a higher graded holding of it takes the place of the former."""
    doc = held.number
    if not held.new:
        before = db.execute("SELECT level FROM sought WHERE thing = ?", (_thing_of(db, doc),))
        level = max([level, *(row[0] for row in before)])
        forget(db, doc)
    named = next((text for name in seek.ref if (text := _first(getattr(fact.body, name, None)))), "")
    ref = _plain(fact.subject) if not named and _is_case(fact.subject, seek) else named
    title, text = _title(fact, seek), " \n".join([fact.subject, *_said(fact.body, seek)])
    if held.relabels:
        _keep(db, _alone(doc), doc, _Said(seek.kind, ref, title, 0, _ANYBODY), words(text))
        return
    thing = _alone(doc)
    if named:
        same = (seek.kind, ref, title, level, labelled.text_of(fact.label), fact.own, fact.exercise, text)
        thing = hashlib.sha256(msgspec.json.encode(same)).digest()[:_THING_BYTES]
        if _say_again(db, doc, thing):
            return
    parties = " ".join(["", *sorted(fact.label.releasable_to | fact.label.originators), ""])
    _keep(db, thing, doc, _Said(seek.kind, ref, title, level, parties), words(text))


def _say_again(db: Db, doc: int, thing: bytes) -> bool:
    """Put a record among those that say the same of a thing; return whether there are others, so that the thing is kept already."""
    found = db.execute("SELECT doc FROM sought WHERE thing = ?", (thing,))
    later, earlier = 0, found[0][0] if found else 0
    while earlier > doc:  # it was held before, and has changed: it stands among those that came since
        later = earlier
        ((earlier,),) = db.execute("SELECT earlier FROM sought_again WHERE doc = ?", (later,))
    db.execute("INSERT INTO sought_again (doc, thing, earlier) VALUES (?,?,?)", (doc, thing, earlier))
    if later:
        db.execute("UPDATE sought_again SET earlier = ? WHERE doc = ?", (doc, later))
    elif found:
        db.execute("UPDATE sought SET doc = ? WHERE thing = ?", (doc, thing))
    return bool(found)


class _Said(NamedTuple):
    """What is shown of a thing, and to whom."""

    kind: str
    ref: str
    title: str
    level: int
    parties: str


def _keep(db: Db, thing: bytes, doc: int, said: _Said, found: Iterable[bytes]) -> None:
    db.execute(
        "INSERT INTO sought (thing, doc, kind, ref, title, level, parties) VALUES (?,?,?,?,?,?,?)", (thing, doc, *said)
    )
    db.executemany(
        "INSERT INTO sought_word (thing, word, kind, level) VALUES (?,?,?,?)",
        [(thing, word, said.kind, said.level) for word in sorted(found)],
    )


def _alone(doc: int) -> bytes:
    """Return what a thing is called that one record alone is of."""
    return doc.to_bytes(8)


def _thing_of(db: Db, doc: int) -> bytes:
    rows = db.execute("SELECT thing FROM sought_again WHERE doc = ?", (doc,))
    return bytes(rows[0][0]) if rows else _alone(doc)


def relabelled(db: Db, record_id: str) -> None:
    """Leave to the record itself who may see it: its label is no longer the one that it was made with."""
    doc = number_of(db, record_id)
    if doc is None:
        return
    thing = _thing_of(db, doc)
    rows = db.execute("SELECT kind, ref, title FROM sought WHERE thing = ?", (thing,))
    found = [bytes(word) for (word,) in db.execute("SELECT word FROM sought_word WHERE thing = ?", (thing,))]
    forget(db, doc)
    for kind, ref, title in rows:
        _keep(db, _alone(doc), doc, _Said(kind, ref, title, 0, _ANYBODY), found)


def forget(db: Db, doc: int) -> None:
    """Take out a record whose body was erased, by its number, and what it is found by where no other says the same."""
    rows = db.execute("SELECT thing, earlier FROM sought_again WHERE doc = ?", (doc,))
    thing, earlier = (bytes(rows[0][0]), rows[0][1]) if rows else (_alone(doc), 0)
    later = db.execute("SELECT doc FROM sought_again WHERE earlier = ? AND earlier <> 0", (doc,))
    db.execute("DELETE FROM sought_again WHERE doc = ?", (doc,))
    if later:
        db.execute("UPDATE sought_again SET earlier = ? WHERE doc = ?", (earlier, later[0][0]))
        return
    if earlier:
        db.execute("UPDATE sought SET doc = ? WHERE thing = ?", (earlier, thing))
        return
    db.execute("DELETE FROM sought WHERE thing = ?", (thing,))
    db.execute("DELETE FROM sought_word WHERE thing = ?", (thing,))


def _title(fact: Fact[Any], seek: Seek) -> str:
    names = seek.title or TITLES
    parts = (text for name in names if (text := _first(getattr(fact.body, name, None))))
    said = " · ".join(parts) if seek.whole else next(parts, "")
    key = _plain(fact.subject).partition(":")[2] if _is_case(fact.subject, seek) else ""
    return " · ".join(part for part in (key, " ".join(said.split())) if part)[:TITLE_CHARS]


def _is_case(subject: str, seek: Seek) -> bool:
    return subject.startswith(f"{seek.kind}:")


def _plain(text: str) -> str:
    """Return a text without the one character that PostgreSQL cannot hold: a projection never refuses."""
    return text.replace("\0", "")


def _first(value: object) -> str:
    return _plain(next(iter(_texts(value, numbers=True)), ""))


def _said(body: Body, seek: Seek) -> Iterator[str]:
    for name in seek.text or body.__struct_fields__:
        yield from _texts(getattr(body, name, None), numbers=bool(seek.text))


def _texts(value: object, *, numbers: bool) -> Iterable[str]:
    """Return the texts that a value holds, without digests; numbers where they are names, as a vessel's is."""
    if value is None or value is WITHHELD:  # most are, and this is asked of every field
        return ()
    return _texts_in(value, numbers=numbers)


def _texts_in(value: object, *, numbers: bool) -> Iterator[str]:
    if isinstance(value, str):
        if value and not (len(value) == _DIGEST_CHARS and value.isalnum()):
            yield value
        return
    if isinstance(value, int) and not isinstance(value, bool) and numbers and value:
        yield str(value)
    for each in _parts(value):
        yield from _texts(each, numbers=numbers)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, msgspec.Struct):
        return [getattr(value, name) for name in value.__struct_fields__]
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


# --- finding ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reader:
    """Who looks: how far the clearance reaches, the nationality where it is another than the node's, and whether a record may be shown."""

    level: int
    nationality: str
    may: Callable[[str], bool]


def whoever_holds_the_store() -> Reader:
    """Return the reader who could as well read the file."""
    return Reader(MAX_CLASSIFICATION, "", lambda _record_id: True)


@dataclass(frozen=True)
class Hit:
    """A thing that was found, by the newest record of it that the reader may see; `standing` says what has become of that record."""

    kind: str
    ref: str
    title: str
    record: str
    type: str
    issuer: str
    at_ms: int
    standing: str


@dataclass(frozen=True)
class Group:
    """Things of one kind, those that came last first, and whether there are more."""

    kind: str
    hits: tuple[Hit, ...]
    more: bool


def find(
    db: Db, question: str, reader: Reader, kinds: Sequence[str], *, most: int, after: str = ""
) -> tuple[Group, ...]:
    """Return what a reader finds, by kind; nothing where the question has no word.

    `after` is the last record of a former page; one that the reader may not see counts like one that is not held.
    """
    wanted = asked(question)
    if not wanted:
        return ()
    before = _place(db, after, reader)
    groups = (_group(db, kind, wanted, reader, most, before) for kind in kinds)
    return tuple(group for group in groups if group.hits)


def _place(db: Db, record_id: str, reader: Reader) -> int:
    number = number_of(db, record_id) if record_id else None
    if number is None:
        return _END
    rows = db.execute("SELECT doc FROM sought WHERE thing = ?", (_thing_of(db, number),))
    return int(rows[0][0]) if rows and reader.may(record_id) else _END


def _group(db: Db, kind: str, wanted: tuple[bytes, ...], reader: Reader, most: int, before: int) -> Group:
    ordered = _rarest_first(db, kind, wanted)
    found: dict[str, Hit] = {}
    for _ in range(_LOOKED_THROUGH if ordered else 0):
        things = _things(db, kind, ordered, reader, before)
        for thing, doc in things:
            hits = (hit for hit in _hits(db, thing, doc) if (hit.ref or hit.record) not in found)
            hit = next((hit for hit in hits if reader.may(hit.record)), None)
            if hit is not None:
                found[hit.ref or hit.record] = hit
            if len(found) > most:
                return Group(kind, tuple(found.values())[:most], more=True)
        if len(things) < _AT_ONCE:
            break
        before = things[-1][1]
    return Group(kind, tuple(found.values()), more=False)


def _rarest_first(db: Db, kind: str, wanted: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Return the words with the one that the fewest have in front; nothing where nobody has one of them."""
    counted = []
    for word in wanted:
        rows = db.execute(
            "SELECT COUNT(*) FROM (SELECT 1 FROM sought_word WHERE kind = ? AND word >= ? AND word < ? LIMIT ?) AS few",
            (kind, word, _after(word), _COUNTED),
        )
        counted.append((int(rows[0][0]), word))
    return tuple(word for _, word in sorted(counted)) if all(count for count, _ in counted) else ()


def _things(db: Db, kind: str, wanted: tuple[bytes, ...], reader: Reader, before: int) -> list[tuple[bytes, int]]:
    """Return things that have all words, each with its newest record."""
    sql = (
        "SELECT DISTINCT s.thing, s.doc FROM sought_word w JOIN sought s ON s.thing = w.thing"
        " WHERE w.kind = ? AND w.word >= ? AND w.word < ? AND w.level <= ? AND s.doc < ?"
    )
    params: list[Any] = [kind, wanted[0], _after(wanted[0]), reader.level, before]
    for word in wanted[1:]:
        sql += " AND EXISTS (SELECT 1 FROM sought_word x WHERE x.thing = w.thing AND x.word >= ? AND x.word < ?)"
        params += [word, _after(word)]
    if reader.nationality:
        sql += " AND (s.parties = ? OR s.parties LIKE ?)"
        params += [_ANYBODY, f"% {reader.nationality} %"]
    rows = db.execute(f"{sql} ORDER BY s.doc DESC LIMIT ?", (*params, _AT_ONCE))
    return [(bytes(thing), int(doc)) for thing, doc in rows]


def _after(word: bytes) -> bytes:
    """Return what follows all words that begin so; a word that was cut begins with itself alone."""
    return word + (_PAST_ALL if len(word) < WORD_BYTES else b"\x00")


def _hits(db: Db, thing: bytes, newest: int) -> Iterator[Hit]:
    """Yield a thing by its newest record, then by those before."""
    yield from _hit(db, thing, newest)
    for (doc,) in db.execute(
        "SELECT doc FROM sought_again WHERE thing = ? AND doc < ? ORDER BY doc DESC LIMIT ?", (thing, newest, _COUNTED)
    ):
        yield from _hit(db, thing, doc)


def _hit(db: Db, thing: bytes, doc: int) -> list[Hit]:
    rows = db.execute(
        "SELECT s.kind, s.ref, s.title, r.id, r.type, r.issuer, r.at_ms, r.standing FROM sought s"
        " JOIN record r ON r.seq = ? WHERE s.thing = ?",
        (doc, thing),
    )
    return [Hit(*row) for row in rows]
