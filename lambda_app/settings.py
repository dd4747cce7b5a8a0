"""What the deployment tells the function, in its environment; read once per container."""

from collections.abc import Mapping
from typing import NamedTuple

from poker_signal.core.model import Topology

TABLE_NAME = "TABLE_NAME"
TOPOLOGY = "TOPOLOGY"
MANAGEMENT_ENDPOINT = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
"""AWS's own name. Set by the deployment, because a custom domain's endpoint has no stage."""


TICKET_SECRET_PARAMETER = "TICKET_SECRET_PARAMETER"


class BadSetting(Exception):
    """A variable is missing or wrong; the text names it."""


class Settings(NamedTuple):
    """The function's configuration."""

    table_name: str
    topology: Topology
    management_endpoint: str | None
    """``None``: that of the event's domain and stage."""
    ticket_secret_parameter: str | None = None
    """SSM parameter with the keys of join tickets; ``None``: nobody needs a ticket."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the environment.

        Raises:
            BadSetting: a variable is missing or wrong.
        """
        table_name = environ.get(TABLE_NAME)
        if not table_name:
            raise BadSetting(f"{TABLE_NAME} is not set: the name of the DynamoDB table")
        topology = environ.get(TOPOLOGY) or Topology.MESH
        if topology not in set(Topology):
            raise BadSetting(f"{TOPOLOGY} is {topology!r}, not {' or '.join(Topology)}")
        return cls(
            table_name,
            Topology(topology),
            environ.get(MANAGEMENT_ENDPOINT) or None,
            environ.get(TICKET_SECRET_PARAMETER) or None,
        )
