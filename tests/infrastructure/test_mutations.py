"""Twenty mistakes of one line, and some more: each is caught, and by the level that is named.

Twelve by ``validate``, four by a plan. The others are taken by everything that runs
before AWS, and by moto as well: only the assertions on the applied resources see them.
"""

import json
import shutil
from collections.abc import Generator
from typing import NamedTuple

import pytest

from tests.infrastructure.checks import CHECKS
from tests.infrastructure.stack import Stack
from tests.infrastructure.stand_in import stand_in
from tests.infrastructure.tools import MODULE, ROOT, Failed, Mirror, Workspace

LEVEL = "mutations"


class Mutation(NamedTuple):
    """A mistake."""

    name: str
    file: str
    old: str
    new: str
    caught: str
    """What is said of it, or the name of the check that fails."""


# In one batch nothing depends on anything else that is wrong: what does is not looked at.
VALIDATE = (
    (
        Mutation(
            "unknown argument",
            "api.tf",
            'description                = "WebRTC signaling for table poker"',
            'colour = "green"',
            "aws_apigatewayv2_api: Unsupported argument",
        ),
        Mutation(
            "unknown block",
            "table.tf",
            "  ttl {\n",
            "  time_to_live {\n",
            "aws_dynamodb_table: Unsupported block type",
        ),
        Mutation(
            "undeclared resource",
            "outputs.tf",
            "value       = aws_dynamodb_table.this.name",
            "value       = aws_dynamodb_table.connections.name",
            "dynamodb_table_name: Reference to undeclared resource",
        ),
        Mutation(
            "retention that does not exist",
            "lambda.tf",
            "retention_in_days = var.log_retention_days",
            "retention_in_days = 8",
            "aws_cloudwatch_log_group: expected retention_in_days to be one of",
        ),
        Mutation(
            "wrong type",
            "monitoring.tf",
            "evaluation_periods  = 3",
            'evaluation_periods  = "often"',
            "aws_cloudwatch_metric_alarm: Incorrect attribute value type",
        ),
    ),
    (
        Mutation(
            "protocol that does not exist",
            "api.tf",
            '= "WEBSOCKET"',
            '= "WEBSOCKETS"',
            "aws_apigatewayv2_api: expected protocol_type to be one of",
        ),
        Mutation(
            "attribute type that does not exist",
            "table.tf",
            'name = "gameId"\n    type = "S"',
            'name = "gameId"\n    type = "T"',
            "aws_dynamodb_table: expected type to be one of",
        ),
    ),
    (
        Mutation(
            "runtime that does not exist",
            "lambda.tf",
            '"python3.13"',
            '"python3.99"',
            "aws_lambda_function: expected runtime to be one of",
        ),
    ),
    (
        Mutation(
            "missing argument",
            "lambda.tf",
            '  action        = "lambda:InvokeFunction"\n',
            "",
            "aws_lambda_permission: Missing required argument",
        ),
        Mutation(
            "unknown attribute of a resource",
            "api.tf",
            "aws_lambda_function.this.invoke_arn",
            "aws_lambda_function.this.invocation_arn",
            "aws_apigatewayv2_integration: Unsupported attribute",
        ),
    ),
    (
        Mutation(
            "integration that does not exist",
            "api.tf",
            '"AWS_PROXY"',
            '"AWS_PROXIED"',
            "aws_apigatewayv2_integration: expected integration_type to be one of",
        ),
        Mutation(
            "source that is no ARN",
            "lambda.tf",
            '"${aws_apigatewayv2_api.this.execution_arn}/${var.stage}/*"',
            '"everything"',
            "aws_lambda_permission: is an invalid ARN",
        ),
    ),
)

PLAN = (
    Mutation(
        "logging level that does not exist",
        "api.tf",
        'logging_level            = "OFF"',
        'logging_level            = "NONE"',
        "aws_apigatewayv2_stage.this: logging_level to be one of",
    ),
    Mutation(
        "expiry without an attribute",
        "table.tf",
        '    attribute_name = "ttl"\n',
        "",
        "aws_dynamodb_table.this: ttl",
    ),
    Mutation(
        "index on an attribute that is not declared",
        "table.tf",
        'hash_key        = "gameId"',
        'hash_key        = "game"',
        "aws_dynamodb_table.this: all indexes must match a defined attribute",
    ),
    Mutation(
        "attribute that no index uses",
        "table.tf",
        "  ttl {\n",
        '  attribute {\n    name = "playerId"\n    type = "S"\n  }\n\n  ttl {\n',
        "aws_dynamodb_table.this: all attributes must be indexed",
    ),
)

CHECK = (
    Mutation(
        "the function's own ARN for an integration",
        "api.tf",
        "aws_lambda_function.this.invoke_arn",
        "aws_lambda_function.this.arn",
        "integration",
    ),
    Mutation(
        "target without integrations/",
        "api.tf",
        '"integrations/${aws_apigatewayv2_integration.this.id}"',
        "aws_apigatewayv2_integration.this.id",
        "routes",
    ),
    Mutation(
        "role for another service",
        "iam.tf",
        '["lambda.amazonaws.com"]',
        '["apigateway.amazonaws.com"]',
        "role",
    ),
    Mutation(
        "misspelt action",
        "iam.tf",
        '"dynamodb:PutItem"',
        '"dynamodb:PutItems"',
        "policy",
    ),
)

