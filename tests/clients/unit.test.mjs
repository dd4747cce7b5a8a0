// The client's rules, with a played server, in virtual time: node --test.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { hostTable, joinTable, mintCode, Problem, Seat, Table } from "../../clients/javascript/poker-signal.js";
import { FakePeer, FakeSocket, sdp } from "./fakes.mjs";

const URL = "ws://127.0.0.1:1/prod";
const base = { url: URL, WebSocket: FakeSocket, RTCPeerConnection: FakePeer, storage: null };
const open = [];

beforeEach(() => {
  FakeSocket.all = [];
  FakeSocket.refuses = false;
  FakePeer.all = [];
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_800_000_000_000 });
});

afterEach(() => {
  for (const client of open.splice(0)) client.close();
  mock.timers.reset();
});

/** Let promises settle. setImmediate is real time. */
const settled = async () => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** Let virtual time pass, in steps small enough for promises between timers. */
async function pass(ms) {
  for (let left = ms; left > 0; left -= 500) {
    mock.timers.tick(Math.min(left, 500));
    await settled();
  }
}

function seat(more = {}) {
  const made = new Seat({ ...base, code: "GAME", name: "Alice", ...more });
  made.problems = [];
  made.statuses = [];
  made.on("problem", (problem) => made.problems.push(problem));
  made.on("status", (status) => made.statuses.push(status));
  open.push(made);
  return made;
}

function table(more = {}) {
  const made = new Table({ ...base, code: "GAME", ...more });
  made.problems = [];
  made.met = [];
  made.on("problem", (problem) => made.problems.push(problem));
  made.on("peer", (peer) => made.met.push(peer));
  open.push(made);
  return made;
}

const codes = (client) => client.problems.map(({ code }) => code);
const welcome = (payload = {}) => ({ type: "welcome", id: "hello", payload: { features: ["report"], ...payload } });
const error = (code, more = {}) => ({ type: "error", payload: { code, message: `${code}.` }, ...more });
const offer = (sid, seq, text = sdp("host")) => ({ type: "offer", senderId: "HOST", payload: { type: "offer", sdp: text, sid, seq } });
const candidate = (text, ufrag, sid) => ({
  type: "ice-candidate",
  senderId: "HOST",
  payload: { candidate: text, usernameFragment: ufrag, sdpMid: "0", sid },
});

/** A seat that is connected. */
async function seated(more) {
  const made = seat(more);
  await settled();
  FakeSocket.last.open();
  FakeSocket.last.hear(welcome());
  FakeSocket.last.hear(offer("PAGE.1", 1));
  await settled();
  FakePeer.last.connect();
  await settled();
  assert.equal(made.status, "connected");
  return made;
}

/** A table with a connected player. */
async function hosting() {
  const made = table();
  await settled();
  FakeSocket.last.open();
  FakeSocket.last.hear(welcome());
  FakeSocket.last.hear({ type: "join", senderId: "Alice", payload: { page: "P1" } });
  await settled();
  const { sid, seq } = FakeSocket.last.of("offer")[0].payload;
  FakeSocket.last.hear({ type: "answer", senderId: "Alice", payload: { type: "answer", sdp: sdp("alice"), sid, seq } });
  await settled();
  FakePeer.last.connect();
  assert.equal(made.met[0].status, "connected");
  return made;
}

test("an older server answers UNKNOWN_TYPE to hello: the client goes on without", async () => {
  const alice = seat();
  await settled();
  FakeSocket.last.open();
  FakeSocket.last.hear(error("UNKNOWN_TYPE", { id: "hello" }));
  FakeSocket.last.hear({ type: "offer", senderId: "HOST", payload: { type: "offer", sdp: sdp("host") } });
  await settled();
  FakePeer.last.connect();
  await settled();
  assert.equal(alice.status, "connected");
  assert.deepEqual(codes(alice), []);
  // Without a welcome no report, which that server does not know either.
  assert.deepEqual(FakeSocket.last.types(), ["hello", "join", "answer"]);
});

