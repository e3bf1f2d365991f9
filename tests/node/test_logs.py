"""No log line carries anything of a record: canaries are driven through every way into the log."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from kizuna.errors import KizunaError
from kizuna.kernel.journal import Db, Entry
from kizuna.node import effects as fx
from kizuna.node import logs
from tests.web.harness import TestNode, note, partnership, secret, until

CANARY = "canary-7f3a9c"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Configure logging into a buffer, and put back what was there."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook)
    stream = io.StringIO()
    logs.configure(stream, level="debug")
    yield stream
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:], (sys.excepthook, threading.excepthook) = before[0], before[2:]
    root.setLevel(before[1])


def written(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_allowed_keys_of_the_right_form_are_written(lines: io.StringIO) -> None:
    log = structlog.get_logger("kizuna.test")
    log.info("partner unreachable", node="jpn/yokosuka", error="ClientError", status=404, count=3)
    (line,) = written(lines)
    assert line.pop("timestamp")
    assert line == {
        "event": "partner unreachable", "node": "jpn/yokosuka", "error": "ClientError", "status": 404, "count": 3,
        "level": "info",
    }  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [
        {"text": CANARY},
        {"node": CANARY},
        {"error": f"RecordError: `{CANARY}`"},
        {"status": CANARY},
        {"count": True},
        {"seq": 1.5},
        {"kind": CANARY.upper()},
        {"channel": f"kizuna/{CANARY}"},
        {"sentence": CANARY},
        {"entries": [CANARY]},
        {"event": f"a record `{CANARY}` came"},
    ],
)
def test_all_else_is_dropped_and_counted(values: dict[str, object]) -> None:
    kept = logs.admit(None, "info", {"event": "x", **values})
    assert CANARY not in str(kept)
    assert kept["dropped_keys"] == 1


def test_an_exception_is_told_by_type_and_place(lines: io.StringIO) -> None:
    try:
        raise KizunaError(CANARY)  # noqa: TRY301 # something must raise it
    except KizunaError:
        structlog.get_logger().exception("core stopped")
    (line,) = written(lines)
    assert line["error"] == "KizunaError"
    assert str(line["where"]).startswith("node/test_logs.py:")
    assert CANARY not in lines.getvalue()


def test_libraries_and_uncaught_errors_say_nothing_of_what_they_were_about(lines: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError(CANARY)

    logging.getLogger("aiohttp.server").error("bad request %s", CANARY, extra={"body": CANARY})
    try:
        fail()
    except ValueError:
        logging.getLogger("asyncio").exception(CANARY, stack_info=True)
        sys.excepthook(*sys.exc_info())
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn(CANARY, stacklevel=1)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(logs.loop_exception)
    loop.call_exception_handler({"message": CANARY, "exception": ValueError(CANARY)})
    loop.close()
    assert CANARY not in lines.getvalue()
    events = [line["event"] for line in written(lines)]
    assert events.count("library message") == 3
    assert {"uncaught", "uncaught in thread", "uncaught in event loop"} <= set(events)
    assert [line.get("error") for line in written(lines)].count("ValueError") == 4


def test_text_form_is_for_people(lines: io.StringIO) -> None:
    stream = io.StringIO()
    logs.configure(stream, form="text")
    structlog.get_logger().info("listening", port=8443)
    assert "event=listening" in stream.getvalue()
    assert "port=8443" in stream.getvalue()


class FailingStore:
    """A store whose disk fails with words about what it was writing."""

    def __init__(self, node: TestNode) -> None:
        self._commit = node.store.commit
        self.failing = False

    def commit(self, entries: list[Entry]) -> list[int]:
        if self.failing:
            raise KizunaError(f"cannot write `{CANARY}`")
        return self._commit(entries)


def test_a_running_node_logs_nothing_of_its_records(
    tmp_path: Path, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        one, other = await partnership(tmp_path)
        failing = FailingStore(one)
        monkeypatch.setattr(one.store, "commit", failing.commit)
        await one.do(fx.Say((note(CANARY, "ind", "ind", "jpn", source=CANARY), secret(CANARY, "ind"))))
        await until(lambda: other.notes() == {CANARY})
        failing.failing = True
        with pytest.raises(KizunaError, match=CANARY):
            await one.do(fx.Say((note(CANARY, "ind", "ind", "jpn"),)))
        failing.failing = False
        await asyncio.wrap_future(one.runner.message("jpn/yokosuka", CANARY.encode()))
        one.runner.answered("jpn/yokosuka", CANARY.encode())

        def broken(_db: Db, _seq: int, _entry: Entry) -> None:
            raise ValueError(CANARY)

        failing._commit = broken  # type: ignore[assignment] # a bug in a projection, which quotes its record
        with pytest.raises(KizunaError):
            await one.do(fx.Say((note(CANARY, "ind", "ind", "jpn"),)))
        await one.stop()
        await other.stop()

    asyncio.run(story())
    text = lines.getvalue()
    assert CANARY not in text
    events = {line["event"] for line in written(lines)}
    assert {"commit failed", "core stopped"} <= events
