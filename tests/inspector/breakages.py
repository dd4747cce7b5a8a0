"""Table of broken WebRTC handshakes: mistakes that people make, and failures of the network.

Each row plays one game with pages of a real browser. A row states what is broken, as JavaScript
that replaces steps of the client in breakable-client.js, or as a fault of the emulator; the events
with which its game ends; the ground truth, which the pages themselves tell; and the verdicts that
the inspector may give with the probe in the pages and without.

Patches may use ``client``, and of the page: ``note``, ``until``, ``heardAllCandidates``,
``whileOthersConnect``, ``closeTab`` and ``isReloaded``.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Final, NamedTuple

HOST: Final = "HOST"
ALICE: Final = "Alice"

_OPENED: Final = "socket open"


class Peer(NamedTuple):
    """A page of the game."""

    name: str
    patch: str
    key: str
    """Key in the logs; needed if two peers have one name."""
    hosts: bool
    """True: it offers to each player that joins. False: it joins."""
    game_end: str
    """Text after the game's code."""
    ready: str
    """Beginning of the line in its log after which the next page is opened."""


def host(
    patch: str = "", name: str = HOST, key: str = "", game_end: str = "", ready: str = _OPENED
) -> Peer:
    """Return the page of a host."""
    return Peer(name, patch, key or name, True, game_end, ready)


def player(
    patch: str = "", name: str = ALICE, key: str = "", game_end: str = "", ready: str = _OPENED
) -> Peer:
    """Return the page of a player."""
    return Peer(name, patch, key or name, False, game_end, ready)


OPEN: Final = ("HOST: message hello from Alice", "Alice: message hello from HOST")
"""End of a game in which host and player connect."""


@dataclass(frozen=True)
class Breakage:
    """A row of the table."""

    kind: str
    name: str
    cast: tuple[Peer, ...]
    """Pages, in the order in which they are opened."""
    _: KW_ONLY
    faults: tuple[str, ...] = ()
    ends: tuple[str, ...] = OPEN
    """Lines of the logs, ``page: beginning of the line``, at which the game is over.

    ``a|b``: one of both."""
    connects: bool = False
    """Ground truth: both peers are connected at the end."""
    loses: bool = False
    """Ground truth: they were connected, or one of them, and are not at the end."""
    has_channel: bool = True
    """False: an application with media only. It is connected if ``connectionState`` says so."""
    judged: tuple[str, str] = (HOST, ALICE)
    """Keys of the pages whose last attempt is judged."""
    is_alone: bool = False
    """True: the game needs an emulator of its own, although it has no faults."""
    says: tuple[str, ...] = ()
    """Words of the headline if the pages have the probe; ``a|b`` is one of both.

    After a loss, the other findings may have them."""
    codes: tuple[str, ...] = ()
    """Codes that are right with the probe. Empty: any, if the headline has the words."""
    blind: tuple[str, ...] = ()
    """Codes that are right without the probe, beside a verdict that claims nothing."""
    soon: tuple[str, ...] = ()
    """Words of the headline one second after the emulator itself has caused or seen it."""
    is_frequent: bool = False
    """True: also in ``make test``."""

    @property
    def id(self) -> str:
        """Name of the test."""
        return f"{self.kind}: {self.name}"

    @property
    def game_end(self) -> str:
        """Text after the code of the game whose verdict is asked for."""
        return self.cast[-1].game_end


Row = Callable[..., Breakage]


def _rows(kind: str) -> Row:
    return partial(Breakage, kind)


def both(patch: str) -> tuple[Peer, Peer]:
    """Return host and player with the same patch."""
    return host(patch), player(patch)


