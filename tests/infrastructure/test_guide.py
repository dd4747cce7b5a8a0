"""docs/deploy.md: the numbers in its table of costs."""

import re
from typing import Final

import pytest

from poker_signal.lambda_app.log import METRICS, OF_REPORTS
from tests.infrastructure.checks import WATCHED
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
        "CloudWatch, function's": count * 1.0,
        "CloudWatch, access": count * 0.4,
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
    cost = requests * 0.40 + invocations * 0.96 + units_ * 0.125 + posts_ * 1.00
    assert usd == pytest.approx(cost, abs=0.0051)


def formula(k: float, g: float, m: float) -> float:
    """Return the cost of a thousand games by the formula of docs/scale.md."""
    h, c = 9.17, 8.02
    spoken = h * (3 + c) + g
    messages, invocations = 2 * spoken, spoken + 2 * k
    events = messages + m * 0.25 + invocations * 0.96
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
    parts = (9.17 * 2.41 / 1000, hops * 3.285 / 1000, minutes * 0.25 / 1000)
    expected = (before, *parts, before + sum(parts))
    assert [float(each) for each in usd] == pytest.approx(expected, abs=0.0008)
    assert more == f"{percent} %"
    assert round(100 * sum(parts) / before) == percent
