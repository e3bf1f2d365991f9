"""New keys for a node at rest and for one that runs, as three people make them: one asks, the root signs elsewhere, two take it in."""

from __future__ import annotations

from pathlib import Path

import pytest

from kizuna.kernel import canonical, keys
from kizuna.node.keys import keyfiles, renewal
from tests.cli.conftest import Done, Kizuna, Party

Pair = tuple[Party, Party]


class Two:
    """Two persons of India, whose tokens stand behind a command."""

    def __init__(self, india: Party, monkeypatch: pytest.MonkeyPatch) -> None:
        self.india = india
        self.monkeypatch = monkeypatch
        officers = (("7", "security"), ("8", "administrator"))
        self.tokens = [india.ok("token", "add", officer, role)["token"] for officer, role in officers]

    def __call__(self, *words: object) -> Done:
        with self.monkeypatch.context() as set_:
            set_.setenv("KIZUNA_TOKEN", self.tokens[0])
            set_.setenv("KIZUNA_SECOND_TOKEN", self.tokens[1])
            return self.india(*words, "--json")


@pytest.fixture
def two(india: Party, monkeypatch: pytest.MonkeyPatch) -> Two:
    return Two(india, monkeypatch)


def signed(kizuna: Kizuna, party: Party, name: str, *options: object) -> Path:
    asked, out = party.folder / f"{name}.request", party.folder / f"{name}.signed"
    party.ok("keys", "request", asked, *options)
    done = kizuna("keys", "sign", asked, out, "--root-key", party.folder / "root.key")
    assert done.code == 0, done.err
    assert "Signed:" in done.out
    return out


def test_a_node_at_rest_turns_to_new_keys_and_its_partner_learns_by_bundle(
    two: Two, kizuna: Kizuna, pair: Pair, tmp_path: Path
) -> None:
    india, japan = pair
    assert two("keys", "rotate", signed(kizuna, india, "new")).json["version"] == 2
    shown = india.ok("keys", "show")
    assert [each["version"] for each in shown["versions"]] == [2, 1]
    assert not shown["waiting"]
    assert india.carry(japan, tmp_path / "one")["new"] == 1
    japan.carry(india, tmp_path / "two")
    (listed,) = japan.ok("partner", "list")["partners"]
    assert listed["keys_version"] == 2
    assert two("keys", "revoke", signed(kizuna, india, "old", "--revoke", 1)).json["version"] == 1
    assert india.carry(japan, tmp_path / "three")["new"] == 1
    fresh = india.card().read_bytes().strip()
    _, keyset = keys.read_card(fresh)
    assert keyset.version == 2


def test_a_running_node_turns_to_new_keys(two: Two, kizuna: Kizuna, pair: Pair) -> None:
    india, _ = pair
    with india.running():
        assert two("keys", "rotate", signed(kizuna, india, "new")).json["version"] == 2
        asked = india.folder / "old.request"
        good = ("--compromised", "--last-good", "jpn/yokosuka=3")
        india.ok("keys", "request", asked, "--revoke", 1, *good)
        (named,) = renewal.read_request(asked.read_bytes().strip()).revocations
        assert (named.compromised, named.epoch, named.size) == (True, 0, 3)
        assert two("keys", "revoke", signed(kizuna, india, "old", "--revoke", 1, *good)).json["version"] == 1
    identity = keyfiles.load_identity(india.folder / "keys", india.node)
    assert [each.public.version for each in identity.every] == [2, 1]


def test_keys_change_by_two_persons_alone(kizuna: Kizuna, india: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    file = signed(kizuna, india, "new")
    done = india("keys", "rotate", file)
    assert done.code != 0
    assert "two persons" in done.err
    token = india.ok("token", "add", "7", "security")["token"]
    monkeypatch.setenv("KIZUNA_TOKEN", token)
    monkeypatch.setenv("KIZUNA_SECOND_TOKEN", token)
    assert "two persons" in india("keys", "rotate", file).err
    assert [each["version"] for each in india.ok("keys", "show")["versions"]] == [1]


def test_what_another_root_signed_or_nobody_asked_for_is_refused(
    two: Two, kizuna: Kizuna, india: Party, japan: Party
) -> None:
    asked, out = india.folder / "new.request", india.folder / "new.signed"
    india.ok("keys", "request", asked)
    kizuna("keys", "sign", asked, out, "--root-key", japan.folder / "root.key")
    done = two("keys", "rotate", out)
    assert done.code == 4
    root = keyfiles.load_root(india.folder / "root.key")
    request = renewal.read_request(asked.read_bytes().strip())
    assert request.keyset is not None
    other = renewal.Request(keys.KeySetV2(**{**_fields(request.keyset), "made_at_ms": 1}), ())
    out.write_bytes(renewal.sign_request(other, root))
    assert "not those that were signed" in two("keys", "rotate", out).err
    out.write_bytes(canonical.encode(renewal.Signed(None, ())))
    assert "no key set" in two("keys", "rotate", out).err
    assert "rotate first" in india("keys", "request", asked, "--revoke", 1).err


def _fields(keyset: keys.KeySetV2) -> dict[str, object]:
    return {name: getattr(keyset, name) for name in keyset.__struct_fields__}


def test_asking_twice_asks_for_the_same_keys(india: Party) -> None:
    one, two_ = india.folder / "one", india.folder / "two"
    india.ok("keys", "request", one)
    india.ok("keys", "request", two_)
    assert one.read_bytes() == two_.read_bytes()
    assert india.ok("keys", "show")["waiting"]
