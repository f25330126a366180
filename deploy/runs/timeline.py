"""A run as a time line for people. Pure, and safe to print whatever pages wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from deploy.runs.lines import cut, row
from deploy.runs.story import story
from deploy.terminal_text import clean, duration, size
from schemas.resources import ActivityItem, Run
from schemas.resources.usage import Usage
from schemas.times import milliseconds

STATUS_MARKS = {"active": ("●", "cyan"), "stopped": ("✓", "green"), "failed": ("✗", "bold red")}


def timeline(
    run: Run, items: Sequence[ActivityItem], width: int | None, name: str = ""
) -> Iterator[Text]:
    """The run, its story, and what it took; no line wider than `width`, or as long as they are."""
    yield from heading(run, name, width)
    yield Text()
    start_ms = milliseconds(run.created_at)
    for placed in story(items):
        yield from row(placed.item, start_ms, placed.depth, width)
    yield Text()
    yield ending(run, width)


def heading(run: Run, name: str, width: int | None) -> Iterator[Text]:
    """Which run this is, and when it began."""
    title = Text.assemble((clean(name) or "Run", "bold"), "  ", (clean(run.id), "dim"))
    yield cut(title, width)


def ending(run: Run, width: int | None) -> Text:
    """How it ended and what it took, in one line."""
    mark, style = STATUS_MARKS[run.status]
    facts = [state_of(run), *counts(run), *used(run.usage)]
    words = Text.assemble((mark, style), " ", (clean(facts[0]), style))
    words.append("".join(f" · {clean(fact)}" for fact in facts[1:]), style="dim")
    return cut(words, width)


def state_of(run: Run) -> str:
    """`Stopped after 12.4 s`, `Failed after 3.1 s: browser.crashed`, `Active`."""
    if run.finished_at is None:
        return run.status.capitalize()
    after = f"{run.status.capitalize()} after {duration(lasted_ms(run, 0))}"
    return f"{after}: {run.failure.code}" if run.failure else after


def lasted_ms(run: Run, now_ms: float) -> float:
    """How long it lasted, or has gone on, by the clock of its rows: since it was created.

    `duration_seconds` counts from when its browser was ready.
    """
    end_ms = now_ms if run.finished_at is None else milliseconds(run.finished_at)
    return max(0.0, end_ms - milliseconds(run.created_at))


def counts(run: Run) -> list[str]:
    """How much of each there is; what there is none of is left out."""
    found = run.counts
    return [
        _counted(count, noun)
        for count, noun in (
            (found.events, "event"),
            (found.files, "file"),
            (found.invocations, "invocation"),
            (found.tool_calls, "tool call"),
        )
        if count
    ]


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def used(usage: Usage | None) -> list[str]:
    """What it took of what is paid for."""
    if usage is None:
        return []
    told = [
        (usage.ai_tokens_total, _counted(usage.ai_tokens_total, "token")),
        (usage.captcha_solves, _counted(usage.captcha_solves, "captcha")),
        (usage.network_bytes, f"{size(usage.network_bytes)} network"),
        (usage.proxy_bytes, f"{size(usage.proxy_bytes)} by proxy"),
        (usage.files_bytes, f"{size(usage.files_bytes)} kept"),
    ]
    facts = [words for count, words in told if count]
    return facts if usage.credits_used is None else [*facts, f"{usage.credits_used:g} credits"]
