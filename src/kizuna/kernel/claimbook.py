"""Claims in tables: who asserted, disputed, withdrew and ruled, with each claim's standing, for every domain to ask.

The standing is `kizuna.kernel.claim`'s fold over the acts on that claim, made anew whenever one comes; so an act names in `after` every act on its
claims that its author knew. What is only partly disclosed is kept as it is and filled in when more of it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from kizuna.errors import RecordError
from kizuna.kernel import canonical
from kizuna.kernel.claim import (
    CLAIM_RECORDS,
    ClaimAct,
    ClaimAdjudicated,
    ClaimAsserted,
    ClaimAssertedV2,
    ClaimSource,
    Status,
    fold,
)
from kizuna.kernel.domain import Apply, Fact
from kizuna.kernel.instrument import limited_date
from kizuna.kernel.journal import Db
from kizuna.kernel.record import Body

SCHEMA = (
    """CREATE TABLE claim_act (
        record_id TEXT PRIMARY KEY, type TEXT NOT NULL, party TEXT NOT NULL, actor TEXT NOT NULL, at_ms BIGINT NOT NULL,
        after TEXT NOT NULL, body TEXT NOT NULL)""",
    "CREATE TABLE claim_target (record_id TEXT NOT NULL, claim TEXT NOT NULL, PRIMARY KEY (record_id, claim))",
    "CREATE INDEX claim_target_by_claim ON claim_target (claim)",
    """CREATE TABLE claim_claim (
        record_id TEXT PRIMARY KEY, subject TEXT NOT NULL, predicate TEXT NOT NULL, value TEXT NOT NULL, qualifier TEXT NOT NULL,
        status TEXT NOT NULL)""",
    "CREATE INDEX claim_claim_by_topic ON claim_claim (subject, predicate, value, qualifier, status)",
    "CREATE INDEX claim_claim_by_value ON claim_claim (predicate, value)",
    "CREATE TABLE claim_source (record_id TEXT NOT NULL, place BIGINT NOT NULL, ref TEXT NOT NULL, PRIMARY KEY (record_id, place))",
    "CREATE INDEX claim_source_by_ref ON claim_source (ref)",
    "CREATE TABLE claim_standing (claim TEXT NOT NULL, party TEXT NOT NULL, status TEXT NOT NULL, PRIMARY KEY (claim, party))",
    """CREATE TABLE claim_topic (
        subject TEXT NOT NULL, predicate TEXT NOT NULL, disagrees BIGINT NOT NULL, undecided BIGINT NOT NULL, PRIMARY KEY (subject, predicate))""",
    "CREATE INDEX claim_topic_by_state ON claim_topic (disagrees, undecided, subject, predicate)",
)
TABLES = ("claim_act", "claim_target", "claim_claim", "claim_source", "claim_standing", "claim_topic")
MOST_CONSIDERED = 64
"""A ruling on more claims than this rules on none: nobody has weighed so many against each other."""
_MOST_ON_A_TOPIC = 1000
"""Whether a question is disputed is told from so many claims on it at most, in the order of their values."""


class HeldClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim as this node holds it; what was withheld, or not given, is empty. `by_party` is how it stands with each party that has ruled."""

    claim: str
    subject: str
    predicate: str
    value: str
    qualifier: str
    precision: str
    valid_from: str
    valid_to: str
    asserted_by: str
    basis: str
    confidence_pct: int | None
    note: str
    party: str
    at_ms: int
    status: Status
    by_party: dict[str, Status]
    sources: tuple[ClaimSource, ...]


# --- from the journal -------------------------------------------------------------------------------------------------------------


