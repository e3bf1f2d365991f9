"""`kizuna journal`: verify it, look into it, rebuild what is made from it."""

from __future__ import annotations

import json as jsonlib
import re
from typing import Annotated, Any

import typer

from kizuna.cli.base import CONFIG, Config, Json, emit, group, progress, settings_of, shown_instant
from kizuna.cli.reading import reading
from kizuna.errors import JournalCorruptError, RecordError, RefusedError
from kizuna.kernel.journal import Head
from kizuna.node.acts import erasing
from kizuna.node.domains import DOMAINS
from kizuna.node.held.filling import projections
from kizuna.node.service import POSITIONS, DataLock, open_store
from kizuna.storage.blobs import Blobs

app = group("journal", "The append-only log that is the node's only truth.")
_SHOWN_FINDINGS = 20
_HEAD = re.compile(r"([0-9]{1,15}):([0-9a-f]{64})").fullmatch


@app.command()
def verify(
    expect: Annotated[
        str, typer.Option("--expect", metavar="SEQ:CHAIN", help="A head that was noted elsewhere, against a cut tail.")
    ] = "",
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Find any altered, missing or reordered byte, exit code 9 where there is one; say too what still lies in the archive and should not."""
    from kizuna.node.maritime.clearing import left  # noqa: PLC0415 # Arrow is loaded by this command alone

    expected = _head(expect) if expect else None
    with reading(settings_of(config)) as node, progress("verifying", json_wanted=json) as tick:
        found = node.store.verify(expected=expected, progress=tick)
        with node.store.view() as db:
            blobs = erasing.audit(db, Blobs(node.settings.data / "blobs").has)
        positions = node.settings.data / POSITIONS
        lying = [str(each.path.relative_to(positions)) for each in left(node.store, positions)]
    faults = [finding.message for finding in found.findings]
    faults += [f"blob `{sha256}` is named by a record and missing: no entry erased it" for sha256 in blobs.missing]
    result = {
        "archive": {"left": lying},
        "blobs": {"erased_by": blobs.erased, "held": blobs.held, "missing": list(blobs.missing)},
        "entries": found.count,
        "erased": found.erased,
        "findings": [{"entry": finding.seq, "fault": finding.message} for finding in found.findings],
        "head": {"chain": found.head.chain.hex(), "seq": found.head.seq},
        "ok": not faults,
    }
    lines = faults[:_SHOWN_FINDINGS]
    if not faults:
        lines = [
            f"{found.count} entries verify, {found.erased} bodies erased by journalled acts; head {found.head.chain.hex()}",
            f"{blobs.held} blobs are held; {len(blobs.erased)} were erased",
            *(
                f"blob `{sha256}` was erased by entry {seq}"
                for sha256, seq in list(blobs.erased.items())[:_SHOWN_FINDINGS]
            ),
        ]
    lines += [
        f"`{name}` in the archive still holds positions that were withdrawn or have ended: `kizuna doctor` says what to do"
        for name in lying[:_SHOWN_FINDINGS]
    ]
    emit(result, json_wanted=json, lines=lines)
    if faults:
        raise JournalCorruptError(
            f"the journal has {len(faults)} faults: stop the node, keep the disk as it is, restore"
        )


def _head(text: str) -> Head:
    found = _HEAD(text)
    if found is None:
        raise RecordError(f"`{text[:80]}` is no head: write it as `seq:chain`, as `kizuna journal head` shows it")
    return Head(int(found[1]), bytes.fromhex(found[2]))


@app.command()
def head(config: Config = CONFIG, *, json: Json = False) -> None:
    """Show where the journal ends: note it elsewhere, and no tail can be cut unseen."""
    with reading(settings_of(config)) as node:
        found = node.store.head()
    emit({"chain": found.chain.hex(), "seq": found.seq}, json_wanted=json, lines=[f"{found.seq}:{found.chain.hex()}"])


@app.command()
def show(
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=1, help="The entry's number.")],
    *,
    body: Annotated[bool, typer.Option("--body", help="Show the body too, where it is text.")] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Show one entry."""
    with reading(settings_of(config)) as node:
        stored = next(iter(node.store.read(seq, 1)), None)
        last = node.store.head().seq
    if stored is None or stored.seq != seq:
        raise RefusedError(f"there is no entry `{seq}`: the journal ends at `{last}`")
    entry = stored.entry
    result: dict[str, Any] = {
        "at_ms": entry.at_ms,
        "body_bytes": len(entry.body) if entry.body is not None else None,
        "chain": stored.chain.hex(),
        "erased_by": stored.erased_by,
        "kind": entry.kind,
        "meta": entry.meta,
        "seq": seq,
    }
    if body and entry.body is not None:
        result["body"] = entry.body.decode("utf-8", "replace")
    lines = [
        f"entry {seq}, `{entry.kind}`, {shown_instant(entry.at_ms)}",
        *([f"its body was erased by entry {stored.erased_by}"] if stored.erased_by else []),
        jsonlib.dumps(entry.meta, indent=2, ensure_ascii=False),
        *([result["body"]] if "body" in result else []),
    ]
    emit(result, json_wanted=json, lines=lines)


@app.command()
def rebuild(config: Config = CONFIG, *, json: Json = False) -> None:
    """Throw away all tables made from the journal and make them anew; the node must be stopped."""
    settings = settings_of(config)
    lock = DataLock(settings.data)
    try:
        store = open_store(settings, projections(DOMAINS))
        try:
            with progress("rebuilding", json_wanted=json) as tick:
                store.rebuild(tick)
            entries = store.head().seq
        finally:
            store.close()
    finally:
        lock.release()
    emit({"entries": entries}, json_wanted=json, lines=[f"The tables are made anew from {entries} entries."])
