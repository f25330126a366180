"""Installing Chromium: which ways there are, how each is followed, and what is said when none works."""

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from deploy import install_chromium
from deploy.install_chromium import Way, ensure, run, ways, why
from deploy.screen import Screen
from schemas.problems import CannotStart


def screen() -> tuple[Screen, io.StringIO]:
    written = io.StringIO()
    return Screen(Console(file=written, width=200)), written


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


def test_root_may_use_the_systems_package() -> None:
    names = [way.name for way in ways((), has_apt=True)]
    assert names == ["Playwright's installer", "the system's package"]
    assert all("sudo" not in command for way in ways((), has_apt=True) for command in way.commands)


def test_sudo_is_used_where_it_asks_for_no_password() -> None:
    package = ways(("sudo", "-n"), has_apt=True)[-1]
    assert all(command[:2] == ("sudo", "-n") for command in package.commands)


def test_without_rights_only_the_download_is_tried() -> None:
    (way,) = ways(None, has_apt=True)
    assert len(way.commands) == 1


async def test_word_of_a_failed_command_is_told() -> None:
    code = "print('10%'); print('Error: getaddrinfo ENOTFOUND host'); raise SystemExit(4)"
    assert await run(python(code), screen()[0], "x") == "Error: getaddrinfo ENOTFOUND host"
    assert await run(python("print('fine')"), screen()[0], "x") == ""


async def test_installer_that_hangs_is_ended() -> None:
    reason = await run(python("import time; time.sleep(600)"), screen()[0], "x", silence_s=0.2)
    assert reason == "it said nothing for 0 s"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a", "E: no such package", "b"], "E: no such package"),
        (["a", "b"], "b"),
        ([], "exit code 7"),
    ],
)
def test_why(words: list[str], said: str) -> None:
    assert why(words, 7) == said


async def test_ways_are_followed_until_one_leaves_a_chromium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chromium = tmp_path / "chromium"
    monkeypatch.setattr(
        install_chromium, "find", lambda setting: chromium if chromium.exists() else None
    )
    makes_it = python(f"open({str(chromium)!r}, 'w')")
    never = python(f"open({str(tmp_path / 'never')!r}, 'w')")
    fails = Way("the first", (python("raise SystemExit('Error: out of reach')"), never))
    works = Way("the second", (makes_it, never))
    monkeypatch.setattr(install_chromium, "ways", lambda superuser, has_apt: [fails, works])
    shown, written = screen()
    assert await ensure("", shown) == chromium
    assert written.getvalue() == "✗ the first: Error: out of reach\n"
    assert not (tmp_path / "never").exists()


async def test_no_way_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_chromium, "find", lambda setting: None)
    monkeypatch.setattr(install_chromium, "ways", lambda superuser, has_apt: [])
    with pytest.raises(CannotStart) as refused:
        await ensure("", screen()[0])
    assert "apt-get install chromium" in refused.value.hint


async def test_setting_that_names_none_is_not_installed_over() -> None:
    with pytest.raises(CannotStart, match="RUNREEL_CHROMIUM names /no/such/chromium"):
        await ensure("/no/such/chromium", screen()[0])
