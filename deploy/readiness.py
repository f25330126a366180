"""Waiting until a process works: ask until it answers, gives up, or is too late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from deploy.supervisor import Keeper
from schemas.problems import CannotStart

ASK_EVERY_S = 0.05
LIMIT_S = 60.0

Probe = Callable[[], Awaitable[str]]  # the empty string: it works; else why not


async def until_ready(keeper: Keeper, probe: Probe, *, limit_s: float = LIMIT_S) -> None:
    """Wait until `probe` has no objection. Raises CannotStart when that will not be."""
    answering = asyncio.create_task(_ask(probe))
    giving_up = asyncio.create_task(keeper.give_up())
    tasks: set[asyncio.Task[Any]] = {answering, giving_up}
    try:
        await asyncio.wait(tasks, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            answering.result()
        elif giving_up.done():
            giving_up.result()
        else:
            raise _too_slow(keeper, await probe(), limit_s)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    keeper.is_ready()


async def _ask(probe: Probe) -> None:
    while await probe():  # noqa: ASYNC110  # another process: there is no event to wait for
        await asyncio.sleep(ASK_EVERY_S)


def _too_slow(keeper: Keeper, reason: str, limit_s: float) -> CannotStart:
    because = f": {reason.rstrip('.')}" if reason else ""
    return CannotStart(
        f"The {keeper.program.name} was not ready within {limit_s:.0f} s{because}.",
        f"Its log says more: {keeper.program.log}",
    )


async def http_objection(client: httpx.AsyncClient, path: str) -> str:
    """Why `path` does not answer 200, in the server's words where it has some; empty when it
    does.
    """
    try:
        answer = await client.get(path)
    except httpx.HTTPError as error:
        return f"it does not answer ({type(error).__name__})"
    return "" if answer.status_code == httpx.codes.OK else _reason(answer)


async def worker_objection(client: httpx.AsyncClient) -> str:
    """Why no worker is there; empty when one is, also while the tables stand still or are behind: that is
    told, and repaired while everything runs.
    """
    try:
        answer = await client.get("/readyz", params={"for": "start"})
    except httpx.HTTPError as error:
        return f"it does not answer ({type(error).__name__})"
    ready = answer.status_code == httpx.codes.OK or _has_worker(answer)
    return "" if ready else _reason(answer)


def _has_worker(answer: httpx.Response) -> bool:
    try:
        return bool(answer.json()["checks"]["workers"])
    except (ValueError, LookupError, TypeError):
        return False


async def missing_walls(client: httpx.AsyncClient) -> str:
    """What does not stand between browsers and this machine, and why; empty when all does, or nobody says."""
    try:
        answer = await client.get("/readyz", params={"for": "start"})
        workers = answer.json()["checks"]["workers"]
        return next(filter(None, map(_missing, workers)), "")
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return ""


def _missing(worker: dict[str, Any]) -> str:
    parts = []
    if not worker["sandbox"]:
        parts.append(f"Chromium runs without its own sandbox: {worker['sandboxNote']}.")
    if worker["wall"] != "namespace":
        parts.append(f"Browsers have no jail (wall: {worker['wall']}): {worker['wallNote']}.")
    return " ".join(parts)


def _reason(answer: httpx.Response) -> str:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    said = body.get("reason") or body.get("error") if isinstance(body, dict) else None
    return str(said or f"{answer.url.path} answers {answer.status_code}")
