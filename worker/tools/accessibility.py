"""A page as assistive technology has it, without what stands in its password fields: Playwright writes those out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from worker.secret_shapes import REDACTED

if TYPE_CHECKING:
    from playwright.async_api import Locator

# Also in open shadow roots, where Playwright's snapshot looks, too; not in frames, where neither does.
_PASSWORDS = """
root => {
  const found = [];
  const look = node => {
    if (node instanceof HTMLInputElement && node.type === 'password') found.push(node.value);
    if (node.shadowRoot) look(node.shadowRoot);
    for (const child of node.children ?? []) look(child);
  };
  look(root);
  return found;
}
"""


async def snapshot(root: Locator, timeout_ms: float) -> str:
    """What is in an element, in YAML. Raises what Playwright does."""
    text: str = await root.aria_snapshot(timeout=timeout_ms)
    return without(text, await root.evaluate(_PASSWORDS, timeout=timeout_ms))


def without(text: str, passwords: Iterable[str]) -> str:
    """A snapshot in which no field has one of these as its value, as it is or quoted. Pure."""
    for password in passwords:
        plain = " ".join(password.split())  # as a snapshot has it
        for written in {password, plain, json.dumps(password), json.dumps(plain)} - {"", '""'}:
            value = re.compile(rf"(?m)^(\s*- .*: ){re.escape(written)}$")
            text = value.sub(rf"\g<1>{REDACTED}", text)
    return text
