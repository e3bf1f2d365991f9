"""The settings of how officers sign in: a provider of identities, and passkeys; their tables, and what is wrong with them.

`kizuna.node.settings` reads the file that they stand in; `docs/operations.md` lists each of them.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from kizuna.errors import ConfigError
from kizuna.kernel.label import MAX_CLASSIFICATION, PARTY
from kizuna.node.people.accounts import Account
from kizuna.node.people.tokens import ROLES
from kizuna.node.setting_parts import Fail, Part

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*").fullmatch


class OidcSettings(Part, frozen=True, kw_only=True):
    """A provider of identities (OpenID Connect): who it is, who we are to it, and what its claims amount to here; what is not mapped is denied."""

    issuer: str = ""
    client_id: str = ""
    secret: Path | None = None
    """The file with the client's secret; none for a public client, which PKCE alone protects."""
    scope: str = "openid profile"
    title: str = ""
    """What officers call the provider."""
    officer: str = "sub"
    roles_claim: str = "groups"
    roles: dict[str, str] = msgspec.field(default_factory=dict)
    clearance_claim: str = "clearance"
    clearances: dict[str, int] = msgspec.field(default_factory=dict)
    nationality_claim: str = "nationality"
    nationalities: dict[str, str] = msgspec.field(default_factory=dict)

    def client_secret(self) -> str:
        """Return the client's secret, empty where there is none.

        Raises:
            ConfigError: its file cannot be read.
        """
        if self.secret is None:
            return ""
        try:
            return self.secret.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the secret of `users.oidc` cannot be read: {error}", where=str(self.secret)) from error


class PasskeySettings(Part, frozen=True, kw_only=True):
    """Passkeys (WebAuthn): the domain that they are bound to, and which accounts may do nothing before they have one."""

    domain: str = ""
    """Empty: the host of `users.address`, and `localhost` where there is none."""
    required_roles: tuple[str, ...] = ()
    required_clearance: int | None = None
    """From which grade of the node's own policy on."""

    def requires(self, account: Account) -> bool:
        """Return whether an account must have a passkey; who comes through a provider has that one's second factor."""
        cleared = self.required_clearance is not None and account.clearance >= self.required_clearance
        return not account.federated and (cleared or any(role in self.required_roles for role in account.roles))

    def bound_to(self, address: str) -> str:
        """Return the domain that passkeys are bound to where browsers reach the pages under `address`; empty where there can be none."""
        host = urlsplit(address).hostname or "localhost"
        return self.domain or ("" if _is_number(host) else host)


def check_oidc(oidc: OidcSettings, fail: Fail) -> None:
    """Refuse a provider that could let nobody in, or whose claims amount to what there is not."""
    if not oidc.issuer:
        return
    for key in ("client_id", "roles", "clearances", "nationalities"):
        if not getattr(oidc, key):
            fail(("users", "oidc", key), "is missing: without it the provider lets nobody in")
    for said, role in oidc.roles.items():
        if role not in ROLES:
            fail(("users", "oidc", "roles"), f"`{said[:40]}` is mapped to `{role[:40]}`, which is not a role")
    for said, grade in oidc.clearances.items():
        if not 0 <= grade <= MAX_CLASSIFICATION:
            fail(("users", "oidc", "clearances"), f"`{said[:40]}` is mapped to `{grade}`, which is not a grade")
    for said, party in oidc.nationalities.items():
        if not PARTY(party):
            fail(("users", "oidc", "nationalities"), f"`{said[:40]}` is mapped to `{party[:40]}`, which is not a party")


def check_passkeys(passkeys: PasskeySettings, address: str, fail: Fail) -> None:
    """Refuse a role or grade that there is not, a domain that is not the pages', and a factor that nobody could have."""
    host = urlsplit(address).hostname or "localhost"
    if passkeys.domain and (
        _is_number(host) or not _DOMAIN(passkeys.domain) or not f".{host}".endswith(f".{passkeys.domain}")
    ):
        fail(
            ("users", "passkeys", "domain"),
            f"`{passkeys.domain[:80]}` is neither `{host[:80]}`, where browsers reach the pages, nor what that lies in",
        )
    for role in passkeys.required_roles:
        if role not in ROLES:
            fail(("users", "passkeys", "required_roles"), f"`{role[:40]}` is not a role: give those of accounts")
    grade = passkeys.required_clearance
    if grade is not None and not 0 <= grade <= MAX_CLASSIFICATION:
        fail(("users", "passkeys", "required_clearance"), f"`{grade}` is not a grade from 0 to {MAX_CLASSIFICATION}")
    if (passkeys.required_roles or grade is not None) and not passkeys.bound_to(address):
        fail(
            ("users", "address"),
            f"`{host[:80]}` is a number, and browsers keep passkeys for names alone: give a name, or require none",
        )


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
