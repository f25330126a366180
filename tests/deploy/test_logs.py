"""Log lines: one shape for ours and for the libraries', and no secret in any."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from deploy import logs
from tests.support.logging_kept import logging_kept

PASSWORD = 'p"ass\\word'


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Log lines of a process; the logging of the test run is put back afterwards."""
    with logging_kept():
        yield io.StringIO()


def configured(stream: io.StringIO, level: str = "info", log_format: str = "json") -> None:
    logs.configure(
        process="worker",
        level=level,
        log_format=log_format,
        stream=stream,
        secrets=["hunter2-hunter2", f"nats://runreel:{PASSWORD}@127.0.0.1:4222", ""],
    )


def written(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_line_says_when_who_and_what(stream: io.StringIO) -> None:
    configured(stream)
    structlog.get_logger().info("run opened", run_id="r1")
    (line,) = written(stream)
    assert line["process"] == "worker"
    assert (line["level"], line["event"], line["run_id"]) == ("info", "run opened", "r1")
    assert line["time"].endswith("Z")


def test_libraries_write_the_same_lines(stream: io.StringIO) -> None:
    configured(stream)
    logging.getLogger("nats.aio").warning("lost %s", "connection")
    logging.getLogger("uvicorn.error").info("started")
    first, second = written(stream)
    assert (first["event"], first["level"], first["process"]) == (
        "lost connection",
        "warning",
        "worker",
    )
    assert second["event"] == "started"


def test_level_holds_for_both(stream: io.StringIO) -> None:
    configured(stream, level="warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("nats").info("quiet")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secret_is_written(stream: io.StringIO, log_format: str) -> None:
    configured(stream, log_format=log_format)
    token = "/cdp/0190a000-0000-7000-8000-000000000001/" + "ab" * 20
    structlog.get_logger().info("at hunter2-hunter2", password=PASSWORD, url=f"ws://x{token}")
    logging.getLogger("httpcore").warning("authorization: Bearer rr_0123456789abcdef")
    try:
        raise ValueError(f"cannot reach nats://runreel:{PASSWORD}@x")
    except ValueError:
        structlog.get_logger().exception("failed")
    text = stream.getvalue()
    for secret in ("hunter2", "ass\\\\word", "ass\\word", "abababab", "rr_0123"):
        assert secret not in text
    assert "cannot reach nats://runreel:***@x" in text


def test_exception_is_in_the_line(stream: io.StringIO) -> None:
    configured(stream)
    try:
        raise ValueError("boom")
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = written(stream)
    assert "ValueError: boom" in line["exception"]
