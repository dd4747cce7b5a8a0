"""docs/deploy.md: the numbers in its table of costs."""

import json
import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from poker_signal.lambda_app.log import METRICS, OF_REPORTS
from tests.infrastructure.checks import ALARMS, WATCHED
from tests.infrastructure.policy import findings
from tests.infrastructure.tools import MODULE, ROOT
from tests.lambda_app.calls import written_table

SCALE: Final = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
GUIDE: Final = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")

CANDIDATES, MINUTES = 8, 10
GAMES, PLAYERS = 1000, 5

MESSAGES: Final = {
    "`join`, warm container": 1,
    "`offer` or `answer`": 2,
    "`ice-candidate` after its offer": CANDIDATES,
}
HANDSHAKE: Final = {"`$connect` of a player": 1, **MESSAGES, "`$disconnect`": 1}
HOST: Final = {"`$connect` of `HOST`": 1, "`$disconnect`": 1}

# A write costs one unit in the table and one in the index. A query reads the index, so it is not
# consistent: half a unit for 4 KB.
UNITS: Final[dict[str, dict[str, float]]] = {
    "write": dict.fromkeys(("PutItem", "UpdateItem", "DeleteItem"), 2.0),
    "read": {"Query": 0.5, "GetItem": 1},
}


def units(kind: str, events: dict[str, int]) -> float:
    """Return the units of DynamoDB that events need."""
    rows = [line.strip("| ").split(" | ") for line in written_table().splitlines()[2:]]
    calls = {row[0]: row[-1].split(", ") for row in rows}
    return sum(
        count * UNITS[kind].get(call, 0) for event, count in events.items() for call in calls[event]
    )


def used(events: dict[str, int], messages: int) -> dict[str, float]:
    """Return the billed amounts, by the first words of the table's rows."""
    count = sum(events.values())
    return {
        "API Gateway, messages": messages,
        "API Gateway, minutes": MINUTES,
        "Lambda, invocations": count,
        "Lambda, arm64": count * 1.0 * 0.020,
        "DynamoDB, write": units("write", events),
        "DynamoDB, read": units("read", events),
        "CloudWatch, function's": count * 0.46,
        "CloudWatch, Lambda's": count * 0.30,
    }


def rows() -> list[list[str]]:
    """Return the rows of the table of costs, without head and sum."""
    section = GUIDE.partition("## What it costs")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1:-1]]


PLAYER_USES = used(HANDSHAKE, 2 * sum(MESSAGES.values()))
HOST_USES = used(HOST, 0)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_a_row_is_what_its_calls_cost(row: list[str]) -> None:
    """The cost in each row is its measured calls times the price in the row."""
    (name,) = (name for name in PLAYER_USES if row[0].startswith(name))
    price = float(row[2].partition(" per million")[0])
    game = PLAYERS * PLAYER_USES[name] + HOST_USES[name]
    assert row[2].endswith("†") != name.startswith("API Gateway"), "an assumption to verify"
    assert float(row[1]) == pytest.approx(PLAYER_USES[name])
    assert float(row[3]) == pytest.approx(PLAYER_USES[name] * price, abs=0.005)
    assert float(row[4]) == pytest.approx(GAMES * game * price / 1e6, abs=0.00051)


def test_the_sums_are_sums() -> None:
    """The last row has the sums of the columns, and the formula gives the same result."""
    assert len(rows()) == len(PLAYER_USES)
    together = re.search(
        r"\| \*\*together\*\* \| \| \| \*\*([\d.]+)\*\* \| \*\*([\d.]+)\*\* \|", GUIDE
    )
    assert together
    assert float(together[1]) == pytest.approx(sum(float(row[3]) for row in rows()))
    assert float(together[2]) == pytest.approx(sum(float(row[4]) for row in rows()), abs=0.005)
    formula = re.search(r"```text\nh × (.+) / 1 000 000\n```", GUIDE)
    assert formula
    numbers = {"c": CANDIDATES, "m": MINUTES}
    text = re.sub(r"(\d)c\b", r"\1*c", formula[1]).replace("×", "*")
    assert re.fullmatch(r"[\d.*+/() cm]+", text)
    assert eval(text, {"__builtins__": {}}, numbers) == pytest.approx(float(together[1]), abs=0.1)


