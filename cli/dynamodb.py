"""--dynamodb: the table of the Lambda host while it runs in the emulator."""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import click

from poker_signal.core.configuration import Rules
from poker_signal.emulator import extras
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.faults.lagging_dynamodb import LaggingIndex
from poker_signal.lambda_app.environment import (
    READ_TIMEOUT_S,
    TABLE_NAME,
    TICKET_SECRET_PARAMETER,
    environment_of,
)
from poker_signal.lambda_app.table import schema

DEFAULT_TABLE = "poker-signaling-connections"
DEFAULT_PARAMETER = "/poker-signaling/tickets"
ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB"
SSM_ENDPOINT = "AWS_ENDPOINT_URL_SSM"

CONNECT_S = 2
ANSWER_S = 30
"""Seconds for an answer: before its first one, moto imports most of its modules."""

CALL_S = "10"
"""Seconds that the function waits for an answer; two tries fit into API Gateway's 29 s."""


@contextmanager
def dynamodb(
    where: str,
    rules: Rules,
    region: str,
    ticket_secret: str | None = None,
    faults: Faults | None = None,
) -> Generator[None, None, None]:
    """Set the Lambda host's environment; ``where`` is ``moto`` or an endpoint's URL.

    ``ticket_secret`` is stored in moto's SSM, where the function reads it. ``faults`` sets the lag
    of moto's indexes.

    Raises:
        click.ClickException: moto is not installed, or the endpoint does not answer.
    """
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(_moto(faults or Faults())) if where == "moto" else where
        before = dict(os.environ)
        stack.callback(_restore, before)
        for name, value in {
            ENDPOINT: endpoint,
            TABLE_NAME: os.environ.get(TABLE_NAME, DEFAULT_TABLE),
            READ_TIMEOUT_S: os.environ.get(READ_TIMEOUT_S, CALL_S),
            **environment_of(rules),
            "AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", region),
            "AWS_ACCESS_KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID", "emulator"),
            "AWS_SECRET_ACCESS_KEY": os.environ.get("AWS_SECRET_ACCESS_KEY", "emulator"),
        }.items():
            os.environ[name] = value
        _create_table(endpoint, os.environ[TABLE_NAME])
        if ticket_secret is not None:
            os.environ[SSM_ENDPOINT] = endpoint
            os.environ[TICKET_SECRET_PARAMETER] = DEFAULT_PARAMETER
            _put_secret(endpoint, ticket_secret)
        yield


def _restore(before: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)


@contextmanager
def _moto(faults: Faults) -> Generator[str, None, None]:
    try:
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server
    except ImportError as error:
        raise click.ClickException(extras.missing("--dynamodb moto", "moto")) from error
    # It writes a line per request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = DomainDispatcherApplication(create_backend_app)
    server = make_server(
        "127.0.0.1",
        0,
        LaggingIndex(moto, faults, time.monotonic),
        threaded=True,
        request_handler=MotoRequestHandler,
    )
    thread = threading.Thread(target=server.serve_forever, name="moto", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _put_secret(endpoint: str, secret: str) -> None:
    """Store the keys of tickets in SSM, as an operator does."""
    _client("ssm", endpoint).put_parameter(
        Name=DEFAULT_PARAMETER, Value=secret, Type="SecureString", Overwrite=True
    )


def _client(service: str, endpoint: str) -> Any:
    import botocore.session
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_S, read_timeout=ANSWER_S, retries={"total_max_attempts": 1}
    )
    session = botocore.session.get_session()
    return session.create_client(service, endpoint_url=endpoint, config=config)


def _create_table(endpoint: str, name: str) -> None:
    """Create the deployment's table unless it exists."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        _client("dynamodb", endpoint).create_table(**schema(name))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise click.ClickException(f"--dynamodb {endpoint}: {error}") from error
    except (BotoCoreError, ValueError) as error:
        raise click.ClickException(f"--dynamodb {endpoint}: {error}") from error
