"""What must hold once the faults have stopped: both ends of every channel agree, all that may cross has crossed, and nothing else has."""

from __future__ import annotations

from kizuna.errors import KizunaError
from kizuna.kernel.channel import wire
from kizuna.kernel.release import REFUSALS
from kizuna.node.held import facts
from kizuna.node.held.filling import projections
from kizuna.sim import orders
from kizuna.sim.adversary import Byzantine
from kizuna.sim.federation import SimNode
from kizuna.sim.model import TOKEN
from kizuna.sim.partnership import notes, sides
from kizuna.sim.scenario import INDIA, JAPAN
from kizuna.sim.stage import Stage


def check(stage: Stage) -> None:
    """Check everything.

    Raises:
        InvariantError: a promise is broken.
    """
    for name in stage.nodes:
        for partner in stage.partners(name):
            _channel(stage, stage.node(name), stage.node(partner))
        _withheld(stage, stage.node(name))
        _withdrawn(stage, stage.node(name))
    if stage.liar is not None:
        _liar(stage, stage.liar)
    if stage.orders:
        _orders(stage)
    for node in stage.nodes.values():
        _journal(stage, node)


def _channel(stage: Stage, writer: SimNode, reader: SimNode) -> None:
    """Both ends hold the same log, nothing stands in it refused without a reason, and what was due has come."""
    watch, what = stage.watch, f"`{writer.name}` to `{reader.name}`"
    out, read = sides(writer, reader)
    watch.check("I4", f"{what} has not caught up: {out} and {read}", holds=out[:2] == read[:2] and out[1] == out[3])
    watch.check("I8", f"{what} has two roots", holds=out[2] == read[2])
    known = reader.core.world.partners[writer.name].keyset.version
    newest = writer.core.world.identity.public.version
    watch.check("I4", f"{what}: key set {newest} was never told, {known} is known", holds=known == newest)
    leaves = "SELECT idx, leaf FROM leaf_{} WHERE channel = ? AND epoch = ? ORDER BY idx"
    log = wire.channel_name(writer.name, reader.name), out[0]
    same = writer.store.query(leaves.format("out"), log) == reader.store.query(leaves.format("in"), log)
    watch.check("I2", f"{what} is not one log", holds=same)
    for table in ("out", "in"):
        node = writer if table == "out" else reader
        stopped = node.store.query(f"SELECT stopped FROM channel_{table} WHERE channel = ?", log[:1])
        watch.check("I7", f"{what} was stopped: {stopped}", holds=stopped == [("",)])
    found = reader.store.query("SELECT DISTINCT code, kind FROM leaf_in WHERE channel = ? AND code <> ''", log[:1])
    allowed = _lawful(stage, writer, reader)
    codes = {code for code, kind in found if kind != "act" or not out[0]}  # an act may name what only a lost log showed
    watch.check("I13", f"{what}: honest entries were refused: {sorted(codes)}", holds=codes <= allowed)
    standing = dict(writer.store.query("SELECT id, standing FROM record WHERE own = 1"))
    held, party = notes(reader), reader.identity.party
    highest = stage.model.highest(writer.identity.party, party)
    for said in stage.model.of(writer.name):
        due = party in said.due and stage.model.in_force(said, party) and stage.model.is_whole(said)
        if due and standing.get(said.record_id) == "" and said.may_go_to(party, highest):
            refused = reader.store.query(
                "SELECT code FROM leaf_in WHERE record_id = ? AND code <> ''", (said.record_id,)
            )
            watch.check(
                "I4", f"{what}: `{said.text}` never came", holds=said.text in held or bool(refused and allowed != {""})
            )


def _lawful(stage: Stage, writer: SimNode, reader: SimNode) -> set[str]:
    """Return the codes by which entries of an honest writer may have been refused: what docs/reliability.md does not promise."""
    pair = frozenset((writer.identity.party, reader.identity.party))
    found: set[str] = set()
    if pair in stage.model.unsure:  # the two may have learned of a change at different times
        found |= set(REFUSALS)
    if writer.name in stage.model.revoked:  # what the old key signed, and had not left before its revocation
        found.add("revoked-key")
    if reader.name in stage.model.restored_ms and not _replayed_unheld(writer, reader):
        found.add("replay")  # it had receipted a bare header, and forgot that before it was shown the body there
    return found


def _replayed_unheld(writer: SimNode, reader: SimNode) -> bool:
    """Return whether something was refused as shown before that no entry of the channel has shown."""
    channel = wire.channel_name(writer.name, reader.name)
    rows = reader.store.query(
        "SELECT 1 FROM leaf_in l WHERE l.channel = ? AND l.code = 'replay' AND NOT EXISTS (SELECT 1 FROM leaf_in o"
        " WHERE o.channel = l.channel AND o.record_id = l.record_id AND o.code = '')",
        (channel,),
    )
    return bool(rows)


def _withheld(stage: Stage, node: SimNode) -> None:
    """Every note that a partner lacks is explained, and the node judges each as somebody would who sees all."""
    now_ms = node.now_ms
    for said in stage.model.of(node.name):
        held = facts.load_record(node.store, said.record_id)
        if held is None or not stage.model.is_whole(said):
            continue
        for partner in stage.partners(node.name):
            party = stage.party(partner)
            ruling = node.core.world.releaser.rule(held, party, now_ms)
            wanted = said.may_go_to(party, stage.model.highest(node.identity.party, party))
            if frozenset((node.identity.party, party)) in stage.model.unsure and not ruling.permit:
                continue  # it may have been said while nothing was in force
            sentence = f"`{node.name}` judges `{said.text}` for `{party}`: {ruling.decision.reason}"
            stage.watch.check("I3", sentence, holds=ruling.permit == wanted)
            stage.watch.check("I3", f"{sentence} (no reason)", holds=ruling.permit or bool(ruling.decision.reason))


