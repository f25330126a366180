"""What a server saw: the truth that a record is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(slots=True)
class Access:
    """One request. The line is there once its head has arrived, and is filled in while it is answered.

    `arrived_ns` is `time.time_ns()` when the whole head had been read. `sent_bytes` is all that was written:
    `head_bytes`, body, framing. `content_bytes` is the body as a page gets it: decoded, without framing.
    """

    arrived_ns: int
    method: str
    url: str
    referer: str = ""
    received_body_bytes: int = 0
    status: int | None = None  # None: broken off before a status was sent
    head_bytes: int = 0
    sent_bytes: int = 0
    content_bytes: int = 0
    finished: bool = False

    def belongs_to(self, path: str) -> bool:
        """Whether it is below that path, or the favicon of a page that is."""
        own = urlsplit(self.url).path
        return (urlsplit(self.referer).path if own == "/favicon.ico" else own).startswith(path)
