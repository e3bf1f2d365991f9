"""Reading instruments from files: what is read, and that each fault says `file:line`, the field and the remedy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kizuna.errors import ConfigError, RecordError
from kizuna.kernel import canonical
from kizuna.kernel.instrument import EquivalenceRow, EquivalenceTable, Instrument, limited_date
from kizuna.kernel.instrument_check import check, faults
from kizuna.kernel.instrument_file import load_partnership

INSTRUMENT = """\
[instrument]
id = "arrangement"
title = "Arrangement"
kind = "implementing-arrangement"
parties = ["ind", "jpn"]
signed_on = "2018-10"
basis = "primary"

[[citation]]
source = "https://example.org/text"
"""
RULES = """\
[rules]
instrument = "arrangement"
basis = "example"
in_force_on = "2018-10-29"
scopes = ["milan"]

[[provision]]
id = "positions"
effect = "permits"
from = "ind"
to = "jpn"
record_types = ["maritime.position-batch.v1"]
purposes = ["maritime-domain-awareness"]
discloses = ["chunks", "@node"]
equivalence = "table@1"
lane = "bulk"

[provision.max_classification]
"jpn.v1" = 1

[provision.obligations]
delay_ms = 1000
areas = [
  { name = "box", south = -1.5, west = 80, north = 23, east = 95.000005 },
]

[[provision]]
id = "own-units"
effect = "forbids"
from = "ind"
to = "jpn"
record_types = ["maritime.own-unit-batch.v1"]

