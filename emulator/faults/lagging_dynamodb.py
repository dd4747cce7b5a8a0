"""``--fault index-lag`` and ``fail-update`` for a DynamoDB behind HTTP.

DynamoDB repeats every write on a global secondary index a moment later, and has no consistent
reads of an index. ``lagging_rows`` does the same for rows in memory.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from poker_signal.emulator.faults.faults import Faults

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_TARGET = "HTTP_X_AMZ_TARGET"
_VERSION = "DynamoDB_20120810."
_JSON = "application/x-amz-json-1.0"
_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}


class LaggingIndex:
    """WSGI application in front of a DynamoDB, which makes its indexes lag.

    Reads of an index are answered from a copy of the table. Before such a read, the successful
    writes that are older than the lag are repeated on the copy. Works for any handler.
    """

    def __init__(self, dynamodb: Application, faults: Faults, now_s: Callable[[], float]) -> None:
        self._dynamodb = dynamodb
        self._faults = faults
        self._now_s = now_s
        self._writes: deque[tuple[float, Environ, Any]] = deque()
        """Writes to repeat on the copies: time in seconds, WSGI environ, request."""
        self._copies: set[str] = set()
        self._lock = threading.RLock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request to DynamoDB."""
        operation = environ.get(_TARGET, "").removeprefix(_VERSION)
        is_read = operation == "Query"
        if self._copies and not self._faults.index_lag_s:
            self._drop_copies(environ)
        if operation == "UpdateItem" and self._faults.fails_update_in_thread():
            start_response("500 Internal Server Error", [("Content-Type", _JSON)])
            return [b'{"__type":"com.amazon.coral.service#InternalServerError"}']
        if not self._faults.index_lag_s or not (is_read or operation in _WRITES):
            return self._dynamodb(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        request = json.loads(body)
        environ["wsgi.input"] = BytesIO(body)
        # One request at a time, so that the copies get the writes in their original order.
        with self._lock:
            for name in _tables_of(request):
                self._copy(environ, name)
            if is_read and "IndexName" in request:
                return self._read(environ, request, start_response)
            return self._write(environ, request, start_response)

    def _read(
        self, environ: Environ, request: Any, start_response: StartResponse
    ) -> Iterable[bytes]:
        seen_until_s = self._now_s() - self._faults.index_lag_s
        while self._writes and self._writes[0][0] <= seen_until_s:
            _, of_write, write = self._writes.popleft()
            # The answer is not needed: only writes that succeeded on the table are repeated.
            self._ask(of_write, _on_copies(write))
        if self._writes:
            self._faults.tell_of_lag_from_thread()
        return self._dynamodb(_with_body(environ, _on_copies(request)), start_response)

    def _write(
        self, environ: Environ, request: Any, start_response: StartResponse
    ) -> Iterable[bytes]:
        def note(status: str, *more: Any) -> Any:
            if status.startswith("200"):
                self._writes.append((self._now_s(), environ, request))
            return start_response(status, *more)

        return self._dynamodb(environ, note)

    def _copy(self, environ: Environ, name: str) -> None:
        """Copy a table with its current items, unless it has a copy."""
        if name in self._copies:
            return
        described = self._ask(environ, {"TableName": name}, "DescribeTable").get("Table")
        if described is None:
            # No such table: DynamoDB itself reports that to the handler.
            return
        self._copies.add(name)
        # A copy that is left over from an earlier run has missed writes.
        self._ask(environ, {"TableName": _copy_of(name)}, "DeleteTable")
        self._ask(environ, _schema_of_copy(described), "CreateTable")
        start: dict[str, Any] = {}
        while True:
            page = self._ask(environ, {"TableName": name, **start}, "Scan")
            for item in page["Items"]:
                self._ask(environ, {"TableName": _copy_of(name), "Item": item}, "PutItem")
            if not page.get("LastEvaluatedKey"):
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _drop_copies(self, environ: Environ) -> None:
        """Delete the copies: they would miss writes until the fault is active again."""
        with self._lock:
            self._writes.clear()
            while self._copies:
                name = _copy_of(self._copies.pop())
                self._ask(environ, {"TableName": name}, "DeleteTable")

    def _ask(self, environ: Environ, request: Any, operation: str | None = None) -> Any:
        environ = _with_body(environ, request)
        if operation is not None:
            environ[_TARGET] = _VERSION + operation
        return json.loads(b"".join(self._dynamodb(environ, lambda *_: None)) or b"{}")


def _with_body(environ: Environ, request: Any) -> Environ:
    body = json.dumps(request).encode()
    return environ | {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _schema_of_copy(described: Any) -> dict[str, Any]:
    indexes = [
        {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
        for index in described.get("GlobalSecondaryIndexes", ())
    ]
    return {
        "TableName": _copy_of(described["TableName"]),
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": described["KeySchema"],
        "AttributeDefinitions": described["AttributeDefinitions"],
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    }


def _copy_of(name: str) -> str:
    return f"{name}.index-lag"


def _tables_of(request: Any) -> list[str]:
    """Return the tables that a request names."""
    found: list[str] = []
    if isinstance(request, dict):
        if isinstance(request.get("TableName"), str):
            found.append(request["TableName"])
        for key, value in request.items():
            found += list(value) if key == "RequestItems" else _tables_of(value)
    elif isinstance(request, list):
        for value in request:
            found += _tables_of(value)
    return found


def _on_copies(request: Any) -> Any:
    """Return a request with every table replaced by its copy."""
    if isinstance(request, list):
        return [_on_copies(value) for value in request]
    if not isinstance(request, dict):
        return request
    changed = {key: _on_copies(value) for key, value in request.items()}
    if isinstance(changed.get("TableName"), str):
        changed["TableName"] = _copy_of(changed["TableName"])
    if isinstance(changed.get("RequestItems"), dict):
        changed["RequestItems"] = {_copy_of(k): v for k, v in changed["RequestItems"].items()}
    return changed
