"""The error tree: one branch for each thing that a caller does next.

    KizunaError
    ├── RecordError            reject it; the sender fixes it and sends again
    ├── SignatureError         reject it and tell the issuer
    ├── UnknownTypeError       keep it, do not project it
    ├── RefusedError           an operation broke a rule: tell the officer
    ├── ReleaseDeniedError     do not send; carries the decision
    ├── JournalConflictError   read again, retry
    ├── JournalCorruptError    stop
    ├── ChannelError           try later
    │   └── ForkError          stop this channel, tell security
    ├── BundleError            ask the sender for the bundle again
    └── ConfigError            fix the file; says where as `file:line`

Messages are lower case, carry no period, and put values in backticks. Whoever raises one says what was wrong, where, and what to do; the
web layer maps a branch to a status, the command line to an exit code, each in one table.
"""

from __future__ import annotations


class KizunaError(Exception):
    """The root; catch it only at the outer edge."""


class RecordError(KizunaError):
    """Bytes or values that are not a well-formed record, batch or message: reject, let the sender fix them."""


class SignatureError(KizunaError):
    """A signature, key or certificate that does not verify: reject, tell the issuer."""


class UnknownTypeError(KizunaError):
    """A record type that this node does not know: keep it, never project or release it."""


class RefusedError(KizunaError):
    """An operation that a rule forbids: tell the officer which rule and what would satisfy it."""


class ReleaseDeniedError(KizunaError):
    """A release that no provision in force permits: do not send."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
        """The reason code, one of `kizuna.kernel.release.REASONS` or `provision:<id>`."""


class JournalConflictError(KizunaError):
    """Another writer was first: read again and retry."""


class JournalCorruptError(KizunaError):
    """The journal does not verify: stop this node, do not write."""


class ChannelError(KizunaError):
    """A partner or a channel that cannot be used now: try later."""


class ForkError(ChannelError):
    """A log fault: what the partner signed contradicts what it signed before; stop the channel, tell security."""


class BundleError(KizunaError):
    """A bundle file that is truncated, altered, expired or meant for someone else: ask for it again."""


class ConfigError(KizunaError):
    """A setting or a file that cannot be used: fix it and start again."""

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.where = where
        """`file:line`, or empty where no file is at fault."""
