"""Settings: what is well-formed is read, and whatever is not is told with its line."""

from pathlib import Path

import pytest

from kizuna.errors import ConfigError
from kizuna.node.settings import host_port, parse_settings, read_settings

FOLDER = Path("/etc/kizuna")
GOOD = """\
node = "ind/fusion-delhi"
data = "data"
keys = "/srv/keys"
high_water = "high-water/marks.json"
own_units = [419000001]

[partners]
listen = "0.0.0.0:7443"
address = "node.example:7443"

[limits]
pull_entries = 500

[[feeds]]
source = "coast"
kind = "udp"
address = "127.0.0.1:10110"
label = { policy = "ind.example.v1", classification = 0, releasable_to = ["jpn"], purposes = ["maritime-domain-awareness"] }

[[feeds]]
source = "archive"
kind = "file"
path = "ais.nmea"
[feeds.label]
policy = "ind.example.v1"
classification = 1

[[areas]]
name = "strait"
south = 1
west = 103.5
north = 2
east = 104

[[retention]]
days = 90
party = "jpn"
source_kind = "live"
"""


def test_settings_are_read_with_paths_beside_the_file_and_defaults() -> None:
    settings = parse_settings(GOOD, "node.toml", FOLDER)
    assert (settings.node, settings.party) == ("ind/fusion-delhi", "ind")
    assert (settings.data, settings.keys) == (FOLDER / "data", Path("/srv/keys"))
    assert settings.store == "sqlite"
    assert settings.users.listen == "127.0.0.1:7080"
    assert settings.limits.limits().pull_entries == 500
    assert settings.feeds[0].label.label("ind").releasable_to == {"jpn"}
    assert settings.feeds[1].path == FOLDER / "ais.nmea"
    assert not settings.feeds[1].label.label("ind").releasable_to
    assert [each.rule().text() for each in settings.retention] == ["settings, jpn/live/any: 90 days"]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("node =", "nod =", 1, "`nod`: there is no such setting"),
        ('node = "ind/fusion-delhi"\n', "", 1, "`node`: is missing"),
        ('"ind/fusion-delhi"', '"Ind"', 1, "`Ind` is not `party/name`"),
        ('"data"', "3", 2, "`data`: expected the path"),
        ('"high-water/', '"data/', 4, "lies inside `data`"),
        ("419000001", "4190000010", 5, "`4190000010` is no mmsi"),
        ("[partners]", "[partners]\nport = 1", 8, "`partners.port`: there is no such setting"),
        ("0.0.0.0:7443", "0.0.0.0:99999", 8, "`0.0.0.0:99999` is not `host:port`"),
        ("node.example:7443", "https://node.example", 9, "is not `host:port`"),
        ("pull_entries = 500", "pull_entries = 0", 12, "`0` is not at least 1"),
        ("pull_entries = 500", 'pull_entries = "500"', 12, "expected `int`"),
        ("pull_entries = 500", "pull_entries = true", 12, "expected `int`"),
        ('"udp"', '"carrier-pigeon"', 16, "`feeds[0].kind`: invalid enum value"),
        ('"udp"', '"stdin"', 16, "give `address`"),
        ('source = "archive"', 'source = "coast"', 21, "`coast` is not a lower-case name of its own"),
        ('source = "archive"\n', "", 20, "`feeds[1].source`: is missing"),
        ('path = "ais.nmea"\n', "", 22, "a feed of kind `file` has a `path`"),
        ("classification = 1", "classification = 99", 24, "classification `99`"),
        ("classification = 1", "clasification = 1", 26, "`feeds[1].label.clasification`: there is no such setting"),
        ("south = 1", "south = 3", 29, "`strait` is no box"),
        ("[[areas]]", "[[areas", 28, "not toml"),
        ("days = 90", "days = 0", 36, "`retention[0].days`: `0` is not at least 1"),
        ('party = "jpn"', 'party = "Japan"', 37, "`Japan` is not a party"),
        ('source_kind = "live"', 'source_kind = "dead"', 38, "invalid enum value"),
        ('source_kind = "live"', 'sources = "live"', 38, "`retention[0].sources`: there is no such setting"),
    ],
)
def test_a_faulty_setting_is_told_with_its_line(old: str, new: str, line: int, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parse_settings(GOOD.replace(old, new, 1), "node.toml", FOLDER)
    assert said in str(caught.value)
    assert caught.value.where == f"node.toml:{line}"


def test_users_stay_on_loopback_unless_someone_writes_unsafe() -> None:
    beyond = GOOD.replace("[partners]", '[users]\nlisten = "0.0.0.0:7080"\n\n[partners]')
    with pytest.raises(ConfigError, match="is not loopback"):
        parse_settings(beyond, "node.toml", FOLDER)
    allowed = beyond.replace("[users]", "[users]\nunsafe_not_loopback = true")
    assert parse_settings(allowed, "node.toml", FOLDER).users.listen == "0.0.0.0:7080"


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="kizuna init"):
        read_settings(tmp_path / "node.toml")


def test_an_ipv6_address_keeps_no_brackets() -> None:
    assert host_port("[::1]:7443") == ("::1", 7443)
