"""DynamoDB without AWS: a double in memory, and moto's in this process or behind a port.

The double is deterministic and has only the operations that the function uses.
tests/adversity/test_dynamodb.py compares it with moto's. Each of its calls pauses before it takes
effect and before it is answered, so that others can run in between.
"""

import io
import json
import os
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from typing import Any
from unittest import mock

import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from poker_signal.emulator.faults.lagging_dynamodb import Application, Environ, StartResponse
from poker_signal.lambda_app.table import schema

TABLE = "poker-signaling-connections"
REGION = "us-west-2"

Item = dict[str, dict[str, Any]]

Pause = Callable[[str], None]
"""Called with the name of the next step; returns when the step may happen."""


class DynamoDB:
    """A client of one table; with ``lagging``, the index changes only by ``catch_up``."""

    def __init__(self, pause: Pause = lambda what: None, lagging: bool = False) -> None:
        self.items: dict[str, Item] = {}
        self.index: dict[str, Item] = {}
        self.on_query: Callable[[list[Item]], list[Item]] = lambda items: items
        """Called with the items that a query found; returns them, perhaps reordered."""
        self._pause = pause
        self._lagging = lagging
        self._behind: dict[str, list[Item | None]] = {}

    @property
    def behind(self) -> list[str]:
        """The keys with writes that are not in the index yet."""
        return sorted(self._behind)

    def catch_up(self, key: str) -> None:
        """Apply a key's next write to the index; writes of one key keep their order."""
        item = self._behind[key].pop(0)
        if not self._behind[key]:
            del self._behind[key]
        self._index(key, item)

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool) -> dict[str, Any]:
        """Return an item, read consistently."""
        assert ConsistentRead
        key = Key["connectionId"]["S"]
        self._pause(f"GetItem {key}")
        item = self.items.get(key)
        self._pause(f"GetItem {key} → {'found' if item else 'nothing'}")
        return {"Item": _copy(item)} if item else {}

    def query(
        self,
        *,
        TableName: str,
        IndexName: str,
        KeyConditionExpression: str,
        ExpressionAttributeValues: Item,
    ) -> dict[str, Any]:
        """Return the items of a game that are in the index."""
        assert KeyConditionExpression == "gameId = :game"
        game = ExpressionAttributeValues[":game"]
        self._pause(f"Query {game['S']}")
        found = [_copy(item) for item in self.index.values() if item["gameId"] == game]
        found = self.on_query(found)
        self._pause(f"Query {game['S']} → {[item['connectionId']['S'] for item in found]}")
        return {"Items": found}

    def put_item(
        self,
        *,
        TableName: str,
        Item: Item,
        ConditionExpression: str | None = None,
        ExpressionAttributeValues: Item | None = None,
    ) -> dict[str, Any]:
        """Store an item, replacing the one with its key."""
        key = Item["connectionId"]["S"]
        self._pause(f"PutItem {key}")
        self._check(key, ConditionExpression, ExpressionAttributeValues)
        self._write(key, _copy(Item))
        self._pause(f"PutItem {key} → done")
        return {}

    def delete_item(
        self,
        *,
        TableName: str,
        Key: Item,
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Delete an item, if it is there."""
        key = Key["connectionId"]["S"]
        self._pause(f"DeleteItem {key}")
        self._check(key, ConditionExpression)
        if key in self.items:
            self._write(key, None)
        self._pause(f"DeleteItem {key} → done")
        return {}

    def update_item(
        self,
        *,
        TableName: str,
        Key: Item,
        UpdateExpression: str,
        ExpressionAttributeValues: Item,
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Add to a set of an item, replace the set, or reserve the item."""
        key = Key["connectionId"]["S"]
        self._pause(f"UpdateItem {key}")
        self._check(key, ConditionExpression)
        item = _copy(self.items.get(key, dict(Key)))
        values = ExpressionAttributeValues
        if UpdateExpression == "SET leftAt = :left, #ttl = :until REMOVE reached":
            item |= {"leftAt": values[":left"], "ttl": values[":until"]}
            item.pop("reached", None)
        else:
            assert UpdateExpression in ("ADD reached :targets", "SET reached = :targets")
            is_added = UpdateExpression.startswith("ADD")
            known = item.get("reached", {"SS": []})["SS"] if is_added else []
            item["reached"] = {"SS": sorted({*known, *values[":targets"]["SS"]})}
        self._write(key, item)
        self._pause(f"UpdateItem {key} → done")
        return {}

    def _check(self, key: str, condition: str | None, values: Item | None = None) -> None:
        item = self.items.get(key, {})
        holds = {
            None: True,
            "attribute_exists(connectionId)": bool(item),
            "attribute_exists(connectionId) AND attribute_not_exists(leftAt)": bool(item)
            and "leftAt" not in item,
            "attribute_not_exists(#session)": "session" not in item,
            "attribute_not_exists(connectionId) OR connectedAt <> :at": not item
            or item.get("connectedAt") != (values or {}).get(":at"),
        }
        if not holds[condition]:
            # A failed condition is an answer as well, and may come late.
            self._pause(f"{key}: the condition fails")
            raise client_error("ConditionalCheckFailedException", 400)

    def _write(self, key: str, item: Item | None) -> None:
        if item is None:
            del self.items[key]
        else:
            self.items[key] = item
        if self._lagging:
            self._behind.setdefault(key, []).append(_copy(item))
        else:
            self._index(key, item)

    def _index(self, key: str, item: Item | None) -> None:
        if item is not None and "gameId" in item:
            self.index[key] = _copy(item)
        else:
            self.index.pop(key, None)


def _copy(item: Item | None) -> Any:
    """Return a copy of an item."""
    if item is None:
        return None
    return {
        name: {
            kind: [*value] if isinstance(value, list) else value for kind, value in typed.items()
        }
        for name, typed in item.items()
    }


def client_error(code: str, status: int) -> ClientError:
    """Return the error that botocore raises for an answer."""
    response = {
        "Error": {"Code": code, "Message": "of AWS"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "Operation")


class DynamoDBServer:
    """A WSGI application that speaks DynamoDB's protocol, with a double for each table."""

    def __init__(self) -> None:
        self._schemas: dict[str, Any] = {}
        self._tables: dict[str, DynamoDB] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request; one at a time."""
        operation = environ["HTTP_X_AMZ_TARGET"].partition(".")[2]
        request = json.loads(environ["wsgi.input"].read())
        with self._lock:
            try:
                status, answer = "200 OK", self._answer(operation, request)
            except ClientError as error:
                response = error.response["Error"]
                status = "400 Bad Request"
                answer = {"__type": response["Code"], "message": response["Message"]}
        start_response(status, [("Content-Type", "application/x-amz-json-1.0")])
        return [json.dumps(answer).encode()]

    def _answer(self, operation: str, request: Any) -> Any:
        name = request["TableName"]
        if operation == "CreateTable":
            self._schemas[name], self._tables[name] = request, DynamoDB()
            return {"TableDescription": request}
        if name not in self._tables:
            raise client_error("ResourceNotFoundException", 400)
        table = self._tables[name]
        match operation:
            case "DescribeTable":
                return {"Table": self._schemas[name]}
            case "DeleteTable":
                del self._tables[name]
                return {}
            case "Scan":
                return {"Items": [*table.items.values()]}
        calls: dict[str, Callable[..., Any]] = {
            "GetItem": table.get_item,
            "Query": table.query,
            "PutItem": table.put_item,
            "DeleteItem": table.delete_item,
            "UpdateItem": table.update_item,
        }
        return calls[operation](**request)


class Body(io.BytesIO):
    """The body of an answer, with urllib3's interface."""

    def stream(self) -> Generator[bytes, None, None]:
        """Yield the rest of it."""
        yield self.read()


def client_at(endpoint: str, service: str = "dynamodb") -> Any:
    """Return a botocore client of an endpoint."""
    return _session.create_client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        # The same as the function's own client, for the same reasons.
        config=Config(user_agent="poker-signal", parameter_validation=False),
    )


# One session for all clients: reading botocore's service descriptions is most of a client's cost.
_session = botocore.session.get_session()


def client_of(application: Application, client: Any = None) -> Any:
    """Return a botocore client that calls a WSGI application, without a socket in between.

    ``client``: the one to use, for example the function's own.
    """

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        head: list[Any] = []
        environ = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "1",
            "HTTP_HOST": "127.0.0.1:1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
        }
        for name, value in request.headers.items():
            text = value.decode() if isinstance(value, bytes) else value
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = text
        answer = b"".join(application(environ, lambda *args: head.extend(args[:2])))
        return AWSResponse(request.url, int(head[0].split()[0]), dict(head[1]), Body(answer))

    client = client_at("http://127.0.0.1:1") if client is None else client
    client.meta.events.register("before-send", send)
    return client


