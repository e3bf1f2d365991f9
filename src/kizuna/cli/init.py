"""`kizuna init`: keys, folders and settings of a new node, all of it or nothing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from kizuna.cli.base import CLOCK, Json, emit, random, settings_of, write_file
from kizuna.cli.reach import reach
from kizuna.errors import ConfigError, RecordError, RefusedError
from kizuna.kernel import keys, sign
from kizuna.kernel.label import PARTY
from kizuna.node.channel.treaties import bundled
from kizuna.node.keys import keyfiles
from kizuna.node.settings import NODE, host_port
from kizuna.node.signin_settings import is_loopback

SETTINGS, ROOT_KEY = "node.toml", "root.key"
_TEMPLATE = """\
# A Kizuna node. docs/operations.md lists every setting; paths count from this file.
node = "{node}"
data = "data"
keys = "keys"
high_water = "high-water/marks.json"  # never part of a backup: see docs/operations.md

[partners]
listen = "{listen}"
address = "{address}"  # what the card tells partners; empty: by bundle alone

[users]
listen = "{users}"

[desk]
policy = "{party}.example.v1"  # the marking scheme of the bundled example rules: replace it with your own
classification = 0
"""


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the node is to live.")] = Path(),
    party: Annotated[str, typer.Option("--party", help="The party that it speaks for, like `ind`.")] = "",
    name: Annotated[str, typer.Option("--name", help="The node's name, like `fusion-delhi`.")] = "",
    *,
    root_key: Annotated[
        Path | None, typer.Option("--root-key", metavar="FILE", help="The party's root key; made where there is none.")
    ] = None,
    address: Annotated[str, typer.Option("--address", help="Where partners reach it: https://host:port.")] = "",
    listen: Annotated[str, typer.Option("--listen", help="Partners' listener, host:port.")] = "",
    users: Annotated[str, typer.Option("--users", help="Users' listener on loopback, host:port.")] = "127.0.0.1:7080",
    instruments: Annotated[
        bool, typer.Option("--instruments/--no-instruments", help="Load the bundled India-Japan instruments.")
    ] = True,
    json: Json = False,
) -> None:
    """Make a node: keys, folders and `node.toml`."""
    party, name = party or _ask("party", "--party"), name or _ask("name of the node", "--name")
    node = f"{party}/{name}"
    if not PARTY(party) or not NODE(node):
        raise RecordError(
            f"`{node}` is no node name: use lower-case letters, digits and `-`, like `--party ind --name fusion-delhi`"
        )
    reached, heard = _addresses(address, listen, users)
    root_file = root_key or folder / ROOT_KEY
    _check_free(folder)
    with _whole(folder, root_file):
        root = keyfiles.load_root(root_file) if root_file.exists() else _new_root(root_file)
        keyfiles.create_keys(
            folder / "keys", node, [host_port(reached)[0]] if reached else [], root, CLOCK.now_ms(), random
        )
        text = _TEMPLATE.format(node=node, party=party, listen=heard, address=reached, users=users)
        write_file(folder / SETTINGS, text.encode())
        settings = settings_of(folder / SETTINGS)
        made = bundled() if instruments else []
        with reach(settings) as opened:
            for instrument in made:
                opened.load(instrument)
        identity = keyfiles.load_identity(settings.keys, settings.node)
        fingerprint = keys.fingerprint(keyfiles.card(identity, settings.keys, reached))
    result = {
        "fingerprint": fingerprint,
        "instruments": [instrument.id for instrument in made],
        "node": node,
        "root_key": str(root_file),
        "settings": str(folder / SETTINGS),
    }
    emit(result, json_wanted=json, lines=_next_steps(node, folder, root_file, len(made), reached))


def _ask(what: str, option: str) -> str:
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"give {option}")
    return str(typer.prompt(f"The {what}"))


def _addresses(address: str, listen: str, users: str) -> tuple[str, str]:
    """Return the address that partners reach and the one that the listener binds, both checked."""
    reached = address.removeprefix("https://").rstrip("/")
    port = host_port(reached)[1] if reached else 7443
    heard = listen or f"0.0.0.0:{port}"
    host_port(heard)
    if not is_loopback(host_port(users)[0]):
        raise RefusedError(f"`{users}` is not loopback: users come from further away through a proxy with tls")
    return reached, heard


def _check_free(folder: Path) -> None:
    for name in (SETTINGS, "keys", "data", "high-water"):
        if (folder / name).exists():
            raise RefusedError(f"`{folder / name}` exists: there is a node here already, choose another folder")


@contextmanager
def _whole(folder: Path, root_file: Path) -> Iterator[None]:
    """Leave nothing behind where making the node fails."""
    had_folder, had_root = folder.exists(), root_file.exists()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield
    except OSError as error:
        _remove(folder, root_file, had_folder=had_folder, had_root=had_root)
        raise ConfigError(
            f"cannot be made ({error.strerror}): check path and permissions", where=str(folder)
        ) from error
    except BaseException:
        _remove(folder, root_file, had_folder=had_folder, had_root=had_root)
        raise


def _remove(folder: Path, root_file: Path, *, had_folder: bool, had_root: bool) -> None:
    if not had_root:
        root_file.unlink(missing_ok=True)
    if not had_folder:
        shutil.rmtree(folder, ignore_errors=True)
        return
    (folder / SETTINGS).unlink(missing_ok=True)
    for name in ("keys", "data", "high-water"):
        shutil.rmtree(folder / name, ignore_errors=True)


def _new_root(path: Path) -> sign.SigningKey:
    path.parent.mkdir(parents=True, exist_ok=True)
    return keyfiles.create_root(path, random)


def _next_steps(node: str, folder: Path, root_file: Path, count: int, reached: str) -> list[str]:
    at = f" --config {folder / SETTINGS}" if folder != Path() else ""
    loaded = f"{count} instruments are loaded; none is signed yet." if count else "No instruments are loaded."
    return [
        f"`{node}` is made in `{folder}`. {loaded}",
        f"1. Take `{root_file}` offline: it signs for your party, and nothing can replace it.",
        f"2. kizuna partner invite{at}    # a card for each partner; compare its fingerprint by voice",
        f"3. kizuna partner accept CARD{at}    # theirs",
        f"4. kizuna instrument sign ID --root-key {root_file}{at}    # and they sign theirs",
        f"5. kizuna run{at}"
        if reached
        else f"5. kizuna channel export NODE FILE{at}    # no address was given: bundles carry the channel",
    ]
