"""Every reader of outside bytes: of a good input cut, flipped, doubled and spliced it makes a reading or one of our errors, at once."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from random import Random

import openpyxl
import pytest

from kizuna.errors import KizunaError, RecordError
from kizuna.formats import csv_table, positions_arrow, spif, stanag4774, stanag4778, xlsx_table
from kizuna.kernel import bundle, canonical, instrument_check, keys, note, record, sign
from kizuna.kernel.channel import wire
from kizuna.kernel.instrument import Instrument
from kizuna.kernel.instrument_file import load_partnership
from kizuna.node import effects as fx
from kizuna.node.keys import renewal
from kizuna.node.settings import parse_settings
from kizuna.web import bodies, tls
from kizuna.web.api.release import HaltAsked
from tests.sim.world import note as said
from tests.sim.world import pair
from tests.web.harness import make_tls

VECTORS = Path(__file__).parents[1] / "vectors" / "label"
TRIES = 150
MOST_S = 20.0
"""For all tries of one reader: a reader that hangs on one of them is far beyond, a slow machine is not."""
Reader = Callable[[bytes], object]
SETTINGS = b'node = "ind/delhi"\nparty = "ind"\ndata = "data"\nkeys = "keys"\n[partners]\nlisten = "127.0.0.1:1"\n[users]\nlisten = "127.0.0.1:2"\n'
COLUMNS = ("item", "quantity")


def mutated(good: bytes, rng: Random) -> bytes:
    """Return a good input with one to three things done to it."""
    data = bytearray(good)
    for _ in range(rng.randrange(1, 4)):
        at, length = rng.randrange(len(data) + 1), rng.choice((1, 2, 8, 64, 1_000))
        part = bytes(data[at : at + length])
        match rng.randrange(6):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = part * rng.choice((1, 2, 50))
            case 3:
                del data[at:]
            case 4:
                data[at:at] = rng.choice(
                    (b"\0", b"[" * 3_000, b'{"a":' * 900, b"9" * 400, b"\xff\xfe", b'"', b"&a;", b"\xed\xa0\x80")
                )
            case _:
                other = rng.randrange(len(data) + 1)
                data[other : other + len(part)] = part
    return bytes(data)


@pytest.fixture(scope="module")
def readers() -> dict[str, tuple[bytes, Reader]]:
    """Return for each kind of outside bytes a good one, and what reads it."""
    federation, india, japan, made = pair("foreign bytes")
    (one,) = india.do(fx.Say((said("a note", "ind", "jpn"),)))
    federation.run(5_000)
    ((body,),) = india.store.query(
        "SELECT b.body FROM record r JOIN journal_body b ON b.seq = r.seq WHERE r.id = ?", (one.record_id,)
    )
    ((checkpoint,),) = india.store.query("SELECT note FROM channel_out")
    header = next(
        header
        for (header,) in india.store.query("SELECT header FROM journal_entry")
        if b'"kind":"released"' in bytes(header)
    )
    leaf = canonical.decode(bytes(header))["meta"]["header"].encode()
    message = next(
        data for sender, _, data in federation.wire if sender == "ind/delhi" and one.record_id.encode()[:0] == b""
    )
    card = india.card()
    carried = india.do(fx.ExportBundle("jpn/yokosuka", federation.now_ms + 3_600_000, "officer:1:liaison"))
    sealing = {bundle.sealing_key_id(bundle.sealing_public(japan.identity.seal_private)): japan.identity.seal_private}
    key, now_ms = india.identity.keys["bundle"].public, federation.now_ms
    keyset = canonical.encode(india.identity.keyset)
    treaty = canonical.encode(made)
    request = renewal.sign_request(renewal.read_request(canonical.encode(renewal.Request(None, ()))), india.root)
    federation.close()
    workbook = xlsx_table.write(COLUMNS, [("fuel", "1"), ("water", "2")], "order", "A")
    policy = (VECTORS / "policy.xml").read_bytes()
    return {
        "envelope": (keyset, sign.read_envelope),
        "key set": (keyset, lambda data: keys.read_keyset(sign.read_envelope(data), india.root.public)),
        "record": (bytes(body), record.read),
        "checkpoint": (bytes(checkpoint), note.parse_note),
        "entry header": (leaf, wire.decode_header),
        "message": (message, wire.unpack_message),
        "bundle": (carried, lambda data: bundle.open_bundle(data, "jpn/yokosuka", sealing, now_ms, lambda *_: key)),
        "card": (card, keys.read_card),
        "instrument": (treaty, lambda data: instrument_check.check(canonical.decode(data, type=Instrument))),
        "signed request": (request, renewal.read_signed),
        "http body": (b'{"on":true,"reason":"a test"}', lambda data: bodies.parse(data, HaltAsked)),
        "label policy": (policy, spif.read),
        "label": (LABEL, stanag4774.read),
        "binding": (stanag4778.bind((stanag4774.read(LABEL),), b"data", stanag4778.ENCAPSULATING, "text/plain"), stanag4778.read),
        "csv": (b"item,quantity\nfuel,1\n", lambda data: list(csv_table.read(data.decode("utf-8", "replace"), COLUMNS, COLUMNS))),
        "xlsx": (workbook, lambda data: list(xlsx_table.read(data, COLUMNS, COLUMNS))),
        "positions": (positions_arrow.canonical_ipc(positions_arrow.empty()), positions_arrow.parse_ipc),
        "settings": (SETTINGS, lambda data: parse_settings(data.decode("utf-8", "replace"), "node.toml", Path())),
        "instrument file": (TREATY, _treaties),
    }  # fmt: skip


TREATY = (
    files("kizuna.domains.instruments") / "bundled" / "india-japan" / "2006-joint-statement-defence.toml"
).read_bytes()
LABEL = (VECTORS / "open.xml").read_bytes()


def _treaties(data: bytes) -> object:
    return load_partnership([("a.toml", data.decode("utf-8", "replace"))])


NAMES = (
    "envelope", "key set", "record", "checkpoint", "entry header", "message", "bundle", "card", "instrument", "signed request", "http body",
    "label policy", "label", "binding", "csv", "xlsx", "positions", "settings", "instrument file",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_changed_only_our_errors_come(readers: dict[str, tuple[bytes, Reader]], name: str) -> None:
    good, read = readers[name]
    rng = Random(f"foreign/{name}")
    begun = time.thread_time()
    refused = 0
    for _ in range(TRIES):
        try:
            read(mutated(good, rng))
        except KizunaError:
            refused += 1
    assert refused > TRIES // 10
    assert time.thread_time() - begun < MOST_S, "no bytes keep a reader busy"


def test_a_certificate_that_was_changed_is_refused_by_our_error(tmp_path: Path) -> None:
    pem, rng = make_tls(tmp_path, "node").certificate.read_bytes(), Random("certificate")
    for _ in range(TRIES):
        with contextlib.suppress(KizunaError):
            tls.read_certificate(mutated(pem, rng))


def test_one_cell_far_out_fills_no_memory() -> None:
    """A workbook of a few kilobytes that says that it reaches to the last row and column."""
    book = openpyxl.Workbook()
    book.active.cell(row=1, column=1, value="item")
    book.active.cell(row=1_048_576, column=16_384, value="x")
    out = io.BytesIO()
    book.save(out)
    assert len(out.getvalue()) < 20_000
    with pytest.raises(RecordError, match="rows"):
        list(xlsx_table.read(out.getvalue(), COLUMNS, ("item",)))
