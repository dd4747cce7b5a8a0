"""CPU cost of the function: the start of a container, and every kind of event.

Each sample is a new process with the deployment's zip. The handshake's budget and
docs/scale.md use these figures, so they are kept in a file. ::

    python -m tests.bench.lambda_cost     # measures, and writes lambda_cost.json
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from poker_signal.core.model import Row
from tests.bench.aws_stub import stub
from tests.bench.lambda_start import ENVIRONMENT, newest_python, unzipped, with_boto3
from tests.core.build import row
from tests.lambda_app.build import connect, disconnect, message

FILE = Path(__file__).with_name("lambda_cost.json")

CONTAINERS = 15
ROUNDS = 40

PLAYERS = tuple(row(f"Player {number}", number) for number in range(1, 6))
HOST = row("HOST", 0, reached=PLAYERS)
JOINER = PLAYERS[0]

SDP_BYTES = 2_400
"""Size of a browser's offer for a data channel, with a few candidates in it."""


def _offer(type_: str, target: Row) -> str:
    payload = {"type": type_, "sdp": "a=candidate:1 1 udp 2113937151 192.0.2.1 54400 typ host\r\n"}
    payload["sdp"] *= SDP_BYTES // len(payload["sdp"])
    return json.dumps({"type": type_, "targetId": target.player_id, "payload": payload})


CANDIDATE = {"candidate": "candidate:1 1 udp 2113937151 192.0.2.1 54400 typ host", "sdpMid": "0"}

EVENTS: dict[str, Any] = {
    "$connect": connect(JOINER),
    "join": message(JOINER, '{"type":"join"}'),
    "offer": message(HOST, _offer("offer", JOINER)),
    "answer": message(JOINER, _offer("answer", HOST)),
    "ice-candidate": message(
        HOST,
        json.dumps({"type": "ice-candidate", "targetId": JOINER.player_id, "payload": CANDIDATE}),
    ),
    "ping": message(JOINER, '{"type":"ping"}'),
    "$disconnect": disconnect(JOINER),
}


CALLS = "the two calls alone"
"""A query and a post, which every message needs: the floor of a warm candidate."""


class Cost(NamedTuple):
    """CPU seconds on the machine that ``about`` names, one sample per container or event."""

    about: str
    start: list[float]
    """From the start of the process until the handler is imported."""
    first_join: list[float]
    """A container's first event, which connects to both services."""
    next_offer: list[float]
    """A container's second event, from a sender whose game it has not cached."""
    warm: dict[str, list[float]]
    """By kind of event, in a container that has handled some before."""

    def warm_s(self, kind: str) -> float:
        """Return the median of a kind of event, in seconds."""
        return statistics.median(self.warm[kind])


def measure(containers: int = CONTAINERS) -> Cost:
    """Measure with the newest Python on this machine, as the deployment has a new one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        newest = newest_python()
        python = with_boto3(newest, folder / "newest") if newest else sys.executable
        version = subprocess.check_output([python, "--version"], text=True).strip()
        path = unzipped(folder / "zip")
        with stub((HOST, *PLAYERS), folder) as endpoints:
            environment = {**os.environ, **ENVIRONMENT, **endpoints, "PYTHONPATH": str(path)}
            samples = [_container(python, environment) for _ in range(containers + 1)][1:]
    return Cost(
        f"{version}, {platform.machine()}, {containers} containers",
        [sample["start"] for sample in samples],
        [sample["first"]["join"] for sample in samples],
        [sample["first"]["offer"] for sample in samples],
        {kind: _all(sample["warm"][kind] for sample in samples) for kind in (*EVENTS, CALLS)},
    )


def _all(samples: Iterable[list[float]]) -> list[float]:
    # The first sample of each container is not fully warm.
    return [cost for sample in samples for cost in sample[1:]]


def _container(python: str, environment: dict[str, str]) -> dict[str, Any]:
    first = {kind: EVENTS[kind] for kind in ("join", "offer")}
    candidate = {
        "game": HOST.game_id,
        "target": JOINER.connection_id,
        "data": json.dumps(CANDIDATE),
    }
    todo = {"first": first, "warm": EVENTS, "rounds": ROUNDS + 1}
    todo |= {"calls": CALLS, "candidate": candidate}
    done = subprocess.run(
        [python, str(Path(__file__).with_name("lambda_container.py"))],
        input=json.dumps(todo),
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"a container of the function failed:\n{done.stderr}")
    sample: dict[str, Any] = json.loads(done.stdout)
    return sample


def save(cost: Cost) -> None:
    """Write the figures to FILE; every tenth of the sorted warm samples keeps their shape."""
    warm = {kind: sorted(samples)[5::10] for kind, samples in cost.warm.items()}
    kept = {**cost._asdict(), "warm": warm}
    text = json.dumps(_rounded(kept), indent=1)
    FILE.write_text(text + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 6) if isinstance(value, float) else value


def kept() -> Cost:
    """Return the figures in FILE."""
    return Cost(**json.loads(FILE.read_text(encoding="utf-8")))


if __name__ == "__main__":
    save(measure())