def test_what_it_costs_to_keep_is_counted_right() -> None:
    """The fixed costs are for the metrics that alarms watch, and those that the function writes."""
    readme = (ROOT / MODULE / "README.md").read_text(encoding="utf-8")
    alone = f"USD {WATCHED * 0.10:.2f} a month: the alarms watch {WATCHED} metrics"
    assert alone in readme
    written = len({*METRICS} - OF_REPORTS)
    assert written == 5
    assert f"{written * 0.30:.2f} more: five custom metrics" in readme


EVENT_USD: Final = 0.85
"""USD a million events: 0.20, 0.020 GB s of 13.33, and 0.76 KB of log of 0.50."""

REQUESTS: Final = 3
"""Requests of SQS for a note: sent, received, deleted."""

NOTES: Final = {
    "a join that connects: one look": "a look at a join: it has connected",
    "a look that delivers the join again": "… no offer yet, the join is delivered again",
    "a keep-alive of a lobby": "a keep-alive of a lobby",
}


def cells(text: str, first: str) -> list[str]:
    """Return the cells after the first one of a table's row."""
    (row,) = re.findall(rf"^\| {re.escape(first)} \| (.*) \|$", text, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


@pytest.mark.parametrize("name", NOTES)
def test_a_note_costs_what_its_calls_cost(name: str) -> None:
    """The cost of a note follows from its measured calls and the prices of the page."""
    *counts, usd = map(float, cells(SCALE, name))
    *_, calls = cells(written_table(), NOTES[name])
    reads = 2 if "2 × GetItem" in calls else calls.count("GetItem")
    posts = calls.count("PostToConnection")
    assert counts == [REQUESTS, 1, reads + 0.5 * calls.count("Query"), posts]
    requests, invocations, units_, posts_ = counts
    cost = requests * 0.40 + invocations * EVENT_USD + units_ * 0.125 + posts_ * 1.00
    assert usd == pytest.approx(cost, abs=0.0051)


def test_a_game_of_the_app_costs_what_its_parts_cost() -> None:
    """Each row is its amount times its price; the amounts follow from the formula."""
    section = SCALE.partition("| a thousand games of the app |")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines()[2:]]
    named = {row[0].partition(":")[0]: row[1:] for row in rows}
    h, c, k, lobby = 9.17, 8.02, 10.17, 13
    spoken = h * (3 + c)
    invocations = spoken + 2 * k + h + lobby
    amounts = {
        "API Gateway, messages": 2 * spoken + lobby,
        "API Gateway, minutes connected": 101.7 + 110,
        "Lambda, invocations": invocations,
        "Lambda, GB s": 0.020 * invocations,
        "DynamoDB, write units": 4 * (k + h),
        "DynamoDB, read units": spoken / 2 + 2 * h + lobby,
        "SQS, requests": REQUESTS * (h + lobby),
        "CloudWatch, function's log": 0.46 * invocations,
        "CloudWatch, Lambda's own lines": 0.30 * invocations,
    }
    sum_ = 0.0
    for name, amount in amounts.items():
        shown, price, usd = (
            float(cell.replace("\u202f", "").replace(" ", "")) for cell in named[name]
        )
        assert shown == pytest.approx(amount * 1000, rel=0.002), name
        assert usd == pytest.approx(shown * price / 1e6, abs=0.00051), name
        sum_ += usd
    sum_ += float(named["traffic to the internet"][-1])
    together = float(named["**together**"][-1].strip("*"))
    assert together == pytest.approx(sum_)
    assert together <= 0.50
    assert f"USD {together:.2f}, all in" in SCALE
    assert f"about USD {together:.2f}" in GUIDE


