"""Outcomes of checks, and the server that they are about."""

import enum
from typing import NamedTuple
from urllib.parse import urlsplit

from poker_signal.emulator.client.connection import Tickets


class Health(enum.StrEnum):
    """The outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    """Fine for some clients or not checked; the exit code stays 0."""
    WRONG = "wrong"


class Checked(NamedTuple):
    """The outcome of one check."""

    name: str
    health: Health
    words: str
    """One sentence."""
    then: str
    """The command or change that mends it; empty if there is nothing to do."""


def ok(name: str, words: str, then: str = "") -> Checked:
    """Return the outcome of a check that found nothing wrong."""
    return Checked(name, Health.OK, words, then)


def warning(name: str, words: str, then: str) -> Checked:
    """Return the outcome of a check that was not possible, or that some clients suffer from."""
    return Checked(name, Health.WARNING, words, then)


def wrong(name: str, words: str, then: str) -> Checked:
    """Return the outcome of a check that found a fault."""
    return Checked(name, Health.WRONG, words, then)


class Examined(NamedTuple):
    """The server to examine."""

    url: str
    tickets: Tickets | None
    timeout_s: float

    @property
    def host(self) -> str:
        """The host in the URL, in lower case."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_tls(self) -> bool:
        """True for wss://."""
        return urlsplit(self.url).scheme == "wss"

    @property
    def port(self) -> int:
        """The port in the URL, or the scheme's own."""
        return urlsplit(self.url).port or (443 if self.is_tls else 80)

    @property
    def stage(self) -> str:
        """The path in the URL without slashes; empty if there is none."""
        return urlsplit(self.url).path.strip("/")
