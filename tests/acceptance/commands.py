"""Every command of `kizuna`, and in which way the leak hunt tries what it prints, writes and says that went wrong.

Whoever may read a node's keys may read its records: so a command that shows records shows them all. It is tried at a partner's node, which must
not hold what should have stayed. A command that shows none is tried at the node that holds everything, and may name nothing of any record.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer

from kizuna.cli.demo_world import DemoNode
from kizuna.cli.main import app, main
from kizuna.formats.positions_out import FORMS
from kizuna.node import offering
from kizuna.node.domains import DOMAINS

Words = tuple[str, ...]
Tell = Callable[[str, str, bytes], None]
"""Takes the way by which something came out, its name and its bytes."""
NOTHING, RECORDS, PARTNER = "commands that show no record", "records shown", "commands of the partner"
AGREEMENT = "ind-jpn-2018-navy-implementing-arrangement"
WHY = ("--reason", "a test")
NONE: Words = ()
SHOW_NOTHING: dict[str, tuple[Words, ...]] = {
    "backup": (("{out}/backup",), ("{out}/backup",)),
    "doctor": (NONE, ("--partners",)),
    "ingest": (("{lines}", "--feed", "{feed}"), ("{lines}", "--count-only"), ("{out}/nothing",)),
    "partner invite": (("-o", "{out}/card"),),
    "partner accept": (("{out}/card", "--fingerprint", "0000"),),
    "partner introduce": (("{out}/card", "--fingerprint", "0000"),),
    "partner list": (NONE,),
    "partner remove": (("aus/nobody",),),
    "instrument check": (("{out}/card",),),
    "instrument show": (NONE, ("{agreement}",)),
    "instrument load": (("--bundled",),),
    "instrument sign": (("{agreement}", "--root-key", "{out}/nothing"),),
    "instrument suspend": (("nothing", *WHY), ("{agreement}", *WHY)),
    "instrument resume": (("{agreement}", "--lifts", "{record}"),),
    "instrument terminate": (("nothing", *WHY),),
    "instrument open-scope": (("{agreement}", "nothing", "--from", "2026-01-01", "--to", "2026-02-01"),),
    "instrument close-scope": (("{agreement}", "{record}"),),
    "release relabel": (("{record}", *WHY, "--grade", "0"),),
    "release supersede": (("{record}", "--by", "{other}", *WHY),),
    "release consent": (
        ("--relay", "jpn", "--recipient", "aus", "--field", "mmsi", "--purpose", "training", "--expires", "2030-01-01", "--record", "{record}"),
    ),
    "release revoke": (("{record}", *WHY),),
    "release explain": (("{record}", "--to", "jpn"), ("{record}", "--to", "aus", "--language", "ja")),
    "release halt": (WHY, ("--off", *WHY)),
    "release backfill": (("{partner}", "--from", "2020-01-01", "--to", "2030-01-01"),),
    "release withdraw": (("{record}", "--act", "retract", *WHY), ("{record}", "--act", "destroy", *WHY)),
    "channel export": (("{partner}", "{out}/bundle"),),
    "channel import": (("{out}/bundle",),),
    "channel status": (NONE,),
    "channel compare": (("{partner}",),),
    "channel reopen": (("kizuna/ind/a/to/jpn/b", *WHY),),
    "journal verify": (NONE,),
    "journal head": (NONE,),
    "journal rebuild": (NONE,),
    "keys show": (NONE,),
    "keys request": (("{out}/request",),),
    "keys sign": (("{out}/nothing", "{out}/signed", "--root-key", "{out}/nothing"),),
    "keys to-token": (("record", "--module", "{out}/nothing", "--token", "x", "--pin-file", "{out}/nothing"),),
    "keys rotate": (("{out}/nothing",),),
    "keys revoke": (("{out}/nothing",),),
    "token add": (("9", "watch"),),
    "token list": (NONE,),
    "token revoke": (("nothing",),),
    "ports export": (("{out}/ports",),),
    "ports check": (("{out}/ports",),),
    "account add": (("nine", "--role", "watch"),),
    "account link": (("nine",),),
    "account list": (NONE,),
    "account passkeys": (("nine",),),
    "account remove": (("nine",),),
    "plug list": (NONE,),
    "plug explain": (("nothing", "{record}"),),
    "restore": (("{out}/backup",), ("{out}/card",)),
}  # fmt: skip
"""Commands that show no record, in the order in which they are tried, each with words after it."""
SHOW_RECORDS: dict[str, tuple[Words, ...]] = {
    "picture": (NONE,),
    "search": (("kanarie",), ("canary-receiver",)),
    "journal show": tuple((str(seq), "--body") for seq in range(1, 80, 3)),
    "archive export": tuple(("{out}/positions." + form, "--form", form, "--simulated") for form in FORMS),
    "archive density": (("--simulated",),),
    "archive events": (("--sources", "simulated"),),
    "archive retain": (("--dry-run",),),
}
"""Commands by hand that show what is held. Those of domains, which are made from queries, are added below."""
ELSEWHERE = {
    "demo": "tests/acceptance/test_demo.py",
    "init": "tests/cli/test_init.py",
    "label convert": "tests/cli/test_label.py",
    "label explain": "tests/cli/test_label.py",
    "label show": "tests/cli/test_label.py",
    "run": "tests/acceptance/test_no_way_out.py",
    "simulate": "tests/sim/test_campaign.py",
}
"""What reads no node's records, or says them only in its log, and where that is tried."""


