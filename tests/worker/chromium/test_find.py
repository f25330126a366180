from __future__ import annotations

from pathlib import Path

import pytest

from schemas.problems import CannotStart
from worker.chromium import find
from worker.chromium.find import find_chromium

ELF = b"\x7fELF" + bytes(12)


@pytest.fixture(autouse=True)
def _nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "playwright"))
    monkeypatch.setattr(find, "BESIDE_A_WRAPPER", (str(tmp_path / "lib/chromium"),))


def program(path: Path, content: bytes = ELF, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_one_named_by_the_setting(tmp_path: Path) -> None:
    program(tmp_path / "bin/chromium")
    named = program(tmp_path / "mine")
    assert find_chromium(str(named)) == named


def test_a_setting_that_names_nothing(tmp_path: Path) -> None:
    program(tmp_path / "bin/chromium")
    with pytest.raises(CannotStart, match="no file is there"):
        find_chromium(str(tmp_path / "nothing"))


@pytest.mark.parametrize(("content", "mode"), [(b"text", 0o755), (ELF, 0o644)])
def test_a_setting_that_names_no_program(tmp_path: Path, content: bytes, mode: int) -> None:
    with pytest.raises(CannotStart, match="not a program"):
        find_chromium(str(program(tmp_path / "mine", content, mode)))


def test_the_one_on_path(tmp_path: Path) -> None:
    program(tmp_path / "playwright/chromium-1234/chrome-linux/chrome")
    found = program(tmp_path / "bin/google-chrome")
    assert find_chromium() == found


def test_the_program_that_a_wrapper_stands_for(tmp_path: Path) -> None:
    program(tmp_path / "bin/chromium", b"#!/bin/sh\n")
    behind = program(tmp_path / "lib/chromium")
    assert find_chromium() == behind


def test_a_wrapper_with_nothing_behind_it_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "bin/chromium", b"#!/bin/sh\n")
    found = program(tmp_path / "bin/google-chrome")
    assert find_chromium() == found


def test_playwrights_own_newest_first(tmp_path: Path) -> None:
    program(tmp_path / "playwright/chromium-1100/chrome-linux/chrome")
    newest = program(tmp_path / "playwright/chromium-1234/chrome-linux/chrome")
    assert find_chromium() == newest


def test_none_at_all() -> None:
    with pytest.raises(CannotStart, match="No Chromium was found") as refused:
        find_chromium()
    assert "RUNREEL_CHROMIUM" in refused.value.hint
