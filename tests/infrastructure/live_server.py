"""MiniStack as a process: its API Gateway takes connections, and its Lambda runs code.

With three changes. MiniStack discards the output of a Python function that is called by a
WebSocket; it goes on using the processes of an alias when the alias names another version; and it
lacks GetRuntimeManagementConfig and PutRuntimeManagementConfig.
"""

import asyncio
import json
import os
import socket
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

from tests.infrastructure.servers import REGION

SETTINGS = {
    "BIND_HOST": "127.0.0.1",
    "LAMBDA_EXECUTOR": "local",
    "LAMBDA_STRICT": "0",
    # Services that the tests do not need, and that would look for Docker or open more ports.
    "DOCKER_HOST": "unix:///nonexistent.sock",
    "IOT_MTLS_ENABLED": "0",
    "SFTP_ENABLED": "0",
    "LOG_LEVEL": "WARNING",
}


def keep_what_functions_say() -> None:
    """Write the log of a call by a WebSocket as MiniStack's own Invoke does."""
    from ministack.core import lambda_runtime

    own = lambda_runtime.get_or_create_worker

    def get_or_create_worker(
        name: str, config: dict[str, Any], code: bytes, qualifier: str = "$LATEST"
    ) -> SimpleNamespace:
        worker = own(name, config, code, qualifier=str(config.get("Version") or qualifier))

        def invoke(event: object, request_id: str) -> dict[str, Any]:
            from ministack.services import lambda_svc

            started = time.monotonic()
            result: dict[str, Any] = worker.invoke(event, request_id)
            failed, said = result.get("status") == "error", result.get("log", "")
            took_ms = int((time.monotonic() - started) * 1000)
            lambda_svc._emit_lambda_logs({"config": config}, request_id, said, failed, took_ms)
            return result

        return SimpleNamespace(invoke=invoke)

    lambda_runtime.get_or_create_worker = get_or_create_worker


def with_runtime_management(app: Any) -> Any:
    """Return an application that keeps the runtime management of functions, by version."""
    kept: dict[str, str] = {}

    async def called(scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if not path.endswith("/runtime-management-config"):
            await app(scope, receive, send)
            return
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        body += message.get("body", b"")
        version = parse_qs(scope["query_string"].decode()).get("Qualifier", ["$LATEST"])[0]
        arn = f"arn:aws:lambda:{REGION}:{'0' * 12}:function:{path.split('/')[3]}:{version}"
        if scope["method"] == "PUT":
            kept[arn] = json.loads(body)["UpdateRuntimeOn"]
        answer = {"FunctionArn": arn, "UpdateRuntimeOn": kept.get(arn, "Auto")}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    return called


def main() -> None:
    """Print the address, then serve until the process is ended."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    os.environ.update(SETTINGS, GATEWAY_PORT=str(port))

    # MiniStack reads its environment when it is imported.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    keep_what_functions_say()
    config = Config()
    # hypercorn closes the socket.
    config.bind = [f"fd://{listener.detach()}"]
    config.loglevel = "WARNING"
    print(f"http://127.0.0.1:{port}", flush=True)
    asyncio.run(serve(with_runtime_management(app), config))


if __name__ == "__main__":
    main()
