"""Validation of the module by the real provider, and of an operator's input."""

import re
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.infrastructure.mutations import VALIDATE
from tests.infrastructure.servers import Aws, stand_in
from tests.infrastructure.tools import INFRASTRUCTURE, MODULE, ROOT, SERVER, Mirror, Workspace

pytestmark = [pytest.mark.aws, pytest.mark.timeout(600)]

CERTIFICATE = "arn:aws:acm:us-west-2:123456789012:certificate/1"

# Part of the error message, then the values that cause it, as on the command line.
REFUSED = r"""
name_prefix must have 3 to 40 characters | name_prefix=Poker name_prefix=p name_prefix=poker-
name_prefix must have 3 to 40 characters | name_prefix=9poker name_prefix=poker_dev
name_prefix must have 3 to 40 characters | name_prefix=ppppppppppppppppppppppppppppppppppppppppp
stage must have 1 to 64 | stage=$default stage= stage=a/b
stage must have 1 to 64 | stage=sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss
topology must be mesh or star | topology=ring
must be the name of an SSM parameter | ticket_secret_parameter= ticket_secret_parameter=a/b
must be the name of an SSM parameter | ticket_secret_parameter=/a/* ticket_secret_parameter=CERT
ice_parameter must be the name of an SSM | ice_parameter=a/b ice_parameter=/a/*
limits.seats must be a whole number from 0 to 1000 | limits={seats=-1} limits={seats=1.5}
limits must have a message_rate from 0 | limits={message_rate=-1}
a whole message_burst from 1 | limits={message_burst=0}
limits.max_payload_bytes must be a whole number | limits={max_payload_bytes=131073}
limits.allowed_origins must be origins | limits={allowed_origins=["*"]}
limits.allowed_origins must be origins | limits={allowed_origins=["https://poker.example.com/"]}
log_retention_days must be a number of days | log_retention_days=8 log_retention_days=0
log_retention_days must be a number of days | log_retention_days=-1 log_retention_days=7.5
a limit of 0 refuses every connection | throttling={rate_limit=0} throttling={burst_limit=1.5}
with 0 the function never runs | throttling={reserved_concurrency=0}
custom_domain needs both | custom_domain={} custom_domain={name="x.example"}
custom_domain needs both | custom_domain={certificate_arn="CERT"}
custom_domain.name must be a domain | custom_domain={name="x://y.example",certificate_arn="CERT"}
certificate_arn must be the ARN | custom_domain={name="x.example",certificate_arn="mine"}
alarm_topic_arn must be the ARN of an SNS topic | alarm_topic_arn=me@example.com
access_log.set_account_role is no longer part | access_log={enabled=true,set_account_role=true}
alarm_email must be an e-mail address | alarm_email=on-call alarm_email=a@b alarm_email=
alarm_thresholds must be greater than 0 | alarm_thresholds={slow_ms=0}
alarm_thresholds must be greater than 0 | alarm_thresholds={errors_percent=101}
account_concurrency must be a whole number | account_concurrency=0 account_concurrency=1.5
commit must be 7 to 64 hex digits | commit=main commit=abc
kms_key_arn must be the ARN of a key | kms_key_arn=alias/mine
lambda_zip must be the path of a file | lambda_zip=not-there.zip
live_version must be the number of a | live_version=$LATEST live_version=0
permissions_boundary must be the ARN of a policy | permissions_boundary=mine
later.maximum_concurrency must be a | later={maximum_concurrency=1} later={maximum_concurrency=11}
later.maximum_concurrency must be a | later={maximum_concurrency=2.5}
later.auto_join needs later.enabled | later={enabled=false,auto_join=true}
tags must have keys | tags={"aws:owner"="me"}
""".replace("CERT", CERTIFICATE)

