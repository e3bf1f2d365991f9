"""Users' tokens: each is bound to one officer in one role, and kept only as a digest.

A token is 32 random bytes; what has that much entropy needs no slow hash. The file is read again when it has changed, so that a token is given or
taken back while the node runs. Who may do what in which role is the API's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kizuna.errors import ConfigError, RecordError, RefusedError
from kizuna.kernel import canonical
from kizuna.kernel.ports import Random
from kizuna.storage.private import write_private

ROLES = (
    "watch",
    "liaison",
    "desk",
    "logistics",
    "exercise",
    "equipment",
    "security",
    "cyber",
    "space",
    "integrator",
    "administrator",
)
PREFIX = "kizuna_"
"""So that a token that was left somewhere is known for what it is."""
TOKEN_BYTES = 32
_OFFICER = re.compile(r"[a-z0-9][a-z0-9-]{0,39}").fullmatch


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a token: its digest (hex) and whose it is. `id` names it to people; `ends_ms` is when it ceases to count."""

    ends_ms: int
    id: str
    made_ms: int
    officer: str
    role: str
    sha256: str


@dataclass(frozen=True)
class Officer:
    """Who calls: a pseudonymous officer id in one role."""

    id: str
    role: str

    @property
    def actor(self) -> str:
        """How records name the officer."""
        return f"officer:{self.id}:{self.role}"


def make(officer: str, role: str, *, now_ms: int, ends_ms: int, random: Random) -> tuple[str, Token]:
    """Return a fresh token's text, to be shown once, and what to keep of it.

    Raises:
        RefusedError: the officer id or the role is not one, or it would end before it begins.
    """
    if not _OFFICER(officer):
        raise RefusedError(f"officer id `{officer[:40]}` is not one: use up to 40 of `a-z`, `0-9` and `-`")
    if role not in ROLES:
        raise RefusedError(f"role `{role[:40]}` is not one of `{'`, `'.join(ROLES)}`")
    if ends_ms <= now_ms:
        raise RefusedError("the token would end before it begins: give it a later end")
    text = PREFIX + canonical.b64(random(TOKEN_BYTES))
    digest = _digest(text)
    return text, Token(ends_ms=ends_ms, id=digest[:12], made_ms=now_ms, officer=officer, role=role, sha256=digest)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Tokens:
    """The tokens of one node in one file, readable by its own account alone. May be asked from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._held: dict[str, Token] = {}

    def who(self, text: str, now_ms: int) -> Officer | None:
        """Return whose token this is, or None where it is nobody's or has ended.

        Raises:
            ConfigError: the file cannot be read.
        """
        # The lookup is by digest: how long it takes says nothing about the tokens that there are.
        token = self._load().get(_digest(text))
        return Officer(token.officer, token.role) if token is not None and now_ms < token.ends_ms else None

    def list(self) -> tuple[Token, ...]:
        """Return all tokens that are kept, oldest first.

        Raises:
            ConfigError: the file cannot be read.
        """
        return tuple(sorted(self._load().values(), key=_age))

    def add(self, token: Token) -> None:
        """Keep a token.

        Raises:
            ConfigError: the file cannot be read or written.
        """
        self._save([*self.list(), token])

    def revoke(self, token_id: str) -> Token:
        """Forget a token, given by its id, and return it.

        Raises:
            RefusedError: there is none.
            ConfigError: the file cannot be read or written.
        """
        kept = self.list()
        for token in kept:
            if token.id == token_id:
                self._save([other for other in kept if other is not token])
                return token
        raise RefusedError(f"there is no token `{token_id[:12]}`: list them first")

    def _load(self) -> dict[str, Token]:
        try:
            found = self.path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._seen:
                tokens = canonical.decode(self.path.read_bytes(), type=tuple[Token, ...])
                self._held = {token.sha256: token for token in tokens}
                self._seen = stamp
        except FileNotFoundError:
            self._held, self._seen = {}, None
        except (OSError, RecordError) as error:
            raise ConfigError(f"the users' tokens cannot be read: {error}", where=str(self.path)) from error
        return self._held

    def _save(self, tokens: Sequence[Token]) -> None:
        write_private(self.path, canonical.encode(tuple(tokens)))


def _age(token: Token) -> tuple[int, str]:
    return token.made_ms, token.id
