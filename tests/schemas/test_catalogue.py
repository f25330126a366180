from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

import schemas.catalogue.__main__ as program
from schemas.catalogue.build import catalogue, event_schema
from schemas.codec import encode_event
from schemas.events import EVENT_TYPES, EventType
from tests.support.worker_examples import in_envelope, largest, smallest

HERE = Path(program.__file__).parent
EACH = pytest.mark.parametrize("spec", EVENT_TYPES.values(), ids=lambda spec: spec.name)


def published(spec: EventType) -> Any:
    return msgspec.json.decode((HERE / f"events/{spec.name}.json").read_bytes())


def test_the_catalogue_is_not_stale() -> None:
    on_disk = {str(path.relative_to(HERE)): path.read_bytes() for path in HERE.glob("**/*.json")}
    assert on_disk == catalogue(), "run `python -m schemas.catalogue`"


@EACH
@pytest.mark.parametrize("make", [smallest, largest])
def test_events_are_valid_by_their_schema(spec: EventType, make: object) -> None:
    assert callable(make)
    event = msgspec.json.decode(encode_event(in_envelope(spec, make(spec))))
    jsonschema.Draft202012Validator(published(spec)).validate(event)


@EACH
def test_what_is_no_event_is_not_valid(spec: EventType) -> None:
    validator = jsonschema.Draft202012Validator(published(spec))
    event = msgspec.json.decode(encode_event(in_envelope(spec, largest(spec))))
    assert not validator.is_valid(event | {"type": "another.type"})
    assert not validator.is_valid(event | {"data": []})
    assert not validator.is_valid({key: event[key] for key in event if key != "id"})
    assert not validator.is_valid(event | {"dataversion": spec.version + 1})


@EACH
def test_schemas_are_schemas(spec: EventType) -> None:
    jsonschema.Draft202012Validator.check_schema(event_schema(spec))


def test_every_reference_leads_somewhere() -> None:
    document = msgspec.json.decode(catalogue()["asyncapi.json"])
    for name, channel in document["channels"].items():
        for message in channel["messages"].values():
            assert _find(document, message["$ref"])["name"] == name
    for operation in document["operations"].values():
        assert _find(document, operation["channel"]["$ref"])["address"]
    for message in document["components"]["messages"].values():
        assert (HERE / message["payload"]["$ref"]).exists()


def _find(document: Any, pointer: str) -> Any:
    for part in pointer.removeprefix("#/").split("/"):
        document = document[part.replace("~1", "/").replace("~0", "~")]
    return document


def test_addresses_are_those_that_events_are_published_on() -> None:
    channels = msgspec.json.decode(catalogue()["asyncapi.json"])["channels"]
    assert channels["network.request"]["address"] == "runs.{space}.{run}.{writer}.network.request"
    assert channels["space.created"]["address"] == "control.{space}.space.{resourceId}.created"
    for channel in channels.values():
        for parameter in channel["parameters"]:
            assert f"{{{parameter}}}" in channel["address"]


def test_writes_what_is_missing_and_removes_what_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "HERE", tmp_path)
    (tmp_path / "events").mkdir()
    (tmp_path / "events/gone.json").touch()
    assert program.main(["--check"]) == 1
    assert "asyncapi.json is stale" in capsys.readouterr().out
    assert program.main([]) == 0
    assert program.main(["--check"]) == 0
    assert not (tmp_path / "events/gone.json").exists()
    (tmp_path / "asyncapi.json").write_text("{}")
    assert program.main(["--check"]) == 1
