"""``poker-signal doctor --cloud``: deployments with one fault each, on moto."""

import functools
import io
import json
import sys
import zipfile
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import boto3
import botocore.client
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from moto import mock_aws

from poker_signal.cli.doctor import cloud
from poker_signal.cli.doctor.aws import Account, NotRead, place_of
from poker_signal.cli.doctor.checked import Checked, Health
from poker_signal.cli.main import main
from poker_signal.lambda_app.environment import ALLOWED_ORIGINS, LATER_QUEUE_URL, TABLE_NAME
from poker_signal.lambda_app.table import schema
from tests.cli.test_hostile import EVIL, assert_only_shown

pytestmark = pytest.mark.aws

REGION = "eu-central-1"
NAME = "poker-signaling"
DOMAIN = "signal.example.com"
ROLE_POLICY = {"Version": "2012-10-17", "Statement": []}


class Calls:
    """The calls of botocore: some are answered here, and a call may be denied."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.denied: dict[str, str] = {}
        """Codes of errors by the operation that gets one."""
        self.answers: dict[str, Any] = {
            "GetAccountSettings": {"AccountLimit": {"ConcurrentExecutions": 1000}}
        }
        """Answers by the operation; moto has no GetAccountSettings."""

    def answer(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method in place of botocore's."""

        def call(client: Any, operation: str, arguments: Any) -> Any:
            self.made.append(operation)
            if code := self.denied.get(operation):
                raise ClientError({"Error": {"Code": code, "Message": f"no: {code}"}}, operation)
            if operation in self.answers:
                return self.answers[operation]
            return real(client, operation, arguments)

        return call


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Generator[Calls, None, None]:
    """Yield the record of calls, inside moto and with credentials of no account."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        found = Calls()
        real = botocore.client.BaseClient._make_api_call
        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", found.answer(real))
        yield found


class Deployed(NamedTuple):
    """Resources of a deployment, as the module makes them."""

    api_id: str
    queue_url: str
    dead_letters_url: str
    mapping_id: str

    @property
    def url(self) -> str:
        """The URL that clients connect to."""
        return f"wss://{self.api_id}.execute-api.{REGION}.amazonaws.com/prod"


@functools.cache
def aws(service: str) -> Any:
    """Return a client of a service."""
    return boto3.client(service, region_name=REGION)


def code() -> bytes:
    """Return the zip of a function that does nothing."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("handler.py", "")
    return data.getvalue()


@pytest.fixture
def deployed(calls: Calls) -> Deployed:
    """A deployment without a fault."""
    aws("dynamodb").create_table(**schema(f"{NAME}-connections"))
    aws("dynamodb").update_time_to_live(
        TableName=f"{NAME}-connections",
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"},
    )
    sqs = aws("sqs")
    failed = sqs.create_queue(QueueName=f"{NAME}-later-failed")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=failed, AttributeNames=["QueueArn"])["Attributes"]
    redrive = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 5}
    queue = sqs.create_queue(
        QueueName=f"{NAME}-later", Attributes={"RedrivePolicy": json.dumps(redrive)}
    )["QueueUrl"]
    role = aws("iam").create_role(RoleName=NAME, AssumeRolePolicyDocument=json.dumps(ROLE_POLICY))[
        "Role"
    ]["Arn"]
    variables = {
        ALLOWED_ORIGINS: "https://poker.example.com",
        LATER_QUEUE_URL: queue,
        TABLE_NAME: f"{NAME}-connections",
    }
    functions = aws("lambda")
    functions.create_function(
        FunctionName=NAME,
        Role=role,
        Runtime="python3.13",
        Handler="handler.handler",
        Code={"ZipFile": code()},
        Environment={"Variables": variables},
        Publish=True,
    )
    alias = functions.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")["AliasArn"]
    later = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    mapping = functions.create_event_source_mapping(
        EventSourceArn=later["QueueArn"], FunctionName=NAME, Enabled=True
    )["UUID"]
    aws("logs").create_log_group(logGroupName=f"/aws/lambda/{NAME}")
    aws("logs").put_retention_policy(logGroupName=f"/aws/lambda/{NAME}", retentionInDays=14)
    gateway = aws("apigatewayv2")
    api = gateway.create_api(
        Name=NAME, ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action"
    )["ApiId"]
    integration = gateway.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{alias}/invocations",
    )["IntegrationId"]
    for route in ("$connect", "$disconnect", "$default"):
        gateway.create_route(ApiId=api, RouteKey=route, Target=f"integrations/{integration}")
    limits = {"ThrottlingRateLimit": 100.0, "ThrottlingBurstLimit": 1000}
    gateway.create_stage(ApiId=api, StageName="prod", DefaultRouteSettings=limits)
    return Deployed(api, queue, failed, mapping)


