"""What `up` starts, as data: which settings each process gets, and what is refused before anything starts."""

import socket
from pathlib import Path

import pytest

from deploy.data_dir import open_data_dir
from deploy.environment import read_environment
from deploy.stack import Stack, UpOptions, api_url, check_port, prepare
from schemas.doors import may_connect, networks
from schemas.problems import CannotStart
from schemas.settings import RecorderSettings, WorkerSettings, load


def prepared(tmp_path: Path, environ: dict[str, str] | None = None, port: int = 0) -> Stack:
    options = UpOptions(tmp_path, "127.0.0.1", port, "", first_run=False)
    return prepare(options, open_data_dir(tmp_path), environ or {})


def test_worker_gets_settings_that_load(tmp_path: Path) -> None:
    stack = prepared(tmp_path, {"RUNREEL_CAPACITY": "3", "RUNREEL_HOST": "0.0.0.0"})
    settings = load(WorkerSettings, read_environment(stack.worker.environment))
    assert settings.state_dir == str(tmp_path / "worker")
    assert settings.artifacts_url == str(tmp_path / "artifacts")
    assert (settings.worker_id, settings.capacity, settings.gateway_port) == ("local", 3, 0)
    assert settings.host == "127.0.0.1"
    assert settings.nats_url == stack.nats.worker_url_file.read_text().strip()


def test_gateway_that_others_reach(tmp_path: Path) -> None:
    environ = {
        "RUNREEL_GATEWAY_PORT": "8788",
        "RUNREEL_GATEWAY_URL": "wss://browsers.example",
        "RUNREEL_PUBLIC_URL": "https://api.example",
    }
    options = UpOptions(tmp_path, "0.0.0.0", 0, "10.0.0.0/8", first_run=False)
    stack = prepare(options, open_data_dir(tmp_path), environ)
    worker = load(WorkerSettings, read_environment(stack.worker.environment))
    assert (worker.host, worker.gateway_port) == ("0.0.0.0", 8788)
    assert worker.public_url == "wss://browsers.example"
    recorder = load(RecorderSettings, read_environment(stack.recorder.environment))
    assert recorder.public_url == "https://api.example"
    # `up` asks them itself, and so do commands beside it.
    for settings in (worker, recorder):
        proxies = networks(settings.behind_proxy)
        assert may_connect("10.1.2.3", proxies)
        assert may_connect("127.0.0.1", proxies)
        assert not may_connect("192.0.2.1", proxies)


def test_tls_is_for_recorders_and_workers_by_themselves(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="without TLS"):
        prepared(tmp_path, {"RUNREEL_TLS_CERTIFICATE": "a.pem", "RUNREEL_TLS_KEY": "b.pem"})


def test_recorder_gets_settings_that_load(tmp_path: Path) -> None:
    stack = prepared(tmp_path)
    settings = load(RecorderSettings, read_environment(stack.recorder.environment))
    assert settings.database == str(tmp_path / "recorder" / "runreel.db")
    assert settings.api_key == stack.api_key.value == (tmp_path / "api-key").read_text().strip()
    assert stack.api_url == f"http://127.0.0.1:{settings.port}"
    worker = load(WorkerSettings, read_environment(stack.worker.environment))
    assert settings.secret == worker.secret


def test_no_secret_in_arguments_or_environments(tmp_path: Path) -> None:
    given = {"RUNREEL_API_KEY": "rr_given-key", "RUNREEL_SECRET": "given-secret-16-chars"}
    stack = prepared(tmp_path, given)
    password = (tmp_path / "nats" / "recorder-password").read_text().strip()
    for program in (stack.nats.program, stack.worker, stack.recorder):
        seen = " ".join([*program.argv, *map(str, program.environment.items())])
        for secret in (*given.values(), password):
            assert secret not in seen


def test_key_that_is_given_replaces_none_that_is_kept(tmp_path: Path) -> None:
    own = prepared(tmp_path).api_key.value
    given = prepared(tmp_path, {"RUNREEL_API_KEY": "rr_given-key"})
    assert given.api_key.value == "rr_given-key"
    settings = load(RecorderSettings, read_environment(given.recorder.environment))
    assert settings.api_key == "rr_given-key"
    assert prepared(tmp_path).api_key.value == own


def test_setting_that_is_wrong_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="RUNREEL_LOG_LEVEL"):
        prepared(tmp_path, {"RUNREEL_LOG_LEVEL": "loud"})
    with pytest.raises(CannotStart, match="RUNREEL_CAPACITY"):
        prepared(tmp_path, {"RUNREEL_CAPACITY": "many"})


def test_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotStart) as refused:
            check_port("127.0.0.1", port)
    assert refused.value.message == f"Port {port} on 127.0.0.1 is in use."
    assert "--port" in refused.value.hint


@pytest.mark.parametrize(
    ("host", "sentence"),
    [("no-such-host.invalid", "is not known"), ("192.0.2.1", "cannot listen on 192.0.2.1")],
)
def test_host_that_is_not_here(host: str, sentence: str) -> None:
    with pytest.raises(CannotStart, match=sentence):
        check_port(host, 0)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("box.example", "http://box.example:80"),
    ],
)
def test_api_url_is_one_that_this_machine_reaches(host: str, url: str) -> None:
    assert api_url(host, 80) == url
