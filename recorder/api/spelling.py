"""JSON as it goes out: with nothing in it that a terminal obeys or that reads otherwise than it is. Pure.

Whoever asks with curl reads the body on a terminal. JSON escapes C0 by itself; DEL and C1 (`CSI` among them), bidi
overrides, zero widths and what many clients take for the end of a line it may spell as they are. All of these stand
inside strings only, where an escape means the same, so nothing is lost.
"""

from __future__ import annotations

import re

# In UTF-8: DEL; U+0080–9F; U+061C; U+200B–F, U+2028–E; U+2060–F; U+FEFF; U+E0000–7F.
_OBEYED = re.compile(
    rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf"
    rb"|\xf3\xa0[\x80\x81][\x80-\xbf]"
)


def spelled(json: bytes) -> bytes:
    """The same JSON, safe to be shown."""
    if json.isascii() and b"\x7f" not in json:
        return json
    return _OBEYED.sub(_escaped, json)


def _escaped(found: re.Match[bytes]) -> bytes:
    units = found.group().decode().encode("utf-16-be")
    pairs = (units[at : at + 2] for at in range(0, len(units), 2))
    return b"".join(b"\\u%02x%02x" % tuple(pair) for pair in pairs)
