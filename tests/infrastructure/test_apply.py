"""The module applied, changed and destroyed by the real provider, and the role of its function.

The tests of this file depend on their order: the last one destroys the deployment.
"""

import base64
import hashlib
import re

import pytest

from poker_signal.core.configuration import Rules, Topology
from poker_signal.lambda_app.environment import TICKET_SECRET_PARAMETER, FunctionSettings
from tests.infrastructure.archive_provider import zipped
from tests.infrastructure.checks import (
    CHECKS,
    FAILED,
    FUNCTION_LOG,
    LATER,
    PREFIX,
    TABLE,
    left,
)
from tests.infrastructure.policy import allows, findings, listed
from tests.infrastructure.servers import ACCOUNT, REGION
from tests.infrastructure.stack import Stack
from tests.infrastructure.tools import SOURCES, Mirror, Workspace
from tests.lambda_app.calls import DYNAMODB, written_table

pytestmark = [
    *(pytest.mark.aws, pytest.mark.timeout(600)),
    pytest.mark.random_order(disabled=True),
]

CHANGED = (
    "-var=log_retention_days=14",
    "-var=throttling={rate_limit=50,burst_limit=100,reserved_concurrency=5}",
    "-var=topology=star",
    '-var=limits={seats=9,message_rate=12.5,allowed_origins=["https://poker.example.com"]}',
    "-var=alarm_topic_arn=arn:aws:sns:us-west-2:123456789012:alarms",
)

PARAMETER = "/poker-dev/tickets"

DEV = (
    "-var=name_prefix=poker-dev",
    "-var=stage=dev",
    "-var=table_protection={point_in_time_recovery=true}",
    "-var=access_log={enabled=true}",
    f"-var=ticket_secret_parameter={PARAMETER}",
    '-var=tags={team="games"}',
    '-var=custom_domain={name="signal.example.com",certificate_arn='
    '"arn:aws:acm:us-west-2:123456789012:certificate/1"}',
)


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


@pytest.mark.parametrize("check", CHECKS)
def test_a_resource_is_as_it_must_be(stack: Stack, check: str) -> None:
    """Each applied resource passes its check, by AWS's own API and not by the plan."""
    CHECKS[check](stack)


def test_the_zip_is_made_of_two_folders_of_sources(stack: Stack) -> None:
    """The zip has only the sources of two folders, and the same sources make the same zip."""
    root = stack.workspace.root
    contents = {
        f"poker_signal/{path.relative_to(root)}": path.read_text(encoding="utf-8")
        for folder in SOURCES
        for path in (root / folder).rglob("*.py")
    }
    expected = base64.b64encode(hashlib.sha256(zipped(contents)).digest()).decode()
    assert stack.function()["CodeSha256"] == expected


def test_a_second_plan_is_empty(stack: Stack) -> None:
    """After an apply, a second plan has no changes."""
    plan = stack.workspace.plan()
    assert plan.returncode == 0, plan.stdout


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


@pytest.mark.nightly
def test_a_change_by_hand_is_noticed_and_healed_by_a_change_in_place(stack: Stack) -> None:
    """A manual change is found by a plan and repaired in place, as are changes of settings."""
    stack.aws.client("dynamodb").update_time_to_live(
        TableName=TABLE, TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"}
    )
    plan = stack.workspace.plan("-target=module.signaling.aws_dynamodb_table.this")
    assert plan.returncode == 2, plan.stdout
    assert "aws_dynamodb_table.this will be updated in-place" in plan.stdout
    said = stack.workspace.apply(*CHANGED)
    # A version is published, and its runtime is kept; the alias changes in place.
    runtime = "module.signaling.aws_lambda_runtime_management_config.this"
    assert re.findall(r"(\S+) must be replaced", said) == [runtime]
    assert "1 added" in said
    assert "1 destroyed" in said
    assert stack.workspace.outputs() == stack.outputs
    live = stack.aws.client("lambda").get_alias(FunctionName=PREFIX, Name="live")
    assert live["FunctionVersion"] == "2"
    CHECKS["expiry"](stack)
    rules = FunctionSettings.from_env(stack.function()["Environment"]["Variables"]).rules
    origins = frozenset({"https://poker.example.com"})
    assert rules == Rules(Topology.STAR, 9, 12.5, origins=origins, later=True)
    settings = stack.gateway("get_stage", StageName="prod")["DefaultRouteSettings"]
    assert (settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]) == (50, 100)
    assert stack.retention() == {FUNCTION_LOG: 14}
    assert {(*alarm["AlarmActions"], *alarm["OKActions"]) for alarm in stack.alarms()} == {
        ("arn:aws:sns:us-west-2:123456789012:alarms",) * 2
    }
    reserved = stack.aws.client("lambda").get_function_concurrency(FunctionName=PREFIX)
    assert reserved["ReservedConcurrentExecutions"] == 5


@pytest.mark.nightly
def test_dev_stands_next_to_prod(
    stack: Stack, mirror: Mirror, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A second deployment with all options in the same account does not change the first."""
    prod = sorted(left(stack.aws))
    copy = Workspace.copy(tmp_path_factory.mktemp("dev"), mirror).initialised()
    try:
        dev = Stack.applied(copy, stack.aws, *DEV)
        assert dev.outputs["websocket_url"] == "wss://signal.example.com"
        assert dev.outputs["custom_domain_target"]
        assert dev.function()["Tags"] == {"deployment": "poker-dev", "team": "games"}
        _may_read_exactly_its_parameter(dev)
        gateway = stack.aws.client("apigatewayv2")
        (mapping,) = gateway.get_api_mappings(DomainName="signal.example.com")["Items"]
        assert (mapping["ApiId"], mapping["Stage"]) == (dev.outputs["websocket_api_id"], "dev")
        assert not mapping.get("ApiMappingKey")
        assert dev.gateway("get_stage", StageName="dev")["AccessLogSettings"]
        backups = stack.aws.client("dynamodb").describe_continuous_backups(
            TableName="poker-dev-connections"
        )["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert backups["PointInTimeRecoveryStatus"] == "ENABLED"
        others = sorted(set(left(stack.aws)) - set(prod))
        assert all("poker-dev" in name or name == "signal.example.com" for name in others)
        plan = copy.plan(*DEV)
        assert plan.returncode == 0, plan.stdout
    finally:
        copy.destroy(*DEV)
    assert sorted(left(stack.aws)) == prod


def _may_read_exactly_its_parameter(dev: Stack) -> None:
    """Check that the function gets the name of its ticket secret, and may read no other."""
    assert dev.function()["Environment"]["Variables"][TICKET_SECRET_PARAMETER] == PARAMETER
    assert findings(dev.policy) == []
    (statement,) = (each for each in dev.policy["Statement"] if "ssm" in str(each["Action"]))
    assert listed(statement["Action"]) == ["ssm:GetParameter"]
    assert listed(statement["Resource"]) == [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{PARAMETER}"]
    assert "kms" not in str(dev.policy)


@pytest.mark.nightly
def test_destroy_leaves_nothing(stack: Stack) -> None:
    """A destroy leaves no resource that costs money or blocks the next deployment."""
    assert left(stack.aws)
    stack.workspace.destroy(*CHANGED)
    assert left(stack.aws) == []
