"""Passkeys (W3C Web Authentication, level 3): what a browser is asked for, and whether what its authenticator signed is an answer to that.

An attempt counts once, within five minutes, in the browser that began it, for the one domain and origin under which the pages are reached. The
authenticator must have verified its user, by PIN, finger or face: so a passkey alone is two factors. Public keys and counters lie with the accounts.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
import webauthn
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from kizuna.errors import RefusedError, SignatureError
from kizuna.kernel import canonical
from kizuna.kernel.ports import Clock, Random
from kizuna.node.people.accounts import Account, Passkey
from kizuna.node.signin_settings import PasskeySettings

ATTEMPT_MS = 5 * 60_000
MOST_BYTES = 32 << 10
_MOST_ATTEMPTS = 1_000
_BYTES = 32
_FAULTS = (WebAuthnException, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What the library lets out where an answer is not what it should be."""


class _Response(msgspec.Struct, frozen=True):
    clientDataJSON: str  # noqa: N815 # the standard's name
    userHandle: str | None = None  # noqa: N815 # the same


class _Answer(msgspec.Struct, frozen=True):
    id: str
    response: _Response


class _Collected(msgspec.Struct, frozen=True):
    crossOrigin: bool = False  # noqa: N815 # the standard's name


@dataclass(frozen=True)
class Attempt:
    """What was asked: of whom, empty where anybody may answer, and the name of the passkey where one is to be made."""

    challenge: bytes
    begun_ms: int
    officer: str = ""
    name: str = ""


@dataclass(frozen=True)
class Begun:
    """The options that the page hands to the browser (JSON), and what the browser must hold when it answers."""

    options: str
    browser: str