def _keep(db: Db, fact: Fact[Any]) -> None:
    """Keep an act on claims, with what an earlier disclosure of it showed, and fold the claims that it concerns."""
    shown: dict[str, Any] = msgspec.json.decode(canonical.encode(fact.body))
    after, actor, at_ms = set(fact.after), fact.actor, fact.at_ms
    for known_body, known_after, known_actor, known_at_ms in db.execute(
        "SELECT body, after, actor, at_ms FROM claim_act WHERE record_id = ?", (fact.record_id,)
    ):
        shown = msgspec.json.decode(known_body) | shown
        after |= set(msgspec.json.decode(known_after))
        actor, at_ms = known_actor or actor, known_at_ms or at_ms
    db.execute(
        "INSERT INTO claim_act (record_id, type, party, actor, at_ms, after, body) VALUES (?,?,?,?,?,?,?) ON CONFLICT (record_id) DO"
        " UPDATE SET actor = excluded.actor, at_ms = excluded.at_ms, after = excluded.after, body = excluded.body",
        (
            fact.record_id, fact.type, fact.issuer, actor, at_ms, canonical.encode(sorted(after)).decode(),
            canonical.encode(shown).decode(),
        ),
    )  # fmt: skip
    body = msgspec.convert(shown, CLAIM_RECORDS[fact.type])
    if isinstance(body, ClaimAsserted | ClaimAssertedV2):
        _put_claim(db, fact.record_id, body)
    targets = _targets(fact.record_id, body)
    db.executemany(
        "INSERT INTO claim_target (record_id, claim) VALUES (?,?) ON CONFLICT (record_id, claim) DO NOTHING",
        [(fact.record_id, claim) for claim in targets],
    )
    for claim in targets:
        _refold(db, claim)


def _put_claim(db: Db, record_id: str, body: ClaimAsserted | ClaimAssertedV2) -> None:
    qualifier = _text(body.qualifier) if isinstance(body, ClaimAssertedV2) else ""
    db.execute(
        "INSERT INTO claim_claim (record_id, subject, predicate, value, qualifier, status) VALUES (?,?,?,?,?,?) ON CONFLICT (record_id)"
        " DO UPDATE SET subject = excluded.subject, predicate = excluded.predicate, value = excluded.value, qualifier = excluded.qualifier",
        (record_id, _text(body.subject), _text(body.predicate), _text(body.value), qualifier, Status.ASSERTED.value),
    )
    db.executemany(
        "INSERT INTO claim_source (record_id, place, ref) VALUES (?,?,?) ON CONFLICT (record_id, place) DO NOTHING",
        [(record_id, place, source.ref) for place, source in enumerate(_sources(body))],
    )


def _sources(body: ClaimAsserted | ClaimAssertedV2) -> tuple[ClaimSource, ...]:
    if isinstance(body, ClaimAssertedV2):
        return body.sources if isinstance(body.sources, tuple) else ()
    ref = _text(body.source_ref)
    return (ClaimSource(ref, _text(body.excerpt_sha256) or None),) if ref else ()


def _targets(record_id: str, body: Body) -> tuple[str, ...]:
    if isinstance(body, ClaimAsserted | ClaimAssertedV2):
        return (record_id,)
    if isinstance(body, ClaimAdjudicated):
        considered = body.considered if isinstance(body.considered, tuple) else ()
        return tuple(sorted(set(considered))) if len(considered) <= MOST_CONSIDERED else ()
    claim = _text(getattr(body, "claim", ""))
    return (claim,) if claim else ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _refold(db: Db, claim: str) -> None:
    rows = db.execute(
        "SELECT a.record_id, a.type, a.party, a.after, a.body FROM claim_target t JOIN claim_act a ON a.record_id = t.record_id"
        " WHERE t.claim = ?",
        (claim,),
    )
    acts = (
        ClaimAct(
            record_id, party, msgspec.json.decode(body, type=CLAIM_RECORDS[type_]), frozenset(msgspec.json.decode(after))
        )
        for record_id, type_, party, after, body in rows
    )  # fmt: skip
    found = fold(acts).get(claim)
    db.execute("DELETE FROM claim_standing WHERE claim = ?", (claim,))
    if found is not None:
        db.execute("UPDATE claim_claim SET status = ? WHERE record_id = ?", (found.status.value, claim))
        db.executemany(
            "INSERT INTO claim_standing (claim, party, status) VALUES (?,?,?)",
            [(claim, party, status.value) for party, status in found.by_party],
        )
    for subject, predicate in db.execute("SELECT subject, predicate FROM claim_claim WHERE record_id = ?", (claim,)):
        _refresh(db, subject, predicate)


