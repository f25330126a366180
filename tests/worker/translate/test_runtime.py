from __future__ import annotations

from typing import Any

import pytest

from schemas.events.console import ConsoleMessage
from schemas.events.page import PageError, StackFrame
from tests.support.worker_translate import only, worker
from worker.translate.runtime import MAX_STACK_FRAMES

FRAME = {"functionName": "f", "url": "http://a.test/x.js", "lineNumber": 3, "columnNumber": 7}


def preview(**others: Any) -> dict[str, Any]:
    return {"type": "object", "description": "Object", "preview": {"properties": []} | others}


def named(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "type": "string", "value": value} for name, value in values.items()]


def console(*args: dict[str, Any], **others: Any) -> ConsoleMessage:
    params = {"type": "log", "args": list(args)} | others
    data = only("Runtime.consoleAPICalled", params).data
    assert isinstance(data, ConsoleMessage)
    return data


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ({"type": "string", "value": 'a "b"\n'}, 'a "b"\n'),
        ({"type": "string", "value": ""}, ""),
        ({"type": "number", "value": 1.5, "description": "1.5"}, "1.5"),
        ({"type": "number", "unserializableValue": "NaN", "description": "NaN"}, "NaN"),
        ({"type": "bigint", "unserializableValue": "1n"}, "1n"),
        ({"type": "boolean", "value": False}, "false"),
        ({"type": "object", "subtype": "null", "value": None}, "null"),
        ({"type": "undefined"}, "undefined"),
        ({"type": "function", "description": "() => 1"}, "() => 1"),
        ({"type": "symbol", "description": "Symbol(x)"}, "Symbol(x)"),
        (preview(properties=named(a="1", b="x")), "{a: 1, b: x}"),
        (preview(description="Object", overflow=True, properties=named(a="1")), "{a: 1, …}"),
        (preview(description="Map(1)"), "Map(1) {}"),
        (preview(subtype="array", properties=named(**{"0": "1", "1": "2"})), "[1, 2]"),
        (
            {
                "type": "object",
                "subtype": "error",
                "description": "Error: no\n    at f",
                "preview": {},
            },
            "Error: no\n    at f",
        ),
    ],
)
def test_an_argument_is_shown_as_the_console_shows_it(argument: dict[str, Any], text: str) -> None:
    assert console(argument).text == text


def test_arguments_are_one_line() -> None:
    assert console({"type": "string", "value": "a"}, {"type": "number", "value": 1}).text == "a 1"
    assert console().text == ""


@pytest.mark.parametrize(
    ("method", "level"),
    [
        ("log", "info"),
        ("warning", "warning"),
        ("error", "error"),
        ("assert", "error"),
        ("debug", "debug"),
        ("table", "info"),
        ("from-the-future", "info"),
    ],
)
def test_levels(method: str, level: str) -> None:
    said = console(type=method)
    assert (said.level, said.method, said.source) == (level, method, "console-api")


def test_where_it_was_said() -> None:
    said = console(stackTrace={"callFrames": [FRAME]})
    assert (said.url, said.line_number, said.column_number) == ("http://a.test/x.js", 3, 7)
    assert not said.stack
    said = console(stackTrace={"callFrames": [FRAME] * 100})
    assert isinstance(said.stack, list)
    assert len(said.stack) == MAX_STACK_FRAMES
    assert said.stack[0] == StackFrame(
        function_name="f", url="http://a.test/x.js", line_number=3, column_number=7
    )


def test_a_worker_says_something() -> None:
    data = only("Runtime.consoleAPICalled", {"type": "log"}, worker()).data
    assert isinstance(data, ConsoleMessage)
    assert data.worker


def thrown(**details: Any) -> PageError:
    fact = only("Runtime.exceptionThrown", {"timestamp": 1, "exceptionDetails": details})
    assert fact.status == "failed"
    assert isinstance(fact.data, PageError)
    return fact.data


@pytest.mark.parametrize(
    ("details", "message"),
    [
        (
            {
                "text": "Uncaught",
                "exception": {
                    "type": "object",
                    "subtype": "error",
                    "description": "TypeError: x is not\na function\n    at f (x.js:1:1)",
                },
            },
            "Uncaught TypeError: x is not\na function",
        ),
        (
            {"text": "Uncaught", "exception": {"type": "string", "value": "just text"}},
            "Uncaught just text",
        ),
        ({"text": "Uncaught SyntaxError: no"}, "Uncaught SyntaxError: no"),
        ({"exception": {"type": "undefined"}}, "undefined"),
    ],
)
def test_what_was_thrown(details: dict[str, Any], message: str) -> None:
    assert thrown(**details).message == message


def test_where_it_was_thrown() -> None:
    assert thrown().url == "http://a.test/"  # the page, where nothing else is known
    assert thrown(stackTrace={"callFrames": [FRAME]}).url == "http://a.test/x.js"
    error = thrown(url="http://b.test/", lineNumber=1, columnNumber=2)
    assert (error.url, error.line_number, error.column_number) == ("http://b.test/", 1, 2)


@pytest.mark.parametrize(
    ("text", "in_promise"), [("Uncaught", False), ("Uncaught (in promise)", True)]
)
def test_a_rejection(text: str, in_promise: bool) -> None:
    assert thrown(text=text).in_promise is in_promise
