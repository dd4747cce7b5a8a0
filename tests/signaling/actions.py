"""Random scripts of client actions, the same for every host."""

import json
import random
from typing import Any, NamedTuple

from poker_signal.core.messages import CANDIDATE

NAMES = ("HOST", "HOST", "Alice", "Alice", "Bob")
SESSIONS = (None, None, None, "secret-one", "secret-two")
TYPES = ("join", "offer", "answer", CANDIDATE, CANDIDATE, "player-connected", "ping", "fold")


class Connects(NamedTuple):
    """A client connects."""

    key: int
    name: str
    session: str | None


class Sends(NamedTuple):
    """A client sends a text."""

    key: int
    text: str
    is_candidate: bool


class Leaves(NamedTuple):
    """A client closes its connection, with or without a close frame."""

    key: int
    is_abrupt: bool


Action = Connects | Sends | Leaves


def script_of(seed: int) -> list[Action]:
    """Return the actions of a seed."""
    dice = random.Random(seed)
    actions: list[Action] = []
    present: list[int] = []
    for number in range(dice.randint(6, 16)):
        what = dice.random()
        if len(present) < 2 or what < 0.2:
            actions.append(Connects(number, dice.choice(NAMES), dice.choice(SESSIONS)))
            present.append(number)
        elif what < 0.3:
            actions.append(Leaves(present.pop(dice.randrange(len(present))), dice.random() < 0.5))
        else:
            type_ = dice.choice(TYPES)
            message: dict[str, Any] = {"type": type_, "payload": number}
            if type_ != "ping":
                message["targetId"] = dice.choice([*NAMES, "Carol", None])
            if dice.random() < 0.3:
                message["id"] = f"m{number}"
            sender = dice.choice(present)
            actions.append(Sends(sender, json.dumps(message), type_ == CANDIDATE))
            if type_ == CANDIDATE and dice.random() < 0.7:
                # Its description, too late: the candidate has to wait for it.
                late = {**message, "type": "offer", "payload": [number]}
                actions.append(Sends(sender, json.dumps(late), False))
    return actions