def _withdrawn(stage: Stage, node: SimNode) -> None:
    """What a node withdrew is withdrawn at all who hold it, and what it destroyed is in no journal."""
    for said in stage.model.by_id.values():
        if said.node != node.name or not said.act:
            continue
        own = node.store.query("SELECT standing FROM record WHERE id = ?", (said.record_id,))
        if node.name in stage.model.restored_ms and own in ([], [("",)]):
            continue  # it lost the act with what nobody had receipted
        for other in (stage.node(each) for each in (node.name, *stage.partners(node.name))):
            standing = other.store.query("SELECT standing FROM record WHERE id = ?", (said.record_id,))
            sentence = f"`{other.name}` holds `{said.text}` as {standing}, which was withdrawn ({said.act})"
            stage.watch.check("I11", sentence, holds=standing in ([], own))
            if said.act == "destroy" and own == [("destroy",)]:
                bodies = other.store.query(
                    "SELECT 1 FROM journal_body WHERE body IS NOT NULL AND instr(body, ?) > 0", (said.text.encode(),)
                )
                stage.watch.check("I11", f"`{other.name}` keeps `{said.text}`, which was destroyed", holds=not bodies)


def _liar(stage: Stage, liar: Byzantine) -> None:
    """Its lies are refused by code and block nothing; its fork is found, and proved."""
    watch, victim = stage.watch, liar.victim
    liar.epoch = 0
    codes = liar.codes()
    quota = {"quota"} | wire.CURABLE
    for index, code in stage.expected.items():
        found = codes.get(index)
        holds = found == code or (code in wire.CURABLE and found in quota) or (found is None and stage.forked)
        watch.check(
            "I13", f"`{victim.name}` took entry {index} of `{liar.name}` as `{found}`, not `{code}`", holds=holds
        )
        if code and found is not None:
            held = victim.store.query("SELECT 1 FROM holding WHERE channel = ? AND idx = ?", (liar.channel, index))
            watch.check("I13", f"`{victim.name}` holds entry {index} of `{liar.name}`, which is a lie", holds=not held)
    stopped = liar.stopped()[0]
    if stage.forked:
        evidence = victim.store.query(
            "SELECT b.body FROM alert a JOIN journal_body b ON b.seq = a.seq WHERE a.kind = 'fork' AND a.channel = ?",
            (liar.channel,),
        )
        watch.check(
            "I7", f"`{victim.name}` has not seen the fork of `{liar.name}`", holds=stopped == "fork" and bool(evidence)
        )
        return
    watch.check("I7", f"`{victim.name}` stopped `{liar.name}` for `{stopped}`", holds=not stopped)
    texts = notes(victim)
    for index, text in stage.good.items():
        sentence = f"`{victim.name}` refused what `{liar.name}` said truly: `{codes.get(index)}`"
        watch.check("I13", sentence, holds=codes.get(index) == "" and text in texts)


def _orders(stage: Stage) -> None:
    """Both sides tell the same of every order, and each ledger sums to nothing."""
    watch, india, japan = stage.watch, stage.node(INDIA), stage.node(JAPAN)
    same = orders.rows(india, orders.STATED) == orders.rows(japan, orders.STATED)
    watch.check("cases", "the two sides tell different orders", holds=same)
    for node in (india, japan):
        for table, column in (("supply_ledger", "amount_minor"), ("supply_total", "open_minor")):
            sums = node.store.query(f"SELECT currency, method, SUM({column}) FROM {table} GROUP BY currency, method")
            sentence = f"`{table}` of `{node.name}` sums to {sums}"
            watch.check("ledgers", sentence, holds=all(minor == 0 for _, _, minor in sums))
        for number in stage.order_numbers.get(node.name, ()):
            reply = node.replies.get(number)
            watch.check("cases", f"`{node.name}` answered {reply!r}", holds=type(reply) is not KizunaError)


def _journal(stage: Stage, node: SimNode) -> None:
    """The journal verifies, holds what was acknowledged and nothing that nobody said, and makes the same tables again."""
    watch = stage.watch
    found = node.store.verify()
    watch.check("I8", f"the journal of `{node.name}` does not verify: {found.findings}", holds=not found.findings)
    held = {row[0] for row in node.store.query("SELECT id FROM record")}
    lost = [record_id for record_id in node.acknowledged if record_id not in held]
    watch.check("I1", f"`{node.name}` lost {len(lost)} records that it had acknowledged", holds=not lost)
    owed = [said.text for said in stage.model.owed.get(node.name, ()) if said.record_id not in held]
    watch.check("I1", f"`{node.name}` was restored, and {owed}, which a partner held, never came home", holds=not owed)
    for text, issuer in node.store.query("SELECT text, issuer FROM note"):
        if TOKEN.fullmatch(text.encode()):
            said = stage.model.notes.get(text.encode())
            mine = said is not None and said.party == issuer
            seen = mine and said is not None and (said.node == node.name or said.may_go_to(node.identity.party))
            watch.check("I6", f"`{node.name}` holds `{text}` of `{issuer}`", holds=seen)
    made = projections(node.domains)
    before = [sorted(map(repr, node.store.query(f"SELECT * FROM {table}"))) for table in made.tables]
    node.store.rebuild()
    for table, rows in zip(made.tables, before, strict=True):
        again = sorted(map(repr, node.store.query(f"SELECT * FROM {table}")))
        watch.check("rebuild", f"`{table}` of `{node.name}` is another once rebuilt", holds=again == rows)
