"""The simulated months: their parts are right, and the page shows what they print."""

import random
from collections import defaultdict

import pytest

from tests.bench import lambda_cost, scale_page
from tests.bench.aws_facts import PRICES, cpu_share, default_of, quotas, seconds_of
from tests.bench.games import (
    DAY,
    HABITS,
    HOUR_WEIGHTS,
    IDLE_S,
    MAX_CONNECTION_S,
    Game,
    Habits,
    poisson,
    start_of_day,
)
from tests.bench.lambda_handshake import BAR_S, MAX_ZIP_BYTES, Budget, p95, zip_bytes
from tests.bench.month import (
    KEPT_S,
    REMEMBERED,
    Containers,
    Event,
    drawn,
    minute_weights,
    over_time,
    run,
)
from tests.bench.scale import SCALES, bill_of, known, units_of
from tests.bench.scale_page import BLOCKS, formula_usd, months, number, reached_at, written

# Three months take half a minute where nothing else runs.
pytestmark = pytest.mark.timeout(300)

JOIN = Event(True, 1, 1, 0.5, 0, 0.5, False)
LEAVE = Event(False, 0, 0, 0, 2, 0.5, True)
KINDS = {"join": JOIN, "$disconnect": LEAVE, "$connect": LEAVE, "ping": LEAVE}


# Games


def test_a_connection_lasts_no_longer_than_api_gateway_lets_it() -> None:
    """Ten minutes where it is silent, two hours in any case."""
    instant = 1e-6  # of arithmetic
    for is_pinging, longest_s in ((1, MAX_CONNECTION_S), (0, IDLE_S)):
        for seed in range(50):
            game = Game(random.Random(seed), Habits(pinging_players=is_pinging))
            hosts = {sender for _, kind, sender in game.happenings if kind == "$connect host"}
            for number_, (begin_s, end_s) in enumerate(game.connected_s):
                limit_s = MAX_CONNECTION_S if number_ in hosts else longest_s
                assert 0 <= end_s - begin_s <= limit_s + instant


def test_what_is_said_is_said_in_order_and_on_an_open_connection() -> None:
    """A join after its connect, an offer after the join, and every connect has its end."""
    kinds: dict[str, int] = defaultdict(int)
    for seed in range(50):
        game = Game(random.Random(seed))
        connected = {}
        for at_s, kind, sender in sorted(game.happenings):
            kinds[kind] += 1
            if kind.startswith("$connect"):
                connected[sender] = at_s
            elif kind.startswith("join"):
                assert at_s == pytest.approx(connected[sender] + 1)
    assert kinds["$connect"] + kinds["$connect host"] == kinds["$disconnect"]
    assert kinds["join"] + kinds["join past a ghost"] == kinds["offer"] == kinds["answer"]
    assert kinds["ping"] > 0
    assert kinds["ice-candidate"] > 4 * kinds["offer"]


