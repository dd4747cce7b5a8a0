// Test players, with the JavaScript client: real WebRTC connections, signaled through the emulator.
// Names and messages come from peers and are shown as text, never as markup.

import { mintCode, Seat, Table } from "./client/poker-signal.js";

const HOST = "HOST";
const MAX_LINES = 200;
/** Interval of requests that check if the emulator answers. */
const LOOK_MS = 2000;
const NAMES = ["Anna", "Ben", "Chloé", "David", "Emma", "Finn", "Grace", "Hugo"];

const byId = (id) => document.getElementById(id);
/** Players by game and name: the same name may be in two games. */
const players = new Map();
const keyOf = (game, name) => JSON.stringify([game, name]);

/** One test player of this page, or the host. */
class Player {
  constructor(url, game, name) {
    this.game = game;
    this.name = name;
    this._draw();
    const options = { url, code: game, name };
    this.client = name === HOST ? new Table(options) : new Seat(options);
    this.client.on("problem", (problem) => this._log(`× ${problem.message}`));
    this.client.on("status", (status) => this._changed(status));
    if (name === HOST) this.client.on("peer", (peer) => this._met(peer));
    else this.client.on("message", (data) => this._log(`${HOST}: ${String(data)}`));
  }

  /** True once it has ended: a new one may replace it. */
  get isOver() {
    return this.client.status === "closed";
  }

  leave() {
    this.client.close();
    this.element.remove();
    players.delete(keyOf(this.game, this.name));
  }

  say(text) {
    if (this.name === HOST) this.client.broadcast(text);
    else this.client.send(text);
    this._log(`${this.name}: ${text}`);
  }

  _met(peer) {
    peer.on("message", (data) => this._log(`${peer.name}: ${String(data)}`));
    peer.on("status", (status) => {
      if (status === "connected") this._log(`connected to ${peer.name}`);
      if (status === "closed") this._log(`${peer.name} is gone`);
      this._changed(this.client.status);
    });
  }

  _changed(status) {
    if (status === "closed") {
      this._tell("failed", this.name === HOST ? "closed" : "could not join");
    } else if (status === "connecting" || status === "reconnecting") {
      // A host's channels live on without signaling, but no player can join.
      this._tell(this.name === HOST ? "closed" : "waiting", `${status}…`);
    } else if (this.name !== HOST) {
      if (status === "connected") this._log(`connected to ${HOST}`);
      if (status === "connected") this._tell("open", `open to ${HOST}`);
      else this._tell("waiting", status === "negotiating" ? "negotiating…" : "waiting for the host");
    } else {
      const peers = [...this.client.peers.values()].filter((peer) => peer.status === "connected");
      if (peers.length === 0) this._tell("waiting", "waiting for players");
      else this._tell("open", `open to ${peers.map((peer) => peer.name).join(", ")}`);
    }
  }

  _tell(state, words) {
    this.element.dataset.state = state;
    this._state.textContent = words;
  }

  _log(text) {
    const line = document.createElement("li");
    line.textContent = text;
    this._lines.append(line);
    if (this._lines.childElementCount > MAX_LINES) this._lines.firstElementChild.remove();
    this._lines.scrollTop = this._lines.scrollHeight;
  }

  _draw() {
    this.element = document.createElement("li");
    this.element.className = "seat";
    const heading = document.createElement("h2");
    const table = document.createElement("small");
    table.textContent = `in ${this.game}`;
    heading.append(this.name, " ", table);
    this._state = document.createElement("p");
    this._state.className = "state";
    this._lines = document.createElement("ol");
    this._lines.tabIndex = 0;
    this._lines.setAttribute("aria-label", `Log of ${this.name} in ${this.game}`);
    const form = document.createElement("form");
    const input = document.createElement("input");
    input.setAttribute("aria-label", `Say as ${this.name} in ${this.game}`);
    const leave = document.createElement("button");
    leave.type = "button";
    leave.textContent = "Leave";
    leave.addEventListener("click", () => this.leave());
    const say = document.createElement("button");
    say.textContent = "Say";
    form.append(input, say, leave);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value !== "") this.say(input.value);
      input.value = "";
    });
    this.element.append(heading, this._state, this._lines, form);
    this._tell("connecting", "connecting…");
    byId("seats").append(this.element);
  }
}

const playerOf = (game, name) => players.get(keyOf(game, name));
const isTaken = (game, name) => playerOf(game, name)?.isOver === false;

function sit(game, name) {
  byId("problem").textContent = "";
  if (game === "" || name === "") {
    byId("problem").textContent = "Enter a game code and a name.";
  } else if (isTaken(game, name)) {
    byId("problem").textContent = `${name} is in this page already.`;
  } else {
    playerOf(game, name)?.leave();
    players.set(keyOf(game, name), new Player(url, game, name));
  }
}

function sitParty(game) {
  if (!isTaken(game, HOST)) sit(game, HOST);
  const host = playerOf(game, HOST)?.client;
  if (!host) return;
  // Players join once the host is connected.
  host.ready.then(() => { for (let i = 0; i < 3; i += 1) sit(game, nextName(game)); }, () => {});
}

function nextName(game) {
  const known = NAMES.find((name) => !isTaken(game, name));
  if (known) return known;
  let number = NAMES.length + 1;
  while (isTaken(game, `Player ${number}`)) number += 1;
  return `Player ${number}`;
}

let url = "";

function status(state, text) {
  if (byId("status").textContent !== text) byId("status").textContent = text;
  byId("status").dataset.state = state;
}

/** Check now and periodically if the emulator answers; a restart may change its settings. */
async function look() {
  try {
    const answer = await fetch("api/about", { cache: "no-store" });
    if (!answer.ok) throw new Error(`the emulator answered ${answer.status}`);
    const { stage } = await answer.json();
    // Use the host of this page's URL: on a phone, 127.0.0.1 would be the phone.
    url = `${location.protocol.replace("http", "ws")}//${location.host}/${stage}`;
    status("live", url);
    // Before this, a click would be lost and Enter would submit the form to the server.
    for (const button of byId("table").querySelectorAll("button")) button.disabled = false;
  } catch {
    status("gone", "the emulator does not answer; trying again");
  }
  setTimeout(look, LOOK_MS);
}

function start() {
  const game = () => byId("game").value.trim();
  byId("game").value = new URLSearchParams(location.search).get("game") ?? mintCode();
  byId("host").addEventListener("click", () => sit(game(), HOST));
  byId("table").addEventListener("submit", (event) => {
    event.preventDefault();
    sit(game(), byId("name").value.trim() || nextName(game()));
    byId("name").value = "";
  });
  byId("party").addEventListener("click", () => sitParty(game()));
  look();
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => { document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; };
dark.addEventListener("change", follow);
follow();

start();
