"""Building an API from a configuration."""

import asyncio
import os
from pathlib import Path

import pytest

from poker_signal.emulator.clock import LoopClock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.functions.references import BadHandler
from poker_signal.emulator.gateway.config import of_handler
from poker_signal.emulator.server import CannotStart, Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.trace import Trace
from poker_signal.emulator.wiring import configured_api, make_gateway


async def test_the_environment_is_set_for_a_callable_and_as_it_was_afterwards() -> None:
    """Boto3 in a handler of this process finds the emulator by these variables."""
    before = dict(os.environ)
    handlers = {"one": lambda event, context: None}
    api = of_handler("one:handler")
    async with Emulator(Settings(port=0), api=api, handlers=handlers) as emulator:
        endpoint = os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
        assert endpoint == emulator.management_url
    assert dict(os.environ) == before


async def test_nothing_is_evaluated_where_only_default_can_be_selected() -> None:
    """The JSON of a message is parsed only once, by its function."""
    faults = Faults()
    gateway = make_gateway(Settings(), LoopClock(), Trace(), faults)
    built = [
        configured_api(config, Settings(), gateway, {}, faults)
        for config in (of_handler("core"), of_handler("core", ["mine"]))
    ]
    assert [api.select is None for api in built] == [True, False]


async def test_a_handler_that_cannot_be_loaded_keeps_the_port_free(tmp_path: Path) -> None:
    """No port is opened, and no variable stays set."""
    before = dict(os.environ)
    emulator = Emulator(Settings(port=0), api=of_handler("nowhere.py:handler"), folder=tmp_path)
    with pytest.raises(CannotStart, match="no such file") as cannot:
        async with emulator:
            pass
    assert isinstance(cannot.value.__cause__, BadHandler)
    assert dict(os.environ) == before
    with pytest.raises((ConnectionRefusedError, IndexError)):
        await asyncio.open_connection("127.0.0.1", emulator.port)
