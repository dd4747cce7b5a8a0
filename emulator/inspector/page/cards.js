// The handshake cards: one per attempt, the newest first.

import { byId, copy, h, setText, shown } from "./dom.js";
import { bugReport, kinds, mermaid, pytestTest } from "./export.js";
import { CLIENT, HOST } from "./handshake.js";
import { clock, seconds } from "./words.js";

const MAX_CARDS = 40;
const STATES = { ok: "Complete", warn: "Warning", bad: "Failed", waiting: "In progress", neutral: "No verdict" };

export class Cards {
  /** `actions`: `{showOnly(attempt), about()}`. */
  constructor(actions) {
    this._actions = actions;
    this._host = byId("cards");
    this._cards = new Map();
    this._shown = MAX_CARDS;
    this._game = null;
  }

  /** Draw the attempts of a game; return the cards whose verdict has become final. */
  show(game, verdictOf, isCurrent = () => true) {
    if (game !== this._game) {
      this._game = game;
      this._cards.clear();
      this._shown = MAX_CARDS;
      this._host.replaceChildren();
    }
    const attempts = game ? game.attempts.all.filter((each) => isWorthACard(each) && isCurrent(each)) : [];
    const newest = attempts.slice(-this._shown).reverse();
    const settled = [];
    const elements = newest.map((attempt) => {
      let card = this._cards.get(attempt);
      if (!card) {
        card = new Card(attempt, this._actions);
        this._cards.set(attempt, card);
      }
      if (card.update(verdictOf(attempt))) settled.push(card);
      return card.element;
    });
    this._place(elements, attempts.length);
    return settled;
  }

