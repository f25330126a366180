"""The Runtime domain: console calls and uncaught exceptions."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from schemas.events.console import ConsoleArgument, ConsoleMessage
from schemas.events.page import PageError, StackFrame
from worker.fact import Fact
from worker.translate._registry import Params, Tapped, cdp

MAX_STACK_FRAMES = 32
MAX_ARGUMENTS = 32
MAX_ARGUMENT_CHARS = 1024  # `text` says them all, as far as it goes

# console.* methods (`Runtime.consoleAPICalled.type`) whose level is not info
LEVELS = {
    "debug": "debug",
    "warning": "warning",
    "error": "error",
    "assert": "error",
}


class PropertyPreview(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Runtime.PropertyPreview`."""

    name: str
    value: str = ""


class ObjectPreview(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Runtime.ObjectPreview`."""

    subtype: str = ""
    description: str = ""
    overflow: bool = False
    properties: tuple[PropertyPreview, ...] = ()


class RemoteObject(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Runtime.RemoteObject`."""

    type: str
    subtype: str = ""
    value: Raw | UnsetType = UNSET
    unserializable_value: str = ""
    description: str = ""
    preview: ObjectPreview | UnsetType = UNSET


class CallFrame(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Runtime.CallFrame`."""

    function_name: str = ""
    url: str = ""
    line_number: int = 0
    column_number: int = 0


class StackTrace(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Runtime.StackTrace`."""

    call_frames: tuple[CallFrame, ...] = ()


class ConsoleApiCalled(Params, frozen=True, kw_only=True):
    """`Runtime.consoleAPICalled`."""

    type: str
    args: tuple[RemoteObject, ...] = ()
    stack_trace: StackTrace | UnsetType = UNSET


class ExceptionDetails(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Runtime.ExceptionDetails`."""

    text: str = ""
    url: str = ""
    line_number: int | UnsetType = UNSET
    column_number: int | UnsetType = UNSET
    stack_trace: StackTrace | UnsetType = UNSET
    exception: RemoteObject | UnsetType = UNSET


class ExceptionThrown(Params, frozen=True, kw_only=True):
    """`Runtime.exceptionThrown`."""

    exception_details: ExceptionDetails


@cdp("Runtime.consoleAPICalled", ConsoleApiCalled)
def console_api_called(params: ConsoleApiCalled, tapped: Tapped) -> Iterator[Fact]:
    """A script calls a method of `console`."""
    stack = _stack(params.stack_trace)
    top = stack[0] if stack else StackFrame()
    texts = [text_of(each) for each in params.args]
    message = ConsoleMessage(
        level=LEVELS.get(params.type, "info"),
        text=" ".join(texts),
        method=params.type,
        url=top.url,
        line_number=top.line_number if stack else UNSET,
        column_number=top.column_number if stack else UNSET,
        worker=tapped.is_worker,
        args=_arguments(params.args, texts),
        stack=stack if len(stack) > 1 else UNSET,
    )
    yield tapped.fact(message)


@cdp("Runtime.exceptionThrown", ExceptionThrown)
def exception_thrown(params: ExceptionThrown, tapped: Tapped) -> Iterator[Fact]:
    """An exception or a rejection that nobody caught."""
    details = params.exception_details
    stack = _stack(details.stack_trace)
    error = PageError(
        message=_message(details),
        url=details.url or (stack[0].url if stack else tapped.url),
        line_number=details.line_number,
        column_number=details.column_number,
        in_promise="(in promise)" in details.text,
        worker=tapped.is_worker,
        stack=stack or UNSET,
    )
    yield tapped.fact(error, "failed")


def _arguments(
    args: tuple[RemoteObject, ...], texts: list[str]
) -> list[ConsoleArgument] | UnsetType:
    """The arguments one by one, unless there is one text and no more."""
    if not args or (len(args) == 1 and args[0].type == "string"):
        return UNSET
    return [
        ConsoleArgument(
            type=each.type, text=text[:MAX_ARGUMENT_CHARS], subtype=each.subtype or UNSET
        )
        for each, text in zip(args[:MAX_ARGUMENTS], texts, strict=False)
    ]


def text_of(value: RemoteObject) -> str:
    """A console argument as the console shows it: values as they are, objects by their preview."""
    if value.type == "string" and value.value:
        return msgspec.json.decode(value.value, type=str)
    if value.value:
        return bytes(value.value).decode()
    if value.preview and value.subtype != "error":
        return _preview(value.preview)
    return value.unserializable_value or value.description or value.type


def _preview(preview: ObjectPreview) -> str:
    is_array = preview.subtype == "array"
    shown = [
        each.value if is_array else f"{each.name}: {each.value}" for each in preview.properties
    ]
    inside = ", ".join([*shown, "…"] if preview.overflow else shown)
    if is_array:
        return f"[{inside}]"
    name = "" if preview.description in ("", "Object") else f"{preview.description} "
    return f"{name}{{{inside}}}"


def _message(details: ExceptionDetails) -> str:
    thrown = details.exception
    if not thrown:
        return details.text
    first_line = text_of(thrown).split("\n    at ", 1)[0]
    return f"{details.text} {first_line}" if details.text else first_line


def _stack(trace: StackTrace | UnsetType) -> list[StackFrame]:
    frames = trace.call_frames[:MAX_STACK_FRAMES] if trace else []
    return [
        StackFrame(
            function_name=frame.function_name,
            url=frame.url,
            line_number=frame.line_number,
            column_number=frame.column_number,
        )
        for frame in frames
    ]
