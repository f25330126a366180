"""Which worker should start a runtime, and why none can. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import UNSET, Struct

from schemas.problems import RuntimeHostUnavailable
from schemas.requests import Heartbeat, StartRun

# A worker beats every two seconds: one that has missed two beats is asked last.
QUIET_SECONDS = 5.0


class Host(Struct, frozen=True):
    """A worker by its newest beat, which came `age_seconds` ago; `sent` starts were sent to it since."""

    heartbeat: Heartbeat
    sent: int = 0
    age_seconds: float = 0.0

    @property
    def active(self) -> int:
        """How many of its places are taken, as far as one can know."""
        return self.heartbeat.active + self.sent

    @property
    def free(self) -> int:
        """How many more it would start."""
        return max(0, self.heartbeat.free - self.sent)

    def carries(self, labels: Mapping[str, str]) -> bool:
        """Whether it has all of these labels."""
        return labels.items() <= self.heartbeat.labels.items()


def candidates(hosts: Iterable[Host], request: StartRun) -> list[Host]:
    """Those that can take it, the best first."""
    labels = labels_of(request)
    takes_warm = can_be_warm(request)
    able = [host for host in hosts if host.free and host.carries(labels)]
    return sorted(able, key=lambda host: _rank(host, takes_warm=takes_warm))


def _rank(host: Host, *, takes_warm: bool) -> tuple[bool, bool, float, float, str]:
    beat = host.heartbeat
    return (
        host.age_seconds > QUIET_SECONDS,
        takes_warm and beat.warm <= host.sent,
        (host.active + 1) / beat.capacity,
        beat.load,
        beat.worker_id,
    )


def labels_of(request: StartRun) -> Mapping[str, str]:
    """The labels that the host must have."""
    return request.config.host_labels or {}


def can_be_warm(request: StartRun) -> bool:
    """Whether a browser that was started for nobody in particular will do: what these ask for, only a command line,
    an environment or a directory gives.
    """
    config = request.config
    special = (config.user_agent, config.locale, config.timezone)
    keeps = request.profile is not None or config.profile is True
    return not keeps and all(each is UNSET for each in special)


def why_none(hosts: Sequence[Host], request: StartRun) -> RuntimeHostUnavailable:
    """What is missing, in one sentence, and what would help."""
    labels = labels_of(request)
    fitting = [host for host in hosts if host.carries(labels)]
    if not hosts:
        return RuntimeHostUnavailable("No worker is there.", hint="Start one: `runreel worker`.")
    if not fitting:
        wanted = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
        return RuntimeHostUnavailable(
            f"No worker has the labels {wanted}.",
            hint="Start one with them in RUNREEL_LABELS, or change config.hostLabels.",
        )
    if all(host.heartbeat.draining for host in fitting):
        return RuntimeHostUnavailable(
            "Every worker is being drained.", hint="Start another one: `runreel worker`."
        )
    return _why_full([host for host in fitting if not host.heartbeat.draining])


def _why_full(hosts: Sequence[Host]) -> RuntimeHostUnavailable:
    if all(host.heartbeat.spool_full for host in hosts):
        return RuntimeHostUnavailable(
            "The spool of every worker is full: what it holds must reach NATS first.",
            hint="`runreel status` tells how NATS is.",
        )
    places = sum(host.heartbeat.capacity for host in hosts)
    return RuntimeHostUnavailable(
        f"No worker has a free place (there are {places}).",
        hint="Stop a runtime, start another worker, or ask to wait: ?wait=10s.",
    )
