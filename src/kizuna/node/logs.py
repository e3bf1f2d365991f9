"""Structured logs in which nothing of a record can appear.

What is logged is an allow-list: named keys, each with the form that its values have; all else is dropped and counted. An exception is told by its
type and where it was raised, never by its message, which may quote what it was about; of what libraries log, only who said it and how grave it
is. Sentences for people stand in the journal and are read over the API, which knows who asks.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, MutableMapping
from pathlib import PurePath
from types import TracebackType
from typing import Any, TextIO

import structlog

Event = MutableMapping[str, Any]
_Form = Callable[[str], object]

_WORDS = re.compile(r"[a-z0-9][a-z0-9 ,'/-]{0,79}").fullmatch
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,79}").fullmatch
_PARTY_NODE = r"[a-z][a-z0-9-]{1,15}/[a-z0-9][a-z0-9-]{0,39}"
_NODE = re.compile(_PARTY_NODE).fullmatch
_CHANNEL = re.compile(rf"kizuna/{_PARTY_NODE}/to/{_PARTY_NODE}").fullmatch
_CODE = re.compile(r"[a-z][a-z-]{0,39}").fullmatch
_PLACE = re.compile(r"[A-Za-z0-9_./-]{1,80}:[0-9]{1,6}").fullmatch
_STAMP = re.compile(r"[0-9TZ:.+-]{10,40}").fullmatch

TEXTS: dict[str, _Form] = {
    "channel": _CHANNEL,
    "error": _NAME,
    "event": _WORDS,
    "kind": _CODE,
    "level": _CODE,
    "logger": _NAME,
    "node": _NODE,
    "partner": _NODE,
    "source": _CODE,
    "timestamp": _STAMP,
    "where": _PLACE,
}
"""Keys whose values are text, and the form of that text."""
NUMBERS = frozenset({
    "bytes", "count", "days_left", "dropped_keys", "duration_ms", "entries", "free_bytes", "free_percent", "port",
    "seq", "size", "status",
})  # fmt: skip
"""Keys whose values are whole numbers."""


def admit(_logger: object, _method: str, event: Event) -> Event:
    """Return what of an event may be written: allowed keys whose values have their form; a structlog processor."""
    kept: dict[str, Any] = {}
    for key, value in event.items():
        form = TEXTS.get(key)
        if (form is not None and isinstance(value, str) and form(value)) or (key in NUMBERS and type(value) is int):
            kept[key] = value
    dropped = len(event) - len(kept)
    kept.setdefault("event", "withheld")
    if dropped:
        kept["dropped_keys"] = dropped
    return kept


def tell_exception(_logger: object, _method: str, event: Event) -> Event:
    """Replace an exception by its type and the place that raised it; a structlog processor."""
    info = event.pop("exc_info", None)
    for key in ("exception", "stack", "stack_info"):
        event.pop(key, None)
    error = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["where"] = place_of(error.__traceback__)
    return event


def place_of(trace: TracebackType | None) -> str:
    """Return `file:line` of where an exception was raised, without the folders above its package."""
    frames = traceback.extract_tb(trace)
    if not frames:
        return "unknown:0"
    path = PurePath(frames[-1].filename)
    return f"{'/'.join(path.parts[-2:])}:{frames[-1].lineno or 0}"


def of_library(_logger: object, _method: str, event: Event) -> Event:
    """Return of a library's log line only who logged it, how grave it is, and any exception's type; a structlog processor."""
    record = event.get("_record")
    kept: Event = {"event": "library message", "level": event.get("level", "warning")}
    if isinstance(record, logging.LogRecord):
        kept["logger"] = record.name
        kept["where"] = f"{PurePath(record.pathname).name}:{record.lineno}"
    if event.get("exc_info"):
        kept["exc_info"] = event["exc_info"]
    return kept


def configure(stream: TextIO, *, level: str = "info", form: str = "json") -> None:
    """Send all logs of this process, and what would else be a traceback, to `stream`.

    Args:
        stream: Where lines go.
        level: `debug`, `info`, `warning` or `error`.
        form: `json`, one object a line, or `text` for people.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    finish: list[Any] = [structlog.processors.TimeStamper(fmt="iso", utc=True), tell_exception, admit, _renderer(form)]
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        # The formatter forgets the exception before the standard library would append its text.
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.add_log_level, of_library, *finish],
            keep_exc_info=False,
            keep_stack_info=False,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(least, logging.WARNING))
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _renderer(form: str) -> Any:
    return (
        structlog.processors.JSONRenderer(sort_keys=True) if form == "json" else structlog.processors.LogfmtRenderer()
    )


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    structlog.get_logger("kizuna").error("uncaught", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    structlog.get_logger("kizuna").error(
        "uncaught in thread", exc_info=(args.exc_type, args.exc_value, args.exc_traceback)
    )


def loop_exception(_loop: object, context: dict[str, Any]) -> None:
    """Log what an event loop could not hand to anyone; for `loop.set_exception_handler`."""
    structlog.get_logger("kizuna").error("uncaught in event loop", exc_info=context.get("exception"))
