"""Verdicts on broken handshakes of real browsers, against what the pages themselves say.

Each row of breakages.py is played twice, with the probe in its pages and without. The verdicts are
those of the trace of that game, at its end and 20 s later, when all that waits has waited.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from poker_signal.emulator.handshakes.as_json import attempt_as_json
from poker_signal.emulator.handshakes.handshakes import Handshakes
from tests.inspector.breakable import Played, hall
from tests.inspector.breakages import BREAKAGES, Breakage

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    # The fixture plays all games, many at a time: the first test waits for them.
    pytest.mark.timeout(300),
]

LATER_MS: Final = 20_000
SOON_MS: Final = 1000

Games = dict[tuple[str, bool], Played]
Verdict = dict[str, Any]

ROWS = [
    pytest.param(row, id=row.id, marks=[] if row.is_frequent else [pytest.mark.nightly])
    for row in BREAKAGES
]
each_row = pytest.mark.parametrize("row", ROWS)
each_way = pytest.mark.parametrize("probe", [True, False], ids=["probe", "no probe"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def games(request: pytest.FixtureRequest, browser: Browser) -> AsyncGenerator[Games, None]:
    """Play the selected rows, many at the same time; yield the games by row and probe."""
    selected: dict[str, Breakage] = {}
    for item in request.session.items:
        if isinstance(item, pytest.Function) and item.path == request.path:
            row = item.callspec.params["row"]
            assert isinstance(row, Breakage)
            selected[row.id] = row
    wanted = [(row, probe) for row in selected.values() for probe in (True, False)]
    async with hall(browser) as played:
        ended = await asyncio.gather(*(played.play(row, probe=probe) for row, probe in wanted))
        yield {(row.id, probe): game for (row, probe), game in zip(wanted, ended, strict=True)}


def verdict(game: Played, after_ms: int = 0, until_ms: float = float("inf")) -> Verdict:
    """Return the last attempt of the judged pair, some time after the last entry up to a time."""
    entries = [entry for entry in game.entries if entry["at"] <= until_ms]
    now = max((entry["at"] for entry in entries), default=0) + after_ms
    found = Handshakes().add_all(entries).judged(None, now)
    names = {each.key: each.name for each in game.breakage.cast}
    pair = {names.get(key, key) for key in game.breakage.judged}
    attempts = [attempt_as_json(each) for each in found]
    own = [each for each in attempts if {each["host"], each["player"]} == pair]
    return (own or attempts or [{"state": "none", "code": "", "headline": "", "findings": []}])[-1]


def brief(told: Verdict) -> Verdict:
    """Return the parts of a verdict that a failed test shows."""
    return {key: told[key] for key in ("state", "code", "headline")}


def has_words(text: str, words: tuple[str, ...]) -> bool:
    """Return whether a text has all words; ``a|b`` is one of both."""
    return all(any(each in text for each in word.split("|")) for word in words)


@each_row
@each_way
async def test_the_pages_do_what_their_row_says(row: Breakage, probe: bool, games: Games) -> None:
    """A breakage is what its row says: the game ends so, and connects or does not.

    The probe changes nothing of it.
    """
    game = games[row.id, probe]
    assert (game.waited_for, game.logs) == ("", game.logs)
    assert (game.is_connected, game.logs) == (row.connects, game.logs)
    assert (game.was_connected, game.logs) == (row.connects or row.loses, game.logs)


@each_row
async def test_the_probe_names_the_cause(row: Breakage, games: Games) -> None:
    """With the probe, the headline has the cause, and is green if and only if it connected."""
    told = verdict(games[row.id, True], LATER_MS)
    shown = brief(told)
    if row.connects:
        assert (told["state"] == "ok" or told["code"] in row.codes, shown) == (True, shown)
        return
    texts = [told["headline"]]
    if row.loses:
        texts += [each["text"] for each in told["findings"]]
    else:
        assert (told["state"] in {"bad", "warn"}, shown) == (True, shown)
    assert (has_words(" ".join(texts), row.says), row.says, shown) == (True, row.says, shown)
    assert (not row.codes or told["code"] in row.codes, row.codes, shown) == (
        True,
        row.codes,
        shown,
    )


@each_row
async def test_without_the_probe_nothing_wrong_is_told(row: Breakage, games: Games) -> None:
    """Without word of a client, the verdict claims nothing, or the right cause."""
    for after_ms in (0, LATER_MS):
        told = verdict(games[row.id, False], after_ms)
        shown = brief(told)
        claims = told["state"] not in {"neutral", "waiting"}
        assert (not claims or told["code"] in row.blind, shown) == (True, shown)
        assert told["state"] != "ok"


@each_row
@each_way
async def test_green_and_red_are_never_wrong(row: Breakage, probe: bool, games: Games) -> None:
    """No verdict is green at any time unless it connected, none is red in the end if it did."""
    game = games[row.id, probe]
    if not row.connects and not row.loses:
        handshakes = Handshakes()
        for entry in game.entries:
            handshakes.add(entry)
            green = [
                brief(attempt_as_json(each))
                for each in handshakes.judged(None, entry["at"])
                if each.verdict.state == "ok" and set(row.judged) == {*each.attempt.sides}
            ]
            assert green == []
        return
    for after_ms in (0, LATER_MS):
        assert brief(told := verdict(game, after_ms)) == brief(told | {"state": _not_red(told)})


def _not_red(told: Verdict) -> str:
    return "ok" if told["state"] == "bad" else str(told["state"])


@pytest.mark.parametrize("row", [row for row in ROWS if row.values[0].soon])  # type: ignore[union-attr]
@each_way
async def test_what_the_emulator_knows_is_told_within_a_second(
    row: Breakage, probe: bool, games: Games
) -> None:
    """A second of the trace after a fault, a refusal, an error frame or a close, the headline has it."""
    game = games[row.id, probe]
    known = min(entry["at"] for entry in game.entries if _is_known(entry))
    begun = min(
        entry["at"]
        for entry in game.entries
        if entry["kind"] in {"message", "refused"} and entry.get("playerId") != "HOST"
    )
    told = verdict(game, SOON_MS, max(known, begun) + SOON_MS)
    assert (has_words(told["headline"], row.soon), row.soon, brief(told)) == (
        True,
        row.soon,
        brief(told),
    )


def _is_known(entry: dict[str, Any]) -> bool:
    is_told = entry.get("type") in {"error", "undelivered"}
    return is_told or entry["kind"] in {"fault", "refused", "disconnect"}
