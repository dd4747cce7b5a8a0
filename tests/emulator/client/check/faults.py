"""What a server can do wrong, and in which rows of the check it must be found."""

import json
from typing import Any
from urllib.parse import parse_qsl

from websockets.asyncio.client import ClientConnection

from poker_signal.core.configuration import Topology
from tests.emulator.client.check.broken import Fault


class Drops(Fault):
    """Frames of one type never arrive."""

    def __init__(self, type_: str) -> None:
        self._type = type_

    def down(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        return [] if frame["type"] == self._type else [frame]


class SwapsSender(Fault):
    """senderId is somebody else's, for players but not for HOST."""

    def down(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        swapped = frame.get("senderId") not in {None, "HOST"}
        return [{**frame, "senderId": "Mallory"} if swapped else frame]


class BelievesSender(Fault):
    """What a message says of its sender is passed on."""

    def __init__(self) -> None:
        self._claimed: str | None = None

    def up(self, text: str) -> list[str]:
        self._claimed = json.loads(text).get("senderId") if '"senderId"' in text else None
        return [text]

    def down(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        return [{**frame, "senderId": self._claimed} if self._claimed else frame]


class MoreKeys(Fault):
    """Relayed messages say more than they should."""

    def down(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        return [{**frame, "targetId": "x"} if "senderId" in frame else frame]


class Rewrites(Fault):
    """Payloads are read and written anew."""

    def text_down(self, text: str) -> list[str]:
        return [json.dumps(json.loads(text), separators=(",", ":"))]


class ErrsAtUndelivered(Fault):
    """``error`` in place of ``undelivered``."""

    def down(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        return [{**frame, "type": "error"} if frame["type"] == "undelivered" else frame]


class Overtaking(Fault):
    """The offer is slow: a candidate that comes at once is there before it."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}

    def up(self, text: str) -> list[str]:
        if '"payload":"offer"' in text:
            self._held[json.loads(text)["targetId"]] = text
            return []
        if '"payload":"candidate"' in text:
            return [text, self._held.pop(json.loads(text)["targetId"])]
        return [text]


class Answers(Fault):
    """An error of one code is answered with another."""

    def __init__(self, code: str) -> None:
        self._code = code

    def down(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        payload = frame.get("payload")
        if isinstance(payload, dict) and payload.get("code") == self._code:
            frame = {**frame, "payload": {**payload, "code": "OTHER"}}
        return [frame]


class NoSentence(Fault):
    """Errors have no words for a player."""

    def down(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        if frame["type"] in {"error", "undelivered"}:
            frame["payload"]["message"] = ""
        return [frame]


class AcksAll(Fault):
    """Also what had no id is acknowledged."""

    def down(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        ack = {"type": "ack", "id": "", "payload": {"targetId": "HOST"}}
        return [frame, ack] if frame["type"] == "ack" else [frame]


class Admits(Fault):
    """A status is never answered: everybody may connect."""

    def __init__(self, status: int) -> None:
        self._status = status

    def status(self, status: int) -> int:
        return 101 if status == self._status else status


class OtherStatus(Fault):
    """A handshake is refused with another status than agreed."""

    def status(self, status: int) -> int:
        return 500


class Keeps(Fault):
    """Nobody notices that a client has left."""

    async def leave(self, upstream: ClientConnection) -> None:
        """Let it stay."""


class Forgets(Fault):
    """A parameter of the query string is ignored."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter

    def query(self, path: str) -> str:
        before, _, query = path.partition("?")
        left = [pair for pair in query.split("&") if not pair.startswith(f"{self._parameter}=")]
        return f"{before}?{'&'.join(left)}"


class OneGame(Fault):
    """All games are one, as long as they have a possible name."""

    def query(self, path: str) -> str:
        before, _, query = path.partition("?")
        game = dict(parse_qsl(query)).get("gameId", "")
        return f"{before}?{query.replace(game, 'ONE')}" if game.startswith("check-") else path


class OneSession(Fault):
    """Every session is the same, as long as it is a possible one."""

    def query(self, path: str) -> str:
        session = dict(parse_qsl(path.partition("?")[2])).get("session", "")
        return path.replace(session, "one-session") if len(session) == 32 else path


class FirstHost(Fault):
    """HOST belongs to whoever connected first: the joins of others go astray."""

    def query(self, path: str) -> str:
        return path.replace("playerId=HOST", "playerId=HOST&session=a-secret")


class Star(Fault):
    """Not broken, but a star."""

    topology = Topology.STAR


class HalfAStar(Star):
    """Players' offers reach HOST all the same."""

    def down(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        sentence = frame["payload"].get("message", "") if frame["type"] == "error" else ""
        return [] if "only the host may send offers" in sentence else [frame]


class FailingFunction(Fault):
    """API Gateway answers for a function that raises."""

    def down(self, frame: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"message": "Internal server error", "connectionId": "x", "requestId": "y"}]

    def text_down(self, text: str) -> list[str]:
        return [json.dumps(self.down({})[0])]