def _refresh(db: Db, subject: str, predicate: str) -> None:
    """Tell anew whether the claims on a question disagree, and whether one of them is undecided."""
    if not subject or not predicate:
        return
    db.execute("DELETE FROM claim_topic WHERE subject = ? AND predicate = ?", (subject, predicate))
    (found,) = db.execute(
        "SELECT COUNT(*), CASE WHEN MIN(value) <> MAX(value) OR MIN(qualifier) <> MAX(qualifier) THEN 1 ELSE 0 END,"
        " MAX(CASE WHEN status IN (?, ?) THEN 1 ELSE 0 END) FROM (SELECT value, qualifier, status FROM claim_claim"
        " WHERE subject = ? AND predicate = ? AND status <> ? ORDER BY value, qualifier, status LIMIT ?) AS standing",
        (Status.ASSERTED.value, Status.DISPUTED.value, subject, predicate, Status.WITHDRAWN.value, _MOST_ON_A_TOPIC),
    )
    count, disagrees, undecided = found
    if count:
        db.execute(
            "INSERT INTO claim_topic (subject, predicate, disagrees, undecided) VALUES (?,?,?,?)",
            (subject, predicate, disagrees, undecided),
        )


def forget(db: Db, record_id: str) -> None:
    """Take out an act whose body was erased, and fold the claims that it concerned without it."""
    touched = [claim for (claim,) in db.execute("SELECT claim FROM claim_target WHERE record_id = ?", (record_id,))]
    topics = db.execute("SELECT subject, predicate FROM claim_claim WHERE record_id = ?", (record_id,))
    for table in ("claim_act", "claim_target", "claim_claim", "claim_source"):
        db.execute(f"DELETE FROM {table} WHERE record_id = ?", (record_id,))
    for claim in touched:
        _refold(db, claim)
    for subject, predicate in topics:
        _refresh(db, subject, predicate)


APPLY: dict[type[Body], Apply] = dict.fromkeys(CLAIM_RECORDS.values(), _keep)


# --- what is held -----------------------------------------------------------------------------------------------------------------


def claims(db: Db, ids: Sequence[str]) -> tuple[HeldClaim, ...]:
    """Return the claims with these record ids that are held, in the order of the ids."""
    found: dict[str, HeldClaim] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        marks = ",".join("?" * len(some))
        by_party: dict[str, dict[str, Status]] = {}
        for claim, party, status in db.execute(
            f"SELECT claim, party, status FROM claim_standing WHERE claim IN ({marks}) ORDER BY claim, party", some
        ):
            by_party.setdefault(claim, {})[party] = Status(status)
        for record_id, type_, party, at_ms, body, status in db.execute(
            "SELECT a.record_id, a.type, a.party, a.at_ms, a.body, c.status FROM claim_act a"
            f" JOIN claim_claim c ON c.record_id = a.record_id WHERE a.record_id IN ({marks})",
            some,
        ):
            made = msgspec.json.decode(body, type=CLAIM_RECORDS[type_])
            found[record_id] = _held(record_id, made, party, at_ms, Status(status), by_party.get(record_id, {}))
    return tuple(found[record_id] for record_id in ids if record_id in found)


_AT_ONCE = 500


