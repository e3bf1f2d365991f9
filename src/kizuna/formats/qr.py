"""QR codes, by `segno` from the extra `documents`."""

from __future__ import annotations

import io

from kizuna.errors import ConfigError, RefusedError

MEDIA_TYPE = "image/svg+xml"
MAX_BYTES = 2_331
"""What the largest symbol holds with error correction M (15 percent), in bytes: ISO/IEC 18004, version 40-M."""


def svg(data: bytes, title: str) -> bytes:
    """Return a symbol that holds the bytes, as SVG.

    Raises:
        ConfigError: `segno` is not installed.
        RefusedError: no symbol holds so much.
    """
    try:
        import segno  # noqa: PLC0415 # an extra: whoever makes no code needs it not
    except ImportError as error:
        raise ConfigError("a QR code needs `segno`: install the extra `kizuna[documents]`") from error
    if len(data) > MAX_BYTES:
        raise RefusedError(f"`{len(data)}` bytes fit no QR code: it holds {MAX_BYTES}; carry a bundle file instead")
    out = io.BytesIO()
    segno.make(data, error="m", micro=False, mode="byte", boost_error=False).save(out, kind="svg", scale=4, title=title)
    return out.getvalue()