works = _rows("works")
CONTROLS: Final = [
    works("trickle ICE", (host(), player()), connects=True, is_frequent=True),
    works(
        "ICE without trickle: descriptions are sent after gathering",
        both("""
            client.sendCandidate = () => {};
            client.sendDescription = async (to) => {
              await until("gathered");
              const description = client.peers.get(to).localDescription;
              client.send(description.type, to, description);
            };"""),
        connects=True,
        is_frequent=True,
    ),
    works(
        "end of candidates is sent as an empty candidate",
        both("""
            const newPeer = client.newPeer;
            client.newPeer = (other) => {
              const peer = newPeer.call(client, other);
              peer.onicecandidate = ({ candidate }) => {
                if (candidate) return client.sendCandidate(other, candidate);
                client.sendCandidate(other, { candidate: "", sdpMid: "0", sdpMLineIndex: 0 });
              };
              return peer;
            };"""),
        connects=True,
    ),
    works(
        "end of candidates is sent as null",
        both("""
            const newPeer = client.newPeer;
            client.newPeer = (other) => {
              const peer = newPeer.call(client, other);
              peer.onicecandidate = ({ candidate }) => client.sendCandidate(other, candidate);
              return peer;
            };"""),
        connects=True,
    ),
    works(
        "perfect negotiation, both sides add content at once",
        both("""
            const polite = !client.hosts;
            let making = false;
            let ignoring = false;
            client.newPeer = ((newPeer) => (other) => {
              const peer = newPeer.call(client, other);
              peer.onnegotiationneeded = async () => {
                making = true;
                await peer.setLocalDescription();
                client.sendDescription(other, peer.localDescription);
                making = false;
              };
              return peer;
            })(client.newPeer);
            client.onJoin = async (from) => client.addContent(client.newPeer(from));
            client.onOpen = ((onOpen) => () => {
              onOpen.call(client);
              if (polite) client.addContent(client.newPeer("HOST"));
            })(client.onOpen);
            const describe = async (from, description) => {
              const peer = client.peerOf(from);
              const collides = making || peer.signalingState !== "stable";
              ignoring = !polite && description.type === "offer" && collides;
              if (ignoring) return;
              await peer.setRemoteDescription(description);
              await client.addEarly(peer);
              if (description.type === "answer") return;
              await peer.setLocalDescription();
              client.sendDescription(from, peer.localDescription);
            };
            client.onOffer = describe;
            client.onAnswer = describe;
            client.onCandidate = async (from, candidate) => {
              const peer = client.peerOf(from);
              if (!peer.remoteDescription) return peer.early.push(candidate);
              await peer.addIceCandidate(candidate).catch((error) => {
                if (!ignoring) throw error;
              });
            };"""),
        connects=True,
        is_frequent=True,
    ),
    works(
        "the player offers",
        (
            host("client.onJoin = async () => {};"),
            player("""
            const join = client.onOpen;
            client.onOpen = () => {
              join.call(client);
              const peer = client.newPeer("HOST");
              client.addContent(peer);
              client.offer("HOST", peer);
            };"""),
        ),
        connects=True,
    ),
    works(
        "mesh: one player offers to another",
        (
            host(),
            player(name="Bob"),
            player("""
            const join = client.onOpen;
            client.onOpen = () => {
              join.call(client);
              const peer = client.newPeer("Bob");
              client.addContent(peer);
              client.offer("Bob", peer);
            };"""),
        ),
        judged=("Bob", ALICE),
        ends=("Bob: message hello from Alice", "Alice: message hello from Bob"),
        connects=True,
    ),
    works(
        "two channels, one of them negotiated with one id on both sides",
        both("""
            client.newPeer = ((newPeer) => (other) => {
              const peer = newPeer.call(client, other);
              client.use(peer.createDataChannel("chat", { negotiated: true, id: 7 }));
              return peer;
            })(client.newPeer);"""),
        connects=True,
    ),
    works(
        "a name with spaces, emoji and percent",
        (host(), player(name="Zoë 50% 🂡", key=ALICE)),
        ends=("HOST: message hello from Zoë", "Alice: message hello from HOST"),
        connects=True,
    ),
    works(
        "only the host sends candidates: the other side learns them from checks",
        (host(), player("client.sendCandidate = () => {};")),
        connects=True,
        is_frequent=True,
    ),
]

name = _rows("name")
NAMES: Final = [
    name(
        "wrong game code",
        (host(game_end="BC"), player(game_end="BX")),
        ends=("Alice: heard error HOST_NOT_FOUND",),
        says=("BX", "BC", "wrong game code"),
        codes=("WRONG_GAME",),
        blind=("WRONG_GAME",),
        is_frequent=True,
        soon=("wrong game code",),
    ),
    name(
        "game code in another case",
        (host(game_end="ab"), player(game_end="AB")),
        ends=("Alice: heard error HOST_NOT_FOUND",),
        says=("AB", "ab", "code|case"),
        codes=("WRONG_GAME",),
        blind=("WRONG_GAME",),
    ),
    name(
        "no host",
        (player(),),
        ends=("Alice: heard error HOST_NOT_FOUND",),
        says=("No host",),
        codes=("HOST_NOT_FOUND",),
        blind=("HOST_NOT_FOUND",),
    ),
    name(
        "the host is called host",
        (host(name="host"), player()),
        judged=("host", ALICE),
        ends=("Alice: heard error HOST_NOT_FOUND",),
        says=("“host”", "HOST"),
        codes=("WRONG_HOST_NAME",),
        blind=("WRONG_HOST_NAME",),
        is_frequent=True,
        soon=("“host”", "HOST"),
    ),
    name(
        "the player connects before the host",
        (player(ready="heard error"), host()),
        ends=("Alice: heard error HOST_NOT_FOUND",),
        says=("HOST connected", "after the join"),
        codes=("HOST_LATER",),
        blind=("HOST_LATER",),
    ),
    name(
        "the host has left",
        (host("client.onOpen = () => client.socket.close(1000);", ready="socket closed"), player()),
        ends=("Alice: heard error HOST_NOT_FOUND",),
        says=("HOST left", "before the join"),
        codes=("HOST_GONE",),
        blind=("HOST_GONE",),
    ),
    name(
        "the host writes the player's name in lower case",
        (
            host("""
            const onJoin = client.onJoin;
            client.onJoin = (from) => onJoin.call(client, from.toLowerCase());"""),
            player(),
        ),
        ends=("HOST: heard undelivered TARGET_NOT_FOUND",),
        says=("offer", "alice", "Alice"),
        codes=("TARGET_NOT_FOUND",),
        blind=("TARGET_NOT_FOUND",),
        is_frequent=True,
        soon=("Alice", "alice"),
    ),
    name(
        "two players have one name",
        (host(), player(), player(key="Alice 2")),
        judged=(HOST, "Alice 2"),
        ends=("Alice 2: heard error DUPLICATE_NAME", *OPEN),
        says=("Alice", "taken"),
        codes=("DUPLICATE_NAME",),
        blind=("DUPLICATE_NAME",),
        soon=("taken",),
    ),
    name(
        "two hosts: the newer one connects",
        (host(key="old"), host(), player()),
        connects=True,
        codes=("CONNECTED", "TWO_HOSTS"),
        blind=("TWO_HOSTS",),
    ),
    name(
        "the host joins its own game",
        (host("client.onOpen = () => client.send('join', 'HOST', {});"),),
        judged=(HOST, HOST),
        ends=("HOST: heard error INVALID_JOIN",),
        says=("INVALID_JOIN",),
        codes=("INVALID_JOIN",),
        blind=("INVALID_JOIN",),
    ),
    name(
        "query parameters are called player and game",
        (
            host(),
            player(
                "client.query = () => `player=${client.name}&game=${client.game}`;",
                ready="socket closed",
            ),
        ),
        is_alone=True,
        ends=("Alice: socket closed 1006",),
        says=("playerId|gameId", "400"),
        codes=("REFUSED",),
        blind=("REFUSED",),
        is_frequent=True,
        soon=("400",),
    ),
]

