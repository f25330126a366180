"""The processes of `runreel up` as data: what is started, with which settings."""

from __future__ import annotations

import errno
import shlex
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from deploy import nats_server
from deploy.data_dir import DataDir, kept, new_api_key, new_secret, write_private
from deploy.environment import FILE_SUFFIX, read_environment, without_secrets
from deploy.nats_server import NatsServer
from deploy.processes import Program, python, python_environment
from schemas.problems import CannotStart
from schemas.settings import RecorderSettings, WorkerSettings, load, variable
from worker.chromium.directory import default_root

# Of a machine that is a fleet of its own, so its name may change without becoming another host.
LOOPBACK = "127.0.0.0/8,::1"
LOCAL_ID = "local"
# Under `up` RUNREEL_PUBLIC_URL is the API's, so the gateway's has a name of its own.
GATEWAY_URL = variable("gateway_url")
WORKER_GRACE_S = 15.0
RECORDER_GRACE_S = 10.0


@dataclass(frozen=True)
class UpOptions:
    """What the command line says. `first_run` None: record one when the data directory is new."""

    data: Path
    host: str
    port: int
    behind_proxy: str
    first_run: bool | None


@dataclass(frozen=True)
class ApiKey:
    """The first key, the file it stands in, and how a shell reads it."""

    value: str
    file: Path
    shown_where: str
    in_shell: str


@dataclass(frozen=True)
class Stack:
    """Three programs and how to reach the API."""

    data: DataDir
    nats: NatsServer
    recorder: Program
    worker: Program
    api_url: str
    api_key: ApiKey


def prepare(options: UpOptions, data: DataDir, environ: Mapping[str, str]) -> Stack:
    """Everything that can be known to be wrong is found here, before anything starts. Raises
    CannotStart.
    """
    environment = read_environment(environ)
    _refuse_tls(environment)
    port = check_port(options.host, options.port)
    api_key = keep_api_key(data, environment)
    worker_id = environment.get(variable("worker_id"), LOCAL_ID)
    nats = nats_server.prepare(data, environment, worker_id)
    secret = _keep_secret(data, environment)
    shared = {
        **without_secrets(environ),
        variable("secret") + FILE_SUFFIX: str(secret),
        variable("runs_max_bytes"): str(nats.store.runs_max_bytes),
        variable("control_max_bytes"): str(nats.store.control_max_bytes),
        variable("stream_replicas"): "1",
        variable("artifacts_url"): environment.get(variable("artifacts_url"), str(data.artifacts)),
    }
    at_nats = variable("nats_url") + FILE_SUFFIX
    recorder = {
        **shared,
        at_nats: str(nats.url_file),
        **_recorder_settings(options, port, data, api_key, environment),
    }
    worker = {
        **shared,
        at_nats: str(nats.worker_url_file),
        **_worker_settings(options, data, environment, worker_id),
    }
    _check(recorder, worker)
    return Stack(
        data=data,
        nats=nats,
        recorder=_program("recorder", recorder, data, RECORDER_GRACE_S),
        worker=replace(_program("worker", worker, data, WORKER_GRACE_S), may_leave=True),
        api_url=api_url(options.host, port),
        api_key=api_key,
    )


def _program(name: str, environment: Mapping[str, str], data: DataDir, grace_s: float) -> Program:
    return Program(
        name=name,
        argv=python("deploy.cli", name),
        environment=python_environment(environment),
        log=data.log(name),
        grace_s=grace_s,
    )


def _recorder_settings(
    options: UpOptions,
    port: int,
    data: DataDir,
    api_key: ApiKey,
    environment: Mapping[str, str],
) -> dict[str, str]:
    return {
        variable("recorder_id"): environment.get(variable("recorder_id"), LOCAL_ID),
        variable("database"): str(data.database),
        variable("host"): options.host,
        variable("port"): str(port),
        variable("behind_proxy"): _with_this_machine(options.behind_proxy),
        variable("api_key") + FILE_SUFFIX: str(api_key.file),
    }