[[equivalence]]
id = "table"
version = "1"
from_policy = "ind.v1"
to_policy = "jpn.v1"
rows = [[0, [0]], [1, [1, 2]]]
rows_back = [[0, [0]], [1, [1]], [2, [1]]]
"""
KNOWN = {"maritime.position-batch.v1": frozenset({"chunks", "row_count"})}


def load(rules: str = RULES, instrument: str = INSTRUMENT) -> Instrument:
    (made,) = load_partnership([("arrangement.toml", instrument), ("rules.toml", rules)], KNOWN)
    return made


def test_a_file_and_its_rules_make_one_instrument() -> None:
    made = load()
    assert made.in_force_on == limited_date("2018-10-29")
    assert made.signed_on == limited_date("2018-10")
    assert made.scopes == ("milan",)
    assert made.basis == "example"
    assert [provision.basis for provision in made.provisions] == ["example", "example"]
    area = made.provisions[0].obligations.areas[0]
    assert (area.south_600000, area.east_600000) == (-900_000, 57_000_003)
    assert [(t.from_policy, t.to_policy, t.translate(1)) for t in made.tables] == [
        ("ind.v1", "jpn.v1", 2),
        ("jpn.v1", "ind.v1", 1),
    ]
    assert canonical.decode(canonical.encode(made), type=Instrument) == made
    check(made, KNOWN)


def test_without_rules_nothing_is_in_force_and_nothing_provided() -> None:
    (made,) = load_partnership([("arrangement.toml", INSTRUMENT)])
    assert made.in_force_on.bounds() is None
    assert made.provisions == ()


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ('lane = "bulk"', 'lane = "slow"', "rules.toml:16", "`lane`: `slow` is unknown: use one of flash"),
        ('"chunks", "@node"', '"chunk"', "rules.toml:14", "has no field `chunk`: it has chunks, row_count"),
        ('"chunks", "@node"', '"@digest"', "rules.toml:14", "`@digest` is no header fact"),
        ('effect = "permits"', 'effect = "allows"', "rules.toml:9", "`allows` is unknown"),
        (
            'to = "jpn"\nrecord_types = ["maritime.p',
            'to = "aus"\nrecord_types = ["maritime.p',
            "rules.toml:10",
            "parties ind, jpn",
        ),
        ('"maritime.own-unit-batch.v1"', '"own-units"', "rules.toml:32", "`own-units` is no record type with version"),
        (
            'purposes = ["maritime-domain-awareness"]',
            "purposes = []",
            "rules.toml:13",
            "is empty, so it would permit nothing",
        ),
        ("table@1", "table@2", "rules.toml:15", "no table `table@2` into `jpn.v1`"),
        ("delay_ms = 1000", "delay_ms = -1", "rules.toml:22", "is negative"),
        ("delay_ms = 1000", "delay_ms = 1.5", "rules.toml:22", "expected `int`"),
        ("delay_ms = 1000", 'delay_min = "1"', "rules.toml:22", "unknown field"),
        ("south = -1.5", "south = 24", "rules.toml:23", "south must lie below its north"),
        ("south = -1.5", "south = 0.0000001", "rules.toml:23", "steps of 1/600000"),
        ("south = -1.5, ", "", "rules.toml:23", "an area has east, north, south, west"),
        ('id = "own-units"', 'id = "positions"', "rules.toml:8", "stands twice"),
        ('effect = "forbids"\n', 'effect = "forbids"\npurposes = ["x"]\n', "rules.toml:30", "holds for every purpose"),
        ('lane = "bulk"', 'scope = "relief"', "rules.toml:16", "`relief` is not among the instrument's scopes"),
        ('"jpn.v1" = 1', '"jpn.v1" = 99', "rules.toml:18", "`99` is not between 0 and 15"),
        ('"jpn.v1" = 1', "", "rules.toml:18", "the recipient's one marking policy"),
        ("[1, [1, 2]]", "[1, [1, 2]], [2, [0]]", "rules.toml:39", "row `2` translates lower than row `1`"),
        ("[2, [1]]]", "[2, [1]], [3, [0]]]", "rules.toml:40", "row `3` translates lower than row `2`"),
        ("[1, [1]], [2, [1]]]", "[1, [0]], [2, [0]]]", "rules.toml:39", "comes back as `0`, which is lower"),
        ("[1, [1]], [2, [1]]]", "[1, [1]]]", "rules.toml:39", "no row on the way back"),
        ("rows_back = [[0, [0]], [1, [1]], [2, [1]]]", "", "rules.toml:39", "give both directions"),
        ("[1, [1, 2]]", "[1, 2]", "rules.toml:39", "is not [grade, [grades]]"),
        ('in_force_on = "2018-10-29"', 'in_force_on = "2018-10-32"', "rules.toml:4", "is not in the calendar"),
        ('in_force_on = "2018-10-29"', 'in_force = "2018"', "rules.toml:4", "unknown field"),
        ('instrument = "arrangement"', 'instrument = "arangement"', "rules.toml:2", "`arangement` is in no file here"),
        ("[[equivalence]]", "[[equivalense]]", "rules.toml:34", "is no table of this format"),
        ("[rules]", "[rules", "rules.toml:1", "not toml"),
        ('from = "ind"\n', "", "rules.toml:7", "`from` is missing"),
    ],
)
def test_a_fault_says_file_line_field_and_remedy(old: str, new: str, where: str, says: str) -> None:
    assert old in RULES
    with pytest.raises(ConfigError) as raised:
        load(RULES.replace(old, new, 1))
    assert raised.value.where == where, str(raised.value)
    assert says.lower() in str(raised.value).lower()


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ('kind = "implementing-arrangement"', 'kind = "pact"', "arrangement.toml:4", "`pact` is unknown"),
        ('["ind", "jpn"]', '["ind"]', "arrangement.toml:5", "two or more different parties"),
        ('["ind", "jpn"]', '["ind", "JPN"]', "arrangement.toml:5", "lower-case"),
        ('signed_on = "2018-10"', "signed_on = 2018-13-01", "arrangement.toml:6", "not toml"),
        ('title = "Arrangement"', "", "arrangement.toml:1", "`title` is missing"),
        ('title = "Arrangement"', "title = 3", "arrangement.toml:3", "expected `str`"),
        (
            'title = "Arrangement"',
            'supersedes = "arrangement"\ntitle = "x"',
            "arrangement.toml:3",
            "cannot supersede itself",
        ),
        ('title = "Arrangement"', 'titel = "x"\ntitle = "x"', "arrangement.toml:3", "unknown field"),
    ],
)
def test_a_fault_of_the_instrument_itself(old: str, new: str, where: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(instrument=INSTRUMENT.replace(old, new, 1))
    assert raised.value.where == where, str(raised.value)
    assert says in str(raised.value)


def test_supersession_has_no_circle_and_ids_are_given_once() -> None:
    one = INSTRUMENT.replace('basis = "primary"', 'basis = "primary"\nsupersedes = "b"').replace('"arrangement"', '"a"')
    two = INSTRUMENT.replace('basis = "primary"', 'basis = "primary"\nsupersedes = "a"').replace('"arrangement"', '"b"')
    with pytest.raises(ConfigError, match="circle"):
        load_partnership([("a.toml", one), ("b.toml", two)])
    with pytest.raises(ConfigError, match=r"is also in a\.toml"):
        load_partnership([("a.toml", one), ("b.toml", one)])


@given(st.text(max_size=60))
def test_any_text_gives_an_instrument_or_a_config_error(text: str) -> None:
    for document in (text, RULES[: len(text) * 12] + text):
        try:
            load_partnership([("arrangement.toml", INSTRUMENT), ("rules.toml", document)], KNOWN)
        except ConfigError as error:
            assert error.where  # noqa: PT017 # which error is the matter


@pytest.mark.parametrize(
    ("line", "key"),
    [(i, line.split(" = ")[0]) for i, line in enumerate(RULES.splitlines()) if " = " in line and "{" not in line],
)
@pytest.mark.parametrize(
    "value", ["1", "-1", '""', '"x"', "[]", "[1]", "{}", "{ x = 1 }", "true", "1.5", "2020-01-01", "[[]]", "[{}]"]
)
def test_any_wrong_value_gives_a_config_error_or_an_instrument(line: int, key: str, value: str) -> None:
    lines = RULES.splitlines()
    lines[line] = f"{key} = {value}"
    try:
        load("\n".join(lines))
    except ConfigError as error:
        assert error.where.startswith("rules.toml:")  # noqa: PT017 # which error is the matter


rows = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=3), min_size=1, max_size=5)


def tables(there: list[list[int]], back: list[list[int]]) -> Instrument:
    def table(source: str, target: str, given_: list[list[int]]) -> EquivalenceTable:
        made = tuple(EquivalenceRow(from_level=level, to_levels=tuple(to)) for level, to in enumerate(given_))
        return EquivalenceTable(basis="example", from_policy=source, id="t", rows=made, to_policy=target, version="1")

    return Instrument(
        basis="example",
        id="i",
        kind="treaty",
        parties=("ind", "jpn"),
        tables=(table("a", "b", there), table("b", "a", back)),
        title="i",
    )


@given(rows, rows)
def test_an_accepted_table_is_monotone_and_there_and_back_never_lowers(
    there: list[list[int]], back: list[list[int]]
) -> None:
    made = tables(there, back)
    found = list(faults(made))
    one, other = made.tables
    images = [one.translate(level) for level in range(len(there))]
    again = [other.translate(image) if image is not None else None for image in images]
    sound = all(a is not None and a >= level for level, a in enumerate(again)) and images == sorted(images, key=int)
    backward = [other.translate(level) for level in range(len(back))]
    returned = [one.translate(image) if image is not None else None for image in backward]
    sound = (
        sound
        and all(a is not None and a >= level for level, a in enumerate(returned))
        and backward == sorted(backward, key=int)
    )
    assert (not found) == sound
    if found:
        with pytest.raises(RecordError):
            check(made)
