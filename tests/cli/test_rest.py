"""Tokens, counting, the doctor, and how every command ends."""

import contextlib
import gzip
import re
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from pyais.exceptions import AISBaseException
from pyais.stream import FileReaderStream

from kizuna import errors
from kizuna.cli.exits import EXIT_CODES, exit_code
from kizuna.cli.running import _WORDS
from kizuna.node.service import InUseError
from kizuna.web.errors import STATUSES
from tests.cli.conftest import Kizuna, Party

SENTENCES = (
    b"!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C\r\n"
    b"!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5D\r\n"
    b"$GPGGA,092204.999,4250.5589,S,14718.5084,E,1,04,24.4,19.7,M,,,,0000*1F\r\n"
)


# --- tokens -----------------------------------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_taken_back(india: Party) -> None:
    made = india.ok("token", "add", "7", "watch")
    (listed,) = india.ok("token", "list")["tokens"]
    assert listed["id"] == made["id"]
    assert made["token"] not in (india.folder / "data" / "tokens.json").read_text()
    assert made["token"] not in india("token", "list").out
    india.ok("token", "revoke", made["id"])
    assert india.ok("token", "list")["tokens"] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("token", "add", "7", "admiral"), 6),
        (("token", "add", "Seven!", "watch"), 6),
        (("token", "add", "7", "watch", "--days", "0"), 2),
        (("token", "revoke", "none"), 6),
    ],
)
def test_a_wrong_token_is_refused(india: Party, words: tuple[str, ...], code: int) -> None:
    assert india(*words).code == code
    assert india.ok("token", "list")["tokens"] == []


# --- counting ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_sentences_are_counted_packed_or_not(kizuna: Kizuna, tmp_path: Path, pack: object) -> None:
    path = tmp_path / "ais"
    path.write_bytes(pack(SENTENCES))  # type: ignore[operator] # one of three functions
    said = kizuna("ingest", path, "--count-only", "--json").json
    assert said["messages_by_type"] == {"1": 2}  # as pyais counts: whatever the checksum says
    assert said["rejected"] == {"checksum": 1}
    assert said["checksum_failed_by_type"] == {"1": 1}
    assert kizuna("ingest", path, path, "--count-only", "--json").json["messages_by_type"] == {"1": 4}


@pytest.mark.parametrize("name", ["kystverket_Ais1000Lines.nm4", "gfw_nmea-with-tagblock.txt", "pyais_sample.ais"])
def test_recordings_count_as_pyais_counts_them(kizuna: Kizuna, shared_dir: Path, name: str) -> None:
    path = shared_dir / "data" / "ais" / "nmea" / name
    counts: Counter[str] = Counter()
    with FileReaderStream(path) as stream:
        for sentence in stream:
            with contextlib.suppress(AISBaseException):
                counts[str(sentence.decode().msg_type)] += 1
    assert kizuna("ingest", path, "--count-only", "--json").json["messages_by_type"] == counts


def test_what_cannot_be_read_is_told(kizuna: Kizuna, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(SENTENCES)[:-9])
    done = kizuna("ingest", broken, "--count-only")
    assert done.code == 3
    assert "broken.gz" in done.err
    assert kizuna("ingest", tmp_path / "none", "--count-only").code == 13
    assert kizuna("ingest", tmp_path, "--count-only").code == 13
    assert kizuna("ingest", broken).code == 13  # no settings file here


# --- the doctor -------------------------------------------------------------------------------------------------------------------


def test_a_healthy_node_is_told_so(india: Party) -> None:
    said = india.ok("doctor")
    assert said["ok"]
    names = {
        "settings",
        "keys",
        "certificate",
        "disk",
        "clock",
        "store",
        "journal",
        "high-water",
        "ports",
        "accounts",
        "pages",
        "borders",
        "words",
        "proxy",
        "sign-in",
        "plugs",
        "archive",
        "extracts",
    }
    assert {check["name"] for check in said["checks"]} == names


def test_borders_that_are_none_are_found(india: Party) -> None:
    config = india.folder / "node.toml"
    config.write_text('boundary = "borders.geojson"\n' + config.read_text(encoding="utf-8"), encoding="utf-8")
    (india.folder / "borders.geojson").write_text('{"type": "Point", "coordinates": [77, 8]}', encoding="utf-8")
    done = india("doctor", "--json")
    (fault,) = (check for check in done.json["checks"] if not check["ok"])
    assert fault["name"] == "borders"
    assert "borders.geojson: `type` is `Point`" in fault["said"]


def test_a_key_that_others_may_read_is_found(india: Party) -> None:
    (india.folder / "keys" / "record.key").chmod(0o644)
    done = india("doctor", "--json")
    assert done.code == 13
    assert {check["name"] for check in done.json["checks"] if not check["ok"]} >= {"keys"}


def test_a_setting_that_is_none_is_told_with_its_line(india: Party) -> None:
    path = india.folder / "node.toml"
    path.write_text(path.read_text() + "\n[logs]\nlevel = 'info'\n")
    for command in (("doctor",), ("run",), ("partner", "list"), ("release", "halt", "--reason", "x")):
        done = india(*command)
        assert done.code == 13
        assert re.search(r"node\.toml:\d+: `logs`", done.err)


def test_an_unreachable_partner_is_told_only_when_asked(pair: tuple[Party, Party]) -> None:
    india, _ = pair
    assert india("doctor").code == 0
    done = india("doctor", "--partners")
    assert done.code == 13
    assert "cannot be reached" in done.err


# --- endings ----------------------------------------------------------------------------------------------------------------------


def test_an_error_ends_as_its_nearest_branch() -> None:
    assert exit_code(InUseError("x")) == EXIT_CODES[errors.RefusedError]
    assert exit_code(errors.ForkError("x")) == 11
    assert len(set(EXIT_CODES.values())) == len(EXIT_CODES)


def test_every_word_of_the_interface_is_known_here() -> None:
    assert {word for _, _, word, _ in STATUSES} - {"release-denied"} == set(_WORDS)


def test_without_a_node_every_command_says_how_to_make_one(
    kizuna: Kizuna, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (("run",), ("doctor",), ("partner", "list"), ("journal", "verify"), ("channel", "status")):
        done = kizuna(*words)
        assert done.code == 13
        assert "kizuna init" in done.err
    assert not list(tmp_path.iterdir())


def test_the_version_is_told(kizuna: Kizuna) -> None:
    assert kizuna("--version").out.startswith("kizuna 0.")
