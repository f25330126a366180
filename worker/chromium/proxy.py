"""The flags that leave a browser no way but its egress (`worker.egress`), with names unresolved. Pure."""

from __future__ import annotations

HOST = "127.0.0.1"
# All connections of a browser are with its egress: the most that Chromium takes, not its 32.
MOST_CONNECTIONS = 99
LOCAL_STATE: dict[str, object] = {
    "net": {
        "max_connections_per_proxy": MOST_CONNECTIONS,
        "max_connections_per_proxy_for_websocket": MOST_CONNECTIONS,
    }
}


def arguments(port: int) -> list[str]:
    """For an egress that listens at that port."""
    return [
        # WebSockets go by what a list calls `socks`, here an HTTP proxy: so they can be told apart.
        f"--proxy-server=http=socks5://{HOST}:{port};https=socks5://{HOST}:{port};socks=http://{HOST}:{port}",
        "--proxy-bypass-list=<-loopback>",  # else loopback would be reached directly
        f"--host-resolver-rules=MAP * ~NOTFOUND,EXCLUDE {HOST}",  # nor does it ask anybody for names
        "--webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",  # as it was called before
    ]
