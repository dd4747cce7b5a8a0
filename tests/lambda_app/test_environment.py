"""The environment of the function, and its error messages."""

import pytest

from poker_signal.core.configuration import Rules, Topology
from poker_signal.lambda_app.environment import BadSetting, FunctionSettings, environment_of

EVERYTHING = {
    "TABLE_NAME": "rows",
    "TOPOLOGY": "star",
    "SEATS": "9",
    "MESSAGE_RATE": "1.5",
    "MESSAGE_BURST": "3",
    "MAX_PAYLOAD_BYTES": "1000",
    "ALLOWED_ORIGINS": "https://a.example, https://b.example",
    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "https://signal.example.com",
    "TICKET_SECRET_PARAMETER": "/poker/tickets",
    "LATER_QUEUE_URL": "https://sqs.example/later",
    "AUTO_JOIN": "1",
}


def test_every_variable_is_read() -> None:
    """All variables are read under the names that the deployment sets."""
    origins = frozenset({"https://a.example", "https://b.example"})
    rules = Rules(Topology.STAR, 9, 1.5, 3, 1000, origins, later=True, auto_join=True)
    expected = FunctionSettings(
        "rows", rules, "https://signal.example.com", "/poker/tickets", "https://sqs.example/later"
    )
    assert FunctionSettings.from_env(EVERYTHING) == expected


@pytest.mark.parametrize("environ", [{}, dict.fromkeys(EVERYTHING, "")], ids=["not set", "empty"])
def test_a_table_is_all_that_is_required(environ: dict[str, str]) -> None:
    """All other variables have a default, also if they are empty, as templates leave them."""
    settings = FunctionSettings.from_env({**environ, "TABLE_NAME": "rows"})
    assert settings == FunctionSettings("rows", Rules(), None)


@pytest.mark.parametrize(
    "rules",
    [
        Rules(),
        Rules(Topology.STAR, 0, 0.25, 1, 131_072, frozenset({"null", "https://a.example"})),
        Rules(later=True, auto_join=True),
    ],
    ids=["defaults", "everything", "later"],
)
def test_what_is_written_for_the_function_is_what_it_reads(rules: Rules) -> None:
    """The function reads the same rules that the emulator writes into its environment."""
    environ = {"TABLE_NAME": "rows", **environment_of(rules)}
    if rules.later:
        # The emulator has no queue of SQS; a deployment sets its URL.
        environ["LATER_QUEUE_URL"] = "https://sqs.example/later"
    assert FunctionSettings.from_env(environ).rules == rules


ORIGIN_RULE = (
    "is no origin: write scheme://host or scheme://host:port in lower case, "
    "without a path or a wildcard, such as https://poker.example.com"
)
NUMBERS = {
    "SEATS": ("not a whole number of at least 0", "-1 many 1.5 9999999999999999 ٩ 1_0"),
    "MESSAGE_BURST": ("not a whole number of at least 1", "0 -1 2.5 all"),
    "MAX_PAYLOAD_BYTES": ("not a whole number from 1 to 131072", "0 131073 64K"),
    "AUTO_JOIN": ("not a whole number from 0 to 1", "2 -1 yes true"),
    "MESSAGE_RATE": ("not a number of at least 0", "-1 nan inf fast"),
}


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        *(
            ({name: value}, f"{name} is {value!r}, {rule}")
            for name, (rule, values) in NUMBERS.items()
            for value in values.split()
        ),
        ({"SEATS": " 9"}, "SEATS is ' 9', not a whole number of at least 0"),
        ({"TABLE_NAME": ""}, "TABLE_NAME is not set: the name of the DynamoDB table"),
        ({"TOPOLOGY": "ring"}, "TOPOLOGY is 'ring', not mesh or star"),
        ({"TOPOLOGY": "STAR"}, "TOPOLOGY is 'STAR', not mesh or star"),
        (
            {"ALLOWED_ORIGINS": "https://a.example/"},
            f"ALLOWED_ORIGINS: 'https://a.example/' {ORIGIN_RULE}",
        ),
    ],
)
def test_what_is_wrong_is_named(environ: dict[str, str], says: str) -> None:
    """A wrong value is named in the error that Lambda shows when a container does not start."""
    with pytest.raises(BadSetting) as error:
        FunctionSettings.from_env({"TABLE_NAME": "rows", **environ})
    assert str(error.value) == says
