"""An applied module, and what of it is asked for after it is gone."""

import json
from typing import Any, NamedTuple

from tests.infrastructure.servers import Aws
from tests.infrastructure.tools import Workspace


class Stack(NamedTuple):
    """A deployment."""

    workspace: Workspace
    aws: Aws
    outputs: dict[str, str]
    policy: dict[str, Any]
    """What the function's role allows, as it was rendered."""
    said: str
    """What the apply said."""

    @classmethod
    def applied(cls, workspace: Workspace, aws: Aws, *arguments: str) -> "Stack":
        """Apply the module of a workspace."""
        said = workspace.at(aws.url).apply(*arguments)
        outputs = workspace.outputs()
        iam = aws.client("iam")
        name = outputs["lambda_function_name"]
        role = next(
            role["RoleName"]
            for role in iam.list_roles()["Roles"]
            if role["RoleName"].startswith(f"{name}-") and not role["RoleName"].endswith("-logs")
        )
        document = iam.get_role_policy(RoleName=role, PolicyName="signaling")["PolicyDocument"]
        policy = document if isinstance(document, dict) else json.loads(document)
        return cls(workspace, aws, outputs, policy, said)

    def function(self) -> dict[str, Any]:
        """Return the function's configuration."""
        name = self.outputs["lambda_function_name"]
        answer: dict[str, Any] = self.aws.client("lambda").get_function(FunctionName=name)
        return {**answer["Configuration"], "Tags": answer.get("Tags", {})}

    def api(self) -> dict[str, Any]:
        """Return the API."""
        found: dict[str, Any] = self.aws.client("apigatewayv2").get_api(
            ApiId=self.outputs["websocket_api_id"]
        )
        return found