message = _rows("message")
MESSAGES: Final = [
    message(
        "action for type",
        (
            host(),
            player(
                "client.encode = (action, targetId, payload) =>"
                " JSON.stringify({ action, targetId, payload });"
            ),
        ),
        ends=("Alice: heard error INVALID_MESSAGE",),
        says=("type", "action"),
        codes=("INVALID_MESSAGE",),
        blind=("INVALID_MESSAGE",),
        is_frequent=True,
        soon=("action",),
    ),
    message(
        "candidate for ice-candidate",
        both("client.sendCandidate = (to, candidate) => client.send('candidate', to, candidate);"),
        ends=("HOST: heard error UNKNOWN_TYPE", "Alice: heard error UNKNOWN_TYPE"),
        says=("candidate", "ice-candidate"),
        codes=("UNKNOWN_TYPE",),
        blind=("UNKNOWN_TYPE",),
        is_frequent=True,
        soon=("ice-candidate",),
    ),
    message(
        "to for targetId",
        both(
            "client.encode = (type, to, payload) =>"
            " JSON.stringify(type === 'join' ? { type, payload } : { type, to, payload });"
        ),
        ends=("HOST: heard error INVALID_MESSAGE",),
        says=("targetId", "offer"),
        codes=("INVALID_MESSAGE",),
        blind=("INVALID_MESSAGE",),
        soon=("targetId",),
    ),
    message(
        "an object is sent without JSON.stringify",
        (host(), player("client.encode = (type) => ({ type });")),
        ends=("Alice: heard error INVALID_MESSAGE",),
        says=("JSON",),
        codes=("INVALID_MESSAGE",),
        blind=("INVALID_MESSAGE",),
    ),
    message(
        "type in capitals",
        (
            host("client.sendDescription = (to, each) => client.send('OFFER', to, each);"),
            player(),
        ),
        ends=("HOST: heard error UNKNOWN_TYPE",),
        says=("OFFER", "offer"),
        codes=("UNKNOWN_TYPE",),
        blind=("UNKNOWN_TYPE",),
        soon=("OFFER",),
    ),
    message(
        "a binary frame",
        (host(), player("client.encode = (type) => new Blob([JSON.stringify({ type })]);")),
        ends=("Alice: socket closed 1003",),
        says=("binary|1003",),
        blind=("LEFT",),
        soon=("1003",),
    ),
    message(
        "the join is sent before the socket is open",
        (
            host(),
            player("""
            const join = client.onOpen;
            client.onOpen = () => {};
            const connect = client.connect;
            client.connect = () => { connect.call(client); join.call(client); };"""),
        ),
        ends=("Alice: uncaught InvalidStateError",),
        says=("Alice", "InvalidStateError", "join|send"),
        blind=("NO_JOIN",),
        is_frequent=True,
    ),
    message(
        "no join is sent",
        (host(), player("client.onOpen = () => {};")),
        ends=(),
        says=("Alice", "no join"),
        codes=("NO_JOIN",),
        blind=("NO_JOIN",),
    ),
    message(
        "the player does not parse JSON",
        (
            host(),
            player("""
            client.onText = ({ type, senderId, payload }) => {
              note("heard a text");
              client.onMessage(type, senderId, payload);
            };"""),
        ),
        ends=("Alice: heard a text",),
        says=("Alice", "offer arrived|setRemoteDescription"),
        blind=("NO_ANSWER",),
    ),
]

