"""Names that pages and clients give to files, made safe to be a file's name anywhere. Pure."""

from __future__ import annotations

import re
import unicodedata

LIMIT_BYTES = 255
# Of a name that is too long, this much of its end is its extension at most.
SUFFIX_BYTES = 32
FALLBACK = "file"

# What Windows takes for a device, with any extension, in any case.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
# Separators of any system, and what shells, Windows or HTTP headers read otherwise.
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f%;]')
# Categories of characters that show nothing, or change how others are shown: controls, formats (bidi, zero width),
# surrogates, private use, unassigned, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe_name(given: str, fallback: str = FALLBACK) -> str:
    """At most 255 bytes, one path segment, nothing that is not seen; its extension stays where it has one."""
    # What looks like a slash, a dot or a colon becomes that, before those are looked for.
    plain = unicodedata.normalize("NFKC", given.encode("utf-8", "ignore").decode())
    segment = re.split(r"[/\\]", plain.rstrip("/\\ "))[-1] if plain.strip("/\\ .") else ""
    seen = "".join(" " if char.isspace() else char for char in segment if _is_seen(char))
    name = _FORBIDDEN.sub("_", re.sub(r"[\u2024\u2215\u2044\u29f8\ufe68]", "_", seen))
    name = re.sub(r" {2,}", " ", name).strip(" .")
    if not name:
        return fallback
    if _DEVICE.fullmatch(name.partition(".")[0].strip()):
        name = f"_{name}"
    return _within(name)


def numbered(name: str, number: int) -> str:
    """The name of another of the same name: `report (2).csv`."""
    stem, dot, suffix = _split(name)
    mark = f" ({number})"
    return _cut(stem, LIMIT_BYTES - len((mark + dot + suffix).encode())) + mark + dot + suffix


def _is_seen(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) not in _UNSEEN


def _within(name: str) -> str:
    stem, dot, suffix = _split(name)
    return _cut(stem, LIMIT_BYTES - len((dot + suffix).encode())) + dot + suffix


def _split(name: str) -> tuple[str, str, str]:
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > SUFFIX_BYTES:
        return name, "", ""
    return stem, dot, suffix


def _cut(text: str, limit_bytes: int) -> str:
    """Whole characters, and no blank or dot at the end."""
    encoded = text.encode()
    if len(encoded) <= limit_bytes:
        return text
    return encoded[:limit_bytes].decode("utf-8", "ignore").rstrip(" .")
