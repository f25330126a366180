"""A new key, shown once: to a person with what to do with it, to a pipe as the secret alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from rich.console import Console
from rich.text import Text

from deploy.keys import listing
from deploy.ops import look
from deploy.ops.frame import Reply
from deploy.terminal_text import clean
from schemas.resources import ApiKey, MadeApiKey
from schemas.settings import variable


def tell(reply: Reply, made: MadeApiKey, spaces: Mapping[str, str], old: ApiKey | None) -> None:
    """On a pipe nothing but the secret goes to stdout: `runreel keys create ci > ci.key`."""
    if reply.as_json or reply.console.is_terminal:
        reply.answer(made, partial(_show, made, spaces, old))
    else:
        reply.console.file.write(made.secret + "\n")
        _say(made, spaces, old, reply.progress)


def _show(
    made: MadeApiKey, spaces: Mapping[str, str], old: ApiKey | None, console: Console
) -> None:
    _say(made, spaces, old, console)
    console.print()
    console.print(Text(f"  {made.secret}", "bold cyan"), soft_wrap=True)
    console.print()
    hint = f"It is shown this once: only a hash of it is kept. Clients take it from {variable('api_key')}."
    look.sentence(console, "notice", "Put it away now.", hint)


def _say(made: MadeApiKey, spaces: Mapping[str, str], old: ApiKey | None, console: Console) -> None:
    now_ms = time.time() * 1000
    where = "in all spaces" if made.space_id is None else f"in {listing.space(made, spaces)}"
    until = "" if made.expires_at is None else f", ends {listing.ends(made, now_ms)}"
    message = f"The key {clean(made.name)} may {listing.may(made)} {where}{until}."
    look.sentence(console, "fine", message, f"Its id is {made.id}.")
    if old is not None:
        is_over = old.status != "active"
        tells = "opens nothing any more" if is_over else f"ends {listing.ends(old, now_ms)}"
        look.sentence(console, "unknown", f"The old one, {old.id}, {tells}.")
