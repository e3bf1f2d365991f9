"""Both ways of reading tell the same: the compiled passes and the careful reader, row for row, reason for reason."""

import os
import random
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyais import messages

from kizuna.formats.ais import AisMessage, AisReader, decode
from kizuna.formats.ais_columns import ColumnReader
from kizuna.formats.ais_passes import Passes
from kizuna.formats.ais_tables import POSITIONS, STATICS, Columns, columns_of, joined
from kizuna.formats.nmea import REASONS, AisPayload
from kizuna.formats.nmea_tag import make_tag, xor_checksum

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("KIZUNA_SHARED", ROOT.parent / "shared"))
if not SHARED.exists():
    SHARED = ROOT.parents[1] / "shared"
NMEA = SHARED / "data" / "ais" / "nmea"
FILES = sorted(NMEA.iterdir()) if NMEA.is_dir() else []

ARMOUR = b"0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVW`abcdefghijklmnopqrstuvw"


def sentence(body: bytes, *, lower: bool = False) -> bytes:
    """Return a sentence with its checksum; `body` begins behind its first character."""
    return b"!%s*%s" % (body, (b"%02x" if lower else b"%02X") % xor_checksum(body))


class Bits:
    """Bits of a message in the order of their fields."""

    def __init__(self, kind: int, mmsi: int) -> None:
        self.value, self.length = 0, 0
        self.num(kind, 6).num(0, 2).num(mmsi, 30)

    def num(self, value: int, width: int) -> "Bits":
        self.value = self.value << width | value & (1 << width) - 1
        self.length += width
        return self

    def text(self, text: str, chars: int) -> "Bits":
        letters = "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_ !\"#$%&'()*+,-./0123456789:;<=>?"
        for letter in text.ljust(chars, "@"):
            self.num(letters.index(letter), 6)
        return self

    def armoured(self) -> tuple[bytes, int]:
        fill = -self.length % 6
        value = self.value << fill
        chars = (self.length + fill) // 6
        return bytes(ARMOUR[value >> 6 * k & 63] for k in range(chars - 1, -1, -1)), fill


def class_a(rng: random.Random, kind: int = 1) -> Bits:
    bits = Bits(kind, rng.randrange(1 << 30)).num(rng.randrange(16), 4).num(rng.randrange(256), 8)
    bits.num(rng.choice([0, 1, 1022, 1023, rng.randrange(1024)]), 10).num(1, 1)
    bits.num(rng.choice([181 * 600_000, rng.randrange(-(10**8), 10**8)]), 28).num(
        rng.randrange(-54_000_000, 54_100_000), 27
    )
    return bits.num(rng.choice([3599, 3600, rng.randrange(4096)]), 12).num(rng.choice([359, 511]), 9).num(0, 31)


def of_kind(rng: random.Random, kind: int) -> Bits:
    if kind <= 3:
        return class_a(rng, kind)
    bits = Bits(kind, rng.choice([rng.randrange(1 << 30), 980_000_123]))
    if kind == 5:
        bits.num(0, 2).num(rng.choice([0, 9_074_729]), 30).text("CALL1", 7).text(
            rng.choice(["A B@C ", " X", ""]), 20
        ).num(70, 8)
        bits.num(0x2A5A5A5A, 30).num(0, 4).num(rng.choice([24 << 6 | 60, rng.randrange(1 << 20)]), 20).num(55, 8)
        return bits.text("PORT", 20).num(0, 2)
    if kind == 24:
        return (
            bits.num(0, 2).text("PART A", 20)
            if rng.random() < 0.5
            else bits.num(1, 2).num(37, 8).num(0, 42).text("CB", 7).num(77, 36)
        )
    if kind == 27:
        length = rng.choice(
            [58, 58, 56, 55, 52, 64]
        )  # 96 bits on the air; shorter ones lose their course, then their position
        return bits.num(rng.getrandbits(length) & ~rng.choice([0, 63 << max(0, length - 47)]), length)
    return bits.num(rng.getrandbits(140 if kind != 21 else 230), 140 if kind != 21 else 230).num(0, 12)


STATIONS = (b"r003669945", b"a", b"rORBCOMM000", b"long" * 9, b"", b"b2003669981")


