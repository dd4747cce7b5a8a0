"""The clock that a test advances."""

import threading

from poker_signal.emulator.testing.background import Background
from poker_signal.emulator.testing.signal_clock import SignalClock


def test_time_passes_where_the_emulator_is() -> None:
    """Timers run in the test's thread, or in the emulator's while it runs."""
    clock, background = SignalClock(), Background()
    here, threads = threading.current_thread().name, list[str]()

    def note() -> None:
        threads.append(threading.current_thread().name)

    def let_a_second_pass() -> None:
        clock.virtual.call_later(1, note)
        clock.advance(1)

    let_a_second_pass()
    clock.attach(background)
    let_a_second_pass()
    background.stop()
    let_a_second_pass()
    assert threads == [here, "signal_emulator", here]
    assert clock.now_ms() == SignalClock().now_ms() + 3000
