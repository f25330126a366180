"""Where the artifact store is: worker and recorder read one setting alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder import artifacts as of_recorder
from schemas.artifacts import directory_of
from worker import artifacts as of_worker


@pytest.mark.parametrize(
    ("url", "directory"),
    [
        ("/srv/a dir", "/srv/a dir"),
        ("/srv/a%20dir", "/srv/a%20dir"),
        ("file:///srv/a%20dir", "/srv/a dir"),
        ("file:/srv/x", "/srv/x"),
        ("x", str(Path("x").absolute())),
        ("s3://bucket/file:/x", None),
    ],
)
def test_directory(url: str, directory: str | None) -> None:
    assert directory_of(url) == (None if directory is None else Path(directory))


@pytest.mark.parametrize("form", ["{}", "file://{}", "file:{}"])
async def test_what_a_worker_stores_a_recorder_reads(tmp_path: Path, form: str) -> None:
    name = "a dir" if form == "{}" else "a%20dir"
    url = form.format(tmp_path / name)
    await of_worker.Artifacts.open(url).put("artifacts/s/a", b"0123456789")
    store = of_recorder.Artifacts(url)
    parts = [bytes(part) async for part in store.parts("artifacts/s/a", 0, 10)]
    assert b"".join(parts) == b"0123456789"
