"""The paragraphs of a joint text, out of a DOCX file, an HTML page or plain text. DOCX needs `python-docx` from the extra `documents`."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from html.parser import HTMLParser

from kizuna.errors import ConfigError, RecordError

MAX_PARAGRAPHS = 1000
_MAX_UNPACKED = 64 << 20
_BLOCKS = frozenset({
    "address", "article", "blockquote", "br", "dd", "div", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "li", "main", "p", "section", "td", "th",
    "title", "tr",
})  # fmt: skip
_SILENT = frozenset({"head", "nav", "noscript", "script", "style", "template"})
_looks_like_html = re.compile(rb"\s*(?:<!doctype html|<html|<body|<p\b|<div\b|<article\b|<main\b)", re.IGNORECASE).match


def paragraphs(data: bytes) -> tuple[str, ...]:
    """Return the paragraphs of a text in order, spaces made single, in Unicode form NFC.

    In plain text an empty line parts paragraphs; where there is none, each line is one.

    Raises:
        RecordError: it is no such file, holds no text or too many paragraphs.
        ConfigError: `python-docx` is not installed.
    """
    if data[:4] == b"PK\x03\x04":
        found = _docx(data)
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RecordError(
                f"the text is not UTF-8 from byte {error.start} on: save it as UTF-8, DOCX or HTML"
            ) from error
        found = _html(text) if _looks_like_html(data) else _plain(text)
    made = tuple(clean for each in found if (clean := unicodedata.normalize("NFC", " ".join(each.split()))))
    if not made:
        raise RecordError("the file holds no text: give the joint text as UTF-8 text, DOCX or HTML")
    if len(made) > MAX_PARAGRAPHS:
        raise RecordError(f"the text has {len(made)} paragraphs, more than {MAX_PARAGRAPHS}: divide it")
    return made


def _plain(text: str) -> list[str]:
    blocks = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n"))
    return blocks if len([block for block in blocks if block.strip()]) > 1 else text.splitlines()


def _docx(data: bytes) -> list[str]:
    try:
        import docx  # noqa: PLC0415 # an extra: whoever reads no DOCX needs it not
    except ImportError as error:
        raise ConfigError("a DOCX file needs `python-docx`: install the extra `kizuna[documents]`") from error
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(item.file_size for item in archive.infolist())
        found = [] if size > _MAX_UNPACKED else [each.text for each in docx.Document(io.BytesIO(data)).paragraphs]
    except Exception as error:
        raise RecordError(f"the file is no DOCX that can be read: {type(error).__name__}: save it anew") from error
    if size > _MAX_UNPACKED:
        raise RecordError(
            f"the DOCX file unpacks to {size >> 20} MB, more than {_MAX_UNPACKED >> 20} MB: save the text alone"
        )
    return found


class _Page(HTMLParser):
    """Collects what a page says, block by block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks = [""]
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """See `HTMLParser`."""
        del attrs
        self._silent += tag in _SILENT
        if tag in _BLOCKS:
            self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        """See `HTMLParser`."""
        self._silent = max(0, self._silent - (tag in _SILENT))
        if tag in _BLOCKS:
            self.blocks.append("")

    def handle_data(self, data: str) -> None:
        """See `HTMLParser`."""
        if not self._silent:
            self.blocks[-1] += data


def _html(text: str) -> list[str]:
    page = _Page()
    page.feed(text)
    page.close()
    return page.blocks
