"""What the emulator tells of what it sees: for people, never a payload."""

from typing import Literal, NamedTuple, Protocol

Kind = Literal["connect", "message", "disconnect", "refused", "management"]


class Record(NamedTuple):
    """One event and its outcome. Names come from peers: escape them before they are shown."""

    at_ms: int
    kind: Kind
    outcome: str
    game: str = ""
    who: str = ""
    whom: str = ""
    type: str = ""
    size: int | None = None
    """Bytes of the message."""


class Observer(Protocol):
    """Who is told."""

    def observe(self, record: Record) -> None:
        """Take a record; do not keep the caller waiting."""


class Nobody:
    """An observer that does not care."""

    def observe(self, record: Record) -> None:
        """Forget the record."""