  elementOf(attempt) {
    return this._cards.get(attempt)?.element ?? null;
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

// A connection alone, in a game without signaling messages or a host, is not a handshake.
const isWorthACard = ({ game, connection }) =>
  game.hasSignals || game.wasHere(HOST) || Boolean(connection?.refused);

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
  update(verdict) {
    this._verdict = verdict;
    const before = this.element.dataset.state;
    const key = JSON.stringify([verdict, this.attempt.rows.length, verdict.state === "waiting" ? verdict.now : 0, this._deliveries()]);
    if (key === this._key) return false;
    this._key = key;
    this.element.dataset.state = verdict.state;
    setText(this._code, verdict.code);
    setText(this._badge, STATES[verdict.state]);
    setText(this._headline, shown(verdict.headline));
    setText(this._hint, shown(verdict.hint));
    this._hint.hidden = !verdict.hint;
    this._body.replaceChildren(
      steps(this.attempt),
      budget(this.attempt, verdict.now),
      candidates(this.attempt),
      findings(verdict.findings),
    );
    return verdict.state !== "waiting" && before !== verdict.state;
  }

  _deliveries() {
    const { join, offers, answers, candidates: all } = this.attempt;
    return [join, ...offers, ...answers, ...all].filter((each) => each?.deliveredAt != null).length;
  }

  _buttons() {
    const { attempt } = this;
    const rows = () => attempt.rows;
    const report = () => bugReport(attempt, this._verdict, rows(), this._actions.about());
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

function steps(attempt) {
  const began = attempt.connection?.connectAt ?? attempt.startAt;
  const { connection, join, offer, answer } = attempt;
  const list = h("ol", { class: "steps" });
  if (connection) {
    const state = connection.refused ? "bad" : connection.openedAt === null ? "open" : "ok";
    list.append(step("connect", state, "0 s"));
  }
  if (attempt.host === attempt.player) return list;
  if (attempt.host === HOST) list.append(stepOf("join", join, began));
  list.append(stepOf("offer", offer, began), stepOf("answer", answer, began));
  const counts = [attempt.host, attempt.player].map((who) => attempt.addressesOf(who).length);
  const some = counts.some((each) => each > 0);
  list.append(step("ICE", counts.every((each) => each > 0) ? "ok" : "open", some ? counts.join(" + ") : "–"));
  return list;
}

function stepOf(name, message, began) {
  if (!message) return step(name, "open", "–");
  const arrived = message.deliveredAt !== null;
  return step(name, arrived ? "ok" : "bad", seconds((message.deliveredAt ?? message.at) - began));
}

const MARKS = { ok: "✓", bad: "✕", open: "○" };
const SAID = { ok: "arrived", bad: "did not arrive", open: "not yet" };

function step(name, state, when) {
  return h("li", { class: state }, h("i", { "aria-hidden": "true" }, MARKS[state]), h("b", {}, name), h("span", { class: "unseen" }, SAID[state]), h("span", {}, when));
}

// The time bar, from connecting on: the client joins after 1 s, and the host gives up 5 s later.
function budget(attempt, now) {
  const start = attempt.connection ? Math.min(attempt.connection.connectAt, attempt.startAt) : attempt.startAt;
  const reconnected = attempt.startAt - start > 20_000 ? attempt.startAt : start;
  const base = reconnected - attempt.beganAt;
  const limit = CLIENT.giveUpMs - base;
  const end = attempt.completeAt ?? Math.min(now, attempt.beganAt + CLIENT.giveUpMs * 1.5);
  const used = Math.max(end - reconnected, 0);
  const scale = Math.max(limit, used, (attempt.answer?.deliveredAt ?? 0) - reconnected) * 1.08;
  const percent = (ms) => `${Math.min(Math.max((ms / scale) * 100, 0), 100)}%`;
  const bar = h("div", { class: "bar-fill" });
  bar.style.width = percent(used);
  // The five seconds count from the join or offer, not from connecting: the label says so.
  const began = attempt.offer && !attempt.join ? "offer" : "join";
  const marks = [mark("1 s", CLIENT.joinDelayMs, percent, "joins"), mark(`${began} + 5 s`, limit, percent, "gives up")];
  const points = [attempt.join, attempt.offer, attempt.answer].filter(Boolean).map((each) => {
    const point = h("i", { class: `point type-${each.type}`, title: each.type });
    point.style.left = percent((each.deliveredAt ?? each.at) - reconnected);
    return point;
  });
  const label = `${seconds(Math.max(end - attempt.beganAt, 0))} of ${seconds(CLIENT.giveUpMs)} used`;
  const track = h("div", { class: used > limit ? "track over" : "track", role: "img", "aria-label": label }, bar, ...points, ...marks);
  const legend = points.map((each) => h("li", { class: each.className.replace("point ", "") }, each.title));
  return h("div", { class: "budget" }, track, h("ul", { class: "legend", "aria-hidden": "true" }, ...legend));
}

function mark(label, ms, percent, title) {
  const element = h("span", { class: "mark", title }, h("small", {}, label));
  element.style.left = percent(ms);
  return element;
}

function candidates(attempt) {
  const all = [attempt.host, attempt.player];
  const sides = all.filter((who) => attempt.descriptionsOf(who).length + attempt.candidatesOf(who).length > 0);
  if (sides.length === 0) return h("div");
  const head = h("tr", {}, ...["side", "candidates", "ufrag", "DTLS"].map((each) => h("th", { scope: "col" }, each)));
  return h("table", { class: "sides" }, h("thead", {}, head), h("tbody", {}, ...sides.map((who) => side(attempt, who, all.find((each) => each !== who)))));
}

function side(attempt, who, other) {
  const last = latest(attempt, who);
  const ufrag = last?.sdp?.ufrags.at(-1) ?? null;
  // After an ICE restart, earlier candidates belong to the previous description.
  const known = attempt.descriptionsOf(who).filter(hasArrived).flatMap((each) => each.sdp?.ufrags ?? []);
  const foreign = attempt.candidatesOf(who).filter((each) => each.candidate.ufrag && known.length > 0 && !known.includes(each.candidate.ufrag));
  const matched = ufrag === null || !hasArrived(last) ? "" : foreign.length > 0 ? " ✕" : " ✓";
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("bdi", {}, shown(who))),
    h("td", {}, kinds(attempt, who)),
    h("td", { class: foreign.length > 0 ? "bad" : "" }, ufrag === null ? "–" : h("code", {}, shown(ufrag.slice(0, 12))), matched),
    fingerprint(last, latest(attempt, other)),
  );
}

const hasArrived = (description) => description.deliveredAt !== null;

// The latest description that has arrived, or if none has, the latest that was sent.
function latest(attempt, who) {
  const all = attempt.descriptionsOf(who);
  return all.findLast(hasArrived) ?? all.at(-1);
}

// Each side must have its own certificate; DTLS checks it against the fingerprint.
function fingerprint(last, theirs) {
  const print = last?.sdp?.fingerprints[0];
  if (!print) return last?.sdp?.sections.length > 0 ? h("td", { class: "bad" }, "none ✕") : h("td", {}, "–");
  const isShared = theirs?.sdp?.fingerprints.includes(print) ?? false;
  const matched = isShared ? " ✕" : theirs ? " ✓" : "";
  return h("td", { class: isShared ? "bad" : "" }, h("code", { title: shown(print) }, shown(`${print.split(" ").at(-1).slice(0, 8)}…`)), matched);
}

function findings(list) {
  return h("ul", { class: "findings" }, ...list.map((each) => h("li", { class: each.severity, title: each.hint }, shown(each.text))));
}