fault = _rows("fault")
FAULTS: Final = [
    fault(
        "the join is dropped",
        (host(), player()),
        faults=("drop:join#1",),
        ends=("Alice: sent join",),
        says=("join", "dropped", "drop:join#1"),
        blind=("JOIN_LOST",),
        soon=("drop:join#1",),
    ),
    fault(
        "the offer is dropped",
        (host(), player()),
        faults=("drop:offer#1",),
        ends=("Alice: heard ice-candidate",),
        says=("offer", "dropped", "drop:offer#1"),
        blind=("OFFER_LOST",),
        is_frequent=True,
        soon=("drop:offer#1",),
    ),
    fault(
        "the answer is dropped",
        (host(), player()),
        faults=("drop:answer#1",),
        ends=("HOST: heard ice-candidate",),
        says=("answer", "dropped", "drop:answer#1"),
        blind=("ANSWER_LOST",),
        soon=("drop:answer#1",),
    ),
    fault(
        "the first candidate is dropped: another one connects",
        (host(), player()),
        faults=("drop:ice-candidate#1",),
        connects=True,
        codes=("CONNECTED",),
        is_frequent=True,
    ),
    fault(
        "all candidates are dropped",
        (host(), player()),
        faults=("drop:ice-candidate",),
        ends=("HOST: done answer", "HOST: gathered", "Alice: gathered"),
        says=("candidate", "dropped", "drop:ice-candidate"),
        blind=("CANDIDATES_LOST",),
        is_frequent=True,
        soon=("drop:ice-candidate",),
    ),
    fault(
        "HOST is a ghost",
        (host(), player()),
        faults=("ghost:HOST",),
        ends=("Alice: heard error",),
        says=("HOST", "ghost"),
        blind=("GHOST",),
        soon=("ghost",),
    ),
    fault(
        "the offer is late: it connects after 6 s",
        (host(), player()),
        faults=("delay:offer=6s",),
        connects=True,
        soon=("delay:offer=6s",),
    ),
    fault(
        "the answer is late: it connects after 6 s",
        (host(), player()),
        faults=("delay:answer=6s",),
        connects=True,
        soon=("delay:answer=6s",),
    ),
    fault(
        "candidates are late: it connects after 1 s",
        (host(), player()),
        faults=("delay:ice-candidate=1s",),
        connects=True,
    ),
    fault(
        "$connect is slow: it connects, because the join waits for the socket",
        (host(), player()),
        faults=("delay:$connect=1.3s",),
        connects=True,
    ),
    fault(
        "messages overtake each other: it connects",
        (host(), player()),
        faults=("reorder=300ms",),
        connects=True,
    ),
    fault(
        "the answer arrives twice: it connects, although the second one is an error",
        (host(), player()),
        faults=("duplicate:answer",),
        ends=(*OPEN, "HOST: error InvalidStateError"),
        connects=True,
        is_frequent=True,
    ),
    fault(
        "the offer arrives twice: it connects",
        (host(), player()),
        faults=("duplicate:offer",),
        connects=True,
    ),
    fault(
        "the function cannot be invoked for the offer",
        (host(), player()),
        faults=("integration-error:offer",),
        ends=("HOST: heard undefined",),
        says=("offer", "not be invoked|integration-error"),
        blind=("HANDLER_FAILED",),
        soon=("integration-error",),
    ),
    fault(
        "posts to the player are throttled",
        (host(), player()),
        faults=("throttle:Alice",),
        ends=("HOST: heard undelivered RATE_LIMITED",),
        says=("offer", "throttle:Alice|429"),
        blind=("RATE_LIMITED", "THROTTLED"),
        soon=("throttle:Alice",),
    ),
    fault(
        "the host's connection is closed with 1001",
        (host(ready="socket closed"), player()),
        faults=("go-away:HOST=300ms",),
        ends=("Alice: heard error HOST_NOT_FOUND",),
        says=("HOST left", "1001|go-away"),
        blind=("HOST_GONE",),
        soon=("HOST left",),
    ),
    fault(
        "@connections answers 410 for the player",
        (host(), player()),
        faults=("gone:Alice",),
        ends=("HOST: heard undelivered",),
        says=("Alice", "410"),
        blind=("GHOST",),
        soon=("410",),
    ),
]

payload = _rows("payload")
PAYLOADS: Final = [
    payload(
        "the answer is the SDP, a string",
        (
            host(),
            player("client.sendDescription = (to, { sdp }) => client.send('answer', to, sdp);"),
        ),
        ends=("HOST: error TypeError",),
        says=("answer", "string"),
        blind=("BAD_PAYLOAD",),
        is_frequent=True,
    ),
    payload(
        "the offer is the SDP, a string",
        (
            host("client.sendDescription = (to, { sdp }) => client.send('offer', to, sdp);"),
            player(),
        ),
        ends=("Alice: error TypeError",),
        says=("offer", "string"),
        blind=("BAD_PAYLOAD",),
    ),
    payload(
        "JSON in JSON",
        (
            host(
                """
            client.sendDescription = (to, description) =>
              client.send("offer", to, JSON.stringify(description));"""
            ),
            player(),
        ),
        ends=("Alice: error TypeError",),
        says=("offer", "JSON"),
        blind=("BAD_PAYLOAD",),
        is_frequent=True,
    ),
    payload(
        "one level too deep: the description is in payload.description",
        (
            host(
                """
            client.sendDescription = (to, description) =>
              client.send("offer", to, { description });"""
            ),
            player(),
        ),
        ends=("Alice: error OperationError",),
        says=("offer", "description"),
        blind=("BAD_PAYLOAD",),
    ),
    payload(
        "the description is in payload.offer",
        (
            host("client.sendDescription = (to, offer) => client.send('offer', to, { offer });"),
            player(),
        ),
        ends=("Alice: error OperationError",),
        says=("offer", "in “offer”"),
        blind=("BAD_PAYLOAD",),
    ),
    payload(
        "the description is in the sdp of another one",
        (
            host("""
            client.sendDescription = (to, sdp) =>
              client.send("offer", to, { type: "offer", sdp });"""),
            player(),
        ),
        ends=("Alice: error OperationError",),
        says=("offer", "sdp"),
        blind=("BAD_PAYLOAD",),
    ),
    payload(
        "an answer whose description says offer",
        (
            host(),
            player("""
            client.sendDescription = (to, { sdp }) =>
              client.send("answer", to, { type: "offer", sdp });"""),
        ),
        ends=("HOST: done answer", "HOST: heard ice-candidate"),
        says=("answer", "type", "offer"),
        blind=("BAD_PAYLOAD",),
    ),
    payload(
        "a description without its type",
        (
            host(),
            player("client.sendDescription = (to, { sdp }) => client.send('answer', to, { sdp });"),
        ),
        ends=("HOST: error",),
        says=("answer", "type"),
        blind=("BAD_PAYLOAD",),
    ),
    payload(
        "localDescription is sent before setLocalDescription resolves: null",
        (
            host("""
            client.offer = async (to, peer) => {
              peer.setLocalDescription(await peer.createOffer());
              client.send("offer", to, peer.localDescription);
            };"""),
            player(),
        ),
        ends=("Alice: error",),
        says=("offer", "null|no payload|empty", "setLocalDescription|setRemoteDescription|payload"),
        blind=("BAD_PAYLOAD",),
        is_frequent=True,
    ),
    payload(
        "candidates without sdpMid and sdpMLineIndex",
        both("""
            client.sendCandidate = (to, { candidate }) =>
              client.send("ice-candidate", to, { candidate });"""),
        ends=("Alice: error TypeError",),
        says=("candidate", "sdpMid"),
        blind=("BAD_PAYLOAD",),
        is_frequent=True,
    ),
    payload(
        "candidates are strings",
        both("""
            client.sendCandidate = (to, { candidate }) =>
              client.send("ice-candidate", to, candidate);"""),
        ends=("Alice: error TypeError",),
        says=("ice-candidate|addIceCandidate", "string"),
        blind=("BAD_PAYLOAD",),
    ),
    payload(
        'the event is sent instead of its candidate: {"isTrusted":true}',
        both("""
            client.newPeer = ((newPeer) => (other) => {
              const peer = newPeer.call(client, other);
              peer.onicecandidate = (event) => client.sendCandidate(other, event);
              return peer;
            })(client.newPeer);"""),
        ends=("HOST: done answer", "HOST: done ice-candidate", "Alice: done ice-candidate"),
        says=("ice-candidate", "without “candidate”|isTrusted"),
        blind=("BAD_PAYLOAD",),
        is_frequent=True,
    ),
    payload(
        "candidates are {}: a copy of the members of the object itself",
        both("""
            client.sendCandidate = (to, candidate) =>
              client.send("ice-candidate", to, { ...candidate });"""),
        ends=("HOST: done answer", "HOST: done ice-candidate", "Alice: done ice-candidate"),
        says=("ice-candidate", "without “candidate”|empty"),
        blind=("BAD_PAYLOAD",),
    ),
    payload(
        "candidates are one level too deep",
        both("""
            client.sendCandidate = (to, candidate) =>
              client.send("ice-candidate", to, { candidate });"""),
        ends=("Alice: error TypeError",),
        says=("candidate", "deep|level|nested|payload.candidate"),
        blind=("BAD_PAYLOAD",),
    ),
]

