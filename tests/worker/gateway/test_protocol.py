"""The table beside the protocol as the browser itself describes it, so that a new Chromium shows what is new in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.support.escapes.plain import plain_chromium
from worker.gateway.table import TABLE

NODE = Path(__file__).parents[2] / "e2e/node/node_modules/devtools-protocol/json"


OF_THE_TABLE = "156"


class Described(NamedTuple):
    """What the installed Chromium says it is, and the methods that it says it has."""

    version: str
    methods: set[str]


@pytest.fixture(scope="module")
async def described(tmp_path_factory: pytest.TempPathFactory) -> Described:
    directory = tmp_path_factory.mktemp("protocol")
    async with plain_chromium(directory / "browser", directory) as plain:
        url = f"http://127.0.0.1:{plain.port}/json"
        async with httpx.AsyncClient() as http:
            version = (await http.get(f"{url}/version")).json()["Browser"]
            protocol = (await http.get(f"{url}/protocol")).json()
    return Described(version.partition("/")[2], methods_in(protocol))


def methods_in(protocol: dict[str, Any]) -> set[str]:
    return {
        f"{domain['domain']}.{command['name']}"
        for domain in protocol["domains"]
        for command in domain.get("commands", ())
    }


@pytest.mark.browser
async def test_each_method_of_this_chromium_has_its_row(described: Described) -> None:
    assert not described.methods - TABLE.keys(), (
        "Chromium has methods that the table does not know. Until each has a row, it is refused. What to ask: does it"
        " take a path, a URL or a port, does it tell of the host, does it act on the whole browser?"
    )


@pytest.mark.browser
async def test_no_row_is_about_what_is_gone(described: Described) -> None:
    if not described.version.startswith(f"{OF_THE_TABLE}."):
        pytest.skip(f"the table is of Chromium {OF_THE_TABLE}, and this is {described.version}")
    assert not TABLE.keys() - described.methods, (
        "Rows of the table are about methods that are gone."
    )


@pytest.mark.skipif(not NODE.is_dir(), reason="the node clients of the tests are not installed")
@pytest.mark.parametrize("file", ["browser_protocol.json", "js_protocol.json"])
def test_what_clients_have_types_for_is_known(file: str) -> None:
    """Of the version that Puppeteer was made for: a method that is gone since would be refused to it."""
    assert not methods_in(json.loads((NODE / file).read_text())) - TABLE.keys()
