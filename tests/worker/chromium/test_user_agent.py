from __future__ import annotations

import pytest

from worker.chromium.user_agent import override_of

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "brand", "platform", "version", "mobile"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/140.0.0.0 Safari/537.36",
         ("Google Chrome", "140"), "Windows", "10.0", False),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/139.0.7258.5 Safari/537.36 Edg/139.0.1.2",
         ("Microsoft Edge", "139"), "macOS", "10.15.7", False),
        (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {WEBKIT} Chrome/141.0.0.0 Mobile Safari/537.36",
         ("Google Chrome", "141"), "Android", "14", True),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} HeadlessChrome/156.0.0.0 Safari/537.36",
         ("HeadlessChrome", "156"), "Linux", "", False),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/140.0.0.0 Safari/537.36",
         ("Google Chrome", "140"), "Chrome OS", "14541.0.0", False),
    ],
)  # fmt: skip
def test_client_hints_follow_from_the_user_agent(
    agent: str, brand: tuple[str, str], platform: str, version: str, mobile: bool
) -> None:
    override = override_of(agent)
    hints = override["userAgentMetadata"]
    assert override["userAgent"] == agent
    assert (hints["platform"], hints["platformVersion"]) == (platform, version)
    assert hints["mobile"] is mobile
    assert {"brand": brand[0], "version": brand[1]} in hints["brands"]
    assert "Chromium" in [each["brand"] for each in hints["brands"]]
    assert all(each["version"].count(".") == 3 for each in hints["fullVersionList"])


def test_a_phone_tells_its_model() -> None:
    agent = f"Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/X) {WEBKIT} Chrome/141 Mobile"
    assert override_of(agent)["userAgentMetadata"]["model"] == "Pixel 8"


@pytest.mark.parametrize("agent", ["Reel/1.0", "Mozilla/5.0 (X11; rv:1) Gecko/1 Firefox/1"])
def test_who_is_no_chromium_has_no_client_hints(agent: str) -> None:
    assert override_of(agent) == {"userAgent": agent}