def _held(
    record_id: str, body: Any, party: str, at_ms: int, status: Status, by_party: dict[str, Status]
) -> HeldClaim:  # fmt: skip
    newer = body if isinstance(body, ClaimAssertedV2) else ClaimAssertedV2()
    return HeldClaim(
        claim=record_id, subject=_text(body.subject), predicate=_text(body.predicate), value=_text(body.value),
        qualifier=_text(newer.qualifier), precision=_text(body.precision), valid_from=_text(body.valid_from),
        valid_to=_text(body.valid_to), asserted_by=_text(newer.asserted_by), basis=_text(newer.basis),
        confidence_pct=body.confidence_pct if isinstance(body.confidence_pct, int) else None, note=_text(newer.note),
        party=party, at_ms=at_ms, status=status, by_party=by_party, sources=_sources(body),
    )  # fmt: skip


def about(db: Db, subject: str, predicate: str = "", limit: int = 1000) -> tuple[HeldClaim, ...]:
    """Return the claims about a subject, of one predicate where it is named, at most `limit`, by predicate and value."""
    more = " AND predicate = ?" if predicate else ""
    rows = db.execute(
        f"SELECT record_id FROM claim_claim WHERE subject = ?{more} ORDER BY predicate, value, qualifier, record_id LIMIT ?",
        (subject, *((predicate,) if predicate else ()), limit),
    )
    return claims(db, [record_id for (record_id,) in rows])


def acts_on(db: Db, ids: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of all acts on these claims that are held, the claims themselves among them, sorted: an act's `after`."""
    found: set[str] = set()
    for claim in ids:
        found.update(name for (name,) in db.execute("SELECT record_id FROM claim_target WHERE claim = ?", (claim,)))
    return tuple(sorted(found))


# --- dates ------------------------------------------------------------------------------------------------------------------------


def date_words(held: Iterable[HeldClaim]) -> str:
    """Return what claims on one date come to, in words: `2021; 11 July reported, primary not seen`.

    A claim with a qualifier ("expected") is none on the date itself. Claims that fit into one another are one date at several precisions: the widest
    is said, and the narrowest as reported until a primary text is among its sources. Those that do not fit are all named; none at all is `unknown`.
    """
    dated = [
        (bounds, claim)
        for claim in held
        if not claim.qualifier and claim.status != Status.WITHDRAWN and (bounds := _bounds(claim.value)) is not None
    ]
    chosen = [bounds for bounds, claim in dated if claim.status == Status.CHOSEN]
    if chosen:
        fitting = [pair for pair in dated if any(_fit(pair[0], bounds) for bounds in chosen)]
    else:
        fitting = [pair for pair in dated if pair[1].status != Status.NOT_CHOSEN]
    if not fitting:
        return "unknown"
    ordered = sorted(fitting, key=_width)
    (narrow, _), (wide, _) = ordered[0], ordered[-1]
    if not all(_fit(one, other) for one, _ in ordered for other, _ in ordered):
        values = sorted({claim.value for _, claim in ordered})
        return f"disputed: {', '.join(map(_said, values))}"
    narrowest = [claim for bounds, claim in ordered if bounds == narrow]
    if any(claim.basis == "primary" for claim in narrowest):
        return _said(narrowest[0].value)
    if narrow == wide:
        return f"{_said(narrowest[0].value)} reported, primary not seen"
    return f"{_said(ordered[-1][1].value)}; {_said(narrowest[0].value, year=False)} reported, primary not seen"


_Days = tuple[str, str]
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def _width(pair: tuple[_Days, HeldClaim]) -> tuple[int, str, str]:
    (first, last), claim = pair
    return -len(claim.value), first, last


def _bounds(value: str) -> _Days | None:
    try:
        return limited_date(value).bounds()
    except RecordError:
        return None


def _fit(one: _Days, other: _Days) -> bool:
    return (one[0] <= other[0] and other[1] <= one[1]) or (other[0] <= one[0] and one[1] <= other[1])


def _said(value: str, *, year: bool = True) -> str:
    of_year, *rest = value.split("-")
    day = [str(int(rest[1]))] if len(rest) > 1 else []
    month = [_MONTHS[int(rest[0]) - 1]] if rest else []
    return " ".join([*day, *month, *([of_year] if year or not rest else [])])
