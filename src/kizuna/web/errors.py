"""How errors reach a user of the API: one table from the error tree to a status, a word, and what to do next."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException

from kizuna.errors import (
    BundleError,
    ChannelError,
    ConfigError,
    ForkError,
    JournalConflictError,
    JournalCorruptError,
    KizunaError,
    RecordError,
    RefusedError,
    ReleaseDeniedError,
    SignatureError,
    UnknownTypeError,
)
from kizuna.kernel import canonical
from kizuna.node.readers.extract import ExtractBehindError
from kizuna.web.rates import TooFastError
from kizuna.web.sessions import TooManyTriesError

_log = structlog.get_logger("kizuna.web")


class NoTokenError(KizunaError):
    """A call without a token that counts."""


class NotSignedInError(KizunaError):
    """A page asked for by a browser that is not signed in."""


class NoPasskeyError(KizunaError):
    """A page asked for by an officer who must have a passkey first."""


class NotYourRoleError(KizunaError):
    """A call that another role may make."""


class NotHeldError(KizunaError):
    """What was asked for is not held here, or not for this officer: the same answer."""


class TooLargeError(KizunaError):
    """A body over the limit of its route."""


STATUSES: tuple[tuple[type[KizunaError], int, str, str], ...] = (
    (NoTokenError, 401, "no-token", "send `Authorization: Bearer` with a token that an administrator has made"),
    (NotSignedInError, 401, "not-signed-in", "sign in at `/signin`"),
    (NoPasskeyError, 403, "no-passkey", "make a passkey at `/passkeys`"),
    (TooManyTriesError, 429, "too-many-tries", "wait, then try again"),
    (TooFastError, 429, "too-fast", "wait, then go on"),
    (NotYourRoleError, 403, "not-your-role", "ask an officer of a role that may"),
    (NotHeldError, 404, "not-held", "check the id or name"),
    (TooLargeError, 413, "too-large", "send less at once"),
    (RecordError, 400, "malformed", "correct the request and send it again"),
    (SignatureError, 422, "signature", "tell the issuer: what it signed does not verify"),
    (UnknownTypeError, 422, "unknown-type", "name a record type that this node knows"),
    (BundleError, 422, "bundle", "ask the sender for the bundle again"),
    (ReleaseDeniedError, 403, "release-denied", "ask the liaison officer; `explain` names the clause"),
    (RefusedError, 409, "refused", "read which rule stands against it and what would satisfy it"),
    (ForkError, 409, "log-fault", "the channel is stopped: call the security officer"),
    (ExtractBehindError, 503, "try-later", "wait a moment: it goes on each time that you ask"),
    (ChannelError, 503, "try-later", "try again in a moment"),
    (JournalConflictError, 503, "try-later", "try again in a moment"),
    (JournalCorruptError, 500, "journal-corrupt", "stop the node and verify its journal"),
    (ConfigError, 500, "configuration", "an administrator must correct the node's settings"),
    (KizunaError, 500, "error", "an administrator must look into the node's log"),
)
"""Branch of the error tree, status, word, remedy; the first that fits counts."""
AGAIN_S = 1
"""When to ask again for what is being made."""

_LIBRARY = {
    404: ("not-held", "there is no such path", "see `/api/openapi.json`"),
    405: ("method", "this path takes another method", "see `/api/openapi.json`"),
    413: ("too-large", "the body is over the limit", "send less at once"),
}


class Answer(Response[bytes]):
    """An answer of canonical JSON."""

    def __init__(self, value: Any, status: int = 200) -> None:
        headers = {"cache-control": "no-store"}
        super().__init__(canonical.encode(value), status_code=status, media_type=MediaType.JSON, headers=headers)


def _said(status: int, word: str, sentence: str, remedy: str) -> Answer:
    return Answer({"error": word, "remedy": remedy, "sentence": sentence}, status)


def branch_of(error: KizunaError) -> tuple[int, str, str]:
    """Return status, word and remedy of an error's branch; what is our own fault is logged."""
    status, word, remedy = next(row[1:] for row in STATUSES if isinstance(error, row[0]))
    if status >= 500 and not isinstance(error, ExtractBehindError):  # noqa: PLR2004 # our fault
        _log.error("call failed", status=status, error=type(error).__name__)
    return status, word, remedy


def on_kizuna_error(_request: Request[Any, Any, Any], error: KizunaError) -> Answer:
    """Answer with the status of the error's branch."""
    status, word, remedy = branch_of(error)
    answer = _said(status, word, str(error), remedy)
    if isinstance(error, TooFastError):
        answer.headers["retry-after"] = str(error.wait_s)
    if isinstance(error, ExtractBehindError):
        answer.headers["retry-after"] = str(AGAIN_S)
    return answer


def on_http_error(_request: Request[Any, Any, Any], error: HTTPException) -> Answer:
    """Answer what the library refused, in our form and without its details."""
    malformed = ("malformed", "the path or its parameters do not fit", "see `/api/openapi.json`")
    return _said(error.status_code, *_LIBRARY.get(error.status_code, malformed))


def on_any_error(_request: Request[Any, Any, Any], error: Exception) -> Answer:
    """Answer an error that nobody foresaw, without a word of it."""
    _log.exception("call failed", status=500, exc_info=error)
    return _said(
        500, "error", "the call failed on an unexpected error", "an administrator must look into the node's log"
    )


HANDLERS: dict[Any, Any] = {KizunaError: on_kizuna_error, HTTPException: on_http_error, Exception: on_any_error}
