"""The pytest plugin: an emulator per test, peers, virtual time. Documented in docs/testing.md.

Every run of pytest loads this module if poker-signal is installed. So the fixtures import what they
need only when they are used.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from poker_signal.emulator.testing import (
        ConnectPeer,
        SignalClock,
        SignalEmulator,
        SignalFaults,
    )

MARKER = "signal_emulator"

_emulator: pytest.StashKey[SignalEmulator] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(topology=…, idle_timeout_s=…, handler=…): options of the emulator that the "
        "fixture signal_emulator starts",
    )


@pytest.fixture
def signal_clock(request: pytest.FixtureRequest) -> SignalClock:
    """Return the emulator's clock, which stands still until the test calls ``advance(seconds)``."""
    if _emulator in request.node.stash:
        pytest.fail("signal_clock comes too late: make it an argument of the test", pytrace=False)
    from poker_signal.emulator.testing import SignalClock

    return SignalClock()


@pytest.fixture
def signal_emulator(request: pytest.FixtureRequest) -> Generator[SignalEmulator, None, None]:
    """Start a new emulator on a free port; it stops with the test."""
    from poker_signal.core.base_error import PokerSignalError
    from poker_signal.emulator.testing.marker_options import read_options
    from poker_signal.emulator.testing.signal_emulator import SignalEmulator

    clock = None
    if "signal_clock" in request.fixturenames:
        clock = request.getfixturevalue("signal_clock")
    try:
        setup = read_options(_options(request.node), request.config.rootpath)
        emulator = SignalEmulator(setup, clock)
        emulator.start()
    except PokerSignalError as error:
        # From None: pytest would also print the cause, which has the same text.
        raise pytest.fail.Exception(f"@pytest.mark.{MARKER}: {error}", pytrace=False) from None
    request.node.stash[_emulator] = emulator
    yield emulator
    emulator.stop()


@pytest.fixture
def signal_peer(signal_emulator: SignalEmulator) -> ConnectPeer:
    """Return a function that connects players.

    ``alice = await signal_peer("Alice")``
    """
    return signal_emulator.connect


@pytest.fixture
def signal_faults(signal_emulator: SignalEmulator) -> SignalFaults:
    """Return the emulator's fault injection, as in ``signal_faults.add("drop:offer#1")``."""
    return signal_emulator.faults


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Fail a test that passed although one of its faults never struck: it tested nothing."""
    yield
    emulator = item.stash.get(_emulator, None)
    if emulator is not None and (sentences := emulator.never_struck()):
        pytest.fail("\n".join(sentences), pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, None]:
    """Add the transcript to the report of a test that failed."""
    emulator = item.stash.get(_emulator, None)
    is_full = item.config.getoption("fulltrace", False)
    if emulator is not None and call.excinfo is not None and not is_full:
        from poker_signal.emulator.testing.tracebacks import shorten

        shorten(call.excinfo)
    outcome = yield
    report = outcome.get_result()
    if emulator is None:
        return
    if report.failed:
        report.sections.append(("signaling transcript", emulator.transcript()))
    if report.when == "teardown":
        # Nodes live as long as the session; the emulator's trace is no longer needed.
        del item.stash[_emulator]


def _options(node: pytest.Item) -> dict[str, Any]:
    """Return the markers' options; those of the test override those of its class and module."""
    from poker_signal.emulator.testing.marker_options import BadOption

    options: dict[str, Any] = {}
    for marker in node.iter_markers(MARKER):
        if marker.args:
            raise BadOption(f"options need names: {marker.args[0]!r} has none")
        options = {**marker.kwargs, **options}
    return options
