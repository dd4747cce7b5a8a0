"""The environment, read once: what is missing or wrong is named."""

import pytest

from poker_signal.core.model import Topology
from poker_signal.lambda_app.settings import BadSetting, Settings


def test_a_table_is_all_that_is_required() -> None:
    """Everything else has a default."""
    assert Settings.from_env({"TABLE_NAME": "rows"}) == Settings("rows", Topology.MESH, None)


def test_every_variable_is_read() -> None:
    """Under the names that the deployment sets."""
    environ = {
        "TABLE_NAME": "rows",
        "TOPOLOGY": "star",
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "https://signal.example.com",
        "TICKET_SECRET_PARAMETER": "/poker/tickets",
    }
    expected = Settings("rows", Topology.STAR, "https://signal.example.com", "/poker/tickets")
    assert Settings.from_env(environ) == expected


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    """Templates leave them so."""
    environ = {
        "TABLE_NAME": "rows",
        "TOPOLOGY": "",
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "",
        "TICKET_SECRET_PARAMETER": "",
    }
    assert Settings.from_env(environ) == Settings("rows", Topology.MESH, None)


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({}, "TABLE_NAME is not set: the name of the DynamoDB table"),
        ({"TABLE_NAME": ""}, "TABLE_NAME is not set: the name of the DynamoDB table"),
        ({"TABLE_NAME": "rows", "TOPOLOGY": "ring"}, "TOPOLOGY is 'ring', not mesh or star"),
        ({"TABLE_NAME": "rows", "TOPOLOGY": "STAR"}, "TOPOLOGY is 'STAR', not mesh or star"),
    ],
    ids=["no table", "empty table", "unknown topology", "capitals"],
)
def test_what_is_missing_or_wrong_is_named(environ: dict[str, str], says: str) -> None:
    """In the error that Lambda shows of a container that does not start."""
    with pytest.raises(BadSetting) as error:
        Settings.from_env(environ)
    assert str(error.value) == says
