"""Checks of the applied resources, one function for each."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from poker_signal.core.configuration import Rules
from poker_signal.lambda_app.environment import (
    LATER_QUEUE_URL,
    MANAGEMENT_ENDPOINT,
    TABLE_NAME,
    environment_of,
)
from poker_signal.lambda_app.later_queue import MAX_DELAY_S
from poker_signal.lambda_app.log import DIMENSIONS, METRICS, NAMESPACE
from poker_signal.lambda_app.table import INDEX, schema
from tests.infrastructure.policy import findings, listed
from tests.infrastructure.servers import ACCOUNT, REGION, Aws
from tests.infrastructure.stack import Stack
from tests.lambda_app.calls import DYNAMODB

PREFIX: Final = "poker-signaling"
TABLE: Final = f"{PREFIX}-connections"
ROLE: Final = f"{PREFIX}-{REGION}"
FUNCTION_LOG: Final = f"/aws/lambda/{PREFIX}"
ACCESS_LOG: Final = f"/aws/apigateway/{PREFIX}"
LATER: Final = f"{PREFIX}-later"
FAILED: Final = f"{LATER}-failed"
LIVE: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{PREFIX}:live"
ALARMS: Final = {
    *("concurrency", "errors", "failed", "gateway", "ghosts", "handshakes", "later"),
    *("refused", "slow", "table", "throttles", "undelivered"),
}

AWS_METRICS: Final[dict[str, set[str]]] = {
    NAMESPACE: {*METRICS, "CanaryPassed"},
    "AWS/Lambda": {"ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"},
    "AWS/ApiGateway": {"ClientError", "ConnectCount", "ExecutionError", "MessageCount"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
    "AWS/DynamoDB": {"ReadThrottleEvents", "SystemErrors", "WriteThrottleEvents"},
}
"""Metrics that exist, by namespace."""

WATCHED: Final = 29
"""Metrics that alarms watch, each of which is paid for."""

GATEWAY_LIMIT_S: Final = 29


def outputs(stack: Stack) -> None:
    """Check that the outputs are the four documented ones."""
    api = stack.outputs["websocket_api_id"]
    assert stack.outputs == {
        "websocket_url": f"wss://{api}.execute-api.{REGION}.amazonaws.com/prod",
        "websocket_api_id": api,
        "lambda_function_name": PREFIX,
        "dynamodb_table_name": TABLE,
    }


def api(stack: Stack) -> None:
    """Check the WebSocket API."""
    found = stack.gateway("get_api")
    assert found["ProtocolType"] == "WEBSOCKET"
    assert found["Name"] == PREFIX
    assert found["RouteSelectionExpression"] == "$request.body.action"
    assert not found.get("DisableExecuteApiEndpoint")


def integration(stack: Stack) -> None:
    """Check that one integration calls the function by the invoke ARN of its alias."""
    (found,) = stack.gateway("get_integrations")
    assert found["IntegrationType"] == "AWS_PROXY"
    assert found["IntegrationUri"] == (
        f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{LIVE}/invocations"
    )
    assert found["IntegrationMethod"] == "POST"
    assert found["TimeoutInMillis"] == GATEWAY_LIMIT_S * 1000


def routes(stack: Stack) -> None:
    """Check that the three routes lead to the integration, without authorization."""
    (integration,) = stack.gateway("get_integrations")
    found = stack.gateway("get_routes")
    target = f"integrations/{integration['IntegrationId']}"
    keys = ("$connect", "$disconnect", "$default")
    assert {route["RouteKey"]: route["Target"] for route in found} == dict.fromkeys(keys, target)
    assert {route.get("AuthorizationType", "NONE") for route in found} == {"NONE"}
    assert not any(route.get("ApiKeyRequired") for route in found)


def stage(stack: Stack) -> None:
    """Check that the stage deploys automatically, has throttles, and never traces data."""
    (found,) = stack.gateway("get_stages")
    assert found["StageName"] == "prod"
    assert found["AutoDeploy"] is True
    assert found["DefaultRouteSettings"] == {
        "DataTraceEnabled": False,
        "DetailedMetricsEnabled": False,
        "LoggingLevel": "OFF",
        "ThrottlingBurstLimit": 1000,
        "ThrottlingRateLimit": 100,
    }


def access_log(stack: Stack) -> None:
    """Check that the log, if it is on, is JSON without data of clients."""
    (found,) = stack.gateway("get_stages")
    settings = found.get("AccessLogSettings")
    assert (settings is not None) == (ACCESS_LOG in stack.retention())
    if settings is None:
        return
    assert settings["DestinationArn"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{ACCESS_LOG}"
    line = json.loads(re.sub(r"\$context(\.[A-Za-z]+)+", "-", settings["Format"]))
    assert {"requestId", "connectionId", "routeKey", "status", "error"} <= line.keys()
    assert set(line.values()) == {"-"}
    assert not re.search(r"identity|authorizer|body|query|header|input", settings["Format"])


def function(stack: Stack) -> None:
    """Check the function: handler, arm64, a time-out below the gateway's, and environment."""
    found = stack.function()
    api = stack.outputs["websocket_api_id"]
    assert found["FunctionName"] == PREFIX
    assert found["Handler"] == "poker_signal.lambda_app.handler.handler"
    assert re.fullmatch(r"python3\.1[3-9]", found["Runtime"])
    assert found["Architectures"] == ["arm64"]
    assert found["PackageType"] == "Zip"
    assert 256 <= found["MemorySize"] <= 1024
    assert 20 <= found["Timeout"] < GATEWAY_LIMIT_S
    assert found["Role"] == f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
    assert found["Environment"]["Variables"] == {
        TABLE_NAME: TABLE,
        **environment_of(Rules(message_rate=100)),
        MANAGEMENT_ENDPOINT: f"https://{api}.execute-api.{REGION}.amazonaws.com/prod",
        LATER_QUEUE_URL: stack.queue_url(LATER),
    }
    assert found["Tags"] == {"deployment": PREFIX}


