"""Settings: what each process can be told, by environment variables named `RUNREEL_<FIELD>`.

`load` complains once, with everything that is wrong. Reading the environment itself is `deploy`'s work, which also
resolves `RUNREEL_<FIELD>_FILE` to the content of a file, so that secrets need not stand in an environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from .nats_users import NatsAddress
from .problems import CannotStart
from .subjects import RECORDER
from .types import whole

PREFIX = "RUNREEL_"

Port = Annotated[int, Meta(ge=0, le=65535)]
Token = Annotated[str, Meta(pattern=whole(r"[a-z0-9_-]{1,64}"))]
# In a subject `recorder` stands where else a worker's name does.
WorkerId = Annotated[str, Meta(pattern=whole(rf"(?!{RECORDER}$)[a-z0-9_-]{{1,64}}"))]

# So that eight runs that all flood fill half of the RUNS stream, and 10,000 lines in a second are all kept.
RUN_EVENTS_PER_SECOND = 2000
RUN_EVENTS = 1_000_000
RUN_BYTES = 512 * 1024**2
SPOOL_MAX_BYTES = 1024**3
RUN_ARTIFACTS_BYTES = 10 * 1024**3


class Settings(Struct, frozen=True, kw_only=True):
    """What worker and recorder share."""

    nats_url: Annotated[
        str, Meta(description="The NATS server, with user and password in it; several with commas.")
    ] = "nats://127.0.0.1:4222"
    secret: Annotated[
        str,
        Meta(min_length=16, description="The fleet's signing secret: the same for every process."),
    ]
    nats_ca: Annotated[
        str,
        Meta(
            description="PEM file of the authority of NATS servers (tls://). Default: the system's."
        ),
    ] = ""
    behind_proxy: Annotated[
        str,
        Meta(
            description="CIDR of the proxy that ends TLS; only it may connect, and it says for whom."
        ),
    ] = ""
    tls_certificate: Annotated[
        str, Meta(description="PEM file of our certificate and its chain, to answer with TLS.")
    ] = ""
    tls_key: Annotated[str, Meta(description="PEM file of its private key, of mode 600.")] = ""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="How much is logged.")
    ] = "info"
    log_format: Annotated[
        Literal["json", "console"], Meta(description="Log lines for machines or for people.")
    ] = "json"
    runs_max_age_days: Annotated[
        int, Meta(ge=1, description="How long the stream keeps what runs did.")
    ] = 30
    runs_max_bytes: Annotated[
        int, Meta(ge=1, description="How many bytes the RUNS stream may hold; well under the disk.")
    ] = 8 * 1024**3
    control_max_bytes: Annotated[
        int, Meta(ge=1, description="How many bytes the CONTROL stream may hold.")
    ] = 2 * 1024**3
    stream_replicas: Annotated[
        int, Meta(ge=1, le=5, description="Copies of each stream: 1 embedded, 3 in a cluster.")
    ] = 1

    artifacts_url: Annotated[
        str,
        Meta(
            description=(
                "Where profiles and artifacts are kept: a directory, or a URL such as s3://bucket/prefix. The"
                " same for every process of a fleet."
            )
        ),
    ] = ".runreel/artifacts"

    @property
    def nats(self) -> NatsAddress:
        """Where NATS is, and who vouches for it."""
        return NatsAddress(self.nats_url, self.nats_ca)


class WorkerSettings(Settings, frozen=True, kw_only=True):
    """A worker host."""

    worker_id: Annotated[
        WorkerId,
        Meta(description="The worker's name, unique in the fleet; a token of its subjects."),
    ]
    capacity: Annotated[int, Meta(ge=1, le=1000, description="Runtimes at the same time.")] = 8
    labels: Annotated[
        str,
        Meta(
            pattern=whole(r"(?:[\w./-]+=[\w./-]+(?:,[\w./-]+=[\w./-]+)*)?"),
            description="What runtimes may ask of their host, such as region=eu,disk=ssd.",
        ),
    ] = ""
    warm_browsers: Annotated[
        int,
        Meta(ge=0, le=100, description="Browsers that wait, started, for runtimes without flags."),
    ] = 0
    idle_timeout_seconds: Annotated[
        int,
        Meta(
            ge=0,
            description="For runtimes that say none: end a run nobody is attached to. 0: never.",
        ),
    ] = 0
    max_duration_seconds: Annotated[
        int,
        Meta(ge=0, description="For runtimes that say none: how long a run may last. 0: for ever."),
    ] = 0
    host: Annotated[str, Meta(description="The address that CDP clients connect to.")] = "127.0.0.1"
    gateway_port: Annotated[
        Port, Meta(description="The port for CDP clients; 0 takes a free one.")
    ] = 0
    public_url: Annotated[
        str, Meta(description="How clients reach this worker's gateway, such as wss://w1.example.")
    ] = ""
    state_dir: Annotated[
        str, Meta(description="Where events wait until the stream has them; on a local disk.")
    ] = ".runreel/worker"
    spool_max_bytes: Annotated[
        int,
        Meta(
            ge=1024**2,
            description=(
                "How many bytes may wait there while NATS is away; then runs end with"
                " `runtime.spool_full`, and no new ones are taken."
            ),
        ),
    ] = SPOOL_MAX_BYTES
    drain_seconds: Annotated[
        int,
        Meta(ge=0, description="How long runs may go on after SIGUSR2, which drains this worker."),
    ] = 300
    run_dir: Annotated[
        str,
        Meta(
            description="Where browsers keep their files; swept. Default: under the temporary directory."
        ),
    ] = ""
    chromium: Annotated[str, Meta(description="The Chromium binary. Default: looked for.")] = ""
    chromium_sandbox: Annotated[
        Literal["auto", "require", "off"],
        Meta(
            description=(
                "Chromium's own. require: refuse to start without; auto: on where the machine allows it, as under"
                " `runreel up`; off."
            )
        ),
    ] = "require"
    wall: Annotated[
        Literal["auto", "namespace", "uid", "none"],
        Meta(
            description=(
                "What must at least stand between a browser and its host: mount namespaces of its own, a uid of"
                " its own, or nothing. auto: the best there is."
            )
        ),
    ] = "auto"
    egress_allow: Annotated[
        str,
        Meta(
            description=(
                "What browsers of this host may reach beside the internet, with commas: networks and ports"
                " such as 10.1.0.0/16, 127.0.0.1:3000, [::1]:3000. Spaces may add theirs."
            )
        ),
    ] = ""
    run_events_per_second: Annotated[
        int,
        Meta(
            ge=1,
            description=(
                "How many network, console or page events a run may write, each; ten seconds' worth at"
                " once. What is beyond is counted and told, not recorded."
            ),
        ),
    ] = RUN_EVENTS_PER_SECOND
    run_events: Annotated[
        int,
        Meta(ge=1, description="How many events of pages a run may write in all; then as above."),
    ] = RUN_EVENTS
    run_bytes: Annotated[
        int,
        Meta(ge=1, description="How many bytes of them a run may write in all; then as above."),
    ] = RUN_BYTES
    run_artifacts_bytes: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "How many bytes of downloads, screenshots and other files of one run are kept; what is"
                " beyond is told (`artifact.failed`) and not kept."
            ),
        ),
    ] = RUN_ARTIFACTS_BYTES


class RecorderSettings(Settings, frozen=True, kw_only=True):
    """A recorder."""

    recorder_id: Annotated[Token, Meta(description="The recorder's name, unique in the fleet.")]
    database: Annotated[str, Meta(description="The SQLite file.")] = ".runreel/recorder/runreel.db"
    host: Annotated[str, Meta(description="The address the API listens on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="The port of the API; 0 takes a free one.")] = 8787
    api_key: Annotated[str, Meta(min_length=8, description="The first API key.")]
    space_max_active: Annotated[
        int,
        Meta(
            ge=0, description="How many runtimes of one space may be active at once. 0: any number."
        ),
    ] = 0
    public_url: Annotated[
        str, Meta(description="How clients reach the API; its host is accepted in Host headers.")
    ] = ""
    cors_origins: Annotated[
        str,
        Meta(description="Origins whose pages may read the API, with commas: https://a.example."),
    ] = ""
    key_requests_per_second: Annotated[
        int,
        Meta(
            ge=0,
            description="Requests of one key, in the mean; ten seconds' worth at once. 0: any.",
        ),
    ] = 200
    rate_card: Annotated[
        str,
        Meta(
            description=(
                'What runs cost, in credits, as JSON: {"runtimeHour": 1, "aiInputMillionTokens": 3, …}. The'
                " same for every recorder. Default: nothing is reckoned."
            )
        ),
    ] = ""


S = TypeVar("S", bound=Settings)


def variable(field: str) -> str:
    """The environment variable of a field."""
    return PREFIX + field.upper()


def load(kind: type[S], environment: Mapping[str, str]) -> S:
    """Settings from environment variables; raises CannotStart with every complaint in one message."""
    given: dict[str, str] = {}
    complaints: list[str] = []
    for field in msgspec.structs.fields(kind):
        name = variable(field.name)
        if name in environment:
            given[field.name] = environment[name]
            complaints += _complaint(name, field.type, environment[name])
        elif field.required:
            complaints.append(f"{name} is not set")
    if complaints:
        raise CannotStart(
            f"The settings are not valid: {'; '.join(complaints)}.",
            "The README of deploy/ lists every setting.",
        )
    return msgspec.convert(given, kind, strict=False)


def _complaint(name: str, expected: object, value: str) -> list[str]:
    try:
        msgspec.convert(value, expected, strict=False)
    except msgspec.ValidationError as error:
        return [f"{name}: {error}"]
    return []
