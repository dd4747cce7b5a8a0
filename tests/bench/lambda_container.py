"""One container of the function, from its start: CPU seconds of the start and of each event.

Runs in a fresh process, with nothing on its path but the deployment's zip and boto3. Gets the
events as JSON on stdin, prints the costs as JSON.
"""

import time

from poker_signal.lambda_app.handler import handler

START = time.process_time()

import json  # noqa: E402 # the function has imported it by now
import os  # noqa: E402
import sys  # noqa: E402


def main() -> None:
    """Handle the first events once, then all the others again and again."""
    report, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: SIM115 # until the end
    todo = json.load(sys.stdin)
    first = {name: _cost(event) for name, event in todo["first"].items()}
    warm: dict[str, list[float]] = {name: [] for name in todo["warm"]}
    for _ in range(todo["rounds"]):
        for name, event in todo["warm"].items():
            warm[name].append(_cost(event))
    json.dump({"start": START, "first": first, "warm": warm}, report)


def _cost(event: object) -> float:
    before = time.process_time()
    handler(event, None)  # type: ignore[arg-type] # from JSON
    return time.process_time() - before


if __name__ == "__main__":
    main()
