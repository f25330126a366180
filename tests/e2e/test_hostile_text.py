"""Text of strangers, through a real browser and all the way: no script, no escape sequence, no forged line anywhere."""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page

from deploy.processes import python, python_environment
from tests.support.files import everything_below
from tests.support.run import Run, answer, start
from tests.support.stack import ROOT, Stack

FORGED = '\n\nevent: run.ended\ndata: {}\n\n{"event": "forged.line", "level": "info"}\n2026-11-22 forged.line'
TEXTS = {
    "html": "</title><script>alert(1)</script><img src=x onerror=alert(1)>",
    "ansi": "\x1b[31mred\x1b[2J\x9b31m",
    "osc": "\x1b]0;title\x07\x1b]8;;http://evil.example\x1b\\link",
    "bidi": "invoice\u202efdp.exe\u2066hidden\u2069\u200b\ufeff",
    "lines": f"a\r\nx-forged: yes\u2028b\u2029c\x85d{FORGED}",
    "nul": "nul \x00 and a lone \ud800 surrogate",
    "tags": "tag \U000e0041",
}
EVERYTHING = " ".join(TEXTS.values())
SENDABLE = "".join(
    each for each in EVERYTHING if each != "\x00" and not "\ud800" <= each <= "\udfff"
)
# What a terminal obeys, hides or reorders. Line feeds are ours alone, and looked at apart.
UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\U000e0041]"
)


@dataclass(frozen=True)
class Told:
    """A run in which all of it was said."""

    run: Run
    space_id: str


@pytest.fixture(scope="module")
async def hostile(stack: Stack) -> AsyncIterator[Told]:
    """A space and a runtime with such names."""
    space = await answer(stack.http, "POST", "/v1/spaces", json={"name": SENDABLE[:200]})
    body = {
        "name": SENDABLE[:200],
        "spaceId": space["id"],
        "metadata": {SENDABLE: SENDABLE},
    }
    runtime = await answer(stack.http, "POST", "/v1/runtimes", json=body)
    run = await start(stack.http, runtime["id"])
    yield Told(run, space["id"])
    await run.end()


@pytest.fixture(scope="module")
async def told(stack: Stack, hostile: Told, playwright: Any) -> Told:
    """Said by a page, by a client and by an agent; the run has ended."""
    browser: Browser = await playwright.chromium.connect_over_cdp(hostile.run.connect_url)
    page = await browser.contexts[0].new_page()
    await _say(page)
    await _ingest(stack, hostile.run)
    await hostile.run.event("artifact.created", limit_s=30)
    await hostile.run.stop()
    return hostile


async def _say(page: Page) -> None:
    await page.goto(f"data:text/html,<h1>hostile</h1><a id=a>x</a>#{quote(SENDABLE)}")
    await page.evaluate("text => { document.title = text }", SENDABLE)
    await page.evaluate("text => console.error(text, {[text]: text})", SENDABLE)
    await page.evaluate("text => { setTimeout(() => { throw new Error(text) }) }", SENDABLE)
    page.on("dialog", lambda dialog: dialog.dismiss())
    await page.evaluate("text => confirm(text)", SENDABLE)
    await page.evaluate("text => console.log('nul \\0 lone \\ud800', text)", SENDABLE)
    await page.evaluate("text => { history.pushState({}, '', '#' + text) }", SENDABLE)
    async with page.expect_download() as download:
        await page.evaluate(
            """text => {
                const link = document.getElementById("a");
                link.href = URL.createObjectURL(new Blob([text]));
                link.download = text.slice(0, 150) + ".html";
                link.click();
            }""",
            SENDABLE,
        )
    await (await download.value).path()


async def _ingest(stack: Stack, run: Run) -> None:
    """An agent names tools as it likes."""
    event = {
        "type": "tool.call.started",
        "name": SENDABLE[:200],
        "data": {
            "toolCallId": SENDABLE[:100],
            "tool": SENDABLE[:200],
            "input": {SENDABLE: SENDABLE},
        },
    }
    await answer(stack.http, "POST", f"/v1/runs/{run.id}/events", json=event)
    for path in (f"/v1/runs/{quote(SENDABLE)}", f"/v1/{quote(SENDABLE)}"):
        await stack.http.get(path, headers={"x-request-id": "a b"})


