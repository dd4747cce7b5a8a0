"""An upgrade of a deployment that was made before the module, with the role of the account.

The tests of this file depend on their order.
"""

import json
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.infrastructure.checks import ALARMS, PREFIX
from tests.infrastructure.servers import Aws, stand_in
from tests.infrastructure.tools import INFRASTRUCTURE, Failed, Mirror, Workspace

pytestmark = [
    *(pytest.mark.aws, pytest.mark.nightly, pytest.mark.timeout(600)),
    pytest.mark.random_order(disabled=True),
]

BEFORE: Final = Path(__file__).with_name("deployment_of_295869f.tf.txt")
"""All files of infrastructure/signaling-server, as of commit 295869f."""

OLD_ROLE: Final = "poker-signaling-us-west-2-logs"
ACCOUNT: Final = INFRASTRUCTURE / "account"
LATER_OFF: Final = "-var=later={enabled=false}"
"""The queue is new. The provider waits a minute for it."""

OF_THE_ACCOUNT: Final = ("api_gateway_account.this", "iam_role.api_gateway")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Generator[Aws, None, None]:
    """Yield a stand-in for AWS."""
    with stand_in(tmp_path_factory.mktemp("server")) as aws:
        yield aws


@pytest.fixture(scope="module")
def deployed(mirror: Mirror, aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return the new root with the state of the old one, which has set the role of the account."""
    clone = Workspace.copy(tmp_path_factory.mktemp("clone"), mirror).at(aws.url)
    new = {path: path.read_bytes() for path in clone.folder.glob("*.tf")}
    for path in new:
        if path.name != "test_override.tf":
            path.unlink()
    old = clone.folder / "main.tf"
    old.write_bytes(BEFORE.read_bytes())
    clone.initialised().apply("-var=access_log={set_account_role=true}")
    old.unlink()
    for path, text in new.items():
        path.write_bytes(text)
    return clone.initialised()


def ids(aws: Aws) -> dict[str, Any]:
    """Return what clients and rows depend on: API, routes, stage and table."""
    gateway = aws.client("apigatewayv2")
    (api,) = gateway.get_apis()["Items"]
    (stage,) = gateway.get_stages(ApiId=api["ApiId"])["Items"]
    routes = gateway.get_routes(ApiId=api["ApiId"])["Items"]
    table = aws.client("dynamodb").describe_table(TableName="poker-signaling-connections")["Table"]
    return {
        "api": api["ApiId"],
        "routes": {route["RouteId"]: route["Target"] for route in routes},
        "stage": stage["CreatedDate"],
        "table": table["CreationDateTime"],
    }


def alarms(aws: Aws) -> set[str]:
    """Return the names of the alarms."""
    found = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return {alarm["AlarmName"] for alarm in found}


def test_a_plan_never_switches_off_the_logs_of_the_account(deployed: Workspace) -> None:
    """The role that the old deployment has set is not destroyed: the plan is refused."""
    with pytest.raises(Failed, match="Instance cannot be destroyed") as refused:
        deployed.plan(LATER_OFF)
    assert "aws_api_gateway_account.this[0]" in str(refused.value)


def test_the_role_moves_to_the_root_of_the_account(deployed: Workspace, aws: Aws) -> None:
    """The commands of docs/deploy.md move the role, and nothing changes in the account."""
    before = aws.client("apigateway").get_account()["cloudwatchRoleArn"]
    policy = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    attachment = "aws_iam_role_policy_attachment"
    deployed.run(
        *("state", "rm", "aws_api_gateway_account.this", "aws_iam_role.api_gateway"),
        f"{attachment}.api_gateway",
    )
    account = deployed.enter(ACCOUNT).initialised()
    role = f"-var=role_name={OLD_ROLE}"
    for address, name in (
        ("aws_iam_role.this", OLD_ROLE),
        (f"{attachment}.this", f"{OLD_ROLE}/{policy}"),
        ("aws_api_gateway_account.this", "api-gateway-account"),
    ):
        account.run("import", "-input=false", role, address, name)
    said = account.apply(role)
    # The tag of the role.
    assert "0 added, 1 changed, 0 destroyed" in said
    assert aws.client("apigateway").get_account()["cloudwatchRoleArn"] == before


def test_an_upgrade_changes_in_place(deployed: Workspace, aws: Aws) -> None:
    """API, routes, stage and table stay, so connections and rows do; what goes is listed here."""
    before = ids(aws)
    deployed.run("plan", "-input=false", "-out=upgrade.tfplan", LATER_OFF)
    plan = json.loads(deployed.run("show", "-json", "upgrade.tfplan").stdout)
    actions: dict[str, set[str]] = {}
    for change in plan["resource_changes"]:
        name = re.sub(r"^module\.signaling\.aws_", "", change["address"])
        if change["mode"] == "data":
            continue
        for action in change["change"]["actions"]:
            actions.setdefault(action, set()).add(name)
    # The access log is off by default, and the permission is the alias's.
    assert actions["delete"] == {"cloudwatch_log_group.access[0]", "lambda_permission.this"}
    assert {name for name in actions["create"] if "metric_alarm" not in name} == {
        "lambda_alias.live",
        "lambda_permission.this",
        "lambda_runtime_management_config.this",
    }
    changed = {name for name in actions["update"] if "metric_alarm" not in name}
    assert changed == {
        "apigatewayv2_integration.this",
        "apigatewayv2_stage.this",
        "cloudwatch_dashboard.this",
        # Its description.
        "iam_role.lambda",
        "lambda_function.this",
    }
    names = alarms(aws)
    deployed.run("apply", "-input=false", "upgrade.tfplan")
    assert ids(aws) == before
    # An alarm that another address of the plan had destroyed would be missing.
    assert names < alarms(aws) == {f"{PREFIX}-{name}" for name in ALARMS - {"later"}}
    assert deployed.plan(LATER_OFF).returncode == 0


def test_the_alias_may_be_called_before_the_integration_names_it(deployed: Workspace) -> None:
    """In the upgrade no moment refuses events: the old permission goes after the change."""
    text = (deployed.module / "api.tf").read_text(encoding="utf-8")
    (integration,) = re.findall(
        r'^resource "aws_apigatewayv2_integration".*?^}$', text, re.MULTILINE | re.DOTALL
    )
    assert "depends_on = [aws_lambda_permission.this]" in integration
    text = (deployed.module / "lambda.tf").read_text(encoding="utf-8")
    (permission,) = re.findall(
        r'^resource "aws_lambda_permission".*?^}$', text, re.MULTILINE | re.DOTALL
    )
    assert "create_before_destroy = true" in permission