test("a server that never answers hello costs two seconds", async () => {
  seat();
  await settled();
  FakeSocket.last.open();
  FakeSocket.last.hear(offer("PAGE.1", 1));
  await settled();
  assert.equal(FakePeer.all.length, 0);
  await pass(2000);
  assert.equal(FakePeer.all.length, 1);
});

test("frames that cannot be read are problems, and change nothing", async () => {
  const alice = await seated();
  const socket = FakeSocket.last;
  for (const frame of ["", "{", "[]", "null", "7", '"x"']) socket.hear(frame);
  for (const payload of [null, 7, [], {}, { sdp: 7 }]) socket.hear({ type: "offer", senderId: "HOST", payload });
  for (const payload of [7, [], {}, { candidate: 7 }, { candidates: [7] }]) socket.hear({ type: "ice-candidate", senderId: "HOST", payload });
  await settled();
  assert.deepEqual(codes(alice), Array(16).fill("INVALID_FRAME"));
  for (const type of ["fold", "__proto__", "", 7]) socket.hear({ type, senderId: "HOST", payload: {} });
  for (const payload of [null, ""]) socket.hear({ type: "ice-candidate", senderId: "HOST", payload: payload && { candidate: "" } });
  socket.hear({ type: "welcome", payload: null });
  socket.hear({ type: "error" });
  await settled();
  assert.equal(alice.status, "connected");
  assert.equal(FakePeer.all.length, 1);
});

test("a bare SDP string is an offer", async () => {
  const alice = seat();
  await settled();
  FakeSocket.last.open();
  FakeSocket.last.hear(welcome());
  FakeSocket.last.hear({ type: "offer", senderId: "HOST", payload: sdp("host") });
  await settled();
  assert.deepEqual(FakePeer.last.remoteDescription, { type: "offer", sdp: sdp("host") });
  assert.deepEqual(codes(alice), []);
});

test("a description that the browser refuses is a problem, and a new connection is asked for", async () => {
  const alice = seat();
  await settled();
  FakeSocket.last.open();
  FakeSocket.last.hear(welcome());
  FakeSocket.last.hear(offer("PAGE.1", 1, "nonsense"));
  await settled();
  assert.deepEqual(codes(alice), ["WEBRTC"]);
  assert.equal(alice.problems[0].retry, true);
  assert.ok(alice.problems[0].cause instanceof TypeError);
  await pass(25_000);
  assert.ok(FakeSocket.last.of("join").some(({ payload }) => payload.anew));
});

test("a name that is taken ends the join with its sentence", async () => {
  const joining = joinTable({ ...base, code: "GAME", name: "Alice" });
  await settled();
  FakeSocket.last.open();
  FakeSocket.last.hear(error("DUPLICATE_NAME"));
  await assert.rejects(joining, { code: "DUPLICATE_NAME", message: "DUPLICATE_NAME.", retry: false });
  assert.equal(FakeSocket.last.closedWith, 1000);
});

test("HOST_NOT_FOUND is tried again for waitForHost, then it is the answer", async () => {
  const joining = joinTable({ ...base, code: "GAME", name: "Alice", waitForHost: 10 });
  joining.catch(() => {});
  await settled();
  const socket = FakeSocket.last;
  socket.open();
  const send = socket.send.bind(socket);
  socket.send = (text) => {
    send(text);
    if (JSON.parse(text).type === "join") queueMicrotask(() => socket.hear(error("HOST_NOT_FOUND")));
  };
  socket.hear(error("HOST_NOT_FOUND"));
  await pass(12_000);
  await assert.rejects(joining, (problem) => problem instanceof Problem && problem.code === "HOST_NOT_FOUND" && !problem.retry);
  assert.equal(socket.of("join").length, 6);
});

