// The page: where entries come from, what is chosen, and when it is drawn.

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
import { bytes, many } from "./words.js";

/** Entries that are kept; then the older half is let go. The emulator itself keeps 20 000. */
const MAX_ENTRIES = 60_000;
/** How often bars and verdicts of handshakes that are under way are brought up to date. */
const TICK_MS = 250;
/** How often all of them are, while messages come in. */
const PANELS_MS = 100;
/** An attempt that waits this long in silence has nothing to wait for: its verdict stays. */
const SILENCE_MS = 15_000;
/** How often a --reload is asked what became of the last edit. */
const CODE_MS = 500;
/** So many entries at a time are told of while what is kept is loaded. */
const LOADED_STEP = 1000;

class Inspector {
  constructor() {
    this.analysis = new Analysis();
    this.entries = [];
    this.waiting = [];
    this.about = {};
    /** The same, as the header of a recording tells it. */
    this.recorded = {};
    this.source = "live";
    this.paused = false;
    /** Who was connected at the beginning of a run that is not shown yet, because of a pause. */
    this.unseenRun = null;
    this.chosen = null;
    this.isChosenByHand = false;
    this.clockAhead = 0;
    /** Entries that the emulator has and the page has not, while that is more than a few. */
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
      // Numbers of entries and connections are those of a run.
      isLive: () => this.source === "live" && this.unseenRun === null,
      about: () => ({ ...(this.source === "live" ? this.about : this.recorded), userAgent: navigator.userAgent }),
      verdictOf: (attempt) => this.verdictOf(attempt),
      showOnly: (attempt) => this.controls.showOnly(attempt),
      hangUp: (connection) => askClose(connection, (code, reason) => call("DELETE", `connections/${encodeURIComponent(connection.id)}`, { code, reason })),
      frame: (connection) => askFrame(connection, (frame) => call("POST", `connections/${encodeURIComponent(connection.id)}/frames`, { frame })),
      resend: (row) => call("POST", `entries/${row.entries[0].n}/resend`, {}).catch((error) => this.notice(error.message)),
    };
  }

  // Where entries come from.

  _listener() {
    return {
      started: (first, before) => this._started(first, before),
      entries: (list, now, left) => this._received(list, now, left),
      gone: () => {
        this.controls.status("gone", "the emulator does not answer; trying again");
        this.announce("The emulator has gone away.");
      },
      back: () => {
        this.showStatus();
        this.announce("The emulator is back.");
      },
    };
  }

  async _started(first, before) {
    if (this.paused && !first) {
      // What somebody paused to look at stays.
      this.waiting = [];
      this.unseenRun = before;
      this.controls.paused(0);
      this.notice("The emulator was restarted: this is the run before, until you resume.");
    } else {
      this._begin(first, before);
    }
    try {
      this.about = await call("GET", "about");
    } catch {
      // It has gone again; the next answer brings it back.
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
    this.analysis.seed(before);
    if (!first) this.notice("The emulator was restarted: this is the new run.");
  }

  /** With --reload: say in red where the mistake is, until it is mended. */
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
    setText(byId("code"), code ? shown(`${place}${code.message}; the code before it goes on.`) : "");
  }

  /** What the header says of an emulator that answers. */
  showStatus() {
    if (this.left > 0) {
      const loaded = this.entries.length + this.waiting.length;
      // In steps: a screen reader reads each of them.
      const told = Math.floor(loaded / LOADED_STEP) * LOADED_STEP;
      this.controls.status("loading", `loading… ${told} of ${loaded + this.left} entries`);
    } else {
      this.controls.status(this.paused ? "paused" : "live", this.about.url ?? "live");
    }
  }

  _received(list, now, left) {
    this.clockAhead = now - Date.now();
    const wasLoading = this.left > 0;
    // A few that came meanwhile are not worth a word.
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
    this.drawSoon();
  }

  _forgetOlderHalf() {
    this.entries.splice(0, this.entries.length - MAX_ENTRIES / 2);
    const id = this.chosen?.id;
    const before = this.analysis.openAt(this.entries[0].at);
    this.analysis = new Analysis({ ended: this.analysis.ended });
    this.analysis.seed(before);
    for (const entry of this.entries) this.analysis.add(entry);
    this.chosen = this.analysis.games.get(id) ?? null;
    this.closeRow();
  }

  reset(ended = false) {
    this.analysis = new Analysis({ ended });
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
      this.notice(`${file.name} is too large: ${bytes(file.size)}, and at most ${bytes(MAX_BYTES)} can be shown.`);
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
    this.reset(true);
    this.faults.hide();
    this.setPaused(false);
    this.controls.status("recording", `recording ${shown(file.name)}`);
    if (problems.length > 0) this.notice(`${file.name}: ${problems.join(" ")}`);
    else this.notice("");
    this.take(entries);
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

  // What is chosen.

  choose(game) {
    this.chosen = game;
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

  verdictOf(attempt) {
    const now = this.source === "live" ? Date.now() + this.clockAhead : this.analysis.lastAt;
    return { ...this.analysis.verdict(attempt, Math.max(now, attempt.lastAt)), now };
  }

  // When it is drawn.

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
    const settled = this.cards.show(game, (attempt) => this.verdictOf(attempt));
    this.sidebar.show(this.analysis.games.values(), game, (each) => this._tally(each));
    // What was there before somebody looked is no news.
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
            h("p", {}, url ? "Connect a client to" : "Waiting for the emulator; or drop a recording here."),
            url ? h("code", {}, `${url}?playerId=HOST&gameId=AAAAAA`) : null,
            url ? h("p", {}, "or ", h("a", { href: "play", target: "play" }, "play a table"), " in this browser: a host and three players.") : null,
          ];
    empty.replaceChildren(...lines.filter(Boolean));
  }

  // Until a game is chosen by hand: the first in which players signal.
  _chooseBusiest() {
    if (this.chosen && (this.isChosenByHand || this.chosen.hasSignals)) return;
    const games = [...this.analysis.games.values()];
    const named = games.find((game) => game.id !== "");
    const best = games.find((game) => game.hasSignals) ?? this.chosen ?? named ?? games[0] ?? null;
    if (best !== this.chosen) {
      this.chosen = best;
      this.drawn = -1;
    }
  }

  _tally(game) {
    // Settled attempts do not change their verdict: only the last few are looked at again.
    game.settled ??= new Map();
    const count = { bad: 0, warn: 0, ok: 0, waiting: 0 };
    for (const attempt of game.attempts.all) {
      const known = game.settled.get(attempt);
      const stays = known?.rows === attempt.rows.length && (known.state !== "waiting" || known.isLong);
      const verdict = stays ? null : this.verdictOf(attempt);
      const state = verdict?.state ?? known.state;
      if (verdict) {
        const isLong = verdict.now - attempt.lastAt > SILENCE_MS;
        game.settled.set(attempt, { rows: attempt.rows.length, state, isLong });
      }
      count[state] += 1;
    }
    return { failed: count.bad, warned: count.warn, complete: count.ok };
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
