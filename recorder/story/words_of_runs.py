"""The words for browsers and clients, for what is loaded and kept, and for what agents say."""

from __future__ import annotations

from recorder.story.saying import Verb, say
from recorder.story.state import Row
from recorder.story.text import (
    MOST_MESSAGE,
    clean,
    client_name,
    counted,
    quoted,
    short_url,
    size,
    within,
)


def _started(row: Row) -> str:
    if row.status == "finished":
        browser = clean(str(row.data.get("browser", ""))).replace("/", " ")
        return f"The browser is ready ({browser})" if browser else "The browser is ready"
    words = say(row, Verb("Starting", "Started", "start"), "the browser")
    why = clean(str(row.about.get("why", "")), MOST_MESSAGE).rstrip(".")
    return why if row.status == "failed" and why.startswith(_NO_START) else words


_NO_START = "The browser could not be started"


def _ended(row: Row) -> str:
    return clean(str(row.data["reason"]), MOST_MESSAGE).rstrip(".")


_USUAL = frozenset({"closed by client", "connection lost", "Browser.close by client"})


def _client(row: Row) -> str:
    name = client_name(str(row.data["by"].get("userAgent", "")))
    if row.status == "started":
        return f"{name} is attached"
    words = f"{name} was attached"
    reason = str(row.data.get("reason", ""))
    if reason and reason not in _USUAL:
        return f"{words}, and had to leave: {within(reason)}"
    return f"{words} until the end" if row.about.get("why") else words


def _connection(row: Row) -> str:
    if row.data.get("revoked"):
        dropped = row.data["dropped"]
        gone = f"; {counted(dropped, 'client')} had to leave" if dropped else ""
        return f"A way into the browser was closed{gone}"
    return f"A way into the browser was made, good until {clean(str(row.data['expiresAt']))}"


def _profile(row: Row) -> str:
    profile = quoted(str(row.data["profile"]))
    if row.data["phase"] == "failed":
        return f"The profile {profile} was not saved: {_NOT_SAVED.get(row.data['code'], '')}"
    if row.data["phase"] == "saved":
        return f"Saved the profile {profile}"
    fresh = "" if row.data["generation"] else ", which is new"
    return f"Opened the profile {profile}{fresh}"


_NOT_SAVED = {
    "not_closed": "the browser ended without closing",
    "lost": "another run has it by now",
    "too_large": "it is too large",
    "unreachable": "the store was out of reach",
}


def _requests(row: Row) -> str:
    data = row.data
    hosts = data["hosts"]
    verb = "Loading" if row.status == "started" else "Loaded"
    failed = f", {data['failed']:,} failed" if data.get("failed") else ""
    first = next(iter(hosts), "")
    whence = first if len(hosts) == 1 else counted(len(hosts), "host")
    return f"{verb} {counted(data['requests'], 'request')} from {whence} ({size(data['bytes'])}){failed}"


def _socket(row: Row) -> str:
    verb = Verb("Talking", "Talked", "talk")
    words = say(row, verb, f"over a WebSocket to {short_url(row.data['url'])}")
    if row.status == "finished" and "bytes" in row.data:
        messages = row.data["messagesSent"] + row.data["messagesReceived"]
        return f"{words} ({counted(messages, 'message')}, {size(row.data['bytes'])})"
    return words


def _download(row: Row) -> str:
    name = clean(str(row.data.get("name") or "")) or "a file"
    if row.status == "started":
        done, total = row.data.get("receivedBytes", 0), row.data.get("totalBytes", 0)
        so_far = f" ({size(done)} of {size(total)})" if done and total else ""
        return f"Downloading {name}{so_far}"
    if row.status == "failed":
        return f"Downloaded {name}, but it was not kept: {within(str(row.about.get('why', '')))}"
    words = say(row, Verb("Downloading", "Downloaded", "download"), name)
    taken = row.data.get("sizeBytes") or row.data.get("receivedBytes")
    return f"{words} ({size(taken)})" if taken and row.status == "finished" else words


def _file(row: Row) -> str:
    return f"Kept the file {clean(row.data['name'])} ({size(row.data['sizeBytes'])})"


def _not_kept(row: Row) -> str:
    return f"The file {clean(row.data['name'])} was not kept: {within(row.data['reason'])}"


def _model(row: Row) -> str:
    data = row.data
    calls = f" in {counted(data['calls'], 'call')}" if data["calls"] > 1 else ""
    tokens = f"{data['inputTokens']:,} tokens in and {data['outputTokens']:,} out"
    return f"Asked the model {clean(data['model'])}{calls}: {tokens}"


def _captcha(row: Row) -> str:
    kind = clean(row.data["kind"], 40)
    provider = f" by {clean(row.data['provider'], 40)}" if row.data.get("provider") else ""
    what = f"a captcha ({kind})" if kind else "a captcha"
    return say(row, Verb("Solving", "Solved", "solve"), f"{what}{provider}")


def _agent(row: Row) -> str:
    words = clean(str(row.data.get("text") or row.data.get("name") or ""), 300)
    return words or clean(str(row.data["type"])).removeprefix("custom.")


def _suppressed(row: Row) -> str:
    data = row.data
    what = f"{counted(data['count'], 'event')} ({data['kind']})"
    return f"{what} were not recorded: {_BOUNDS.get(data['reason'], 'there were too many')}"


_BOUNDS = {
    "rate": "there were more in a second than a run may have",
    "total": "there were more than a run may have",
    "bytes": "the run had taken all the space it may have",
}


def _more(row: Row) -> str:
    return f"{row.data['count']:,} more of {row.data['type']} are not told one by one"


def _late(row: Row) -> str:
    return f"{counted(row.data['count'], 'event')} came after the end"


WORDS = {
    "runtime.started": _started,
    "runtime.ended": _ended,
    "runtime.client": _client,
    "runtime.connection": _connection,
    "runtime.profile": _profile,
    "network.requests": _requests,
    "network.websocket": _socket,
    "file.download": _download,
    "file.created": _file,
    "file.failed": _not_kept,
    "llm.usage": _model,
    "captcha.solve": _captcha,
    "agent.event": _agent,
    "system.suppressed": _suppressed,
    "system.more": _more,
    "system.late": _late,
}
