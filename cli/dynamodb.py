"""--dynamodb: the table of the Lambda host while it runs in the emulator."""

import contextlib
import os
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from poker_signal.core.configuration import Rules
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.faults.lagging_dynamodb import LaggingIndex
from poker_signal.emulator.functions.local_aws import (
    ALL,
    DYNAMODB,
    NewTable,
    client,
    create_tables,
    moto,
)
from poker_signal.lambda_app.environment import (
    ICE_PARAMETER,
    READ_TIMEOUT_S,
    TABLE_NAME,
    TICKET_SECRET_PARAMETER,
    environment_of,
)
from poker_signal.lambda_app.table import schema

DEFAULT_TABLE = "poker-signaling-connections"
PARAMETERS = {
    TICKET_SECRET_PARAMETER: "/poker-signaling/tickets",
    ICE_PARAMETER: "/poker-signaling/ice",
}
"""Names of SSM parameters, by the function's variable."""

ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB"
SSM_ENDPOINT = "AWS_ENDPOINT_URL_SSM"

CALL_S = "10"
"""Seconds that the function waits for an answer; two tries fit into API Gateway's 29 s."""


@contextmanager
def dynamodb(
    where: str,
    rules: Rules,
    region: str,
    parameters: Mapping[str, str] = MappingProxyType({}),
    faults: Faults | None = None,
) -> Generator[dict[str, str]]:
    """Set the Lambda host's environment; ``where`` is ``moto`` or an endpoint's URL.

    ``parameters`` are texts of moto's SSM, by the variable that names the parameter to the
    function. ``faults`` sets the lag of moto's indexes.

    Raises:
        NoService: moto is not installed, or the endpoint does not answer.
    """
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(moto_with(faults or Faults())) if where == "moto" else where
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
        table = NewTable(schema(os.environ[TABLE_NAME]))
        create_tables(endpoint, [table], region, real_aws=True)
        for variable, text in parameters.items():
            os.environ[SSM_ENDPOINT] = endpoint
            os.environ[variable] = PARAMETERS[variable]
            _put_parameter(endpoint, PARAMETERS[variable], text)
        yield {}


@contextmanager
def services(
    where: str | None,
    has_all: bool,
    tables: Iterable[NewTable],
    region: str,
    faults: Faults,
    *,
    real_aws: bool,
) -> Generator[dict[str, str]]:
    """Yield the endpoints of AWS's services for handlers, by variable.

    ``where``: DynamoDB, ``moto`` or a URL; None: the one that handlers find themselves.
    ``has_all``: moto serves all other services.

    Raises:
        NoService: moto is not installed, or the endpoint does not answer.
    """
    with contextlib.ExitStack() as stack:
        needs_moto = has_all or where == "moto"
        endpoint = stack.enter_context(moto_with(faults)) if needs_moto else ""
        variables = {ALL: endpoint} if has_all else {}
        dynamodb = endpoint if where == "moto" else where
        if dynamodb is not None:
            variables |= dict.fromkeys(DYNAMODB, dynamodb)
            create_tables(dynamodb, tables, region, real_aws=real_aws)
        yield variables


def moto_with(faults: Faults) -> contextlib.AbstractContextManager[str]:
    """Serve moto, with the faults of tables."""
    return moto(lambda application: LaggingIndex(application, faults, time.monotonic))


def _restore(before: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)


def _put_parameter(endpoint: str, name: str, text: str) -> None:
    """Store a secret in SSM, as an operator does."""
    client("ssm", endpoint).put_parameter(
        Name=name, Value=text, Type="SecureString", Overwrite=True
    )