def test_games_start_when_people_play() -> None:
    """One by one and by the minute alike."""
    chance = random.Random(1)
    hours = [int(start_of_day(chance, HABITS) % DAY // 3600) for _ in range(20_000)]
    weights = minute_weights(HABITS)
    assert sum(weights) == pytest.approx(1)
    for hour, weight in enumerate(HOUR_WEIGHTS):
        expected = sum(weights[hour * 60 : hour * 60 + 60])
        assert hours.count(hour) / len(hours) == pytest.approx(expected, abs=0.01)
        assert expected == pytest.approx(weight / sum(HOUR_WEIGHTS), abs=0.01)


@pytest.mark.parametrize("mean", [0.0, 3.0, 400.0])
def test_what_comes_by_itself_comes_as_often_as_it_should(mean: float) -> None:
    """And varies as it should."""
    chance = random.Random(1)
    drawn_ = [poisson(mean, chance) for _ in range(4_000)]
    average = sum(drawn_) / len(drawn_)
    variance = sum((value - average) ** 2 for value in drawn_) / len(drawn_)
    assert average == pytest.approx(mean, rel=0.05, abs=0.01)
    assert variance == pytest.approx(mean, rel=0.1, abs=0.01)


# Lambda


def test_an_event_goes_to_a_container_that_is_free() -> None:
    """To another one while the first is busy; and to none that was given up."""
    containers = Containers(KINDS, start_s=1.0, look_up_s=0)
    containers(0, "join", "a")  # busy until 1.5
    assert (containers.cold, containers.peak) == (1, 1)
    containers(1, "join", "b")  # another one, until 2.5
    assert (containers.cold, containers.peak) == (2, 2)
    containers(1.6, "join", "a")
    assert containers.cold == 2
    containers(2.6 + KEPT_S + 1, "join", "a")
    assert (containers.cold, containers.events) == (3, 4)


def test_a_sender_is_looked_up_where_it_is_not_known() -> None:
    """Once for each container, and again by one that has forgotten."""
    containers = Containers(KINDS, start_s=0, look_up_s=0)
    assert containers(0, "join", "a")
    assert not containers(1, "join", "a")
    assert not containers(2, "ping", "b")
    assert containers(3, "join", "b")
    containers(4, "$disconnect", "b")
    assert containers(5, "join", "b")
    for number_ in range(REMEMBERED):
        containers(6 + number_, "join", number_)
    assert containers(10_000 - KEPT_S, "join", "a")
    assert containers.looked_up == 5 - 1 + REMEMBERED


def test_the_busiest_seconds_are_counted() -> None:
    """Requests with the posts that follow, events without."""
    happenings = [(0.1, "$connect", "a"), (0.2, "join", "a"), (0.9, "join", "b"), (3, "join", "a")]
    load = run([*happenings, (4, "$disconnect", "a")], KINDS, Containers(KINDS, 0, 0))
    assert (load.requests_s, load.events_s, load.connects_s) == (5, 3, 1)
    assert (load.invocations_s, load.writes_s, load.open) == (3, 2, 1)
    # Two index reads of half a unit, and b's row; a is known since its connect.
    assert load.reads_s == 2 * 0.5 + load.looked_up


def test_a_minutes_games_go_on_in_the_next() -> None:
    """Each figure is the sum over all games that have started."""
    assert over_time([1, 0, 2], [5.0, 3.0]) == [5, 3, 10]


def test_what_is_drawn_is_as_frequent_as_it_should_be() -> None:
    """In the order of time."""
    found = [*drawn({"join": 6_000, "ping": 0}, 30)]
    assert len(found) == pytest.approx(3_000, rel=0.1)
    assert [at_s for at_s, _, _ in found] == sorted(at_s for at_s, _, _ in found)


# The facts


def test_the_modules_defaults_are_read_from_the_module() -> None:
    """Whoever changes one is told to write the page anew."""
    assert default_of("memory_size") >= 128
    assert default_of("rate_limit") >= 1
    with pytest.raises(SystemExit, match="no default of nonsense"):
        default_of("nonsense")


def test_time_is_calls_and_cpu_by_its_share() -> None:
    """A thread has no more than one vCPU."""
    assert cpu_share(3_000) == 1
    assert seconds_of(["Query", "PostToConnection"], 0.01, 3_538 // 4) == pytest.approx(0.035, 0.01)


def test_every_figure_names_its_source() -> None:
    """Or says that it is assumed."""
    sources = [price.source for price in PRICES.values()] + [quota.source for quota in quotas()]
    assert all(sources)


# The handshake's budget


@pytest.mark.parametrize("name", ["warm", "cold_boosted"])
def test_a_handshake_is_within_its_budget_at_the_modules_memory(name: str) -> None:
    """With the CPU that was measured when the page was written."""
    facts = known()
    budget = Budget(facts.cost, facts.calls, facts.memory_mb)
    assert p95(getattr(budget, name)) < BAR_S
    assert p95(budget.cold) > p95(budget.cold_boosted) > p95(budget.warm)


def test_the_zip_is_within_its_bar() -> None:
    """A cold start begins with its download."""
    assert 0 < zip_bytes() <= MAX_ZIP_BYTES


def test_costs_are_kept_for_every_event() -> None:
    """A start costs more than a first message, and that more than any other."""
    cost = lambda_cost.kept()
    assert cost.warm.keys() == lambda_cost.EVENTS.keys()
    warm = [second for samples in cost.warm.values() for second in samples]
    assert min(cost.start) > max(cost.first_join) > max(cost.next_offer) > min(warm) > 0


# The page


@pytest.mark.parametrize("name", BLOCKS)
def test_the_page_shows_what_the_simulation_prints(name: str) -> None:
    """Run ``python -m tests.bench.scale_page`` when this fails."""
    assert written(name) == BLOCKS[name]()


def test_the_formula_is_as_good_as_the_page_says() -> None:
    """Within a tenth, at every scale."""
    for month in months().values():
        assert formula_usd() * month.games == pytest.approx(bill_of(month).total, rel=0.12)


def test_a_thousand_times_the_games_are_a_thousand_times_the_units() -> None:
    """But for what a formula does not know: containers and what they remember."""
    thousand, million = (units_of(months()[scale]) for scale in SCALES[1:])
    for name in ("messages", "minutes", "invocations", "writes", "log_gb", "out_gb"):
        assert million[name] / thousand[name] == pytest.approx(1_000, rel=0.02)
    assert million["reads"] / thousand["reads"] > 1_000


def test_quotas_are_reached_where_their_peak_is() -> None:
    """At exactly the simulated games a day if the peak is the limit."""
    for scale, month in months().items():
        for quota in quotas():
            there = quota._replace(limit=getattr(month.peak, quota.measure))
            assert reached_at(there) == pytest.approx(scale, rel=0.001)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (13, "13"),
        (0.000762, "0.00076"),
        (1.5, "1.50"),
        (12_345.6, "12 300"),
        (638.0, "638"),
    ],
    ids=str,
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    """More would be pretended."""
    assert number(value) == text


def test_the_tables_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them."""
    scale_page.main()
    printed = capsys.readouterr().out
    assert all(block() in printed for block in BLOCKS.values())
