// The handshake cards: one per attempt, the newest first.

import { byId, copy, h, setText, shown } from "./dom.js";
import { bugReport, mermaid, pytestTest } from "./export.js";
import { clock, seconds } from "./words.js";

const MAX_CARDS = 40;
const STATES = { ok: "Connected", warn: "Warning", bad: "Failed", waiting: "In progress", neutral: "No verdict" };
const CODES = { __proto__: null, COMPLETE: "Signaling complete" };
/** Time limits of known clients, in milliseconds from the join: the marks of the time bar. */
const LIMITS = { __proto__: null, "table-poker": { name: "table-poker", giveUpMs: 5000 } };
const REMEMBERED = "poker-signal-client";

export class Cards {
  /** `actions`: `{showOnly(attempt), about(), limits(client)}`. */
  constructor(actions) {
    this._actions = actions;
    this._host = byId("cards");
    this._cards = new Map();
    this._shown = MAX_CARDS;
    this._game = null;
    this.client = this._chosenClient();
    this._host.before(this._clients());
  }

  /** Draw the attempts of a game; return the cards whose verdict has become final. */
  show(game, attempts) {
    if (game !== this._game) {
      this._game = game;
      this._cards.clear();
      this._shown = MAX_CARDS;
      this._host.replaceChildren();
    }
    const newest = attempts.slice(-this._shown).reverse();
    const settled = [];
    const elements = newest.map((attempt) => {
      let card = this._cards.get(attempt);
      if (!card) {
        card = new Card(attempt, this._actions);
        this._cards.set(attempt, card);
      }
      if (card.update(this.client)) settled.push(card);
      return card.element;
    });
    this._place(elements, attempts.length);
    return settled;
  }

  elementOf(attempt) {
    return this._cards.get(attempt)?.element ?? null;
  }

  // The client whose time limits apply: of the URL, or the last choice.
  _chosenClient() {
    const asked = new URLSearchParams(location.search).get("client");
    if (asked !== null) remember(asked);
    const chosen = asked ?? remembered();
    return chosen in LIMITS ? chosen : "";
  }

  _clients() {
    const options = ["", ...Object.keys(LIMITS)].map((name) => h("option", { value: name }, name || "none"));
    const select = h("select", { id: "client" }, ...options);
    select.value = this.client;
    select.addEventListener("change", () => {
      this.client = select.value;
      remember(this.client);
      this._actions.limits(this.client);
    });
    return h("label", { class: "limits", title: "Time limits of a client: what comes later is discarded by it" }, "Time limits of ", select);
  }

  _place(elements, total) {
    if (elements.length === 0) {
      const text = "No player has tried to connect to a host yet.";
      if (this._host.textContent !== text) this._host.replaceChildren(h("p", { class: "none" }, text));
      return;
    }
    const more = total - elements.length;
    if (more > 0) elements.push(this._moreButton(more));
    const inPlace = this._host.children.length === elements.length && elements.every((each, index) => this._host.children[index] === each);
    // Moving the focused element would remove the focus.
    if (!inPlace) this._host.replaceChildren(...elements);
  }

  _moreButton(count) {
    this._more ??= h("button", { type: "button", onclick: () => (this._shown += MAX_CARDS) });
    setText(this._more, `Show older (${count})`);
    return this._more;
  }
}

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED) ?? "";
  } catch {
    return "";
  }
}

function remember(client) {
  try {
    localStorage.setItem(REMEMBERED, client);
  } catch {
    // A browser without storage only forgets the choice.
  }
}

class Card {
  constructor(attempt, actions) {
    this.attempt = attempt;
    this._actions = actions;
    this._key = "";
    const id = `card-${(Card.count = (Card.count ?? 0) + 1)}`;
    this._badge = h("span", { class: "badge" });
    this._headline = h("p", { class: "headline" });
    this._code = h("code", { class: "code" });
    this._hint = h("p", { class: "hint" });
    this._body = h("div", { class: "body" });
    this.element = h(
      "article",
      { class: "card", "aria-labelledby": id, "data-game": shown(attempt.game.id) },
      h("header", {},
        this._badge,
        h("h3", { id }, ...title(attempt), attempt.number > 1 ? h("small", {}, ` attempt ${attempt.number}`) : null),
        h("time", {}, clock(attempt.startAt)),
      ),
      this._headline,
      this._code,
      this._hint,
      this._body,
      this._buttons(),
    );
  }

  get headline() {
    return `${shown(this.attempt.player)} to ${shown(this.attempt.host)}: ${this._headline.textContent}`;
  }

  /** Draw the card; return true if the verdict has just become final. */
  update(client) {
    const { attempt } = this;
    const before = this.element.dataset.state;
    const { rows, game, entries, now, lastAt, ...told } = attempt;
    const key = JSON.stringify([told, client]);
    if (key === this._key) return false;
    this._key = key;
    this.element.dataset.state = attempt.state;
    setText(this._code, attempt.code);
    setText(this._badge, CODES[attempt.code] ?? STATES[attempt.state] ?? attempt.state);
    setText(this._headline, shown(attempt.headline));
    setText(this._hint, shown(attempt.hint));
    this._hint.hidden = !attempt.hint;
    this._body.replaceChildren(
      steps(attempt),
      ...(client in LIMITS ? [budget(attempt, LIMITS[client])] : []),
      sides(attempt),
      findings(attempt.findings),
    );
    return attempt.state !== "waiting" && before !== attempt.state;
  }