TAKEN = (
    "name_prefix=poker-dev",
    "stage=dev_2",
    "ticket_secret_parameter=tickets.v2",
    "log_retention_days=3653",
    "limits={seats=0,message_rate=0.25,message_burst=1,max_payload_bytes=1}",
    'limits={allowed_origins=["http://localhost:8080","null","http://[::1]:3000"]}',
    "throttling={rate_limit=0.5e2,burst_limit=5000,reserved_concurrency=1}",
    f'custom_domain={{name="signal.example.com",certificate_arn="{CERTIFICATE}"}}',
    "alarm_topic_arn=arn:aws:sns:us-west-2:123456789012:alarms",
    "later={enabled=false}",
    "later={auto_join=true,maximum_concurrency=10}",
    # null in a file means the default.
    *("throttling=null", "limits=null", "later=null", "stage=null", "account_concurrency=null"),
    *("alarm_thresholds=null", "canary=null", "access_log=null", "function_log=null"),
    "alarm_email=on-call@example.com",
    "account_concurrency=10",
    "commit=0123abc",
    "kms_key_arn=arn:aws:kms:us-west-2:123456789012:key/0123-abcd",
    "live_version=12",
    "permissions_boundary=arn:aws:iam::aws:policy/PowerUserAccess",
    'tags={"team"="games"}',
)


WRONG_TYPES = {
    'limits="many"': "object required",
    'limits={seats="many"}': "a number is required",
    'limits={allowed_origins="https://a.example"}': "list of string required",
    'later={enabled="often"}': "a bool is required",
    'throttling={rate_limit=["fast"]}': "number required",
    'log_retention_days="a week"': "a number is required",
}