WITHOUT_NODE = {("instrument", "check"), ("keys", "sign"), ("ports", "check")}


def every_command(group: Any = None, before: Words = ()) -> Iterator[str]:
    """Yield the command line's commands by their words."""
    found = typer.main.get_command(app) if group is None else group
    if not hasattr(found, "list_commands"):
        yield " ".join(before)
        return
    for name in found.list_commands(None):
        yield from every_command(found.get_command(None, name), (*before, name))


def of_domains() -> tuple[frozenset[str], frozenset[str]]:
    """Return the commands by which domains say something, and those by which they show something."""
    group = {"instruments": "instrument"}
    named = [(group.get(domain.name, domain.name), domain) for domain in DOMAINS]
    return (
        frozenset(f"{name} {each.name}" for name, domain in named for each in domain.operations),
        frozenset(f"{name} {each.name}" for name, domain in named for each in domain.queries),
    )


def questions() -> Iterator[Words]:
    """Yield every question of a domain as a command, with something for what it needs; a document goes to a file."""
    for domain in DOMAINS:
        for query in domain.queries:
            words = ["instrument" if domain.name == "instruments" else domain.name, query.name]
            for name, field in offering.fields(query.asks).items():
                if field.needed:
                    words += [f"--{name.removesuffix('_ms').replace('_', '-')}", _some(name, field.type)]
            yield (*words, "--out", "{out}/" + "-".join(words[:2]))


def _some(name: str, kind: Any) -> str:
    if get_origin(kind) is Literal:
        return str(get_args(kind)[0])
    known = {
        "partner": "ind",
        "to": "ind",
        "instrument": AGREEMENT,
        "on": "2026-01-01",
    }
    return "1" if kind is int else known.get(name, "2026-01-01" if name.endswith("_ms") else "nothing")


def run(node: DemoNode, words: Words, **known: str) -> tuple[bytes, bytes]:
    """Return what a command leaves on standard output and on standard error, as people read it and once more without the folds of its tables."""
    filled = [word.format(**known) if word.startswith("{") else word for word in words]
    out, err = io.StringIO(), io.StringIO()
    kept = sys.argv
    sys.argv = ["kizuna", *filled, *([] if words[:2] in WITHOUT_NODE else ["--config", str(node.config)])]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit:
        pass
    finally:
        sys.argv = kept
    return _unfolded(out.getvalue()), _unfolded(err.getvalue())


def _unfolded(text: str) -> bytes:
    return f"{text}\n{''.join(text.split())}".encode()


def as_owner(tell: Tell, node: DemoNode, ids: Sequence[str], mark: str, out: Path) -> list[str]:
    """Run every command at the node that holds everything, `mark` standing in a line that no feed can use; return what was written for others too.

    All that is to show nothing of a record, and all that went wrong, is told by one way; what shows records by another.
    """
    out.mkdir(mode=0o700)
    lines = out / "lines"
    lines.write_text(f"!AIVDM,1,1,,A,{mark},0*00\n", encoding="utf-8")
    lines.chmod(0o600)
    named = {
        "out": str(out), "lines": str(lines), "record": ids[0], "other": ids[1], "partner": "jpn/fusion-yokosuka", "agreement": AGREEMENT,
        "feed": node.side.source,
    }  # fmt: skip
    for command, asked in {**SHOW_RECORDS, **SHOW_NOTHING}.items():
        for words in asked:
            said, wrong = run(node, (*command.split(), *words), **named)
            tell(NOTHING, f"error of {command}", wrong)
            tell(RECORDS if command in SHOW_RECORDS else NOTHING, command, said)
    lines.unlink()
    for name, data in written(out):
        tell(RECORDS if name.startswith("positions.") else NOTHING, name, data)
    return [str(path.relative_to(out)) for path in out.rglob("*") if path.stat().st_mode & 0o077]


def as_owner_of_partner(tell: Tell, node: DemoNode, out: Path) -> None:
    """Run every command that shows something at the partner's node."""
    out.mkdir(mode=0o700)
    by_hand = [(*command.split(), *words) for command, asked in SHOW_RECORDS.items() for words in asked]
    for words in (*by_hand, *questions()):
        for name, data in zip(("output", "error"), run(node, words, out=str(out)), strict=True):
            tell(PARTNER, f"{name} of {' '.join(words[:2])}", data)
    for name, data in written(out):
        tell(PARTNER, name, data)


def written(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what commands wrote into a folder, but for the backup, which holds everything."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "backup" not in path.parts:
            yield path.name, path.read_bytes()
