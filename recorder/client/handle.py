"""What every handle is: a resource as the recorder told it last, and the way to ask for more."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from .transport import Transport


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=_Identified)


class Handle(Generic[R]):
    """One thing. `resource` is what the recorder said of it last."""

    def __init__(self, transport: Transport, resource: R) -> None:
        self._transport = transport
        self.resource = resource

    @property
    def id(self) -> str:
        """Its id."""
        return self.resource.id
