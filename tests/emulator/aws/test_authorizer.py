"""Lambda authorizers: identity sources and policies."""

from typing import Any

import pytest

from poker_signal.emulator.aws.authorizer import DENIED, MISCONFIGURED, judge, lacks_identity
from poker_signal.emulator.aws.http import Answer, Request
from poker_signal.emulator.aws.results import Malformed, Returned, TimedOut

ARN = "arn:aws:execute-api:us-west-2:123456789012:pokerlocal/prod/$connect"


def statement(effect: str = "Allow", **more: Any) -> dict[str, Any]:
    """Return a statement whose resource is the connect of these tests."""
    return {"Action": "execute-api:Invoke", "Effect": effect, "Resource": ARN, **more}


def returned(*statements: Any, **more: Any) -> Returned:
    """Return the result of an authorizer: a policy, and more members."""
    return Returned({"policyDocument": {"Statement": list(statements)}, **more})


def verdict(*statements: Any, **more: Any) -> dict[str, Any] | Answer | Malformed:
    """Return the verdict on a policy: the context, or the answer that refuses."""
    return judge(returned(*statements, **more), ARN, "192.0.2.1")


ALLOWING = {
    "wildcard": statement(Resource="arn:aws:execute-api:*/prod/*"),
    "question-marks": statement(Resource=ARN.replace("prod", "????")),
    "any-action": statement(Action="*"),
    "action-case": statement(Action="Execute-API:invoke"),
    "lists": statement(Action=["x:y", "execute-api:*"], Resource=["x", ARN]),
    "from-here": statement(Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
    "not-from-there": statement(Condition={"NotIpAddress": {"aws:sourceip": ["10.0.0.0/8"]}}),
}


@pytest.mark.parametrize("matching", ALLOWING.values(), ids=ALLOWING.keys())
def test_a_statement_that_matches_allows(matching: Any) -> None:
    """Statements match as in IAM; without a principalId the context has none."""
    assert verdict(matching, context={"a": True}) == {"a": "true"}


DENYING: dict[str, list[Any]] = {
    "nothing": [],
    "deny-wins": [statement(), statement("Deny", Resource="*")],
    "other-action": [statement(Action="execute-api:ManageConnections")],
    "no-regex": [statement(Resource=ARN.replace("prod", "p.+d"))],
    "from-elsewhere": [statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})],
    "unknown-condition": [statement(Condition={"StringEquals": {"aws:x": "y"}})],
    "unknown-deny": [statement(), statement("Deny", Condition={"Bool": {"aws:x": "y"}})],
}


@pytest.mark.parametrize("statements", DENYING.values(), ids=DENYING.keys())
def test_what_is_not_allowed_is_denied(statements: list[Any]) -> None:
    """The answer is 403; an explicit Deny wins, and an unknown condition never allows."""
    assert verdict(*statements) is DENIED


HERE = {"IpAddress": {"aws:SourceIp": "here"}}
JUNK: dict[str, Returned | TimedOut] = {
    "statement": returned("Allow"),
    "context": returned(statement(), context="x"),
    "principal": returned(statement(), principalId=7),
    "network": returned(statement(Condition=HERE)),
    "slow": TimedOut(),
}


@pytest.mark.parametrize("result", JUNK.values(), ids=JUNK.keys())
def test_anything_else_is_a_misconfigured_authorizer(result: Any) -> None:
    """The answer is 500, not 401: the client is not at fault."""
    answer = judge(result, ARN, "192.0.2.1")
    assert answer is MISCONFIGURED if result == TimedOut() else isinstance(answer, Malformed)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "the authorizer returned None, not a dict"),
        ("unauthorized", "the authorizer returned the string 'unauthorized', not a dict"),
        ({}, "policyDocument is None, not a dict"),
        ({"policyDocument": {}}, "policyDocument.Statement is None, not a list"),
        ({"policyDocument": {"Statement": [{}]}}, "a statement of policyDocument has no 'Effect'"),
        (
            returned(statement(), context={"a": {}}).value,
            "context.a is a dict; only strings, numbers and booleans may be",
        ),
        (returned(statement(), principalId=7).value, "principalId is an integer, not a string"),
    ],
    ids=["none", "text", "no-policy", "no-statement", "no-effect", "nested", "principal"],
)
def test_a_malformed_answer_has_its_reason(value: object, why: str) -> None:
    """The reason names the member, its type and what is allowed."""
    answer = judge(Returned(value), ARN, "192.0.2.1")
    assert isinstance(answer, Malformed)
    assert answer.why == why


@pytest.mark.parametrize(
    ("source", "lacks"),
    [
        ("route.request.header.auth", False),
        ("route.request.header.Other", True),
        ("route.request.header.Empty", True),
        ("route.request.querystring.token", False),
        ("route.request.querystring.Token", True),
        ("stageVariables.table", False),
        ("stageVariables.other", True),
        ("context.identity.sourceIp", False),
        ("context.identity.apiKey", True),
    ],
)
def test_every_identity_source_must_be_there(source: str, lacks: bool) -> None:
    """All sources must be present, not any; header names are compared without case."""
    request = Request("GET", "/prod?token=t", [("Auth", "a"), ("Empty", "")], "192.0.2.1")
    context = {"identity": {"sourceIp": "192.0.2.1"}}
    sources = ["route.request.header.Auth", source]
    assert lacks_identity(sources, request, {"table": "t"}, context) is lacks