def test_the_pipeline_applies_the_plan_that_it_made() -> None:
    """The workflow is YAML; what its second job applies is what the first one made and uploaded."""
    (block,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    workflow = yaml.safe_load(block)
    folder = workflow["defaults"]["run"]["working-directory"]
    assert (ROOT / folder / "main.tf").exists()
    plan, apply = (workflow["jobs"][name]["steps"] for name in ("plan", "apply"))
    (upload,) = (step["with"]["path"].split() for step in plan if "upload" in step.get("uses", ""))
    assert upload == ["build/lambda.zip", f"{folder}/prod.tfplan"]
    (command,) = (step["run"] for step in plan if "tofu plan" in step.get("run", ""))
    (zip_path,) = re.findall(r"-var=lambda_zip=(\S+)", command)
    assert (ROOT / folder / zip_path).resolve() == (ROOT / upload[0]).resolve()
    assert apply[-1]["run"].split()[-1] == Path(upload[1]).name
    given = set(re.findall(r"-var=(\w+)=", command))
    variables = (ROOT / folder / "variables.tf").read_text(encoding="utf-8")
    assert given <= set(re.findall(r'^variable "(\w+)"', variables, re.MULTILINE))


def test_the_policies_of_the_pipeline_have_actions_that_exist() -> None:
    """The trust of the roles and the deployer's policy are JSON, and the actions are AWS's."""
    trust, deployer = map(json.loads, re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL))
    (statement,) = trust["Statement"]
    assert statement["Condition"]["StringEquals"].keys() == {
        *(f"token.actions.githubusercontent.com:{claim}" for claim in ("aud", "sub"))
    }
    found = {text.partition(":")[0] for text in findings(deployer)}
    # Wildcards of a service have actions that need no resource, or another one.
    assert found <= {"RESOURCE_STAR", "RESOURCE_MISMATCH", "MISMATCHED_TYPE_BUT_USABLE"}
    bounded = [each for each in deployer["Statement"] if "iam:CreateRole" in each["Action"]]
    assert [each["Condition"].keys() for each in bounded] == [{"StringEquals"}]


@pytest.mark.parametrize("name", sorted({*ALARMS, "canary"}))
def test_every_alarm_has_its_runbook(name: str) -> None:
    """The heading to which the alarm's description points has its steps."""
    heading = f"### Alarm `{name}`\n"
    assert GUIDE.count(heading) == 1
    assert len(GUIDE.partition(heading)[2].partition("\n#")[0]) > 100


def formula(k: float, g: float, m: float) -> float:
    """Return the cost of a thousand games by the formula of docs/scale.md."""
    h, c = 9.17, 8.02
    spoken = h * (3 + c) + g
    messages, invocations = 2 * spoken, spoken + 2 * k
    events = messages + m * 0.25 + invocations * EVENT_USD
    return (events + 4 * (k + h) * 0.625 + h * (3 + c) / 2 * 0.125) / 1000


@pytest.mark.parametrize(
    ("name", "off", "hops", "minutes", "percent"),
    [
        ("as simulated, hosts stay 2.5 h: 17 keep-alives", (11.9, 45.0, 452), 17, 0, 12),
        (
            "the same, and no host would have stayed beyond ten minutes",
            *((11.9, 45.0, 452), 13, 110, 15),
        ),
        (
            "the app of today: 13 keep-alives, 110 minutes more",
            *((10.17, 0, 101.7), 13, 110, 23),
        ),
    ],
)
def test_watchdog_and_lobby_cost_what_their_notes_cost(
    name: str, off: tuple[float, float, float], hops: int, minutes: int, percent: int
) -> None:
    """Each row is the sum of its notes and minutes, compared with the formula."""
    *usd, more = cells(SCALE, name)
    before = formula(*off)
    parts = (9.17 * 2.30 / 1000, hops * 3.175 / 1000, minutes * 0.25 / 1000)
    expected = (before, *parts, before + sum(parts))
    assert [float(each) for each in usd] == pytest.approx(expected, abs=0.0008)
    assert more == f"{percent} %"
    assert round(100 * sum(parts) / before) == percent
