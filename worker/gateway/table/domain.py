"""The shape of the table: a row a domain of CDP, and what becomes of each of its methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from worker.gateway.policy import PASS, Refuse, Rule, Verdict

Row = Verdict | Rule


class Domain(Struct, frozen=True, kw_only=True):
    """One domain. Every method of the protocol stands in one of the three, once.

    `why` says what passes is about; `refuses` has the methods by the reason that a client reads, which goes on after
    "Runreel refuses X: ".
    """

    name: str
    why: str
    passes: str = ""
    judges: Mapping[str, Rule] = {}
    refuses: Mapping[str, str] = {}

    def rows(self) -> Iterable[tuple[str, Row]]:
        """Each method, in full, and what becomes of it."""
        yield from ((self._full(name), PASS) for name in self.passes.split())
        yield from ((self._full(name), rule) for name, rule in self.judges.items())
        for reason, names in self.refuses.items():
            yield from ((self._full(name), self._refused(name, reason)) for name in names.split())

    def _refused(self, name: str, reason: str) -> Refuse:
        return refused(self._full(name), reason)

    def _full(self, name: str) -> str:
        return f"{self.name}.{name}"


def refused(method: str, reason: str) -> Refuse:
    """The refusal of a method, as a client reads it."""
    return Refuse(f"Runreel refuses {method}: {reason}.")


def table_of(domains: Iterable[Domain]) -> dict[str, Row]:
    """All rows by their method. Raises ValueError for a method that stands there twice."""
    table: dict[str, Row] = {}
    for domain in domains:
        for method, row in domain.rows():
            if method in table:
                raise ValueError(f"{method} stands in the table twice")
            table[method] = row
    return table
