"""`kizuna label`: read, convert and explain, with and without a node."""

import os
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kizuna.formats import stanag4778
from kizuna.node.keys import keyfiles
from tests.cli.conftest import Kizuna, Party

VECTORS = Path(__file__).parents[1] / "vectors" / "label"
POLICY = VECTORS / "policy.xml"


def test_a_label_is_shown_converted_and_explained_without_a_node(
    kizuna: Kizuna, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = VECTORS / "shut-for-two.xml"
    shown = kizuna("label", "show", file, "--policy", POLICY, "--language", "ja", "--json").json
    assert shown["marking"].endswith("宛先 日本国, India")
    assert shown["label"]["releasable_to"] == ["arden", "ind", "jpn"]
    assert "THE ARDEN SHUT" in kizuna("label", "show", file, "--policy", POLICY).out
    refused = kizuna("label", "show", file)
    assert refused.code != 0
    assert "policy `ARDEN` is not known here" in refused.err

    data, out = tmp_path / "plan.txt", tmp_path / "plan.bdo"
    data.write_bytes(b"the plan")
    made = kizuna(
        "label", "convert", file, "--policy", POLICY, "--to", "detached", "--data", data, "--out", out, "--json"
    )
    assert made.code == 0, made.err
    assert stanag4778.is_bound(stanag4778.read(out.read_bytes()), b"the plan")
    for form, name in (("json", "plan.json"), ("4774", "plan.xml")):
        done = kizuna("label", "convert", out, "--policy", POLICY, "--to", form, "--out", tmp_path / name)
        assert done.code == 0, done.err
        again = kizuna("label", "show", tmp_path / name, "--policy", POLICY, "--json").json
        assert again["label"] == shown["label"]
    assert kizuna("label", "convert", file, "--policy", POLICY, "--to", "detached", "--out", tmp_path / "x").code != 0

    told = kizuna(
        "label",
        "explain",
        out,
        "--policy",
        POLICY,
        "--party",
        "jpn",
        "--party",
        "usa",
        "--purpose",
        "ops",
        "--data",
        data,
        "--json",
    ).json
    assert told["parties"] == {"jpn": ["not for `ops`"], "usa": ["not releasable to `usa`", "not for `ops`"]}
    assert told["bound"] is True
    data.write_bytes(b"another plan")
    assert "Nothing shows" in kizuna("label", "explain", out, "--policy", POLICY, "--data", data).out
    unknown = tmp_path / "unknown.json"
    unknown.write_text(
        '{"grades": [{"policy": "ind.example.v1", "classification": 9}, {"policy": "urn:oid:2.999.7.1", "classification": 0,'
        ' "caveats": ["hush"]}], "originators": ["ind"], "review_by": "2001-01-01"}'
    )
    (why,) = kizuna("label", "explain", unknown, "--policy", POLICY, "--json").json["parties"].values()
    assert [text.split()[0] for text in why] == ["its", "grade", "`hush`"]
    several = kizuna("label", "convert", unknown, "--policy", POLICY, "--to", "4774", "--out", tmp_path / "y")
    assert "has no name here" in several.err


def test_a_node_knows_the_policies_of_its_settings(india: Party) -> None:
    settings = india.folder / "node.toml"
    (india.folder / "arden.xml").write_bytes(POLICY.read_bytes())
    settings.write_text('policies = ["arden.xml"]\n' + settings.read_text(encoding="utf-8"), encoding="utf-8")
    assert india.ok("label", "show", VECTORS / "open.xml")["marking"] == "ARDEN OPEN"


def test_a_binding_is_signed_and_read_only_where_it_verifies(
    kizuna: Kizuna, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, out, key, certificate = (tmp_path / name for name in ("plan.txt", "plan.bdo", "signer.pem", "signer.crt"))
    data.write_bytes(b"the plan")
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    now_ms = time.time_ns() // 1_000_000
    certificate.write_bytes(keyfiles.self_signed("ind/delhi", ["127.0.0.1"], pem, now_ms, os.urandom))
    key.write_bytes(pem + certificate.read_bytes())
    file = VECTORS / "shut-for-two.xml"
    convert = ("label", "convert", file, "--policy", POLICY, "--data", data, "--out", out, "--sign-with", key, "--to")
    key.chmod(0o644)
    assert "chmod 600" in kizuna(*convert, "detached").err
    key.chmod(0o600)
    assert (
        kizuna("label", "convert", file, "--policy", POLICY, "--out", out, "--sign-with", key, "--to", "json").code != 0
    )
    done = kizuna(*convert, "detached")
    assert done.code == 0, done.err

    assert "not verified" in kizuna("label", "show", out, "--policy", POLICY).out
    show = ("label", "show", out, "--policy", POLICY, "--verify-with", certificate)
    shown = kizuna(*show, "--data", data, "--json").json
    assert shown["signature"] == "Signed by CN=ind/delhi."
    assert "give the data" in kizuna(*show).err
    explained = kizuna("label", "explain", *show[2:], "--data", data, "--party", "jpn", "--json").json
    assert explained["bound"] is True
    out.write_bytes(out.read_bytes().replace(b"JPN", b"USA"))
    refused = kizuna(*show, "--data", data)
    assert refused.code != 0
    assert "not what was signed" in refused.err
    unsigned = kizuna("label", "show", file, "--policy", POLICY, "--verify-with", certificate)
    assert "0 bindings" in unsigned.err
