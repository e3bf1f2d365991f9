"""Two simulated nodes with the dialogue between them, and what its tests do over and over."""

from __future__ import annotations

from typing import Any

from kizuna.domains.case import DOMAIN as CASE
from kizuna.domains.case.operations import EndorseAsked
from kizuna.domains.dialogue import DOMAIN as DIALOGUE
from kizuna.domains.instruments import DOMAIN as INSTRUMENTS
from kizuna.kernel.domain import tellers
from kizuna.kernel.label import Grade
from kizuna.kernel.operation import Desk
from kizuna.node import effects as fx
from kizuna.sim.federation import Federation, SimNode
from tests.sim.world import POLICY, arrangement, provision, sign_instrument

DOMAINS = (CASE, DIALOGUE, INSTRUMENTS)
DESK = "officer:1:desk"
DAY_MS = 86_400_000
HEADER = ("@actor", "@after", "@node", "@subject")
OPERATIONS = {operation.name: operation for operation in DIALOGUE.operations}
QUERIES = {query.name: query for query in DIALOGUE.queries}
STATEMENT_2022 = """The ministers met in Tokyo and reviewed the whole of their defence cooperation.

They welcomed that the supply agreement had been put to use at sea.

The ministers agreed to hold the first exercise of their fighter aircraft at an early date.

Both sides decided to launch staff talks between their joint staffs.

They shared the view that the sea lanes must stay open."""


def clauses(sender: str, receiver: str) -> list[Any]:
    fields = {name: kind.__struct_fields__ for name, kind in (DIALOGUE.records | CASE.records).items()}
    return [
        provision(
            sender, receiver, id=f"{name.replace('.', '-')}-{sender}-{receiver}", record_types=(name,), discloses=(*shown, *HEADER),
            purposes=("defence-dialogue",),
        )
        for name, shown in fields.items()
    ]  # fmt: skip


def pair(seed: int, **kwargs: Any) -> tuple[Federation, SimNode, SimNode]:
    federation = Federation(seed, **kwargs)
    india, japan = (federation.add(name, DOMAINS, grade=Grade(POLICY, 0)) for name in ("ind/delhi", "jpn/tokyo"))
    federation.introduce(india, japan)
    made = arrangement("ind", "jpn", *clauses("ind", "jpn"), *clauses("jpn", "ind"))
    for node in (india, japan):
        sign_instrument(node, made)
    federation.run(10_000)
    return federation, india, japan


def does(node: SimNode, name: str, actor: str = DESK, **asked: Any) -> Any:
    """Do an operation of the dialogue and return what it came to."""
    return node.do(fx.Operate("dialogue", name, OPERATIONS[name].asks(**asked), actor))


def posts(node: SimNode, name: str, **asked: Any) -> int:
    return node.post(fx.Operate("dialogue", name, OPERATIONS[name].asks(**asked), DESK))[0]


def signs(node: SimNode, case: str) -> Any:
    return node.do(fx.Operate("case", "endorse", EndorseAsked(case=case), DESK))


def asks(node: SimNode, name: str, **wanted: Any) -> Any:
    """Ask what the dialogue shows at a node."""
    query = QUERIES[name]
    with node.store.view() as db:
        desk = Desk(
            db=db, now_ms=node.now_ms, party=node.identity.party, actor=DESK, kinds=node.core.world.kinds, random=node.rng.randbytes,
            tellers=tellers(DOMAINS),
        )  # fmt: skip
        return query.run(desk, query.asks(**wanted))


def tables(node: SimNode) -> list[Any]:
    """Return every row that cases fill, in order; what each side states by itself stands apart."""
    shared = [*CASE.tables, *(table for table in DIALOGUE.tables if table != "dialogue_said")]
    return [sorted(map(repr, node.store.query(f"SELECT * FROM {table}"))) for table in shared]


def load(*nodes: SimNode) -> None:
    for node in nodes:
        does(node, "load-bundled")


def agreed_text(federation: Federation, host: SimNode, guest: SimNode, key: str, meeting: str, text: str) -> None:
    """Draft a text at the host's, agree on it there, and let the guest sign."""
    does(host, "draft-minute", key=key, meeting=meeting, guest=guest.identity.party, text=text.encode())
    does(host, "agree-minute", key=key)
    federation.run(5_000)
    signs(guest, f"dialogue.minute:{key}")
    federation.run(5_000)


def confirmed(
    federation: Federation, opener: SimNode, other: SimNode, key: str, minute: str, paragraph: int, **more: Any
) -> None:
    """Identify a commitment and let the other side confirm it."""
    does(opener, "identify", key=key, minute=minute, paragraph=paragraph, **{"text": key, **more})
    federation.run(5_000)
    signs(other, f"dialogue.commitment:{key}")
    federation.run(5_000)


def under_way(federation: Federation, opener: SimNode, other: SimNode, key: str) -> None:
    """Name both owners and start."""
    does(opener, "assign", key=key, owner=f"{opener.identity.party}-office")
    federation.run(5_000)
    does(other, "assign", key=key, owner=f"{other.identity.party}-office")
    federation.run(5_000)
    does(opener, "start", key=key)
    federation.run(5_000)
