"""The simulated months: their parts are right, and the page shows what they print."""

import random
from collections import defaultdict

import pytest

from tests.bench import lambda_cost
from tests.bench.aws_facts import QUOTAS, cpu_share, default_of, seconds_of
from tests.bench.figures import filled
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
from tests.bench.lambda_handshake import BAR_S, MAX_ZIP_BYTES, size_of, zip_bytes
from tests.bench.month import (
    KEPT_S,
    REMEMBERED,
    Containers,
    Event,
    drawn,
    known,
    minute_weights,
    over_time,
    run,
)
from tests.bench.scale import DOC, bill_of, blocks, formula_usd, months, reached_at
from tests.support import tiers

# Three months take seconds, on a machine that does ten other things half a minute.
pytestmark = pytest.mark.timeout(300)
of_months = pytest.mark.skipif(tiers.TIER == "quick", reason="months of games take seconds")

JOIN = Event(True, 1, 1, 0.5, 0, 0.5, False)
LEAVE = Event(False, 0, 0, 0, 2, 0.5, True)
KINDS = {"join": JOIN, "$disconnect": LEAVE, "$connect": LEAVE, "ping": LEAVE}


def test_a_game_is_connections_that_api_gateway_allows_and_messages_in_order() -> None:
    """Ten minutes where one is silent, two hours in any case; a join follows its connect."""
    kinds: dict[str, int] = defaultdict(int)
    for is_pinging, longest_s in ((1, MAX_CONNECTION_S), (0, IDLE_S), (HABITS.pinging_players, 0)):
        for seed in range(50):
            game = Game(random.Random(seed), Habits(pinging_players=is_pinging))
            connected: dict[int, float] = {}
            hosts = set()
            for at_s, kind, sender in sorted(game.happenings):
                kinds[kind] += 1
                if kind.startswith("$connect"):
                    connected[sender] = at_s
                    hosts |= {sender} if kind == "$connect host" else set()
                elif kind.startswith("join"):
                    assert at_s == pytest.approx(connected[sender] + 1)
            for sender, (begin_s, end_s) in enumerate(game.connected_s):
                limit_s = longest_s if longest_s and sender not in hosts else MAX_CONNECTION_S
                assert 0 <= end_s - begin_s <= limit_s + 1e-6
    assert kinds["$connect"] + kinds["$connect host"] == kinds["$disconnect"]
    assert kinds["join"] + kinds["join past a ghost"] == kinds["offer"] == kinds["answer"]
    assert kinds["ping"] > 0
    assert kinds["ice-candidate"] > 4 * kinds["offer"]


def test_games_start_when_people_play() -> None:
    """One by one and by the minute alike."""
    chance = random.Random(1)
    hours = [int(start_of_day(chance) % DAY // 3600) for _ in range(20_000)]
    weights = minute_weights(HABITS)
    assert sum(weights) == pytest.approx(1)
    for hour, weight in enumerate(HOUR_WEIGHTS):
        expected = sum(weights[hour * 60 : hour * 60 + 60])
        assert hours.count(hour) / len(hours) == pytest.approx(expected, abs=0.01)
        assert expected == pytest.approx(weight / sum(HOUR_WEIGHTS), abs=0.01)


@pytest.mark.parametrize("mean", [0.0, 3.0, 400.0])
def test_what_comes_by_itself_has_its_mean_and_variance(mean: float) -> None:
    """Poisson's, which are the same."""
    chance = random.Random(1)
    found = [poisson(mean, chance) for _ in range(4_000)]
    average = sum(found) / len(found)
    variance = sum((value - average) ** 2 for value in found) / len(found)
    assert average == pytest.approx(mean, rel=0.05, abs=0.01)
    assert variance == pytest.approx(mean, rel=0.1, abs=0.01)


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
    for number in range(REMEMBERED):
        containers(6 + number, "join", number)
    assert containers(10_000 - KEPT_S, "join", "a")
    assert containers.looked_up == 5 - 1 + REMEMBERED


def test_the_busiest_seconds_are_counted() -> None:
    """Requests with the posts that follow, events without."""
    happenings = [(0.1, "$connect", "a"), (0.2, "join", "a"), (0.9, "join", "b"), (3, "join", "a")]
    containers = Containers(KINDS, 0, 0)
    peak = run([*happenings, (4, "$disconnect", "a")], KINDS, containers)
    assert (peak.requests_s, peak.events_s, peak.connects_s) == (5, 3, 1)
    assert (peak.invocations_s, peak.writes_s, peak.open) == (3, 2, 1)
    # Two index reads of half a unit, and b's row; a is known since its connect.
    assert peak.reads_s == 2 * 0.5 + containers.looked_up


def test_a_flow_is_the_sum_of_its_games_and_drawn_at_its_rate() -> None:
    """A minute's games go on in the next."""
    assert over_time([1, 0, 2], [5.0, 3.0]) == [5, 3, 10]
    found = [*drawn({"join": 6_000, "ping": 0}, 30)]
    assert len(found) == pytest.approx(3_000, rel=0.1)
    assert [at_s for at_s, _, _ in found] == sorted(at_s for at_s, _, _ in found)


def test_the_facts_are_those_of_the_module() -> None:
    """Its defaults are read from its source; a thread has no more than one vCPU."""
    assert default_of("memory_size") >= 128
    with pytest.raises(SystemExit, match="no default of nonsense"):
        default_of("nonsense")
    assert cpu_share(3_000) == 1
    assert seconds_of(["Query", "PostToConnection"], 0.01, 3_538 // 4) == pytest.approx(0.035, 0.01)


@of_months
def test_a_handshake_is_within_its_budget_at_the_modules_memory() -> None:
    """With the CPU that was measured when the page was written; and the zip is within its bar."""
    facts = known()
    size = size_of(facts.memory_mb, facts.cost, facts.calls)
    assert size.warm < size.cold_boosted < size.cold < BAR_S
    assert 0 < zip_bytes() <= MAX_ZIP_BYTES


def test_costs_are_kept_for_every_event() -> None:
    """A start costs more than a first message, and that more than any other."""
    cost = lambda_cost.kept()
    assert cost.warm.keys() >= lambda_cost.EVENTS.keys()
    warm = [second for samples in cost.warm.values() for second in samples]
    assert min(cost.start) > max(cost.first_join) > max(cost.next_offer) > min(warm) > 0


@of_months
def test_the_page_shows_what_the_simulation_prints() -> None:
    """Run ``python -m tests.bench.scale`` when this fails."""
    text = DOC.read_text(encoding="utf-8")
    assert filled(text, blocks()) == text
    assert all(text.count(f"| {quota.name} |") == 2 for quota in QUOTAS)


@of_months
def test_the_formula_is_as_good_as_the_page_says() -> None:
    """Within an eighth, at every scale."""
    for month in months().values():
        usd = sum(bill_of(month).values())
        assert formula_usd() * month.games == pytest.approx(usd, rel=0.12)


@of_months
def test_quotas_are_reached_where_their_peak_is() -> None:
    """At exactly the simulated games a day if the peak is the limit."""
    for scale, month in months().items():
        for quota in QUOTAS:
            there = quota._replace(limit=getattr(month.peak, quota.measure))
            assert reached_at(there) == pytest.approx(scale, rel=0.001)