def examined(url: str) -> dict[str, Checked]:
    """Return the outcome of each check by its name."""
    return {each.name: each for each in cloud.checks(url)}


def wrong(url: str) -> list[Checked]:
    """Return the checks that found something."""
    return [each for each in cloud.checks(url) if each.health is not Health.OK]


def test_all_is_well_and_nothing_is_written(deployed: Deployed, calls: Calls) -> None:
    """Each call reads."""
    calls.made.clear()
    found = examined(deployed.url)
    assert [each for each in found.values() if each.health is not Health.OK] == []
    assert [*found] == [
        *("aws", "stage", "throttle", "routes", "concurrency", "function", "reserved", "origins"),
        *("table", "ttl", "later", "dead letters", "log"),
    ]
    assert found["stage"].words == f"prod of API {deployed.api_id}"
    assert found["function"].words == f"{NAME} is Active"
    assert found["origins"].words == "pages of https://poker.example.com may connect"
    assert all(each.startswith(("Get", "List", "Describe")) for each in calls.made)


def _no_throttle(deployed: Deployed, calls: Calls) -> None:
    gateway = aws("apigatewayv2")
    gateway.delete_stage(ApiId=deployed.api_id, StageName="prod")
    gateway.create_stage(ApiId=deployed.api_id, StageName="prod")


def _throttle_of_nothing(deployed: Deployed, calls: Calls) -> None:
    gateway = aws("apigatewayv2")
    gateway.delete_stage(ApiId=deployed.api_id, StageName="prod")
    limits = {"ThrottlingRateLimit": 0.0, "ThrottlingBurstLimit": 0}
    gateway.create_stage(ApiId=deployed.api_id, StageName="prod", DefaultRouteSettings=limits)


def _no_default_route(deployed: Deployed, calls: Calls) -> None:
    gateway = aws("apigatewayv2")
    for each in gateway.get_routes(ApiId=deployed.api_id)["Items"]:
        if each["RouteKey"] == "$default":
            gateway.delete_route(ApiId=deployed.api_id, RouteId=each["RouteId"])


def _new_account(_: Deployed, calls: Calls) -> None:
    calls.answers["GetAccountSettings"] = {"AccountLimit": {"ConcurrentExecutions": 10}}


def _none_reserved(_: Deployed, calls: Calls) -> None:
    aws("lambda").put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)


def _no_function(_: Deployed, calls: Calls) -> None:
    aws("lambda").delete_function(FunctionName=NAME)


def _no_table(_: Deployed, calls: Calls) -> None:
    aws("dynamodb").delete_table(TableName=f"{NAME}-connections")


def _no_index(_: Deployed, calls: Calls) -> None:
    aws("dynamodb").update_table(
        TableName=f"{NAME}-connections",
        GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "gameId-index"}}],
    )


def _no_ttl(_: Deployed, calls: Calls) -> None:
    aws("dynamodb").update_time_to_live(
        TableName=f"{NAME}-connections",
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"},
    )


def _no_queue(deployed: Deployed, calls: Calls) -> None:
    aws("sqs").delete_queue(QueueUrl=deployed.queue_url)


def _no_mapping(deployed: Deployed, calls: Calls) -> None:
    aws("lambda").delete_event_source_mapping(UUID=deployed.mapping_id)


def _mapping_off(deployed: Deployed, calls: Calls) -> None:
    aws("lambda").update_event_source_mapping(UUID=deployed.mapping_id, Enabled=False)


def _dead_letter(deployed: Deployed, calls: Calls) -> None:
    aws("sqs").send_message(QueueUrl=deployed.dead_letters_url, MessageBody="{}")


def _no_dead_letters(deployed: Deployed, calls: Calls) -> None:
    aws("sqs").set_queue_attributes(QueueUrl=deployed.queue_url, Attributes={"RedrivePolicy": ""})


def _no_log(_: Deployed, calls: Calls) -> None:
    aws("logs").delete_log_group(logGroupName=f"/aws/lambda/{NAME}")


def _log_for_ever(_: Deployed, calls: Calls) -> None:
    aws("logs").delete_retention_policy(logGroupName=f"/aws/lambda/{NAME}")


def _release(variables: dict[str, str]) -> None:
    """Serve a new version with these variables."""
    functions = aws("lambda")
    functions.update_function_configuration(FunctionName=NAME, Environment={"Variables": variables})
    version = functions.publish_version(FunctionName=NAME)["Version"]
    functions.update_alias(FunctionName=NAME, Name="live", FunctionVersion=version)