def lines_of(rng: random.Random, bits: Bits, at_s: int) -> list[bytes]:
    """Return the lines of a message in one of the ways in which feeds send them."""
    payload, fill = bits.armoured()
    way = rng.randrange(8)
    name = rng.choice(STATIONS).decode()
    parts = [payload[:60], payload[60:]] if len(payload) > 60 else [payload]
    sequence, channel = rng.choice([b"", b"1", b"2", b"12"]), rng.choice([b"A", b"B", b"", b"1"])
    sequence = sequence if len(parts) > 1 else b""
    out = []
    for k, part in enumerate(parts, 1):
        last = k == len(parts)
        body = b"%s,%d,%d,%s,%s,%s,%d" % (
            rng.choice([b"AIVDM", b"AIVDM", b"BSVDM", b"AIVDO"]) if rng.random() < 0.1 else b"AIVDM",
            len(parts), k, sequence, channel, part, fill if last else 0,
        )  # fmt: skip
        line = sentence(body, lower=rng.random() < 0.05)
        group = (k, len(parts), at_s % 97) if way == 1 or (way == 2 and len(parts) > 1) else None
        if way in (0, 1, 2):
            line = (make_tag(received_ms=at_s * 1000 + 7, station=name, group=group) if k == 1 or way == 0 else
                    b"\\g:2-2-%d*%02X\\" % (at_s % 97, xor_checksum(b"g:2-2-%d" % (at_s % 97)))) + line  # fmt: skip
        elif way == 3:
            line += b",%s,%d" % (rng.choice(STATIONS), at_s)
        elif way == 4 and k == 1:
            out.append(wrapper(line, at_s, exact=rng.random() < 0.9))
        out.append(line)
    return out


def wrapper(line: bytes, at_s: int, *, exact: bool) -> bytes:
    body = b"PGHP,1,2011,7,1,12,%d,%d,%d,219,0,,1,%s" % (
        at_s % 60,
        at_s % 60,
        at_s % 1000,
        line[-2:] if exact else b"00",
    )
    return b"$" + body + b"*%02X" % xor_checksum(body)


NOISE = (
    b"", b"# comment", b"$GPGGA,1,2*00", b"!AIVDM,1,1,,A", b"!ABVDM", b"garbage", b"  ", b"$PGHP,1", b"\\s:x*00\\!AIVDM,1,1,,A,1,0*00",
    b"!AIALR,1,2*11", b"\\s:a", b"$PGHP,1,2011,13,1,0,0,0,0,1,0,,1,3B*00", b"!AIVDM,2,2,1,A,88888888880,2*25", b"\xff\xfe",
    b"!AIVDM,1,1,,A,13u?etPv2;0n:dDPwUM1U1Cb069D,0*25",
)  # fmt: skip


