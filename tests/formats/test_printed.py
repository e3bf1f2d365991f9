"""Forms print in English and a second language on any machine: the fonts lie in the package."""

from __future__ import annotations

import re
import zlib

import pytest

from kizuna.formats import printed

pytest.importorskip("typst", reason="the extra `documents` is not installed")
MARK = "IND RESTRICTED//REL TO IND, JPN"
WORDS = {"ja": "相互提供の発注書", "hi": "आपूर्ति आदेश"}
FAMILIES = {"ja": "KizunaSansJP", "hi": "KizunaSansDevanagari"}

needs_fonts = pytest.mark.skipif(
    not (printed._FONTS / "kizuna-sans-jp.ttf").exists(), reason="the package was built without npm: `make pages`"
)


def streams(pdf: bytes) -> bytes:
    """Return all of a PDF with what it holds deflated laid open."""
    found = [pdf]
    for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(part))
        except zlib.error:
            continue
    return b"\n".join(found)


def characters(pdf: bytes) -> set[str]:
    """Return the characters that a PDF's fonts map their glyphs to: what a reader can search for and copy."""
    found = set()
    for block in re.findall(rb"begin(?:bfchar|bfrange)(.*?)endbf", streams(pdf), re.DOTALL):
        for text in re.findall(rb"<([0-9A-Fa-f]{4,})>\s*[\r\n]", block + b"\n"):
            found |= set(bytes.fromhex(text.decode()).decode("utf-16-be", "replace"))
    return found


def form(language: str, lines: int = 1) -> printed.Form:
    words = ("Order", WORDS[language])
    part = printed.Part(heading=words, columns=[words], rows=[[f"row {nth} {WORDS[language]}"] for nth in range(lines)])
    return printed.Form(
        heading=words, language=language, marking=f"{MARK} {WORDS[language]}", parts=(part,), signatures=(words, words)
    )


@needs_fonts
@pytest.mark.parametrize("language", ["ja", "hi"])
def test_a_form_brings_its_own_fonts(language: str) -> None:
    assert printed.fonts_for(language)[0].replace(" ", "") == FAMILIES[language]
    assert not printed.unset(form(language))
    made = printed.pdf(form(language))
    assert FAMILIES[language].encode() in streams(made)
    assert set(WORDS[language]) - {" "} <= characters(made)
    assert b"no-font" not in made
    assert made == printed.pdf(form(language))
    assert 1_000 < len(made) < 200_000, "glyphs that are not used are left out"


@needs_fonts
def test_the_licence_of_the_fonts_goes_with_them() -> None:
    for name in ("kizuna-sans-jp.ttf", "kizuna-sans-devanagari.ttf"):
        assert "SIL Open Font License" in (printed._FONTS / f"{name}.LICENSE").read_text(encoding="utf-8")


def test_without_a_font_the_form_keeps_to_english_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printed, "fonts_for", lambda _language, _families=None: ())
    made = printed.pdf(form("ja"))
    assert b"no-font-ja" in made
    assert not set(WORDS["ja"]) & characters(made)
