"""Twenty mistakes in one line, and some more, with the step that catches each.

``validate`` catches twelve, a plan four. The others are accepted by every step before AWS, and by
moto as well; only the assertions on the applied resources catch them.
"""

import re
from typing import NamedTuple

from tests.infrastructure.tools import Workspace


class Mutation(NamedTuple):
    """A mistake."""

    name: str
    file: str
    caught: str
    """A part of the error message, or the name of the check that fails."""
    old: str
    new: str

    def make(self, workspace: Workspace) -> None:
        """Make the mistake."""
        workspace.replace(self.file, self.old, self.new)


def catalogue(text: str) -> tuple[Mutation, ...]:
    """Parse mistakes: a line ``name | file | caught``, then the change as in a diff."""
    found = []
    for mistake in re.split(r"\n(?![-+])", text.strip()):
        title, *diff = mistake.splitlines()
        old, new = ("\n".join(line[2:] for line in diff if line[0] == sign) for sign in "-+")
        name, file, caught = title.split(" | ")
        found.append(Mutation(name, file, caught, old, new))
    return tuple(found)


VALIDATE = catalogue(r"""
unknown argument | api.tf | aws_apigatewayv2_api: Unsupported argument
- description                = "WebRTC signaling for table poker"
+ colour = "green"
unknown block | table.tf | aws_dynamodb_table: Unsupported block type
-   ttl {
+   time_to_live {
undeclared resource | outputs.tf | dynamodb_table_name: Reference to undeclared resource
- value       = aws_dynamodb_table.this.name
+ value       = aws_dynamodb_table.connections.name
unknown retention | lambda.tf | aws_cloudwatch_log_group: expected retention_in_days to be one of
- retention_in_days = var.log_retention_days
+ retention_in_days = 8
unknown protocol | api.tf | aws_apigatewayv2_api: expected protocol_type to be one of
- = "WEBSOCKET"
+ = "WEBSOCKETS"
unknown attribute type | table.tf | aws_dynamodb_table: expected type to be one of
- name = "gameId"
-     type = "S"
+ name = "gameId"
+     type = "T"
unknown runtime | lambda.tf | aws_lambda_function: expected runtime to be one of
- "python3.13"
+ "python3.99"
missing argument | lambda.tf | aws_lambda_permission: Missing required argument
-   action        = "lambda:InvokeFunction"
unknown attribute of a resource | api.tf | aws_apigatewayv2_integration: Unsupported attribute
- aws_lambda_alias.live.invoke_arn
+ aws_lambda_alias.live.invocation_arn
wrong type | monitoring.tf | aws_cloudwatch_metric_alarm: Incorrect attribute value type
- period              = 300
+ period              = "often"
unknown integration | api.tf | aws_apigatewayv2_integration: expected integration_type to be one of
- "AWS_PROXY"
+ "AWS_PROXIED"
source that is no ARN | lambda.tf | aws_lambda_permission: is an invalid ARN
- "${aws_apigatewayv2_api.this.execution_arn}/${var.stage}/*"
+ "everything"
""")

PLAN = catalogue(r"""
unknown logging level | api.tf | aws_apigatewayv2_stage.this: logging_level to be one of
- logging_level            = "OFF"
+ logging_level            = "NONE"
expiry without an attribute | table.tf | aws_dynamodb_table.this: ttl
-     attribute_name = "ttl"
index on another | table.tf | aws_dynamodb_table.this: all indexes must match a defined attribute
- hash_key        = "gameId"
+ hash_key        = "game"
attribute that no index uses | table.tf | aws_dynamodb_table.this: all attributes must be indexed
-   ttl {
+   attribute {
+     name = "playerId"
+     type = "S"
+   }
+   ttl {
""")

CHECK = catalogue(r"""
the function's own ARN for an integration | api.tf | integration
- aws_lambda_alias.live.invoke_arn
+ aws_lambda_alias.live.arn
target without integrations/ | api.tf | routes
- "integrations/${aws_apigatewayv2_integration.this.id}"
+ aws_apigatewayv2_integration.this.id
role for another service | iam.tf | role
- ["lambda.amazonaws.com"]
+ ["apigateway.amazonaws.com"]
misspelt action | iam.tf | policy
- "dynamodb:PutItem"
+ "dynamodb:PutItems"
""")

# Not among the twenty, but as easily made, and also accepted by every step before.
CHECK_TOO = catalogue(r"""
whole messages in a log | api.tf | stage
- data_trace_enabled       = false
+ data_trace_enabled       = true
players' addresses in the access log | api.tf | access_log
- $context.requestTime
+ $context.identity.sourceIp
a function that outlasts the gateway | lambda.tf | function
- function_timeout = 28
+ function_timeout = 60
every API may invoke | lambda.tf | permission
- "${aws_apigatewayv2_api.this.execution_arn}/${var.stage}/*"
+ replace(aws_apigatewayv2_api.this.execution_arn, aws_apigatewayv2_api.this.id, "*")
a function that no version is made of | lambda.tf | alias
- publish          = true
+ publish          = false
index without the names | table.tf | table
- projection_type = "ALL"
+ projection_type = "KEYS_ONLY"
expiry by an attribute that is never written | table.tf | expiry
- attribute_name = "ttl"
+ attribute_name = "expires"
an alarm on a metric that is never written | monitoring.tf | alarms
- name = "GhostsHealed"
+ name = "Ghosts"
a log that is kept for ever | lambda.tf | log_groups
-   retention_in_days = var.log_retention_days
notes that come back while they are worked on | queue.tf | queue
- visibility_timeout_seconds = 6 * local.function_timeout
+ visibility_timeout_seconds = local.function_timeout / 2
names that are kept for a fortnight | queue.tf | failed_queue
- message_retention_seconds = 86400
+ message_retention_seconds = 1209600
one note that fails a whole batch | queue.tf | event_source
-   function_response_types = ["ReportBatchItemFailures"]
an alarm on notes that wait | monitoring.tf | alarms
- for queue in aws_sqs_queue.later_failed :
+ for queue in aws_sqs_queue.later :
""")
