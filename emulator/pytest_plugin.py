"""The pytest plugin: an emulator per test, peers, virtual time. Documented in docs/testing.md.

Every pytest of whoever has poker-signal installed loads this module: all that fixtures need is
imported when one is used.
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
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(topology=…, idle_timeout_s=…, handler=…): options of the emulator that the "
        "fixture signal_emulator starts",
    )


@pytest.fixture
def signal_clock(request: pytest.FixtureRequest) -> SignalClock:
    """The emulator's time, which stands still until the test says ``advance(seconds)``."""
    if _emulator in request.node.stash:
        pytest.fail("signal_clock comes too late: make it an argument of the test", pytrace=False)
    from poker_signal.emulator.testing import SignalClock

    return SignalClock()


@pytest.fixture
def signal_emulator(request: pytest.FixtureRequest) -> Generator[SignalEmulator, None, None]:
    """A fresh emulator, on a port of its own, that stops with the test."""
    from poker_signal.emulator.server import CannotStart
    from poker_signal.emulator.testing.marker_options import BadOption, read_options
    from poker_signal.emulator.testing.signal_emulator import SignalEmulator

    clock = None
    if "signal_clock" in request.fixturenames:
        clock = request.getfixturevalue("signal_clock")
    try:
        setup = read_options(_options(request.node), request.config.rootpath)
        emulator = SignalEmulator(setup, clock)
        emulator.start()
    except (BadOption, CannotStart) as error:
        # From None: with what it came from, the line would stand there several times.
        raise pytest.fail.Exception(f"@pytest.mark.{MARKER}: {error}", pytrace=False) from None
    request.node.stash[_emulator] = emulator
    yield emulator
    emulator.stop()


@pytest.fixture
def signal_peer(signal_emulator: SignalEmulator) -> ConnectPeer:
    """What connects players: ``alice = await signal_peer("Alice")``."""
    return signal_emulator.connect


@pytest.fixture
def signal_faults(signal_emulator: SignalEmulator) -> SignalFaults:
    """AWS's faults on purpose: ``signal_faults.add("drop:offer#1")``."""
    return signal_emulator.faults


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Add the transcript to the report of a test that failed."""
    outcome = yield
    report = outcome.get_result()
    emulator = item.stash.get(_emulator, None)
    if emulator is None:
        return
    if report.failed:
        report.sections.append(("signaling transcript", emulator.transcript()))
    if report.when == "teardown":
        # Nodes live as long as the session, and what has happened is not needed so long.
        del item.stash[_emulator]


def _options(node: pytest.Item) -> dict[str, Any]:
    """Return what the markers say; those of the test win over those of its class and module."""
    from poker_signal.emulator.testing.marker_options import BadOption

    options: dict[str, Any] = {}
    for marker in node.iter_markers(MARKER):
        if marker.args:
            raise BadOption(f"name the options: {marker.args[0]!r} is of which?")
        options = {**marker.kwargs, **options}
    return options
