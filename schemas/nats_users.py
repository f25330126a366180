"""What the name of a NATS user says: its role, where its answers come to, and where JetStream's API is for it.

`recorder` and `ops` share the account that owns the streams. Each worker and each reader of a space has an account of
its own, whose subjects are nobody else's; what it may do is imported there, JetStream's API under a name of ours
(`$JS.API` is the server's own in every account).
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from msgspec import Struct

OWNER_ACCOUNT = "RUNREEL"
RECORDER_USER = "recorder"
OPS_USER = "ops"
WORKER_ROLE = "worker"
READER_ROLE = "reader"

OWN_API = "$JS.API"
IMPORTED_API = "runreel.api"
_INBOX = "_INBOX"
# A server that is gone without a word (its host lost power, a cable was pulled) is noticed by the third ping without an
# answer, after four to six seconds: a worker must have found another one before recorders hold it for lost, at 15.
PING_SECONDS = 2
UNANSWERED_PINGS = 2
# Whatever else somebody's own server calls its users is no part of a subject.
_USER = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


def worker_user(worker_id: str) -> str:
    """The user of a worker, and its account."""
    return f"{WORKER_ROLE}.{worker_id}"


def reader_user(space_id: str) -> str:
    """The user that reads the runs of one space, and its account."""
    return f"{READER_ROLE}.{space_id}"


def reader_consumer(space_id: str) -> str:
    """The durable consumer of RUNS from which it reads: made by an operator, for it may make none."""
    return f"{READER_ROLE}_{space_id}"


def is_reader_consumer(name: str) -> bool:
    """Whether a consumer is that of a reader."""
    return name.startswith(reader_consumer(""))


def inbox_of(user: str) -> str:
    """What the subjects of its answers begin with: nobody else of its account may listen there."""
    return f"{_INBOX}.{user}" if _USER.fullmatch(user) else _INBOX


class NatsAddress(Struct, frozen=True):
    """NATS servers, several with commas, with user and password in it; `ca` is the PEM file of their authority."""

    url: str
    ca: str = ""

    @property
    def servers(self) -> list[str]:
        """A URL each."""
        return self.url.split(",")

    @property
    def shown(self) -> str:
        """The same for people, without passwords."""
        shown = (server.rpartition("@")[2].rpartition("://")[2] for server in self.servers)
        return ",".join(shown)

    @property
    def is_tls(self) -> bool:
        """Whether nothing may be said in the clear."""
        return bool(self.ca) or any(server.startswith("tls://") for server in self.servers)

    @property
    def user(self) -> str:
        """Who we are there; '' where that is not said."""
        return unquote(urlsplit(self.servers[0]).username or "")

    @property
    def inbox(self) -> str:
        """What the subjects of our answers begin with."""
        return inbox_of(self.user)

    @property
    def api(self) -> str:
        """What the subjects of JetStream's API begin with for us."""
        role, dot, _ = self.user.partition(".")
        return IMPORTED_API if dot and role in (WORKER_ROLE, READER_ROLE) else OWN_API


def address_of(nats: NatsAddress | str) -> NatsAddress:
    """Of a URL alone, too."""
    return nats if isinstance(nats, NatsAddress) else NatsAddress(nats)
