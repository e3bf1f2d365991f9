"""The line layer: assembly, times, and what is set aside and why."""

from functools import reduce
from operator import xor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyais.messages import MSG_CLASS

from kizuna.formats import nmea
from kizuna.formats.ais import KNOWN_TYPES, AisMessage, AisReader
from kizuna.formats.nmea import MAX_LINE_BYTES, MAX_PENDING, REASONS, AisLineReader, AisPayload, Rejected
from kizuna.formats.nmea_tag import make_tag, parse_tag, parse_time, xor_checksum
from kizuna.formats.positions_arrow import canonical_ipc, from_reports

SINGLE = b"!AIVDM,1,1,,A,13HOI:0P0000VOHLCnHQKwvL05Ip,0*23"


def line(body: str, tag: str = "") -> bytes:
    head = b"\\%s*%02X\\" % (tag.encode(), xor_checksum(tag.encode())) if tag else b""
    return head + b"!%s*%02X\n" % (body.encode(), xor_checksum(body.encode()))


def run(data: bytes) -> tuple[list[AisPayload], list[Rejected], AisLineReader]:
    reader = AisLineReader()
    items = reader.feed(data) + reader.close()
    payloads = [item for item in items if isinstance(item, AisPayload)]
    return payloads, [item for item in items if isinstance(item, Rejected)], reader


def reasons(data: bytes) -> list[str]:
    return [item.reason for item in run(data)[1]]


@given(st.binary(max_size=1024))
def test_folded_checksum_is_the_xor_of_all_bytes(data: bytes) -> None:
    assert xor_checksum(data) == reduce(xor, data, 0)


def test_a_plain_line_is_one_payload() -> None:
    payloads, rejected, reader = run(SINGLE + b"\r\n")
    assert payloads == [AisPayload(b"13HOI:0P0000VOHLCnHQKwvL05Ip", 0, None, None, "AI", False, "A", True, SINGLE)]
    assert (rejected, reader.lines) == ([], 1)


def test_own_ship_and_other_talkers_are_told() -> None:
    payload = run(line("BSVDO,1,1,,,13HOI:0P0000VOHLCnHQKwvL05Ip,0"))[0][0]
    assert (payload.talker, payload.own_ship, payload.channel) == ("BS", True, "")


def test_blank_lines_comments_and_other_sentences_are_no_faults() -> None:
    _, rejected, reader = run(b"\n# said the harbour\n$GPRMC,123519,A*00\n!AIABM,1*00\n")
    assert (rejected, reader.not_ais, reader.lines) == ([], 2, 4)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (SINGLE[:-2] + b"24\n", "checksum"),
        (SINGLE[:-3] + b"\n", "checksum"),
        (b"!AIVDM,1,1,,A,13HOI\n", "malformed"),
        (b"hello world\n", "malformed"),
        (line("AIVDM,1,2,,A,13HOI,0"), "malformed"),
        (line("AIVDM,1,1,,A,13HOI,6"), "malformed"),
        (b"!AIVDM,1,1,,\xff,13HOI,0*00\n", "malformed"),
        (b"\\s:x*00" + SINGLE + b"\n", "malformed"),
        (line("AIVDM,1,1,,A," + "1" * 201 + ",0"), "too-long"),
        (b"!" + b"A" * MAX_LINE_BYTES + b"\n", "too-long"),
        (line("AIVDM,2,2,1,A,13HOI,0"), "incomplete-multipart"),
        (line("AIVDM,2,1,1,A,13HOI,0"), "incomplete-multipart"),
        (line("AIVDM,1,1,,A,,0"), "payload"),
        (line("AIVDM,1,1,,A,13HOI~,0"), "payload"),
        (line("AIVDM,1,1,,A,w3HOI:0P0000,0"), "unsupported-type"),
        (line("AIVDM,1,1,,A,H3HOI:4000000000000000000000,0"), None),
    ],
)
def test_faults_have_their_reason(data: bytes, reason: str | None) -> None:
    reader = AisReader()
    items = reader.feed(data) + reader.close()
    assert [item.reason for item in items if isinstance(item, Rejected)] == ([reason] if reason else [])
    assert sum(reader.counts.rejected.values()) == (reason is not None)


