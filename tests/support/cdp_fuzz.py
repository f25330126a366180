"""CDP messages that nobody should send: made from the protocol's own description, and broken afterwards. Seeded."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

HOSTILE = (
    "", "a", "file:///etc/passwd", "\tfi\nle:///etc/passwd", "view-source:file:///", "chrome://version", "javascript:1",
    "http://127.0.0.1:1/", "/etc/passwd", "../../../etc/passwd", "\0", "\ud800", "\u202e\x1b[31m", "x" * 5000, "*",
    "F" * 32, "-1", "socks5://127.0.0.1:1", "about:blank", "data:text/html,x", "null", "__proto__",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2**31 - 1, 2**31, -(2**31), 2**53, 10**30, 0.5, -1e308, 1e308)
DEPTH = 3  # of what is made for a parameter


class Fuzz:
    """Messages for one client. `names` are those of sessions and targets that are others'."""

    def __init__(self, seed: int, protocol: dict[str, Any], names: list[str]) -> None:
        self._random = random.Random(seed)
        self._commands = [
            (f"{domain['domain']}.{command['name']}", command.get("parameters", []))
            for domain in protocol["domains"]
            for command in domain.get("commands", ())
        ]
        self._types = {
            f"{domain['domain']}.{each['id']}": each
            for domain in protocol["domains"]
            for each in domain.get("types", ())
        }
        self.names = names
        self._breaks: tuple[Callable[[bytes], bytes], ...] = (
            self._cut,
            self._flipped,
            self._doubled,
            self._nested,
            self._renamed,
            lambda message: message + message,
            lambda message: message + b"\0" + message,
            lambda message: message.replace(b'"', b"'"),
            lambda message: b"\xff\xfe" + message,
        )

    def messages(self, count: int, session: str) -> Iterator[bytes]:
        """So many; half of them are whole."""
        for number in range(count):
            message = self._call(number % 2**20 + 2**20, session)
            broken = self._random.random() < 0.5
            yield self._random.choice(self._breaks)(message) if broken else message

    def _call(self, number: int, session: str) -> bytes:
        method, parameters = self._random.choice(self._commands)
        params = {
            each["name"]: self._value(method.partition(".")[0], each, 0)
            for each in parameters
            if not each.get("optional") or self._random.random() < 0.5
        }
        call: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._random.random() < 0.8:
            call["sessionId"] = self._random.choice([session] * 6 + self.names)
        return json.dumps(call).encode("utf-8", "surrogatepass")

    def _value(self, domain: str, described: dict[str, Any], depth: int) -> Any:
        if self._random.random() < 0.15 or depth > DEPTH:
            return self._random.choice((*HOSTILE, *NUMBERS, None, True, [], {}, [[]], {"": {}}))
        if "$ref" in described:
            name = described["$ref"]
            domain, name = name.split(".") if "." in name else (domain, name)
            return self._value(domain, self._types.get(f"{domain}.{name}", {}), depth + 1)
        return self._of_type(domain, described, depth)

    def _of_type(self, domain: str, described: dict[str, Any], depth: int) -> Any:
        match described.get("type"):
            case "string" if "enum" in described:
                return self._random.choice(described["enum"])
            case "integer" | "number":
                return self._random.choice(NUMBERS)
            case "boolean":
                return self._random.random() < 0.5
            case "array":
                item = described.get("items", {})
                return [
                    self._value(domain, item, depth + 1) for _ in range(self._random.randrange(3))
                ]
            case "object":
                return {
                    each["name"]: self._value(domain, each, depth + 1)
                    for each in described.get("properties", ())
                }
            case _:
                return self._random.choice((*HOSTILE, *self.names))

    # how messages are broken

    def _cut(self, message: bytes) -> bytes:
        return message[: self._random.randrange(len(message))]

    def _flipped(self, message: bytes) -> bytes:
        at = self._random.randrange(len(message))
        return message[:at] + bytes([self._random.randrange(256)]) + message[at + 1 :]

    def _doubled(self, message: bytes) -> bytes:
        """A member twice, the second time in escapes or with another value."""
        more = self._random.choice(
            (
                b',"method":"Browser.crash"}',
                b',"m\\u0065thod":"SystemInfo.getInfo"}',
                b',"sessionId":null}',
                b',"params":{"url":"file:///etc/passwd"}}',
                b',"id":1e3}',
            )
        )
        return message.rstrip()[:-1] + more

    def _nested(self, message: bytes) -> bytes:
        depth = self._random.choice((10, 298, 299, 300, 1000, 20000))
        return message.replace(
            b'"params": {', b'"params": {"deep":' + b"[" * depth + b"]" * depth + b",", 1
        )

    def _renamed(self, message: bytes) -> bytes:
        return message.replace(
            b'"method": "',
            self._random.choice((b'"method": "\\u0000', b'"method": "X', b'"Method": "')),
        )
