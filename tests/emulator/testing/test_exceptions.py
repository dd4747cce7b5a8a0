"""Exceptions for users: one base class, and public names."""

import ast
import pickle
import traceback
from pathlib import Path

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Response

from poker_signal.emulator import testing
from poker_signal.emulator.server import CannotStart, Emulator

ROOT = Path(__file__).parents[3]
INTERNAL = {
    "LimitExceeded",
    "TooManyWait",
    "CallThrottled",
    "BadReport",
    "_Failed",
    "_Refused",
    "_Unresolved",
    "RuntimeFault",
}
"""Exceptions that the caller always catches and replaces by its own message."""


def test_all_exceptions_for_users_have_one_root() -> None:
    """A test can catch all errors of the package by one class, and no others."""
    without = {
        each.name
        for folder in ("core", "lambda_app", "emulator", "cli")
        for file in (ROOT / folder).rglob("*.py")
        for each in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(each, ast.ClassDef)
        and {ast.unparse(base) for base in each.bases}
        & {"Exception", "ValueError", "AssertionError"}
        and not any(ast.unparse(base) == "PokerSignalError" for base in each.bases)
    }
    assert without == {*INTERNAL, "PokerSignalError"}
    assert testing.PokerSignalError.__bases__ == (Exception,)
    assert issubclass(testing.BadOption, ValueError)
    assert issubclass(testing.BadFault, ValueError)


@pytest.mark.parametrize("name", sorted({*testing.__all__} - {"ABSENT"}))
def test_everything_is_called_by_its_public_name(name: str) -> None:
    """A public name belongs to `poker_signal.emulator.testing`, whatever module defines it."""
    value = getattr(testing, name)
    assert (value.__module__, value.__qualname__) == ("poker_signal.emulator.testing", name)
    assert {each.__module__ for each in (Emulator, CannotStart)} == {"poker_signal.emulator.server"}


FRAME = testing.Frame(0, 0.5, "{}", {})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (testing.NotHeard("“join”", 2, [FRAME], ""), "awaited “join” within 2 s; heard {}"),
        (
            testing.Refused("Eve", Response(401, "", Headers(), b"no")),
            "Eve was refused with 401: no",
        ),
        (
            testing.Refused("", Response(400, "", Headers(), b"playerId is missing")),
            "a client without a name was refused with 400: playerId is missing",
        ),
        (
            testing.NeverConnected("Alice", "G", 0.5, ["HOST in G", "Bob in H"]),
            "Alice did not connect to G within 0.5 s; connected: HOST in G, Bob in H",
        ),
        (
            testing.NeverConnected("Alice", "G", 10, []),
            "Alice did not connect to G within 10 s; connected: no player is",
        ),
        *[(kind("why"), "why") for kind in (testing.Ended, testing.BadOption, testing.BadFault)],
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_exception_keeps_its_name_and_words_between_processes(
    error: Exception, said: str
) -> None:
    """Exceptions are pickled by pytest-xdist and concurrent.futures, and printed in tracebacks."""
    assert isinstance(error, testing.PokerSignalError)
    copy = pickle.loads(pickle.dumps(error))
    name = f"poker_signal.emulator.testing.{type(error).__name__}"
    assert traceback.format_exception_only(copy) == [f"{name}: {said}\n"]
