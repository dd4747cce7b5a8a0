"""botocore's clients, made once per container.

botocore and not boto3: a resource or boto3's session costs a cold start a tenth more, and
nothing of it is used here.

Time-outs are such that the worst case ends before the Lambda does, and API Gateway before
that: a read is retried, because it may be; a post is not, because it may have arrived.
"""

import os
from contextlib import suppress
from functools import cache, lru_cache
from ssl import SSLContext
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader
from urllib3.util.ssl_ import create_urllib3_context

from poker_signal.lambda_app import environment as settings

CONNECT_TIMEOUT_S: Final = 1
READ_TIMEOUT_S: Final = 2

_ONCE: Final = {"total_max_attempts": 1, "mode": "standard"}
_TWICE: Final = {"total_max_attempts": 2, "mode": "standard"}


class _Loader(Loader):  # type: ignore[misc] # botocore has no types
    """Knows the services that are used here.

    botocore's own looks through the folders of all four hundred before it believes that one
    exists, twice: a tenth of a cold start.
    """

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the names of the services that may be asked for."""
        return ["apigatewaymanagementapi", "dynamodb", "ssm"]


_session = botocore.session.get_session()
_session.register_component("data_loader", _Loader())


def dynamodb_client() -> Any:
    """Return a client of DynamoDB. Its writes are idempotent: they may be tried twice."""
    return _sharing_tls(_session.create_client("dynamodb", config=_config(_TWICE)))


def ssm_client() -> Any:
    """Return a client of SSM. It is asked once: a connect that needs all else as well must end."""
    return _sharing_tls(_session.create_client("ssm", config=_config(_ONCE)))


@lru_cache(maxsize=16)
def management_client(endpoint: str) -> Any:
    """Return a client of ``@connections`` at an endpoint."""
    return _sharing_tls(
        _session.create_client(
            "apigatewaymanagementapi", endpoint_url=endpoint, config=_config(_ONCE)
        )
    )


@cache
def _tls_context() -> SSLContext:
    """Return what all connections of a container share, so that its authorities are read once.

    urllib3 has the whole list of them read for each connection that is made, 30 ms of CPU, and
    a cold container makes two at its first message. They are checked as ever.
    """
    context: SSLContext = create_urllib3_context()
    context.load_verify_locations = cache(context.load_verify_locations)  # type: ignore[assignment]
    return context


def _sharing_tls(client: Any) -> Any:
    # botocore takes no context of its maker's. A version of it that keeps its own elsewhere
    # makes connections as it always did.
    with suppress(AttributeError):
        manager = client._endpoint.http_session._manager
        manager.connection_pool_kw["ssl_context"] = _tls_context()
    return client


def _read_timeout_s() -> float:
    if os.environ.get(settings.READ_TIMEOUT_S):
        return settings.whole_of(os.environ, settings.READ_TIMEOUT_S, READ_TIMEOUT_S, least=1)
    return READ_TIMEOUT_S


def _config(retries: dict[str, Any]) -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=_read_timeout_s(),
        retries=retries,
        # botocore would put its own together anew, twice a call: a tenth of a warm message.
        user_agent="poker-signal",
        # Arguments are made here, and held by tests: checking them again costs every call.
        parameter_validation=False,
    )
