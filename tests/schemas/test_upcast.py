from __future__ import annotations

import msgspec
import pytest

from schemas import upcast as upcasts
from schemas.events import EVENT_TYPES
from schemas.upcast import STEPS, upcast


@pytest.fixture(autouse=True)
def _steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = {
        ("a.b", 1): lambda body: {"name": body["nick"]},
        ("a.b", 2): lambda body: {"names": [body["name"]]},
    }
    monkeypatch.setattr(upcasts, "STEPS", steps)


@pytest.mark.parametrize(
    ("version", "wanted", "body", "becomes"),
    [
        (1, 3, {"nick": "x"}, {"names": ["x"]}),
        (1, 2, {"nick": "x"}, {"name": "x"}),
        (2, 3, {"name": "x"}, {"names": ["x"]}),
    ],
)
def test_one_version_at_a_time(
    version: int, wanted: int, body: dict[str, str], becomes: dict[str, object]
) -> None:
    raw = msgspec.Raw(msgspec.json.encode(body))
    assert msgspec.json.decode(upcast("a.b", version, wanted, raw)) == becomes


@pytest.mark.parametrize("version", [3, 4])
def test_what_is_there_already_is_not_even_read(version: int) -> None:
    raw = msgspec.Raw(b"not JSON")
    assert upcast("a.b", version, 3, raw) is raw


def test_every_type_has_a_step_from_each_of_its_versions() -> None:
    wanted = {(s.name, number) for s in EVENT_TYPES.values() for number in range(1, s.version)}
    assert set(STEPS) == wanted
