"""Hand-written traces: entries as docs/trace.md describes them, one scene per failure."""

import json
from typing import Any

Entry = dict[str, Any]

START_MS = 1_767_225_600_000
GAME = "AB12CD"
HOST = "HOST"

UFRAGS = {HOST: "h0St", "Alice": "aL1c"}


def sdp(ufrag: str, setup: str, candidates: list[str] | None = None, print_: str = "AA") -> str:
    """Return a session description with a data channel, as a browser writes it."""
    fingerprint = ":".join([print_] * 32)
    lines = f"""v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=ice-ufrag:{ufrag}
a=ice-pwd:f2lq1aL5gkPtYpXu1Vb0sWqz
a=fingerprint:sha-256 {fingerprint}
a=setup:{setup}
a=mid:0
a=sctp-port:5000
""".splitlines()
    return "\r\n".join([*lines, *(f"a={line}" for line in candidates or []), ""])


def candidate(address: str, ufrag: str, typ: str = "host") -> dict[str, Any]:
    """Return the payload of an ice-candidate message."""
    more = " raddr 0.0.0.0 rport 0" if typ != "host" else ""
    line = f"candidate:1 1 udp 2113937151 {address} 54321 typ {typ}{more} ufrag {ufrag}"
    return {"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0}


class Scene:
    """A builder of a trace, entry by entry; times are milliseconds since the scene's start."""

    def __init__(self, game: str = GAME) -> None:
        self.entries: list[Entry] = []
        self.game = game
        self.at_ms = 0
        self._ids: dict[str, tuple[str, str]] = {}
        self._count = 0

    @property
    def now_ms(self) -> int:
        """The scene's current time, in epoch milliseconds."""
        return START_MS + self.at_ms

    def add(self, kind: str, who: str | None = None, **more: Any) -> Entry:
        """Add an entry about the connection that ``who`` names."""
        entry: Entry = {"n": len(self.entries), "at": START_MS + self.at_ms, "kind": kind}
        if who is not None:
            connection_id, player = self._ids.get(who, (f"{who}=", who))
            entry |= {"connectionId": connection_id, "playerId": player, "gameId": self.game}
        entry |= more
        self.entries.append(entry)
        return entry

    def wait(self, ms: int) -> "Scene":
        """Advance the time."""
        self.at_ms += ms
        return self

    def request_id(self) -> str:
        """Return a new request id."""
        self._count += 1
        return f"req{self._count}="

    def connect(self, who: str, player: str | None = None, *, opening_ms: int = 1) -> "Scene":
        """Let a player connect; ``who`` names the connection, if a player has several."""
        self.ask(who, player)
        self.wait(opening_ms)
        self.add("opened", who)
        return self

    def ask(self, who: str, player: str | None = None) -> "Scene":
        """Start a connect: ``$connect`` is invoked."""
        self._ids[who] = (f"{who}Conn=", player or who)
        request_id = self.request_id()
        query = {"playerId": player or who, "gameId": self.game}
        event = {"queryStringParameters": query, "requestContext": {"eventType": "CONNECT"}}
        self.add("connect", who, event=event, requestId=request_id)
        return self

    def message(self, who: str, type_: str, target: str | None, payload: Any = None) -> str:
        """Let a client send a message; return its request id."""
        body: dict[str, Any] = {"type": type_, "payload": payload}
        if target is not None:
            body["targetId"] = target
        text = json.dumps(body)
        request_id = self.request_id()
        more = {} if target is None else {"targetId": target}
        context = {"eventType": "MESSAGE", "connectionId": self._ids[who][0]}
        event = {"requestContext": context, "body": text, "isBase64Encoded": False}
        common = {"type": type_, "size": len(text), **more}
        self.add("message", who, event=event, requestId=request_id, route="$default", **common)
        return request_id

    def post(self, who: str, frame: dict[str, Any], *, delivered: bool = True) -> "Scene":
        """Send a frame to a connection."""
        text = json.dumps(frame)
        more: dict[str, Any] = {key: frame[key] for key in ("type", "senderId") if key in frame}
        code = frame.get("payload", {}) if isinstance(frame.get("payload"), dict) else {}
        if "senderId" not in frame and "code" in code:
            more["code"] = code["code"]
        self.add("post", who, frame=text, size=len(text), delivered=delivered, **more)
        return self

    def returned(self, who: str, request_id: str, **more: Any) -> "Scene":
        """Let the function return."""
        given = more or {"result": {"statusCode": 200}, "outcome": "delivered"}
        self.add("return", who, requestId=request_id, of="message", ms=1, **given)
        return self

    def send(self, who: str, type_: str, target: str, payload: Any = None) -> "Scene":
        """Let a client send a message, which is delivered at once."""
        request_id = self.message(who, type_, target, payload)
        sender = self._ids[who][1]
        self.post(target, {"type": type_, "senderId": sender, "payload": payload})
        return self.returned(who, request_id)

    def refuse(self, who: str, type_: str, target: str, code: str, frame: str = "error") -> "Scene":
        """Let a message be answered with an error."""
        request_id = self.message(who, type_, target, {"playerName": who})
        payload = {"code": code, "message": "A sentence.", "type": type_, "targetId": target}
        self.post(who, {"type": frame, "payload": payload})
        outcome = {"result": {"statusCode": 200}, "outcome": frame, "code": code}
        return self.returned(who, request_id, **outcome)

    def close(self, who: str, code: int, reason: str = "") -> "Scene":
        """Let a connection end."""
        event = {"requestContext": {"eventType": "DISCONNECT", "disconnectStatusCode": code}}
        request_id = self.request_id()
        self.add("disconnect", who, event=event, requestId=request_id, code=code, reason=reason)
        return self

    # Steps of a successful handshake.

    def join(self, who: str = "Alice") -> "Scene":
        """Let the host and a player connect, and the player join as the client does."""
        if HOST not in self._ids:
            self.connect(HOST).wait(500)
        self.connect(who).wait(1000)
        return self.send(who, "join", HOST, {"playerName": who})

    def offer(self, who: str = "Alice", **more: Any) -> "Scene":
        """Let the host send an offer."""
        text = sdp(UFRAGS[HOST], "actpass", **more)
        return self.send(HOST, "offer", who, {"type": "offer", "sdp": text})

    def answer(self, who: str = "Alice", setup: str = "active", print_: str = "BB") -> "Scene":
        """Let a player send an answer."""
        text = sdp(UFRAGS.get(who, "uFrg"), setup, print_=print_)
        return self.send(who, "answer", HOST, {"type": "answer", "sdp": text})

    def trickle(self, who: str, target: str, *addresses: str, ufrag: str | None = None) -> "Scene":
        """Let a side send candidates."""
        for address in addresses:
            typ = "srflx" if address.startswith("203.") else "host"
            payload = candidate(address, ufrag or UFRAGS.get(who, "uFrg"), typ)
            self.send(who, "ice-candidate", target, payload)
            self.wait(3)
        return self

    def complete(self, who: str = "Alice") -> "Scene":
        """Let a whole handshake succeed."""
        self.join(who).wait(30).offer(who).wait(2)
        self.trickle(HOST, who, "192.168.1.10", "203.0.113.7").wait(60).answer(who)
        return self.trickle(who, HOST, "192.168.1.23", "203.0.113.8").wait(3000)

    def lines(self) -> str:
        """Return the scene as a recording."""
        return "".join(json.dumps(entry) + "\n" for entry in self.entries)

    # Reports of the probe.

    def probe(self, who: str, event: str, *, pc: str | None = None, **more: Any) -> "Scene":
        """Let the probe in a page report an event of its only RTCPeerConnection."""
        self.add("probe", who, event=event, pc=pc or f"{who}.1", **more)
        return self

    def called(self, who: str, call: str, **more: Any) -> "Scene":
        """Let a page call a method of its RTCPeerConnection."""
        return self.probe(who, "call", call=call, **more)

    def state(self, who: str, of: str, state: str, **more: Any) -> "Scene":
        """Let a state of a page's RTCPeerConnection change."""
        return self.probe(who, "state", of=of, state=state, **more)

    def negotiate(self, who: str = "Alice") -> "Scene":
        """Let both pages make their RTCPeerConnections, and signaling become complete."""
        mine = UFRAGS.get(who, "uFrg")
        self.join(who)
        self.probe(HOST, "created", policy="all", servers=[])
        self.called(HOST, "createDataChannel").probe(
            HOST, "channel", label="table", state="created"
        )
        self.called(HOST, "setLocalDescription", about="offer", ufrag=UFRAGS[HOST])
        self.offer(who).trickle(HOST, who, "192.168.1.10")
        self.probe(who, "created", policy="all", servers=[])
        self.called(who, "setRemoteDescription", about="offer", remoteUfrag=UFRAGS[HOST])
        self.called(who, "createAnswer").called(
            who, "setLocalDescription", about="answer", ufrag=mine
        )
        self.called(who, "addIceCandidate", about="host")
        self.answer(who).trickle(who, HOST, "192.168.1.23")
        self.called(HOST, "setRemoteDescription", about="answer", remoteUfrag=mine)
        return self.called(HOST, "addIceCandidate", about="host")
