"""Twenty mistakes of one line, and some more: each is caught, and by the level that is named.

Twelve by ``validate``, four by a plan. The others are taken by everything that runs
before AWS, and by moto as well: only the assertions on the applied resources see them.
"""

from typing import NamedTuple

from tests.infrastructure.tools import Workspace


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
            "wrong type",
            "monitoring.tf",
            "evaluation_periods  = 3",
            'evaluation_periods  = "often"',
            "aws_cloudwatch_metric_alarm: Incorrect attribute value type",
        ),
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
