"""Exit codes: one for each branch of the error tree, so that scripts can tell what to do next (docs/operations.md)."""

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

EXIT_CODES: dict[type[KizunaError], int] = {
    KizunaError: 1,
    RecordError: 3,
    SignatureError: 4,
    UnknownTypeError: 5,
    RefusedError: 6,
    ReleaseDeniedError: 7,
    JournalConflictError: 8,
    JournalCorruptError: 9,
    ChannelError: 10,
    ForkError: 11,
    BundleError: 12,
    ConfigError: 13,
}


def exit_code(error: KizunaError) -> int:
    """Return the code of the nearest branch that the error is of."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
