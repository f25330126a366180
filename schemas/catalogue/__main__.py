"""`python -m schemas.catalogue` writes the catalogue; with `--check` it only says what is stale (exit code 1)."""

from __future__ import annotations

import sys
from pathlib import Path

from .build import EVENTS, catalogue

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Write or check; the exit code."""
    stale = _stale(catalogue())
    if "--check" in arguments:
        for path in stale:
            print(f"schemas/catalogue/{path} is stale: run `python -m schemas.catalogue`")
        return 1 if stale else 0
    for path, content in stale.items():
        _put(HERE / path, content)
        print(f"{'removed' if content is None else 'wrote'} schemas/catalogue/{path}")
    return 0


def _stale(wanted: dict[str, bytes]) -> dict[str, bytes | None]:
    """Files to write, and (with None) files to remove."""
    differing: dict[str, bytes | None] = {
        path: content for path, content in wanted.items() if _read(HERE / path) != content
    }
    for path in (HERE / EVENTS).glob("*.json"):
        name = f"{EVENTS}/{path.name}"
        if name not in wanted:
            differing[name] = None
    return differing


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _put(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
        return
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
