from __future__ import annotations

import msgspec
import pytest

from schemas.problems import CannotStart
from schemas.settings import RecorderSettings, WorkerSettings, load, variable

SECRET = "sixteen-and-more"
WORKER = {"RUNREEL_SECRET": SECRET, "RUNREEL_WORKER_ID": "w1"}
RECORDER = {
    "RUNREEL_SECRET": SECRET,
    "RUNREEL_RECORDER_ID": "r1",
    "RUNREEL_API_KEY": "key-of-eight",
}


def test_what_is_left_out_has_its_default() -> None:
    assert load(WorkerSettings, WORKER) == WorkerSettings(secret=SECRET, worker_id="w1")
    assert load(RecorderSettings, RECORDER).port == 8787


def test_texts_become_what_a_setting_is() -> None:
    settings = load(
        WorkerSettings,
        WORKER | {"RUNREEL_CAPACITY": "3", "RUNREEL_CHROMIUM_SANDBOX": "require"},
    )
    assert (settings.capacity, settings.chromium_sandbox) == (3, "require")


def test_other_variables_are_nobodys_business() -> None:
    load(WorkerSettings, WORKER | {"PATH": "/bin", "RUNREEL_API_KEY": "", "RUNREEL_NOVELTY": "1"})


def test_every_complaint_stands_in_one_message() -> None:
    with pytest.raises(CannotStart) as refused:
        load(
            RecorderSettings,
            {"RUNREEL_SECRET": "short", "RUNREEL_RECORDER_ID": "R 1", "RUNREEL_PORT": "99999"},
        )
    for name in ("SECRET", "RECORDER_ID", "PORT", "API_KEY"):
        assert f"RUNREEL_{name}" in refused.value.message
    assert "short" not in str(refused.value)  # a secret is not repeated


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RUNREEL_CAPACITY", "0"),
        ("RUNREEL_CAPACITY", "many"),
        ("RUNREEL_CAPACITY", ""),
        ("RUNREEL_GATEWAY_PORT", "-1"),
        ("RUNREEL_WORKER_ID", "recorder"),  # who writes, in the subjects of a recorder's facts
        ("RUNREEL_WORKER_ID", "w.1"),
        ("RUNREEL_WORKER_ID", "w*"),
        ("RUNREEL_WORKER_ID", ">"),
        ("RUNREEL_WORKER_ID", ""),
        ("RUNREEL_WORKER_ID", "w" * 65),
        ("RUNREEL_CHROMIUM_SANDBOX", "maybe"),
        ("RUNREEL_STREAM_REPLICAS", "6"),
        ("RUNREEL_LOG_LEVEL", "loud"),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(CannotStart, match=name):
        load(WorkerSettings, WORKER | {name: value})


@pytest.mark.parametrize("kind", [WorkerSettings, RecorderSettings])
def test_every_setting_says_what_it_is_for(kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        info = msgspec.inspect.type_info(field.type)
        told = isinstance(info, msgspec.inspect.Metadata) and info.extra_json_schema
        assert told, variable(field.name)
        assert told["description"].endswith("."), variable(field.name)
