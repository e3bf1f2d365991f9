"""What a browser loads beside the pages: the built map, styles and fonts, served by the node itself under names that change with their content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from kizuna.errors import ConfigError
from kizuna.web.errors import NotHeldError

FOLDER = Path(__file__).resolve().parent / "static"
MANIFEST = "manifest.json"
URL = "/static/"
TYPES = {".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".woff2": "font/woff2"}


class _Chunk(msgspec.Struct, frozen=True):
    """An entry of the manifest that the build leaves."""

    file: str
    css: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asset:
    """A file to be served."""

    data: bytes
    media_type: str


class Assets:
    """The built files; without them pages say how to build them."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._chunks: dict[str, _Chunk] = {}
        try:
            data = (folder / MANIFEST).read_bytes()
            self._chunks = msgspec.json.decode(data, type=dict[str, _Chunk])
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigError(
                f"the pages' files cannot be read ({error}): build them with `make pages`", where=str(folder)
            ) from error

    @property
    def built(self) -> bool:
        """Whether there are any."""
        return bool(self._chunks)

    def scripts(self, entry: str) -> list[str]:
        """Return the addresses of the scripts of an entry, `page` or `map`."""
        chunk = self._chunks.get(f"src/{entry}.ts")
        return [URL + chunk.file] if chunk is not None else []

    def styles(self, entry: str) -> list[str]:
        """Return the addresses of its style sheets."""
        chunk = self._chunks.get(f"src/{entry}.ts")
        return [URL + name for name in chunk.css] if chunk is not None else []

    def read(self, name: str) -> Asset:
        """Return a built file.

        Raises:
            NotHeldError: there is none of that name.
        """
        kind = TYPES.get(Path(name).suffix)
        if kind is None or "/" in name or name.startswith(".") or name == MANIFEST:
            raise NotHeldError("there is no such file")
        try:
            return Asset((self._folder / name).read_bytes(), kind)
        except OSError as error:
            raise NotHeldError("there is no such file") from error

    def fonts(self) -> int:
        """Return how many font files there are."""
        return len(list(self._folder.glob("*.woff2")))
