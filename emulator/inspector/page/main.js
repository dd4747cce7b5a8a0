// The page: the source of entries, the selection, and the timing of drawing.

import { Analysis } from "./analysis.js";
import { Cards } from "./cards.js";
import { Controls } from "./controls.js";
import { Details } from "./details.js";
import { Diagram } from "./diagram.js";
import { askClose, askFrame } from "./dialogs.js";
import { byId, h, setText, shown } from "./dom.js";
import { filterOf } from "./filter.js";
import { Live, call } from "./live.js";
import { MAX_BYTES, parseRecording } from "./recording.js";
import { Faults, Sidebar } from "./sidebar.js";
import { Verdicts } from "./verdicts.js";
import { bytes, many } from "./words.js";

/** Entries that the page keeps before it drops the older half. The emulator keeps 20 000. */
const MAX_ENTRIES = 60_000;
/** Interval of updates without new entries, for time bars and verdicts of open handshakes. */
const TICK_MS = 250;
/** Least time between two updates of the panels while entries come in. */
const PANELS_MS = 100;
/** With --reload: interval of requests for the result of the last edit. */
const CODE_MS = 500;
/** Step of the count of loaded entries in the header. */
const LOADED_STEP = 1000;

class Inspector {
  constructor() {
    this.analysis = new Analysis();
    this.entries = [];
    this.waiting = [];
    this.about = {};
    /** The same from the header of a recording. */
    this.recorded = {};
    this.source = "live";
    this.paused = false;
    /** While paused: connections at the start of a new run that is not shown yet; else null. */
    this.unseenRun = null;
    this.chosen = null;
    this.isChosenByHand = false;
    this.clockAhead = 0;
    /** While loading: entries that the emulator has and the page does not have yet; else 0. */
    this.left = 0;
    this.drawn = -1;
    this.panelsAt = 0;
    this.panelsTimer = null;
    this.panelsOf = null;
    const actions = this._actions();
    this.diagram = new Diagram((row) => this.openRow(row));
    this.cards = new Cards(actions);
    this.details = new Details(actions);
    this.sidebar = new Sidebar(actions);
    this.faults = new Faults(call);
    this.controls = new Controls(this);
    this.live = new Live(this._listener());
    this.verdicts = new Verdicts({
      analysis: () => this.analysis,
      game: () => this.chosen?.id ?? null,
      run: () => this.live.run,
      judged: () => this.drawSoon(),
    });
    this.verdicts.client = this.cards.client;
  }

  start() {
    this.live.start();
    setInterval(() => this.tick(), TICK_MS);
    this.drawSoon();
  }

  _actions() {
    return {
      choose: (game) => this.choose(game),
      close: () => this.closeRow(),
      // Numbers of entries and connection ids are valid in one run only.
      isLive: () => this.source === "live" && this.unseenRun === null,
      about: () => ({ ...(this.source === "live" ? this.about : this.recorded), userAgent: navigator.userAgent }),
      limits: (client) => {
        this.verdicts.client = client;
        this.verdicts.soon();
      },
      showOnly: (attempt) => this.controls.showOnly(attempt),
      hangUp: (connection) => askClose(connection, (code, reason) => call("DELETE", `connections/${encodeURIComponent(connection.id)}`, { code, reason })),
      frame: (connection) => askFrame(connection, (frame) => call("POST", `connections/${encodeURIComponent(connection.id)}/frames`, { frame })),
      resend: (row) => call("POST", `entries/${row.entries[0].n}/resend`, {}).catch((error) => this.notice(error.message)),
    };
  }

  // The source of entries.

  _listener() {
    return {
      started: (first, before) => this._started(first, before),
      entries: (list, now, left) => this._received(list, now, left),
      gone: () => {
        this.controls.status("gone", "the emulator does not answer; trying again");
        this.announce("The emulator does not answer.");
      },
      back: () => {
        this.showStatus();
        this.announce("The emulator answers again.");
      },
    };
  }

  async _started(first, before) {
    if (this.paused && !first) {
      // A paused page keeps its content.
      this.waiting = [];
      this.unseenRun = before;
      this.controls.paused(0);
      this.notice("The emulator was restarted. The page shows the previous run until you resume.");
    } else {
      this._begin(first, before);
    }
    try {
      this.about = await call("GET", "about");
    } catch {
      // It does not answer any more; its next answer calls this again.
      return;
    }
    if (this.source !== "live") return;
    this.showStatus();
    if (this.about.faults) this.faults.show();
    else this.faults.hide();
    this._watchCode();
    this.drawn = -1;
    this.drawSoon();
  }

