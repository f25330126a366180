"""What answers to calls of the tap hold, of that what it looks at."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from worker.translate.navigations import Frame
from worker.translate.target import TargetInfoChanged


class _Answer(Struct):
    """The answer to a call of ours; an error has no result."""

    id: int
    result: Raw = Raw()


class _Tree(Struct):
    """`Page.FrameTree`: its top."""

    frame: Frame


class _FrameTree(Struct, rename="camel"):
    """The answer to `Page.getFrameTree`."""

    frame_tree: _Tree


class _Aimed(Struct, rename="camel"):
    """Parameters that name a target."""

    target_id: str


aimed = msgspec.json.Decoder(_Aimed)
answer = msgspec.json.Decoder(_Answer)
info = msgspec.json.Decoder(TargetInfoChanged)
tree = msgspec.json.Decoder(_FrameTree)
