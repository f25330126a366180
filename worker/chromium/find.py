"""Which Chromium binary to start."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from schemas.problems import CannotStart

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HINT = "Run `make setup`, or set RUNREEL_CHROMIUM to the path of a Chromium binary."

# Distributions put a shell script on PATH that adds flags of its own; the program lies in one of these.
BESIDE_A_WRAPPER = (
    "/usr/lib/chromium/chromium",
    "/usr/lib/chromium-browser/chromium-browser",
    "/usr/lib64/chromium-browser/chromium-browser",
    "/opt/google/chrome/chrome",
)


def find_chromium(setting: str = "") -> Path:
    """The binary named by the setting, else one on PATH, else Playwright's own; raises CannotStart."""
    if setting:
        return _named(Path(setting))
    for candidate in _candidates():
        binary = _program(candidate)
        if binary is not None:
            return binary
    raise CannotStart("No Chromium was found.", HINT)


def _named(path: Path) -> Path:
    if not path.is_file():
        raise CannotStart(f"RUNREEL_CHROMIUM names {path}, and no file is there.", HINT)
    binary = _program(path)
    if binary is None:
        raise CannotStart(f"RUNREEL_CHROMIUM names {path}, which is not a program.", HINT)
    return binary


def _candidates() -> Iterator[Path]:
    for name in NAMES:
        found = shutil.which(name)
        if found:
            yield Path(found)
    yield from _playwrights_own()


def _playwrights_own() -> Iterator[Path]:
    root = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright"
    for pattern in (
        "chromium-*/chrome-linux*/chrome",
        "chromium_headless_shell-*/*/headless_shell",
    ):
        yield from sorted(Path(root).glob(pattern), reverse=True)


def _program(path: Path) -> Path | None:
    """The ELF program at `path`, or the one that a wrapper script there stands for."""
    if not os.access(path, os.X_OK):
        return None
    if _is_elf(path):
        return path.resolve()
    for beside in map(Path, BESIDE_A_WRAPPER):
        if beside.name in path.name and _is_elf(beside):
            return beside
    return None


def _is_elf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False
