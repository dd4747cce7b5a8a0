"""From a configuration to an API that is served."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from poker_signal.emulator.clock import LoopClock
from poker_signal.emulator.functions.handler_loader import BadHandler
from poker_signal.emulator.gateway.config import of_handler, read_config
from poker_signal.emulator.gateway.gateway import Gateway
from poker_signal.emulator.server import CannotStart, Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.trace import Trace
from poker_signal.emulator.wiring import build
from tests.emulator.conftest import Records
from tests.support.client import hear

API = """
[functions.rules]
handler = "core"
[functions.echo]
handler = "echo.py:handler"
[routes]
"$connect" = { function = "rules" }
"$default" = { function = "rules" }
echo = { function = "echo", two_way = true }
"""

ECHO = """
import json, os

def handler(event, context):
    endpoint = os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
    body = json.dumps({**json.loads(event["body"]), "endpoint": endpoint})
    return {"statusCode": 200, "body": body}
"""


@pytest.fixture
def api(tmp_path: Path) -> Path:
    """A configuration in a folder with its handler."""
    (tmp_path / "echo.py").write_text(ECHO)
    (tmp_path / "api.toml").write_text(API)
    return tmp_path / "api.toml"


async def test_our_rules_and_somebodys_handler_serve_one_api(api: Path, records: Records) -> None:
    """Each route has its own function; the environment is as it was afterwards."""
    before = dict(os.environ)
    config = read_config(api)
    async with Emulator(Settings(port=0), records, api=config, folder=api.parent) as emulator:
        async with connect(f"{emulator.url}?playerId=Alice&gameId=G1") as client:
            await client.send('{"type":"ping"}')
            assert await hear(client) == {"type": "pong"}
            await client.send(json.dumps({"action": "echo", "text": "hi"}))
            assert await hear(client) == {
                "action": "echo",
                "text": "hi",
                "endpoint": emulator.management_url,
            }
    assert dict(os.environ) == before


async def test_nothing_is_evaluated_where_only_default_can_be_selected() -> None:
    """A message's JSON is read once, by whoever it is for."""
    gateway = Gateway(Settings(), LoopClock(), Trace())
    built = [
        build(config, Settings(), gateway, {})
        for config in (of_handler("core"), of_handler("core", ["mine"]))
    ]
    assert [api.select is None for api in built] == [True, False]


async def test_a_handler_that_cannot_be_loaded_keeps_the_port_free(tmp_path: Path) -> None:
    """Nothing listens, and nothing stays set."""
    before = dict(os.environ)
    emulator = Emulator(Settings(port=0), api=of_handler("nowhere.py:handler"), folder=tmp_path)
    with pytest.raises(CannotStart, match="no such file") as cannot:
        async with emulator:
            pass
    assert isinstance(cannot.value.__cause__, BadHandler)
    assert dict(os.environ) == before
    with pytest.raises((ConnectionRefusedError, IndexError)):
        await asyncio.open_connection("127.0.0.1", emulator.port)
