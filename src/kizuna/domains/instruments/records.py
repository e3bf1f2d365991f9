"""What parties say about the agreements themselves. Each record is closed or disclosed whole: it binds its issuer alone."""

from __future__ import annotations

from kizuna.kernel.record import WITHHELD, Body, Withheld


class VersionSigned(Body, frozen=True):
    """A party signs one version of an instrument: `envelope` is the DSSE envelope under its root key, canonical JSON."""

    instrument: str | Withheld = WITHHELD
    version: str | Withheld = WITHHELD
    envelope: str | Withheld = WITHHELD


class Suspended(Body, frozen=True):
    """A party suspends an instrument: at once at home, at the other side on receipt."""

    instrument: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class Resumed(Body, frozen=True):
    """A party lifts one of its own suspensions, named by the record id of `Suspended`."""

    instrument: str | Withheld = WITHHELD
    lifts: str | Withheld = WITHHELD


class Terminated(Body, frozen=True):
    """A party ends an instrument for good."""

    instrument: str | Withheld = WITHHELD
    reason: str | Withheld = WITHHELD


class ScopeOpened(Body, frozen=True):
    """A named exercise, operation or disaster opens the provisions that an instrument reserves for it, and closes by itself."""

    instrument: str | Withheld = WITHHELD
    name: str | Withheld = WITHHELD
    from_ms: int | Withheld = WITHHELD
    to_ms: int | Withheld = WITHHELD


class ScopeClosed(Body, frozen=True):
    """A party closes a scope before its time: `closes` is the record id of its own `ScopeOpened`."""

    instrument: str | Withheld = WITHHELD
    closes: str | Withheld = WITHHELD


RECORDS: dict[str, type[Body]] = {
    "instruments.resumed.v1": Resumed,
    "instruments.scope-closed.v1": ScopeClosed,
    "instruments.scope-opened.v1": ScopeOpened,
    "instruments.suspended.v1": Suspended,
    "instruments.terminated.v1": Terminated,
    "instruments.version-signed.v1": VersionSigned,
}
