from __future__ import annotations

import pytest
from uuid_utils import uuid7

from schemas.tokens import connect_url, connection_url
from worker.redact import redact_headers, redact_text, redact_url
from worker.secret_shapes import REDACTED

# Each of the shape that its maker gives it, and of no worth.
SHAPED = {
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "jwt without a signature": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    "jwe": "eyJhbGciOiJSU0EifQ.OKOawDo13gRp2ojaHV7LFpZc.48V1_ALb6US04U3b.5eym8TW_c8SuK0lt.XFBoMYUZodet",
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "github": "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "github fine": "github_pat_" + "11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
    "gitlab": "glpat-" + "abcdefghij0123456789",
    "slack": "xoxb-" + "123456789012-abcdefABCDEF",
    "stripe": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "google": "AIza" + "SyDaGmWKa4JsXZ-HjGw7ISLn_3namBGewQe",
    "google login": "ya29." + "a0AfH6SMBx1234567890abcdef",
    "sendgrid": "SG." + "ngeVfQFYQlKU0ufo8x5d1A" + ".TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr",
    "ours": "rr_" + "abcdefghijklmnopqrstuvwxyz012345",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/=\n-----END RSA PRIVATE KEY-----",
    "half a private key": "-----BEGIN PRIVATE KEY-----\nMIIEow+/=",
}


@pytest.mark.parametrize("shape", SHAPED)
def test_a_secret_of_a_known_shape_goes_wherever_it_stands(shape: str) -> None:
    secret = SHAPED[shape]
    assert redact_text(f"sent {secret}") == f"sent {REDACTED}"
    assert redact_headers({"X-Debug": secret}) == {"X-Debug": REDACTED}
    if "private key" not in shape:
        assert redact_text(f"<{secret}> was sent") == f"<{REDACTED}> was sent"
        assert redact_url(f"https://a.test/b/{secret}/c") == f"https://a.test/b/{REDACTED}/c"
        assert redact_url(f"https://a.test/?x={secret}") == f"https://a.test/?x={REDACTED}"
        assert redact_url(f"https://a.test/?x=y%3D{secret}") == f"https://a.test/?x=y%3D{REDACTED}"


def test_every_way_in_that_we_make_goes() -> None:
    run_id, connection_id = str(uuid7()), str(uuid7())
    for url in (
        connect_url("ws://h:1", "a secret", run_id),
        connection_url("ws://h:1", "a secret", run_id, connection_id),
    ):
        assert redact_url(url) == f"ws://h:1/cdp/{REDACTED}"
        assert redact_text(f"connect to {url}.") == f"connect to ws://h:1/cdp/{REDACTED}."


def test_a_json_web_token_that_was_cut_goes_too() -> None:
    text = "x" * 1000 + " " + SHAPED["jwt"]
    for end in (len(text) - 50, len(text) - 65):
        assert redact_text(text[:end]) == "x" * 1000 + f" {REDACTED}"
