"""The real provider's opinion, and what an operator hears who mistypes."""

import json
import shutil
from pathlib import Path

import pytest

from tests.infrastructure.beside import Texts
from tests.infrastructure.tools import MODULE, ROOT, Failed, Mirror, Workspace

pytestmark = pytest.mark.aws

LEVEL = "validate"

CERTIFICATE = "arn:aws:acm:us-west-2:123456789012:certificate/1"

REFUSED = {
    "name_prefix=Poker": "name_prefix must have 3 to 40 characters",
    "name_prefix=p": "name_prefix must have 3 to 40 characters",
    "name_prefix=poker-": "name_prefix must have 3 to 40 characters",
    f"name_prefix={'p' * 41}": "name_prefix must have 3 to 40 characters",
    "name_prefix=9poker": "name_prefix must have 3 to 40 characters",
    "name_prefix=poker_dev": "name_prefix must have 3 to 40 characters",
    "region=": "region must be the code of an AWS region",
    "region=oregon": "region must be the code of an AWS region",
    "region=us-west-2a": "region must be the code of an AWS region",
    "stage=$default": "stage must have 1 to 64 characters",
    "stage=": "stage must have 1 to 64 characters",
    f"stage={'s' * 65}": "stage must have 1 to 64 characters",
    "stage=a/b": "stage must have 1 to 64 characters",
    "topology=ring": "topology must be mesh or star",
    "ticket_secret_parameter=": "ticket_secret_parameter must be the name of an SSM parameter",
    "ticket_secret_parameter=a/b": "ticket_secret_parameter must be the name of an SSM parameter",
    "ticket_secret_parameter=/a/*": "ticket_secret_parameter must be the name of an SSM parameter",
    "ticket_secret_parameter=arn:aws:ssm:us-west-2:123456789012:parameter/a": (
        "ticket_secret_parameter must be the name of an SSM parameter"
    ),
    "limits={seats=-1}": "limits.seats must be a whole number from 0 to 1000",
    "limits={seats=1.5}": "limits.seats must be a whole number from 0 to 1000",
    "limits={message_rate=-1}": "limits must have a message_rate from 0",
    "limits={message_burst=0}": "a whole message_burst from 1",
    "limits={max_payload_bytes=131073}": "limits.max_payload_bytes must be a whole number",
    'limits={allowed_origins=["*"]}': "limits.allowed_origins must be origins",
    'limits={allowed_origins=["https://poker.example.com/"]}': (
        "limits.allowed_origins must be origins"
    ),
    "log_retention_days=8": "log_retention_days must be a number of days",
    "log_retention_days=0": "log_retention_days must be a number of days",
    "log_retention_days=-1": "log_retention_days must be a number of days",
    "log_retention_days=7.5": "log_retention_days must be a number of days",
    "throttling={rate_limit=0}": "a limit of 0 refuses everybody",
    "throttling={burst_limit=1.5}": "a limit of 0 refuses everybody",
    "throttling={reserved_concurrency=0}": "with 0 the function never runs",
    "custom_domain={}": "custom_domain needs both",
    'custom_domain={name="signal.example.com"}': "custom_domain needs both",
    f'custom_domain={{certificate_arn="{CERTIFICATE}"}}': "custom_domain needs both",
    f'custom_domain={{name="https://x.example",certificate_arn="{CERTIFICATE}"}}': (
        "custom_domain.name must be a domain name"
    ),
    'custom_domain={name="x.example",certificate_arn="mine"}': (
        "custom_domain.certificate_arn must be the ARN"
    ),
    "alarm_topic_arn=me@example.com": "alarm_topic_arn must be the ARN of an SNS topic",
    "access_log={enabled=false,set_account_role=true}": "would change the account for nothing",
    'tags={"aws:owner"="me"}': "tags must have keys",
}

TAKEN = (
    "name_prefix=poker-dev",
    "region=us-gov-west-1",
    "stage=dev_2",
    "ticket_secret_parameter=tickets.v2",
    "log_retention_days=3653",
    "limits={seats=0,message_rate=0.25,message_burst=1,max_payload_bytes=1}",
    'limits={allowed_origins=["http://localhost:8080","null","http://[::1]:3000"]}',
    "throttling={rate_limit=0.5e2,burst_limit=5000,reserved_concurrency=1}",
    f'custom_domain={{name="signal.example.com",certificate_arn="{CERTIFICATE}"}}',
    "alarm_topic_arn=arn:aws:sns:us-west-2:123456789012:alarms",
    # Left open in a file, which means: as it is by default.
    "throttling=null",
    'tags={"team"="games"}',
)


def test_the_real_provider_takes_the_module(texts: Texts) -> None:
    """Every argument is known to it, and of the right kind."""
    report = json.loads(texts.validated)
    errors = [found for found in report["diagnostics"] if found["severity"] == "error"]
    assert (report["valid"], errors) == (True, [])


def test_it_warns_of_nothing_but_what_the_readme_says(texts: Texts) -> None:
    """An operator who sees a warning finds it explained."""
    report = json.loads(texts.validated)
    details = {found["detail"].split('"')[1] for found in report["diagnostics"]}
    assert details == {"reset_on_delete"}
    assert "`reset_on_delete`" in (ROOT / MODULE / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def variables(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The variables alone: whether they are taken is decided before any provider is asked."""
    workspace = Workspace(tmp_path_factory.mktemp("variables"), mirror)
    workspace.folder.mkdir(parents=True)
    shutil.copy(ROOT / MODULE / "variables.tf", Path(workspace.folder))
    return workspace


@pytest.mark.parametrize(("variable", "sentence"), REFUSED.items(), ids=[*REFUSED])
def test_bad_input_is_refused_at_plan(variables: Workspace, variable: str, sentence: str) -> None:
    """With a sentence that says what to write instead."""
    with pytest.raises(Failed) as refused:
        variables.plan(f"-var={variable}")
    said = " ".join(str(refused.value).replace("│", " ").split())
    assert "Invalid value for variable" in said
    assert sentence in said


@pytest.mark.parametrize("variable", TAKEN)
def test_good_input_is_taken(variables: Workspace, variable: str) -> None:
    """The limits are where they are said to be."""
    assert variables.plan(f"-var={variable}").code == 0
