// The left side: games, open connections of the chosen game, and active faults.

import { byId, h, shown } from "./dom.js";
import { many } from "./words.js";

const MAX_LISTED = 200;
/** Interval of requests for the active faults. */
const LOOK_MS = 2000;

export class Sidebar {
  /** `actions`: `{choose(game), hangUp(connection), frame(connection), isLive()}`. */
  constructor(actions) {
    this._actions = actions;
    this._gamesKey = "";
    this._connectedKey = "";
  }

  /** `tally(game)` counts handshakes: `{failed, warned, connected}`. */
  show(games, chosen, tally) {
    const list = [...games].sort((one, other) => other.lastAt - one.lastAt).slice(0, MAX_LISTED);
    const stable = list.sort((one, other) => one.firstSeen - other.firstSeen);
    const items = stable.map((game) => ({ game, ...tally(game), players: game.players.length }));
    const key = JSON.stringify(items.map(({ game, ...rest }) => [game.id, game === chosen, rest]));
    if (key !== this._gamesKey) {
      this._gamesKey = key;
      const focused = document.activeElement?.closest?.("#games button")?.dataset.game;
      const elements = items.map((item) => this._game(item, chosen));
      byId("games").replaceChildren(...(elements.length > 0 ? elements : [h("li", { class: "none" }, "None yet.")]));
      if (focused !== undefined) [...byId("games").querySelectorAll("button")].find((each) => each.dataset.game === focused)?.focus();
    }
    this._connected(chosen);
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

/** The active faults; hidden if the emulator cannot inject faults. */
export class Faults {
  /** `call` is the function of that name in live.js. */
  constructor(call) {
    this._call = call;
    this._key = "";
    this._changes = 0;
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
    const key = JSON.stringify(active);
    if (key === this._key) return;
    this._key = key;
    const items = active.map((spec) => h("li", {}, h("span", { title: spec }, h("code", {}, shown(spec))),
      h("button", { type: "button", "aria-label": `Remove fault ${shown(spec)}`, onclick: () => this._change("DELETE", spec) }, "Off")));
    byId("fault-list").replaceChildren(...(items.length > 0 ? items : [h("li", { class: "none" }, "None.")]));
  }
}
