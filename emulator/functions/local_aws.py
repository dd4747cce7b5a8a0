"""AWS's services for handlers: moto's server in this process, and tables in a DynamoDB."""

import logging
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, NamedTuple

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator import extras
from poker_signal.emulator.functions.variables import DUMMY
from poker_signal.emulator.protocols.origins import is_local_name, name_in

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""A WSGI application."""

DYNAMODB = ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS")
ALL = "AWS_ENDPOINT_URL"
"""Variable of the endpoint of each service that has none of its own."""

CONNECT_S = 2
ANSWER_S = 30
"""Seconds for an answer: before its first one, moto imports most of its modules."""


class NoService(PokerSignalError):
    """A service cannot be started or used; the message says what to do."""


class NewTable(NamedTuple):
    """A table to create."""

    definition: dict[str, Any]
    """Arguments of CreateTable."""
    ttl: str | None = None
    """Attribute of the time to live."""


@contextmanager
def moto(around: Callable[[Any], Any] = lambda application: application) -> Generator[str]:
    """Serve all services that moto has; yield the endpoint.

    ``around`` wraps moto's WSGI application.

    Raises:
        NoService: moto is not installed.
    """
    try:
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )
        from werkzeug.serving import make_server
    except ImportError as error:
        raise NoService(extras.missing("moto", "moto")) from error
    # It writes a line per request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(
        "127.0.0.1",
        0,
        without_pages(around(DomainDispatcherApplication(create_backend_app))),
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


def without_pages(application: Application) -> Application:
    """Return a WSGI application that refuses web pages, as the emulator's own port does.

    Moto lets each page read and write: a page of any site could look for its port. A page sends
    ``Origin``, for an image ``Sec-Fetch-Site``, or by DNS rebinding its own name in ``Host``.
    """

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        is_ours = is_local_name(name_in(environ.get("HTTP_HOST", "127.0.0.1")))
        is_of_page = environ.get("HTTP_SEC_FETCH_SITE", "none") not in {"none", "same-origin"}
        if "HTTP_ORIGIN" not in environ and is_ours and not is_of_page:
            return application(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"Web pages may not use the services of the emulator: use 127.0.0.1 as the host."]

    return guarded


def client(service: str, endpoint: str, region: str | None = None, **credentials: str) -> Any:
    """Return a client of botocore; without ``credentials``, the user's own."""
    import botocore.session
    from botocore.config import Config

    config = Config(
        connect_timeout=CONNECT_S, read_timeout=ANSWER_S, retries={"total_max_attempts": 1}
    )
    session = botocore.session.get_session()
    return session.create_client(
        service, region_name=region, endpoint_url=endpoint, config=config, **credentials
    )


def create_tables(
    endpoint: str, tables: Iterable[NewTable], region: str, *, real_aws: bool = False
) -> None:
    """Create the tables that do not exist.

    ``real_aws``: with the user's credentials.

    Raises:
        NoService: boto3 is not installed, or the endpoint does not answer or refuses.
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise NoService(extras.missing("a table in DynamoDB", "aws")) from error
    dummy = {"aws_access_key_id": DUMMY, "aws_secret_access_key": DUMMY}
    try:
        dynamodb = client("dynamodb", endpoint, region, **({} if real_aws else dummy))
        for definition, ttl in tables:
            try:
                dynamodb.create_table(**definition)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceInUseException":
                    raise
                continue
            if ttl is not None:
                dynamodb.update_time_to_live(
                    TableName=definition["TableName"],
                    TimeToLiveSpecification={"Enabled": True, "AttributeName": ttl},
                )
    except (BotoCoreError, ClientError, ValueError) as error:
        raise NoService(f"--dynamodb {endpoint}: {error}") from error
