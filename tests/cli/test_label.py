"""`kizuna label`: read, convert and explain, with and without a node."""

from pathlib import Path

import pytest

from kizuna.formats import stanag4778
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
