"""The gateway runs any function in the same way, and depends on none of them."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from poker_signal.emulator.aws.results import Forward, Report, Returned
from poker_signal.emulator.clock import VirtualClock
from poker_signal.emulator.gateway.gateway import Gateway
from poker_signal.emulator.gateway.routes import Api, Route
from poker_signal.emulator.protocols.http_connection import HttpConnection
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.entries import Finished, Posted, Received
from poker_signal.emulator.trace.trace import Trace
from tests.support.client import hear_text

SENT = Returned({"statusCode": 200}, Report("sent"))
POSTED = Returned({"statusCode": 200}, Report("posted by itself"))


class Echo:
    """A function that forwards each message to the connection that its text names."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.asked: list[bool] = []

    def invoke(self, event: Mapping[str, Any], may_forward: bool = False) -> Returned | Forward:
        """Forward the message if that is allowed."""
        context = event["requestContext"]
        if context["eventType"] == "CONNECT":
            self.ids.append(context["connectionId"])
        if context["eventType"] != "MESSAGE":
            return SENT
        self.asked.append(may_forward)
        if not may_forward:
            return POSTED
        return Forward(self.ids[int(event["body"])], "hello", SENT)


@asynccontextmanager
async def serving(settings: Settings, trace: Trace, echo: Echo) -> AsyncGenerator[str, None]:
    """Serve the function; yield the URL."""
    gateway = Gateway(settings, VirtualClock(), trace)
    gateway.api = Api(dict.fromkeys(("$connect", "$default"), Route(echo)))
    server = await asyncio.get_running_loop().create_server(
        lambda: HttpConnection(gateway, settings), "127.0.0.1", 0
    )
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/prod"
        empty = asyncio.Event()
        gateway.stop(empty.set)
        await empty.wait()


async def test_a_forward_is_posted_and_traced_as_a_post_and_a_result() -> None:
    """Any function in this process may forward."""
    trace, echo = Trace(), Echo()
    async with serving(Settings(), trace, echo) as url, connect(url) as one, connect(url):
        await one.send("0")
        assert await hear_text(one) == "hello"
        received, posted, finished = [entry for _, entry in trace.since(0)][-3:]
        assert isinstance(received, Received)
        assert isinstance(posted, Posted)
        assert (posted.connection_id, posted.frame) == (echo.ids[0], "hello")
        assert finished == Finished(received.at_ms, received, SENT)


async def test_a_forward_to_a_connection_that_is_gone_is_the_functions_again() -> None:
    """The function is invoked again, posts by itself and gets the outcome."""
    trace, echo = Trace(), Echo()
    async with serving(Settings(), trace, echo) as url, connect(url) as one:
        async with connect(url):
            pass
        await one.send("1")
        await one.send("0")
        assert await hear_text(one) == "hello"
        results = [entry.result for _, entry in trace.since(0) if isinstance(entry, Finished)]
        assert results[-2:] == [POSTED, SENT]
        assert echo.asked == [True, False, True]


async def test_under_a_throttle_a_function_makes_its_own_posts() -> None:
    """Under a throttle nothing is forwarded, since each post takes a token."""
    echo = Echo()
    settings = Settings(throttle_rate=10)
    async with serving(settings, Trace(), echo) as url, connect(url) as one:
        await one.send("0")
        async with connect(url):
            pass
    assert echo.asked == [False]


HANDLER = "def handler(event, context): return {'statusCode': 200, 'body': event.get('body', '')}\n"

SCRIPT = """
import asyncio, json, sys
from pathlib import Path
from websockets.asyncio.client import connect
from poker_signal.emulator.gateway.config import ApiConfig, FunctionConfig, RouteConfig
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings

async def main():
    route = RouteConfig(function="echo", two_way=True)
    api = ApiConfig(
        functions={"echo": FunctionConfig(handler="echo.py:handler")},
        routes=dict.fromkeys(("$connect", "$disconnect", "$default"), route),
    )
    async with Emulator(Settings(port=0), api=api, folder=Path(sys.argv[1])) as emulator:
        async with connect(emulator.url) as client:
            await client.send("hello")
            heard = await client.recv()
    core = sorted(name for name in sys.modules if name.startswith("poker_signal.core."))
    print(json.dumps([heard, core]))

asyncio.run(main())
"""


@pytest.mark.process
def test_a_foreign_handler_runs_without_the_rules(tmp_path: Path) -> None:
    """Only event types, settings and helpers of the core are loaded."""
    (tmp_path / "echo.py").write_text(HANDLER)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    heard, core = json.loads(done.stdout)
    assert heard == "hello"
    assert core == [
        "poker_signal.core.aws_event",
        "poker_signal.core.base_error",
        "poker_signal.core.configuration",
        "poker_signal.core.ice",
        "poker_signal.core.strict_json",
        "poker_signal.core.token_bucket",
    ]
