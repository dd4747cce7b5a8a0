// The left side: games, open connections of the chosen game, and active faults.

import { byId, h, setText, shown } from "./dom.js";
import { many } from "./words.js";

const MAX_LISTED = 200;
/** Interval of requests for the active faults and the open connections. */
const LOOK_MS = 2000;

export class Sidebar {
  /** `actions`: `{choose(game), chooseAll(), hangUp(connection), frame(connection), isLive()}`. */
  constructor(actions) {
    this._actions = actions;
    this._gamesKey = "";
    this._connectedKey = "";
  }

  /**
   * Show games, the newest first.
   *
   * `tally(game)` counts handshakes: `{failed, warned, connected}`; `hidesEmpty`: leave out games
   * without an open connection. Returns the number of failed handshakes in all listed games.
   */
  show(games, chosen, tally, hidesEmpty) {
    const isShown = (game) => !hidesEmpty || game === chosen || game.players.length > 0;
    const list = games.filter(isShown);
    const items = list.slice(0, MAX_LISTED).map((game) => ({ game, ...tally(game), players: game.players.length }));
    const isAll = chosen?.isAll === true;
    const key = JSON.stringify([list.length, games.length, isAll, items.map(({ game, ...rest }) => [game.id, game === chosen, rest])]);
    if (key !== this._gamesKey) {
      this._gamesKey = key;
      this._list(items, list.length, games.length, chosen);
    }
    this._connected(isAll ? null : chosen);
    return items.reduce((sum, { failed }) => sum + failed, 0);
  }

  _list(items, count, total, chosen) {
    const focused = document.activeElement?.closest?.("#games button")?.dataset.game;
    const elements = items.map((item) => this._game(item, chosen));
    if (total > 1) elements.unshift(this._all(total, chosen));
    if (count > MAX_LISTED) elements.push(h("li", { class: "none" }, `and ${count - MAX_LISTED} older: search for them in “All games”`));
    if (count < total) elements.push(h("li", { class: "none" }, `${many(total - count, "empty game")} hidden`));
    byId("games").replaceChildren(...(elements.length > 0 ? elements : [h("li", { class: "none" }, "None yet.")]));
    setText(byId("games-count"), total > 0 ? String(total) : "");
    if (focused !== undefined) [...byId("games").querySelectorAll("button")].find((each) => each.dataset.game === focused)?.focus();
  }

  _all(total, chosen) {
    const isChosen = chosen?.isAll === true;
    return h("li", {}, h("button", { type: "button", "aria-current": isChosen ? "true" : null, "aria-keyshortcuts": "a", onclick: () => this._actions.chooseAll() },
      h("b", {}, "All games"), h("small", {}, many(total, "game"))));
  }

  _game({ game, failed, warned, connected, players }, chosen) {
    const button = h(
      "button",
      { type: "button", "data-game": game.id, "aria-current": game === chosen ? "true" : null, onclick: () => this._actions.choose(game) },
      h("b", {}, game.id === "" ? "no game" : h("bdi", {}, shown(game.id))),
      worst(failed, warned, connected),
      h("small", {}, `${players} connected`),
    );
    return h("li", {}, button);
  }

  _connected(game) {
    const lanes = game ? game.lanes.filter((lane) => lane.open.size > 0) : [];
    const open = lanes.flatMap((lane) => [...lane.open].map((id) => ({ id, name: lane.name })));
    const live = this._actions.isLive();
    const key = JSON.stringify([open, live, game?.id]);
    if (key === this._connectedKey) return;
    this._connectedKey = key;
    const items = open.slice(0, MAX_LISTED).map(({ id, name }) => this._connection(id, name, live));
    if (items.length === 0) items.push(h("li", { class: "none" }, "None."));
    if (open.length > MAX_LISTED) items.push(h("li", { class: "none" }, `and ${open.length - MAX_LISTED} more`));
    byId("connected").replaceChildren(...items);
  }

