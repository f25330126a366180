"""Values out of a page by a JSON Schema: what to read where, and what was read as the schema wants it. Pure.

`x-selector` (CSS) says where a value stands, within the object that it is in; `x-attribute` that it is an attribute.
An array's is that of its items: as many as match. A boolean is whether something matches; a check box's, whether it
is checked.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any, Literal, NoReturn

import jsonschema_rs
from msgspec import Struct, field

from schemas.problems import OutputSchemaInvalid
from worker.tools.failures import Failed

SELECTOR, ATTRIBUTE = "x-selector", "x-attribute"
MOST_ITEMS = 10_000
_DEEPEST = 20
_MOST_PARTS = 1000  # references may make more of a schema than it looks
_MOST_ERRORS = 10
_NUMBER = re.compile(r"[-−]?\d[\d.,'’\u00a0\u202f ]*")

Kind = Literal["object", "array", "text", "number", "integer", "boolean"]

# Run in the page: what stands where the plan says, as texts in JSON; where that is too long, how long it is at least.
READ = """
(root, plan, items, most) => {
  const READ_ENOUGH = {};
  let chars = 0;
  const counted = text => {
    chars += 1 + (text === null ? 4 : String(text).length);
    if (chars > most) throw READ_ENOUGH;
    return text;
  };
  const valueOf = (element, plan) => {
    if (plan.kind === 'boolean') return plan.attribute ? element.hasAttribute(plan.attribute) : element.checked ?? true;
    if (plan.attribute === 'href' || plan.attribute === 'src') {
      const url = element.getAttribute(plan.attribute);
      try { return url === null ? null : new URL(url, document.baseURI).href; } catch { return url; }
    }
    if (plan.attribute) return element.getAttribute(plan.attribute);
    const text = element.matches('input, select, textarea') ? element.value : element.innerText ?? element.textContent;
    return text === null ? null : String(text).trim();
  };
  const read = (node, plan) => {
    if (plan.kind === 'array')
      return [...node.querySelectorAll(plan.selector)].slice(0, items).map(each => read(each, plan.item));
    const found = plan.selector ? node.querySelector(plan.selector) : node;
    if (!found) return counted(plan.kind === 'boolean' ? false : null);
    if (plan.kind === 'object')
      return Object.fromEntries(Object.entries(plan.members).map(([name, each]) => [name, read(found, each)]));
    return counted(valueOf(found, plan));
  };
  try {
    const text = JSON.stringify(read(root, plan));
    return text.length > most ? text.length : text;
  } catch (error) {
    if (error === READ_ENOUGH) return chars;
    throw error;
  }
}
"""


class Plan(Struct, frozen=True, omit_defaults=True):
    """What to read: a value, the members of an object, or each item of an array."""

    kind: Kind
    selector: str = ""
    attribute: str = ""
    members: dict[str, Plan] = field(default_factory=dict)
    item: Plan | None = None
    nullable: bool = False


class Extraction:
    """How one schema is read. Raises Failed (`invocation.output_schema_invalid`) where it cannot be."""

    def __init__(self, schema: dict[str, Any]) -> None:
        try:
            # Patterns that take time without end are none there; and nothing is fetched.
            self._validator = jsonschema_rs.validator_for(
                schema, offline=True, pattern_options=jsonschema_rs.RegexOptions()
            )
        except (ValueError, RecursionError) as error:
            _refuse(str(error).partition("\n")[0])
        self.plan = _Planner(schema).of(schema)
        if not _says_where(self.plan):
            _refuse(f"no {SELECTOR} in it says where a value stands")

    @classmethod
    def by(cls, schema: dict[str, Any] | None) -> Extraction:
        """As the class; without a schema there is nothing to read."""
        if schema is None:
            _refuse("there is none")
        return cls(schema)

    def shaped(self, found: Any) -> Any:
        """What was read, as the schema wants it. Raises Failed where that cannot be."""
        value = _shaped(found, self.plan)
        errors = [
            {"path": "/".join(map(str, each.instance_path)), "message": each.message[:500]}
            for each in islice(self._validator.iter_errors(value), _MOST_ERRORS)
        ]
        if errors:
            message = "What the page has does not fit the output schema."
            raise Failed("invocation.output_mismatch", message, {"errors": errors})
        return value


def _refuse(reason: str) -> NoReturn:
    raise Failed(OutputSchemaInvalid.code, f"The output schema cannot be read by: {reason}.")


class _Planner:
    """Goes through one schema."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._parts = 0

    def of(self, schema: Any, depth: int = 0) -> Plan:
        """The plan of a part of the schema."""
        self._parts += 1
        if depth > _DEEPEST or self._parts > _MOST_PARTS:
            _refuse("it is too large, or refers to itself")
        if not isinstance(schema, dict):
            return Plan("text")
        if "$ref" in schema:
            rest = {name: each for name, each in schema.items() if name != "$ref"}
            return self.of(self._referred(schema["$ref"]) | rest, depth + 1)
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return self._chosen(schema, choice, depth)
        types = schema.get("type", "object" if "properties" in schema else "string")
        names = [types] if isinstance(types, str) else types
        nullable = "null" in names
        name: Any = next((each for each in names if each != "null"), "string")
        where = {"selector": schema.get(SELECTOR, ""), "attribute": schema.get(ATTRIBUTE, "")}
        if not all(isinstance(each, str) for each in where.values()):
            _refuse(f"{SELECTOR} and {ATTRIBUTE} are texts")
        if name == "object":
            members = {
                member: self.of(each, depth + 1)
                for member, each in schema.get("properties", {}).items()
            }
            return Plan("object", selector=where["selector"], members=members, nullable=nullable)
        if name == "array":
            return self._of_items(schema, where["selector"], depth)
        kind: Kind = "text" if name == "string" else name
        return Plan(kind, nullable=nullable, **where)

    def _of_items(self, schema: dict[str, Any], selector: str, depth: int) -> Plan:
        items = schema.get("items", {})
        if not selector and isinstance(items, dict):
            selector, items = items.get(SELECTOR, ""), items | {SELECTOR: ""}
        if not selector:
            _refuse(f"an array needs an {SELECTOR}, which its items match")
        return Plan("array", selector=selector, item=self.of(items, depth + 1))

    def _chosen(self, schema: dict[str, Any], choice: str, depth: int) -> Plan:
        """`T or null`, as programs write an optional value: T."""
        others = [each for each in schema[choice] if each != {"type": "null"}]
        rest = {name: each for name, each in schema.items() if name != choice}
        first = others[0] if others and isinstance(others[0], dict) else {}
        plan = self.of(first | rest, depth + 1)
        return Plan(
            plan.kind,
            plan.selector,
            plan.attribute,
            plan.members,
            plan.item,
            nullable=plan.nullable or len(others) < len(schema[choice]),
        )

    def _referred(self, reference: Any) -> dict[str, Any]:
        found: Any = self._root
        for part in str(reference).removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            _refuse(f"{reference} is not in it")
        return found


