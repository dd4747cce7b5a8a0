"""The judgement of a function's response, and its reason."""

import pytest

from poker_signal.emulator.aws.results import Malformed, Raised, Report, Returned, TimedOut, judged

ACCEPTED = [
    {"statusCode": 200},
    {"statusCode": 599, "body": None, "headers": None, "isBase64Encoded": False},
    {"statusCode": 100, "body": "", "headers": {}, "multiValueHeaders": {}},
]


@pytest.mark.parametrize("value", ACCEPTED)
def test_a_response_is_taken_as_it_is(value: object) -> None:
    """A report of our own rules stays."""
    result = Returned(value, Report("delivered"))
    assert judged(result) is result


def test_a_status_of_digits_is_a_number() -> None:
    """REST APIs take it, and awsgi returns it."""
    assert judged(Returned({"statusCode": "201", "body": "x"})) == Returned(
        {
            "statusCode": 201,
            "body": "x",
        }
    )


REFUSED: dict[str, tuple[object, str]] = {
    "None": (None, "the function returned None, not a dict"),
    "text": ("hello", "the function returned the string 'hello', not a dict"),
    "list": ([], "the function returned a list, not a dict"),
    "integer": (7, "the function returned an integer, not a dict"),
    "empty": ({}, "statusCode is missing"),
    "no-status": ({"body": "x"}, "statusCode is missing"),
    "null-status": ({"statusCode": None}, "statusCode is None, not an integer"),
    "word": ({"statusCode": "ok"}, "statusCode is the string 'ok', not an integer"),
    "float": ({"statusCode": 200.0}, "statusCode is a float, not an integer"),
    "bool": ({"statusCode": True}, "statusCode is a bool, not an integer"),
    "range": ({"statusCode": 600}, "statusCode is 600, not in the range 100 to 599"),
    "zeros": ({"statusCode": "000"}, "statusCode is 0, not in the range 100 to 599"),
    "dict": ({"statusCode": 200, "body": {"a": 1}}, "body is a dict, not a string"),
    "number": ({"statusCode": 200, "body": 5}, "body is an integer, not a string"),
    "headers": ({"statusCode": 200, "headers": []}, "headers is a list, not a dict"),
    "unknown": (
        {"statusCode": 200, "cookies": []},
        "unknown members cookies; allowed are body, headers, isBase64Encoded, "
        "multiValueHeaders, statusCode",
    ),
}


@pytest.mark.parametrize(("value", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_a_malformed_response_has_its_reason(value: object, why: str) -> None:
    """The reason names the member, what it is and what it has to be."""
    assert judged(Returned(value)) == Malformed(why, value)


@pytest.mark.parametrize("result", [Raised("boom"), TimedOut(), Malformed("so")])
def test_other_results_stay(result: Raised | TimedOut | Malformed) -> None:
    """Only values are judged."""
    assert judged(result) is result
