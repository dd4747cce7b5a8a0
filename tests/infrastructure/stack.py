"""An applied module, with the values that tests read."""

import json
from typing import Any, NamedTuple

from tests.infrastructure.servers import REGION, Aws
from tests.infrastructure.tools import Workspace


class Stack(NamedTuple):
    """A deployment."""

    workspace: Workspace
    aws: Aws
    outputs: dict[str, str]
    policy: dict[str, Any]
    """The policy of the function's role, as applied."""

    @classmethod
    def applied(cls, workspace: Workspace, aws: Aws, *arguments: str) -> "Stack":
        """Apply the module of a workspace; return the stack."""
        workspace.at(aws.url).apply(*arguments)
        outputs = workspace.outputs()
        iam = aws.client("iam")
        role = f"{outputs['lambda_function_name']}-{REGION}"
        document = iam.get_role_policy(RoleName=role, PolicyName="signaling")["PolicyDocument"]
        policy = document if isinstance(document, dict) else json.loads(document)
        return cls(workspace, aws, outputs, policy)

    def function(self) -> dict[str, Any]:
        """Return the function's configuration."""
        name = self.outputs["lambda_function_name"]
        answer: dict[str, Any] = self.aws.client("lambda").get_function(FunctionName=name)
        return {**answer["Configuration"], "Tags": answer.get("Tags", {})}

    def queue_url(self, name: str) -> str:
        """Return the URL of a queue, as the function gets it."""
        return str(self.aws.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])

    def queue(self, name: str) -> dict[str, str]:
        """Return the attributes of a queue."""
        answer: dict[str, Any] = self.aws.client("sqs").get_queue_attributes(
            QueueUrl=self.queue_url(name), AttributeNames=["All"]
        )
        return {key: str(value) for key, value in answer["Attributes"].items()}

    def gateway(self, call: str, **more: str) -> Any:
        """Call an operation on the API; return the answer, or its items."""
        client = self.aws.client("apigatewayv2")
        answer = getattr(client, call)(ApiId=self.outputs["websocket_api_id"], **more)
        return answer.get("Items", answer)

    def alarms(self) -> list[dict[str, Any]]:
        """Return the alarms."""
        found: list[dict[str, Any]] = self.aws.client("cloudwatch").describe_alarms()[
            "MetricAlarms"
        ]
        return found

    def retention(self) -> dict[str, int]:
        """Return the days that each log is kept; KeyError: one is kept for ever."""
        groups = self.aws.client("logs").describe_log_groups()["logGroups"]
        return {group["logGroupName"]: group["retentionInDays"] for group in groups}
