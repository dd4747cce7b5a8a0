"""dev beside prod, by the examples, and a plan that another machine applies.

The tests of this file depend on their order.
"""

import shutil
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.infrastructure.checks import left
from tests.infrastructure.servers import Aws, stand_in
from tests.infrastructure.tools import EXAMPLES, INFRASTRUCTURE, Failed, Mirror, Workspace

pytestmark = [
    *(pytest.mark.aws, pytest.mark.nightly, pytest.mark.timeout(600)),
    pytest.mark.random_order(disabled=True),
]

ACCOUNT = INFRASTRUCTURE / "account"
PROD, DEV = EXAMPLES / "environments" / "prod", EXAMPLES / "environments" / "dev"
ZIP = "../../../../build/lambda.zip"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Environments(NamedTuple):
    """An account with its logging role, prod and dev."""

    aws: Aws
    account: Workspace
    prod: Workspace
    dev: Workspace


@pytest.fixture(scope="module")
def environments(
    mirror: Mirror, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Environments, None, None]:
    """Yield all three, applied; prod from a plan that was made in another checkout."""
    folder = tmp_path_factory.mktemp("environments")
    with stand_in(folder / "server") as aws:
        clone = Workspace.copy(folder / "clone", mirror, ACCOUNT).at(aws.url)
        dev = clone.enter(DEV)
        clone.initialised().apply()
        with ThreadPoolExecutor() as pool:
            applied = pool.submit(lambda: dev.initialised().apply())
            prod = planned_elsewhere(folder, mirror, aws)
            prod.run("apply", "-input=false", "prod.tfplan")
            applied.result()
        yield Environments(aws, clone, prod, dev)


def planned_elsewhere(folder: Path, mirror: Mirror, aws: Aws) -> Workspace:
    """Plan prod in a checkout; return another one, which has only the plan of it.

    Both jobs of a pipeline run `make lambda.zip`, which makes the same bytes.
    """
    jobs = []
    for name in ("plan", "apply"):
        job = Workspace.copy(folder / name, mirror, PROD).at(aws.url)
        command = (sys.executable, "infrastructure/lambda_zip.py", "build/lambda.zip")
        subprocess.run(command, cwd=job.root, capture_output=True, timeout=60, check=True)
        jobs.append(job.initialised())
    plan, apply = jobs
    inputs = (f"-var=lambda_zip={ZIP}", f"-var=commit={COMMIT}")
    plan.run("plan", "-input=false", "-out=prod.tfplan", *inputs)
    shutil.copy(plan.folder / "prod.tfplan", apply.folder)
    shutil.rmtree(plan.root)
    return apply


def test_a_plan_is_applied_on_another_machine(environments: Environments) -> None:
    """The apply of a saved plan needs nothing of the checkout in which it was made."""
    function = environments.aws.client("lambda").get_function(FunctionName="poker-signaling")
    found = function["Configuration"]
    assert found["Description"].endswith(", commit 0123456789ab")
    assert found["Environment"]["Variables"]["COMMIT"] == "0123456789ab"
    sizes = (environments.prod.root / "build" / "lambda.zip").stat().st_size
    assert found["CodeSize"] == sizes


def test_both_log_with_the_role_of_the_account(environments: Environments) -> None:
    """The role belongs to the account, and neither deployment has one of its own."""
    role = environments.aws.client("apigateway").get_account()["cloudwatchRoleArn"]
    assert role.endswith(":role/api-gateway-logs-us-west-2")
    groups = environments.aws.client("logs").describe_log_groups()["logGroups"]
    assert {group["logGroupName"]: group["retentionInDays"] for group in groups} == {
        "/aws/apigateway/poker-dev": 1,
        "/aws/apigateway/poker-signaling": 7,
        "/aws/lambda/poker-dev": 1,
        "/aws/lambda/poker-signaling": 7,
        "/aws/lambda/poker-signaling-canary": 7,
    }


def test_alarms_of_prod_are_sent_by_mail(environments: Environments) -> None:
    """The address is subscribed to the topic of prod, which all its alarms notify."""
    (subscription,) = environments.aws.client("sns").list_subscriptions()["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "on-call@example.com")
    alarms = environments.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    prod = [alarm for alarm in alarms if alarm["AlarmName"].startswith("poker-signaling-")]
    assert "poker-signaling-canary" in {alarm["AlarmName"] for alarm in prod}
    assert {(*alarm["AlarmActions"], *alarm["OKActions"]) for alarm in prod} == {
        (subscription["TopicArn"],) * 2
    }


def test_the_canary_runs_every_five_minutes(environments: Environments) -> None:
    """A schedule starts the canary, which gets the URL of clients, and may only write its log."""
    events = environments.aws.client("events")
    (rule,) = events.list_rules()["Rules"]
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(5 minutes)", "ENABLED")
    assert target["Arn"].endswith(":function:poker-signaling-canary")
    canary = environments.aws.client("lambda").get_function(FunctionName="poker-signaling-canary")
    found = canary["Configuration"]
    assert found["Handler"] == "poker_signal.lambda_app.canary.handler"
    variables = found["Environment"]["Variables"]
    assert variables["WEBSOCKET_URL"] == environments.prod.outputs()["websocket_url"]
    assert variables["ORIGIN"] == "https://poker.example.com"
    policy = environments.aws.client("iam").get_role_policy(
        RoleName="poker-signaling-us-west-2-canary", PolicyName="canary"
    )["PolicyDocument"]
    (statement,) = policy["Statement"]
    assert statement["Action"] == ["logs:PutLogEvents", "logs:CreateLogStream"]
    assert statement["Resource"].endswith(":log-group:/aws/lambda/poker-signaling-canary:*")


def test_the_role_of_the_account_cannot_be_destroyed(environments: Environments) -> None:
    """A destroy of the account's root is refused before anything is changed."""
    with pytest.raises(Failed, match="Instance cannot be destroyed"):
        environments.account.destroy()
    assert environments.aws.client("apigateway").get_account()["cloudwatchRoleArn"]


def test_a_destroy_of_dev_leaves_prod_untouched(environments: Environments) -> None:
    """A destroy of dev takes only what has its name: prod's plan is empty, and its log is on."""
    before = {name for name in left(environments.aws) if "poker-dev" not in name}
    environments.dev.destroy()
    assert set(left(environments.aws)) == before
    inputs = (f"-var=lambda_zip={ZIP}", f"-var=commit={COMMIT}")
    plan = environments.prod.plan(*inputs)
    assert plan.returncode == 0, plan.stdout
    role = environments.aws.client("apigateway").get_account()["cloudwatchRoleArn"]
    assert role.endswith(":role/api-gateway-logs-us-west-2")
