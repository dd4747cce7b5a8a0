// Opens seats at a table, with the client that the README shows: real connections through the
// emulator. Names and messages come from peers: they are text, never markup.

import { connectTable } from "./client.js";

const HOST = "HOST";
const MAX_LINES = 200;
const NAMES = ["Anna", "Ben", "Chloé", "David", "Emma", "Finn", "Grace", "Hugo"];

const byId = (id) => document.getElementById(id);
const seats = new Map();

/** One player of this page, or the host. */
class Seat {
  constructor(url, game, name) {
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

  /** Whether nothing can come of it any more: whoever tries again gets a new seat. */
  get isOver() {
    return ["closed", "failed"].includes(this.element.dataset.state);
  }

  leave() {
    for (const peer of this.table.peers.values()) peer.close();
    this.table.socket.close(1000);
    this.element.remove();
    seats.delete(this.name);
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
    const names = [...this.channels.keys()];
    if (names.length === 0) this._tell("waiting", this._waitsFor());
    else this._tell("open", `open to ${names.join(", ")}`);
  }

  _trouble(problem) {
    if (problem?.type === "close") {
      const why = problem.reason ? ` ${problem.reason}` : "";
      this._tell("closed", `signaling closed with ${problem.code}${why}`);
    } else {
      // The final answer to a join: nobody waits for a host any more.
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
    heading.textContent = this.name;
    this._state = document.createElement("p");
    this._state.className = "state";
    this._lines = document.createElement("ol");
    this._lines.tabIndex = 0;
    this._lines.setAttribute("aria-label", `What ${this.name} hears`);
    const form = document.createElement("form");
    const input = document.createElement("input");
    input.setAttribute("aria-label", `Say as ${this.name}`);
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

function sit(url, name) {
  const game = byId("game").value.trim();
  byId("problem").textContent = "";
  if (game === "" || name === "") {
    byId("problem").textContent = "A game has a code, and a player a name.";
  } else if (seats.has(name) && !seats.get(name).isOver) {
    byId("problem").textContent = `${name} sits in this page already.`;
  } else {
    seats.get(name)?.leave();
    seats.set(name, new Seat(url, game, name));
  }
}

const nextName = () => NAMES.find((name) => !seats.has(name)) ?? `Player ${seats.size}`;

// No letters that look alike; crypto.randomUUID is not there on a phone without https.
function newCode() {
  const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  return [...crypto.getRandomValues(new Uint8Array(6))].map((n) => letters[n % 32]).join("");
}

async function start() {
  const answer = await fetch("api/about", { cache: "no-store" });
  if (!answer.ok) throw new Error(`the emulator answered ${answer.status}`);
  const about = await answer.json();
  // As this page was reached, so is the emulator: a phone does not know 127.0.0.1.
  const url = `${location.protocol.replace("http", "ws")}//${location.host}/${about.stage}`;
  byId("game").value = new URLSearchParams(location.search).get("game") ?? newCode();
  byId("status").textContent = url;
  byId("status").dataset.state = "live";
  byId("host").addEventListener("click", () => sit(url, HOST));
  byId("table").addEventListener("submit", (event) => {
    event.preventDefault();
    sit(url, byId("name").value.trim() || nextName());
    byId("name").value = "";
  });
  byId("party").addEventListener("click", () => {
    if (!seats.has(HOST)) sit(url, HOST);
    // Players come once somebody is there to be joined.
    const join = () => { for (let i = 0; i < 3; i += 1) sit(url, nextName()); };
    const { socket } = seats.get(HOST).table;
    if (socket.readyState === WebSocket.OPEN) join();
    else socket.addEventListener("open", join, { once: true });
  });
  // Until now a click would have been lost, and Enter would have sent the form away.
  for (const button of byId("table").querySelectorAll("button")) button.disabled = false;
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => { document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; };
dark.addEventListener("change", follow);
follow();

start().catch((error) => {
  byId("status").textContent = String(error.message ?? error);
  byId("status").dataset.state = "gone";
});
