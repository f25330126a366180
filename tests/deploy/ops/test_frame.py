"""What all commands of an operator share: options, exit codes, JSON on stdout and nothing else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from msgspec import Struct

from deploy.ops.frame import Call, operation
from tests.support.logging_kept import logging_kept


class Answer(Struct):
    text: str


@operation("ask", short_help="Ask.", fine="Fine.", found="Found.", changes=True)
@click.option("--code", type=int, default=0, help="What to end with.")
async def asking(call: Call, code: int) -> int:
    """Ask something."""
    await asyncio.sleep(0)
    answer = Answer("dry" if call.dry_run else call.target.database.name)
    call.answer(answer, lambda console: console.print(answer.text))
    return code


@pytest.fixture
def data(tmp_path: Path) -> str:
    (tmp_path / "nats").mkdir()
    return str(tmp_path)


def ended(*arguments: str) -> tuple[object, str]:
    """The exit code and stdout."""
    with logging_kept():
        result = CliRunner().invoke(asking, arguments, standalone_mode=False)
    assert result.exception is None, result.exception
    return result.return_value, result.stdout


def test_answer_for_people_and_for_programs(data: str) -> None:
    assert ended("--data", data) == (0, "runreel.db\n")
    code, output = ended("--data", data, "--json", "--code", "1", "--dry-run")
    assert (code, json.loads(output)) == (1, {"text": "dry"})


def test_help_tells_options_and_exit_codes() -> None:
    text = " ".join(CliRunner().invoke(asking, ["--help"]).stdout.split())
    for said in ("Ask something.", "--data DIR", "--json", "--dry-run", "--code", "0 Fine.", "69"):
        assert said in text
