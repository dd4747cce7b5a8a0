"""The API under test: one of scripted functions, or poker-signal's, local or at a URL."""

import os
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import pytest

from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.conformance.harness import Api, Endpoint, Serve


@pytest.fixture
def no_aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove variables that point boto3 elsewhere, unless --endpoint needs them."""
    if not request.config.getoption("--endpoint"):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)


@pytest.fixture
async def serve(request: pytest.FixtureRequest, no_aws: None) -> AsyncGenerator[Serve, None]:
    """Yield a function that starts APIs of scripted functions on a clock that the test sets."""
    async with AsyncExitStack() as stack:
        yield Serve(stack, is_skipped=bool(request.config.getoption("--endpoint")))


@pytest.fixture
async def api(serve: Serve) -> Api:
    """Return an API with the usual routes and production's settings."""
    return await serve()


@pytest.fixture
async def endpoint(request: pytest.FixtureRequest, no_aws: None) -> AsyncGenerator[Endpoint, None]:
    """Yield poker-signal's own API: the one at --endpoint, or one started for this test."""
    url = request.config.getoption("--endpoint")
    if url:
        management_url = request.config.getoption("--management") or url.replace("ws", "http", 1)
        yield Endpoint(url.rstrip("/"), management_url.rstrip("/"), is_foreign=True)
        return
    async with Emulator(Settings(port=0, allowed_origins="*")) as emulator:
        yield Endpoint(emulator.url, emulator.management_url, is_foreign=False)
