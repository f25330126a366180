"""Every name on NATS: streams' subjects, buckets, and the subjects a worker answers on."""

from __future__ import annotations

RUNS = "RUNS"
CONTROL = "CONTROL"

ALL_RUNS = "runs.>"
ALL_CONTROL = "control.>"

WORKERS_BUCKET = "workers"
CLAIMS_BUCKET = "claims"

IDEMPOTENCY_BUCKET = "idempotency"
PROFILES_BUCKET = "profiles"
REVOKED_KEYS_BUCKET = "revoked_keys"
KEY_USES_BUCKET = "key_uses"

RECORDER = "recorder"
# Where in a subject a space's id stands: what is of no space.
ORGANIZATION = "organization"


def run_event(space_id: str, run_id: str, writer: str, event_type: str) -> str:
    """`runs.<space>.<run>.<worker or "recorder">.<type>`; a dot in the type is a token of its own."""
    return f"runs.{space_id}.{run_id}.{writer}.{event_type}"


def run_of(subject: str) -> str:
    """The run in the subject of a run's event; a subject of another shape counts as a run of its own."""
    tokens = subject.split(".", 3)
    return tokens[2] if len(tokens) == 4 else subject


def run_events_of(run_id: str, writer: str = "*") -> str:
    """The filter for everything of one run, or of one writer in it."""
    return f"runs.*.{run_id}.{writer}.>"


def run_events_in(space_id: str) -> str:
    """The filter for everything of a space's runs."""
    return f"runs.{space_id}.>"


def control_event(space_id: str, resource: str, resource_id: str, happening: str) -> str:
    """`control.<space>.<resource>.<id>.<happening>`."""
    return f"control.{space_id}.{resource}.{resource_id}.{happening}"


def control_events_of(space_id: str, resource: str, resource_id: str) -> str:
    """The filter for one resource's history: its last sequence fences concurrent writers."""
    return f"control.{space_id}.{resource}.{resource_id}.*"


def profile_key(space_id: str, name: str) -> str:
    """The key of a profile: a dot in its name would be a token's end, and is no `=`, which no name has."""
    return f"{space_id}.{name.replace('.', '=')}"


def key_event(key_id: str, happening: str) -> str:
    """What happens to an API key: under no space, so that nobody who reads one is told of keys."""
    return control_event(ORGANIZATION, "key", key_id, happening)


def control_of(space_id: str) -> str:
    """The filter for all that was ever set up in a space, and for the space itself."""
    return f"control.{space_id}.>"


def start_request(worker_id: str) -> str:
    """Where a worker takes requests to start a runtime (`requests.StartRun`)."""
    return f"workers.{worker_id}.start"


def stop_request(worker_id: str) -> str:
    """Where a worker takes requests to stop a run (`requests.StopRun`)."""
    return f"workers.{worker_id}.stop"


def run_request(worker_id: str) -> str:
    """Where a worker takes requests about a run that it has (`requests.RunRequest`)."""
    return f"workers.{worker_id}.run"


def drain_request(worker_id: str) -> str:
    """Where a worker is asked to drain (`requests.Drain`)."""
    return f"workers.{worker_id}.drain"
