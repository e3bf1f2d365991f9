"""A small partnership to simulate: one domain of plain notes, and agreements under which they cross.

Notes are the least that can be said between two parties, so that what crosses is plain to see; everything else is the node's own code.
"""

from __future__ import annotations

from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.domains.instruments.records import Resumed, Suspended, VersionSigned
from kizuna.kernel import canonical, instrument
from kizuna.kernel.domain import Domain, Fact, Seek
from kizuna.kernel.instrument import Direction, Instrument, LimitedDate, Obligations, Provision
from kizuna.kernel.journal import Db
from kizuna.kernel.label import label
from kizuna.kernel.record import WITHHELD, Body, Withheld
from kizuna.node import effects as fx
from kizuna.sim.federation import SimNode

POLICY = "common.v1"


class NoteSaid(Body, frozen=True):
    """A note, and where it comes from; agreements show the text alone."""

    text: str | Withheld = WITHHELD
    source: str | Withheld = WITHHELD


class SecretSaid(Body, frozen=True):
    """What no agreement names."""

    text: str | Withheld = WITHHELD


def _note(db: Db, fact: Fact[NoteSaid]) -> None:
    text = fact.body.text if isinstance(fact.body.text, str) else ""
    db.execute(
        "INSERT INTO note (record_id, issuer, text) VALUES (?,?,?) ON CONFLICT (record_id) DO NOTHING",
        (fact.record_id, fact.issuer, text),
    )


NOTES = Domain(
    name="notes",
    records={"notes.note-said.v1": NoteSaid, "notes.secret-said.v1": SecretSaid},
    schema=("CREATE TABLE note (record_id TEXT PRIMARY KEY, issuer TEXT NOT NULL, text TEXT NOT NULL)",),
    tables=("note",),
    apply={NoteSaid: _note},
    sought=dict.fromkeys((NoteSaid, SecretSaid), Seek(kind="notes.note")),
)
DOMAINS = (INSTRUMENTS, NOTES)


def provision(sender: str, receiver: str, **changes: object) -> Provision:
    """Return a clause that lets notes of at most grade 2 cross, text alone; `changes` are fields of it."""
    values: dict[str, object] = {
        "basis": "example",
        "direction": Direction(from_party=sender, to_party=receiver),
        "discloses": ("text",),
        "effect": "permits",
        "id": f"notes-{sender}-{receiver}",
        "lane": "routine",
        "max_classification": {POLICY: 2},
        "obligations": Obligations(),
        "purposes": ("coordination",),
        "record_types": ("notes.note-said.v1",),
    }
    return Provision(**(values | changes))  # type: ignore[arg-type] # whoever changes a field names a real one


def arrangement(one: str, other: str, *provisions: Provision) -> Instrument:
    """Return the agreement of two parties; without provisions notes may cross both ways."""
    return Instrument(
        basis="example",
        id=f"{one}-{other}-arrangement",
        in_force_on=LimitedDate(precision="day", value="2020-01-01"),
        kind="implementing-arrangement",
        parties=tuple(sorted((one, other))),
        provisions=provisions or (provision(one, other), provision(other, one)),
        title=f"arrangement of {one} and {other}",
    )


def sign_instrument(node: SimNode, made: Instrument) -> None:
    """Load an agreement at a node and sign it as its party."""
    party = node.identity.party
    node.do(fx.LoadInstrument(canonical.encode(made), "officer:1:desk"))
    version = instrument.version_of(made)
    envelope = instrument.sign_version(made, party, node.federation.now_ms, node.root)
    body = VersionSigned(instrument=made.id, version=version, envelope=canonical.encode(envelope).decode())
    own = label(POLICY, 0, originator=party, releasable_to=made.parties, purposes=("coordination",))
    node.do(fx.Say((fx.Draft("instruments.version-signed.v1", body, own, "officer:1:desk", closed=True),)))


def suspend(node: SimNode, made: Instrument) -> str:
    """Suspend an agreement at a node and return the record that says so."""
    return _say_of(node, made, "suspended", Suspended(instrument=made.id, reason="a test"))


def resume(node: SimNode, made: Instrument, suspended: str) -> str:
    """Lift a suspension of this node's party and return the record that says so."""
    return _say_of(node, made, "resumed", Resumed(instrument=made.id, lifts=suspended))


def _say_of(node: SimNode, made: Instrument, word: str, body: Body) -> str:
    own = label(POLICY, 0, originator=node.identity.party, releasable_to=made.parties, purposes=("coordination",))
    draft = fx.Draft(f"instruments.{word}.v1", body, own, "officer:1:legal", closed=True)
    return str(node.do(fx.Say((draft,)))[0].record_id)


def note(text: str, party: str, *to: str, level: int = 1, source: str = "desk") -> fx.Draft:
    """Return a note to be said by `party`, releasable to others."""
    made = label(POLICY, level, originator=party, releasable_to=to, purposes=("coordination",))
    return fx.Draft("notes.note-said.v1", NoteSaid(text=text, source=source), made, "officer:7:watch")


def notes(node: SimNode) -> set[str]:
    """Return the texts of the notes that a node holds."""
    return {text for (text,) in node.store.query("SELECT text FROM note")}


def sides(writer: SimNode, reader: SimNode) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """Return epoch, size, root and receipted size of a channel as its writer has it, and as its reader has."""
    out = writer.store.query("SELECT epoch, size, root, receipted FROM channel_out WHERE node = ?", (reader.name,))[0]
    read = reader.store.query("SELECT epoch, size, root, size FROM channel_in WHERE node = ?", (writer.name,))[0]
    return out, read