test("a host that is back is joined at once", async () => {
  const alice = seat();
  await settled();
  const socket = FakeSocket.last;
  socket.open();
  socket.hear(error("HOST_NOT_FOUND"));
  assert.equal(alice.status, "waiting-for-host");
  socket.hear({ type: "host-back", payload: { playerId: "HOST", reason: "joined", version: 1 } });
  assert.equal(socket.of("join").length, 2);
});

test("a join that is lost is sent again", async () => {
  seat();
  await settled();
  FakeSocket.last.open();
  await pass(6000);
  assert.equal(FakeSocket.last.of("join").length, 2);
});

test("each connection gets a fresh ticket, and a failing source is a problem", async () => {
  let number = 0;
  const tickets = async () => {
    number += 1;
    if (number > 2) throw new Error("the backend is down");
    return `ticket-${number}`;
  };
  const alice = await seated({ ticket: tickets });
  assert.equal(FakeSocket.last.query.ticket, "ticket-1");
  FakeSocket.last.end(1006);
  await pass(1000);
  assert.equal(FakeSocket.last.query.ticket, "ticket-2");
  FakeSocket.last.end(1006);
  await pass(20_000);
  assert.equal(FakeSocket.all.length, 2);
  assert.ok(codes(alice).includes("NO_TICKET"));
  assert.equal(alice.status, "connected");
});

test("a ticket that expires while reconnecting: the game goes on, and the problem is told", async () => {
  const alice = await seated({ ticket: "soon-expired" });
  FakeSocket.refuses = true;
  FakeSocket.last.end(1006);
  await pass(30_000);
  assert.equal(alice.status, "connected");
  assert.ok(codes(alice).every((code) => code === "CANNOT_CONNECT"));
  assert.ok(alice.problems.every(({ retry }) => retry));
  assert.ok(FakeSocket.all.length > 4 && FakeSocket.all.length < 12, String(FakeSocket.all.length));
});

test("a server that is never there ends a join with a sentence", async () => {
  FakeSocket.refuses = true;
  const joining = joinTable({ ...base, code: "GAME", name: "Alice", waitForHost: 5 });
  joining.catch(() => {});
  await pass(12_000);
  await assert.rejects(joining, { code: "CANNOT_CONNECT", retry: false });
});

test("a socket that opens after abort() is closed", async () => {
  const aborting = new AbortController();
  const joining = joinTable({ ...base, code: "GAME", name: "Alice", signal: aborting.signal });
  await settled();
  const socket = FakeSocket.last;
  aborting.abort(new Error("enough"));
  await assert.rejects(joining, { code: "ABORTED", cause: new Error("enough") });
  socket.open();
  assert.equal(socket.closedWith, 1000);
  assert.deepEqual(socket.sent, []);
  const before = FakeSocket.all.length;
  await assert.rejects(joinTable({ ...base, code: "GAME", name: "Alice", signal: AbortSignal.abort() }), { code: "ABORTED" });
  assert.equal(FakeSocket.all.length, before);
});

test("close() ends a seat in every state, and can be called again", async () => {
  const steps = [
    () => {},
    () => FakeSocket.last.open(),
    () => FakeSocket.last.hear(error("HOST_NOT_FOUND")),
    () => FakeSocket.last.hear(welcome()),
    () => FakeSocket.last.hear(offer("PAGE.1", 1)),
    () => FakePeer.last.connect(),
    () => FakePeer.last.change("failed"),
    () => FakeSocket.last.end(1006),
  ];
  for (let count = 0; count <= steps.length; count += 1) {
    FakeSocket.all = [];
    FakePeer.all = [];
    const alice = seat();
    for (const step of steps.slice(0, count)) {
      await settled();
      step();
    }
    await settled();
    alice.close();
    alice.close();
    assert.equal(alice.status, "closed");
    assert.ok(FakePeer.all.every(({ isClosed }) => isClosed));
    const sent = FakeSocket.all.length;
    await pass(60_000);
    assert.equal(FakeSocket.all.length, sent, `step ${count}`);
    assert.equal(alice.send("late"), false);
  }
});

