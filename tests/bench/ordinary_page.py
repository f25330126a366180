"""The demo site with one more page, the size of an ordinary one: 38 requests, about 270 kB, of its own origin."""

from __future__ import annotations

from random import Random
from types import MappingProxyType
from typing import Self

from deploy.site import Site

PATH = "/ordinary.html"
STYLE_SHEETS, SCRIPTS, PICTURES = 3, 6, 28
STYLE_RULES, SCRIPT_BYTES, PICTURE_BYTES = 250, 18_000, 4_500


class OrdinarySite(Site):
    """A Site that also has `PATH`."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._pages.update(_pages())
        return self


def _pages() -> dict[str, bytes]:
    """The page and all it loads, the same bytes each time."""
    random = Random(1)
    names = MappingProxyType(
        {
            "css": [f"/ordinary-{n}.css" for n in range(STYLE_SHEETS)],
            "js": [f"/ordinary-{n}.js" for n in range(SCRIPTS)],
            "svg": [f"/ordinary-{n}.svg" for n in range(PICTURES)],
        }
    )
    pages = {PATH: _document(names["css"], names["js"], names["svg"])}
    pages |= {name: _style_sheet() for name in names["css"]}
    pages |= {name: f"/*{_filler(random, SCRIPT_BYTES)}*/".encode() for name in names["js"]}
    pages |= {name: _picture(number, random) for number, name in enumerate(names["svg"])}
    return pages


def _document(style_sheets: list[str], scripts: list[str], pictures: list[str]) -> bytes:
    parts = ["<!doctype html><meta charset=utf-8><title>An ordinary page</title>"]
    parts += [f"<link rel=stylesheet href={name}>" for name in style_sheets]
    for number, name in enumerate(pictures):
        text = "Every splice was cleaned, every frame was dried. " * 6
        parts.append(
            f"<article class=c{number}><h2>Reel {number}</h2><img src={name}><p>{text}</p></article>"
        )
    parts += [f"<script src={name}></script>" for name in scripts]
    return "\n".join(parts).encode()


def _style_sheet() -> bytes:
    rules = (
        f".c{n} {{ color: #{n * 977 % 4096:03x}; margin: {n % 5}px }}" for n in range(STYLE_RULES)
    )
    return "\n".join(rules).encode()


def _picture(number: int, random: Random) -> bytes:
    square = f'<rect width="64" height="64" fill="#{number * 4099 % 0xFFFFFF:06x}"/>'
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
    return f"{head}{square}<!--{_filler(random, PICTURE_BYTES)}--></svg>".encode()


def _filler(random: Random, count: int) -> str:
    return "".join(random.choices("abcdefghij klmno", k=count))