sdp = _rows("sdp")
SDPS: Final = [
    sdp(
        "line ends are stripped",
        (
            host(),
            player("""
            client.sendDescription = (to, { type, sdp }) =>
              client.send(type, to, { type, sdp: sdp.replaceAll("\\r\\n", " ") });"""),
        ),
        ends=("HOST: error OperationError",),
        says=("answer", "line"),
        blind=("BAD_PAYLOAD",),
    ),
    sdp(
        "the fingerprint is changed",
        (
            host(),
            player("""
            client.sendDescription = (to, { type, sdp }) =>
              client.send(type, to, {
                type,
                sdp: sdp.replace(/(fingerprint:sha-256 )../, (_, before) => before + "00"),
              });"""),
        ),
        ends=("HOST: peer failed",),
        says=("HOST|Alice", "DTLS"),
    ),
    sdp(
        "the answer says a=setup:actpass",
        (
            host(),
            player("""
            client.sendDescription = (to, { type, sdp }) =>
              client.send(type, to, {
                type,
                sdp: sdp.replace("setup:active", "setup:actpass"),
              });"""),
        ),
        ends=("HOST: error",),
        says=("answer", "setup"),
        blind=("SETUP",),
    ),
    sdp(
        "the offer is sent back as the answer",
        (
            host(),
            player("""
            client.onOffer = async (from, { sdp }) =>
              client.send("answer", from, { type: "answer", sdp });"""),
        ),
        ends=("HOST: error",),
        says=("answer", "setup|fingerprint|offer"),
        blind=("SETUP", "SAME_FINGERPRINT"),
    ),
    sdp(
        "candidates of another peer connection",
        both("""
            client.newPeer = ((newPeer) => (other) => {
              const peer = newPeer.call(client, other);
              peer.onicecandidate = null;
              const old = new RTCPeerConnection();
              old.createDataChannel("old");
              old.onicecandidate = ({ candidate }) => {
                if (candidate?.candidate) client.sendCandidate(other, candidate);
                else note("gathered old");
              };
              old.setLocalDescription();
              return peer;
            })(client.newPeer);"""),
        ends=("HOST: gathered old", "Alice: gathered old", "HOST: done answer"),
        says=("candidate", "another|old|ufrag"),
        codes=("FOREIGN_UFRAG",),
        blind=("FOREIGN_UFRAG",),
        is_frequent=True,
    ),
    sdp(
        "the offer has no data channel",
        (host("client.addContent = () => {};"), player()),
        ends=("HOST: done answer",),
        says=("offer", "channel|m-line|media"),
        blind=("NO_MEDIA",),
        is_frequent=True,
    ),
    sdp(
        "the data channel is created after the offer",
        (
            host("""
            client.onJoin = async (from) => {
              const peer = client.newPeer(from);
              const offer = await peer.createOffer();
              client.addContent(peer);
              await peer.setLocalDescription(offer);
              client.sendDescription(from, peer.localDescription);
            };"""),
            player(),
        ),
        ends=("HOST: done answer",),
        says=("offer", "channel|m-line|media"),
        blind=("NO_MEDIA",),
    ),
]