test("a new sid is a new RTCPeerConnection; an older page, number or description is ignored", async () => {
  await seated();
  const socket = FakeSocket.last;
  const first = FakePeer.last;
  socket.hear(offer("PAGE.2", 1, sdp("second")));
  await settled();
  assert.equal(FakePeer.all.length, 2);
  assert.ok(first.isClosed);
  socket.hear(offer("PAGE.1", 5));
  await settled();
  assert.equal(FakePeer.all.length, 2);
  // Another host, or the host's next page.
  socket.hear(offer("OTHER.1", 1, sdp("other")));
  await settled();
  assert.equal(FakePeer.all.length, 3);
  socket.hear(offer("PAGE.9", 1));
  await settled();
  assert.equal(FakePeer.all.length, 3);
  socket.hear(offer("OTHER.1", 3, sdp("other", 3)));
  socket.hear(offer("OTHER.1", 2, sdp("other", 2)));
  await settled();
  assert.equal(FakePeer.last.remoteDescription.sdp, sdp("other", 3));
  assert.deepEqual(socket.of("answer").map(({ payload }) => [payload.sid, payload.seq]), [
    ["PAGE.1", 1],
    ["PAGE.2", 1],
    ["OTHER.1", 1],
    ["OTHER.1", 3],
  ]);
});

test("without a sid, a new fingerprint is a new RTCPeerConnection", async () => {
  const plain = (text) => ({ type: "offer", senderId: "HOST", payload: { type: "offer", sdp: text } });
  seat();
  await settled();
  FakeSocket.last.open();
  FakeSocket.last.hear(welcome());
  FakeSocket.last.hear(plain(sdp("host")));
  FakeSocket.last.hear(plain(sdp("host", 2)));
  await settled();
  assert.equal(FakePeer.all.length, 1);
  FakeSocket.last.hear(plain(sdp("again")));
  await settled();
  assert.equal(FakePeer.all.length, 2);
});

test("a repeated offer is answered again", async () => {
  await seated();
  FakeSocket.last.hear(offer("PAGE.1", 1));
  await settled();
  assert.equal(FakeSocket.last.of("answer").length, 2);
  assert.equal(FakePeer.all.length, 1);
});

test("candidates wait for their description, by sid and by ufrag", async () => {
  seat();
  await settled();
  const socket = FakeSocket.last;
  socket.open();
  socket.hear(welcome());
  socket.hear(candidate("early", "host1", "PAGE.1"));
  socket.hear({ type: "ice-candidate", senderId: "HOST", payload: { sid: "PAGE.1", candidates: [candidate("a", "host1").payload, candidate("b", "host1").payload] } });
  socket.hear(candidate("restart", "host2", "PAGE.1"));
  socket.hear(candidate("next", "next1", "PAGE.2"));
  socket.hear(offer("PAGE.1", 1));
  await settled();
  assert.deepEqual(FakePeer.last.candidates, ["early", "a", "b"]);
  socket.hear(offer("PAGE.1", 2, sdp("host", 2)));
  await settled();
  assert.deepEqual(FakePeer.last.candidates, ["early", "a", "b", "restart"]);
  socket.hear(offer("PAGE.2", 1, sdp("next")));
  await settled();
  assert.deepEqual(FakePeer.last.candidates, ["next"]);
});

test("own candidates of one moment travel together, with this client only", async () => {
  for (const [from, expected] of [[offer("PAGE.1", 1), 1], [{ type: "offer", senderId: "HOST", payload: { type: "offer", sdp: sdp("host") } }, 3]]) {
    FakeSocket.all = [];
    const alice = seat();
    await settled();
    FakeSocket.last.open();
    FakeSocket.last.hear(welcome());
    FakeSocket.last.hear(from);
    await settled();
    for (const text of ["1 typ host", "2 typ host", "3 typ srflx"]) FakePeer.last.onicecandidate({ candidate: { candidate: text, sdpMid: "0" } });
    FakePeer.last.onicecandidate({ candidate: { candidate: "" } });
    FakePeer.last.onicecandidate({ candidate: null });
    await pass(500);
    assert.equal(FakeSocket.last.of("ice-candidate").length, expected);
    alice.close();
  }
});