# Preconditions of resources, which need the provider.
AGAINST_THE_ACCOUNT = {
    'custom_domain={name="x.example",certificate_arn="arn:aws:acm:us-east-1:123456789012:'
    'certificate/1"}': "must be in the region of the API, us-west-2",
    "throttling={reserved_concurrency=901}": "at most 900 can be reserved",
    "throttling={reserved_concurrency=4}": "greater than later.maximum_concurrency",
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Generator[Aws, None, None]:
    """Yield a stand-in for AWS, of which plans read account and region."""
    with stand_in(tmp_path_factory.mktemp("server")) as aws:
        yield aws


@pytest.fixture(scope="module")
def reports(mirror: Mirror, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the reports of one process about the module, and about a child for each mistake."""
    copy = Workspace.copy(tmp_path_factory.mktemp("validate"), mirror)
    for number, mutation in enumerate(VALIDATE):
        mutation.make(copy.adopt(f"child{number}"))
    return copy.initialised().reports("validate")


def test_the_text_is_formatted(mirror: Mirror, tmp_path: Path) -> None:
    """The module's text is formatted as the program itself would format it."""
    said = Workspace.copy(tmp_path, mirror, INFRASTRUCTURE).run(
        "fmt", "-check", "-diff", "-recursive", codes=(0, 3)
    )
    assert (said.returncode, said.stdout) == (0, "")


def test_the_real_provider_takes_the_module(reports: list[str]) -> None:
    """The real provider accepts every argument, without a warning."""
    assert [text for text in reports if "modules/child" not in text] == []


@pytest.mark.parametrize("number", range(len(VALIDATE)), ids=lambda number: VALIDATE[number].name)
def test_validation_catches(reports: list[str], number: int) -> None:
    """Validation with the real provider's schema catches each mistake."""
    where, _, what = VALIDATE[number].caught.partition(": ")
    said = [text for text in reports if f"modules/child{number}/" in text]
    assert any(text.startswith("error") and where in text and what in text for text in said), said


@pytest.fixture
def variables(mirror: Mirror, tmp_path: Path) -> Workspace:
    """Return a workspace with the variables only, which are validated before any provider."""
    workspace = Workspace(tmp_path, mirror)
    workspace.folder.mkdir(parents=True)
    variables = workspace.module.with_name("variables")
    variables.mkdir(parents=True)
    shutil.copy(ROOT / MODULE / "variables.tf", variables)
    return workspace


def _call(workspace: Workspace, name: str, variable: str) -> None:
    """Call the module of variables with one, written as on the command line."""
    key, _, value = variable.partition("=")
    text = value if re.match(r"[{\"-]|\d+$|null", value) else f'"{value}"'
    workspace.call(name, "variables", f"{key} = {text}")


def test_bad_input_is_refused_at_plan(variables: Workspace) -> None:
    """A bad value is refused at the plan, with a sentence about the accepted values."""
    rows = [line.split(" | ") for line in REFUSED.strip().splitlines()]
    cases = [(sentence, each) for sentence, inputs in rows for each in inputs.split(" ")]
    assert len(cases) == 57
    for number, (_, variable) in enumerate(cases):
        _call(variables, f"call{number}", variable)
    found = variables.initialised().reports("plan")
    for number, (sentence, variable) in enumerate(cases):
        said = [text for text in found if f'module "call{number}"' in text]
        assert any("Invalid value for variable" in text and sentence in text for text in said), (
            variable,
            said,
        )


def test_a_wrong_type_is_refused_with_the_right_one(variables: Workspace) -> None:
    """A value of a wrong type is refused with the name of its input and the right type."""
    for number, variable in enumerate(WRONG_TYPES):
        _call(variables, f"call{number}", variable)
    found = variables.initialised().reports("validate")
    for number, (variable, sentence) in enumerate(WRONG_TYPES.items()):
        said = [text for text in found if f'module "call{number}"' in text]
        name = variable.partition("=")[0]
        assert any(f".var.{name} " in text and sentence in text for text in said), (variable, said)


def test_good_input_is_taken(variables: Workspace) -> None:
    """Values at the limits are accepted."""
    for number, variable in enumerate(TAKEN):
        _call(variables, f"call{number}", variable)
    assert variables.initialised().plan().returncode == 0


def test_what_the_account_cannot_do_is_refused_at_plan(
    mirror: Mirror, aws: Aws, tmp_path: Path
) -> None:
    """A plan refuses what region or account cannot do."""
    copy = Workspace.copy(tmp_path, mirror).at(aws.url)
    targets = []
    for number, variable in enumerate(AGAINST_THE_ACCOUNT):
        copy.call(f"call{number}", "signaling", variable.replace("=", " = ", 1))
        for address in ("domain_name", "function", "event_source_mapping"):
            kind = "apigatewayv2" if address == "domain_name" else "lambda"
            name = "later" if address == "event_source_mapping" else "this"
            targets.append(f"-target=module.call{number}.aws_{kind}_{address}.{name}")
    found = copy.initialised().reports("plan", "-input=false", *targets)
    for sentence in AGAINST_THE_ACCOUNT.values():
        assert any(sentence in text for text in found), (sentence, found)


def test_a_member_that_does_not_exist_is_refused(variables: Workspace) -> None:
    """The root refuses misspelt members of objects, which a module would not get at all."""
    shutil.copy(ROOT / SERVER / "variables.tf", variables.folder)
    text = (variables.folder / "variables.tf").read_text(encoding="utf-8")
    names = re.findall(r'^variable "(\w+)" \{\n(?:(?!^\}).*\n)*?  type += any$', text, re.MULTILINE)
    assert {"limits", "throttling"} <= set(names)
    inputs = [f"-var={name}={{wrong=1}}" for name in names]
    found = variables.initialised().reports("plan", "-input=false", *inputs)
    for name in names:
        assert any(f"{name} can have these members only: " in said for said in found), (name, found)
    found = variables.reports("plan", "-input=false", "-var=region=oregon")
    assert any("region must be the code of an AWS region, such as" in said for said in found)


@pytest.mark.parametrize("file", ["defaults", pytest.param("options", marks=pytest.mark.nightly)])
def test_the_modules_own_tests_pass(mirror: Mirror, tmp_path: Path, file: str) -> None:
    """The module's own tests pass with ``tofu test``, without AWS and without credentials."""
    name = f"tests/{file}.tftest.hcl"
    runs = re.findall(r'^run "', (ROOT / MODULE / name).read_text(encoding="utf-8"), re.MULTILINE)
    copy = Workspace.copy(tmp_path, mirror, MODULE).initialised()
    said = copy.run("test", f"-filter={name}", codes=(0, 1)).stdout
    assert f"Success! {len(runs)} passed, 0 failed." in said
