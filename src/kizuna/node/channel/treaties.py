"""The agreements as this node's records state them: instrument versions, signatures, suspensions and scopes, compiled for release.

Records of the `instruments` domain say who signed, suspended or opened what; here they are verified under the pinned roots and joined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

from kizuna.domains.instruments import queries
from kizuna.errors import RecordError, SignatureError
from kizuna.kernel import canonical, instrument, sign
from kizuna.kernel.instrument import Agreement, Instrument, VersionSignature
from kizuna.kernel.instrument_file import load_partnership
from kizuna.kernel.intervals import FOREVER
from kizuna.kernel.journal import Store


def bundled() -> list[Instrument]:
    """Return the instruments of the bundled partnership."""
    folder = files("kizuna.domains.instruments") / "bundled" / "india-japan"
    sources = [
        (entry.name, entry.read_text(encoding="utf-8")) for entry in folder.iterdir() if entry.name.endswith(".toml")
    ]
    return load_partnership(sorted(sources))


def instruments(store: Store) -> tuple[Instrument, ...]:
    """Return every instrument version that this node holds."""
    rows = store.query(
        "SELECT b.body FROM instrument_version v JOIN journal_body b ON b.seq = v.seq ORDER BY v.instrument, v.sha256"
    )
    return tuple(canonical.decode(bytes(body), type=Instrument) for (body,) in rows if body is not None)


def signatures(store: Store, roots: Mapping[str, bytes]) -> tuple[VersionSignature, ...]:
    """Return the parties' signatures that verify under the pinned roots; one that does not counts for nothing."""
    found = []
    with store.view() as db:
        envelopes = queries.signature_envelopes(db)
    for data in envelopes:
        try:
            found.append(instrument.read_signature(sign.read_envelope(data), roots))
        except (RecordError, SignatureError):
            continue
    return tuple(found)


def agreements(store: Store, roots: Mapping[str, bytes]) -> tuple[Agreement, ...]:
    """Return what release is compiled from."""
    with store.view() as db:
        statuses = queries.statuses(db)
        scopes = queries.scopes(db)
    return instrument.agreements(instruments(store), signatures(store, roots), statuses, scopes)


def boundaries(made: Sequence[Agreement], guard_ms: int) -> tuple[int, ...]:
    """Return the instants, sorted, after which more may be releasable than before: beginnings and ends, past their guard band."""
    edges: set[int] = set()
    for agreement in made:
        for span in (*agreement.in_force, *agreement.suspended, *agreement.current):
            edges.update(span)
        for scope in agreement.scopes:
            edges.update((scope.from_ms, scope.to_ms))
    return tuple(sorted(edge + guard_ms for edge in edges if 0 < edge < FOREVER))
