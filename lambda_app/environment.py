"""The function's settings, read from environment variables once per container."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from poker_signal.core import configuration as rules
from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.configuration import BadOrigin, Rules, Topology

TABLE_NAME = "TABLE_NAME"
TOPOLOGY = "TOPOLOGY"
SEATS = "SEATS"
MESSAGE_RATE = "MESSAGE_RATE"
MESSAGE_BURST = "MESSAGE_BURST"
MAX_PAYLOAD_BYTES = "MAX_PAYLOAD_BYTES"
ALLOWED_ORIGINS = "ALLOWED_ORIGINS"
MANAGEMENT_ENDPOINT = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
"""AWS's own variable. The deployment sets it: a custom domain's endpoint has no stage."""

TICKET_SECRET_PARAMETER = "TICKET_SECRET_PARAMETER"
ICE_PARAMETER = "ICE_PARAMETER"
LATER_QUEUE_URL = "LATER_QUEUE_URL"
AUTO_JOIN = "AUTO_JOIN"
READ_TIMEOUT_S = "READ_TIMEOUT_S"
"""Set by the emulator only: its stand-in for AWS shares a laptop with everything else."""


class BadSetting(PokerSignalError):
    """A variable is missing or not valid. The message names it."""


class FunctionSettings(NamedTuple):
    """The function's configuration."""

    table_name: str
    rules: Rules
    management_endpoint: str | None
    """``None``: made of the event's domain and stage."""
    ticket_secret_parameter: str | None = None
    """SSM parameter with the keys of join tickets. ``None``: tickets are not required."""
    later_queue_url: str | None = None
    """SQS queue of what is due later. ``None``: no join is watched, no lobby kept."""
    ice_parameter: str | None = None
    """SSM parameter with the configuration of ICE servers. ``None``: clients get none."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "FunctionSettings":
        """Read the settings.

        Raises:
            BadSetting: a variable is missing or not valid.
        """
        table_name = environ.get(TABLE_NAME)
        if not table_name:
            raise BadSetting(f"{TABLE_NAME} is not set: the name of the DynamoDB table")
        return cls(
            table_name,
            _rules_of(environ),
            environ.get(MANAGEMENT_ENDPOINT) or None,
            environ.get(TICKET_SECRET_PARAMETER) or None,
            environ.get(LATER_QUEUE_URL) or None,
            environ.get(ICE_PARAMETER) or None,
        )


def environment_of(wanted: Rules) -> dict[str, str]:
    """Return the environment variables that set these rules."""
    return {
        TOPOLOGY: wanted.topology.value,
        SEATS: str(wanted.seats),
        MESSAGE_RATE: str(wanted.message_rate),
        MESSAGE_BURST: str(wanted.message_burst),
        MAX_PAYLOAD_BYTES: str(wanted.max_payload_bytes),
        ALLOWED_ORIGINS: ",".join(sorted(wanted.origins)),
        AUTO_JOIN: str(int(wanted.auto_join)),
    }


def _rules_of(environ: Mapping[str, str]) -> Rules:
    topology = environ.get(TOPOLOGY) or Topology.MESH
    if topology not in set(Topology):
        raise BadSetting(f"{TOPOLOGY} is {topology!r}, not {' or '.join(Topology)}")
    try:
        origins = rules.parse_origins(environ.get(ALLOWED_ORIGINS) or "")
    except BadOrigin as error:
        raise BadSetting(f"{ALLOWED_ORIGINS}: {error}") from error
    return Rules(
        topology=Topology(topology),
        seats=whole_of(environ, SEATS, rules.SEATS, least=0),
        message_rate=_rate(environ),
        message_burst=whole_of(environ, MESSAGE_BURST, rules.MESSAGE_BURST, least=1),
        max_payload_bytes=whole_of(
            environ,
            MAX_PAYLOAD_BYTES,
            rules.MAX_PAYLOAD_BYTES,
            least=1,
            most=rules.LARGEST_PAYLOAD_BYTES,
        ),
        origins=origins,
        later=bool(environ.get(LATER_QUEUE_URL)),
        auto_join=bool(whole_of(environ, AUTO_JOIN, 0, least=0, most=1)),
        ice=bool(environ.get(ICE_PARAMETER)),
    )


def whole_of(
    environ: Mapping[str, str], name: str, default: int, least: int, most: int | None = None
) -> int:
    """Return a variable's value, or the default if it is not set.

    Raises:
        BadSetting: it is not a whole number, or out of range.
    """
    text = environ.get(name) or str(default)
    number = rules.whole_number(text, least, most)
    if number is None:
        kind = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise BadSetting(f"{name} is {text!r}, not a whole number {kind}")
    return number


def _rate(environ: Mapping[str, str]) -> float:
    text = environ.get(MESSAGE_RATE) or str(rules.MESSAGE_RATE)
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate < math.inf:
        raise BadSetting(f"{MESSAGE_RATE} is {text!r}, not a number of at least 0")
    return rate
