"""Validation of the module by the real provider, and of an operator's input."""

import re
import shutil
from pathlib import Path

import pytest

from tests.infrastructure.mutations import VALIDATE
from tests.infrastructure.tools import INFRASTRUCTURE, MODULE, ROOT, Mirror, Workspace

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
would change the account for nothing | access_log={enabled=false,set_account_role=true}
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
    "throttling=null",
    'tags={"team"="games"}',
)


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
    """The real provider accepts every argument, and README explains its one warning."""
    (found,) = (text for text in reports if "modules/child" not in text)
    assert found.startswith("warning")
    assert '"reset_on_delete"' in found
    assert "`reset_on_delete`" in (ROOT / MODULE / "README.md").read_text(encoding="utf-8")


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
    text = value if re.match(r"[{-]|\d+$|null", value) else f'"{value}"'
    workspace.call(name, "variables", f"{key} = {text}")


def test_bad_input_is_refused_at_plan(variables: Workspace) -> None:
    """A bad value is refused at the plan, with a sentence about the accepted values."""
    rows = [line.split(" | ") for line in REFUSED.strip().splitlines()]
    cases = [(sentence, each) for sentence, inputs in rows for each in inputs.split(" ")]
    assert len(cases) == 41
    for number, (_, variable) in enumerate(cases):
        _call(variables, f"call{number}", variable)
    found = variables.initialised().reports("plan")
    for number, (sentence, variable) in enumerate(cases):
        said = [text for text in found if f'module "call{number}"' in text]
        assert any("Invalid value for variable" in text and sentence in text for text in said), (
            variable,
            said,
        )


def test_good_input_is_taken(variables: Workspace) -> None:
    """Values at the limits are accepted."""
    for number, variable in enumerate(TAKEN):
        _call(variables, f"call{number}", variable)
    assert variables.initialised().plan().returncode == 0


@pytest.mark.parametrize("file", ["defaults", "options"])
def test_the_modules_own_tests_pass(mirror: Mirror, tmp_path: Path, file: str) -> None:
    """The module's own tests pass with ``tofu test``, without AWS and without credentials."""
    name = f"tests/{file}.tftest.hcl"
    runs = re.findall(r'^run "', (ROOT / MODULE / name).read_text(encoding="utf-8"), re.MULTILINE)
    copy = Workspace.copy(tmp_path, mirror, MODULE).initialised()
    said = copy.run("test", f"-filter={name}", codes=(0, 1)).stdout
    assert f"Success! {len(runs)} passed, 0 failed." in said
