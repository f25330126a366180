"""House habits that no linter holds: sizes, depth, names, and what may not be committed."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent

import pytest

from tests.architecture.sources import PACKAGES, ROOT, Source, sources

FUNCTION_LINES = 60
FILE_LINES = 400
DEPTH = 3
VAGUE = {"base", "common", "helpers", "manager", "service", "utils"}
BLOCKS = (
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.If,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)

Rule = Callable[[Source], Iterator[str]]


def long_files(source: Source) -> Iterator[str]:
    lines = len(source.text.splitlines())
    if lines > FILE_LINES:
        yield f"{source.path}:{lines}: a file of {lines} lines; {FILE_LINES} is the most"


def long_functions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield source.at(node, f"{node.name}: {lines} lines; {FUNCTION_LINES} is the most")


def deep_blocks(source: Source) -> Iterator[str]:
    """Blocks inside blocks; a function or class starts anew, and an `elif` is not deeper."""
    for node, depth in _blocks(source.tree, 0):
        if depth == DEPTH + 1:
            yield source.at(node, f"is the fourth block inside another; {DEPTH} is the most")


def _blocks(node: ast.AST, depth: int) -> Iterator[tuple[ast.AST, int]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, SCOPES):
            yield from _blocks(child, 0)
        elif isinstance(child, BLOCKS) and not _is_elif(child, node):
            yield child, depth + 1
            yield from _blocks(child, depth + 1)
        else:
            yield from _blocks(child, depth)


def _is_elif(child: ast.AST, parent: ast.AST) -> bool:
    return (
        isinstance(child, ast.If)
        and isinstance(parent, ast.If)
        and parent.orelse == [child]
        and child.col_offset == parent.col_offset
    )


def swallowed_errors(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node.type) and _is_empty(node.body):
            yield source.at(node, "catches every error and says nothing")
        if isinstance(node, ast.Call) and _suppresses_all(node):
            yield source.at(node, "suppresses every error")


def _suppresses_all(call: ast.Call) -> bool:
    return _ends_with(call.func, "suppress") and any(_catches_all(each) for each in call.args)


def _catches_all(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_catches_all(each) for each in caught.elts)
    return caught is None or _ends_with(caught, "Exception") or _ends_with(caught, "BaseException")


def _ends_with(node: ast.expr, name: str) -> bool:
    match node:
        case ast.Name(id=found) | ast.Attribute(attr=found):
            return found == name
    return False


def _is_empty(body: list[ast.stmt]) -> bool:
    return all(
        isinstance(line, ast.Pass | ast.Continue)
        or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        for line in body
    )


def vague_names(source: Source) -> Iterator[str]:
    for part in source.path.removesuffix(".py").split("/"):
        if part.strip("_") in VAGUE:
            yield f"{source.path}:1: {part} says nothing; name what it is about"


RULES: list[Rule] = [long_files, long_functions, deep_blocks, swallowed_errors, vague_names]

NEST = "for a in b:\n if a:\n  with a:\n   try:\n    f()\n   finally:\n    g()\n"


@pytest.mark.parametrize("rule", RULES)
def test_holds(rule: Rule) -> None:
    offenders = [found for source in sources() for found in rule(source)]
    assert not offenders, "\n" + "\n".join(offenders)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (long_files, "worker/host.py", "x = 1\n" * 401),
        (long_functions, "worker/host.py", "async def f():\n" + "    x = 1\n" * 60),
        (deep_blocks, "worker/host.py", NEST),
        (deep_blocks, "worker/host.py", "def f():\n" + indent(NEST, " ")),
        (swallowed_errors, "worker/host.py", "try:\n    f()\nexcept Exception:\n    pass"),
        (swallowed_errors, "worker/host.py", "try:\n    f()\nexcept:\n    'never mind'"),
        (swallowed_errors, "worker/host.py", "try:\n    f()\nexcept (KeyError, Exception): ..."),
        (swallowed_errors, "worker/host.py", "with contextlib.suppress(Exception):\n    f()"),
        (vague_names, "worker/utils.py", ""),
        (vague_names, "worker/common/clock.py", ""),
        (vague_names, "worker/_base.py", ""),
    ],
)
def test_sees_what_is_wrong(rule: Rule, path: str, text: str) -> None:
    found = list(rule(Source(path, text)))
    assert len(found) == 1
    assert found[0].startswith(f"{path}:")


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (long_files, "worker/host.py", "x = 1\n" * 400),
        (long_functions, "worker/host.py", "def f():\n" + "    x = 1\n" * 59),
        (deep_blocks, "worker/host.py", "if a: f()\n" + "elif a: f()\n" * 5),
        (deep_blocks, "worker/host.py", "for a in b:\n if a:\n  def f():\n   if a:\n    g()"),
        (swallowed_errors, "worker/host.py", "try:\n    f()\nexcept OSError:\n    pass"),
        (swallowed_errors, "worker/host.py", "try:\n    f()\nexcept Exception:\n    log()"),
        (vague_names, "worker/database.py", ""),
    ],
)
def test_lets_pass_what_is_right(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text))) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_package_explains_itself(package: str) -> None:
    assert (ROOT / package / "README.md").is_file(), f"{package}/ has no README.md"


# What only holds where it was written. Spelt in pieces, or this file would be the first offender.
_HOSTS = [("py", "pi.org"), ("python", "hosted.org"), ("npm", "js.org"), ("npm", "js.com")]
_HOSTS += [("deb.", "debian.org"), ("np", "mmirror.com")]
_PATHS = [("wo", "rk/"), ("opt/", "wheels"), ("opt/", "pypi"), ("root/", ".pyenv")]
LOCAL = re.compile(
    "|".join(
        [re.escape(a + b) for a, b in _HOSTS]
        + [r"(?<![\w.})*-])/" + re.escape(a + b) for a, b in _PATHS]
        + [r"^\s*--" + "(?:extra-)?" + "index" + "-url", r"^\s*--" + "find" + "-links"]
    ),
    re.MULTILINE,
)


def names_this_place(path: str, text: str) -> Iterator[str]:
    for found in LOCAL.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield f"{path}:{line}: names {found.group().strip()}, which holds only here"


def test_files_name_no_registry_and_no_machine() -> None:
    offenders = [
        found
        for path in _committed()
        for found in names_this_place(path, (ROOT / path).read_text("utf-8", "ignore"))
    ]
    assert not offenders, "\n" + "\n".join(offenders)


def _committed() -> list[str]:
    """What git has or would take; in an unpacked archive, where there is no git, nothing."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    out = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for path in out.split("\0") if path and (ROOT / path).is_file()]


@pytest.mark.parametrize(
    "text",
    [
        "see https://" + "py" + "pi.org/project/x",
        '"resolved": "https://registry.' + "npm" + 'js.org/x"',
        "cd /" + "wo" + "rk/main",
        'PATH="/' + "wo" + 'rk/shared"',
        "--find" + "-links elsewhere",
        "\n--index" + "-url x",
    ],
)
def test_sees_what_is_local(text: str) -> None:
    assert len(list(names_this_place("README.md", text))) == 1


@pytest.mark.parametrize("text", ["a/work/b", "./work/x", "network/", "https://example.org/work"])
def test_lets_pass_what_is_not_local(text: str) -> None:
    assert list(names_this_place("README.md", text)) == []


def test_sources_are_found() -> None:
    assert Path(__file__).is_relative_to(ROOT)
    assert {source.package[0] for source in sources()} == set(PACKAGES)
