"""An invoice as a PDF of one page, made by hand: it needs no library, and is the same bytes every time."""

from __future__ import annotations

from collections.abc import Sequence

_LEFT, _RIGHT, _TOP, _STEP = 72, 440, 720, 22


def invoice(title: str, lines: Sequence[tuple[str, int]], vat_percent: int) -> bytes:
    """The PDF. `lines` are what and how much (cents, VAT included)."""
    total = sum(cents for _, cents in lines)
    vat = round(total * vat_percent / (100 + vat_percent))
    table = [*lines, ("Together", total), (f"VAT in that, {vat_percent} %", vat)]
    shown = [_text(_LEFT, _TOP, 20, "Reel & Co."), _text(_LEFT, _TOP - _STEP * 2, 14, title)]
    for at, (what, cents) in enumerate(table, start=4):
        y = _TOP - _STEP * at
        shown += [_text(_LEFT, y, 11, what), _text(_RIGHT, y, 11, f"EUR {cents / 100:,.2f}")]
    return _document("\n".join(shown).encode("latin-1"))


def _text(x: int, y: int, size: int, text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /F1 {size} Tf {x} {y} Td ({escaped}) Tj ET"


def _document(content: bytes) -> bytes:
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        b"/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj%s\nendobj\n" % (number, each)
    entries = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, entries)
    trailer = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(body))
    return body + table + trailer
