"""Officers' accounts for the pages: roles, clearance, nationality, a password as its Argon2id hash, passkeys, and one-time links to sign in with.

There is no default password. An account begins without one and with a link, shown once; who follows it chooses a password. Like tokens, accounts
lie in one file that is read again when it has changed. Sessions, the limits on trying and what a passkey signs are the web layer's.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import argon2
import msgspec

from kizuna.errors import ConfigError, RecordError, RefusedError
from kizuna.kernel import canonical
from kizuna.kernel.label import MAX_CLASSIFICATION, PARTY
from kizuna.kernel.ports import Random
from kizuna.node.people.tokens import ROLES
from kizuna.storage.private import write_private

FILE = "accounts.json"
LINK_BYTES = 32
LEAST_PASSWORD = 12
MOST_PASSWORD = 256
_OFFICER = re.compile(r"[a-z0-9][a-z0-9-]{0,39}").fullmatch
_LEAST_DIFFERENT = 5
MOST_PASSKEYS = 10
_NAMED = re.compile(r"\S(.{0,38}\S)?").fullmatch


class Passkey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key in an officer's authenticator: the authenticator's id of it, the public key (COSE), both base64url, and what the officer calls it.

    `count` is how often the authenticator said that it has signed; one that does not count says 0 for ever.
    """

    count: int
    id: str
    made_ms: int
    name: str
    public: str
    used_ms: int


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An officer: may act in any of `roles`, one at a time, and see records up to the `clearance`, a grade of this node's own marking policy.

    Who is of another `nationality` than the node's party sees only what is releasable to that nation. `password` is a hash, empty until chosen.
    `federated` names provider and person where the account is one that a provider of identities vouches for; such a one has no password here.
    From `ends_ms` on the account lets nobody in and is forgotten; 0 is never.
    """

    clearance: int
    made_ms: int
    nationality: str
    officer: str
    password: str
    roles: tuple[str, ...]
    federated: str = ""
    ends_ms: int = 0
    passkeys: tuple[Passkey, ...] = ()

    def lasts(self, now_ms: int) -> bool:
        """Return whether the account counts at an instant."""
        return not self.ends_ms or now_ms < self.ends_ms


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a one-time link: its digest (hex), whose it is, and when it ceases to count."""

    ends_ms: int
    officer: str
    sha256: str


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    accounts: tuple[Account, ...] = ()
    links: tuple[Link, ...] = ()


def check(account: Account) -> None:
    """Accept a well-formed account.

    Raises:
        RefusedError: its id, a role, the clearance or the nationality is not one.
    """
    if not _OFFICER(account.officer):
        raise RefusedError(f"officer id `{account.officer[:40]}` is not one: use up to 40 of `a-z`, `0-9` and `-`")
    unknown = [role for role in account.roles if role not in ROLES]
    if unknown or not account.roles:
        raise RefusedError(
            f"roles `{', '.join(account.roles)[:60]}` are not of `{'`, `'.join(ROLES)}`: give at least one"
        )
    if not 0 <= account.clearance <= MAX_CLASSIFICATION:
        raise RefusedError(f"clearance `{account.clearance}` is not a grade from 0 to {MAX_CLASSIFICATION}")
    if not PARTY(account.nationality):
        raise RefusedError(f"nationality `{account.nationality[:40]}` is not a party's name, like `ind`")


def check_passkey_name(account: Account, name: str) -> None:
    """Accept a name for one more passkey of an account.

    Raises:
        RefusedError: it is none or taken, or the account may have none, or no more.
    """
    if not _NAMED(name) or not name.isprintable():
        raise RefusedError("a passkey needs a name of up to 40 characters: say which device it is")
    if account.federated:
        raise RefusedError("this account signs in through its provider and has no passkeys here")
    if any(key.name == name for key in account.passkeys):
        raise RefusedError("a passkey of this name is there already: choose another name")
    if len(account.passkeys) >= MOST_PASSKEYS:
        raise RefusedError("this account has as many passkeys as one may have: remove one first")


def check_password(text: str, officer: str) -> None:
    """Accept a password that is worth its hash.

    Raises:
        RefusedError: it is too short or long, holds the officer's id, or repeats few characters; says what would do.
    """
    if not LEAST_PASSWORD <= len(text) <= MOST_PASSWORD:
        raise RefusedError(
            f"a password has {LEAST_PASSWORD} to {MOST_PASSWORD} characters: four unrelated words will do"
        )
    if len(set(text)) < _LEAST_DIFFERENT or (len(officer) > 2 and officer in text.lower()):  # noqa: PLR2004 # a short id is in any text
        raise RefusedError("the password repeats few characters or holds the officer id: choose four unrelated words")