# Not among the twenty, but as easily made, and as quietly taken by all that comes before.
CHECK_TOO = (
    Mutation(
        "whole messages in a log",
        "api.tf",
        "data_trace_enabled       = false",
        "data_trace_enabled       = true",
        "stage",
    ),
    Mutation(
        "players' addresses in the access log",
        "api.tf",
        "$context.requestTime",
        "$context.identity.sourceIp",
        "access_log",
    ),
    Mutation(
        "a function that outlasts the gateway",
        "lambda.tf",
        "timeout                        = 28",
        "timeout                        = 60",
        "function",
    ),
    Mutation(
        "anybody's API may invoke",
        "lambda.tf",
        '"${aws_apigatewayv2_api.this.execution_arn}/${var.stage}/*"',
        'replace(aws_apigatewayv2_api.this.execution_arn, aws_apigatewayv2_api.this.id, "*")',
        "permission",
    ),
    Mutation(
        "index without the names",
        "table.tf",
        'projection_type = "ALL"',
        'projection_type = "KEYS_ONLY"',
        "table",
    ),
    Mutation(
        "expiry by an attribute that nobody writes",
        "table.tf",
        'attribute_name = "ttl"',
        'attribute_name = "expires"',
        "expiry",
    ),
    Mutation(
        "an alarm on a metric that nobody writes",
        "monitoring.tf",
        'metric      = "GhostsHealed"',
        'metric      = "Ghosts"',
        "alarms",
    ),
    Mutation(
        "a log that is kept for ever",
        "lambda.tf",
        "  retention_in_days = var.log_retention_days\n",
        "",
        "log_groups",
    ),
)


def mutate(workspace: Workspace, *mutations: Mutation) -> None:
    """Make mistakes."""
    for mutation in mutations:
        workspace.replace(mutation.file, {mutation.old: mutation.new})


@pytest.fixture(scope="module")
def copy(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the module, without its own tests, which validation would look at as well."""
    copy = Workspace.copy(tmp_path_factory.mktemp("mutations"), mirror)
    shutil.rmtree(copy.folder / "tests")
    return copy.initialised()


@pytest.fixture
def workspace(copy: Workspace) -> Workspace:
    """The copy, as it was before the last mistake."""
    for file in (ROOT / MODULE).glob("*.tf"):
        shutil.copy(file, copy.folder)
    return copy


def test_the_twenty_are_twenty() -> None:
    """None is lost, and none counts twice."""
    names = [mutation.name for batch in VALIDATE for mutation in batch]
    names += [mutation.name for mutation in (*PLAN, *CHECK)]
    assert (len(names), len(set(names))) == (20, 20)


@pytest.mark.parametrize(
    "batch", VALIDATE, ids=lambda batch: ", ".join(mutation.name for mutation in batch)
)
def test_validate_catches(workspace: Workspace, batch: tuple[Mutation, ...]) -> None:
    """With the real provider: its schema knows more than the language does."""
    mutate(workspace, *batch)
    said = workspace.run("validate", "-json", codes=(1,)).text
    found = [
        f"{(place.get('snippet') or {}).get('context')} {place['summary']} {place.get('detail')}"
        for place in json.loads(said)["diagnostics"]
        if place["severity"] == "error"
    ]
    for mutation in batch:
        where, _, what = mutation.caught.partition(": ")
        assert [text for text in found if where in text and what in text], (mutation.name, found)


@pytest.mark.parametrize("mutation", PLAN, ids=lambda mutation: mutation.name)
def test_a_plan_catches(workspace: Workspace, mutation: Mutation) -> None:
    """Validation takes each of them."""
    mutate(workspace, mutation)
    address, _, what = mutation.caught.partition(": ")
    with stand_in() as aws, pytest.raises(Failed) as refused:
        workspace.at(aws.url).plan(f"-target={address}")
    said = " ".join(str(refused.value).split())
    assert f"with {address}" in said
    assert what in said


@pytest.fixture(scope="module")
def wrong(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack, None, None]:
    """A stack with all of the quiet mistakes, which applies without a word."""
    workspace = Workspace.copy(tmp_path_factory.mktemp("wrong"), mirror).initialised()
    mutate(workspace, *CHECK, *CHECK_TOO)
    with stand_in() as aws:
        yield Stack.applied(workspace, aws)


@pytest.mark.parametrize("mutation", [*CHECK, *CHECK_TOO], ids=lambda mutation: mutation.name)
def test_a_check_catches(wrong: Stack, mutation: Mutation) -> None:
    """And nothing before it does."""
    with pytest.raises((AssertionError, KeyError)):
        CHECKS[mutation.caught](wrong)


def test_the_other_checks_are_content(wrong: Stack) -> None:
    """A check that fails of everything proves nothing."""
    for name in CHECKS.keys() - {mutation.caught for mutation in (*CHECK, *CHECK_TOO)}:
        CHECKS[name](wrong)