order = _rows("order")
ORDERS: Final = [
    order(
        "candidates that come before their description are lost",
        both("""
            client.onCandidate = async (from, candidate) => {
              const peer = client.peerOf(from);
              if (peer.remoteDescription) await peer.addIceCandidate(candidate);
            };
            for (const step of ["onOffer", "onAnswer"]) {
              const original = client[step];
              client[step] = async (from, description) => {
                await heardAllCandidates();
                await original.call(client, from, description);
                note("described");
              };
            }"""),
        ends=("HOST: described", "HOST: gathered"),
        says=("candidate", "addIceCandidate|before|added"),
    ),
    order(
        "candidates are added before setRemoteDescription",
        both("""
            client.onCandidate = async (from, candidate) =>
              client.peerOf(from).addIceCandidate(candidate);
            for (const step of ["onOffer", "onAnswer"]) {
              const original = client[step];
              client[step] = async (from, description) => {
                await until("error InvalidStateError", window.parent.candidates);
                await original.call(client, from, description);
                note("described");
              };
            }"""),
        ends=("HOST: described", "Alice: described"),
        says=("addIceCandidate", "InvalidStateError"),
        is_frequent=True,
    ),
    order(
        "an answer before any offer",
        (
            host(),
            player("""
            client.onOpen = async () => {
              const peer = new RTCPeerConnection();
              peer.createDataChannel("table");
              const { sdp } = await peer.createOffer();
              client.send("answer", "HOST", { type: "answer", sdp });
            };"""),
        ),
        ends=("HOST: error TypeError",),
        says=("answer", "offer"),
        blind=("ANSWER_FIRST",),
    ),
    order(
        "createAnswer before setRemoteDescription",
        (
            host(),
            player("""
            client.onOffer = async (from, offer) => {
              const peer = client.newPeer(from);
              const answer = await peer.createAnswer();
              await peer.setRemoteDescription(offer);
              await peer.setLocalDescription(answer);
              client.sendDescription(from, answer);
            };"""),
        ),
        ends=("Alice: error InvalidStateError",),
        says=("Alice", "createAnswer", "InvalidStateError"),
        blind=("NO_ANSWER",),
        is_frequent=True,
    ),
    order(
        "setRemoteDescription(answer) twice: it connects",
        (
            host("""
            const onAnswer = client.onAnswer;
            client.onAnswer = async (from, answer) => {
              await onAnswer.call(client, from, answer);
              await client.peers.get(from).setRemoteDescription(answer);
            };"""),
            player(),
        ),
        ends=(*OPEN, "HOST: error InvalidStateError"),
        connects=True,
    ),
    order(
        "glare: both sides offer",
        (
            host("""
            const onOffer = client.onOffer;
            client.onOffer = async (from, offer) => {
              await until("sent offer");
              await onOffer.call(client, from, offer);
            };"""),
            player("""
            const join = client.onOpen;
            client.onOpen = () => {
              join.call(client);
              const peer = client.newPeer("HOST");
              client.addContent(peer);
              client.offer("HOST", peer);
            };
            const onOffer = client.onOffer;
            client.onOffer = async (from, offer) => {
              await until("sent offer");
              await onOffer.call(client, from, offer);
            };"""),
        ),
        ends=("HOST: error InvalidStateError", "Alice: error InvalidStateError"),
        says=("Both", "offer"),
        codes=("GLARE",),
        blind=("GLARE",),
        is_frequent=True,
    ),
    order(
        "glare in a mesh: both players offer, and there is no host",
        (
            player(
                """
            client.onOpen = () => {};
            const onOffer = client.onOffer;
            client.onOffer = async (from, offer) => {
              const peer = client.newPeer(from);
              client.addContent(peer);
              await client.offer(from, peer);
              await onOffer.call(client, from, offer);
            };""",
                name="Bob",
            ),
            player("""
            client.onOpen = () => {
              const peer = client.newPeer("Bob");
              client.addContent(peer);
              client.offer("Bob", peer);
            };"""),
        ),
        judged=("Bob", ALICE),
        ends=("Bob: error InvalidStateError", "Alice: error InvalidStateError"),
        says=("Both", "offer"),
        codes=("GLARE",),
        blind=("GLARE",),
    ),
    order(
        "onicecandidate is set after gathering",
        both("""
            client.newPeer = ((newPeer) => (other) => {
              const peer = newPeer.call(client, other);
              const { onicecandidate } = peer;
              peer.onicecandidate = null;
              until("gathered").then(() => { peer.onicecandidate = onicecandidate; });
              return peer;
            })(client.newPeer);"""),
        ends=("HOST: gathered", "Alice: gathered", "HOST: done answer"),
        says=("candidate", "sent|onicecandidate"),
        codes=("CANDIDATES_NOT_SENT",),
        blind=("NO_CANDIDATES",),
    ),
    order(
        "onmessage is set too late and the first message is lost: it connects",
        (
            host(),
            player("""
            client.use = async (channel) => {
              await whileOthersConnect();
              channel.onmessage = ({ data }) => note(`message ${data}`);
              client.onChannel(channel);
              note("listening");
            };"""),
        ),
        ends=("HOST: message hello", "Alice: listening"),
        connects=True,
    ),
    order(
        "ICE restart, and then candidates from before it",
        both("""
            const old = [];
            let restarted = false;
            client.sendCandidate = (to, candidate) => {
              if (!restarted) old.push(candidate);
              client.send("ice-candidate", to, restarted ? old[0] : candidate);
            };
            client.onChannel = async () => {
              await until("gathered");
              restarted = true;
              note("ready");
              if (!client.hosts) return client.send("join", "HOST", {});
            };
            client.onJoin = ((onJoin) => async (from) => {
              const peer = client.peers.get(from);
              if (!peer) return onJoin.call(client, from);
              await until("ready");
              peer.restartIce();
              await client.offer(from, peer);
            })(client.onJoin);"""),
        ends=("HOST: done answer", "Alice: sent answer"),
        connects=True,
        blind=("FOREIGN_UFRAG",),
    ),
]