test("signaling that drops while the channel lives comes back quietly, with its session", async () => {
  const alice = await seated();
  const { session } = FakeSocket.last.query;
  assert.ok(session.length >= 8);
  FakeSocket.last.end(1006);
  await pass(1000);
  FakeSocket.last.open();
  assert.equal(FakeSocket.all.length, 2);
  assert.equal(FakeSocket.last.query.session, session);
  assert.deepEqual(FakeSocket.last.types(), ["hello"]);
  assert.deepEqual(alice.statuses, ["waiting-for-host", "negotiating", "connected"]);
  assert.deepEqual(codes(alice), []);
});

test("at go-away the new socket is open before the old one closes", async () => {
  const alice = await seated();
  const old = FakeSocket.last;
  old.hear({ type: "go-away", payload: { seconds: 300 } });
  await settled();
  assert.equal(FakeSocket.all.length, 2);
  assert.equal(old.closedWith, undefined);
  FakeSocket.last.open();
  assert.equal(old.closedWith, 1000);
  old.end(1000);
  await pass(60_000);
  assert.equal(FakeSocket.all.length, 2);
  assert.equal(alice.status, "connected");
});

test("a server that sends go-away to each new connection is not connected to all the time", async () => {
  await seated();
  for (let turn = 0; turn < 20; turn += 1) {
    FakeSocket.last.hear({ type: "go-away", payload: { seconds: 300 } });
    await pass(500);
    if (FakeSocket.last.readyState === 0) FakeSocket.last.open();
  }
  const count = FakeSocket.all.length;
  assert.ok(count === 3 || count === 4, `${count} sockets in ten seconds`);
});

test("frames of any shape are told or ignored, and raise no exception", async () => {
  const alice = await seated();
  const odd = [null, 1e308, -1, "NaN", [], {}, { toString: 1 }, { __proto__: { a: 1 } }, { constructor: 1, code: {} }];
  odd.push(JSON.parse('{"__proto__":{"code":"X"},"code":{"toString":1},"message":{"toString":1},"sdp":{},"sid":[],"seq":"NaN"}'));
  odd.push({ iceServers: [{ toString: 1 }], iceExpiresAt: -1e308, sid: "x".repeat(100_000), seq: 1e308, playerId: {} });
  const types = ["welcome", "ice-servers", "error", "undelivered", "player-left", "host-back", "offer", "join", undefined];
  for (const type of [...types, ...odd]) {
    for (const senderId of [undefined, "HOST", "__proto__", ...odd]) {
      for (const payload of odd) {
        FakeSocket.last.hear({ type, senderId, payload, id: payload, message: payload });
        if (FakeSocket.last.readyState === 0) FakeSocket.last.open();
      }
    }
  }
  for (const data of odd) FakeSocket.last.hear(data);
  // An exception of a listener is thrown by a timer.
  await pass(500);
  assert.equal({}.code, undefined);
  assert.ok(alice.problems.every(({ message }) => typeof message === "string"));
});

test("pings only after four minutes of silence; without an answer the client connects anew", async () => {
  await seated();
  const socket = FakeSocket.last;
  await pass(200_000);
  socket.hear({ type: "keepalive", senderId: "HOST", payload: null });
  await pass(200_000);
  assert.equal(socket.of("ping").length, 0);
  await pass(41_000);
  assert.equal(socket.of("ping").length, 1);
  socket.hear({ type: "pong" });
  await pass(241_000);
  assert.equal(socket.of("ping").length, 2);
  await pass(12_000);
  assert.equal(FakeSocket.all.length, 2);
});