@contextmanager
def moto_client() -> Generator[Any, None, None]:
    """Yield the function's own client of moto's DynamoDB in this process, with the table."""
    from moto import mock_aws
    from moto.core.models import patch_client

    from poker_signal.lambda_app.clients import dynamodb_client

    with mock_aws(), mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        os.environ.pop("AWS_PROFILE", None)
        client = dynamodb_client()
        patch_client(client)
        client.create_table(**schema(TABLE))
        yield client
        client.close()


def moto_application() -> Application:
    """Return moto's DynamoDB as a WSGI application, for ``client_of``; one request at a time."""
    from moto.moto_server.werkzeug_app import create_backend_app

    # Its dispatcher for all services takes a third of each call.
    moto: Application = create_backend_app("dynamodb")
    lock = threading.Lock()

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        # A query of moto may miss rows while another thread writes.
        with lock:
            return [b"".join(moto(environ, start_response))]

    return answer


@contextmanager
def moto_server() -> Generator[str, None, None]:
    """Yield the endpoint of moto's DynamoDB behind a port, with the table."""
    from moto.core.base_backend import BackendDict
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        # All of moto's servers in a process share their state, which an earlier test may have left.
        BackendDict.reset()
        with closing(client_at(f"http://{host}:{port}")) as client:
            client.create_table(**schema(TABLE))
        yield f"http://{host}:{port}"
    finally:
        server.stop()