def _worker_settings(
    options: UpOptions, data: DataDir, environment: Mapping[str, str], worker_id: str
) -> dict[str, str]:
    """The gateway stays on this machine, wherever the API listens, unless RUNREEL_GATEWAY_URL says how
    clients reach it; RUNREEL_PUBLIC_URL is the API's.
    """
    public_url = environment.get(GATEWAY_URL, "")
    return {
        variable("worker_id"): worker_id,
        variable("state_dir"): str(data.worker),
        variable("host"): options.host if public_url else "127.0.0.1",
        variable("gateway_port"): environment.get(variable("gateway_port"), "0"),
        variable("public_url"): public_url,
        variable("behind_proxy"): _with_this_machine(options.behind_proxy) if public_url else "",
        variable("run_dir"): environment.get(variable("run_dir"), str(browsers_dir(data))),
        # Nobody but this user comes in here; that it is missing is told.
        variable("chromium_sandbox"): environment.get(variable("chromium_sandbox"), "auto"),
    }


def _with_this_machine(behind_proxy: str) -> str:
    """`up` itself, and commands beside it, ask without the proxy."""
    return f"{behind_proxy},{LOOPBACK}" if behind_proxy else ""


def _refuse_tls(environment: Mapping[str, str]) -> None:
    if environment.get(variable("tls_certificate")):
        raise CannotStart(
            "`runreel up` answers without TLS.",
            "Put a proxy with TLS before it (--behind-proxy), or start recorder and worker by themselves:"
            " deploy/fleet.md.",
        )


def browsers_dir(data: DataDir) -> Path:
    """Where browsers keep their files, which `up` removes in the end.

    Not in the data directory: browsers run under uids of their own, which may not enter it.
    """
    return default_root(data.worker)


def _check(recorder: Mapping[str, str], worker: Mapping[str, str]) -> None:
    """Complain about settings now rather than in a child."""
    load(RecorderSettings, read_environment(recorder))
    load(WorkerSettings, read_environment(worker))


def keep_api_key(data: DataDir, environment: Mapping[str, str]) -> ApiKey:
    """The key that was given, else the one of the data directory, made at first start."""
    if given := environment.get(variable("api_key")):
        write_private(data.given_api_key, given + "\n")
        return ApiKey(given, data.given_api_key, "the one in RUNREEL_API_KEY", "$RUNREEL_API_KEY")
    value = kept(data.api_key, new_api_key)
    return ApiKey(
        value, data.api_key, str(data.api_key), f"$(cat {shlex.quote(str(data.api_key))})"
    )


def _keep_secret(data: DataDir, environment: Mapping[str, str]) -> Path:
    if given := environment.get(variable("secret")):
        path = data.temporary / "secret"
        write_private(path, given + "\n")
        return path
    kept(data.secret, new_secret)
    return data.secret


def check_port(host: str, port: int) -> int:
    """`port`, or a free one for 0. Raises CannotStart when this machine cannot listen there."""
    try:
        return _try_port(host, port)
    except socket.gaierror as error:
        raise CannotStart(
            f"The host {host} is not known.", "Name an address of this machine with --host."
        ) from error
    except OSError as error:
        raise _no_port(host, port, error) from error


def _try_port(host: str, port: int) -> int:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.create_server(address[:2], family=family) as listener:
        return int(listener.getsockname()[1])


def _no_port(host: str, port: int, error: OSError) -> CannotStart:
    if isinstance(error, PermissionError):
        return CannotStart(
            f"This user may not listen on port {port}.", "Choose one above 1023 with --port."
        )
    if error.errno == errno.EADDRINUSE:
        return CannotStart(
            f"Port {port} on {host} is in use.",
            f"Choose another with --port, or end what has it (`ss -ltnp 'sport = :{port}'` tells).",
        )
    return CannotStart(
        f"This machine cannot listen on {host}, port {port}: {error.strerror}.",
        "Name an address of this machine with --host, and a free port with --port.",
    )


def api_url(host: str, port: int) -> str:
    """Where clients on this machine reach the API."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
