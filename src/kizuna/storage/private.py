"""Files that their owner alone may read: keys, tokens, accounts, and whatever a command writes out of the records."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from kizuna.errors import ConfigError
from kizuna.storage.blobs import sync_directory

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = 0o600


def write_private(path: Path, data: bytes) -> None:
    """Write a file that its owner alone may read, durably and whole, in place of what was there.

    Raises:
        ConfigError: it cannot be written.
    """
    temporary = path.with_name(f"{path.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise ConfigError(
            f"cannot be written ({error.strerror}): check folder and permissions", where=str(path)
        ) from error
