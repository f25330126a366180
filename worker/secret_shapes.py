"""Secrets that are known by their shape, whatever their name: tokens of well-known makers, private keys. Pure."""

from __future__ import annotations

import re

REDACTED = "[redacted]"

# A text as long as the shortest limit may have been cut (`worker.limits`), in the middle of a token too.
_MAYBE_CUT_CHARS = 1000

_JWT_CHARS = r"[A-Za-z0-9_-]"
_START = (
    rf"(?:(?<!{_JWT_CHARS})|(?<=%[0-9A-Fa-f]{{2}}))"  # of a word, or after a percent-encoded sign
)

# By the literal that each begins with: without it in the text, its pattern is not tried. A page chooses the text,
# so a pattern that goes on and on begins where a word does only.
_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (literal, re.compile(pattern))
    for literal, pattern in (
        ("eyJ", rf"{_START}eyJ{_JWT_CHARS}{{8,}}+(?:\.{_JWT_CHARS}{{8,}}+)(?:\.{_JWT_CHARS}*+)*+"),
        ("AKIA", rf"{_START}AKIA[A-Z0-9]{{16}}(?!{_JWT_CHARS})"),
        ("ASIA", rf"{_START}ASIA[A-Z0-9]{{16}}(?!{_JWT_CHARS})"),
        ("ghp_", r"ghp_[A-Za-z0-9]{20,}+"),
        ("gho_", r"gho_[A-Za-z0-9]{20,}+"),
        ("ghu_", r"ghu_[A-Za-z0-9]{20,}+"),
        ("ghs_", r"ghs_[A-Za-z0-9]{20,}+"),
        ("ghr_", r"ghr_[A-Za-z0-9]{20,}+"),
        ("github_pat_", r"github_pat_[A-Za-z0-9_]{20,}+"),
        ("glpat-", rf"glpat-{_JWT_CHARS}{{16,}}+"),
        ("npm_", r"npm_[A-Za-z0-9]{30,}+"),
        ("xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,}+"),
        ("hooks.slack.com/services/", r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]++"),
        ("k_live_", r"[prs]k_live_[A-Za-z0-9]{10,}+"),
        ("k_test_", r"[prs]k_test_[A-Za-z0-9]{10,}+"),
        ("whsec_", r"whsec_[A-Za-z0-9+/=]{16,}+"),
        ("sk-", rf"{_START}sk-(?=[A-Za-z_-]*+[0-9]){_JWT_CHARS}{{20,}}+"),
        ("AIza", rf"{_START}AIza{_JWT_CHARS}{{30,}}+"),
        ("ya29.", rf"{_START}ya29\.{_JWT_CHARS}{{16,}}+"),
        ("GOCSPX-", rf"GOCSPX-{_JWT_CHARS}{{16,}}+"),
        ("SG.", rf"{_START}SG\.{_JWT_CHARS}{{16,}}+\.{_JWT_CHARS}{{16,}}+"),
        ("rr_", rf"{_START}rr_{_JWT_CHARS}{{32,64}}+"),  # our own API key
        ("/cdp/", r"(?<=/cdp/)[0-9a-f-]{36}(?:/[0-9a-f-]{36})?/[0-9a-f]{72}"),  # our own ways in
        ("-----BEGIN", r"(?s:-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}KEY-----|\Z))"),
    )
)  # fmt: skip
# Half of them have a sign that half of the texts have not: that is one look instead of ten.
_UNDERSCORED = tuple(shape for shape in _SHAPES if "_" in shape[0])
_HYPHENED = tuple(shape for shape in _SHAPES if "-" in shape[0])
_OTHERS = tuple(shape for shape in _SHAPES if not {"_", "-"} & {*shape[0]})
_CUT_JWT = re.compile(rf"{_START}eyJ{_JWT_CHARS}++(?:\.{_JWT_CHARS}*+)*+\Z")


def redact_shapes(text: str) -> str:
    """The text without what is a secret by its shape."""
    shapes = _OTHERS
    if "_" in text:
        shapes += _UNDERSCORED
    if "-" in text:
        shapes += _HYPHENED
    for literal, pattern in shapes:
        if literal in text:
            text = pattern.sub(REDACTED, text)
    if len(text) >= _MAYBE_CUT_CHARS and "eyJ" in text:
        text = _CUT_JWT.sub(REDACTED, text)
    return text
