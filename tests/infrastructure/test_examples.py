"""Examples of the module, and several deployments by one call: one apply for all of them.

The tests of this file depend on their order.
"""

import json
from collections.abc import Generator
from typing import Any, Final, NamedTuple

import pytest

from poker_signal.lambda_app.environment import ICE_PARAMETER, TICKET_SECRET_PARAMETER
from tests.infrastructure.policy import findings
from tests.infrastructure.servers import ACCOUNT, REGION, Aws, stand_in
from tests.infrastructure.tools import EXAMPLES, INFRASTRUCTURE, ROOT, Mirror, Workspace

pytestmark = [
    *(pytest.mark.aws, pytest.mark.nightly, pytest.mark.timeout(600)),
    pytest.mark.random_order(disabled=True),
]

CERTIFICATE: Final = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1"

# The provider waits a minute for a queue, and both examples have one.
LATER_OFF: Final = """
variable "later" {
  default = { enabled = false }
}
"""

ALL: Final = """
provider "aws" {{
  region = "{region}"
}}

module "custom_domain" {{
  source          = "../examples/custom-domain"
  certificate_arn = "{certificate}"
  zone_id         = "{zone}"
}}

module "tickets" {{
  source = "../examples/tickets"
}}

module "tickets_turn" {{
  source = "../examples/tickets-turn"
}}

module "each" {{
  source   = "../modules/signaling"
  for_each = {{ blue = "star", green = "mesh" }}

  name_prefix = "poker-${{each.key}}"
  topology    = each.value
  tags        = {{ deployment = each.key }}
  later       = {{ enabled = false }}
}}

output "urls" {{
  value = {{ for name, deployment in module.each : name => deployment.websocket_url }}
}}
"""


class Applied(NamedTuple):
    """All examples but the environments, and two deployments of one call."""

    workspace: Workspace
    aws: Aws
    zone: str

    def function(self, name: str) -> dict[str, Any]:
        """Return the configuration of a function."""
        answer = self.aws.client("lambda").get_function(FunctionName=name)
        found: dict[str, Any] = answer["Configuration"]
        return found


@pytest.fixture(scope="module")
def applied(
    mirror: Mirror, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Applied, None, None]:
    """Yield everything, applied by one command."""
    folder = tmp_path_factory.mktemp("examples")
    with stand_in(folder / "server") as aws:
        zones = aws.client("route53")
        zone = zones.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
        copy = Workspace.copy(folder / "clone", mirror, INFRASTRUCTURE / "account")
        for name in ("custom-domain", "tickets", "tickets-turn"):
            main = copy.root / EXAMPLES / name / "main.tf"
            (main.parent / "later.tf").write_text(LATER_OFF)
            text = main.read_text(encoding="utf-8")
            before, call, after = text.partition('  source = "../../modules/signaling"\n')
            assert call
            main.write_text(f"{before}{call}  later = var.later\n{after}", encoding="utf-8")
        everything = copy.root / INFRASTRUCTURE / "everything"
        everything.mkdir()
        zone = zone.rpartition("/")[2]
        text = ALL.format(region=REGION, certificate=CERTIFICATE, zone=zone)
        (everything / "main.tf").write_text(text)
        workspace = copy.enter(INFRASTRUCTURE / "everything").at(aws.url).initialised()
        workspace.apply()
        yield Applied(workspace, aws, zone)


def test_every_example_is_applied_in_a_test() -> None:
    """Each folder with a root is applied here or in test_environments.py."""
    roots = {
        path.parent.relative_to(ROOT / EXAMPLES) for path in (ROOT / EXAMPLES).rglob("main.tf")
    }
    assert {str(root) for root in roots} == {
        *("custom-domain", "environments/dev", "environments/prod", "tickets", "tickets-turn")
    }


