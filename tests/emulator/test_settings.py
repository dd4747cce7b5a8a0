"""Defaults are API Gateway's quotas."""

import pytest

from poker_signal.emulator.settings import Settings

QUOTAS = {
    "idle_timeout_s": 600,
    "max_duration_s": 7200,
    "integration_timeout_s": 29,
    "max_frame_bytes": 32 * 1024,
    "max_message_bytes": 128 * 1024,
    "max_url_chars": 4096,
    "max_header_bytes": 10_240,
}


@pytest.mark.parametrize(("name", "value"), QUOTAS.items(), ids=QUOTAS)
def test_a_default_is_the_documented_quota(name: str, value: int) -> None:
    """Who sets nothing gets production's limits."""
    assert getattr(Settings(), name) == value