test("a seat that is replaced twice ends; a connection without a row connects anew", async () => {
  const alice = await seated();
  FakeSocket.last.end(1000);
  await pass(2000);
  FakeSocket.last.open();
  FakeSocket.last.hear(error("NOT_CONNECTED"));
  FakeSocket.last.end(1000);
  await pass(2000);
  assert.equal(FakeSocket.all.length, 3);
  FakeSocket.last.open();
  FakeSocket.last.end(1000);
  assert.equal(alice.status, "closed");
  assert.equal(alice.problem.code, "REPLACED");
});

test("disconnected for two seconds asks for a restart, fifteen seconds later for a new connection", async () => {
  const alice = await seated();
  const socket = FakeSocket.last;
  FakePeer.last.change("disconnected");
  await pass(1500);
  FakePeer.last.change("connected");
  await pass(2000);
  assert.equal(socket.of("join").length, 1);
  FakePeer.last.change("disconnected");
  await pass(2500);
  assert.equal(alice.status, "reconnecting");
  const wishes = () => socket.of("join").map(({ payload }) => [payload.sid, payload.seq, payload.anew]);
  assert.deepEqual(wishes().at(-1), ["PAGE.1", 1, false]);
  await pass(15_000);
  assert.deepEqual(wishes().at(-1), ["PAGE.1", 1, true]);
  alice.send("while away");
  socket.hear(offer("PAGE.2", 1, sdp("anew")));
  await settled();
  FakePeer.last.connect();
  assert.equal(alice.status, "connected");
  assert.deepEqual(FakePeer.last.channel.sent, ["while away"]);
});

test("HOST restarts ICE for the page that asks, and makes a new connection for a new page", async () => {
  const made = await hosting();
  const socket = FakeSocket.last;
  const { sid } = socket.of("offer")[0].payload;
  const join = (payload) => socket.hear({ type: "join", senderId: "Alice", payload });
  join({ page: "P1" });
  await settled();
  assert.equal(socket.of("offer").length, 1, "the same join, delivered again");
  join({ page: "P1", sid, seq: 1 });
  await settled();
  assert.deepEqual(socket.of("offer").map(({ payload }) => [payload.sid, payload.seq]), [[sid, 1], [sid, 2]]);
  join({ page: "P1", sid, seq: 1 });
  await pass(1500);
  assert.equal(socket.of("offer").length, 2, "an older wish");
  join({ page: "P2" });
  await settled();
  assert.equal(made.met.length, 2);
  assert.equal(made.met[0].status, "closed");
  assert.equal(made.peers.get("Alice"), made.met[1]);
});

test("a join of a client without pages, delivered again while its channel is open, changes nothing", async () => {
  const made = table();
  await settled();
  const socket = FakeSocket.last;
  socket.open();
  socket.hear(welcome());
  const join = () => socket.hear({ type: "join", senderId: "Old", payload: { playerName: "Old" } });
  join();
  await settled();
  await pass(4000);
  socket.hear({ type: "answer", senderId: "Old", payload: { type: "answer", sdp: sdp("old") } });
  await settled();
  FakePeer.last.connect();
  await pass(8000);
  join();
  await settled();
  assert.equal(made.met.length, 1);
  assert.equal(made.met[0].status, "connected");
  // Its page is gone, and the next one joins.
  FakePeer.last.channel.end();
  join();
  await settled();
  assert.equal(made.met.length, 2);
});

test("HOST ignores answers to another offer, and of players whom it does not know", async () => {
  await hosting();
  const socket = FakeSocket.last;
  const before = FakePeer.last.remoteDescription;
  const { sid } = socket.of("offer")[0].payload;
  for (const payload of [{ sdp: sdp("x"), sid, seq: 9 }, { sdp: sdp("x"), sid: "Q.1", seq: 1 }, { sdp: sdp("x") }]) socket.hear({ type: "answer", senderId: "Alice", payload });
  socket.hear({ type: "answer", senderId: "Mallory", payload: { sdp: sdp("m") } });
  await settled();
  assert.equal(FakePeer.last.remoteDescription, before);
});