application = _rows("application")
APPLICATIONS: Final = [
    application(
        "the player never answers",
        (host(), player("client.onOffer = async () => {};")),
        ends=("Alice: heard ice-candidate",),
        says=("Alice", "answer|setRemoteDescription"),
        blind=("NO_ANSWER",),
        is_frequent=True,
    ),
    application(
        "the answer is created and never sent",
        (host(), player("client.sendDescription = () => note('kept');")),
        ends=("Alice: kept",),
        says=("Alice", "answer", "sent|sends|send"),
        blind=("NO_ANSWER",),
    ),
    application(
        "the answer is sent without setLocalDescription",
        (
            host(),
            player("""
            client.answer = async (to, peer) =>
              client.sendDescription(to, await peer.createAnswer());"""),
        ),
        ends=("HOST: done answer", "Alice: heard ice-candidate"),
        says=("Alice", "setLocalDescription"),
        is_frequent=True,
    ),
    application(
        "the offer is sent without setLocalDescription",
        (
            host("""
            client.offer = async (to, peer) =>
              client.sendDescription(to, await peer.createOffer());"""),
            player(),
        ),
        ends=("HOST: error InvalidStateError",),
        says=("HOST", "setLocalDescription"),
    ),
    application(
        "the host ignores the answer",
        (host("client.onAnswer = async () => {};"), player()),
        ends=("HOST: done answer", "HOST: heard ice-candidate"),
        says=("HOST", "answer", "setRemoteDescription"),
    ),
    application(
        "candidates are ignored",
        both("client.onCandidate = async () => {};"),
        ends=("HOST: done answer", "HOST: done ice-candidate", "Alice: done ice-candidate"),
        says=("addIceCandidate",),
        is_frequent=True,
    ),
    application(
        "candidates are sent to another player",
        (
            host("client.sendCandidate = (to, each) => client.send('ice-candidate', 'Bob', each);"),
            player("client.onOpen = () => {};", name="Bob"),
            player(
                "client.sendCandidate = (to, each) => client.send('ice-candidate', 'Bob', each);"
            ),
        ),
        ends=("HOST: done answer", "HOST: gathered", "Alice: gathered"),
        says=("candidate", "Bob"),
        blind=("WRONG_TARGET", "NO_CANDIDATES"),
        is_frequent=True,
    ),
    application(
        "the player closes its peer connection too early",
        (
            host(),
            player("""
            const answer = client.answer;
            client.answer = async (to, peer) => {
              try { await answer.call(client, to, peer); } finally { peer.close(); }
              note("closed");
            };"""),
        ),
        ends=("Alice: closed", "HOST: done answer"),
        says=("Alice", "closed its RTCPeerConnection"),
    ),
    application(
        "a new peer connection for each candidate",
        both("""
            client.onCandidate = async (from, candidate) =>
              client.newPeer(from).addIceCandidate(candidate);"""),
        ends=("HOST: error InvalidStateError", "Alice: error InvalidStateError"),
        says=("addIceCandidate", "InvalidStateError|RTCPeerConnection"),
    ),
    application(
        "one peer connection for two players",
        (
            host("""
            client.newPeer = ((newPeer) => (other) => {
              const peer = [...client.peers.values()][0] ?? newPeer.call(client, other);
              client.peers.set(other, peer);
              return peer;
            })(client.newPeer);"""),
            player(name="Bob", ready="channel open"),
            player(),
        ),
        ends=("Bob: channel closed",),
        says=("HOST", "Bob", "RTCPeerConnection"),
    ),
    application(
        "negotiated channels with different ids: they open, and nothing arrives",
        both("""
            client.addContent = () => {};
            client.newPeer = ((newPeer) => (other) => {
              const peer = newPeer.call(client, other);
              const id = client.hosts ? 1 : 2;
              const channel = peer.createDataChannel("table", { negotiated: true, id });
              observeChannel(channel);
              client.use(channel);
              return peer;
            })(client.newPeer);"""),
        ends=("HOST: channel open", "Alice: channel open"),
        connects=True,
    ),
    application(
        "ondatachannel is set on the side that creates the channel: it opens, unnoticed",
        (
            host("client.addContent = (peer) => observeChannel(peer.createDataChannel('table'));"),
            player("""
            client.newPeer = ((newPeer) => (other) => {
              const peer = newPeer.call(client, other);
              peer.ondatachannel = null;
              return peer;
            })(client.newPeer);"""),
        ),
        ends=("HOST: channel open", "Alice: channel open"),
        connects=True,
    ),
    application(
        "the page of the player is reloaded in the middle: it connects then",
        (
            host(),
            player("""
            const onOffer = client.onOffer;
            client.onOffer = async (from, offer) =>
              isReloaded ? onOffer.call(client, from, offer) : location.reload();"""),
        ),
        connects=True,
        is_frequent=True,
    ),
    application(
        "the tab of the player is closed in the middle",
        (host(), player("client.onOffer = async () => closeTab();")),
        ends=("HOST: heard undelivered|HOST: gathered",),
        says=("Alice", "left"),
        codes=("LEFT",),
        blind=("LEFT",),
    ),
    application(
        "the host ignores the second join",
        (
            host("""
            const onJoin = client.onJoin;
            client.onJoin = async (from) => {
              if (client.peers.has(from)) note("ignored");
              else await onJoin.call(client, from);
            };"""),
            player("client.onOffer = async () => { if (!isReloaded) location.reload(); };"),
        ),
        ends=("HOST: ignored",),
        says=("HOST", "join", "no offer|offer"),
        codes=("NO_OFFER",),
        blind=("NO_OFFER",),
    ),
    application(
        "an exception in the handler of messages",
        (
            host("client.onText = (text) => { JSON.parse(text).data.type; };"),
            player(),
        ),
        ends=("HOST: uncaught TypeError",),
        says=("HOST", "TypeError"),
        blind=("NO_OFFER",),
    ),
    application(
        "a misspelt class",
        (
            host("""
            client.onError = (error) => { throw error; };
            client.newPeer = () => new RTCPeerConection();"""),
            player(),
        ),
        ends=("HOST: unhandled ReferenceError",),
        says=("HOST", "ReferenceError"),
        blind=("NO_OFFER",),
    ),
    application(
        "getUserMedia is rejected, and no code handles it",
        (
            host(),
            player("""
            client.onError = (error) => { throw error; };
            client.answer = async () => navigator.mediaDevices.getUserMedia({ audio: true });"""),
        ),
        ends=("Alice: unhandled Not",),
        says=("Alice", "NotFoundError|NotAllowedError"),
        blind=("NO_ANSWER",),
        is_frequent=True,
    ),
]

