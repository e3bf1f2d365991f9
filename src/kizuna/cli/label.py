"""`kizuna label`: read a label or a binding, say what it means and who may have the data, and write it in another form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer

from kizuna.cli.base import (
    CLOCK,
    CONFIG,
    Config,
    Json,
    emit,
    group,
    policies_of,
    read_file,
    settings_of,
    shown_instant,
    table,
    write_file,
)
from kizuna.errors import ConfigError, RefusedError
from kizuna.formats import stanag4774, stanag4778
from kizuna.kernel import label as labels
from kizuna.kernel.label import Grade, Label
from kizuna.kernel.marking import marking
from kizuna.kernel.marking_policy import borne
from kizuna.node.keys import keyfiles
from kizuna.node.labelling import Policies, confidentiality_of, joined, read_label

app = group("label", "Confidentiality labels: what they say, and their other forms (STANAG 4774, 4778, JSON).")
Form = Literal["json", "4774", "encapsulating", "detached", "embedded"]
File = Annotated[
    Path, typer.Argument(metavar="FILE", help="A label as JSON or STANAG 4774, or a binding of STANAG 4778.")
]
PolicyFiles = Annotated[
    list[Path] | None,
    typer.Option("--policy", metavar="FILE", help="A policy file (SPIF), beside those of the settings."),
]
Originator = Annotated[
    str, typer.Option("--originator", metavar="PARTY", help="Whose label it is, where it does not name a party.")
]
VerifyWith = Annotated[
    Path | None,
    typer.Option(
        "--verify-with",
        metavar="FILE",
        help="Read the label only where one of these certificates (PEM) has signed the binding, and from what it signed.",
    ),
]
SignedData = Annotated[
    Path | None,
    typer.Option("--data", metavar="FILE", help="The data of a detached binding, which its signature covers."),
]
Language = Annotated[str, typer.Option("--language", help="Of the marking: en, ja, hi, or one that the policy has.")]


def _policies(config: Path, given: list[Path] | None) -> Policies:
    """Return the policies of the settings, where there are any, and of given files; a label can be read where no node is."""
    if config == CONFIG and not config.exists():
        return policies_of(None, given or ())
    return policies_of(settings_of(config), given or ())


def _read(
    raw: bytes, policies: Policies, originator: str, verify_with: Path | None, data: bytes | None
) -> tuple[Label, str]:
    """Return the label in a file, and what is to be said of its signature; where it is verified, the label is read from what was signed."""
    if verify_with is None:
        signed = raw.lstrip().startswith(b"<") and stanag4778.is_signed(raw)
        note = "It bears a signature that was not verified: `--verify-with` does." if signed else ""
        return read_label(raw, policies, originator), note
    signing = _signing()
    trusted = signing.pinned(read_file(verify_with))
    found = signing.verify(raw, trusted, CLOCK.now_ms(), data)
    return joined(found.binding.labels, policies, originator), f"Signed by {found.subject}."


def _signing() -> Any:
    """Return the module that signs bindings, which an extra brings."""
    try:
        from kizuna.formats import signed_binding  # noqa: PLC0415 # an extra
    except ImportError as error:
        raise ConfigError("signed bindings need the extra `kizuna[xmldsig]`: install it") from error
    return signed_binding


@app.command()
def show(
    file: File,
    verify_with: VerifyWith = None,
    data: SignedData = None,
    policy: PolicyFiles = None,
    language: Language = "en",
    originator: Originator = "",
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Show a label: its marking and its parts."""
    policies = _policies(config, policy)
    given = read_file(data) if data is not None else None
    found, note = _read(read_file(file), policies, originator, verify_with, given)
    text = marking(found, policies, language)
    rows = [*(("grade", _grade(grade, policies)) for grade in found.grades)]
    rows += [
        (name, ", ".join(sorted(values)) or "none")
        for name, values in (
            ("releasable to", found.releasable_to), ("purposes", found.purposes), ("originators", found.originators),
        )
    ]  # fmt: skip
    rows.append(("review by", found.review_by or "never"))
    result = {"label": _plain(found), "marking": text, "signature": note}
    lines = [text, table("part", "says", rows=rows), *([note] if note else [])]
    emit(result, json_wanted=json, lines=lines)


def _grade(grade: Grade, policies: Policies) -> str:
    policy = policies.get(grade.policy)
    name = policy.name(grade.classification, "en") if policy is not None else ""
    caveats = ", ".join(sorted(grade.caveats))
    return f"{name or 'unknown'} ({grade.policy}:{grade.classification})" + (f", {caveats}" if caveats else "")


def _plain(label: Label) -> Any:
    return msgspec.json.decode(msgspec.json.encode(label, order="sorted"))


