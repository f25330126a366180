from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.gateway.policy import PASS, Call, CloseClient, Lead, Rewrite, verdict

DOWNLOADS = Path("/run/downloads")


def call(method: str, params: bytes = b"{}") -> Call:
    return Call(id=1, method=method, params=msgspec.Raw(params))


@pytest.mark.parametrize("method", ["Page.navigate", "Target.createTarget", "browser.close", ""])
def test_what_no_rule_is_about_passes(method: str) -> None:
    assert verdict(call(method), DOWNLOADS) is PASS


def test_browser_close_closes_the_client() -> None:
    assert verdict(call("Browser.close"), DOWNLOADS) == CloseClient()


@pytest.mark.parametrize(
    "url", ["http://a.test/", " HTTPS://a.test/", "data:text/html,x", "file:///x"]
)
def test_a_page_with_a_url_is_made_empty_and_then_led_there(url: str) -> None:
    asked = {"url": url, "newWindow": True, "browserContextId": "C"}
    decision = verdict(call("Target.createTarget", msgspec.json.encode(asked)), DOWNLOADS)
    assert decision == Lead(asked | {"url": "about:blank"}, url, for_tab=False)


def test_of_a_page_in_a_tab_the_answer_names_the_tab() -> None:
    asked = msgspec.json.encode({"url": "http://a.test/", "forTab": True})
    decision = verdict(call("Target.createTarget", asked), DOWNLOADS)
    assert isinstance(decision, Lead)
    assert decision.for_tab


@pytest.mark.parametrize(
    "params", [b"{}", b"[]", b"{", b'{"url":7}', b'{"url":""}', b'{"url":"about:blank"}']
)
def test_a_page_that_goes_nowhere_passes(params: bytes) -> None:
    assert verdict(call("Target.createTarget", params), DOWNLOADS) is PASS


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
    assert verdict(call(method, msgspec.json.encode(asked)), DOWNLOADS) == Rewrite(done)


@BEHAVIOR
@given(params=st.binary() | st.sampled_from([b"[]", b"null", b'"x"', b"{", b'{"a":"\xff"}']))
def test_whatever_stands_in_the_parameters_no_other_directory_comes_out(
    method: str, params: bytes
) -> None:
    decision = verdict(call(method, params), DOWNLOADS)
    assert isinstance(decision, Rewrite)
    assert decision.params.get("downloadPath", "/run/downloads") == "/run/downloads"


def test_the_last_of_two_equal_names_does_not_slip_through() -> None:
    params = b'{"downloadPath":"/run/downloads","downloadPath":"/etc","behavior":"allow"}'
    decision = verdict(call("Browser.setDownloadBehavior", params), DOWNLOADS)
    assert decision == Rewrite({"downloadPath": "/run/downloads", "behavior": "allow"})