def _later_off(_: Deployed, calls: Calls) -> None:
    _release({TABLE_NAME: f"{NAME}-connections"})


def _no_variables(_: Deployed, calls: Calls) -> None:
    _release({})


class Fault(NamedTuple):
    """A setting that breaks a deployment, and what names it."""

    make: Callable[[Deployed, Calls], None]
    check: str
    words: str
    then: str


FAULTS: dict[str, list[Fault]] = {
    "settings": [
        Fault(_no_throttle, "throttle", "has no limit of its own", "set throttling.rate_limit"),
        Fault(_no_default_route, "routes", "$default calls no function", "tofu apply"),
        Fault(
            _new_account,
            "concurrency",
            "this account runs 10 functions at once",
            "aws service-quotas request-service-quota-increase --service-code lambda",
        ),
        Fault(
            _none_reserved,
            "reserved",
            "the function never runs",
            f"aws lambda delete-function-concurrency --function-name {NAME}",
        ),
        Fault(_no_ttl, "ttl", "are never deleted", "aws dynamodb update-time-to-live"),
        Fault(_no_mapping, "later", "no function gets the notes", "tofu apply"),
        Fault(_dead_letter, "dead letters", "has 1 note whose work failed", "docs/deploy.md"),
        Fault(_no_log, "log", "there is no log group", "tofu apply"),
    ],
    "switches": [
        Fault(_throttle_of_nothing, "throttle", "every handshake gets 429", "set throttling"),
        Fault(_no_index, "table", "has no index gameId-index", "tofu apply"),
        Fault(
            _mapping_off,
            "later",
            "are switched off",
            "aws lambda update-event-source-mapping --uuid",
        ),
        Fault(_no_dead_letters, "dead letters", "has no dead-letter queue", "tofu apply"),
        Fault(_log_for_ever, "log", "is kept for ever", "aws logs put-retention-policy"),
    ],
    "queue": [Fault(_no_queue, "later", "does not exist", "tofu apply")],
    "later": [Fault(_later_off, "later", "off: no join is watched", "later = { enabled = true }")],
    "function": [Fault(_no_function, "function", "GetFunctionConfiguration", "tofu plan")],
}
"""Faults of different checks, made together: a deployment of moto takes a second."""


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_is_named_and_nothing_else(deployed: Deployed, calls: Calls, kind: str) -> None:
    """The lines that are not well are those of the faults, with a sentence and a command."""
    for fault in FAULTS[kind]:
        fault.make(deployed, calls)
    found = wrong(deployed.url)
    assert [each.name for each in found] == [fault.check for fault in FAULTS[kind]]
    for each, fault in zip(found, FAULTS[kind], strict=True):
        assert fault.words in each.words
        assert each.then.startswith(fault.then)


def test_a_table_that_is_gone_is_named(deployed: Deployed, calls: Calls) -> None:
    """Its time to live cannot be read either."""
    _no_table(deployed, calls)
    assert [each.name for each in wrong(deployed.url)] == ["table", "ttl"]


def test_a_function_without_a_table_is_named(deployed: Deployed, calls: Calls) -> None:
    """Without the variable, the function answers each event with an error."""
    _no_variables(deployed, calls)
    table, ttl, later = wrong(deployed.url)
    assert table.words == ttl.words == f"{NAME} has no variable TABLE_NAME"
    assert later.health is Health.WARNING


def test_variables_that_are_encrypted_are_named(deployed: Deployed, calls: Calls) -> None:
    """Lambda then answers with an error in their place, which is no missing variable."""
    hidden = {"ErrorCode": "AccessDeniedException", "Message": "no kms:Decrypt"}
    calls.answers["GetFunctionConfiguration"] = {
        "FunctionName": NAME,
        "Environment": {"Error": hidden},
    }
    (found,) = wrong(deployed.url)
    assert found.words == "the function's variables cannot be read: no kms:Decrypt"


def test_a_function_that_failed_is_named(deployed: Deployed, calls: Calls) -> None:
    """The reason is Lambda's."""
    failed = {"State": "Failed", "StateReason": "The image is lost", "FunctionName": NAME}
    variables = {TABLE_NAME: f"{NAME}-connections", LATER_QUEUE_URL: deployed.queue_url}
    calls.answers["GetFunctionConfiguration"] = {
        **failed,
        "Environment": {"Variables": variables},
    }
    (found,) = wrong(deployed.url)
    assert found.words == f"{NAME} is Failed: The image is lost"


