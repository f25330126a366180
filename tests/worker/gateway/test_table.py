from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.gateway.area import Area
from worker.gateway.policy import PASS, Call, CloseClient, Lead, Refuse, Rewrite, Verdict
from worker.gateway.table import DOMAINS, TABLE, verdict
from worker.gateway.table.domain import Domain, table_of

AREA = Area(Path("/run/downloads"))


def call(method: str, params: bytes = b"{}") -> Call:
    return Call(id=1, method=method, params=msgspec.Raw(params))


def judged(method: str, area: Area = AREA, **params: Any) -> Verdict:
    return verdict(call(method, msgspec.json.encode(params)), area)


def refusal(decision: Verdict) -> Refuse:
    assert isinstance(decision, Refuse), decision
    return decision


@pytest.mark.parametrize("method", ["Page.reload", "Runtime.evaluate", "Target.getTargets"])
def test_most_pass_as_they_are(method: str) -> None:
    assert verdict(call(method), AREA) is PASS


@pytest.mark.parametrize(
    "method", ["", ".", "browser.close", "Browser.Close", "Page.navigate ", "Made.up", "Page"]
)
def test_what_is_not_in_the_table_is_refused(method: str) -> None:
    decision = refusal(verdict(call(method), AREA))
    assert (decision.code, decision.kind) == (-32601, "unknown")


ROWS = [(method, row) for method, row in TABLE.items() if isinstance(row, Refuse)]


@pytest.mark.parametrize(("method", "row"), ROWS, ids=[method for method, _ in ROWS])
def test_what_is_refused_is_refused_with_a_sentence(method: str, row: Refuse) -> None:
    decision = refusal(verdict(call(method, b'{"path":"/x"}'), AREA))
    assert decision.code == -32000
    assert decision.reason.startswith(f"Runreel refuses {method}: ")
    assert decision.reason.endswith(".")


@pytest.mark.parametrize(
    "method",
    [
        "Browser.crash",
        "Browser.crashGpuProcess",
        "Page.crash",
        "Target.sendMessageToTarget",
        "Target.exposeDevToolsProtocol",
        "Target.openDevTools",
        "Target.setRemoteLocations",
        "Extensions.loadUnpacked",
        "Tethering.bind",
        "DOM.getFileInfo",
        "SystemInfo.getInfo",
        "Browser.getHistograms",
        "Memory.getBrowserSamplingProfile",
        "Browser.getBrowserCommandLine",
        "PWA.install",
        "Cast.enable",
        "Page.addCompilationCache",
        "Emulation.setDisplayFeaturesOverride",
        "Tracing.requestMemoryDump",
    ],
)
def test_these_are_refused(method: str) -> None:
    refusal(verdict(call(method), AREA))


def test_every_domain_says_why() -> None:
    assert all(domain.why and all(domain.refuses) for domain in DOMAINS)
    assert len({domain.name for domain in DOMAINS}) == len(DOMAINS)


def test_no_method_stands_there_twice() -> None:
    twice = Domain(name="A", why="", passes="b", refuses={"so": "b"})
    with pytest.raises(ValueError, match=r"A\.b"):
        table_of([twice])


def test_browser_close_closes_the_client() -> None:
    assert verdict(call("Browser.close"), AREA) == CloseClient()


# pages


@pytest.mark.parametrize("url", ["http://a.test/", " HTTPS://a.test/", "data:text/html,x"])
def test_a_page_with_a_url_is_made_empty_and_then_led_there(url: str) -> None:
    asked: dict[str, Any] = {"url": url, "newWindow": True, "browserContextId": "C"}
    decision = judged("Target.createTarget", **asked)
    assert decision == Lead(asked | {"url": "about:blank"}, url, for_tab=False)


def test_of_a_page_in_a_tab_the_answer_names_the_tab() -> None:
    decision = judged("Target.createTarget", url="http://a.test/", forTab=True)
    assert isinstance(decision, Lead)
    assert decision.for_tab


@pytest.mark.parametrize("params", [{}, {"url": 7}, {"url": ""}, {"url": "about:blank"}])
def test_a_page_that_goes_nowhere_is_made_as_it_is(params: dict[str, Any]) -> None:
    assert judged("Target.createTarget", **params) == Rewrite(params)


