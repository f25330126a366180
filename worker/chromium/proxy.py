"""How a browser reaches the network: directly, by a proxy, and what it may open WebSockets to. Pure.

Chromium asks no CDP client about WebSockets, so those are refused where it looks for a proxy, by a script (PAC): one
that must not be opened is sent to a proxy that is not there. The script sees a `ws:` URL whole, and of a `wss:` URL
what stands before the path: in an allow-list `wss://a.test/*` lets it be opened, in a block-list it is refused by that.
"""

from __future__ import annotations

import base64
import json
import re

from schemas.runtime_config import NetworkTraffic, RuntimeConfig

_SCHEMES = {"http": "PROXY", "https": "HTTPS", "socks4": "SOCKS", "socks5": "SOCKS5"}
_NOWHERE = "PROXY 127.0.0.1:9"  # the discard port, where nothing listens
_SOCKET_SCHEME = re.compile(
    r"wss?\Z|.*[*?\\]"
)  # what the scheme of a pattern may be for it to fit one
_LONGEST_BYTES = (
    64 * 1024
)  # an argument may have 128 KiB; where all of it does not fit no WebSocket is opened
_SCRIPT = """
function patterns(each) { return each.map(function (one) { return new RegExp(one); }); }
var allowed = patterns(%s), listed = %s, blocked = patterns(%s);
function fits(url, patterns) { return patterns.some(function (one) { return one.test(url); }); }
function FindProxyForURL(url, host) {
  var refused = /^wss?:/.test(url) && (fits(url, blocked) || (listed && !fits(url, allowed)));
  return refused ? %s : %s;
}
"""


def arguments(config: RuntimeConfig) -> list[str]:
    """The flags for it; none where the configuration says nothing of it."""
    traffic = config.network_traffic or NetworkTraffic()
    server = config.proxy.server if config.proxy else ""
    all_blocked = "websocket" in traffic.block_resource_types
    if not (all_blocked or traffic.url_allowlist or traffic.url_blocklist):
        return [f"--proxy-server={server}"] if server else []
    script = _script([] if all_blocked else traffic.url_allowlist, traffic, server)
    if len(script) > _LONGEST_BYTES:
        script = _script([], NetworkTraffic(url_allowlist=["*"]), server)
    encoded = base64.b64encode(script.encode()).decode()
    return [f"--proxy-pac-url=data:application/x-ns-proxy-autoconfig;base64,{encoded}"]


def _script(allowed: list[str], traffic: NetworkTraffic, server: str) -> str:
    is_listed = bool(traffic.url_allowlist) or "websocket" in traffic.block_resource_types
    return _SCRIPT % (
        json.dumps(_expressions(allowed)),
        json.dumps(is_listed),
        json.dumps(_expressions(traffic.url_blocklist)),
        json.dumps(_NOWHERE),
        json.dumps(_way(server)),
    )


def _way(server: str) -> str:
    """How a script names a proxy."""
    scheme, _, address = server.partition("://")
    return f"{_SCHEMES[scheme]} {address}" if server else "DIRECT"


def _expressions(patterns: list[str]) -> list[str]:
    """Those that a WebSocket's URL may fit, as JavaScript reads expressions."""
    return [_expression(each) for each in patterns if _may_fit(each)]


def _may_fit(pattern: str) -> bool:
    scheme, sep, _ = pattern.partition("://")
    return not sep or _SOCKET_SCHEME.match(scheme) is not None


def _expression(pattern: str) -> str:
    parts = re.findall(r"\\.|[^\\]|\\\Z", pattern, re.DOTALL)
    return "^" + "".join(map(_sign, parts)) + "$"


def _sign(part: str) -> str:
    if part == "*":
        return ".*"
    if part == "?":
        return "."
    sign = part[-1]
    return sign if sign.isalnum() else f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else sign