def test_two_deployments_of_one_call_share_nothing(applied: Applied) -> None:
    """With for_each each deployment has its own API, function, role and table, and its zip."""
    urls = applied.workspace.outputs()["urls"]
    assert len({*urls.values()}) == len(urls) == 2
    for name, topology in {"blue": "star", "green": "mesh"}.items():
        found = applied.function(f"poker-{name}")
        variables = found["Environment"]["Variables"]
        assert variables["TOPOLOGY"] == topology
        assert variables["TABLE_NAME"] == f"poker-{name}-connections"
        assert found["Role"].endswith(f":role/poker-{name}-{REGION}")
        tags = applied.aws.client("lambda").list_tags(Resource=found["FunctionArn"])["Tags"]
        assert tags == {"deployment": name}
    hashes = {applied.function(f"poker-{name}")["CodeSha256"] for name in ("blue", "green")}
    assert len(hashes) == 1, "the same sources are the same zip"


def test_a_domain_leads_to_its_stage(applied: Applied) -> None:
    """The record in Route 53 leads to the target of the domain, and the domain to the stage."""
    records = applied.aws.client("route53").list_resource_record_sets(HostedZoneId=applied.zone)
    (record,) = (each for each in records["ResourceRecordSets"] if each["Type"] == "A")
    gateway = applied.aws.client("apigatewayv2")
    domain = gateway.get_domain_name(DomainName="signal.example.com")
    (configuration,) = domain["DomainNameConfigurations"]
    alias = record["AliasTarget"]
    assert record["Name"].rstrip(".") == "signal.example.com"
    assert alias["DNSName"].rstrip(".") == configuration["ApiGatewayDomainName"]
    assert alias["HostedZoneId"] == configuration["HostedZoneId"]
    (mapping,) = gateway.get_api_mappings(DomainName="signal.example.com")["Items"]
    assert (mapping["Stage"], mapping.get("ApiMappingKey") or None) == ("prod", None)
    # The endpoint of posts is AWS's own, because the mapping hides the stage.
    variables = applied.function("poker-domain")["Environment"]["Variables"]
    endpoint = variables["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
    assert endpoint == f"https://{mapping['ApiId']}.execute-api.{REGION}.amazonaws.com/prod"


def test_tickets_are_read_by_exactly_those_who_need_them(applied: Applied) -> None:
    """Function, canary and backend may read the one parameter."""
    iam = applied.aws.client("iam")
    parameter = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/poker-signaling/tickets"
    found = []
    for role, policy in (
        (f"poker-tickets-{REGION}", "signaling"),
        (f"poker-tickets-{REGION}-canary", "canary"),
    ):
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        found += [each for each in document["Statement"] if "ssm" in str(each["Action"])]
    arn = f"arn:aws:iam::{ACCOUNT}:policy/poker-tickets-backend"
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    document = json.loads(version) if isinstance(version, str) else version
    found += (
        document["Statement"]
        if isinstance(document["Statement"], list)
        else [document["Statement"]]
    )
    assert [(each["Action"], each["Resource"]) for each in found] == [
        ("ssm:GetParameter", parameter)
    ] * 3
    for name in ("poker-tickets", "poker-tickets-canary"):
        variables = applied.function(name)["Environment"]["Variables"]
        assert variables[TICKET_SECRET_PARAMETER] == "/poker-signaling/tickets"


def test_a_function_with_ice_servers_may_read_two_parameters(applied: Applied) -> None:
    """The function gets the names of both parameters, and may read them and no third."""
    variables = applied.function("poker-turn")["Environment"]["Variables"]
    assert variables[TICKET_SECRET_PARAMETER] == "/poker-signaling/tickets"
    assert variables[ICE_PARAMETER] == "/poker-signaling/ice"
    document = applied.aws.client("iam").get_role_policy(
        RoleName=f"poker-turn-{REGION}", PolicyName="signaling"
    )["PolicyDocument"]
    assert findings(document) == []
    read = [each for each in document["Statement"] if "ssm" in str(each["Action"])]
    prefix = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/poker-signaling"
    assert sorted(each["Resource"] for each in read) == [f"{prefix}/ice", f"{prefix}/tickets"]
    assert {each["Action"] for each in read} == {"ssm:GetParameter"}


def test_a_second_plan_is_empty(applied: Applied) -> None:
    """After the apply, a plan of everything has no changes."""
    plan = applied.workspace.plan()
    assert plan.returncode == 0, plan.stdout