LEADS = pytest.mark.parametrize(
    "method",
    [
        "Target.createTarget",
        "Page.navigate",
        "Network.loadNetworkResource",
        "Fetch.continueRequest",
    ],
)


@LEADS
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "view-source:http://a.test/",
        "chrome://version",
        "devtools://devtools/",
    ],
)
def test_no_call_leads_out_of_the_web(method: str, url: str) -> None:
    refusal(judged(method, url=url, requestId="1", frameId="F"))


@LEADS
def test_of_two_urls_the_one_that_was_judged_goes_on(method: str) -> None:
    params = b'{"url":"file:///x","\\u0075rl":"about:blank"}'
    assert verdict(call(method, params), AREA) == Rewrite({"url": "about:blank"})
    params = b'{"url":"about:blank","\\u0075rl":"file:///x"}'
    refusal(verdict(call(method, params), AREA))


# downloads and files

BEHAVIOR = pytest.mark.parametrize(
    "method", ["Browser.setDownloadBehavior", "Page.setDownloadBehavior"]
)


@BEHAVIOR
@pytest.mark.parametrize(
    ("asked", "done"),
    [
        ({"behavior": "deny"}, {"behavior": "deny"}),
        ({"behavior": "allow"}, {"behavior": "allow", "downloadPath": "/run/downloads"}),
        (
            {"behavior": "allowAndName", "downloadPath": "/etc", "browserContextId": "C"},
            {
                "behavior": "allowAndName",
                "downloadPath": "/run/downloads",
                "browserContextId": "C",
            },
        ),
        (
            {"behavior": "default", "downloadPath": "C:\\"},
            {"behavior": "default", "downloadPath": "/run/downloads"},
        ),
        ({}, {}),
    ],
)
def test_downloads_go_to_our_directory(
    method: str, asked: dict[str, Any], done: dict[str, Any]
) -> None:
    assert judged(method, **asked) == Rewrite(done)


@BEHAVIOR
@given(params=st.binary() | st.sampled_from([b"[]", b"null", b'"x"', b"{", b'{"a":"\xff"}']))
def test_whatever_stands_in_the_parameters_no_other_directory_comes_out(
    method: str, params: bytes
) -> None:
    decision = verdict(call(method, params), AREA)
    if not isinstance(decision, Refuse):
        assert isinstance(decision, Rewrite)
        assert decision.params.get("downloadPath", "/run/downloads") == "/run/downloads"


def test_the_last_of_two_equal_names_does_not_slip_through() -> None:
    params = b'{"downloadPath":"/run/downloads","downloadPath":"/etc","behavior":"allow"}'
    decision = verdict(call("Browser.setDownloadBehavior", params), AREA)
    assert decision == Rewrite({"downloadPath": "/run/downloads", "behavior": "allow"})


@pytest.fixture
def area(tmp_path: Path) -> Area:
    """A run's downloads, with a file in them; beside them is a secret."""
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    (downloads / "ours.txt").write_text("ours")
    (tmp_path / "secret.txt").write_text("secret")
    return Area(downloads)


def files(*names: str, area: Area) -> list[str]:
    return [str(area.downloads / name) for name in names]


FILES = pytest.mark.parametrize("dragged", [False, True])


def with_files(area: Area, dragged: bool, names: Any) -> Verdict:
    if dragged:
        return judged("Input.dispatchDragEvent", area, type="drop", data={"files": names})
    return judged("DOM.setFileInputFiles", area, nodeId=1, files=names)


@FILES
def test_files_of_the_run_are_given(area: Area, dragged: bool) -> None:
    (area.downloads / "link").symlink_to(area.downloads / "ours.txt")
    decision = with_files(area, dragged, files("ours.txt", "link", "x/../ours.txt", area=area))
    assert isinstance(decision, Rewrite)
    given_files = (decision.params["data"] if dragged else decision.params)["files"]
    assert given_files == files("ours.txt", area=area) * 3


@FILES
@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt",
        "/etc/passwd",
        "link",
        "directory/secret.txt",
        "",
        ".",
        "loop",
        "ours.txt\0",
        "nothing",
        "../downloads-of-another/theirs.txt",
    ],
)
def test_other_files_are_not(area: Area, dragged: bool, name: str) -> None:
    (area.downloads / "link").symlink_to(area.downloads.parent / "secret.txt")
    (area.downloads / "directory").symlink_to(area.downloads.parent)
    (area.downloads / "loop").symlink_to(area.downloads / "loop")
    another = area.downloads.parent / "downloads-of-another"
    another.mkdir()
    (another / "theirs.txt").write_text("theirs")
    asked = files("ours.txt", name, area=area)
    assert "none of this run's" in refusal(with_files(area, dragged, asked)).reason