  _buttons() {
    const { attempt } = this;
    const rows = () => attempt.rows;
    const report = () => bugReport(attempt, rows(), this._actions.about());
    return h(
      "div",
      { class: "buttons" },
      h("button", { type: "button", onclick: () => this._actions.showOnly(attempt) }, "Show only this"),
      h("button", { type: "button", onclick: (event) => copy(report(), event.currentTarget) }, "Copy report"),
      h("button", { type: "button", onclick: (event) => copy(mermaid(rows()), event.currentTarget) }, "Mermaid"),
      h("button", { type: "button", onclick: (event) => copy(pytestTest(attempt, rows(), this._actions.about()), event.currentTarget) }, "pytest"),
    );
  }
}

// HOST itself has a card if it is refused or joins its own game.
function title({ player, host }) {
  const names = [h("bdi", {}, shown(player)), " → ", h("bdi", {}, shown(host))];
  return player === host ? names.slice(0, 1) : names;
}

const steps = (attempt) => h("ol", { class: "steps" }, ...attempt.steps.map(step));

const MARKS = { ok: "✓", bad: "✕", warn: "!", open: "○" };
const SAID = { ok: "arrived", bad: "did not arrive", warn: "lost", open: "not yet" };

function step({ name, state, text }) {
  return h("li", { class: state }, h("i", { "aria-hidden": "true" }, MARKS[state]), h("b", {}, name), h("span", { class: "unseen" }, SAID[state]), h("span", {}, shown(text)));
}

// The time from the join on, against the limit of the chosen client.
function budget(attempt, { name, giveUpMs }) {
  const began = attempt.beganAt;
  const answer = attempt.steps.find((each) => each.name === "answer" && each.state === "ok");
  const end = answer?.at ?? Math.min(attempt.now, began + giveUpMs * 1.5);
  const used = Math.max(end - began, 0);
  const scale = Math.max(giveUpMs, used) * 1.08;
  const percent = (ms) => `${Math.min(Math.max((ms / scale) * 100, 0), 100)}%`;
  const bar = h("div", { class: "bar-fill" });
  bar.style.width = percent(used);
  const points = attempt.steps.filter((each) => each.at).map((each) => {
    const point = h("i", { class: `point type-${each.name}`, title: each.name });
    point.style.left = percent(each.at - began);
    return point;
  });
  const label = `${seconds(used)} of the ${seconds(giveUpMs)} until ${name} gives up`;
  const limit = mark(`${name} gives up at ${seconds(giveUpMs)}`, giveUpMs, percent, "limit");
  const track = h("div", { class: used > giveUpMs ? "track over" : "track", role: "img", "aria-label": label }, bar, ...points, limit);
  const legend = points.map((each) => h("li", { class: each.className.replace("point ", "") }, each.title));
  return h("div", { class: "budget" }, track, h("ul", { class: "legend", "aria-hidden": "true" }, ...legend));
}

function mark(label, ms, percent, title) {
  const element = h("span", { class: "mark", title }, h("small", {}, label));
  element.style.left = percent(ms);
  return element;
}

function sides(attempt) {
  if (attempt.sides.length === 0) return h("div");
  const head = h("tr", {}, ...["side", "candidates", "ufrag", "DTLS", "connection"].map((each) => h("th", { scope: "col" }, each)));
  return h("table", { class: "sides" }, h("thead", {}, head), h("tbody", {}, ...attempt.sides.map(side)));
}

const TICKS = { __proto__: null, ok: " ✓", bad: " ✕" };

function side({ player, kinds, sent, arrived, ufrag, ufragState, dtls, dtlsState, probe, connection, ice }) {
  const state = connection ? `${connection}, ICE ${ice}` : probe ? "no RTCPeerConnection" : "no probe";
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("bdi", {}, shown(player))),
    h("td", { class: sent > 0 && arrived === 0 ? "bad" : "" }, sent > arrived ? `${kinds}; ${arrived} of ${sent} arrived` : kinds),
    h("td", { class: ufragState === "bad" ? "bad" : "" }, ufrag ? h("code", {}, shown(ufrag)) : "–", TICKS[ufragState] ?? ""),
    fingerprint(dtls, dtlsState),
    h("td", { class: connection === "failed" ? "bad" : "" }, state),
  );
}

// Each side must have its own certificate; DTLS checks it against the fingerprint.
function fingerprint(dtls, state) {
  if (!dtls) return h("td", {}, "–");
  if (dtls === "none") return h("td", { class: "bad" }, "none ✕");
  return h("td", { class: state === "bad" ? "bad" : "" }, h("code", { title: shown(dtls) }, shown(`${dtls.split(" ").at(-1).slice(0, 8)}…`)), TICKS[state] ?? "");
}

function findings(list) {
  return h("ul", { class: "findings" }, ...list.map((each) => h("li", { class: each.severity, title: each.hint }, shown(each.text))));
}