def traffic(seed: int, count: int = 400, noise: float = 0.1) -> bytes:
    """Return lines of every kind and way, some of them wrong, doubled or out of their order."""
    rng = random.Random(seed)
    lines: list[bytes] = []
    for k in range(count):
        kind = rng.choice([*range(1, 28), 1, 1, 3, 3, 5, 5, 5, 18, 18, 24, 24, 27, 27, 27])
        made = lines_of(rng, of_kind(rng, kind), 1_300_000_000 + k // 5)  # so that TAG blocks repeat
        if rng.random() < noise:
            made.insert(rng.randrange(len(made) + 1), rng.choice(NOISE))
        if rng.random() < noise / 2:
            made = made[rng.randrange(len(made)) :] + made[:1]
        if rng.random() < noise / 2:
            spoilt = bytearray(made[0] or b"x")
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
            made[0] = bytes(spoilt)
        lines += made
    ends = [b"\r\n" if rng.random() < 0.5 else b"\n" for _ in lines]
    return b"".join(line + end for line, end in zip(lines, ends, strict=True))


def rows(columns: Columns) -> tuple[Any, ...]:
    """Return what was read in an order that both ways share."""
    return (
        Counter(tuple(row.values()) for row in columns.positions.to_pylist()),
        Counter(tuple(row.values()) for row in columns.statics.to_pylist()),
        Counter((each.reason, each.raw, each.msg_type) for each in columns.rejected),
    )


def both(data: bytes, cuts: list[int], passes: Any = None) -> None:
    """Read data cut into chunks both ways, and hold the results against each other."""
    careful = AisReader()
    wanted = [*careful.feed(data), *careful.close()]
    compiled = Passes() if passes is None else passes
    reader = ColumnReader(lambda: compiled)
    borders = [0, *cuts, len(data)]
    parts = [reader.feed(data[a:b]) for a, b in pairwise(borders)]
    found = joined([*parts, reader.close()])
    assert found.positions.schema == POSITIONS
    assert found.statics.schema == STATICS
    assert rows(found) == rows(columns_of(wanted))
    for name in ("lines", "not_ais", "messages_by_type", "rejected", "checksum_failed_by_type"):
        assert getattr(reader.counts, name) == getattr(careful.counts, name), name
    assert set(reader.counts.rejected) <= REASONS


@cache
def whole(path: Path) -> bytes:
    return path.read_bytes()


@pytest.mark.skipif(not FILES, reason="the shared recordings are not here (KIZUNA_SHARED)")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_recording_reads_the_same(path: Path) -> None:
    data = whole(path)
    both(data, [])
    both(data, list(range(0, len(data), 4099)))


@pytest.mark.parametrize("seed", range(12))
def test_traffic_of_every_kind_reads_the_same(seed: int) -> None:
    both(traffic(seed, noise=(0.0, 0.1, 0.4)[seed % 3]), [])


WAITS = b"$PGHP,1,2010,6,11,11,46,21,915,219,,2190074,1,74*2A\n"
SPOILT = b"!BSVDM,1,1,,A,13P:t=@0000hNCJQ1bj9412,1,1,,55WuF`026AqlcP;C3CH`4Lv222222222222222167p;661V1:`d0<1h,0*74\n"
NEWER = b"$PGHP,1,2010,6,11,11,46,21,904,219,,2190051,1,08*26\n"
GLUED = b"!BSVDM,1,1,,A,348@JR51@00v<T@O;<U:gT>`0000,0*08"


@pytest.mark.parametrize("behind", [b"\\g:1-1-83*00\\!AIVDM,1,1,,1,6>VV,2*46\n", b"\n", b" \n", b""])
def test_a_wrapper_that_waits_gives_way_to_a_newer_one(behind: bytes) -> None:
    """Found by mutation: the careful reader went on with a wrapper that the passes had seen replaced."""
    both(WAITS + SPOILT + NEWER + GLUED + behind, [len(WAITS + SPOILT + NEWER + GLUED)])
    plain = GLUED + b"\n"
    both(WAITS + SPOILT + NEWER + plain + SPOILT + plain, [len(WAITS + SPOILT + NEWER + plain)])
    both(WAITS + SPOILT + NEWER + plain + GLUED[:-4] + behind, [len(WAITS + SPOILT + NEWER + plain)])


@pytest.mark.parametrize("at", range(2, 9))
@pytest.mark.parametrize("value", [b"99999999999999999999", b"-1", b"0", b"2147483648", b"4294967297", b""])
def test_no_number_of_a_wrapper_ends_the_reading(at: int, value: bytes) -> None:
    """Found by mutation: a month of twenty digits was an error of another kind, which no reader caught."""
    fields = b"PGHP,1,2010,6,11,11,46,21,904,219,,2190051,1,08".split(b",")
    fields[at] = value
    body = b",".join(fields)
    both(b"$%s*%02X\n" % (body, xor_checksum(body)) + GLUED + b"\n", [])


def test_a_border_at_every_byte_changes_nothing() -> None:
    data = traffic(99, count=14, noise=0.3)
    for cut in range(len(data)):
        both(data, [cut])


@pytest.mark.parametrize("size", [1, 7, 61, 1000])
def test_chunks_of_every_size_change_nothing(size: int) -> None:
    data = traffic(5, count=120)
    both(data, list(range(size, len(data), size)))


@settings(deadline=None, max_examples=150)
@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=3), st.integers(0, 3)), max_size=25),
)
def test_mutated_traffic_reads_the_same(seed: int, changes: list[tuple[int, bytes, int]]) -> None:
    data = bytearray(traffic(seed, count=40))
    for at, new, gone in changes:
        data[at % len(data) : at % len(data) + gone] = new
    both(bytes(data), [len(data) // 3])


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from([*NOISE, *traffic(3, count=30).splitlines()]) | st.binary(max_size=60), max_size=30))
def test_lines_in_any_order_read_the_same(lines: list[bytes]) -> None:
    both(b"\n".join(lines), [])


