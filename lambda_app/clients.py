"""botocore's clients, made once per container.

botocore and not boto3: a resource or boto3's session costs a cold start a tenth more, and
nothing of it is used here.

Time-outs are such that the worst case ends before the Lambda does, and API Gateway before
that: a read is retried, because it may be; a post is not, because it may have arrived.
"""

from functools import lru_cache
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

CONNECT_TIMEOUT_S: Final = 1
READ_TIMEOUT_S: Final = 2

_ONCE: Final = {"total_max_attempts": 1, "mode": "standard"}
_TWICE: Final = {"total_max_attempts": 2, "mode": "standard"}


class _Loader(Loader):  # type: ignore[misc] # botocore has no types
    """Knows the two services that are used here.

    botocore's own looks through the folders of all four hundred before it believes that one
    exists, twice: a tenth of a cold start.
    """

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the names of the services that may be asked for."""
        return ["apigatewaymanagementapi", "dynamodb"]


_session = botocore.session.get_session()
_session.register_component("data_loader", _Loader())


def dynamodb_client() -> Any:
    """Return a client of DynamoDB. Its writes are idempotent: they may be tried twice."""
    return _session.create_client("dynamodb", config=_config(_TWICE))


@lru_cache(maxsize=16)
def management_client(endpoint: str) -> Any:
    """Return a client of ``@connections`` at an endpoint."""
    return _session.create_client(
        "apigatewaymanagementapi", endpoint_url=endpoint, config=_config(_ONCE)
    )


def _config(retries: dict[str, Any]) -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries=retries,
        # botocore would put its own together anew, twice a call: a tenth of a warm message.
        user_agent="poker-signal",
        # Arguments are made here, and held by tests: checking them again costs every call.
        parameter_validation=False,
    )
