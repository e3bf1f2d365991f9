"""Two officers who have never met bring the 2018 arrangement to life between their nodes, and no wire joins them.

Everything here is typed as they would type it, into real processes.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ARRANGEMENT = "ind-jpn-2018-navy-implementing-arrangement"
SOURCE = Path(__file__).parents[2] / "src"


class Officer:
    """Someone at a keyboard, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    def types(self, line: str, *, code: int = 0, says: str = "") -> str:
        """Type a command; it must end with `code`, and what went wrong must be said with `says`."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("KIZUNA_")}
        done = subprocess.run(
            [sys.executable, "-m", *line.split()],
            cwd=self.folder, env={**environment, "PYTHONPATH": str(SOURCE)}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, f"{line}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert says in done.stderr
        return done.stdout

    def reads(self, line: str) -> Any:
        """Type a command with `--json` and read its one object."""
        return json.loads(self.types(f"{line} --json"))

    def hands(self, name: str, to: "Officer") -> None:
        """Hand over a file."""
        (to.folder / name).write_bytes((self.folder / name).read_bytes())


def test_two_parties_bring_an_arrangement_into_force_across_an_air_gap(tmp_path: Path) -> None:
    delhi, yokosuka = Officer(tmp_path / "delhi"), Officer(tmp_path / "yokosuka")

    # Each makes a node. Nothing may cross yet: there is no partner, and no agreement is signed.
    delhi.types("kizuna init --party ind --name fusion-delhi")
    yokosuka.types("kizuna init --party jpn --name yokosuka")
    assert delhi.reads("kizuna partner list") == {"partners": []}

    # They exchange cards, and read the fingerprints to each other over the phone.
    read_out_by_delhi = delhi.reads("kizuna partner invite --out delhi.card")["fingerprint"]
    read_out_by_yokosuka = yokosuka.reads("kizuna partner invite --out yokosuka.card")["fingerprint"]
    delhi.hands("delhi.card", yokosuka)
    yokosuka.hands("yokosuka.card", delhi)
    misheard = read_out_by_yokosuka[:-1] + ("0" if read_out_by_yokosuka[-1] != "0" else "1")
    delhi.types(
        f"kizuna partner accept yokosuka.card --fingerprint {dashed(misheard)}",
        code=4,
        says="compare it again by voice",
    )
    delhi.types(f"kizuna partner accept yokosuka.card --fingerprint {dashed(read_out_by_yokosuka)}")
    yokosuka.types(f"kizuna partner accept delhi.card --fingerprint {dashed(read_out_by_delhi)}")

    # Each signs the arrangement with its party's root key. One signature is not enough on either side.
    delhi.types(f"kizuna instrument sign {ARRANGEMENT} --root-key root.key")
    yokosuka.types(f"kizuna instrument sign {ARRANGEMENT} --root-key root.key")
    assert state(delhi) == state(yokosuka) == "unsigned"

    # A courier takes a bundle each way; a curious one who copies it to the wrong place gets nothing.
    delhi.types("kizuna channel export jpn/yokosuka first.kizuna")
    delhi.types("kizuna channel import first.kizuna", code=12, says="not sealed to a key of this node")
    delhi.hands("first.kizuna", yokosuka)
    assert yokosuka.reads("kizuna channel import first.kizuna")["new"] == 1
    yokosuka.types("kizuna channel export ind/fusion-delhi answer.kizuna")
    yokosuka.hands("answer.kizuna", delhi)
    assert delhi.reads("kizuna channel import answer.kizuna") == {
        "known": 0, "new": 1, "node": "jpn/yokosuka", "receipt": True, "refused": 0
    }  # fmt: skip
    assert state(delhi) == state(yokosuka) == "in-force"

    # The next courier brings Yokosuka its receipt. Imported twice, nothing changes.
    delhi.types("kizuna channel export jpn/yokosuka second.kizuna")
    delhi.hands("second.kizuna", yokosuka)
    assert yokosuka.reads("kizuna channel import second.kizuna")["receipt"] is True
    head = yokosuka.reads("kizuna journal head")
    assert yokosuka.reads("kizuna channel import second.kizuna")["new"] == 0
    assert yokosuka.reads("kizuna journal head") == head

    # Both sides hold the same, each can prove its journal, and neither owes the other a receipt.
    seen = yokosuka.reads("kizuna channel compare ind/fusion-delhi --leaves")
    (delhi.folder / "theirs.json").write_text(json.dumps(seen))
    compared = delhi.reads("kizuna channel compare jpn/yokosuka --theirs theirs.json")
    assert compared["agree"]
    assert compared["findings"] == []
    for officer in (delhi, yokosuka):
        (channel,) = officer.reads("kizuna channel status")["channels"]
        assert channel["out"]["receipted"] == channel["out"]["size"] == channel["in"]["size"] == 1
        assert officer.reads("kizuna journal verify")["ok"]
    assert {f["out"]["root"] for f in (compared,)} == {seen["in"]["root"]}

    # A provision of the arrangement now answers, and says that it is an example.
    said = delhi.reads(f"kizuna instrument show {ARRANGEMENT}")["instruments"][0]
    assert said["signed_by"] == ["ind", "jpn"]
    assert {provision["basis"] for provision in said["provisions"]} == {"example"}


def dashed(fingerprint: str) -> str:
    """Return a fingerprint as one word."""
    return str(fingerprint).replace(" ", "-")


def state(officer: Officer) -> str:
    """Return whether the arrangement is in force at an officer's node."""
    return str(officer.reads(f"kizuna instrument show {ARRANGEMENT}")["instruments"][0]["state"])