test("in a collision HOST's offer stays", async () => {
  const made = await hosting();
  const socket = FakeSocket.last;
  const { sid } = socket.of("offer")[0].payload;
  socket.hear({ type: "join", senderId: "Alice", payload: { page: "P1", sid, seq: 1 } });
  socket.hear({ type: "offer", senderId: "Alice", payload: { type: "offer", sdp: sdp("alice", 2), sid, seq: 2 } });
  await settled();
  assert.equal(FakePeer.last.signalingState, "have-local-offer");
  assert.deepEqual(codes(made), []);
});

test("a message that did not arrive is told once; a player who closed its channel is gone", async () => {
  const made = await hosting();
  const socket = FakeSocket.last;
  const lost = { type: "undelivered", payload: { code: "TARGET_NOT_FOUND", message: "Alice is not here.", type: "ice-candidate", targetId: "Alice" } };
  for (let time = 0; time < 3; time += 1) socket.hear(lost);
  assert.deepEqual(codes(made), ["TARGET_NOT_FOUND"]);
  FakePeer.last.channel.end();
  assert.equal(made.met[0].status, "reconnecting");
  await pass(2500);
  socket.hear(lost);
  assert.equal(made.met[0].status, "closed");
  assert.equal(made.peers.size, 0);
});

test("a player who is silent for a minute is forgotten, with a problem", async () => {
  const made = await hosting();
  FakePeer.last.change("failed");
  await pass(75_000);
  assert.equal(made.peers.size, 0);
  assert.equal(codes(made).at(-1), "PLAYER_GONE");
  assert.equal(made.status, "connected");
});

test("errors of API Gateway are problems, and an unanswered join is sent again", async () => {
  const alice = seat();
  await settled();
  FakeSocket.last.open();
  FakeSocket.last.hear({ message: "Internal server error", connectionId: "c", requestId: "r" });
  await pass(3000);
  assert.deepEqual(codes(alice), ["SERVER_ERROR"]);
  assert.equal(FakeSocket.last.of("join").length, 2);
});

test("a minted code has six clear letters, and another one for each attempt", async () => {
  for (let count = 0; count < 100; count += 1) assert.match(mintCode(), /^[A-HJKMNP-Z2-9]{6}$/);
  const made = table({ code: undefined });
  await settled();
  FakeSocket.last.end(1006);
  await pass(1000);
  assert.notEqual(FakeSocket.all[0].query.gameId, FakeSocket.all[1].query.gameId);
  FakeSocket.last.open();
  await made.ready;
  assert.equal(made.code, FakeSocket.last.query.gameId);
});

test("options that cannot be used are one clear problem", async () => {
  const wrong = [{ url: "http://a" }, { url: undefined }, { name: "" }, { name: " " }, { name: "a\nb" }, { name: "x".repeat(129) }, { name: "HOST" }, { code: "" }, { code: undefined }];
  for (const options of wrong) {
    await assert.rejects(joinTable({ ...base, code: "GAME", name: "Alice", ...options }), { code: "INVALID_OPTION", retry: false });
  }
  assert.equal(FakeSocket.all.length, 0);
  await assert.rejects(hostTable({ ...base, RTCPeerConnection: undefined }), { code: "NO_WEBRTC" });
});

test("ICE servers come from the welcome, and are fetched anew before they expire", async () => {
  const servers = [{ urls: ["turn:t"], username: "u", credential: "c" }];
  seat();
  await settled();
  const socket = FakeSocket.last;
  socket.open();
  socket.hear(welcome({ iceServers: servers, iceExpiresAt: Date.now() / 1000 + 100 }));
  socket.hear(offer("PAGE.1", 1));
  await settled();
  assert.deepEqual(FakePeer.last.configuration.iceServers, servers);
  FakePeer.last.connect();
  await pass(80_000);
  socket.hear(offer("PAGE.2", 1, sdp("two")));
  await settled();
  assert.equal(socket.of("ice-servers").length, 1);
  const fresh = [{ urls: ["turn:t"], username: "u2", credential: "c2" }];
  socket.hear({ type: "ice-servers", payload: { iceServers: fresh, iceExpiresAt: Date.now() / 1000 + 100 } });
  await settled();
  assert.deepEqual(FakePeer.last.configuration.iceServers, fresh);
});