class Accounts:
    """The accounts of one node in one file, readable by its own user alone. May be asked from any thread, and from several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._kept = _Kept()
        self._lock = threading.Lock()
        self._hasher = argon2.PasswordHasher()
        self._nobody = ""

    def list(self) -> tuple[Account, ...]:
        """Return all accounts, by officer id.

        Raises:
            ConfigError: the file cannot be read.
        """
        return tuple(sorted(self._load().accounts, key=lambda account: account.officer))

    def get(self, officer: str) -> Account | None:
        """Return an officer's account, or None.

        Raises:
            ConfigError: the file cannot be read.
        """
        return next((account for account in self._load().accounts if account.officer == officer), None)

    def add(self, account: Account) -> None:
        """Keep an account.

        Raises:
            RefusedError: it is malformed, or there is one of that officer.
            ConfigError: the file cannot be read or written.
        """
        check(account)

        def added(kept: _Kept) -> _Kept:
            if any(each.officer == account.officer for each in kept.accounts):
                raise RefusedError(f"officer `{account.officer}` has an account: remove it first, or choose another id")
            return _Kept((*kept.accounts, account), kept.links)

        self._change(added)

    def adopt(self, account: Account) -> Account:
        """Keep an account that a provider of identities vouches for, in the place of what the same provider said of the same person before.

        Raises:
            RefusedError: it is malformed, or the officer id is another person's.
            ConfigError: the file cannot be read or written.
        """
        check(account)

        def adopted(kept: _Kept) -> _Kept:
            rest = tuple(each for each in kept.accounts if each.officer != account.officer)
            same = [each for each in kept.accounts if each.officer == account.officer]
            if any(each.federated != account.federated for each in same) or not account.federated:
                raise RefusedError(
                    f"officer `{account.officer}` is another person's account here: ask an administrator"
                )
            return _Kept((*rest, account), kept.links)

        self._change(adopted)
        return account

    def remove(self, officer: str) -> None:
        """Forget an account and its links; its sessions end with the next thing that they ask.

        Raises:
            RefusedError: there is none.
            ConfigError: the file cannot be read or written.
        """

        def removed(kept: _Kept) -> _Kept:
            rest = tuple(account for account in kept.accounts if account.officer != officer)
            if len(rest) == len(kept.accounts):
                raise RefusedError(f"there is no account of officer `{officer[:40]}`: list them first")
            return _Kept(rest, tuple(link for link in kept.links if link.officer != officer))

        self._change(removed)

    def forget_ended(self, now_ms: int) -> tuple[str, ...]:
        """Forget the accounts that have ended, with their password hashes and links, and the links that have; return whose accounts went.

        Raises:
            ConfigError: the file cannot be read or written.
        """
        held = self._load()
        if all(account.lasts(now_ms) for account in held.accounts) and all(
            now_ms < link.ends_ms for link in held.links
        ):
            return ()
        gone: list[str] = []

        def ended(kept: _Kept) -> _Kept:
            gone.extend(account.officer for account in kept.accounts if not account.lasts(now_ms))
            return _Kept(
                tuple(account for account in kept.accounts if account.lasts(now_ms)),
                tuple(link for link in kept.links if now_ms < link.ends_ms and link.officer not in gone),
            )

        self._change(ended)
        return tuple(sorted(gone))

    def set_password(self, officer: str, text: str) -> None:
        """Keep the hash of a password; takes a tenth of a second of a core.

        Raises:
            RefusedError: the password will not do, or there is no such account.
            ConfigError: the file cannot be read or written.
        """
        check_password(text, officer)
        hashed = self._hasher.hash(text)

        def changed(kept: _Kept) -> _Kept:
            if _one(kept, officer).federated:
                raise RefusedError("this account signs in through its provider and has no password here")
            return _Kept(tuple(_with(account, officer, hashed) for account in kept.accounts), kept.links)

        self._change(changed)

    def by_passkey(self, id_: str) -> tuple[Account, Passkey] | None:
        """Return the account that holds a passkey, and the passkey, or None.

        Raises:
            ConfigError: the file cannot be read.
        """
        found = ((account, key) for account in self._load().accounts for key in account.passkeys)
        return next(((account, key) for account, key in found if key.id == id_), None)

    def add_passkey(self, officer: str, passkey: Passkey) -> None:
        """Keep a passkey of an officer.

        Raises:
            RefusedError: the name is none or taken, the passkey is somebody's, there are too many, or there is no such account.
            ConfigError: the file cannot be read or written.
        """

        def added(account: Account, kept: _Kept) -> Account:
            check_passkey_name(account, passkey.name)
            if any(key.id == passkey.id for each in kept.accounts for key in each.passkeys):
                raise RefusedError("this passkey is known already: use another device")
            return msgspec.structs.replace(account, passkeys=(*account.passkeys, passkey))

        self._change_one(officer, added)

    def remove_passkey(self, officer: str, name: str) -> None:
        """Forget a passkey of an officer by its name.

        Raises:
            RefusedError: there is none of that name, or no such account.
            ConfigError: the file cannot be read or written.
        """

        def removed(account: Account, _kept: _Kept) -> Account:
            rest = tuple(key for key in account.passkeys if key.name != name)
            if len(rest) == len(account.passkeys):
                raise RefusedError(f"there is no passkey `{name[:40]}` of this officer: list them first")
            return msgspec.structs.replace(account, passkeys=rest)

        self._change_one(officer, removed)

    def used_passkey(self, officer: str, id_: str, count: int, now_ms: int) -> None:
        """Keep that a passkey was used, and how often its authenticator says it was.

        Raises:
            RefusedError: it was used as often already, so that there may be two of it; or it is not there any more.
            ConfigError: the file cannot be read or written.
        """

        def used(account: Account, _kept: _Kept) -> Account:
            key = next((key for key in account.passkeys if key.id == id_), None)
            if key is None or (count <= key.count and (count or key.count)):
                raise RefusedError("the counter of this passkey went back")
            now = msgspec.structs.replace(key, count=count, used_ms=now_ms)
            return msgspec.structs.replace(
                account, passkeys=tuple(now if each is key else each for each in account.passkeys)
            )

        self._change_one(officer, used)

    def reset(self, officer: str) -> None:
        """Forget an officer's password, passkeys and links: nothing but a new link lets in then.

        Raises:
            RefusedError: there is no such account, or a provider vouches for it.
            ConfigError: the file cannot be read or written.
        """

        def reset(kept: _Kept) -> _Kept:
            account = _one(kept, officer)
            if account.federated:
                raise RefusedError("this account signs in through its provider: its provider recovers it")
            bare = msgspec.structs.replace(account, password="", passkeys=())
            links = tuple(link for link in kept.links if link.officer != officer)
            return _Kept(tuple(bare if each is account else each for each in kept.accounts), links)

        self._change(reset)

    def verify(self, officer: str, text: str) -> Account | None:
        """Return the account whose password this is, or None; takes as long for an officer that there is as for one that there is not.

        Raises:
            ConfigError: the file cannot be read.
        """
        account = self.get(officer)
        known = account is not None and bool(account.password)
        if not self._nobody:
            self._nobody = self._hasher.hash("nobody's password")
        hashed = account.password if account is not None and known else self._nobody
        try:
            self._hasher.verify(hashed, text[:MOST_PASSWORD])
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return None
        return account if known else None

    def invite(self, officer: str, *, now_ms: int, ends_ms: int, random: Random) -> str:
        """Return the text of a fresh one-time link for an officer, to be shown once; those that have ended are dropped.

        Raises:
            RefusedError: there is no such account.
            ConfigError: the file cannot be read or written.
        """
        text = canonical.b64(random(LINK_BYTES))

        def invited(kept: _Kept) -> _Kept:
            if all(account.officer != officer for account in kept.accounts):
                raise RefusedError(f"there is no account of officer `{officer[:40]}`: add it first")
            current = tuple(link for link in kept.links if now_ms < link.ends_ms)
            return _Kept(kept.accounts, (*current, Link(ends_ms=ends_ms, officer=officer, sha256=_digest(text))))

        self._change(invited)
        return text

    def redeem(self, text: str, now_ms: int) -> Account | None:
        """Return whose link this is and take it out, so that it counts once; None where it is nobody's or has ended.

        Raises:
            ConfigError: the file cannot be read or written.
        """
        digest = _digest(text)
        if all(link.sha256 != digest for link in self._load().links):
            return None
        found: list[Account] = []

        def redeemed(kept: _Kept) -> _Kept:
            owners = {link.officer for link in kept.links if link.sha256 == digest and now_ms < link.ends_ms}
            found.extend(each for each in kept.accounts if each.officer in owners and each.lasts(now_ms))
            return _Kept(kept.accounts, tuple(link for link in kept.links if link.sha256 != digest))

        self._change(redeemed)
        return found[0] if found else None

    # --- the file ------------------------------------------------------------------------------------------------------------------

    def _load(self) -> _Kept:
        with self._lock:
            try:
                found = self.path.stat()
                stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
                if stamp != self._seen:
                    self._kept = canonical.decode(self.path.read_bytes(), type=_Kept)
                    self._seen = stamp
            except FileNotFoundError:
                self._kept, self._seen = _Kept(), None
            except (OSError, RecordError) as error:
                raise ConfigError(f"the accounts cannot be read: {error}", where=str(self.path)) from error
            return self._kept

    def _change(self, change: Callable[[_Kept], _Kept]) -> None:
        """Read, change and write the file while no other process does."""
        with self._alone():
            self._save(change(self._load()))

    def _change_one(self, officer: str, change: Callable[[Account, _Kept], Account]) -> None:
        def changed(kept: _Kept) -> _Kept:
            account = _one(kept, officer)
            made = change(account, kept)
            return _Kept(tuple(made if each is account else each for each in kept.accounts), kept.links)

        self._change(changed)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            handle = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(f"the accounts cannot be written: {error}", where=str(self.path)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _save(self, kept: _Kept) -> None:
        write_private(self.path, canonical.encode(kept))


def _one(kept: _Kept, officer: str) -> Account:
    found = next((account for account in kept.accounts if account.officer == officer), None)
    if found is None:
        raise RefusedError(f"there is no account of officer `{officer[:40]}`")
    return found


def _with(account: Account, officer: str, hashed: str) -> Account:
    return msgspec.structs.replace(account, password=hashed) if account.officer == officer else account


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