@app.command()
def convert(
    file: File,
    to: Annotated[Form, typer.Option("--to", help="The form; the last three bind the label to data.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it.")],
    data: Annotated[Path | None, typer.Option("--data", metavar="FILE", help="The data to bind.")] = None,
    media_type: Annotated[str, typer.Option("--media-type", help="What the data is, like `text/plain`.")] = "",
    *,
    sign_with: Annotated[
        Path | None,
        typer.Option(
            "--sign-with",
            metavar="FILE",
            help="Sign the binding by this key, which stands with its certificate in one PEM file.",
        ),
    ] = None,
    verify_with: VerifyWith = None,
    policy: PolicyFiles = None,
    originator: Originator = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Write a label in another form; refused where that form would protect less."""
    policies = _policies(config, policy)
    given = read_file(data) if data is not None else None
    found, _ = _read(read_file(file), policies, originator, verify_with, given)
    made = _converted(found, to, policies, given, media_type, sign_with)
    write_file(out, made)
    emit({"bytes": len(made), "file": str(out), "form": to}, json_wanted=json, lines=[f"{out}: {len(made)} bytes."])


def _converted(
    found: Label, to: Form, policies: Policies, data: bytes | None, media_type: str, sign_with: Path | None
) -> bytes:
    if sign_with is not None and to not in stanag4778.FORMS:
        raise RefusedError("a signature is a binding's, and this form is none: mend `--to`, or leave out `--sign-with`")
    if (data is not None) is not (to in stanag4778.FORMS):
        raise RefusedError(
            "a binding needs the data that it binds, and no other form takes any: mend `--to` or `--data`"
        )
    if to == "json":
        return msgspec.json.encode(found, order="sorted") + b"\n"
    written = confidentiality_of(found, policies, f"{shown_instant(CLOCK.now_ms()).replace(' ', 'T')}")
    if to == "4774":
        if len(written) > 1:
            raise RefusedError(
                "a label of several policies is several of STANAG 4774: write a binding, which holds all"
            )
        return stanag4774.write(written[0])
    bound = data if data is not None else b""
    if sign_with is None:
        return stanag4778.bind(written, bound, to, media_type)
    keyfiles.check_private(sign_with)
    signing = _signing()
    signed: bytes = signing.bind(written, bound, to, signing.Signer(read_file(sign_with)), CLOCK.now_ms(), media_type)
    return signed


@app.command()
def explain(
    file: File,
    party: Annotated[
        list[str] | None, typer.Option("--party", help="Whom to ask about; all that it names if not given.")
    ] = None,
    purpose: Annotated[str, typer.Option("--purpose", help="For which use.")] = "",
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help="Also: whether a binding is of this data.")
    ] = None,
    verify_with: VerifyWith = None,
    policy: PolicyFiles = None,
    originator: Originator = "",
    config: Config = CONFIG,
    *,
    json: Json = False,
) -> None:
    """Say to whom a label lets its data go and why not to others; an agreement in force must permit it besides."""
    policies = _policies(config, policy)
    raw, given = read_file(file), read_file(data) if data is not None else None
    found, note = _read(raw, policies, originator, verify_with, given)
    today = shown_instant(CLOCK.now_ms())[:10]
    asked = party or sorted(found.releasable_to | found.originators)
    verdicts = {name: _hindrances(found, name, purpose, today, policies) for name in asked}
    result: dict[str, Any] = {"marking": marking(found, policies), "parties": verdicts, "signature": note}
    rows = [(name, "yes" if not why else "no", "; ".join(why)) for name, why in verdicts.items()]
    lines: list[Any] = [result["marking"], table("party", "may have it", "why not", rows=rows)]
    if note:
        lines.append(note)
    if given is not None:
        result["bound"] = _is_bound(stanag4778.read(raw), given, verified=verify_with is not None)
        lines.append(
            "The binding is of this data." if result["bound"] else "Nothing shows that the binding is of this data."
        )
    emit(result, json_wanted=json, lines=lines)


def _is_bound(binding: stanag4778.Binding, data: bytes, *, verified: bool) -> bool:
    """Return whether a binding is of this data; a signature that was verified says so of a detached one under any address."""
    return (verified and binding.form == stanag4778.DETACHED) or stanag4778.is_bound(binding, data)


def _hindrances(label: Label, party: str, purpose: str, today: str, policies: Policies) -> list[str]:
    """Return what of the label keeps it from a party; nothing where it may have the data."""
    why = []
    if party not in label.releasable_to | label.originators:
        why.append(f"not releasable to `{party}`")
    if party not in label.originators and purpose and purpose not in label.purposes:
        why.append(f"not for `{purpose}`")
    if labels.expired(label, today):
        why.append(f"its review was due on {label.review_by}")
    for grade in label.grades:
        policy = policies.get(grade.policy)
        if policy is None or policy.grade(grade.classification) is None:
            why.append(f"grade `{grade.policy}:{grade.classification}` is not known here")
        elif policy.tags and (unknown := borne(policy, grade.caveats, frozenset()).unknown):
            why.append(f"`{', '.join(unknown)}` is not known in `{policy.id}`")
    return why
