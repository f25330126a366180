"""Log lines: one shape for our own (structlog) and for the libraries' (logging).

    {"time": "2026-11-22T01:44:00.123456Z", "level": "info", "process": "worker", "event": …}

Whatever is written passes `Mask` last, as text, so a secret cannot slip through in an exception
or a library's line. What pages and clients wrote stays one line and reaches no terminal (`log_text`).
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterable
from typing import Any, TextIO
from urllib.parse import urlsplit

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from deploy.log_text import harmless, indented, one_line

HIDDEN = "***"
# Secrets that are made while running: the token of a connectUrl or of a connection, a key in a header.
_PATTERNS = (
    re.compile(r"(/cdp/[0-9a-f-]{36}/(?:[0-9a-f-]{36}/)?)[0-9a-f]{40,}"),
    re.compile(r"((?i:bearer)\s+)[A-Za-z0-9._~+/=-]{8,}"),
)
# Libraries that tell of each connection and frame at a level where we want to hear of trouble only.
_TALKATIVE = ("httpcore", "httpx", "uvicorn.access", "asyncio", "playwright", "picows")


class Mask:
    """Takes known secrets, and what looks like a token of ours, out of a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spelt = {spelling for secret in secrets for spelling in _spellings(secret)}
        longest_first = sorted(spelt, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if spelt else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\1{HIDDEN}", text)
        return text


def _spellings(secret: str) -> set[str]:
    """A secret as itself, as JSON and as Python write it; of a URL, its password alone."""
    found = urlsplit(secret).password if "://" in secret else secret
    return {found, json.dumps(found)[1:-1], repr(found)[1:-1]} if found else set()


def configure(
    *, process: str, level: str, log_format: str, stream: TextIO, secrets: Iterable[str] = ()
) -> None:
    """Send every log line of this process to `stream`. `log_format` is json or console."""
    shared = _shared_processors(process)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_number(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _without_colour, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format, colors=stream.isatty()),
                _masked(Mask(secrets)),
            ],
        )
    )
    _take_over_stdlib(handler, level)


def where() -> str:
    """Where the log lines go, for people: a path, or stderr."""
    streams = [getattr(handler, "stream", None) for handler in logging.getLogger().handlers]
    names = [str(getattr(stream, "name", "")) for stream in streams if stream is not None]
    return "the lines above" if not names or names[0] == "<stderr>" else names[0]


def _shared_processors(process: str) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _named(process),
    ]


def _named(process: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        line["process"] = process
        return line

    return add


def _without_colour(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """uvicorn adds each message a second time, with colours in it."""
    line.pop("color_message", None)
    return line


def _renderers(log_format: str, *, colors: bool) -> list[Processor]:
    if log_format == "console":
        return [
            _harmless,
            structlog.dev.ConsoleRenderer(
                colors=colors, timestamp_key="time", exception_formatter=_write_traceback
            ),
        ]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        _one_line,
    ]


def _one_line(_logger: WrappedLogger, _method: str, line: Any) -> str:
    return one_line(line)


def _harmless(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """The renderer for people writes texts as they are. Of an error it writes the traceback, by our hand."""
    return {name: each if name == "exc_info" else harmless(each) for name, each in line.items()}


def _write_traceback(stream: TextIO, error: Any) -> None:
    """structlog's own shows the values of local variables, and with them secrets."""
    plain = io.StringIO()
    structlog.dev.plain_traceback(plain, error)
    stream.write(indented(plain.getvalue().strip("\n")))


def _masked(mask: Mask) -> Any:
    """The last processor: it gets the rendered line."""

    def apply(_logger: WrappedLogger, _method: str, line: str) -> str:
        return mask(line)

    return apply


def _take_over_stdlib(handler: logging.Handler, level: str) -> None:
    """Only our handler, on the root; other loggers hand their lines up to it."""
    logging.basicConfig(handlers=[handler], level=_number(level), force=True)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "litestar", "nats"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
