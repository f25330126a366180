"""A body for each action, as /openapi.json shows them."""

from __future__ import annotations

from typing import Any

_ITEMS = {
    "type": "object",
    "properties": {
        "items": {
            "type": "array",
            "x-selector": "li.result",
            "items": {
                "type": "object",
                "properties": {
                    "title": {"type": "string", "x-selector": "h3"},
                    "url": {"type": "string", "x-selector": "a", "x-attribute": "href"},
                },
            },
        }
    },
}

_BODIES: tuple[dict[str, Any], ...] = (
    {"action": "navigate", "url": "https://example.com/", "waitUntil": "domcontentloaded"},
    {"action": "back"},
    {"action": "forward"},
    {"action": "reload", "waitUntil": "networkidle"},
    {"action": "click", "locator": {"role": "button", "name": "Sign in"}},
    {"action": "type", "locator": {"label": "E-mail"}, "text": "me@example.com", "clear": True},
    {"action": "press", "key": "Control+A"},
    {"action": "select", "locator": {"label": "Country"}, "values": ["Norway"]},
    {"action": "hover", "locator": {"text": "Products", "exact": True}},
    {"action": "scroll", "y": 800},
    {"action": "drag", "source": {"testId": "card-1"}, "target": {"testId": "done"}},
    {
        "action": "upload",
        "locator": {"label": "CV"},
        "files": [{"name": "cv.txt", "contentType": "text/plain", "contentBase64": "aGVsbG8="}],
    },
    {"action": "wait_for", "locator": {"css": ".spinner"}, "state": "hidden", "timeoutMs": 5000},
    {"action": "evaluate", "expression": "(n) => document.links.length > n", "arg": 3},
    {"action": "content", "format": "markdown", "locator": {"css": "main"}},
    {"action": "extract", "outputSchema": _ITEMS},
    {"action": "screenshot", "fullPage": True, "name": "the whole page.png"},
    {"action": "pdf", "format": "A4", "printBackground": True},
    {"action": "cookies", "operation": "get", "urls": ["https://example.com/"]},
    {
        "action": "batch",
        "timeoutSeconds": 60,
        "actions": [
            {"action": "navigate", "url": "https://example.com/login"},
            {"action": "type", "locator": {"label": "Name"}, "text": "me"},
            {"action": "click", "locator": {"role": "button", "name": "Go on"}},
        ],
    },
)

EXAMPLES: dict[str, dict[str, Any]] = {body["action"]: body for body in _BODIES}
