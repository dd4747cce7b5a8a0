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

_PREFIXES = ("Poker", "p", "poker-", "p" * 41, "9poker", "poker_dev")
_STAGES = ("$default", "", "s" * 65, "a/b")
_PARAMETERS = ("", "a/b", "/a/*", "arn:aws:ssm:us-west-2:123456789012:parameter/a")

REFUSED = {
    "name_prefix must have 3 to 40 characters": [f"name_prefix={each}" for each in _PREFIXES],
    "region must be the code of an AWS region": ["region=", "region=oregon", "region=us-west-2a"],
    "stage must have 1 to 64 characters": [f"stage={each}" for each in _STAGES],
    "topology must be mesh or star": ["topology=ring"],
    "ticket_secret_parameter must be the name of an SSM parameter": [
        f"ticket_secret_parameter={each}" for each in _PARAMETERS
    ],
    "limits.seats must be a whole number from 0 to 1000": [
        "limits={seats=-1}",
        "limits={seats=1.5}",
    ],
    "limits must have a message_rate from 0": ["limits={message_rate=-1}"],
    "a whole message_burst from 1": ["limits={message_burst=0}"],
    "limits.max_payload_bytes must be a whole number": ["limits={max_payload_bytes=131073}"],
    "limits.allowed_origins must be origins": [
        'limits={allowed_origins=["*"]}',
        'limits={allowed_origins=["https://poker.example.com/"]}',
    ],
    "log_retention_days must be a number of days": [
        f"log_retention_days={days}" for days in ("8", "0", "-1", "7.5")
    ],
    "a limit of 0 refuses everybody": ["throttling={rate_limit=0}", "throttling={burst_limit=1.5}"],
    "with 0 the function never runs": ["throttling={reserved_concurrency=0}"],
    "custom_domain needs both": [
        "custom_domain={}",
        'custom_domain={name="signal.example.com"}',
        f'custom_domain={{certificate_arn="{CERTIFICATE}"}}',
    ],
    "custom_domain.name must be a domain name": [
        f'custom_domain={{name="https://x.example",certificate_arn="{CERTIFICATE}"}}'
    ],
    "custom_domain.certificate_arn must be the ARN": [
        'custom_domain={name="x.example",certificate_arn="mine"}'
    ],
    "alarm_topic_arn must be the ARN of an SNS topic": ["alarm_topic_arn=me@example.com"],
    "would change the account for nothing": ["access_log={enabled=false,set_account_role=true}"],
    "tags must have keys": ['tags={"aws:owner"="me"}'],
}
"""Variables, by the sentence that refuses them."""

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


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [(each, sentence) for sentence, variables in REFUSED.items() for each in variables],
)
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