class Passkeys:
    """The attempts of one node, in memory; may be asked from any thread."""

    def __init__(self, settings: PasskeySettings, address: str, node: str, clock: Clock, random: Random) -> None:
        self.settings = settings
        self._address = address.lower().removesuffix(":443")
        self._node = node
        self._clock = clock
        self._random = random
        self._held: OrderedDict[str, Attempt] = OrderedDict()
        self._lock = threading.Lock()

    def missing(self, account: Account) -> bool:
        """Return whether an account may do nothing before it has a passkey."""
        return not account.passkeys and self.settings.requires(account)

    def domain(self, host: str) -> str:
        """Return the domain that passkeys are bound to where the browser asked `host`, empty where there can be none."""
        if self._address:
            return self.settings.bound_to(self._address)
        return "localhost" if urlsplit(f"//{host}").hostname == "localhost" else ""

    def elsewhere(self, host: str) -> str:
        """Return under which address the same pages could take passkeys, empty where there is none."""
        port = host.rpartition(":")[2]
        return "" if self._address else f"http://localhost:{port}" if port.isdecimal() else "http://localhost"

    def begin_making(self, host: str, account: Account, name: str) -> Begun:
        """Return what asks a browser to make a passkey of an officer.

        Raises:
            RefusedError: there can be none under this address.
        """
        attempt, browser = self._begin(account.officer, name)
        options = webauthn.generate_registration_options(
            rp_id=self._domain(host), rp_name=f"Kizuna {self._node}", user_name=account.officer, user_display_name=account.officer,
            user_id=self.handle(account.officer), challenge=attempt.challenge, timeout=ATTEMPT_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=_described(account),
        )  # fmt: skip
        return Begun(webauthn.options_to_json(options), browser)

    def begin(self, host: str, account: Account | None = None) -> Begun:
        """Return what asks a browser to sign with a passkey: one of this account, where its password was right, else of any.

        Raises:
            RefusedError: there can be none under this address.
        """
        attempt, browser = self._begin("" if account is None else account.officer)
        options = webauthn.generate_authentication_options(
            rp_id=self._domain(host), challenge=attempt.challenge, timeout=ATTEMPT_MS,
            allow_credentials=None if account is None else _described(account),
            user_verification=UserVerificationRequirement.REQUIRED,
        )  # fmt: skip
        return Begun(webauthn.options_to_json(options), browser)

    def made(self, host: str, browser: str, text: str, officer: str) -> Passkey:
        """Return the passkey that a browser has made for an officer who asked for it.

        Raises:
            RefusedError: there is no such attempt of this officer in this browser.
            SignatureError: the answer is not one to what was asked.
        """
        attempt = self._end(browser)
        if attempt is None or not attempt.name or attempt.officer != officer:
            raise RefusedError("this attempt has ended or is not of this browser: begin again")
        _read(text)
        try:
            found = webauthn.verify_registration_response(
                credential=text, expected_challenge=attempt.challenge, expected_rp_id=self._domain(host), expected_origin=self._origin(host),
                require_user_verification=True,
            )  # fmt: skip
        except _FAULTS as error:
            raise SignatureError("the passkey does not answer what was asked: try again") from error
        return Passkey(
            count=found.sign_count, id=canonical.b64(found.credential_id), made_ms=self._clock.now_ms(), name=attempt.name,
            public=canonical.b64(found.credential_public_key), used_ms=0,
        )  # fmt: skip

    def signed(
        self, host: str, browser: str, text: str, find: Callable[[str], tuple[Account, Passkey] | None]
    ) -> tuple[Account, Passkey, int]:
        """Return whose passkey has answered, the passkey, and how often its authenticator now says that it has signed.

        Whether that count may be is judged where it is kept, so that of two answers with one count only one is taken.

        Raises:
            RefusedError: there is no such attempt in this browser, or the passkey is nobody's, or not of whom was asked.
            SignatureError: the answer is not one to what was asked.
        """
        attempt = self._end(browser)
        if attempt is None or attempt.name:
            raise RefusedError("this attempt to sign in has ended or is not of this browser: begin again")
        answer = _read(text)
        found = find(answer.id)
        if found is None or attempt.officer not in ("", found[0].officer):
            raise RefusedError("this passkey is not known here, or not of this officer")
        account, passkey = found
        handle = answer.response.userHandle
        if handle != canonical.b64(self.handle(account.officer)) and (handle is not None or not attempt.officer):
            raise RefusedError("this passkey is not known here, or not of this officer")
        try:
            done = webauthn.verify_authentication_response(
                credential=text, expected_challenge=attempt.challenge, expected_rp_id=self._domain(host), expected_origin=self._origin(host),
                credential_public_key=canonical.unb64(passkey.public), credential_current_sign_count=0, require_user_verification=True,
            )  # fmt: skip
        except _FAULTS as error:
            raise SignatureError("the passkey does not answer what was asked: try again") from error
        return account, passkey, done.new_sign_count

    def handle(self, officer: str) -> bytes:
        """Return what an authenticator knows an officer by."""
        return hashlib.sha256(f"kizuna passkeys {self._node} {officer}".encode()).digest()

    def _begin(self, officer: str, name: str = "") -> tuple[Attempt, str]:
        now_ms = self._clock.now_ms()
        attempt, browser = Attempt(self._random(_BYTES), now_ms, officer, name), canonical.b64(self._random(_BYTES))
        with self._lock:
            self._held[_digest(browser)] = attempt
            while len(self._held) > _MOST_ATTEMPTS:
                self._held.popitem(last=False)
        return attempt, browser

    def _end(self, browser: str) -> Attempt | None:
        with self._lock:
            attempt = self._held.pop(_digest(browser), None)
        return attempt if attempt is not None and self._clock.now_ms() - attempt.begun_ms < ATTEMPT_MS else None

    def _domain(self, host: str) -> str:
        found = self.domain(host)
        if not found:
            raise RefusedError("passkeys do not work under an address of numbers: open the pages by their name")
        return found

    def _origin(self, host: str) -> str:
        return self._address or f"http://{host.lower()}"


def claimed(text: str) -> str:
    """Return which passkey an answer says that it is of, empty where it says nothing; nothing of it is verified."""
    try:
        return _read(text).id
    except SignatureError:
        return ""


def _described(account: Account) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=canonical.unb64(key.id)) for key in account.passkeys]


def _read(text: str) -> _Answer:
    """Return what we need of an answer ourselves; a page of another site that frames the browser's question is refused."""
    try:
        if len(text) > MOST_BYTES:
            raise SignatureError("the passkey's answer is too long")
        answer = msgspec.json.decode(text, type=_Answer)
        said = msgspec.json.decode(webauthn.base64url_to_bytes(answer.response.clientDataJSON), type=_Collected)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SignatureError("the passkey does not answer what was asked: try again") from error
    if said.crossOrigin:
        raise SignatureError("the passkey was asked by a page of another site")
    return answer


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
