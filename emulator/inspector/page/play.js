// Test players, with the browser client of examples/: real WebRTC connections, signaled through
// the emulator. Names and messages come from peers and are shown as text, never as markup.

import { connectTable } from "./client.js";

const HOST = "HOST";
const MAX_LINES = 200;
/** Interval of requests that check if the emulator answers. */
const LOOK_MS = 2000;
const NAMES = ["Anna", "Ben", "Chloé", "David", "Emma", "Finn", "Grace", "Hugo"];

const byId = (id) => document.getElementById(id);
/** Seats by game and name: the same name may be in two games. */
const seats = new Map();
const keyOf = (game, name) => JSON.stringify([game, name]);

/** One test player of this page, or the host. */
class Seat {
  constructor(url, game, name) {
    this.game = game;
    this.name = name;
    this.channels = new Map();
    this._draw();
    this.table = connectTable(url, {
      game,
      name,
      onChannel: (channel, other) => this._opened(channel, other),
      onProblem: (problem) => this._trouble(problem),
    });
    this.table.socket.addEventListener("open", () => this._tell("waiting", this._waitsFor()));
  }

  /** True once the seat has failed or lost its signaling: a new one may replace it. */
  get isOver() {
    return this._isCutOff || this.element.dataset.state === "failed";
  }

  get _isCutOff() {
    return this.table.socket.readyState > WebSocket.OPEN;
  }

  leave() {
    for (const peer of this.table.peers.values()) peer.close();
    this.table.socket.close(1000);
    this.element.remove();
    seats.delete(keyOf(this.game, this.name));
  }

  say(text) {
    for (const channel of this.channels.values()) {
      if (channel.readyState === "open") channel.send(text);
    }
    this._log(`${this.name}: ${text}`);
  }

  _waitsFor() {
    return this.name === HOST ? "waiting for players" : "waiting for the host";
  }

  _opened(channel, other) {
    this.channels.set(other, channel);
    channel.addEventListener("message", ({ data }) => this._log(`${other}: ${String(data)}`));
    channel.addEventListener("close", () => {
      if (this.channels.get(other) === channel) this.channels.delete(other);
      this._log(`${other} is gone`);
      this._tellOfChannels();
    });
    this._log(`connected to ${other}`);
    this._tellOfChannels();
  }

  _tellOfChannels() {
    // Without signaling no peer can connect: keep showing that it has closed.
    if (this._isCutOff) return;
    const names = [...this.channels.keys()];
    if (names.length === 0) this._tell("waiting", this._waitsFor());
    else this._tell("open", `open to ${names.join(", ")}`);
  }

  _trouble(problem) {
    if (problem?.type === "close") {
      const why = problem.reason ? ` ${problem.reason}` : "";
      this._tell("closed", `signaling closed with ${problem.code}${why}`);
    } else {
      // An error before any channel is open is the final answer to the join.
      if (problem?.type === "error" && this.channels.size === 0) this._tell("failed", "could not join");
      this._log(`× ${problem?.payload?.message ?? problem?.message ?? String(problem)}`);
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

const seatOf = (game, name) => seats.get(keyOf(game, name));
const isTaken = (game, name) => seatOf(game, name)?.isOver === false;

function sit(game, name) {
  byId("problem").textContent = "";
  if (game === "" || name === "") {
    byId("problem").textContent = "Enter a game code and a name.";
  } else if (isTaken(game, name)) {
    byId("problem").textContent = `${name} is in this page already.`;
  } else {
    seatOf(game, name)?.leave();
    seats.set(keyOf(game, name), new Seat(url, game, name));
  }
}

function sitParty(game) {
  if (!isTaken(game, HOST)) sit(game, HOST);
  const socket = seatOf(game, HOST)?.table.socket;
  if (!socket) return;
  // Players join once the host is connected.
  const join = () => { for (let i = 0; i < 3; i += 1) sit(game, nextName(game)); };
  if (socket.readyState === WebSocket.OPEN) join();
  else socket.addEventListener("open", join, { once: true });
}

function nextName(game) {
  const known = NAMES.find((name) => !isTaken(game, name));
  if (known) return known;
  let number = NAMES.length + 1;
  while (isTaken(game, `Player ${number}`)) number += 1;
  return `Player ${number}`;
}

// No similar letters. crypto.randomUUID is not available over plain HTTP on a phone.
function newCode() {
  const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  return [...crypto.getRandomValues(new Uint8Array(6))].map((n) => letters[n % 32]).join("");
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
  byId("game").value = new URLSearchParams(location.search).get("game") ?? newCode();
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
