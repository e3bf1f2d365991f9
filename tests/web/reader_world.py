"""Two nodes and what their officers say in every domain: all of it for everyone, or some of it beside for few.

What is for few is said in worlds that hide something: of every class of record one that a partner has and one that nobody else has, some of them
about things that everyone sees. Every word and number of it is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from kizuna.domains.maritime import records as sea
from kizuna.domains.maritime.operations import cut_batches
from kizuna.domains.maritime.watchlog.operations import RuleAsked
from kizuna.domains.supply.cases import ORDER
from kizuna.domains.supply.records import OrderDeclined, OrderLine, OrderRequested
from kizuna.formats.positions_arrow import SCHEMA
from kizuna.kernel import canonical
from kizuna.kernel.instrument import Instrument, sign_version
from kizuna.kernel.label import Grade, Label, label
from kizuna.kernel.operation import LabelAsked
from kizuna.node import domains as node_domains
from kizuna.node import effects as fx
from kizuna.node.acts import agreeing
from kizuna.node.plug_settings import Plug
from kizuna.node.plugs.cise_edge import CiseEdge
from kizuna.sim.federation import Federation, SimNode, Weather
from tests.formats.cise_keys import Network
from tests.sim.dialogue_world import HEADER
from tests.sim.world import POLICY, arrangement, provision
from tests.web.shapes import FIRST_NUMBER, Filler
from tests.web.visiting import Host

DOMAINS = node_domains.DOMAINS
PURPOSES = ("coordination", "defence-dialogue")
OPEN_TAG, SHARED_TAG, HOME_TAG = "openqord", "zqkanarishared", "zqkanarihome"
HIDDEN_TAG = "zqkanari"
ACTOR = "officer:7:watch"
DEGREE = 600_000
SETTLE_MS = 4_000
OPEN_SHIP, HIDDEN_SHIP = 419_000_111, FIRST_NUMBER + 99_000_001
BATCHES = (sea.POSITION_BATCH, sea.OWN_UNIT_BATCH)
ORDERS = {OPEN_TAG: "ind-2026-navy-0001", SHARED_TAG: "ind-2026-navy-0002", HOME_TAG: "ind-2026-navy-0003"}
KEYS = (f"{OPEN_TAG}-case", f"{SHARED_TAG}-case")
"""Cases that everyone sees and that few see, by name."""
NAMES = {
    "order_no": (ORDERS[OPEN_TAG], ORDERS[SHARED_TAG]), "mechanism": (f"{OPEN_TAG}-mechanism", f"{HOME_TAG}-mechanism"),
}  # fmt: skip
"""The same of what has names of its own, by the field that asks for it."""
PLUGS = tuple(
    Plug(
        name=f"{kind}-{officer}", kind=kind, party="own", officer=officer, clearance=clearance, nationality=nation, purpose=PURPOSES[0],  # type: ignore[arg-type] # a kind
        simulated=simulated,
    )
    for kind in ("ogc", "gfw", "cise")
    for officer, clearance, nation, simulated in (("low-plug", 1, "ind", True), ("guest-plug", 15, "aus", True))
)  # fmt: skip

NETWORK = Network()
OUR_KEY = NETWORK.key("delhi.example")
"""That of the adaptor to EU CISE in both worlds."""


def mark(party: str, level: int, *to: str) -> Label:
    return label(POLICY, level, originator=party, releasable_to=to, purposes=PURPOSES)


class World:
    """One of the two: `hides` says which."""

    def __init__(self, folder: Path, *, hides: bool) -> None:
        self.hides = hides
        self.federation = Federation("readers", Weather(delay_ms=(1, 1)))
        self.india, self.japan = (
            self.federation.add(name, DOMAINS, grade=Grade(POLICY, 0)) for name in ("ind/delhi", "jpn/tokyo")
        )
        self.nodes: dict[str, SimNode] = {"ind": self.india, "jpn": self.japan}
        self.federation.introduce(self.india, self.japan)
        made = arrangement("ind", "jpn", *_clauses("ind", "jpn"), *_clauses("jpn", "ind"))
        for node in self.nodes.values():
            self._signs(node, made)
        self.federation.run(10_000)
        self.fillers = {
            tag: Filler(tag, FIRST_NUMBER + place * 10_000_000)
            for place, tag in enumerate((SHARED_TAG, HOME_TAG, OPEN_TAG))
        }
        self.hidden: dict[str, list[str]] = {SHARED_TAG: [], HOME_TAG: []}
        """The records that are for few, by how few."""
        self.open: list[str] = []
        # every grade has its level there: what is not sent is held back by the plug alone
        rows = {(POLICY, level): "EURestricted" for level in range(16)}
        edge = CiseEdge("delhi.vessels", OUR_KEY, (), rows, "ind", self.india.rng.randbytes)
        self.host = Host(self.india, DOMAINS, folder, PLUGS, edge)
        self._told = 0

    def _signs(self, node: SimNode, made: Instrument) -> None:
        party = node.identity.party
        node.do(fx.LoadInstrument(canonical.encode(made), "officer:1:desk"))
        envelope = sign_version(made, party, self.federation.now_ms, node.root)
        node.do(fx.Say((agreeing.signed(made, envelope, node.root.public, party, "officer:1:desk"),)))

    def close(self) -> None:
        self.federation.close()

    # --- saying ------------------------------------------------------------------------------------------------------------------

    def _step(self, tag: str, step: Callable[[], Any]) -> Any:
        """Do something with a chance of its own, so that what follows is the same whether or not it was done; then let it settle."""
        self._told += 1
        done = None
        if tag == OPEN_TAG or self.hides:
            for node in self.nodes.values():
                node.rng.seed(f"{self._told}/{node.name}")
            done = step()
        self.federation.run(SETTLE_MS)
        return done

    def say(self, tag: str, party: str, drafts: Sequence[fx.Draft]) -> None:
        said = self._step(tag, lambda: self.nodes[party].do(fx.Say(tuple(drafts)))) or ()
        (self.open if tag == OPEN_TAG else self.hidden[tag]).extend(each.record_id for each in said)

    def does(self, tag: str, domain: str, name: str, asked: Any, second: str = "") -> None:
        command = fx.Operate(domain, name, asked, "officer:1:watch", second)
        self._step(tag, lambda: self.india.do(command))

    def label_of(self, tag: str, party: str) -> Label:
        other = "jpn" if party == "ind" else "ind"
        return {
            OPEN_TAG: mark(party, 1, other, "aus"), SHARED_TAG: mark(party, 2, other), HOME_TAG: mark(party, 3),
        }[tag]  # fmt: skip

    # --- the story ---------------------------------------------------------------------------------------------------------------

    def tell(self) -> None:
        for domain in DOMAINS:
            for party in ("ind", "jpn"):
                self._classes(OPEN_TAG, party, domain)
                self._classes(SHARED_TAG, party, domain)
                self._classes(HOME_TAG, party, domain)
        self._ships()
        self._orders()
        self._rules()
        self._withdrawals()

    def _classes(self, tag: str, party: str, domain: Any) -> None:
        filler = self.fillers[tag]
        drafts = []
        for name, kind in sorted(domain.records.items()):
            if name not in BATCHES:
                # a forum of their own, but meetings and promises of the one that everyone sees
                where = tag if name == "dialogue.mechanism-described.v1" else OPEN_TAG
                body = filler.body(kind, source_kind="simulated", mechanism=f"{where}-mechanism")
                drafts += [self._draft(tag, party, name, body, subject="")]
        for case in domain.cases:
            opens = case.opens if isinstance(case.opens, tuple) else (case.opens,)
            names = {kind: name for name, kind in domain.records.items()}
            # steps that few may see, of cases of theirs and of those that everyone sees
            keys = [f"{OPEN_TAG}-case"] if tag == OPEN_TAG else [f"{tag}-case", f"{OPEN_TAG}-case"]
            for key in keys:
                drafts += [
                    self._draft(tag, party, names[kind], filler.body(kind), subject=case.subject(key))
                    for kind in (*opens, *case.steps)
                ]
        if domain.name == "maritime" and tag != OPEN_TAG:
            drafts.append(self._draft(
                tag, party, sea.STATIC_REPORTED, filler.body(sea.StaticReported, mmsi=OPEN_SHIP, source_kind="simulated"),
                subject=f"vessel:mmsi:{OPEN_SHIP}",
            ))  # fmt: skip
        for start in range(0, len(drafts), 40):
            self.say(tag, party, drafts[start : start + 40])

    def _draft(self, tag: str, party: str, name: str, body: Any, *, subject: str, exercise: str = "") -> fx.Draft:
        actor = ACTOR if tag == OPEN_TAG else f"officer:{tag}:watch"
        return fx.Draft(name, body, self.label_of(tag, party), actor, subject=subject, exercise=exercise)

    def _ships(self) -> None:
        for party in ("ind", "jpn"):
            self.say(OPEN_TAG, party, [self._batch(OPEN_TAG, party, (OPEN_SHIP, OPEN_SHIP + 1), 13.5)])
            for tag in (SHARED_TAG, HOME_TAG):
                self.say(tag, party, [
                    self._batch(tag, party, (OPEN_SHIP, HIDDEN_SHIP), 14.5),
                    self._batch(tag, party, (HIDDEN_SHIP,), 15.5, exercise=f"{tag}-exercise"),
                ])  # fmt: skip
            self.say(OPEN_TAG, party, [self._batch(OPEN_TAG, party, (OPEN_SHIP + 2,), 12.5)])

    # --- what happens while somebody follows -----------------------------------------------------------------------------------------

    def moves(self) -> int:
        """Return a number that grows with all that is told."""
        return self._told

    def sails(self, tag: str, party: str, *ships: int, lat: float, exercise: str = "") -> None:
        self.say(tag, party, [self._batch(tag, party, ships, lat, exercise)])

    def calls(self, tag: str, ship: int) -> None:
        said = self.fillers[tag].body(sea.StaticReported, source_kind="simulated", mmsi=ship)
        self.say(tag, "ind", [self._draft(tag, "ind", sea.STATIC_REPORTED, said, subject="")])

    def finds(self, tag: str, ship: int) -> None:
        now_ms = self.federation.now_ms
        said = self.fillers[tag].body(
            sea.EventDetected, kind="gap", mmsi=ship, from_ms=now_ms - 1, source_kind="simulated"
        )
        self.say(tag, "ind", [self._draft(tag, "ind", sea.EVENT_DETECTED, said, subject="")])

    def takes_back(self, tag: str) -> None:
        """Retract the last position that was said here and may be seen so far."""
        records = self.open if tag == OPEN_TAG else self.hidden[tag]
        own = {
            record
            for (record,) in self.india.store.query(
                "SELECT id FROM record WHERE own = 1 AND type = ?", (sea.POSITION_BATCH,)
            )
        }
        some = [record for record in records if record in own] or ["0" * 64]
        self._step(tag, lambda: self.india.do(fx.Act(some[-1], "retract", "was wrong", "officer:1:liaison")))

    def _batch(self, tag: str, party: str, ships: tuple[int, ...], lat: float, exercise: str = "") -> fx.Draft:
        now_ms = self.federation.now_ms
        whole = {
            "time_ms": [now_ms] * len(ships), "mmsi": list(ships), "lat_600000": [round(lat * DEGREE)] * len(ships),
            "lon_600000": [round((88.5 + nth / 10) * DEGREE) for nth in range(len(ships))],
            "speed_dkn": [87] * len(ships),
        }  # fmt: skip
        table = pa.table(
            [pa.array(whole.get(one.name, [None] * len(ships)), type=one.type) for one in SCHEMA], schema=SCHEMA
        )
        source = "coast" if tag == OPEN_TAG else f"{tag}-station"
        (made,) = cut_batches(
            table,
            source=source,
            source_kind="simulated",
            own_units=ships if tag == HOME_TAG else (),
            window_ms=3_600_000,
        )
        return fx.Draft(
            made.type,
            made.body,
            self.label_of(tag, party),
            "system:ais",
            subject=made.subject,
            blobs=made.blobs,
            exercise=exercise,
        )

    def _orders(self) -> None:
        """Ask for supplies, each tag its own, and let what everyone sees be declined so that few see it."""
        for tag, number in ORDERS.items():
            filler, now_ms = self.fillers[tag], self.federation.now_ms
            line = OrderLine(line_no=1, category="water", description=filler.word(), quantity="120", unit="m3")
            asked = filler.body(
                OrderRequested, order_no=number, provider="jpn", method="cash", currency="JPY", lines=(line,),
                window_from_ms=now_ms, window_to_ms=now_ms + 86_400_000, lat_600000=0, lon_600000=0,
            )  # fmt: skip
            self.say(
                tag, "ind", [self._draft(tag, "ind", "supply.order-requested.v1", asked, subject=ORDER.subject(number))]
            )
        declined = self.fillers[SHARED_TAG].body(OrderDeclined)
        subject = ORDER.subject(ORDERS[OPEN_TAG])
        self.say(
            SHARED_TAG, "jpn", [self._draft(SHARED_TAG, "jpn", "supply.order-declined.v1", declined, subject=subject)]
        )

    def _rules(self) -> None:
        """Let officers write rules of the watch, as they do it: what is asked for says how it is labelled."""
        for tag, level, to in ((OPEN_TAG, 1, ("jpn", "aus")), (SHARED_TAG, 2, ("jpn",)), (HOME_TAG, 3, ())):
            made = RuleAsked(
                rule=f"{tag}-rule", kind="speed", title=f"{tag} is fast", over_dkn=300,
                label=LabelAsked(classification=level, releasable_to=to),
            )  # fmt: skip
            self.does(tag, "maritime", "write-rule", made)

    def _withdrawals(self) -> None:
        """Take back, relabel and correct: of what everyone sees, and of what few see."""
        for tag, records in ((OPEN_TAG, self.open), (SHARED_TAG, self.hidden[SHARED_TAG])):
            own = {
                record
                for (record,) in self.india.store.query(
                    "SELECT id FROM record WHERE own = 1 AND type LIKE 'maritime.static%' ORDER BY seq"
                )
            }
            some = [record for record in records if record in own] or ["0" * 64]
            self._step(
                tag, lambda some=some: self.india.do(fx.Act(some[0], "retract", "was wrong", "officer:1:liaison"))
            )


def _clauses(sender: str, receiver: str) -> list[Any]:
    fields: dict[str, set[str]] = {}
    for domain in DOMAINS:
        for kind in domain.records.values():
            fields.setdefault(domain.name, set()).update(kind.__struct_fields__)
    return [
        provision(
            sender, receiver, id=f"{domain.name}-{sender}-{receiver}", record_types=tuple(sorted(domain.records)),
            discloses=(*sorted(fields[domain.name]), *HEADER), purposes=PURPOSES,
        )
        for domain in DOMAINS if domain.records
    ]  # fmt: skip
