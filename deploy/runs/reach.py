"""Which API the commands on runs read, and what they say where it refuses or does not answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deploy.data_dir import DEFAULT_DATA, DataDir, has_owner
from deploy.environment import FILE_SUFFIX
from deploy.ops.target import NoTarget
from deploy.stack import api_url
from schemas.problems import CannotReach, CannotStart
from schemas.settings import variable

if TYPE_CHECKING:
    from recorder.client import Runreel

BASE_URL = variable("base_url")
API_KEY = variable("api_key")
_OF_A_RECORDER = frozenset(map(variable, ("database", "nats_url", "public_url", "port")))
_HOW = f"Name the directory of `runreel up` with --data, or set {BASE_URL} and {API_KEY} (or {API_KEY}{FILE_SUFFIX})."
MOST_PORT = 65_535
_EXAMPLE = "It looks like http://127.0.0.1:8787."


@dataclass(frozen=True)
class Api:
    """An address and a key for it."""

    url: str
    key: str


def find_api(data: Path | None, environment: Mapping[str, str]) -> Api:
    """That of `--data`, else that of RUNREEL_BASE_URL, else that of a recorder's settings, else that of `.runreel`.

    Raises NoTarget where nothing says which or it cannot be one, CannotReach where that `up` does not run.
    """
    if data is not None:
        return _of_directory(data)
    if BASE_URL in environment:
        return _checked(environment[BASE_URL], _key(environment))
    if API_KEY in environment and environment.keys() & _OF_A_RECORDER:
        return _checked(_of_settings(environment), _key(environment))
    if DEFAULT_DATA.is_dir():
        return _of_directory(DEFAULT_DATA)
    raise NoTarget(f"There is nothing to look at: no {DEFAULT_DATA} is here.", _HOW)


@asynccontextmanager
async def reading(api: Api) -> AsyncIterator[Runreel]:
    """A client of it; what goes wrong becomes a sentence. Raises CannotReach, CannotStart."""
    import httpx

    from recorder.client import ApiError, CannotConnect, Runreel

    try:
        async with (
            httpx.AsyncClient(trust_env=False) as http,
            Runreel(api.url, api.key, http=http) as runreel,
        ):
            yield runreel
    except CannotConnect as error:
        raise CannotReach(
            f"No recorder answers at {api.url}.", "`runreel status` says what runs."
        ) from error
    except (httpx.RequestError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CannotReach(
            f"{api.url} does not speak this API.",
            f"Is it a recorder of this version? {_HOW}",
        ) from error
    except ApiError as error:
        raise CannotStart(error.message, error.hint or "") from error


def _of_directory(path: Path) -> Api:
    data = DataDir(path.expanduser().absolute())
    try:
        if not data.nats.is_dir():
            raise NoTarget(f"{data.root} is no directory of `runreel up`.", _HOW)
        # What a killed `up` wrote down stays: its port may be somebody else's now, who must not get the key.
        url = _first_line(data.api_url) if has_owner(data) else ""
        key = _first_line(data.given_api_key) or _first_line(data.api_key)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotReach(f"{data.root} cannot be read.", "Is it another user's?") from error
    if not url:
        raise CannotReach(
            f"No `runreel up` runs in {data.root}.",
            "Start it: all that was recorded is still there.",
        )
    return _checked(url, key)


def _checked(url: str, key: str) -> Api:
    """Raises NoTarget where these cannot be an address and a key."""
    import httpx

    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if not (parsed.scheme in ("http", "https") and parsed.host and (parsed.port or 0) <= MOST_PORT):
        raise NoTarget(f"{url!r} is no address of a recorder.", _EXAMPLE)
    if not (key.isascii() and key.isprintable() and key == key.strip() != ""):
        raise NoTarget(
            f"{API_KEY} holds what no key has: spaces around it, a line break, letters beyond ASCII, or nothing.",
            "A key looks like rr_… and stands on one line.",
        )
    return Api(url, key)


def _key(environment: Mapping[str, str]) -> str:
    if API_KEY not in environment:
        raise NoTarget(f"{BASE_URL} is set, and {API_KEY} is not.", _HOW)
    return environment[API_KEY]


def _of_settings(environment: Mapping[str, str]) -> str:
    """A recorder's own address, as its clients have it."""
    if public := environment.get(variable("public_url")):
        return public
    port = environment.get(variable("port"), "8787")
    return api_url(
        environment.get(variable("host"), "127.0.0.1"), int(port) if port.isdecimal() else 8787
    )


def _first_line(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
