"""Route selection expressions, with examples from AWS's documentation."""

import json

import pytest

from poker_signal.emulator.aws.route_selection import InvalidExpression, compile_expression

BODY = json.dumps({"service": "chat", "action": "join", "data": {"room": "room1234"}})


@pytest.mark.parametrize(
    ("expression", "key"),
    [
        ("${request.body.action}", "join"),
        ("${request.body.action}-${request.body.invalidPath}", "join-"),
        ("$request.body.data.room", "room1234"),
        ("$request.body.data['room']", "room1234"),
        ("action", "action"),
        (r"\$default", "$default"),
        ("$request.body.missing", ""),
        ("", ""),
    ],
)
def test_an_expression_evaluates_as_documented(expression: str, key: str) -> None:
    """Examples and their results are those of AWS's documentation."""
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
    assert compile_expression(expression)(BODY) == key


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (1, "1"),
        (True, "true"),
        (None, ""),
        ([1, "a"], "[1, a]"),
        ({"a": 1}, '{"a":1}'),
        ("${request.body.other}", "${request.body.other}"),
    ],
    ids=["number", "boolean", "null", "array", "object", "expression"],
)
def test_a_value_becomes_a_string_and_is_not_evaluated_again(value: object, key: str) -> None:
    """Arrays are written as AWS does; AWS does not document the other types."""
    body = json.dumps({"action": value, "other": "x"})
    assert compile_expression("$request.body.action")(body) == key


@pytest.mark.parametrize("text", ["", "join", "[1]", '"action"', "7", "[" * 100_000])
def test_a_message_that_has_no_members_selects_nothing(text: str) -> None:
    """A message without members gives an empty key, which leads to $default."""
    assert compile_expression("$request.body.action")(text) == ""


@pytest.mark.parametrize(
    "expression",
    ["$context.routeKey", "$", "${request.body.a", "$request.body[?", "$request.body[["],
)
def test_what_is_no_expression_is_explained(expression: str) -> None:
    """The error is raised at start, not at the first message."""
    with pytest.raises(InvalidExpression, match=r"^[^\n]*\$\{?request\.body[^\n]*$"):
        compile_expression(expression)