def alias(stack: Stack) -> None:
    """Check that the alias names a published version, whose runtime does not change by itself."""
    client = stack.aws.client("lambda")
    found = client.get_alias(FunctionName=PREFIX, Name="live")
    assert found["FunctionVersion"] == "1"
    assert not found.get("RoutingConfig")
    versions = client.list_versions_by_function(FunctionName=PREFIX)["Versions"]
    assert "1" in {version["Version"] for version in versions}
    runtime = client.get_runtime_management_config(FunctionName=PREFIX, Qualifier="1")
    assert runtime["UpdateRuntimeOn"] == "FunctionUpdate"


def permission(stack: Stack) -> None:
    """Check that only API Gateway may invoke the alias, for this API and stage."""
    client = stack.aws.client("lambda")
    answer = client.get_policy(FunctionName=PREFIX, Qualifier="live")
    (statement,) = json.loads(answer["Policy"])["Statement"]
    api = stack.outputs["websocket_api_id"]
    assert statement["Effect"] == "Allow"
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    assert statement["Condition"] == {
        "ArnLike": {"AWS:SourceArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/prod/*"}
    }


def table(stack: Stack) -> None:
    """Check that the table equals the one of the function's own tests."""
    found = stack.aws.client("dynamodb").describe_table(TableName=TABLE)["Table"]
    expected = schema(TABLE)
    (index,) = found["GlobalSecondaryIndexes"]
    (expected_index,) = expected["GlobalSecondaryIndexes"]
    assert found["KeySchema"] == expected["KeySchema"]
    assert sorted(found["AttributeDefinitions"], key=str) == sorted(
        expected["AttributeDefinitions"], key=str
    )
    assert {key: index[key] for key in expected_index} == expected_index
    assert index["IndexName"] == INDEX
    assert found["BillingModeSummary"]["BillingMode"] == expected["BillingMode"]
    assert found["DeletionProtectionEnabled"] is False


