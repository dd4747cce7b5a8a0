"""The role of the function allows its calls, and no others."""

import re

import pytest

from tests.infrastructure.checks import FAILED, FUNCTION_LOG, LATER, TABLE
from tests.infrastructure.policy import allows, findings
from tests.infrastructure.servers import ACCOUNT, REGION
from tests.infrastructure.stack import Stack
from tests.lambda_app.calls import DYNAMODB, written_table

pytestmark = [pytest.mark.aws, pytest.mark.timeout(600)]

ROWS = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"
INDEX = f"{ROWS}/index/gameId-index"
LOG = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{FUNCTION_LOG}"
STREAM = f"{LOG}:log-stream:2026/11/22/[$LATEST]0123"
CONNECTION = "@connections/ShDEC76bIAMCUrA="

METHODS = {"PostToConnection": "POST", "GetConnection": "GET", "DeleteConnection": "DELETE"}

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{LATER}"
POLLED = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
"""Calls that Lambda makes with the function's role, to bring notes back."""

CALLED = sorted(
    set(re.findall(r"[A-Z][a-z]+(?:Item|(?:To)?Connection|Message)|Query", written_table()))
)
"""Calls of the function, from a table that its tests compare with measured calls."""


def connection(stack: Stack, method: str, stage: str = "prod") -> str:
    """Return the ARN of a request to @connections."""
    api = stack.outputs["websocket_api_id"]
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/{stage}/{method}/{CONNECTION}"


def test_the_calls_are_all_known() -> None:
    """The function makes only calls that this file maps to permissions."""
    assert set(CALLED) == DYNAMODB | METHODS.keys() | {"SendMessage"}


@pytest.mark.parametrize("call", [*CALLED, *POLLED, "logs:CreateLogStream", "logs:PutLogEvents"])
def test_every_call_of_the_function_is_allowed(stack: Stack, call: str) -> None:
    """Every call of the function is allowed; its log group exists and need not be created."""
    if call.startswith("logs:"):
        assert allows(stack.policy, call, STREAM)
    elif call == "SendMessage" or call in POLLED:
        assert allows(stack.policy, f"sqs:{call}", QUEUE)
    elif call in METHODS:
        resource = connection(stack, METHODS[call])
        assert allows(stack.policy, "execute-api:ManageConnections", resource)
    else:
        assert allows(stack.policy, f"dynamodb:{call}", INDEX if call == "Query" else ROWS)


REFUSED = (
    *((f"dynamodb:{action}", ROWS) for action in ("Scan", "Query", "BatchWriteItem")),
    *((f"dynamodb:{action}", ROWS) for action in ("DeleteTable", "UpdateTable")),
    ("dynamodb:Scan", INDEX),
    ("dynamodb:GetItem", f"{ROWS}-2"),
    ("dynamodb:GetItem", ROWS.replace(TABLE, "another")),
    *(("logs:CreateLogGroup", LOG), ("logs:DeleteLogGroup", LOG)),
    ("logs:PutLogEvents", f"{LOG}-2:log-stream:1"),
    *((f"sqs:{action}", QUEUE) for action in ("PurgeQueue", "DeleteQueue", "SetQueueAttributes")),
    *(
        ("sqs:SendMessage", queue)
        for queue in (QUEUE.replace(LATER, FAILED), f"{QUEUE}-2", f"{QUEUE}.fifo")
    ),
    ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/poker-signaling/tickets"),
    *((action, "*") for action in ("lambda:InvokeFunction", "iam:PassRole", "sts:AssumeRole")),
    ("s3:GetObject", "arn:aws:s3:::bucket/key"),
)


@pytest.mark.parametrize(("action", "resource"), REFUSED)
def test_anything_else_is_refused(stack: Stack, action: str, resource: str) -> None:
    """Other actions and resources are refused, also to an attacker with the function's role."""
    assert not allows(stack.policy, action, resource)


def test_connections_of_another_stage_or_api_are_out_of_reach(stack: Stack) -> None:
    """A deployment cannot post to connections of another stage or API, for example of prod."""
    action = "execute-api:ManageConnections"
    ours = connection(stack, "POST")
    api = stack.outputs["websocket_api_id"]
    assert allows(stack.policy, action, ours)
    assert not allows(stack.policy, action, connection(stack, "POST", "dev"))
    assert not allows(stack.policy, action, ours.replace(api, "a1b2c3d4e5"))
    assert not allows(stack.policy, "execute-api:Invoke", ours)


def test_every_action_exists(stack: Stack) -> None:
    """All actions in the policy exist; IAM itself would accept a misspelt one."""
    assert findings(stack.policy) == []
    statement = {"Effect": "Allow", "Action": "dynamodb:PutItems", "Resource": ROWS}
    (found,) = findings({"Version": "2012-10-17", "Statement": [statement]})
    assert found.startswith("UNKNOWN_ACTION")
