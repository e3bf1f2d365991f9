"""Who is signed in at the pages: sessions kept by the node alone, and how often someone may try.

A browser holds 32 random bytes and nothing else; the node keeps their digest. A session ends by itself, and anew ones replace it whenever the officer
signs in or changes role, so that bytes that were seen before count no more. All is in memory: a node that starts knows nobody.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass

from kizuna.errors import KizunaError
from kizuna.kernel import canonical
from kizuna.kernel.ports import Random
from kizuna.node.people.tokens import Officer

IDLE_MS = 30 * 60_000
WHOLE_MS = 12 * 3_600_000
MOST_SESSIONS = 1_000
TRIES = 5
TRIES_FROM_ONE_PLACE = 50
TRIES_WITHIN_MS = 5 * 60_000
_MOST_NAMES = 10_000
_BYTES = 32


class TooManyTriesError(KizunaError):
    """Someone has tried to sign in too often."""


@dataclass
class Session:
    """One browser that is signed in as one officer in one role; `csrf` must come with everything that it changes.

    `strong` is a session that a passkey has begun: no other counts for an account that has one.
    """

    officer: str
    role: str
    csrf: str
    begun_ms: int
    used_ms: int
    strong: bool = False

    @property
    def caller(self) -> Officer:
        """The officer as operations know one."""
        return Officer(self.officer, self.role)

    def vouches(self, csrf: str) -> bool:
        """Return whether a form was made for this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "surrogatepass"))


class Sessions:
    """The sessions of one node; may be asked from any thread."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._held: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def begin(
        self,
        officer: str,
        role: str,
        now_ms: int,
        *,
        instead_of: str = "",
        begun_ms: int | None = None,
        strong: bool = False,
    ) -> str:
        """Return what the browser is to hold for a fresh session; what it held before counts no more.

        A session that only changes its role keeps the time at which it began: it does not live longer by that.
        """
        text = canonical.b64(self._random(_BYTES))
        begun_ms = now_ms if begun_ms is None else begun_ms
        made = Session(officer, role, canonical.b64(self._random(_BYTES)), begun_ms, now_ms, strong)
        with self._lock:
            self._held.pop(_digest(instead_of), None)
            self._held[_digest(text)] = made
            while len(self._held) > MOST_SESSIONS:
                self._held.popitem(last=False)
        return text

    def find(self, text: str, now_ms: int) -> Session | None:
        """Return the session that a browser holds, which is then used again, or None where it has ended."""
        digest = _digest(text)
        with self._lock:
            found = self._held.get(digest)
            if found is None:
                return None
            if now_ms - found.used_ms >= IDLE_MS or now_ms - found.begun_ms >= WHOLE_MS:
                del self._held[digest]
                return None
            found.used_ms = now_ms
            self._held.move_to_end(digest)
            return found

    def holds(self, text: str, now_ms: int) -> bool:
        """Return whether a session goes on, without using it."""
        with self._lock:
            found = self._held.get(_digest(text))
            return found is not None and now_ms - found.used_ms < IDLE_MS and now_ms - found.begun_ms < WHOLE_MS

    def end(self, text: str) -> None:
        """Forget a session."""
        with self._lock:
            self._held.pop(_digest(text), None)

    def end_all(self, officer: str) -> None:
        """Forget every session of an officer."""
        with self._lock:
            for digest in [digest for digest, session in self._held.items() if session.officer == officer]:
                del self._held[digest]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Tries:
    """Counts failed tries to sign in, by officer and by where they came from."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, deque[int]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, officer: str, place: str, now_ms: int) -> None:
        """Accept one more try.

        Raises:
            TooManyTriesError: there were too many; says how long to wait.
        """
        with self._lock:
            for name, most in ((f"officer {officer}", TRIES), (f"place {place}", TRIES_FROM_ONE_PLACE)):
                times = self._recent(name, now_ms)
                if len(times) >= most:
                    wait_s = (times[-most] + TRIES_WITHIN_MS - now_ms) // 1000 + 1
                    raise TooManyTriesError(f"too many tries: wait {wait_s} s, then try again")

    def failed(self, officer: str, place: str, now_ms: int) -> None:
        """Count a try that failed."""
        with self._lock:
            for name in (f"officer {officer}", f"place {place}"):
                self._failed.setdefault(name, deque()).append(now_ms)
                self._failed.move_to_end(name)
            while len(self._failed) > _MOST_NAMES:
                self._failed.popitem(last=False)

    def _recent(self, name: str, now_ms: int) -> deque[int]:
        times = self._failed.get(name, deque())
        while times and now_ms - times[0] >= TRIES_WITHIN_MS:
            times.popleft()
        return times
