"""Log lines: one shape for ours and for the libraries', and no secret in any."""

import io
import json
import logging
import unicodedata
from collections.abc import Iterator

import pytest
import structlog

from deploy import logs
from tests.deploy.test_terminal_text import HOSTILE
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
    token = "/cdp/0190a000-0000-7000-8000-000000000001/" + "ab" * 36
    structlog.get_logger().info("at hunter2-hunter2", password=PASSWORD, url=f"ws://x{token}")
    logging.getLogger("httpcore").warning("authorization: Bearer rr_0123456789abcdef")
    try:
        raise ValueError(f"cannot reach nats://runreel:{PASSWORD}@x")
    except ValueError:
        structlog.get_logger().exception("failed")
    text = stream.getvalue()
    for secret in ("hunter2", "ass\\\\word", "ass\\word", "abab", "rr_0123"):
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


FORGED = "x\n2026-11-22 01:44:00 [info     ] recorder.stopped"
HOSTILE_LINES = [FORGED, "a\r\nb", "a\x85b", "a\u2028b\u2029c", "a\vb\fc", "nul \x00", *HOSTILE]


@pytest.mark.parametrize("hostile", HOSTILE_LINES)
def test_a_json_line_is_one_line_and_loses_nothing(stream: io.StringIO, hostile: str) -> None:
    configured(stream)
    write_everywhere(hostile)
    lines = written(stream)
    assert len(lines) == 4
    told = [lines[0]["title"], lines[1]["event"], lines[2]["exception"], lines[3]["event"]]
    for line, text in zip(lines[:2], told, strict=False):
        assert text == hostile, line
    assert hostile in told[2]
    assert not unsafe(stream.getvalue())


@pytest.mark.parametrize("hostile", HOSTILE_LINES)
def test_a_line_for_people_cannot_be_forged(stream: io.StringIO, hostile: str) -> None:
    configured(stream, log_format="console")
    write_everywhere(hostile)
    text = stream.getvalue()
    lines = text.splitlines()
    assert not unsafe(text)
    assert sum(not line.startswith("    | ") for line in lines) == 4
    assert not any(line.startswith("2026-11-22 01:44") for line in lines)


def test_what_people_write_stays_in_both(stream: io.StringIO) -> None:
    for log_format in ("json", "console"):
        configured(stream, log_format=log_format)
        structlog.get_logger().info("Grüße, 東京", title="שלום 🎬 “ok”")
    assert stream.getvalue().count("Grüße, 東京") == stream.getvalue().count("שלום 🎬 “ok”") == 2


def write_everywhere(hostile: str) -> None:
    """As a value, as a message of a library, in an error, inside something else."""
    structlog.get_logger().info("page.titled", title=hostile)
    logging.getLogger("uvicorn.error").warning("%s", hostile)
    try:
        raise ValueError(hostile)
    except ValueError:
        structlog.get_logger().exception("failed")
    structlog.get_logger().info(f"said {hostile}", names=[hostile], said={hostile: hostile})


def unsafe(text: str) -> set[str]:
    found = {each for each in text if unicodedata.category(each)[0] in "CZ"}
    return found - {" ", "\n"}
