"""What parties say about the agreements themselves: each for itself (signatures, suspensions, scopes), and together (their life, step by step)."""

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


# --- the life of an agreement, signed by all of its parties -------------------------------------------------------------------------
# In each, `on` is a date as precisely as it is known (`YYYY`, `YYYY-MM`, `YYYY-MM-DD` or `unknown`), and `sources` are the evidence of who says it.


class NegotiationOpened(Body, frozen=True):
    """Talks on an agreement began."""

    on: str | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class TextSigned(Body, frozen=True):
    """The text was signed."""

    on: str | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class ApprovalGiven(Body, frozen=True):
    """The issuer's own side has approved it, as its constitution asks."""

    on: str | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class ForceEntered(Body, frozen=True):
    """It entered into force, until a day where one is stated (`until`, else empty)."""

    on: str | Withheld = WITHHELD
    until: str | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class UseBegun(Body, frozen=True):
    """It was used for the first time."""

    on: str | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class TermRenewed(Body, frozen=True):
    """Its term was renewed until a day."""

    on: str | Withheld = WITHHELD
    until: str | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class Superseded(Body, frozen=True):
    """Another agreement, named by its id, took its place."""

    on: str | Withheld = WITHHELD
    by: str | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class EvidenceGiven(Body, frozen=True):
    """The issuer's own evidence for a step of its life: `step` is the transition's name."""

    step: str | Withheld = WITHHELD
    sources: tuple[str, ...] | Withheld = WITHHELD
    note: str | Withheld = WITHHELD


class TermEnded(Body, frozen=True):
    """The clock says that its term has ended, under the rule's id."""

    rule: str | Withheld = WITHHELD


RECORDS: dict[str, type[Body]] = {
    "instruments.approval-given.v1": ApprovalGiven,
    "instruments.evidence-given.v1": EvidenceGiven,
    "instruments.force-entered.v1": ForceEntered,
    "instruments.negotiation-opened.v1": NegotiationOpened,
    "instruments.resumed.v1": Resumed,
    "instruments.scope-closed.v1": ScopeClosed,
    "instruments.scope-opened.v1": ScopeOpened,
    "instruments.superseded.v1": Superseded,
    "instruments.suspended.v1": Suspended,
    "instruments.term-ended.v1": TermEnded,
    "instruments.term-renewed.v1": TermRenewed,
    "instruments.terminated.v1": Terminated,
    "instruments.text-signed.v1": TextSigned,
    "instruments.use-begun.v1": UseBegun,
    "instruments.version-signed.v1": VersionSigned,
}