  _begin(first, before) {
    this.reset();
    this.verdicts.followLive();
    this.analysis.seed(before);
    if (!first) this.notice("The emulator was restarted. The page shows the new run.");
  }

  /** With --reload: show the place of an error in red, until it is fixed. */
  _watchCode() {
    clearInterval(this.codeTimer);
    this._showCode(this.about.code);
    if (this.about.code) this.codeTimer = setInterval(() => this._askForCode(), CODE_MS);
  }

  async _askForCode() {
    const about = await call("GET", "about").catch(() => null);
    if (about && about.run === this.about.run) this._showCode(about.code);
  }

  _showCode(code) {
    const place = code?.file ? `${code.file}:${code.line}: ` : "";
    byId("code").hidden = code?.ok ?? true;
    setText(byId("code"), code ? shown(`${place}${code.message}; the previous code stays in use.`) : "");
  }

  /** Show in the header that the emulator answers, and how much is loaded. */
  showStatus() {
    if (this.left > 0) {
      const loaded = this.entries.length + this.waiting.length;
      // In steps, because a screen reader reads every change.
      const told = Math.floor(loaded / LOADED_STEP) * LOADED_STEP;
      this.controls.status("loading", `loading… ${told} of ${loaded + this.left} entries`);
    } else {
      this.controls.status(this.paused ? "paused" : "live", this.about.url ?? "live");
    }
  }

  _received(list, now, left) {
    this.clockAhead = now - Date.now();
    const wasLoading = this.left > 0;
    // A few new entries do not count as loading.
    this.left = wasLoading || left > LOADED_STEP ? left : 0;
    if (this.paused) {
      this.waiting.push(...list);
      if (this.waiting.length > MAX_ENTRIES) this.waiting.splice(0, this.waiting.length - MAX_ENTRIES);
      this.controls.paused(this.waiting.length);
    } else {
      this.take(list);
    }
    if (this.left > 0 || wasLoading) this.showStatus();
  }

  take(list) {
    if (list.length === 0) return;
    for (const entry of list) {
      this.entries.push(entry);
      this.analysis.add(entry);
    }
    if (this.entries.length > MAX_ENTRIES) this._forgetOlderHalf();
    if (this.source === "live") this.verdicts.soon();
    this.drawSoon();
  }

  _forgetOlderHalf() {
    this.entries.splice(0, this.entries.length - MAX_ENTRIES / 2);
    const id = this.chosen?.id;
    const before = this.analysis.openAt(this.entries[0].at);
    this.analysis = new Analysis();
    this.analysis.seed(before);
    for (const entry of this.entries) this.analysis.add(entry);
    this.chosen = this.analysis.games.get(id) ?? null;
    this.verdicts.forgetRows();
    this.closeRow();
  }

  reset() {
    this.analysis = new Analysis();
    this.entries = [];
    this.waiting = [];
    this.left = 0;
    this.unseenRun = null;
    this.chosen = null;
    this.isChosenByHand = false;
    this.closeRow();
    this.controls.clear();
    this.drawn = -1;
    this.drawSoon();
  }

  async openRecording(file) {
    if (file.size > MAX_BYTES) {
      this.notice(`${file.name} is too large: ${bytes(file.size)}; the limit is ${bytes(MAX_BYTES)}.`);
      return;
    }
    const { entries, problems, about } = parseRecording(await file.text());
    if (entries.length === 0) {
      this.notice(`${file.name}: ${problems.join(" ")}`);
      return;
    }
    this.live.stop();
    this.source = "recording";
    this.recorded = about;
    this.reset();
    this.faults.hide();
    this.setPaused(false);
    this.controls.status("recording", `recording ${shown(file.name)}`);
    if (problems.length > 0) this.notice(`${file.name}: ${problems.join(" ")}`);
    else this.notice("");
    this.take(entries);
    this.verdicts.followRecording(entries);
  }

  backToLive() {
    this.source = "live";
    this.about = {};
    this.reset();
    this.notice("");
    this.controls.status("connecting", "connecting…");
    this.live.start();
  }

