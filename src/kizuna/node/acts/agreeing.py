"""What a party says about agreements, as drafts for `Say`: its signature on a version, suspension, resumption, termination, scopes.

Each goes to the agreement's parties alone. Signing is done with the party's root key, outside the node; whether a signature counts is judged where
the pinned roots are (`kizuna.node.channel.treaties`).
"""

from __future__ import annotations

from kizuna.domains.instruments.records import Resumed, ScopeClosed, ScopeOpened, Suspended, Terminated, VersionSigned
from kizuna.errors import RefusedError
from kizuna.kernel import canonical, instrument, label, sign
from kizuna.kernel.instrument import Instrument
from kizuna.kernel.record import Body
from kizuna.node.effects import Draft

ACTS = ("suspend", "resume", "terminate")
_TYPES: dict[type[Body], str] = {
    Resumed: "instruments.resumed.v1",
    ScopeClosed: "instruments.scope-closed.v1",
    ScopeOpened: "instruments.scope-opened.v1",
    Suspended: "instruments.suspended.v1",
    Terminated: "instruments.terminated.v1",
    VersionSigned: "instruments.version-signed.v1",
}


def signed(held: Instrument, envelope: sign.Envelope, root: bytes, party: str, actor: str) -> Draft:
    """Return the party's word that it agrees to this version; `envelope` was made with the root key whose public half is `root`.

    Raises:
        RefusedError: the party is none of the instrument's, or the envelope signs something else.
        RecordError: the envelope is malformed, or another key signed it.
        SignatureError: the signature does not verify.
    """
    said = instrument.read_signature(envelope, {party: root})
    version = instrument.version_of(held)
    if (said.instrument, said.version) != (held.id, version):
        raise RefusedError(
            f"the signature is on version `{said.version[:16]}` of `{said.instrument[:80]}`, not on `{version[:16]}` of `{held.id}`"
        )
    body = VersionSigned(instrument=held.id, version=version, envelope=canonical.encode(envelope).decode())
    return _draft(held, party, actor, body)


def status(held: Instrument, act: str, party: str, actor: str, *, reason: str, lifts: str = "") -> Draft:
    """Return the party's suspension, resumption (which `lifts` one suspension, by record id) or termination of an instrument.

    Raises:
        RefusedError: the act is none of `ACTS`, or the party is none of the instrument's.
    """
    match act:
        case "suspend":
            return _draft(held, party, actor, Suspended(instrument=held.id, reason=reason))
        case "resume":
            return _draft(held, party, actor, Resumed(instrument=held.id, lifts=lifts))
        case "terminate":
            return _draft(held, party, actor, Terminated(instrument=held.id, reason=reason))
    raise RefusedError(f"`{act[:40]}` is not one of `{'`, `'.join(ACTS)}`")


def scope_opened(held: Instrument, name: str, from_ms: int, to_ms: int, party: str, actor: str) -> Draft:
    """Return the party's opening of a scope that the instrument reserves provisions for.

    Raises:
        RefusedError: the instrument has no such scope, the scope would end before it begins, or the party is none of the instrument's.
    """
    if name not in held.scopes:
        raise RefusedError(
            f"`{held.id}` has no scope `{name[:40]}`: it has {', '.join(f'`{s}`' for s in held.scopes) or 'none'}"
        )
    if to_ms <= from_ms:
        raise RefusedError("the scope would end before it begins: give a later end")
    return _draft(held, party, actor, ScopeOpened(instrument=held.id, name=name, from_ms=from_ms, to_ms=to_ms))


def scope_closed(held: Instrument, closes: str, party: str, actor: str) -> Draft:
    """Return the party's closing of a scope before its time; `closes` is the record id of its own opening.

    Raises:
        RefusedError: the party is none of the instrument's.
    """
    return _draft(held, party, actor, ScopeClosed(instrument=held.id, closes=closes))


def _draft(held: Instrument, party: str, actor: str, body: Body) -> Draft:
    if party not in held.parties:
        raise RefusedError(
            f"`{party}` is not a party to `{held.id}`: only {', '.join(f'`{p}`' for p in held.parties)} speak of it"
        )
    own = label.label(
        f"{party}.agreements.v1", 0, originator=party, releasable_to=held.parties, purposes=("agreements",)
    )
    return Draft(_TYPES[type(body)], body, own, actor, closed=True)
