"""What the architecture tests look at: the Python files of the four packages, parsed."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("worker", "recorder", "schemas", "deploy")


@dataclass(frozen=True)
class Source:
    """One Python file: where it stands (relative, with slashes) and what it says."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def package(self) -> tuple[str, ...]:
        """The package that a relative import in this file starts from."""
        return tuple(self.path.split("/")[:-1])

    def at(self, node: ast.AST, what: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {what}"


def sources(*packages: str) -> Iterator[Source]:
    for package in packages or PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            if "node_modules" not in file.parts:
                path = file.relative_to(ROOT).as_posix()
                yield Source(path, file.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Import:
    """A module that a file reaches for, made absolute; `level` counts the dots it had."""

    module: str
    level: int
    node: ast.stmt

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def within(self, prefix: str) -> bool:
        return self.module == prefix or self.module.startswith(prefix + ".")


def imports(source: Source) -> Iterator[Import]:
    """Every import of a file, also those inside functions and under TYPE_CHECKING.

    `from a import b` counts as `a.b`, for b may be a module; to a prefix it is the same.
    """
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, 0, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = _start(source, node)
            names = (f"{start}.{alias.name}".strip(".") for alias in node.names)
            yield from (Import(name, node.level, node) for name in names)


def _start(source: Source, node: ast.ImportFrom) -> str:
    """The module before `import` in a from-import, with its dots resolved."""
    if not node.level:
        return node.module or ""
    above = source.package[: max(0, len(source.package) - node.level + 1)]
    return ".".join([*above, *([node.module] if node.module else [])])


def is_third_party(name: str) -> bool:
    return name not in sys.stdlib_module_names and name not in PACKAGES and name != ""