def test_a_function_of_an_older_version_is_the_one_that_serves(deployed: Deployed) -> None:
    """The settings are those of the version behind the alias."""
    aws("lambda").update_function_configuration(FunctionName=NAME, Environment={"Variables": {}})
    assert wrong(deployed.url) == []


def test_a_permission_that_is_missing_is_named(deployed: Deployed, calls: Calls) -> None:
    """The other checks go on, and no check that was not made is well."""
    calls.denied = {"GetAccountSettings": "AccessDeniedException", "GetRoutes": "AccessDenied"}
    found = {each.name: each.words for each in wrong(deployed.url)}
    assert found == {
        "routes": "these credentials may not call apigateway:GET",
        "concurrency": "these credentials may not call lambda:GetAccountSettings",
    }


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId"])
def test_credentials_that_aws_refuses_are_named(calls: Calls, code: str) -> None:
    """Nothing else is asked."""
    calls.denied = {"GetCallerIdentity": code}
    (found,) = wrong("wss://a1.execute-api.eu-central-1.amazonaws.com/prod")
    assert found.words == f"AWS does not accept the credentials: {code}"
    assert found.then.startswith("aws sso login")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "the URL ends without a stage, such as /prod"),
        ("/dev", "has no stage “dev”; it has prod"),
    ],
)
def test_a_stage_that_is_forgotten_or_wrong_is_named(
    deployed: Deployed, path: str, words: str
) -> None:
    """The command has the right URL."""
    found = list(cloud.checks(deployed.url.removesuffix("/prod") + path))
    assert found[-1].name == "stage"
    assert words in found[-1].words
    assert found[-1].then == f"poker-signal doctor {deployed.url} --cloud"


def test_an_api_of_another_account_is_named(calls: Calls) -> None:
    """The id of the API is unknown here."""
    (found,) = wrong(f"wss://abcdefghij.execute-api.{REGION}.amazonaws.com/prod")
    assert found.words == f"this account has no API abcdefghij in {REGION}"


def test_a_custom_domain_leads_to_its_api(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its mapping names API and stage; the region is the user's."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    gateway = aws("apigatewayv2")
    gateway.create_domain_name(
        DomainName=DOMAIN, DomainNameConfigurations=[{"CertificateArn": "arn:aws:acm:x"}]
    )
    gateway.create_api_mapping(DomainName=DOMAIN, ApiId=deployed.api_id, Stage="prod")
    assert wrong(f"wss://{DOMAIN}") == []
    (found,) = wrong(f"wss://{DOMAIN}/prod")
    assert found.words == f"{DOMAIN} maps no API to the path “prod”"
    (found,) = wrong("wss://other.example.com")
    assert "is neither API Gateway's own name nor a custom domain of this account" in found.words


def test_a_custom_domain_needs_a_region(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, the variable is named."""
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    (found,) = wrong(f"wss://{DOMAIN}")
    assert found.words.endswith("no region is set for a custom domain")
    assert "export AWS_REGION=" in found.then


def test_regions_of_urls() -> None:
    """China has a suffix of its own; another domain has no region."""
    assert place_of("wss://a1.execute-api.cn-north-1.amazonaws.com.cn/x") == ("a1", "cn-north-1")
    assert place_of("wss://a1.execute-api.us-east-1.amazonaws.com.evil.com/x") is None
    assert place_of(f"wss://{DOMAIN}") is None


def test_no_boto3_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command installs it; the exit code says that a check is missing."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    done = CliRunner().invoke(main, ["doctor", "ws://127.0.0.1:1/prod", "--cloud"])
    assert done.exit_code == 1
    assert "✗ aws: boto3 is not installed\n    → --cloud needs more packages: " in done.output
    assert "-m pip install boto3" in done.output


def test_no_credentials_are_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No file, no variable, no metadata of a machine."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(NotRead, match="no credentials for AWS were found"):
        Account(REGION).read("sts", "get_caller_identity")


def test_a_profile_that_does_not_exist_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile is named."""
    monkeypatch.setenv("AWS_PROFILE", "absent")
    (found,) = wrong(f"wss://a1.execute-api.{REGION}.amazonaws.com/prod")
    assert "absent" in found.words


def test_no_text_of_aws_commands_the_terminal(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors, names of stages and of queues may hold any character."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    calls.denied = {"GetApiMappings": EVIL}
    done = CliRunner().invoke(main, ["doctor", "ws://127.0.0.1:1/prod", "--cloud"], color=True)
    assert "✗ stage: apigatewayv2:GetApiMappings" in done.output
    assert_only_shown(done.output)
