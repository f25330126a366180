"""Every code block of the README does what a reader would see: Python and curl run against a live stack."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from tests.support.fenced_blocks import fenced_blocks
from tests.support.run import answer
from tests.support.stack import ROOT, Stack

README = (ROOT / "README.md").read_text()
PYTHON = [block.text for block in fenced_blocks(README, "python")]
SHELL = [block.text for block in fenced_blocks(README, "sh")]
RUNS, WORDS = (code for code in SHELL if "curl" in code)
STORIES = [code for code in SHELL if "runreel runs" in code]
MAKE = re.findall(r"^make ([a-z-]+)", "\n".join(SHELL), re.MULTILINE)

# What a reader of each block would look for, in the order of the blocks.
PYTHON_PRINTS = (
    r"runtime\.lifecycle stopped",
    r"connection\.closed finished",
    r"\{'shoes': \['Left', 'Right'\]\}\n(?s:.*)runtimes\.stop.*\n.*\.png \d+ bytes",
    r"ws://127\.0\.0\.1:",
    r"no page has failed yet|Error",
)


def on(stack: Stack, code: str) -> str:
    """The block for this stack instead of the one that `make run` starts."""
    return code.replace("http://127.0.0.1:8787", stack.base_url).replace(
        ".runreel/", f"{stack.data}/"
    )


async def output_of(*command: str) -> str:
    """What a command prints; it must succeed within a minute."""
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


def test_every_kind_of_block_is_known() -> None:
    assert {block.language for block in fenced_blocks(README)} == {
        "sh",
        "text",
        "python",
        "console",
    }
    assert len(PYTHON) == len(PYTHON_PRINTS)


@pytest.mark.parametrize(("code", "printed"), list(zip(PYTHON, PYTHON_PRINTS, strict=False)))
async def test_python_runs_as_pasted(stack: Stack, tmp_path: Path, code: str, printed: str) -> None:
    script = tmp_path / "pasted.py"
    script.write_text(on(stack, code))
    assert re.search(printed, await output_of(sys.executable, str(script)))


async def test_curl_shows_runs_and_their_events(stack: Stack) -> None:
    run = await stack.run()
    await run.end()
    shown = await output_of("bash", "-c", f"set -eu\n{on(stack, RUNS)}")
    assert run.id in shown
    assert "event: run.ended" in shown


async def test_curl_finds_words_and_adds_up(stack: Stack) -> None:
    run = await stack.run()
    note = {"type": "custom.note", "data": {"message": "The splicer jammed."}}
    await answer(stack.http, "POST", f"/v1/runs/{run.id}/events", json=note)
    await run.end()
    shown = await output_of("bash", "-c", f"set -eu\n{on(stack, WORDS)}")
    found, added_up = shown.split("}{", 1) if "}{" in shown else shown.split("}\n{", 1)
    assert run.id in found
    assert '{"text":"splicer","marked":true}' in found
    assert '"groups":[' in added_up


async def test_runs_are_told_as_stories(stack: Stack) -> None:
    run = await stack.run()
    await run.end()
    (code,) = STORIES
    ours = f"{sys.executable} -m deploy.cli"
    code = code.replace(".venv/bin/runreel", ours).replace("--follow RUN", f"--follow {run.id}")
    shown = await output_of("bash", "-c", f"set -eu\nexport RUNREEL_DATA={stack.data}\n{code}")
    assert shown.count(run.id) == 3
    assert shown.count("✓ Stopped after") == 2


@pytest.mark.parametrize("target", MAKE)
def test_make_has_the_target(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    ("function", "path"), re.findall(r"\| `(\w[\w.]*)`[^|]*\| `([\w/.]+\.py)`", README)
)
def test_the_path_of_an_event_names_what_is_there(function: str, path: str) -> None:
    name = function.rpartition(".")[2]
    assert re.search(rf"def {name}\(", (ROOT / path).read_text()), f"{path} has no {function}"