  _connection(id, name, live) {
    const label = shown(name);
    const act = (text, said, then) => h("button", { type: "button", "aria-label": `${said} ${label}`, title: `${said} ${label}`, onclick: () => then({ id, player: name }) }, text);
    return h(
      "li",
      {},
      h("span", { title: `${label}, ${id}` }, h("bdi", {}, label)),
      live ? act("Send", "Send a frame to", this._actions.frame) : null,
      live ? act("Close", "Close the connection of", this._actions.hangUp) : null,
    );
  }
}

// The worst result in a game, for its line in the list.
function worst(failed, warned, connected) {
  if (failed > 0) return h("span", { class: "tally bad" }, `${failed} failed`);
  if (warned > 0) return h("span", { class: "tally warn" }, many(warned, "warning"));
  return connected > 0 ? h("span", { class: "tally ok" }, `${connected} ✓`, h("span", { class: "unseen" }, " connected")) : null;
}

/** Asks for the open connections regularly, while the page is visible. */
export class Presence {
  /** `onopen(ids, askedAt)` gets the ids of the open connections, and the page's time of asking. */
  constructor(call, onopen) {
    this._call = call;
    this._onopen = onopen;
  }

  start() {
    this.stop();
    this._timer = setInterval(() => document.hidden || this._look(), LOOK_MS);
  }

  stop() {
    clearInterval(this._timer);
  }

  async _look() {
    const askedAt = Date.now();
    const told = await this._call("GET", "connections").catch(() => null);
    if (told) this._onopen(new Set(told.connections.map(({ connectionId }) => connectionId)), askedAt);
  }
}

/** The active faults; hidden if the emulator cannot inject faults. */
export class Faults {
  /** `call` is the function of that name in live.js. */
  constructor(call) {
    this._call = call;
    this._key = "";
    this._changes = 0;
    this._active = [];
    /** Number of strikes by spec, counted from the entries. */
    this._strikes = new Map();
    byId("fault-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._add(byId("fault-spec").value.trim());
    });
  }

  show() {
    byId("faults").hidden = false;
    clearInterval(this._timer);
    this._timer = setInterval(() => document.hidden || this._look(), LOOK_MS);
    return this._look();
  }

  hide() {
    byId("faults").hidden = true;
    clearInterval(this._timer);
  }

  /** Count an entry of the trace if it is a strike. */
  count({ kind, fault }) {
    if (kind === "fault") this._strikes.set(fault, (this._strikes.get(fault) ?? 0) + 1);
  }

  forget() {
    this._strikes.clear();
  }

  /** Show the numbers of strikes. */
  draw() {
    const counts = this._active.map((spec) => this._strikes.get(spec) ?? 0);
    const key = JSON.stringify([this._active, counts]);
    if (key === this._key) return;
    this._key = key;
    const items = this._active.map((spec, index) =>
      h("li", { class: counts[index] === 0 ? "unused" : null },
        h("span", { title: spec }, h("code", {}, shown(spec)), h("small", {}, `struck ${many(counts[index], "time")}`)),
        h("button", { type: "button", "aria-label": `Remove fault ${shown(spec)}`, onclick: () => this._change("DELETE", spec) }, "Off")));
    byId("fault-list").replaceChildren(...(items.length > 0 ? items : [h("li", { class: "none" }, "None.")]));
  }

  // Other pages and scripts may change the faults too.
  async _look() {
    const changes = this._changes;
    const told = await this._call("GET", "faults").catch(() => null);
    if (told && changes === this._changes) this._list(told.active);
  }

  async _add(spec) {
    if (spec && (await this._change("POST", spec))) byId("fault-spec").value = "";
  }

  async _change(method, spec) {
    this._changes += 1;
    try {
      const { active } = await this._call(method, "faults", { spec });
      byId("fault-error").textContent = "";
      this._list(active);
      return true;
    } catch (error) {
      byId("fault-error").textContent = error.message;
      return false;
    }
  }

  _list(active) {
    this._active = active;
    this.draw();
  }
}
