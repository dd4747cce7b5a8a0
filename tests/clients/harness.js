// Games of a page: the test starts them once, and a reload of the page starts them again.
//
// spec = {client, url, hosts, games: [{code, cut}], rtc, field}: URL of the client's folder and of the
// server; whether the page hosts; its games, each with the number of the socket's event that kills the
// first socket, or 0; the configuration of RTCPeerConnections; whether the page is the client in the field.

/** @type {Map<string, any>} games by code */
const games = new Map();
const NAME = "Zoë 🂡";
let spec;

/** A WebSocket whose first object dies at its n-th message, sent or received. */
function cutting(step) {
  let isFirst = true;
  return class extends WebSocket {
    #left = isFirst ? step : 0;
    #onclose = () => {};

    constructor(...given) {
      super(...given);
      isFirst = false;
    }

    #strikes() {
      if (this.#left === 0) return this.dead ?? false;
      this.#left -= 1;
      if (this.#left > 0) return false;
      this.kill();
      return true;
    }

    kill() {
      this.dead = true;
      super.close(4000);
      setTimeout(() => this.#onclose({ code: 1006, reason: "" }));
    }

    get readyState() {
      return this.dead ? 3 : super.readyState;
    }

    send(text) {
      if (!this.#strikes()) super.send(text);
    }

    set onmessage(listener) {
      super.onmessage = (event) => {
        if (!this.#strikes()) listener(event);
      };
    }

    set onclose(listener) {
      this.#onclose = listener;
      super.onclose = (event) => {
        if (!this.dead) listener(event);
      };
    }
  };
}

function enter(game, peer) {
  game.peer = peer;
  peer.on("message", (text) => {
    game.heard.push(text);
    game.news();
  });
}

async function begin(code, cut) {
  const game = { code, heard: [], problems: [], statuses: [], sockets: [], opened: 0, news: () => {} };
  games.set(code, game);
  const Socket = cutting(cut);
  const options = {
    url: spec.url,
    code,
    name: NAME,
    rtc: spec.rtc,
    WebSocket: class extends Socket {
      constructor(...given) {
        super(...given);
        game.sockets.push(this);
        this.addEventListener("open", () => {
          game.opened += 1;
          game.news();
        });
      }
    },
  };
  const { Table, Seat } = await import(`${spec.client}poker-signal.js`);
  const client = spec.hosts ? new Table(options) : new Seat(options);
  game.client = client;
  client.on("problem", ({ code: of, message, retry }) => {
    game.problems.push({ code: of, message, retry });
    game.news();
  });
  client.on("status", (status) => game.statuses.push(status));
  if (spec.hosts) client.on("peer", (peer) => enter(game, peer));
  else enter(game, client);
}

async function beginField(code) {
  const game = { code, heard: [], problems: [], statuses: [], sockets: [], opened: 0, news: () => {} };
  games.set(code, game);
  const { fieldHost, fieldPlayer } = await import("/field.js");
  const far = spec.hosts ? fieldHost(spec.url, code) : fieldPlayer(spec.url, code, NAME);
  enter(game, far);
}

function start(wanted) {
  spec = wanted;
  sessionStorage.setItem("spec", JSON.stringify(spec));
  return Promise.all(spec.games.map(({ code, cut = 0 }) => (spec.field ? beginField(code) : begin(code, cut))));
}

/** Wait until a condition holds; it is looked at whenever a game hears something. */
function until(game, condition) {
  return new Promise((resolve) => {
    game.news = () => {
      if (condition()) resolve();
    };
    game.news();
  });
}

/** Meet the other page, whatever happened before, and exchange a hundred messages each way. */
async function talkIn(game, round) {
  const mine = spec.hosts ? "host" : "player";
  const theirs = spec.hosts ? "player" : "host";
  const call = setInterval(() => game.peer?.send(`${round} ${mine} is here`), 100);
  // Both have heard the other, each on the connection that it sends on.
  await until(game, () => game.heard.includes(`${round} ${theirs} is here`));
  game.peer.send(`${round} ${mine} has heard`);
  await until(game, () => game.heard.includes(`${round} ${theirs} has heard`));
  clearInterval(call);
  for (let number = 0; number < 100; number += 1) game.peer.send(`${round} ${mine} ${number}`);
  const wanted = new RegExp(`^${round} ${theirs} \\d+$`);
  const heard = () => game.heard.filter((text) => wanted.test(text));
  await until(game, () => heard().length >= 100);
  const inOrder = heard().every((text, number) => text === `${round} ${theirs} ${number}`);
  return inOrder && heard().length === 100;
}

/** The number of games in which a hundred messages went each way. */
async function talk(round) {
  const done = await Promise.all([...games.values()].map((game) => talkIn(game, round)));
  return done.filter(Boolean).length;
}

/** Kill all sockets, as a network that is gone does. */
function killSockets() {
  for (const { sockets } of games.values()) sockets.at(-1).kill();
}

/** Wait until each game has opened so many sockets. */
async function opened(count) {
  await Promise.all([...games.values()].map((game) => until(game, () => game.opened >= count)));
}

/** Restart ICE at this end; wait until the restart, or a new connection, is negotiated. */
async function restart() {
  const ufrag = ({ connection }) => /a=ice-ufrag:(\S+)/.exec(connection?.currentLocalDescription?.sdp)?.[1];
  await Promise.all(
    [...games.values()].map((game) => {
      const { peer } = game;
      const before = ufrag(peer);
      const isDone = () => ufrag(peer) !== before && peer.connection.signalingState === "stable" && peer.status === "connected";
      const look = (connection) => connection.addEventListener("signalingstatechange", () => game.news());
      peer.on("connection", look);
      peer.on("status", () => game.news());
      look(peer.connection);
      peer.connection.restartIce();
      return until(game, isDone);
    }),
  );
}

/** Wait until each game has met a problem of this code. */
async function problem(code) {
  await Promise.all([...games.values()].map((game) => until(game, () => game.problems.some((each) => each.code === code))));
}

/** The events of each game, for the message of a failed test. */
function story() {
  return [...games.values()].map(({ code, peer, client, statuses, problems, heard, opened: sockets }) => ({
    code,
    status: client?.status,
    peer: peer?.status,
    pc: peer?.connection && [peer.connection.signalingState, peer.connection.connectionState],
    statuses,
    problems,
    sockets,
    heard: heard.length,
    last: heard.slice(-3),
  }));
}

async function pairs() {
  const found = [];
  for (const { peer } of games.values()) {
    const all = [...(await peer.connection.getStats()).values()];
    const chosen = all.find(({ type }) => type === "transport")?.selectedCandidatePairId;
    const pair = all.find(({ id, type, selected }) => (chosen ? id === chosen : type === "candidate-pair" && selected));
    found.push([pair?.localCandidateId, pair?.remoteCandidateId].map((end) => all.find(({ id }) => id === end)?.candidateType));
  }
  return found;
}

function leave() {
  sessionStorage.clear();
  for (const { client } of games.values()) client?.close();
}

Object.assign(globalThis, { start, talk, killSockets, opened, problem, restart, story, pairs, leave, games });
const kept = sessionStorage.getItem("spec");
globalThis.ready = kept === null ? Promise.resolve() : start(JSON.parse(kept));