def test_a_wrong_tag_block_is_dropped_and_its_sentence_kept() -> None:
    payloads, rejected, _ = run(b"\\s:rec,c:1565218798*00\\" + SINGLE + b"\n")
    assert (payloads[0].received_ms, payloads[0].station) == (None, None)
    assert rejected == [Rejected("tag-checksum", b"s:rec,c:1565218798*00")]


@pytest.mark.parametrize(
    ("field", "ms"),
    [
        (b"1565218798", 1565218798000),
        (b"1565218798123", 1565218798123),
        (b"", None),
        (b"-5", None),
        (b"15652187981230", None),
        (b"1.5", None),
    ],
)
def test_tag_times_are_seconds_or_milliseconds(field: bytes, ms: int | None) -> None:
    assert parse_time(field) == ms


def test_a_made_tag_reads_back() -> None:
    block = make_tag(received_ms=1_700_000_000_123, station="sim-1", group=(1, 2, 77))
    tag = parse_tag(block[1:-1])
    assert tag is not None
    assert (tag.received_ms, tag.station, tag.group) == (1_700_000_000_123, "sim-1", "77")


def test_the_suffix_gives_station_and_time() -> None:
    payload = run(SINGLE + b",d-109,S2105,t050056.00,r003669946,1325394060,1325394001\n")[0][0]
    assert (payload.received_ms, payload.station) == (1325394060000, "r003669946")


def test_a_wrapper_dates_only_the_sentence_that_it_names() -> None:
    wrapper = b"PGHP,1,2008,5,9,0,0,0,10,338,2,,1,23"
    lines = b"$%s*%02X\n" % (wrapper, xor_checksum(wrapper))
    other = line("AIVDM,1,1,,B,13HOI:0P0000VOHLCnHQKwvL05Ip,0")
    payloads, _, _ = run(lines + SINGLE + b"\n" + SINGLE + b"\n" + lines + other)
    assert [p.received_ms for p in payloads] == [1210291200010, None, None]


@pytest.mark.parametrize(
    "time", [b"1969,5,9,0,0,0,10", b"2008,5,9,0,0,0,1000", b"2008,13,9,0,0,0,10", b"2008,5,9,0,0,0,x"]
)
def test_impossible_wrapper_times_are_no_times(time: bytes) -> None:
    wrapper = b"PGHP,1,%s,338,2,,1,23" % time
    payload = run(b"$%s*%02X\n" % (wrapper, xor_checksum(wrapper)) + SINGLE)[0][0]
    assert payload.received_ms is None


def test_parts_take_time_and_station_from_the_first() -> None:
    first = line("AIVDM,2,1,9,,5815Njh2Bah1KL7CGG<HUHu>222222222222221,0", "g:1-2-7218,s:117,c:1668046497")
    second = line("AIVDM,2,2,9,,lljFDjp88888880,2", "g:2-2-7218")
    payload = run(first + second)[0][0]
    assert (payload.received_ms, payload.station, payload.fill_bits) == (1668046497000, "117", 2)


def test_stations_that_share_a_sequence_id_are_kept_apart() -> None:
    lines = [
        line("AIVDM,2,1,3,A,5first00,0", "g:1-2-11,s:east,c:1700000000"),
        line("AIVDM,2,1,3,A,5second0,0", "g:1-2-12,s:west,c:1700000001"),
        line("AIVDM,2,2,3,A,east,0", "g:2-2-11"),
        line("AIVDM,2,2,3,A,west,0", "g:2-2-12"),
    ]
    payloads, rejected, _ = run(b"".join(lines))
    assert [p.payload for p in payloads] == [b"5first00east", b"5second0west"]
    assert rejected == []


