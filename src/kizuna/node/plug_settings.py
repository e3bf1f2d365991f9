"""The settings of plugs, and of the adaptor to EU CISE: their tables, and what is wrong with them.

`kizuna.node.settings` reads the file that they stand in; `docs/operations.md` lists each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NoReturn

from kizuna.errors import RecordError
from kizuna.kernel import label
from kizuna.node.setting_parts import Fail, Part

ASKED = frozenset({"cise", "gfw", "ogc"})
"""Kinds of plug that are asked over the users' listener, and so have an officer's token in place of an address."""
OWN = "own"
"""In place of a party: the plug is ours."""


class Plug(Part, frozen=True, kw_only=True):
    """An outside system that is given what its recipient may have; what is left empty denies.

    `party` is a partner's, or `own`: then `clearance` and `nationality` say what it may see. `address` is `host:port` to listen on or to send to,
    `officer` whose token a plug that is asked stands for.
    """

    name: str
    kind: Literal["nmea-tcp", "nmea-udp", "cot-tcp", "cot-udp", "ogc", "gfw", "cise"]
    party: str
    purpose: str = ""
    clearance: int | None = None
    nationality: str = ""
    address: str = ""
    officer: str = ""
    exercise: str = ""
    simulated: bool = False
    unsafe_not_loopback: bool = False
    """Let whoever is on the network of `address` read: these transports know no reader's name."""


class CiseLevel(Part, frozen=True, kw_only=True):
    """One row of the table by which a grade becomes a security level of EU CISE; what has no row is not sent."""

    policy: str
    classification: int
    level: Literal["NonClassified", "EURestricted", "EUConfidential", "EUSecret", "EUTopSecret"]


class CiseSettings(Part, frozen=True, kw_only=True):
    """The adaptor to EU CISE: our service there, its key and certificate (PEM, apart from all others), and whose certificates count."""

    service: str
    key: Path
    certificate: Path
    authorities: Path
    levels: tuple[CiseLevel, ...] = ()
    unsafe_sha1: bool = False
    """Sign with RSA-SHA1, where a node of that network takes nothing else."""


def check_plugs(plugs: Sequence[Plug], party: str, refuse: Fail, loopback: Callable[[str], bool]) -> None:
    """Accept plugs that are well-formed; `loopback` says whether only this machine reaches an address, or raises `RecordError`."""
    seen: set[str] = set()
    for index, plug in enumerate(plugs):

        def fail(key: str, message: str, index: int = index) -> NoReturn:
            refuse(("plugs", index, key), message)

        if not label.WORD(plug.name) or plug.name in seen:
            fail("name", f"`{plug.name[:64]}` is not a lower-case name of its own: each plug needs one")
        seen.add(plug.name)
        if not label.PARTY(plug.party) or plug.party == party:
            fail("party", f"`{plug.party[:64]}` is neither a partner's lower-case name nor `own`")
        if plug.party != OWN and (plug.clearance is not None or plug.nationality):
            fail("party", "clearance and nationality are of `own` plugs: what a partner may have its instruments say")
        if plug.nationality and not label.PARTY(plug.nationality):
            fail("nationality", f"`{plug.nationality[:64]}` is not a party's lower-case name")
        if plug.clearance is not None and not 0 <= plug.clearance <= label.MAX_CLASSIFICATION:
            fail("clearance", f"`{plug.clearance}` is not between 0 and {label.MAX_CLASSIFICATION}")
        if plug.exercise and plug.kind.startswith("nmea"):
            fail("exercise", "a sentence cannot say that it is of an exercise: take `cot-tcp` or `cot-udp`")
        if plug.exercise and plug.kind == "cise":
            fail("exercise", "a vessel in EU CISE's model cannot say that it is of an exercise")
        _check_reach(plug, fail, loopback)


def _check_reach(plug: Plug, fail: Callable[[str, str], NoReturn], loopback: Callable[[str], bool]) -> None:
    """Accept where a plug is reached: by token, or at an address that the network of is known to be the boundary."""
    asked = plug.kind in ASKED
    if asked is bool(plug.address) or asked is not bool(plug.officer):
        what = "`officer`, whose token it is asked with," if asked else "`address` as `host:port`"
        fail("kind", f"give {what} to `{plug.kind}`, and nothing else")
    if asked:
        return
    try:
        near = loopback(plug.address)
    except RecordError as error:
        fail("address", str(error))
    if not near and not plug.unsafe_not_loopback:
        fail(
            "address",
            f"`{plug.address}` is not loopback, and whoever is on that network would read: guard it and say so",
        )


def check_cise(cise: CiseSettings | None, plugs: Sequence[Plug], refuse: Fail) -> None:
    """Accept an adaptor that every plug of its kind can stand on, whose table names each grade once."""
    for index, plug in enumerate(plugs):
        if plug.kind == "cise" and cise is None:
            refuse(("plugs", index, "kind"), "a plug of kind `cise` needs the table `[cise]`: give it")
    rows = [(row.policy, row.classification) for row in cise.levels] if cise is not None else []
    if len(set(rows)) != len(rows):
        refuse(("cise", "levels"), "a grade has two levels: give each one row")
