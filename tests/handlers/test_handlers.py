"""Handlers as other people write them, unedited, behind the emulator.

Written anew after public samples: AWS's chat in Python, Chalice's echo, a hard-coded endpoint, a
post after ``$connect`` by another function, an ASGI adaptor, a logger that keeps its keys, Node.
"""

import asyncio
import shutil
import ssl
import textwrap
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from websockets.asyncio.client import connect

from poker_signal.emulator.functions.local_aws import DYNAMODB, NewTable, create_tables, moto
from poker_signal.emulator.gateway.config import ApiConfig, of_handler, read_config
from poker_signal.emulator.protocols.tls import certificate_for
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.support.client import hear_text

pytestmark = [pytest.mark.process, pytest.mark.aws]

Run = Callable[..., AbstractAsyncContextManager[Emulator]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that serves handlers from the texts of their files."""

    @asynccontextmanager
    async def run(
        api: ApiConfig | str | None = None, *, services: Any = None, tls: bool = False, **files: str
    ) -> AsyncGenerator[Emulator, None]:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        if isinstance(api, str):
            (tmp_path / "api.toml").write_text(textwrap.dedent(api))
        config = api if isinstance(api, ApiConfig) else read_config(tmp_path / "api.toml")
        certificate = certificate_for("127.0.0.1", tmp_path / "tls") if tls else None
        emulator = Emulator(
            Settings(port=0),
            api=config,
            folder=tmp_path,
            services=services,
            certificate=certificate,
        )
        async with emulator:
            yield emulator

    return run


CHAT = """
    import json, logging, os
    import boto3
    from botocore.exceptions import ClientError

    logger = logging.getLogger()
    logger.setLevel(logging.INFO)

    def lambda_handler(event, context):
        table = boto3.resource("dynamodb").Table(os.environ["table_name"])
        route_key = event["requestContext"]["routeKey"]
        connection_id = event["requestContext"]["connectionId"]
        response = {"statusCode": 200}
        if route_key == "$connect":
            user_name = event.get("queryStringParameters", {"name": "guest"}).get("name")
            table.put_item(Item={"connection_id": connection_id, "user_name": user_name})
        elif route_key == "$disconnect":
            table.delete_item(Key={"connection_id": connection_id})
        elif route_key == "sendmessage":
            item = table.get_item(Key={"connection_id": connection_id})["Item"]
            body = json.loads(event["body"])
            domain, stage = (event["requestContext"][key] for key in ("domainName", "stage"))
            client = boto3.client(
                "apigatewaymanagementapi", endpoint_url=f"https://{domain}/{stage}"
            )
            for each in table.scan(ProjectionExpression="connection_id")["Items"]:
                try:
                    client.post_to_connection(
                        Data=f"{item['user_name']}: {body['msg']}".encode(),
                        ConnectionId=each["connection_id"],
                    )
                except client.exceptions.GoneException:
                    logger.info("stale")
        else:
            response["statusCode"] = 404
        return response
"""

CHAT_API = """
    [functions.chat]
    handler = "chat.lambda_handler"
    environment = { table_name = "connections" }
    [routes]
    "$connect".function = "chat"
    "$disconnect".function = "chat"
    "$default".function = "chat"
    sendmessage.function = "chat"
    [tables.connections]
    key = "connection_id"
    ttl = "expires"
"""


@pytest.mark.parametrize(
    "tls", [False, pytest.param(True, marks=pytest.mark.nightly)], ids=["plain", "tls"]
)
async def test_a_chat_with_a_table(run: Run, tmp_path: Path, tls: bool) -> None:
    """Tables are made at the start, and posts go to https://{domainName}/{stage}."""
    config = textwrap.dedent(CHAT_API)
    (tmp_path / "api.toml").write_text(config)
    tables = [
        NewTable(each.definition(name), each.ttl)
        for name, each in read_config(tmp_path / "api.toml").tables.items()
    ]
    with moto() as endpoint:
        with pytest.raises(HTTPError, match="403"):
            await asyncio.to_thread(urlopen, Request(endpoint, headers={"Origin": "null"}))
        create_tables(endpoint, tables, "us-west-2")
        # A table that exists is kept.
        create_tables(endpoint, tables, "us-west-2")
        services = dict.fromkeys(DYNAMODB, endpoint)
        async with run(chat=CHAT, api=None, services=services, tls=tls) as emulator:
            context = ssl.create_default_context(cafile=emulator.authority) if tls else None
            options: Any = {"ssl": context} if tls else {}
            async with (
                connect(f"{emulator.url}?name=Zoe", **options) as zoe,
                connect(emulator.url, **options) as guest,
            ):
                await zoe.send('{"action":"sendmessage","msg":"hello"}')
                assert [await hear_text(each) for each in (zoe, guest)] == ["Zoe: hello"] * 2


ENDPOINTS = {
    "environment": "",
    "domain": "https://{domainName}/{stage}",
    "api-id": "https://{apiId}.execute-api.us-west-2.amazonaws.com/{stage}",
    "hard-coded": "https://ddmmyyyy.execute-api.us-east-1.amazonaws.com/production",
    "custom-domain": "https://ws.example.com",
}

POSTING = """
    import boto3
    def handler(event, context):
        context = event["requestContext"]
        if context["routeKey"] == "$default":
            url = event["body"].format(**context) or None
            client = boto3.client("apigatewaymanagementapi", endpoint_url=url)
            client.post_to_connection(ConnectionId=context["connectionId"], Data=b"posted")
        return {"statusCode": 200}
"""


async def test_posts_arrive_whatever_url_the_handler_builds(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also behind a company's proxy, which gets nothing; a wrong stage is forbidden, as on AWS."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with run(of_handler("post.py:handler"), post=POSTING) as emulator:
        async with connect(emulator.url, proxy=None) as client:
            for endpoint in ENDPOINTS.values():
                await client.send(endpoint)
                assert await hear_text(client) == "posted", endpoint
            await client.send("https://{domainName}/dev")
            assert "Internal server error" in await hear_text(client)


AFTER_CONNECT = """
    import json, os
    import boto3
    def handler(event, context):
        boto3.client("lambda").invoke(
            FunctionName=os.environ["CHILD"], InvocationType="Event", Payload=json.dumps(event)
        )
        answer = boto3.client("lambda").invoke(
            FunctionName=os.environ["CHILD"], Payload=json.dumps({"ask": 1})
        )
        assert json.load(answer["Payload"]) == {"asked": 1}, answer
        failed = boto3.client("lambda").invoke(FunctionName="child", Payload="{}")
        assert failed["FunctionError"] == "Unhandled"
        assert json.load(failed["Payload"])["errorType"] == "KeyError"
        return {"statusCode": 200}
"""

CHILD = """
    import time
    import boto3
    def handler(event, context):
        if "ask" in event:
            return {"asked": event["ask"]}
        context = event["requestContext"]
        client = boto3.client(
            "apigatewaymanagementapi",
            endpoint_url="https://" + context["domainName"] + "/" + context["stage"],
        )
        while True:
            try:
                client.post_to_connection(ConnectionId=context["connectionId"], Data="welcome")
                return
            except client.exceptions.GoneException:
                time.sleep(0.01)
"""

AFTER_CONNECT_API = """
    [functions.parent]
    handler = "parent.handler"
    environment.CHILD = "arn:aws:lambda:us-west-2:123456789012:function:child"
    [functions.child]
    handler = "child.handler"
    [routes]
    "$connect".function = "parent"
"""


async def test_a_post_after_connect_by_another_function(run: Run) -> None:
    """``lambda:Invoke`` reaches the functions of the same file, by name and by ARN."""
    async with run(parent=AFTER_CONNECT, child=CHILD, api=AFTER_CONNECT_API) as emulator:
        async with connect(emulator.url) as client:
            assert await hear_text(client) == "welcome"


LOGGER = """
    import logging, time
    KEYS = {}
    def handler(event, context):
        # As the loggers of several libraries do.
        KEYS.update(connection=event["requestContext"]["connectionId"], body=event.get("body"))
        time.sleep(0.03)
        return {"statusCode": 200, "body": str(KEYS["body"])}
"""

TWO_WAY = """
    [functions.f]
    handler = "{module}.handler"
    [routes]
    "$connect".function = "f"
    "$default" = {{ function = "f", two_way = true }}
"""


async def test_globals_belong_to_one_event_at_a_time(run: Run) -> None:
    """Two clients 30 ms apart, and ten at once, hear their own event."""
    async with AsyncExitStack() as stack:
        api = TWO_WAY.format(module="logger")
        emulator = await stack.enter_async_context(run(logger=LOGGER, api=api))
        clients = [await stack.enter_async_context(connect(emulator.url)) for _ in range(10)]
        for number, client in enumerate(clients):
            await client.send(f"message {number}")
        heard = await asyncio.gather(*map(hear_text, clients))
        assert heard == [f"message {number}" for number in range(10)]


ASGI = """
    import asyncio
    async def app(scope, receive, send):
        await send({"type": "body", "body": scope["body"].upper()})
    class Adaptor:
        def __init__(self, app):
            self.app = app
        def __call__(self, event, context):
            self.sent = []
            loop = asyncio.get_event_loop_policy().new_event_loop()
            asyncio.set_event_loop(loop)
            async def send(message):
                self.sent.append(message["body"])
            scope = {"body": event.get("body") or ""}
            asyncio.get_event_loop().run_until_complete(self.app(scope, None, send))
            return {"statusCode": "200", "body": self.sent[0]}
    handler = Adaptor(app)
"""


async def test_an_asgi_adaptor_has_an_event_loop(run: Run) -> None:
    """A callable object is a handler, and a status code as text is a number."""
    async with run(asgi=ASGI, api=TWO_WAY.format(module="asgi")) as emulator:
        async with connect(emulator.url) as client:
            await client.send("hello")
            assert await hear_text(client) == "HELLO"


NODE = shutil.which("node")

COMMON_JS = """
const https = require("node:https");

exports.handler = (event, context, callback) => {
  const { connectionId, domainName, stage, routeKey } = event.requestContext;
  if (routeKey !== "$default") return callback(null, { statusCode: 200 });
  // As the SDK does it: options of https, with an agent.
  const [hostname, port] = domainName.split(":");
  const sent = https.request(
    { hostname, port, method: "POST", agent: new https.Agent({ keepAlive: true }),
      path: `/${stage}/%40connections/${encodeURIComponent(connectionId)}` },
    (response) => {
      response.resume();
      response.on("end", () => callback(null, { statusCode: 200, body: `${response.statusCode}` }));
    },
  );
  sent.end(`posted ${event.body}`);
};
"""

ES_MODULE = """
import { request } from "node:https";

const { AWS_LAMBDA_FUNCTION_NAME: name } = process.env;
let count = 0;

export const handler = async ({ requestContext, body }) => {
  if (requestContext.routeKey !== "$default") return { statusCode: 200 };
  if (body === "throw") throw new TypeError("no");
  const url = `https://abc.execute-api.eu-west-1.amazonaws.com/dev/@connections/`;
  await new Promise((resolve, reject) => {
    const sent = request(url + encodeURIComponent(requestContext.connectionId), { method: "POST" });
    sent.on("response", (response) => response.resume().on("end", resolve)).on("error", reject);
    sent.end(`posted ${body}`);
  });
  count += 1;
  return { statusCode: 200, body: `${name} ${count}` };
};
"""

NODE_API = """
    [functions.node]
    handler = "{handler}"
    [routes]
    "$connect".function = "node"
    "$default" = {{ function = "node", two_way = true }}
"""


@pytest.mark.skipif(NODE is None, reason="needs Node")
async def test_node_functions_in_both_kinds_of_modules(run: Run, tmp_path: Path) -> None:
    """CommonJS with a callback, ES modules with a promise; posts go to the emulator."""
    (tmp_path / "old.js").write_text(COMMON_JS)
    (tmp_path / "index.mjs").write_text(ES_MODULE)
    async with run(api=NODE_API.format(handler="old.handler")) as emulator:
        async with connect(emulator.url) as client:
            await client.send("1")
            assert [await hear_text(client), await hear_text(client)] == ["posted 1", "200"]
    async with run(api=NODE_API.format(handler="index.mjs:handler")) as emulator:
        async with connect(emulator.url) as client:
            for number in "12":
                await client.send(number)
                heard = [await hear_text(client), await hear_text(client)]
                assert heard == [f"posted {number}", f"node {number}"]
            await client.send("throw")
            assert "Internal server error" in await hear_text(client)


TWO = """
    import helper
    count = 0
    def one(event, context):
        global count
        count += 1
        return {"statusCode": 200, "body": f"one {helper.WORD} {count}"}
    def two(event, context):
        return {"statusCode": 200, "body": f"two {helper.WORD} {count}"}
"""

TWO_API = """
    [functions.one]
    handler = "both.one"
    [functions.two]
    handler = "both.py:two"
    environment = { WORD = "own" }
    [routes]
    "$default" = { function = "one", two_way = true }
    two = { function = "two", two_way = true }
"""


async def test_two_functions_of_one_folder_share_files_and_no_globals(run: Run) -> None:
    """Each has its own process and variables."""
    helper = "import os\nWORD = os.environ.get('WORD', 'shared')\n"
    async with run(both=TWO, helper=helper, api=TWO_API) as emulator:
        async with connect(emulator.url) as client:
            for message, answer in (
                ("x", "one shared 1"),
                ("x", "one shared 2"),
                ('{"action":"two"}', "two own 0"),
            ):
                await client.send(message)
                assert await hear_text(client) == answer