async def test_answers(stack: Stack, told: Told) -> None:
    """JSON, that says so, and in which nothing is obeyed."""
    of_run = f"/v1/runs/{told.run.id}"
    for path in (
        of_run,
        f"{of_run}/events?limit=1000",
        f"{of_run}/activity?view=debug&limit=1000",
        f"{of_run}/commands?include=request,result,error",
        f"{of_run}/artifacts",
        f"{of_run}/files",
        f"/v1/runtimes/{told.run.runtime_id}",
        f"/v1/spaces/{told.space_id}",
        f"/v1/files?spaceId={told.space_id}",
        "/v1/search?q=hostile",
        "/v1/usage?groupBy=space",
    ):
        found = await stack.http.get(path)
        assert found.status_code == 200, found.text
        assert found.headers["content-type"] == "application/json"
        assert found.headers["x-content-type-options"] == "nosniff"
        assert not UNSAFE.search(found.text), path


async def test_they_were_really_said(told: Told) -> None:
    """Else nothing here would be tried."""
    texts = json.dumps(await told.run.events())
    for kind in ("console.message", "page.error", "dialog", "download", "tool.call.started"):
        assert await told.run.events(type=f"{kind}*"), kind
    assert texts.count("alert(1)") > 5
    assert texts.count("\\u202e") > 3


@pytest.mark.parametrize("what", ["events", "activity"])
async def test_streams(stack: Stack, told: Told, what: str) -> None:
    """Each frame is one, and only the last says that the run has ended."""
    stream = (await stack.http.get(f"/v1/runs/{told.run.id}/{what}/stream")).text
    assert not UNSAFE.search(stream)
    frames = [frame.split("\n") for frame in stream.removesuffix("\n\n").split("\n\n")]
    ended = [at for at, frame in enumerate(frames) if frame[0] == "event: run.ended"]
    assert ended == [len(frames) - 1]
    for frame in frames:
        assert [line.partition(":")[0] for line in frame] in (
            ["event", "id", "data"],
            ["event", "data"],
        )


async def test_contents(stack: Stack, told: Told) -> None:
    (file,) = (await answer(stack.http, "GET", f"/v1/runs/{told.run.id}/files"))["data"]
    found = await stack.http.get(f"/v1/files/{file['id']}/content")
    assert "alert(1)" in found.text
    assert found.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert found.headers["content-disposition"].startswith("attachment; ")
    assert "x-forged" not in found.headers
    for name, value in found.headers.items():
        assert value.isascii(), name
        assert value.isprintable(), name


@pytest.mark.parametrize(
    "words", ["runs list", "runs show {run}", "runs show {run} --debug", "status", "keys list"]
)
async def test_terminal(stack: Stack, told: Told, words: str) -> None:
    said = await _runreel(stack, *words.format(run=told.run.id).split())
    assert not UNSAFE.search(said)
    assert not [line for line in said.splitlines() if line.startswith(("event:", "data:", "2026-"))]


async def _runreel(stack: Stack, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *python("deploy.cli", *words, "--data", str(stack.data)),
        cwd=ROOT,
        env=python_environment({}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode in (0, 1), out
    return out.decode()


def test_logs(stack: Stack, told: Told) -> None:
    """Every line of ours is one object, and none is forged."""
    lines = list(_lines_of(stack.data / "logs"))
    assert lines
    for line in lines:
        assert not UNSAFE.search(line)
        assert "forged.line" not in str(_said(line).get("event", "")), line


def _lines_of(directory: Path) -> Iterator[str]:
    for file in directory.glob("*.log"):
        yield from file.read_text(encoding="utf-8").splitlines()


def _said(line: str) -> dict[str, Any]:
    """What NATS writes is no JSON."""
    said: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
    return said


def test_names_on_disk(stack: Stack, told: Told) -> None:
    """Those that we chose."""
    for top in (stack.data, stack.temporary):
        for path in everything_below(top):
            assert path.name.isascii(), path
            assert path.name.isprintable(), path
            assert not any(unicodedata.category(each) == "Cc" for each in path.name)
