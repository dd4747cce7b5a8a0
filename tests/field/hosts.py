"""Emulators with faults: our rules in process, our Lambda function, a naive handler."""

import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any, NamedTuple

from poker_signal.core.configuration import Topology
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.faults.lagging_dynamodb import LaggingIndex
from poker_signal.emulator.gateway.config import of_handler
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.trace import Trace
from poker_signal.lambda_app.clients import management_client
from poker_signal.lambda_app.environment import FunctionSettings
from poker_signal.lambda_app.handler import SignalingHandler
from poker_signal.lambda_app.management_api import ManagementApi
from poker_signal.lambda_app.table import DynamoTable, schema
from tests.emulator.conftest import Records
from tests.field import naive
from tests.support.dynamodb import TABLE, DynamoDBServer, client_of

OURS = ("core", "lambda")


class Weather(NamedTuple):
    """An emulator with its faults, records and trace."""

    url: str
    faults: Faults
    records: Records
    trace: Trace
    patience_s: float = 15
    """Seconds until a host gives up; more than in the field, because a test machine is busy."""


SWITCH_S = 0.0005
"""Switch interval of the interpreter, in seconds: a tenth of Python's default."""

_current: Callable[[Any, Any], Any]


def current(event: Any, context: Any) -> Any:
    """Call the handler of the running test."""
    return _current(event, context)


@asynccontextmanager
async def _threads_give_way() -> AsyncGenerator[None, None]:
    """Shorten the wait of the event loop for the GIL.

    The function's threads, its rows and all clients share one interpreter here. Each time the
    loop has waited for a socket, it also has to wait for every thread that computes.
    """
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)


@asynccontextmanager
async def serving(
    handler: str,
    *specs: str,
    seed: int = 0,
    topology: Topology = Topology.MESH,
    clock: Clock | None = None,
    **settings: Any,
) -> AsyncGenerator[Weather, None]:
    """Serve ``core``, ``lambda`` or ``naive`` with faults."""
    global _current
    faults = Faults(specs, seed)
    records = Records()
    of_stage = Settings(port=0, topology=topology, **settings)
    if handler == "core":
        async with Emulator(of_stage, records, clock, faults=faults) as emulator:
            yield Weather(emulator.url, faults, records, emulator.trace)
        return
    handlers = {"current": current}
    api = of_handler("current:handler")
    emulator = Emulator(of_stage, records, clock, api=api, faults=faults, handlers=handlers)
    # The function's HTTP connections are closed last, after all its invocations. Otherwise they
    # would stay open to a port that a later test may get.
    with ExitStack() as at_last:
        async with _threads_give_way(), emulator:
            url = emulator.management_url
            management = management_client(url)
            at_last.callback(management.close)
            rows = client_of(LaggingIndex(DynamoDBServer(), faults, time.monotonic))
            rows.create_table(**schema(TABLE))
            if handler == "lambda":
                of_function = FunctionSettings(TABLE, of_stage.rules(), url)
                table = DynamoTable(rows, TABLE)
                _current = SignalingHandler(of_function, table, lambda _: ManagementApi(management))
            else:
                _current = naive.make_handler(rows, TABLE, management)
            yield Weather(emulator.url, faults, records, emulator.trace)
