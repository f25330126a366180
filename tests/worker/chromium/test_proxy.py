from __future__ import annotations

import base64
from typing import Any

import pytest
from msgspec import UNSET

from schemas.runtime_config import NetworkTraffic, RuntimeConfig, SealedProxy
from worker.chromium.proxy import arguments


def config(server: str = "", **traffic: Any) -> RuntimeConfig:
    proxy = SealedProxy(server=server) if server else UNSET
    return RuntimeConfig(network_traffic=NetworkTraffic(**traffic), proxy=proxy)


def script(given: RuntimeConfig) -> str:
    [argument] = arguments(given)
    head, _, body = argument.partition(",")
    assert head == "--proxy-pac-url=data:application/x-ns-proxy-autoconfig;base64"
    return base64.b64decode(body).decode()


def test_without_a_word_of_it_there_is_none() -> None:
    assert arguments(RuntimeConfig()) == []
    assert arguments(config(block_resource_types=["image"])) == []


def test_a_proxy_alone_needs_no_script() -> None:
    assert arguments(config("http://proxy.test:3128")) == ["--proxy-server=http://proxy.test:3128"]


@pytest.mark.parametrize(
    ("server", "way"),
    [
        ("", "DIRECT"),
        ("http://p.test:1", "PROXY p.test:1"),
        ("https://p.test:1", "HTTPS p.test:1"),
        ("socks4://p.test:1", "SOCKS p.test:1"),
        ("socks5://[::1]:1", "SOCKS5 [::1]:1"),
    ],
)
def test_a_script_knows_the_way(server: str, way: str) -> None:
    assert f'"PROXY 127.0.0.1:9" : "{way}"' in script(config(server, url_blocklist=["*"]))


def test_it_has_the_patterns_that_websockets_may_fit() -> None:
    said = script(config(url_allowlist=["https://a.test/*", "wss://b.test/*", "*://c.test/?"]))
    assert r"c\\u002etest" in said
    assert r"b\\u002etest" in said
    assert r"a\\u002etest" not in said


def test_what_could_end_the_script_is_in_it_as_a_sign() -> None:
    said = script(config(url_blocklist=['*");evil(/*\n\\']))
    assert "evil" in said
    assert '");' not in said.partition("blocked = patterns(")[2].partition(");\n")[0]


def test_too_many_patterns_let_no_websocket_through() -> None:
    said = script(config(url_blocklist=[f"*{'x' * 2000}{each}" for each in range(100)]))
    assert len(said) < 2000
    assert "patterns([]), listed = true" in said