def expiry(stack: Stack) -> None:
    """Check that rows expire by the attribute that the function writes."""
    client = stack.aws.client("dynamodb")
    found = client.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
    assert found == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


def role(stack: Stack) -> None:
    """Check that only Lambda may assume the role, and that it has one policy."""
    iam = stack.aws.client("iam")
    (found,) = iam.list_roles()["Roles"]
    assert found["RoleName"] == ROLE
    (statement,) = found["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"
    assert statement["Effect"] == "Allow"
    assert iam.list_role_policies(RoleName=ROLE)["PolicyNames"] == ["signaling"]
    assert iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"] == []


def policy(stack: Stack) -> None:
    """Check that the policy allows exact, existing actions on exact resources."""
    assert findings(stack.policy) == []
    api = stack.outputs["websocket_api_id"]
    rows = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"
    connections = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/prod"
    items = [f"dynamodb:{name}Item" for name in ("Delete", "Get", "Put", "Update")]
    expected = {
        (*items,): [rows],
        ("dynamodb:Query",): [f"{rows}/index/{INDEX}"],
        ("execute-api:ManageConnections",): [
            f"{connections}/{method}/@connections/*" for method in ("DELETE", "GET", "POST")
        ],
        ("logs:CreateLogStream", "logs:PutLogEvents"): [
            f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{FUNCTION_LOG}:*"
        ],
        tuple(
            f"sqs:{name}"
            for name in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage", "SendMessage")
        ): [f"arn:aws:sqs:{REGION}:{ACCOUNT}:{LATER}"],
    }
    assert {
        tuple(sorted(listed(statement["Action"]))): sorted(listed(statement["Resource"]))
        for statement in stack.policy["Statement"]
    } == expected


def queue(stack: Stack) -> None:
    """Check that notes outlast the longest delay and the function, and are encrypted."""
    found = stack.queue(LATER)
    assert found["VisibilityTimeout"] == str(6 * stack.function()["Timeout"])
    assert int(found["MessageRetentionPeriod"]) > MAX_DELAY_S + int(found["VisibilityTimeout"])
    assert found["SqsManagedSseEnabled"] == "true"
    assert json.loads(found["RedrivePolicy"]) == {
        "deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{FAILED}",
        "maxReceiveCount": 5,
    }


def failed_queue(stack: Stack) -> None:
    """Check that notes that failed are encrypted, and kept for one day only: they hold names."""
    found = stack.queue(FAILED)
    assert found["MessageRetentionPeriod"] == "86400"
    assert found["SqsManagedSseEnabled"] == "true"
    assert "RedrivePolicy" not in found


def event_source(stack: Stack) -> None:
    """Check that the queue invokes the function, which reports each failed note alone."""
    (found,) = stack.aws.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert found["EventSourceArn"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:{LATER}"
    assert found["FunctionArn"] == LIVE
    assert found["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert found["ScalingConfig"] == {"MaximumConcurrency": 4}
    assert found["BatchSize"] == 10


def log_groups(stack: Stack) -> None:
    """Check that logs are kept for a week."""
    assert FUNCTION_LOG in stack.retention()
    assert set(stack.retention().values()) == {7}


def alarms(stack: Stack) -> None:
    """Check that the alarms use metrics that exist, and are silent without players."""
    found = stack.alarms()
    assert {alarm["AlarmName"] for alarm in found} == {f"{PREFIX}-{name}" for name in ALARMS}
    api = stack.outputs["websocket_api_id"]
    dimensions: dict[str, list[dict[str, str]]] = {
        NAMESPACE: [dict(zip(DIMENSIONS, (PREFIX, "prod"), strict=True))],
        # Concurrency is the account's.
        "AWS/Lambda": [{"FunctionName": PREFIX}, {}],
        "AWS/ApiGateway": [{"ApiId": api, "Stage": "prod"}],
        "AWS/SQS": [{"QueueName": FAILED}],
        "AWS/DynamoDB": [
            {"TableName": TABLE},
            {"TableName": TABLE, "GlobalSecondaryIndexName": INDEX},
            *({"TableName": TABLE, "Operation": call} for call in sorted(DYNAMODB)),
        ],
    }
    assert sum(len(_metrics(alarm)) for alarm in found) == WATCHED
    for alarm in found:
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        name = alarm["AlarmName"].removeprefix(f"{PREFIX}-")
        # The first step, and the place of the others.
        assert "First: " in alarm["AlarmDescription"]
        assert alarm["AlarmDescription"].endswith(f"Runbook: docs/deploy.md#alarm-{name}")
        assert (alarm["AlarmActions"], alarm["OKActions"]) == ([], [])
        for metric in _metrics(alarm):
            assert metric["MetricName"] in AWS_METRICS[metric["Namespace"]]
            found_dimensions = {item["Name"]: item["Value"] for item in metric["Dimensions"]}
            assert found_dimensions in dimensions[metric["Namespace"]]


def dashboard(stack: Stack) -> None:
    """Check that the dashboard shows all metrics of the function, for this deployment only."""
    client = stack.aws.client("cloudwatch")
    body = json.loads(client.get_dashboard(DashboardName=PREFIX)["DashboardBody"])
    shown = [metric for widget in body["widgets"] for metric in widget["properties"]["metrics"]]
    ours = [metric for metric in shown if metric[0] == NAMESPACE]
    assert {metric[1] for metric in ours} == {*METRICS}
    assert {metric[3] for metric in shown if metric[0] == "AWS/SQS"} == {LATER, FAILED}
    assert all(metric[2:6] == ["function", PREFIX, "stage", "prod"] for metric in ours)
    assert {widget["properties"]["region"] for widget in body["widgets"]} == {REGION}


def account(stack: Stack) -> None:
    """Check that the settings shared by all APIs of the account are not changed."""
    assert not stack.aws.client("apigateway").get_account().get("cloudwatchRoleArn")


CHECKS: Final[dict[str, Callable[[Stack], None]]] = {
    check.__name__: check
    for check in (
        *(outputs, api, integration, routes, stage, access_log, function, alias, permission),
        *(table, expiry, role, policy, queue, failed_queue, event_source),
        *(log_groups, alarms, dashboard, account),
    )
}


def left(aws: Aws) -> list[str]:
    """Return the names of all resources of the kinds that the module makes."""
    gateway, iam = aws.client("apigatewayv2"), aws.client("iam")
    cloudwatch, lambda_ = aws.client("cloudwatch"), aws.client("lambda")
    sources = lambda_.list_event_source_mappings()["EventSourceMappings"]
    return [
        *(api["Name"] for api in gateway.get_apis()["Items"]),
        *(domain["DomainName"] for domain in gateway.get_domain_names()["Items"]),
        *(found["FunctionName"] for found in lambda_.list_functions()["Functions"]),
        *(source["FunctionArn"].split(":")[6] for source in sources),
        *(url.rpartition("/")[2] for url in aws.client("sqs").list_queues().get("QueueUrls", [])),
        *aws.client("dynamodb").list_tables()["TableNames"],
        *(role["RoleName"] for role in iam.list_roles()["Roles"]),
        *(policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"]),
        *(group["logGroupName"] for group in aws.client("logs").describe_log_groups()["logGroups"]),
        *(alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]),
        *(rule["Name"] for rule in aws.client("events").list_rules()["Rules"]),
        *(topic["TopicArn"] for topic in aws.client("sns").list_topics()["Topics"]),
        *(board["DashboardName"] for board in cloudwatch.list_dashboards()["DashboardEntries"]),
        *filter(None, [aws.client("apigateway").get_account().get("cloudwatchRoleArn")]),
    ]


def _metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    if "MetricName" in alarm:
        return [alarm]
    return [query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query]
