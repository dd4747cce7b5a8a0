"""botocore clients, created once per container.

boto3 is not used: its resources or session make a cold start a tenth longer, and nothing here
needs them.

The slowest invocation ends before Lambda's time-out, which is shorter than API Gateway's. So
time-outs are short, and only DynamoDB is retried: a post that timed out may have arrived.
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

# The patches of botocore
#
# Lambda's runtime, not our zip, decides the version of botocore. Each patch only saves CPU time.
# 1. _Loader lists our four services itself. botocore lists the folders of all four hundred, once
#    for each of two types of file: a tenth of a cold start. If botocore stops calling the method,
#    only the saving is lost; if it calls it with other arguments, the import fails.
# 2. _sharing_tls() gives all clients one TLS context, which loads a list of authorities only once.
#    urllib3 loads it for each connection, 30 ms of CPU, and a cold container opens two at its first
#    message. Certificates are verified as usual. If botocore moves the private attributes, the
#    AttributeError is suppressed and only the saving is lost.
# 3. _config() sets two public options: a fixed user agent saves a tenth of a warm message, and
#    switching off parameter validation saves time at each call.
# tests/lambda_app/test_clients.py fails if 2 or the user agent stop working with the botocore of
# constraints.txt; the effect of 1 shows in `make bench ARGS=lambda-start`.

CONNECT_TIMEOUT_S: Final = 1
READ_TIMEOUT_S: Final = 2

_ONCE: Final = {"total_max_attempts": 1, "mode": "standard"}
_TWICE: Final = {"total_max_attempts": 2, "mode": "standard"}


class _Loader(Loader):  # type: ignore[misc] # botocore has no types
    """botocore's loader of service models, limited to the services that are used here."""

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the names of the services, the same for every type of file."""
        return ["apigatewaymanagementapi", "dynamodb", "sqs", "ssm"]


_session = botocore.session.get_session()
_session.register_component("data_loader", _Loader())


def dynamodb_client() -> Any:
    """Create a DynamoDB client. It makes two attempts: reads and our writes are idempotent."""
    return _sharing_tls(_session.create_client("dynamodb", config=_config(_TWICE)))


def ssm_client() -> Any:
    """Create an SSM client. It makes one attempt, so that the longest ``$connect`` ends in time."""
    return _sharing_tls(_session.create_client("ssm", config=_config(_ONCE)))


def sqs_client() -> Any:
    """Create an SQS client. It makes one attempt: a note that is lost fails no message."""
    return _sharing_tls(_session.create_client("sqs", config=_config(_ONCE)))


@lru_cache(maxsize=16)
def management_client(endpoint: str) -> Any:
    """Return the container's client of ``@connections`` at an endpoint."""
    return _sharing_tls(
        _session.create_client(
            "apigatewaymanagementapi", endpoint_url=endpoint, config=_config(_ONCE)
        )
    )


@cache
def _tls_context() -> SSLContext:
    """Return the TLS context that all connections of a container share.

    Loading the same list of authorities again is a no-op.
    """
    context: SSLContext = create_urllib3_context()
    context.load_verify_locations = cache(context.load_verify_locations)  # type: ignore[assignment] # a method
    return context


def _sharing_tls(client: Any) -> Any:
    # botocore has no option for this. A version that keeps its context elsewhere goes on using it.
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
        # botocore would build its own header twice per call: a tenth of a warm message.
        user_agent="poker-signal",
        # Only our own code makes arguments, and tests check them; validation would cost each call.
        parameter_validation=False,
    )
