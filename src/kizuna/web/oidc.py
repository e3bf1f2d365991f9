"""Signing in through a provider of identities (OpenID Connect Core 1.0, authorization code flow with PKCE, RFC 7636), where the settings name one.

The provider says who somebody is; what that person may do here stands in this node's settings: a role, a clearance and a nationality are had by
claims that are mapped there, and by nothing else. What is not mapped is denied. The token is believed by its signature under a key of the provider,
by an algorithm with two keys, for this node, for this attempt, now. Needs the extra `kizuna[oidc]`.
"""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import msgspec

from kizuna.errors import ChannelError, ConfigError, RefusedError, SignatureError
from kizuna.kernel import canonical
from kizuna.kernel.ports import Clock, Random
from kizuna.node.people.accounts import Account
from kizuna.node.signin_settings import OidcSettings, is_loopback

ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
"""How a token may be signed: never `none`, never by a key that both sides hold."""
CALLBACK = "/signin/oidc/back"
FLOW_MS = 10 * 60_000
LEEWAY_S = 60
_KEEP_MS = 3_600_000
_AGAIN_MS = 60_000
_MOST_FLOWS = 1_000
_MOST_BYTES = 1 << 20
_PATIENCE_S = 5.0
_BYTES = 32


class Discovered(msgspec.Struct, frozen=True):
    """What a provider tells of itself (OpenID Connect Discovery 1.0 §3), as far as it is needed."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


@dataclass(frozen=True)
class Flow:
    """One attempt to sign in: what the answer must bear, and the secret by which the code is exchanged."""

    nonce: str
    verifier: str
    browser: str
    back: str
    begun_ms: int


@dataclass(frozen=True)
class Begun:
    """Where the browser is sent, and what it must hold when it comes back."""

    url: str
    browser: str


def check_token(
    text: str, keys: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now_ms: int
) -> dict[str, Any]:
    """Return the claims of an identity token that is the provider's, for this client and this attempt, and in time (Core §3.1.3.7).

    Raises:
        SignatureError: it is not; says which of these it is not.
    """
    from joserfc import jwt  # noqa: PLC0415 # an extra
    from joserfc.errors import JoseError  # noqa: PLC0415 # the same
    from joserfc.jwk import KeySet  # noqa: PLC0415 # the same

    try:
        found = jwt.decode(text, KeySet.import_key_set(cast("Any", dict(keys))), algorithms=list(ALGORITHMS))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise SignatureError(f"the identity token is not signed by its provider ({type(error).__name__})") from error
    claims: dict[str, Any] = dict(found.claims)
    audience = claims.get("aud")
    meant = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
    now_s = now_ms / 1000
    checks = (
        ("is not of this provider", claims.get("iss") == issuer),
        ("is not for this node", client_id in meant),
        ("is for several and was not asked for by this node", len(meant) == 1 or claims.get("azp") == client_id),
        ("was asked for by another", claims.get("azp", client_id) == client_id),
        ("has ended", _number(claims.get("exp")) > now_s - LEEWAY_S),
        ("is of the future or too old", abs(_number(claims.get("iat")) - now_s) < FLOW_MS / 1000 + LEEWAY_S),
        ("is not yet valid", _number(claims.get("nbf", 0)) <= now_s + LEEWAY_S),
        ("is not of this attempt", hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode())),
        ("names nobody", isinstance(claims.get("sub"), str) and bool(claims.get("sub"))),
    )
    for fault, holds in checks:
        if not holds:
            raise SignatureError(f"the identity token {fault}")
    return claims


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -1.0


def account_of(claims: Mapping[str, Any], settings: OidcSettings, now_ms: int) -> Account:
    """Return the account that claims amount to by the settings.

    Raises:
        RefusedError: the id, or every value of a role, a clearance or a nationality, is not one that the settings map.
    """
    officer = claims.get(settings.officer)
    roles = [settings.roles[each] for each in _said(claims, settings.roles_claim) if each in settings.roles]
    grades = [
        settings.clearances[each] for each in _said(claims, settings.clearance_claim) if each in settings.clearances
    ]
    nations = {
        settings.nationalities[each]
        for each in _said(claims, settings.nationality_claim)
        if each in settings.nationalities
    }
    if not isinstance(officer, str):
        raise RefusedError(f"the provider does not say `{settings.officer}`, by which officers are known here")
    for name, found in (("role", roles), ("clearance", grades), ("nationality", nations)):
        if not found:
            raise RefusedError(f"the provider gives you no {name} that this node knows: ask an administrator")
    if len(nations) > 1:
        raise RefusedError("the provider gives you several nationalities: ask an administrator which one counts here")
    return Account(
        clearance=min(grades), made_ms=now_ms, nationality=next(iter(nations)), officer=officer.lower(), password="",
        roles=tuple(dict.fromkeys(roles)), federated=f"{settings.issuer} {claims['sub']}",
    )  # fmt: skip


def _said(claims: Mapping[str, Any], name: str) -> list[str]:
    value = claims.get(name)
    if isinstance(value, list):
        return [each for each in value if isinstance(each, str)]
    return [str(value)] if isinstance(value, str | int) and not isinstance(value, bool) else []


class Provider:
    """The provider that a node's settings name. Asks it nothing before somebody wants to sign in."""

    def __init__(self, settings: OidcSettings, clock: Clock, random: Random) -> None:
        if importlib.util.find_spec("joserfc") is None:
            raise ConfigError("`users.oidc` needs the extra `kizuna[oidc]`: install it, or remove the settings")
        self.settings = settings
        self._clock = clock
        self._random = random
        self._flows: OrderedDict[str, Flow] = OrderedDict()
        self._lock = threading.Lock()
        self._told: tuple[int, Discovered] | None = None
        self._keys: tuple[int, dict[str, Any]] | None = None

    async def begin(self, back: str) -> Begun:
        """Return where to send a browser that wants to sign in; `back` is the address of ours to which it returns.

        Raises:
            ChannelError: the provider cannot be reached.
            ConfigError: it is not the one that the settings name, or speaks without TLS.
        """
        told = await self.discover()
        state, nonce, verifier, browser = (canonical.b64(self._random(_BYTES)) for _ in range(4))
        now_ms = self._clock.now_ms()
        with self._lock:
            self._flows[_digest(state)] = Flow(nonce, verifier, _digest(browser), back, now_ms)
            while len(self._flows) > _MOST_FLOWS:
                self._flows.popitem(last=False)
        challenge = canonical.b64(hashlib.sha256(verifier.encode()).digest())
        asked = {
            "client_id": self.settings.client_id, "code_challenge": challenge, "code_challenge_method": "S256", "nonce": nonce,
            "redirect_uri": back, "response_type": "code", "scope": self.settings.scope, "state": state,
        }  # fmt: skip
        glue = "&" if urlsplit(told.authorization_endpoint).query else "?"
        return Begun(f"{told.authorization_endpoint}{glue}{urlencode(asked)}", browser)

    async def finish(self, state: str, browser: str, code: str) -> Account:
        """Return the account of whoever came back; an attempt counts once, in the browser that began it.

        Raises:
            RefusedError: there is no such attempt, it took too long, or what the provider says is not mapped.
            SignatureError: the token is not what it must be.
            ChannelError: the provider cannot be reached, or does not give a token.
        """
        now_ms = self._clock.now_ms()
        with self._lock:
            flow = self._flows.pop(_digest(state), None)
        fits = flow is not None and hmac.compare_digest(flow.browser, _digest(browser))
        if flow is None or not fits or now_ms - flow.begun_ms >= FLOW_MS:
            raise RefusedError("this attempt to sign in has ended or is not of this browser: begin again")
        told = await self.discover()
        given = {"client_id": self.settings.client_id, "code": code, "code_verifier": flow.verifier}
        given |= {"grant_type": "authorization_code", "redirect_uri": flow.back}
        secret = self.settings.client_secret()
        headers = {
            "authorization": aiohttp.encode_basic_auth(quote(self.settings.client_id, safe=""), quote(secret, safe=""))
        }
        tokens = await self._fetch(told.token_endpoint, _Tokens, data=given, headers=headers if secret else None)
        return account_of(await self._claims(tokens.id_token, told, flow.nonce), self.settings, self._clock.now_ms())

    async def _claims(self, text: str, told: Discovered, nonce: str) -> dict[str, Any]:
        for fresh in (False, True):  # the provider may have turned to another key since
            keys = await self._key_set(told, fresh=fresh)
            try:
                return check_token(
                    text, keys, issuer=told.issuer, client_id=self.settings.client_id, nonce=nonce, now_ms=self._clock.now_ms(),
                )  # fmt: skip
            except SignatureError:
                if fresh or self._keys is None or self._clock.now_ms() - self._keys[0] < _AGAIN_MS:
                    raise
        raise SignatureError("the identity token is not signed by its provider")

    async def discover(self) -> Discovered:
        """Return what the provider tells of itself, kept for an hour."""
        now_ms = self._clock.now_ms()
        if self._told is None or now_ms - self._told[0] >= _KEEP_MS:
            told = await self._fetch(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration", Discovered)
            if told.issuer != self.settings.issuer:
                raise ConfigError(
                    f"the provider calls itself `{told.issuer[:100]}`, not `{self.settings.issuer}`: mend `users.oidc.issuer`"
                )
            for url in (told.authorization_endpoint, told.token_endpoint, told.jwks_uri):
                check_address(url)
            self._told = (now_ms, told)
        return self._told[1]

    async def _key_set(self, told: Discovered, *, fresh: bool) -> dict[str, Any]:
        now_ms = self._clock.now_ms()
        if fresh or self._keys is None or now_ms - self._keys[0] >= _KEEP_MS:
            self._keys = (now_ms, await self._fetch(told.jwks_uri, dict[str, Any]))
        return self._keys[1]

    async def _fetch(
        self, url: str, kind: Any, *, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """Return a JSON answer of the provider: within five seconds, a mebibyte, and without following it elsewhere."""
        check_address(url)
        limits = aiohttp.ClientTimeout(total=_PATIENCE_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=limits) as calls,
                calls.request(
                    "GET" if data is None else "POST", url, data=data, headers=headers, allow_redirects=False
                ) as answer,
            ):
                body = await answer.content.read(_MOST_BYTES)
                if answer.status != 200:  # noqa: PLR2004 # HTTP's own number
                    raise ChannelError(
                        f"the provider of identities answered `{answer.status}`: try again, or ask an administrator"
                    )
            return msgspec.json.decode(body, type=kind)
        except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError) as error:
            raise ChannelError(
                f"the provider of identities does not answer ({type(error).__name__}): try again in a moment"
            ) from error


def check_address(url: str) -> None:
    """Accept an address of a provider: over TLS, or on this machine.

    Raises:
        ConfigError: it is another.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ConfigError(f"the provider of identities is at `{url[:100]}`, without tls: name one with `https://`")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