server = _rows("server")
SERVERS: Final = [
    server(
        "a STUN URL without stun:",
        (
            host("client.configuration = { iceServers: [{ urls: 'stun.example.org:3478' }] };"),
            player(),
        ),
        ends=("HOST: error SyntaxError",),
        says=("HOST", "SyntaxError"),
        blind=("NO_OFFER",),
        is_frequent=True,
    ),
    server(
        "TURN without credentials",
        (
            host(),
            player("client.configuration = { iceServers: [{ urls: 'turn:127.0.0.1:3478' }] };"),
        ),
        ends=("Alice: error InvalidAccessError",),
        says=("Alice", "InvalidAccessError"),
        blind=("NO_ANSWER",),
    ),
    server(
        "iceServers is an object, not a list",
        (
            host("client.configuration = { iceServers: { urls: 'stun:127.0.0.1:9' } };"),
            player(),
        ),
        ends=("HOST: error TypeError",),
        says=("HOST", "TypeError"),
        blind=("NO_OFFER",),
    ),
    server(
        "a STUN server that does not answer: it connects",
        both("client.configuration = { iceServers: [{ urls: 'stun:127.0.0.1:9' }] };"),
        connects=True,
        is_frequent=True,
    ),
    server(
        "relay only, and no TURN server",
        both("client.configuration = { iceTransportPolicy: 'relay' };"),
        ends=("HOST: done answer", "HOST: gathered", "Alice: gathered"),
        says=("candidate", "relay|TURN"),
        blind=("NO_CANDIDATES",),
        is_frequent=True,
    ),
    server(
        "relay only, and a TURN server that is not there",
        both("""
            client.configuration = {
              iceTransportPolicy: "relay",
              iceServers: [
                { urls: "turn:127.0.0.1:9?transport=tcp", username: "u", credential: "c" },
              ],
            };"""),
        ends=("HOST: done answer", "HOST: gathered", "Alice: gathered"),
        says=("TURN|relay", "candidate"),
        blind=("NO_CANDIDATES",),
    ),
    server(
        "relay only, and a TURN server that refuses the password",
        both("""
            client.configuration = {
              iceTransportPolicy: "relay",
              iceServers: [{ urls: client.turn, username: "u", credential: "wrong" }],
            };"""),
        ends=("HOST: done answer", "HOST: candidate error 401", "Alice: candidate error 401"),
        says=("TURN|relay", "401|credential|password"),
        blind=("NO_CANDIDATES",),
    ),
]

media = _rows("media")
AUDIO: Final = "client.addContent = (peer) => peer.addTransceiver('audio');"
MEDIA: Final = [
    media(
        "audio, no data channel: it connects",
        (host(AUDIO), player()),
        ends=("HOST: peer connected", "Alice: peer connected"),
        connects=True,
        has_channel=False,
        is_frequent=True,
    ),
    media(
        "audio, and the answer is a string",
        (
            host(AUDIO),
            player("client.sendDescription = (to, { sdp }) => client.send('answer', to, sdp);"),
        ),
        ends=("HOST: error TypeError",),
        has_channel=False,
        says=("answer", "string"),
        blind=("BAD_PAYLOAD",),
    ),
    media(
        "audio, and candidates are ignored",
        (
            host(AUDIO + "client.onCandidate = async () => {};"),
            player("client.onCandidate = async () => {};"),
        ),
        ends=("HOST: done answer", "HOST: done ice-candidate", "Alice: done ice-candidate"),
        has_channel=False,
        says=("addIceCandidate",),
    ),
]

later = _rows("later")
LATER: Final = [
    later(
        "the channel is closed by the player",
        (
            host(),
            player("client.onChannel = (channel) => channel.close();"),
        ),
        ends=("HOST: channel closed", "Alice: channel closed"),
        says=("data channel closed",),
        loses=True,
        is_frequent=True,
    ),
    later(
        "the host closes its peer connection",
        (
            host("""
            client.onChannel = (channel) => {
              for (const peer of client.peers.values()) peer.close();
              note("closed");
            };"""),
            player(),
        ),
        ends=("HOST: closed", "Alice: channel closed"),
        says=("closed",),
        loses=True,
    ),
    later(
        "the socket is closed once the channel is open: it stays connected",
        (
            host(),
            player("""
            const onChannel = client.onChannel;
            client.onChannel = (channel) => {
              onChannel.call(client, channel);
              client.socket.close();
            };"""),
        ),
        ends=(*OPEN, "Alice: socket closed"),
        connects=True,
        is_frequent=True,
    ),
    later(
        "the player's page is reloaded after success: it connects again",
        (
            host("""
            client.onJoin = ((onJoin) => async (from) => {
              client.peers.get(from)?.close();
              await onJoin.call(client, from);
            })(client.onJoin);"""),
            player("""
            const onChannel = client.onChannel;
            client.onChannel = (channel) =>
              isReloaded ? onChannel.call(client, channel) : location.reload();"""),
        ),
        connects=True,
    ),
    later(
        "the tab of the player is closed after success",
        (
            host(),
            player("client.onChannel = () => closeTab();"),
        ),
        ends=("HOST: channel open", "HOST: channel closed|HOST: peer disconnected"),
        says=("Alice", "left|closed|gone|lost"),
        loses=True,
    ),
]

BREAKAGES: Final = [
    *CONTROLS,
    *NAMES,
    *MESSAGES,
    *FAULTS,
    *PAYLOADS,
    *SDPS,
    *ORDERS,
    *APPLICATIONS,
    *SERVERS,
    *MEDIA,
    *LATER,
]
