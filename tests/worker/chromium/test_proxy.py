from __future__ import annotations

from worker.chromium.proxy import arguments


def test_all_leads_to_the_egress_loopback_too_and_names_stay_names() -> None:
    server, bypass, names, *_ = arguments(4711)
    assert server.count("127.0.0.1:4711") == 3
    assert "socks=http://" in server  # WebSockets, told apart by their protocol
    assert bypass == "--proxy-bypass-list=<-loopback>"
    assert names == "--host-resolver-rules=MAP * ~NOTFOUND,EXCLUDE 127.0.0.1"