def test_a_line_without_an_end_does_not_grow() -> None:
    reader = ColumnReader(Passes)
    for _ in range(50):
        reader.feed(b"!" * 1000)
    assert reader.counts.rejected == {"too-long": 1}
    both(b"!" * 5000 + b"\n" + traffic(1, count=20), [1500, 3000, 5000, 5001])
    both(traffic(1, count=20) + b"!" * 1500 + b"\n" + traffic(2, count=20), [])


def test_the_passes_take_over_in_the_middle_of_a_line() -> None:
    data = traffic(8, count=200)
    for begin in (100, 1000, 5003):
        careful = AisReader()
        wanted = [*careful.feed(data), *careful.close()]
        ready: list[Passes] = []
        reader = ColumnReader(lambda ready=ready: ready[0] if ready else None)
        first = reader.feed(data[:begin])
        ready.append(Passes())
        found = joined([first, reader.feed(data[begin:]), reader.close()])
        assert rows(found) == rows(columns_of(wanted))
        assert reader.counts == careful.counts


def test_a_message_that_was_left_to_the_careful_reader_once_is_not_left_to_it_for_ever() -> None:
    """Found by a feed whose sequence numbers come again within seconds: every message of two sentences was read the careful way."""
    left: list[int] = []

    class Counting(Passes):
        def slow_lines(self) -> list[Any]:
            found = super().slow_lines()
            left.append(len(found))
            return found

    halves = halves_of("ship1")
    reader = ColumnReader(Counting)
    reader.feed(halves[0] + b"garbage\n")  # its halves do not adjoin
    for _ in range(3):
        reader.feed(halves[1] + halves[0] + b"garbage\n")
    assert left[-1] == 3, "it is open still: nothing of it may be taken here"
    reader.feed(halves[1])
    reader.feed(b"".join(halves))
    assert left[-1] == 0
    assert reader.counts.messages_by_type == {5: 5}
    far = halves_of("a-station-of-a-long-name")
    for other in (far, halves_of("")):
        both(halves[0] + b"garbage\n" + other[0] + other[1] + halves[1] + b"".join(halves + other) * 2, [90, 400])


def halves_of(station: str) -> list[bytes]:
    payload, fill = of_kind(random.Random(1), 5).armoured()
    tag = make_tag(received_ms=1_300_000_000_007, station=station, group=None)
    parts = [b"AIVDM,2,1,3,A,%s,0" % payload[:60], b"AIVDM,2,2,3,A,%s,%d" % (payload[60:], fill)]
    return [tag + sentence(part) + b"\n" for part in parts]


BINARY = [(6, 72, *key) for key in messages._MSG6_VARIANTS] + [
    (8, 40, *key) for key in messages._MSG8_VARIANTS
]  # what is looked into


@pytest.mark.parametrize(("kind", "at", "dac", "fid"), [*BINARY, (6, 72, 999, 1), (8, 40, 999, 1)])
def test_whatever_a_binary_message_holds_pyais_reads_it(kind: int, at: int, dac: int, fid: int) -> None:
    """On this the passes rely, which count such messages without looking into them."""
    rng = random.Random(f"{kind} {dac} {fid}")
    for length in [*range(88, 130), *rng.sample(range(130, 1000), 40)]:
        bits = Bits(kind, 1).num(rng.getrandbits(at - 38), at - 38).num(dac, 10).num(fid, 6)
        bits.num(rng.choice([rng.getrandbits(length), 0, -1]), length - at - 16)
        payload, fill = bits.armoured()
        read = decode(
            AisPayload(payload, fill, None, None, "AI", own_ship=False, channel="A", checksum_ok=True, raw=b"")
        )
        assert isinstance(read, AisMessage)