@FILES
@pytest.mark.parametrize("names", ["/etc/passwd", [7], [["/etc/passwd"]], {"0": "/etc/passwd"}])
def test_files_that_are_no_list_of_paths(area: Area, dragged: bool, names: Any) -> None:
    assert refusal(with_files(area, dragged, names)).code == -32602


def test_a_directory_that_is_opened_to_a_run(area: Area) -> None:
    laid = area.downloads.parent
    assert area.found(str(laid / "secret.txt")) is None
    area.open(laid)
    assert area.found(str(laid / "secret.txt")) == str(laid / "secret.txt")


def test_addresses_that_are_dragged() -> None:
    def dragged(kind: str, data: str) -> Verdict:
        items = [{"mimeType": kind, "data": data}]
        return judged("Input.dispatchDragEvent", data={"items": items, "dragOperationsMask": 1})

    assert isinstance(dragged("text/uri-list", "# no\r\nhttp://a.test/\r\n"), Rewrite)
    assert isinstance(dragged("text/plain", "file:///x"), Rewrite)
    refusal(dragged("text/uri-list", "http://a.test/\nfile:///x"))
    refusal(dragged("Text/URI-List", "\tfile:///x"))


@pytest.mark.parametrize(
    ("params", "passes"),
    [
        ({}, True),
        (
            {"selectionStart": 1, "selectionEnd": 1, "replacementStart": 0, "replacementEnd": 3},
            True,
        ),
        ({"selectionStart": 2, "selectionEnd": 1}, False),
        ({"replacementStart": -1, "replacementEnd": 1}, False),
        ({"replacementStart": 0, "replacementEnd": 2**31 - 1}, False),
        ({"selectionStart": "0", "selectionEnd": 1}, False),
    ],
)
def test_what_chromium_ends_on_is_refused(params: dict[str, Any], passes: bool) -> None:
    decision = judged("Input.imeSetComposition", text="abc", **params)
    assert isinstance(decision, Rewrite if passes else Refuse)


# sessions and contexts


def test_sessions_are_flat() -> None:
    for flatten in ({}, {"flatten": False}, {"flatten": "true"}, {"flatten": 1}):
        refusal(judged("Target.attachToTarget", targetId="T", autoAttach=False, **flatten))
        refusal(judged("Target.setAutoAttach", autoAttach=True, **flatten))
    flat: dict[str, Any] = {"targetId": "T", "flatten": True}
    assert judged("Target.attachToTarget", **flat) == Rewrite(flat)
    assert isinstance(judged("Target.setAutoAttach", autoAttach=False), Rewrite)


@pytest.mark.parametrize(
    "more",
    [
        {"proxyServer": "socks5://127.0.0.1:1"},
        {"proxyBypassList": "<-loopback>"},
        {"originsWithUniversalNetworkAccess": ["http://a.test"]},
        {"proxyServer": None},
    ],
)
def test_a_context_has_the_network_of_its_run(more: dict[str, Any]) -> None:
    refusal(judged("Target.createBrowserContext", disposeOnDetach=True, **more))
    plain: dict[str, Any] = {"disposeOnDetach": True}
    assert judged("Target.createBrowserContext", **plain) == Rewrite(plain)


def test_a_trace_is_of_the_browser() -> None:
    assert isinstance(judged("Tracing.start", transferMode="ReturnAsStream"), Rewrite)
    refusal(judged("Tracing.start", perfettoConfig="AAAA"))
    refusal(judged("Tracing.start", tracingBackend="system"))


JUDGED = [method for method, row in TABLE.items() if callable(row) and method != "Browser.close"]


@pytest.mark.parametrize("method", JUDGED)
@pytest.mark.parametrize("params", [b"[]", b'"x"', b"7", b"{", b'{"a":"\xff"}', b"[{}]"])
def test_parameters_that_are_no_object_go_nowhere(method: str, params: bytes) -> None:
    assert refusal(verdict(call(method, params), AREA)).code == -32602