def _says_where(plan: Plan) -> bool:
    inner = (*plan.members.values(), *([plan.item] if plan.item else []))
    return bool(plan.selector) or any(map(_says_where, inner))


def _shaped(found: Any, plan: Plan) -> Any:
    if found is None:
        return None
    if plan.kind == "object":
        members = {
            name: _shaped(found.get(name) if isinstance(found, dict) else None, each)
            for name, each in plan.members.items()
        }
        return {
            name: value
            for name, value in members.items()
            if value is not None or plan.members[name].nullable
        }
    if plan.kind == "array":
        item = plan.item
        assert item is not None
        return [_shaped(each, item) for each in found] if isinstance(found, list) else []
    if plan.kind in ("number", "integer"):
        return _number(str(found), whole=plan.kind == "integer")
    return found


def _number(text: str, *, whole: bool) -> int | float | str | None:
    """The first number in a text, as people write them: `$1,234.50`, `1.234,50 €`. The text itself where none is."""
    found = _NUMBER.search(text)
    if found is None:
        return text or None
    digits = re.sub(r"['’\u00a0\u202f ]", "", found[0]).replace("−", "-").rstrip(".,")
    if "," in digits and "." in digits:
        thousands = "," if digits.rfind(".") > digits.rfind(",") else "."
        digits = digits.replace(thousands, "").replace(",", ".")
    elif digits.count(",") == 1 and len(digits.partition(",")[2]) != 3:
        digits = digits.replace(",", ".")
    else:
        digits = digits.replace(",", "")
    if digits.count(".") > 1:
        digits = digits.replace(".", "")
    number = float(digits)
    return int(number) if whole and number.is_integer() else number
