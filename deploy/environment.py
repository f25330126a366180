"""From the environment to what `schemas.settings.load` takes.

`RUNREEL_X_FILE=/path` stands for `RUNREEL_X=<content of that file>`, so that a secret need not
stand in an environment, where every process of the same user can read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path

from schemas.problems import CannotStart
from schemas.settings import PREFIX, variable

FILE_SUFFIX = "_FILE"
SECRETS = ("nats_url", "secret", "api_key")
_NOT_IN_A_TOKEN = re.compile(r"[^a-z0-9_-]+")
# Facts that a recorder writes have this word in the place of the worker's id (schemas.subjects).
_RESERVED_TOKEN = "recorder"


def read_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Every RUNREEL_ variable, files resolved. Raises CannotStart when a file cannot be read."""
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    direct = {name: value for name, value in ours.items() if not name.endswith(FILE_SUFFIX)}
    for name in sorted(ours.keys() - direct.keys()):
        target = name.removesuffix(FILE_SUFFIX)
        if target in direct:
            raise CannotStart(f"Both {target} and {name} are set.", "Keep one of the two.")
        direct[target] = _content(name, Path(ours[name]))
    return direct


def _content(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CannotStart(
            f"{name} names {path}, which cannot be read: {reason}.",
            "Name a file that this user may read and that holds the value alone.",
        ) from error


def with_machine_defaults(environment: Mapping[str, str], hostname: str) -> dict[str, str]:
    """`environment` with the ids of worker and recorder made from the hostname where they are not
    set.
    """
    token = token_of(hostname)
    ids = {variable("worker_id"): token, variable("recorder_id"): token}
    return {**ids, **environment}


def token_of(name: str) -> str:
    """A name as one token of a subject: `Build-7.example.org` → `build-7-example-org`."""
    token = _NOT_IN_A_TOKEN.sub("-", name.lower())[:64].strip("-") or "host"
    return f"host-{token}" if token == _RESERVED_TOKEN else token


def forget_secrets(environ: MutableMapping[str, str]) -> None:
    """Take secrets of ours out of an environment, once they were read: what is started from now on inherits none."""
    for field in SECRETS:
        environ.pop(variable(field), None)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """A whole environment without any secret of ours, and without the names of their files."""
    hidden = {variable(field) + suffix for field in SECRETS for suffix in ("", FILE_SUFFIX)}
    return {name: value for name, value in environ.items() if name not in hidden}


def secrets_in(environment: Mapping[str, str]) -> Iterable[str]:
    """The values that must never be shown."""
    found = [environment.get(variable(field), "") for field in SECRETS]
    servers = environment.get(variable("nats_url"), "").split(",")
    return dict.fromkeys(filter(None, (*found, *servers)))