test("a listener that throws stops nothing, and is seen", async () => {
  const alice = seat();
  alice.on("status", () => {
    throw new Error("of the app");
  });
  let seen;
  process.once("uncaughtException", (exception) => {
    seen = exception;
  });
  await settled();
  FakeSocket.last.open();
  assert.deepEqual(FakeSocket.last.types(), ["hello", "join"]);
  assert.throws(() => mock.timers.tick(1), { message: "of the app" });
  assert.equal(seen, undefined);
});

test("a problem without a listener is on the console", async () => {
  const warn = mock.method(console, "warn", () => {});
  const made = new Seat({ ...base, code: "GAME", name: "Alice" });
  open.push(made);
  await settled();
  FakeSocket.last.open();
  FakeSocket.last.hear("{");
  assert.equal(warn.mock.calls[0].arguments[0].code, "INVALID_FRAME");
  warn.mock.restore();
});

test("a hostile server's frames of any shape end in no exception", async () => {
  const alice = await seated();
  const host = await hosting();
  const evil = [null, true, 7, -1, "NaN", 1e308, "x", [], [[]], {}, { toString: 1 }, { valueOf: null, toString: null }];
  evil.push(JSON.parse('{"__proto__":{"isAdmin":true},"constructor":1,"prototype":{},"length":-1}'));
  const types = ["welcome", "ice-servers", "error", "undelivered", "player-joined", "player-left", "host-away", "host-back"];
  types.push("join", "offer", "answer", "ice-candidate", "keepalive", "report", "constructor", "__proto__", ...evil);
  for (const socket of FakeSocket.all.slice(-2)) {
    for (const type of types) {
      for (const value of evil) {
        socket.hear({ type, payload: value });
        socket.hear({ type, senderId: "HOST", id: value, payload: value });
        socket.hear({ type, senderId: value, message: value, payload: { code: value, message: value, playerId: value, targetId: value } });
        socket.hear({ type, senderId: "Alice", payload: { sdp: value, sid: value, seq: value, page: value, candidates: value, candidate: value } });
      }
      await settled();
      // Throws what a listener has thrown.
      mock.timers.tick(1);
    }
  }
  assert.equal({}.isAdmin, undefined);
  assert.ok(alice.problems.length > 0 && host.problems.length > 0);
});

test("a peer that counts in odd numbers or writes long ids harms nobody else", async () => {
  const made = await hosting();
  const socket = FakeSocket.last;
  for (const seq of [1e308, -1, 0, 0.5, Number.MAX_SAFE_INTEGER + 1, "1", null]) {
    socket.hear({ type: "offer", senderId: "Mallory", payload: { type: "offer", sdp: sdp("m"), sid: "M.1", seq } });
    await settled();
  }
  socket.hear({ type: "offer", senderId: "Mallory", payload: { type: "offer", sdp: sdp("m"), sid: "x".repeat(30_000), seq: 1 } });
  await settled();
  assert.equal(made.peers.get("Alice").status, "connected");
  // None of these ids and numbers was taken over.
  for (const { payload } of socket.of("answer")) assert.ok(payload.sid.length <= 200 && Number.isSafeInteger(payload.seq));
});

test("a server that sends go-away to each socket is not asked without a pause", async () => {
  await seated();
  const before = FakeSocket.all.length;
  for (let turn = 0; turn < 40; turn += 1) {
    const { last } = FakeSocket;
    if (last.readyState === 0) last.open();
    last.hear({ type: "go-away", payload: {} });
    await pass(250);
  }
  // Ten seconds: one for each five.
  assert.ok(FakeSocket.all.length - before <= 3, `${FakeSocket.all.length - before} sockets`);
});
