"""QR codes, by `segno` from the extra `documents`."""

from __future__ import annotations

import io
from xml.sax.saxutils import escape

from kizuna.errors import ConfigError, RefusedError

MEDIA_TYPE = "image/svg+xml"
_SCALE, _EDGE = 4, 18
MAX_BYTES = 2_331
"""What the largest symbol holds with error correction M (15 percent), in bytes: ISO/IEC 18004, version 40-M."""


def svg(data: bytes, title: str, marking: str) -> bytes:
    """Return a symbol that holds the bytes, as SVG, with its marking above and below it and in its title.

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
    code = segno.make(data, error="m", micro=False, mode="byte", boost_error=False)
    width, height = code.symbol_size(scale=_SCALE)
    code.save(out, kind="svg", scale=_SCALE, xmldecl=False, svgns=True)
    mark = escape(marking)
    edges = "".join(
        f'<text x="{width / 2:g}" y="{y}" text-anchor="middle" font-family="sans-serif" font-size="7">{mark}</text>'
        for y in (_EDGE - 6, _EDGE + height + 10)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height + 2 * _EDGE}" viewBox="0 0 {width} {height + 2 * _EDGE}">'
        f"<title>{escape(title)}: {mark}</title>{edges}"
        f'<g transform="translate(0 {_EDGE})">{out.getvalue().decode()}</g></svg>\n'
    ).encode()