  setPaused(paused) {
    this.paused = paused;
    if (!paused) {
      const waiting = this.waiting.splice(0);
      if (this.unseenRun !== null) this._begin(false, this.unseenRun);
      this.take(waiting);
    }
    this.controls.paused(0);
  }

  // The selection.

  choose(game) {
    this.chosen = game;
    this.verdicts.soon();
    this.isChosenByHand = true;
    this.closeRow();
    this.controls.clear();
    this.controls.view("diagram");
    this.drawn = -1;
    this.drawSoon();
  }

  openRow(row) {
    this.details.show(row);
    this.controls.view("handshakes");
    byId("panel").scrollTop = 0;
    this.details.focus();
  }

  closeRow() {
    if (!this.details.row) return;
    this.details.hide();
    this.controls.view("diagram");
    this.diagram.focus();
  }

  // The timing of drawing.

  drawSoon() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.draw();
    });
  }

  tick() {
    if (this.source === "live" && !document.hidden) this.drawSoon();
  }

  draw() {
    this._chooseBusiest();
    const game = this.chosen;
    const version = game ? game.version : -2;
    if (version !== this.drawn) {
      this.drawn = version;
      this._drawDiagram(game);
      this.details.refresh();
    }
    const now = performance.now();
    const isNew = game !== this.panelsOf;
    if (!isNew && now - this.panelsAt < PANELS_MS) {
      this.panelsTimer ??= setTimeout(() => this.drawSoon(), PANELS_MS);
      return;
    }
    clearTimeout(this.panelsTimer);
    this.panelsTimer = null;
    this.panelsAt = now;
    this.panelsOf = game;
    this._drawPanels(game, isNew);
  }

  _drawPanels(game, isNew) {
    const settled = this.cards.show(game, this.verdicts.of(game));
    this.sidebar.show(this.analysis.games.values(), game, (each) => this._tally(each));
    // Announce only verdicts that become final while the game is shown.
    if (settled.length > 0 && !isNew) this.announce(settled[0].headline);
  }

  _drawDiagram(game) {
    const all = game?.rows ?? [];
    const passes = filterOf(this.controls.filter());
    const rows = passes ? all.filter(passes) : all;
    this.diagram.show(game, rows);
    this.controls.offer(game);
    const hidden = all.length - rows.length;
    setText(byId("count"), hidden > 0 ? `${rows.length} of ${many(all.length, "event")}` : many(all.length, "event"));
    this._drawEmpty(all.length, rows.length);
  }

  _drawEmpty(total, left) {
    const empty = byId("empty");
    empty.hidden = left > 0;
    if (left > 0) return;
    const url = this.about.url;
    const lines =
      total > 0
        ? [h("b", {}, "No event passes the filter.")]
        : [
            h("b", {}, "No traffic yet"),
            h("p", {}, url ? "Connect a client to" : "Waiting for the emulator. You can also drop a recording here."),
            url ? h("code", {}, `${url}?playerId=HOST&gameId=AAAAAA`) : null,
            url ? h("p", {}, "or ", h("a", { href: "play", target: "play" }, "open test players"), " in this browser: a host and three players.") : null,
          ];
    empty.replaceChildren(...lines.filter(Boolean));
  }

  // Until the user chooses a game: the first one with handshake messages.
  _chooseBusiest() {
    if (this.chosen && (this.isChosenByHand || this.chosen.hasSignals)) return;
    const games = [...this.analysis.games.values()];
    const named = games.find((game) => game.id !== "");
    const best = games.find((game) => game.hasSignals) ?? this.chosen ?? named ?? games[0] ?? null;
    if (best !== this.chosen) {
      this.chosen = best;
      this.verdicts.soon();
      this.drawn = -1;
    }
  }

  _tally({ states }) {
    return { failed: states.bad ?? 0, warned: states.warn ?? 0, connected: states.ok ?? 0 };
  }

  announce(text) {
    setText(byId("announcer"), text);
  }

  notice(text) {
    const notice = byId("notice");
    notice.hidden = !text;
    const dismiss = h("button", { type: "button", onclick: () => this.notice("") }, "Dismiss");
    notice.replaceChildren(...(text ? [h("span", {}, shown(text)), dismiss] : []));
  }
}

export const inspector = new Inspector();
inspector.start();
