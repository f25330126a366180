"""The page for operators: each session on it is typed into a shell beside a real stack, in the page's order, and
prints what the page says, but for figures; and what `status` can find is all explained there.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from deploy.processes import SOURCES
from recorder.ops import findings
from tests.support.fenced_blocks import fenced_blocks
from tests.support.ops.sessions import Session, first_missing, pattern, sessions
from tests.support.ops.story import Story
from tests.support.stack import ROOT

PAGE = (ROOT / "deploy" / "operating.md").read_text()
README = (ROOT / "README.md").read_text()
OF_THE_README = fenced_blocks(README, "console")
SCENES = [*OF_THE_README, *fenced_blocks(PAGE, "console", "sh")]
COMMAND_SECONDS = 120


def shim(directory: Path) -> Path:
    """A directory for PATH with a `runreel` that is this one."""
    there = directory / "bin"
    there.mkdir()
    command = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m deploy.cli "$@"\n'
    (there / "runreel").write_text(command)
    (there / "runreel").chmod(0o755)
    (there / "python").symlink_to(sys.executable)
    return there


async def succeeds(script: str, directory: Path, path: Path) -> bool:
    """Whether a shell ends it well."""
    return (await typed(f"( {script} ) && echo done", directory, path)).endswith("done\n")


async def typed(command: str, directory: Path, path: Path) -> str:
    """What a shell prints, whatever the exit code."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RUNREEL_")}
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command,
        cwd=directory,
        env={**ours, "PATH": f"{path}:{os.environ['PATH']}", "PYTHONPATH": str(SOURCES)},
        stdout=PIPE,
        stderr=STDOUT,
    )
    async with asyncio.timeout(COMMAND_SECONDS):
        output, _ = await process.communicate()
    return output.decode()


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_session_of_the_page_prints_what_it_says(tmp_path: Path) -> None:
    path = shim(tmp_path)
    async with Story(tmp_path) as story:
        for block in SCENES:
            if block.language == "sh":
                assert await succeeds(block.text, tmp_path, path), f"line {block.line}"
                continue
            await story.tell(block.info[1])
            for session in sessions(block):
                command = story.this_time(session.command)
                output = await typed(command, tmp_path, path)
                missing = first_missing(session, output)
                assert missing is None, f"line {block.line}: {missing}\n$ {command}\n{output}"


def test_every_finding_is_explained() -> None:
    source = Path(findings.__file__).read_text()
    codes = set(
        re.findall(
            r'"((?:nats|stream|room|runs|database|recorder|tables|quarantine|hosts?|consumer|reader|search)'
            r'\.\w+)"',
            source,
        )
    )
    assert len(codes) > 15
    explained = set(re.findall(r"^\| `(\w+\.\w+)`", PAGE, re.MULTILINE))
    assert codes == explained


def test_the_readme_leads_to_the_page() -> None:
    assert "(deploy/operating.md)" in README


def test_figures_may_differ_and_words_may_not() -> None:
    page = Session(
        "x", ["✓ 1 host, 12 open runs", "…", "RUNS  ━━╌╌  3.1 kB of 8.6 GB  3%", "at /a/b.c"]
    )
    good = "✓ 2 hosts, 1 open run\n\nother\nRUNS ━╌╌╌╌ 870 B of 1.1 GB   100%  more\nat /x/y\n"
    assert first_missing(page, good) is None
    assert (
        first_missing(page, good.replace("other", "").replace("RUNS", "CONTROL")) == page.printed[2]
    )
    assert first_missing(page, good.replace("✓", "✗")) == page.printed[0]
    assert (
        pattern("/home/you/.runreel/recorder/x.db · 1.0 MB") == ".runreel/recorder/x.db · # bytes"
    )