def test_old_and_far_parts_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    first = line("AIVDM,2,1,3,A,5first,0", "s:a,c:1700000000")
    late = line("AIVDM,2,2,3,A,late,0", "s:a,c:1700000061")
    assert reasons(first + late) == ["incomplete-multipart"] * 2
    monkeypatch.setattr(nmea, "MAX_AGE_LINES", 3)
    assert reasons(first + (SINGLE + b"\n") * 3 + line("AIVDM,2,2,3,A,x,0", "s:a")) == ["incomplete-multipart"] * 2


def test_the_table_of_open_messages_is_bounded() -> None:
    lines = [line("AIVDM,2,1,1,A,5x,0", f"s:r{n}") for n in range(MAX_PENDING + 5)]
    reader = AisLineReader()
    assert len(reader.feed(b"".join(lines))) == 5
    assert len(reader.close()) == MAX_PENDING


def test_an_endless_line_costs_no_memory_and_the_next_is_read() -> None:
    reader = AisLineReader()
    items = [item for _ in range(50) for item in reader.feed(b"x" * 1000)]
    items += reader.feed(b"\n" + SINGLE + b"\n")
    assert [type(item) for item in items] == [Rejected, AisPayload]


FRAGMENTS = st.sampled_from(
    [
        SINGLE,
        b"\n",
        b"\\",
        b"!AIVDM,",
        b"2,1,1,A,",
        b"$PGHP,1,2008,5,9,0,0,0,10,338,2,,1,23*17",
        b"*",
        b"g:1-2-3",
        b"\xff",
        b",,,",
    ]
)


@given(st.lists(FRAGMENTS | st.binary(max_size=12), max_size=30).map(b"".join), st.integers(1, 40))
@example(b"!AIVDM,1,1,,A,1,0*47\n", 5)
@example(b" " * 1024 + b"\r\n" + b"x" * 1025 + b"\n" + SINGLE, 7)
def test_any_bytes_give_only_counted_reasons(data: bytes, chunk: int) -> None:
    reader = AisReader()
    items = [item for i in range(0, len(data), chunk) for item in reader.feed(data[i : i + chunk])]
    items += reader.close()
    whole = AisReader()
    assert items == whole.feed(data) + whole.close()
    assert reader.counts == whole.counts
    rejected = [item for item in items if isinstance(item, Rejected)]
    assert {item.reason for item in rejected} <= REASONS
    assert len(rejected) == sum(reader.counts.rejected.values())


@given(
    st.text("0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVW`abcdefghijklmnopqrstuvw", min_size=1, max_size=90),
    st.integers(0, 5),
)
def test_any_payload_is_a_message_or_has_a_reason(payload: str, fill_bits: int) -> None:
    reader = AisReader()
    (item,) = reader.feed(line(f"AIVDM,1,1,,A,{payload},{fill_bits}"))
    if isinstance(item, Rejected):
        assert item.reason in REASONS
        return
    assert isinstance(item, AisMessage)
    if item.position is not None:
        canonical_ipc(from_reports([item.position], received_ms=0))
    if item.position is not None and item.position.lon_600000 is not None:
        assert abs(item.position.lon_600000) <= 180 * 600_000


@given(st.integers(0, len(SINGLE) - 1), st.integers(1, 255))
def test_no_flipped_byte_passes_the_checksum(at: int, flip: int) -> None:
    damaged = bytearray(SINGLE)
    damaged[at] ^= flip
    reader = AisReader()
    reader.feed(bytes(damaged) + b"\n")
    assert bytes(damaged[-2:]).upper() == b"23" or not reader.counts.messages_by_type
    if at < len(SINGLE) - 3:
        assert not reader.counts.messages_by_type


def test_the_message_types_that_are_judged_are_those_that_pyais_knows() -> None:
    assert set(KNOWN_TYPES) == set(MSG_CLASS)
