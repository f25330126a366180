"""Who may import what. import-linter holds our own packages apart (pyproject.toml); this holds
the libraries to their doors, and `schemas/` to being a contract: data and names, no I/O, no async.
"""

import ast
from collections.abc import Callable, Iterator

import pytest

from tests.architecture.sources import PACKAGES, Source, imports, is_third_party, sources

ANYWHERE = tuple(f"{package}/" for package in PACKAGES)
PROCESSES = ("worker/", "recorder/", "deploy/")

# A library, and the paths (by how they begin) that may import it. A library that is not here may
# be imported nowhere: a new dependency gets an owner first.
OWNERS: dict[str, tuple[str, ...]] = {
    "ada_url": ("worker/gateway/urls.py",),
    "aiohappyeyeballs": ("worker/egress/",),
    "aiosqlite": ("recorder/store/",),
    "click": ("deploy/",),
    "bcrypt": ("deploy/nats_users.py",),
    "cryptography": ("schemas/sealing.py", "worker/profiles/"),
    "html_to_markdown": ("worker/tools/",),
    "httpx": ("recorder/client/", "deploy/"),
    "httpx_sse": ("recorder/client/",),
    "jsonschema_rs": ("worker/tools/",),
    "litestar": ("recorder/api/",),
    "msgspec": ANYWHERE,
    "obstore": ("worker/artifacts.py", "recorder/"),
    "nats": ("worker/bus/", "recorder/bus/", "deploy/"),
    "picows": ("worker/gateway/",),
    "playwright": ("worker/tools/", "deploy/first_run"),
    "rich": ("deploy/",),
    "python_socks": ("worker/egress/",),
    "structlog": PROCESSES,
    "uuid_utils": PROCESSES,
    "uvicorn": ("recorder/api/",),
    "uvloop": PROCESSES,
    "zstandard": ("worker/profiles/",),
}

TOUCHES_THE_WORLD = (
    "asyncio",
    "concurrent",
    "fcntl",
    "ftplib",
    "http.client",
    "http.server",
    "mmap",
    "multiprocessing",
    "os",
    "select",
    "selectors",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "urllib.request",
)
FILE_METHODS = {
    "mkdir",
    "open",
    "read_bytes",
    "read_text",
    "rmdir",
    "symlink_to",
    "touch",
    "unlink",
    "write_bytes",
    "write_text",
}
GENERATOR = "schemas/catalogue/"  # writes the published schemas, so it may touch files


def imported_outside_their_doors(source: Source) -> Iterator[str]:
    for found in imports(source):
        if is_third_party(found.top) and not source.path.startswith(OWNERS.get(found.top, ())):
            doors = ", ".join(OWNERS.get(found.top, ())) or "nobody: it has no owner"
            yield source.at(found.node, f"imports {found.top}, which belongs to {doors}")


def more_than_msgspec(source: Source) -> Iterator[str]:
    """But for one file: worker and recorder must seal alike, and Python itself has no cipher."""
    for found in imports(source):
        sealing = source.path == "schemas/sealing.py" and found.top == "cryptography"
        if is_third_party(found.top) and found.top != "msgspec" and not sealing:
            yield source.at(found.node, f"imports {found.top}; schemas/ has msgspec only")


def waits(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield source.at(node, "is async; schemas/ waits for nothing")


def touches_the_world(source: Source) -> Iterator[str]:
    if source.path.startswith(GENERATOR):
        return
    for found in imports(source):
        if any(found.within(module) for module in TOUCHES_THE_WORLD):
            yield source.at(found.node, f"imports {found.module}; schemas/ does no I/O")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and (name := _file_call(node)):
            yield source.at(node, f"calls {name}; schemas/ does no I/O")


def _file_call(call: ast.Call) -> str | None:
    match call.func:
        case ast.Name(id="open"):
            return "open()"
        case ast.Attribute(attr=method) if method in FILE_METHODS:
            return f".{method}()"
    return None


def absolute_within_itself(source: Source) -> Iterator[str]:
    """So that a wheel with the client alone can carry `schemas` under another name."""
    for found in imports(source):
        if found.top == "schemas" and not found.level:
            yield source.at(found.node, "imports schemas by name; schemas/ is relative to itself")


def client_leaves_home(source: Source) -> Iterator[str]:
    for found in imports(source):
        home = found.within("recorder.client") or found.top == "schemas"
        if found.top in PACKAGES and not home:
            yield source.at(found.node, f"imports {found.module}; the client ships alone")
        elif found.top == "recorder" and not found.level:
            yield source.at(found.node, f"imports {found.module}; the client is relative to itself")


Rule = Callable[[Source], Iterator[str]]

RULES: list[tuple[Rule, tuple[str, ...]]] = [
    (imported_outside_their_doors, PACKAGES),
    (more_than_msgspec, ("schemas",)),
    (waits, ("schemas",)),
    (touches_the_world, ("schemas",)),
    (absolute_within_itself, ("schemas",)),
    (client_leaves_home, ("recorder/client",)),
]


@pytest.mark.parametrize(("rule", "packages"), RULES)
def test_holds(rule: Rule, packages: tuple[str, ...]) -> None:
    found = [found for source in sources(*packages) for found in rule(source)]
    offenders = list(dict.fromkeys(found))  # once a line, however many names it imports
    assert not offenders, "\n" + "\n".join(offenders)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (imported_outside_their_doors, "worker/host.py", "import nats"),
        (imported_outside_their_doors, "worker/bus_two.py", "from nats.js import api"),
        (imported_outside_their_doors, "recorder/store/log.py", "def f():\n    import playwright"),
        (imported_outside_their_doors, "worker/host.py", "import never_heard_of"),
        (more_than_msgspec, "schemas/ids.py", "import uuid_utils"),
        (waits, "schemas/ids.py", "async def f(): ..."),
        (touches_the_world, "schemas/ids.py", "import asyncio"),
        (touches_the_world, "schemas/ids.py", "from urllib import request"),
        (touches_the_world, "schemas/ids.py", "from os import environ"),
        (touches_the_world, "schemas/ids.py", "open('x')"),
        (touches_the_world, "schemas/ids.py", "path.write_text('x')"),
        (absolute_within_itself, "schemas/ids.py", "from schemas import types"),
        (client_leaves_home, "recorder/client/runs.py", "from ..store import log"),
        (client_leaves_home, "recorder/client/runs.py", "from recorder.client import events"),
        (client_leaves_home, "recorder/client/runs.py", "import worker"),
    ],
)
def test_sees_what_is_wrong(rule: Rule, path: str, text: str) -> None:
    found = list(rule(Source(path, text)))
    assert len(found) == 1
    assert found[0].startswith(f"{path}:")


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (imported_outside_their_doors, "worker/bus/bus.py", "import nats, asyncio, schemas.ids"),
        (imported_outside_their_doors, "deploy/first_run.py", "import playwright.async_api"),
        (imported_outside_their_doors, "worker/gateway/door.py", "from .. import bus"),
        (more_than_msgspec, "schemas/ids.py", "import msgspec, datetime"),
        (touches_the_world, "schemas/ids.py", "from urllib.parse import urlsplit\nopener()"),
        (touches_the_world, "schemas/catalogue/write.py", "path.write_text('x')"),
        (absolute_within_itself, "schemas/events/page.py", "from ..types import Url"),
        (client_leaves_home, "recorder/client/runs.py", "from . import events\nimport schemas"),
    ],
)
def test_lets_pass_what_is_right(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text))) == []
