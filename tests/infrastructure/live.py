"""The module deployed to MiniStack, which takes real connections, and its clients."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from tests.infrastructure.checks import TABLE
from tests.infrastructure.servers import serving
from tests.infrastructure.stack import Stack
from tests.infrastructure.tools import Mirror, Workspace
from tests.signaling.sockets import SocketHost

PATIENCE_S: Final = 10

# The module takes the endpoint of @connections, and the URL for the canary, from API Gateway.
# MiniStack's answer has a host name for each API; this override uses the address of MiniStack with
# a path instead.
OVERRIDE: Final = """
locals {
  management_endpoint = "%s/_aws/execute-api/${aws_apigatewayv2_api.this.id}/${var.stage}"
  websocket_url       = replace(local.management_endpoint, "http://", "ws://")
}
"""


@contextmanager
def deployed(folder: Path, mirror: Mirror, *arguments: str) -> Generator[Stack, None, None]:
    """Apply the module to an empty MiniStack."""
    with serving("tests.infrastructure.live_server", folder / "server") as aws:
        workspace = Workspace.copy(folder / "clone", mirror)
        (workspace.module / "live_override.tf").write_text(OVERRIDE % aws.url)
        yield Stack.applied(workspace.initialised(), aws, *arguments)


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition by polling.

    Raises:
        TimeoutError: it is not true within PATIENCE_S.
    """
    async with asyncio.timeout(PATIENCE_S):
        # DynamoDB and log groups have no event to wait for.
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


class LiveHost(SocketHost):
    """The deployed module, whose table has the connection ids of clients."""

    def __init__(self, stack: Stack, clients: AsyncExitStack) -> None:
        # The output has AWS's host name.
        url = stack.aws.url.replace("http", "ws", 1)
        api = stack.outputs["websocket_api_id"]
        super().__init__(f"{url}/_aws/execute-api/{api}/prod", clients)
        self._table = stack.aws.client("dynamodb")
        self._items: dict[str, dict[str, Any]] = {}

    def items(self) -> dict[str, dict[str, Any]]:
        """Return the items of the table by connection id."""
        found = self._table.scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return {item["connectionId"]["S"]: item for item in found}

    def connection(self, key: str) -> str:
        """Return the connection id of a client."""
        return str(self._items[key]["connectionId"]["S"])

    async def connect(self, key: str, query: str, origin: str | None = None) -> int:
        """Connect; return 101 or the status of a refusal."""
        before = self.items()
        status = await super().connect(key, query, origin)
        if status == 101:
            (self._items[key],) = (
                item for name, item in self.items().items() if name not in before
            )
        return status

    async def leave(self, key: str) -> None:
        """Close; return once ``$disconnect`` has run, which reserves the seat of a session."""
        await super().leave(key)
        connection = self.connection(key)
        await until(lambda: "leftAt" in self.items().get(connection, {"leftAt": None}))

    def become_a_ghost(self, key: str) -> None:
        """Restore the item of a client that left, as if AWS had sent no ``$disconnect``.

        It is a minute older: a young row may be opening, and is not deleted.
        """
        item = self._items[key]
        old = {**item, "ttl": {"N": str(int(item["ttl"]["N"]) - 60)}}
        self._table.put_item(TableName=TABLE, Item=old)


def texts(stack: Stack, group: str) -> list[str]:
    """Return the lines in a log group, oldest first, without those of Lambda itself."""
    pages = stack.aws.client("logs").get_paginator("filter_log_events")
    found = [
        event["message"] for page in pages.paginate(logGroupName=group) for event in page["events"]
    ]
    return [text for text in found if not text.startswith(("START ", "END ", "REPORT "))]
