// The page: the source of entries, the selection, and the timing of drawing.

import { readAddress, writeAddress } from "./address.js";
import { AllGames } from "./all-games.js";
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
import { Faults, Presence, Sidebar } from "./sidebar.js";
import { Verdicts } from "./verdicts.js";
import { bytes, many } from "./words.js";

/** Entries that the page keeps before it drops the older half. The emulator keeps 20 000. */
const MAX_ENTRIES = 60_000;
/** Interval of updates without new entries, for time bars and verdicts of open handshakes. */
const TICK_MS = 250;
/** Least time between two updates of the panels while entries come in. */
const PANELS_MS = 100;
/** Interval of drawing a long list of all games with a search: each drawing tests every row. */
const SEARCH_MS = 500;
const LONG = 5000;
/** A connection younger than this may be missing in an answer about open connections. */
const YOUNG_MS = 1000;
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
    /** The game that is shown, or AllGames. */
    this.chosen = null;
    /** True while the page shows the game with the newest handshake, until the user chooses one. */
    this.isFollowing = true;
    /** The address to show as soon as its game and row are there; null if it is shown. */
    this.wanted = null;
    /** The attempt that the address names, if no row is open. */
    this.marked = null;
    /** Rows of entries up to this number are hidden. */
    this.clearedTo = -1;
    this.lastN = -1;
    this.clockAhead = 0;
    /** While loading: entries that the emulator has and the page does not have yet; else 0. */
    this.left = 0;
    this.drawn = -1;
    this.panelsAt = 0;
    this.panelsTimer = null;
    this.panelsOf = null;
    const actions = this._actions();
    this.diagram = new Diagram((row) => this.openRow(row), (game, row) => this.showInGame(row));
    this.cards = new Cards(actions);
    this.details = new Details(actions);
    this.sidebar = new Sidebar(actions);
    this.faults = new Faults(call);
    this.presence = new Presence(call, (ids, askedAt) => this._compare(ids, askedAt));
    this.controls = new Controls(this);
    this.live = new Live(this._listener());
    this.verdicts = new Verdicts({
      analysis: () => this.analysis,
      game: () => this.chosen?.id ?? null,
      run: () => this.live.run,
      judged: () => this._judged(),
    });
    this.verdicts.client = this.cards.client;
  }

  start() {
    this._goTo(readAddress(location.hash));
    addEventListener("hashchange", () => this._goTo(readAddress(location.hash)));
    this.live.start();
    this.presence.start();
    setInterval(() => this.tick(), TICK_MS);
    this.drawSoon();
  }

  _actions() {
    return {
      choose: (game) => this.choose(game),
      chooseAll: () => this.chooseAll(),
      gameOf: (row) => (this.chosen?.isAll ? this.chosen.gameOf(row) : null),
      showInGame: (row) => this.showInGame(row),
      close: () => this.closeRow(),
      // Numbers of entries and connection ids are valid in one run only.
      isLive: () => this.source === "live" && this.unseenRun === null,
      about: () => ({ ...(this.source === "live" ? this.about : this.recorded), userAgent: navigator.userAgent }),
      limits: (client) => {
        this.verdicts.client = client;
        this.verdicts.soon();
      },
      showOnly: (attempt) => this.showOnly(attempt),
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
    this.controls.client(this.about.url);
    if (this.about.faults) this.faults.show();
    else this.faults.hide();
    this._watchCode();
    this.drawn = -1;
    this.drawSoon();
  }

  _begin(first, before) {
    const { wanted } = this;
    // The address of the first load stays until its game is there.
    this.reset(first && wanted);
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
    if (left === 0) this._arrived();
  }

  take(list) {
    if (list.length === 0) return;
    const unread = [];
    for (const entry of list) {
      this.entries.push(entry);
      this.lastN = Math.max(this.lastN, entry.n);
      // A recording may hold anything; one entry must not hide those after it.
      try {
        this.analysis.add(entry);
        this.faults.count(entry);
      } catch {
        unread.push(entry.n);
      }
    }
    if (unread.length > 0) this.notice(`Entries that cannot be read are left out: ${unread.slice(0, 5).join(", ")}${unread.length > 5 ? `, and ${unread.length - 5} more` : ""}.`);
    if (this.entries.length > MAX_ENTRIES) this._forgetOlderHalf();
    if (this.source === "live") this.verdicts.soon();
    this.drawSoon();
  }

  _forgetOlderHalf() {
    this.entries.splice(0, this.entries.length - MAX_ENTRIES / 2);
    const { chosen } = this;
    const before = this.analysis.openAt(this.entries[0].at);
    this.analysis = new Analysis();
    this.analysis.seed(before);
    for (const entry of this.entries) {
      try {
        this.analysis.add(entry);
      } catch {
        // The page has said so when the entry came.
      }
    }
    this.chosen = chosen?.isAll ? new AllGames(this.analysis) : (this.analysis.games.get(chosen?.id) ?? null);
    this.marked = null;
    this.verdicts.forgetRows();
    this.closeRow();
  }

  reset(wanted = null) {
    this.analysis = new Analysis();
    this.entries = [];
    this.waiting = [];
    this.left = 0;
    this.unseenRun = null;
    this.chosen = null;
    this.isFollowing = !wanted;
    this.wanted = wanted || null;
    this.marked = null;
    this.clearedTo = -1;
    this.lastN = -1;
    this.faults.forget();
    this.details.hide();
    this.controls.clear();
    this._tellAddress();
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
    this.presence.stop();
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
    this.presence.start();
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

  /** Show a game that the user has chosen; the page then follows no other. */
  choose(game) {
    this._show(game);
    this.isFollowing = false;
    this._tellAddress(true);
  }

  /** Show the rows of all games; `keepsSearch`: with the present search. */
  chooseAll(keepsSearch = false) {
    if (this.chosen?.isAll) return;
    this._show(new AllGames(this.analysis), keepsSearch);
    this.isFollowing = false;
    this._tellAddress(true);
  }

  /** Follow the game with the newest handshake, or stay with the one that is shown. */
  follow(isFollowing) {
    this.isFollowing = isFollowing;
    if (isFollowing) {
      this.closeRow();
      this.marked = null;
      this._chooseNewest();
    }
    this._tellAddress(true);
    this.drawSoon();
  }

  _show(game, keepsSearch = false) {
    this.chosen = game;
    this.verdicts.soon();
    this.wanted = null;
    this.marked = null;
    this.details.hide();
    this.controls.clear(keepsSearch);
    this.controls.view("diagram");
    this.drawn = -1;
    this.drawSoon();
  }

  showOnly(attempt) {
    if (this.chosen !== attempt.game) this._show(attempt.game);
    this._stay();
    this.details.hide();
    this.controls.showOnly(attempt);
    this._tellAddress(true);
  }

  showInGame(row) {
    const game = this.chosen.gameOf(row);
    this.choose(game);
    this._reveal(row);
  }

  openRow(row, isStep = true) {
    this.wanted = null;
    this._stay();
    this.details.show(row);
    this._mark(row.attempt);
    this._tellAddress(isStep);
    this.details.focus();
  }

  closeRow() {
    if (!this.details.row) return;
    this.details.hide();
    this._mark(null);
    this._tellAddress();
    this.diagram.focus();
  }

  /** Hide all events until now; `undoClear` shows them again. */
  clearOld() {
    this.closeRow();
    this.clearedTo = this.lastN;
    this._redraw();
    this.announce("All events until now are hidden.");
  }

  undoClear() {
    this.clearedTo = -1;
    this._redraw();
  }

  // What the user looks at must not be replaced by a newer game.
  _stay() {
    this.isFollowing = false;
    this.panelsAt = 0;
    this.drawSoon();
  }

  _redraw() {
    this.drawn = -1;
    this.panelsAt = 0;
    this.drawSoon();
  }

  /** Draw the rows anew: other rows are shown. */
  showRows() {
    this._redraw();
  }

  _isShown(row) {
    const isHidden = row.kind === "probe" && row.outcome !== "bad" && !this.controls.showsProbe;
    return row.n > this.clearedTo && !isHidden;
  }

  _isCurrent(attempt) {
    return (attempt.rows.at(-1)?.n ?? Infinity) > this.clearedTo;
  }

  /** Mark the card of an attempt, and bring it into view. */
  _mark(attempt) {
    this.marked = attempt;
    this.isMarkShown = attempt === null;
    this._drawMark();
  }

  _drawMark() {
    for (const card of document.querySelectorAll(".card[aria-current]")) card.removeAttribute("aria-current");
    const card = this.marked && this.cards.elementOf(this.marked);
    if (!card) return;
    card.setAttribute("aria-current", "true");
    if (!this.isMarkShown) card.scrollIntoView({ block: "nearest" });
    this.isMarkShown = true;
  }

  // The address: game, attempt and row after “#”.

  /** Return the URL that leads back to what is shown. */
  link() {
    return new URL(this._hash(true) || location.pathname + location.search, location.href).href;
  }

  _hash(isExact) {
    const { chosen } = this;
    if (!chosen || (this.isFollowing && !isExact)) return "";
    const attempt = this.details.row?.attempt ?? this.controls.attempt ?? this.marked;
    const place = attempt && !chosen.isAll ? this.verdicts.of(chosen).indexOf(attempt) : -1;
    return writeAddress({ game: chosen.id, isAll: chosen.isAll, attempt: place < 0 ? null : place + 1, row: this.details.row?.n ?? null });
  }

  // A choice of the user is a step that “Back” leads back from.
  _tellAddress(isStep = false) {
    if (this.wanted || this.source !== "live") return;
    const hash = this._hash(false);
    if (hash === location.hash) return;
    const url = hash || location.pathname + location.search;
    if (isStep) history.pushState(null, "", url);
    else history.replaceState(null, "", url);
  }

  _goTo(address) {
    if (address.game === null && !address.isAll) {
      this.wanted = null;
      if (!this.isFollowing) {
        this.closeRow();
        this.isFollowing = true;
        this._redraw();
      }
      return;
    }
    this._want(address);
    this._seek();
    this._redraw();
  }

  _want(address) {
    this.wanted = address;
    this.isFollowing = false;
  }

  // Entries come in parts: the game and the row of an address may come later.
  _seek() {
    if (!this.wanted) return;
    const { game: id, isAll, attempt, row } = this.wanted;
    const game = isAll ? (this.chosen?.isAll ? this.chosen : new AllGames(this.analysis)) : this.analysis.games.get(id);
    if (!game) return;
    if (game !== this.chosen) {
      const { wanted } = this;
      this._show(game);
      this.wanted = wanted;
    }
    if (isAll) game.refresh();
    if (row !== null) {
      const found = game.rows.find((each) => each.n === row);
      if (!found) return;
      this.wanted = null;
      this._reveal(found);
    } else if (attempt !== null) {
      const found = this.verdicts.of(game)[attempt - 1];
      if (!found) return;
      this.wanted = null;
      this.details.hide();
      this._mark(found);
      this.controls.view("handshakes");
    } else {
      this.wanted = null;
      this.closeRow();
    }
  }

  _reveal(row) {
    if (row.n <= this.clearedTo) this.undoClear();
    this.draw();
    this.diagram.select(row);
    if (this.details.row !== row) this.openRow(row, false);
  }

  // Verdicts come after their rows: an open row may have got its attempt.
  _judged() {
    const { row } = this.details;
    if (row?.attempt && row.attempt !== this.marked) this._mark(row.attempt);
    if (this.wanted && this.left === 0) this._arrived();
    this.drawSoon();
  }

  // All entries are there: what is still missing will not come.
  _arrived() {
    this._seek();
    if (!this.wanted) return;
    const { game, row, attempt } = this.wanted;
    const isHere = this.chosen && (this.chosen.isAll || this.chosen.id === game);
    // The emulator tells the attempts of a game after its entries.
    if (isHere && row === null && this.verdicts.of(this.chosen).length === 0) return;
    const part = row !== null ? `row ${row}` : `attempt ${attempt}`;
    this.wanted = null;
    this.isFollowing = !isHere;
    this.notice(isHere ? `The emulator does not have ${part} of this address any more.` : `The emulator has no game “${game}”: the page follows the newest one.`);
    this._tellAddress();
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
    this._seek();
    if (this.isFollowing) this._chooseNewest();
    const game = this.chosen;
    if (game?.isAll) game.refresh();
    const version = game ? game.version : -2;
    const isSlow = game?.isAll && game.rows.length > LONG && this.controls.isSearching;
    if (version !== this.drawn && !(isSlow && this.drawn !== -1 && performance.now() - this.drawnAt < SEARCH_MS)) {
      this.drawn = version;
      this.drawnAt = performance.now();
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
    const settled = this.cards.show(game, this._attemptsOf(game));
    byId("cards").classList.toggle("all", game?.isAll === true);
    this._drawMark();
    this._tellAddress();
    const failed = this.sidebar.show(this._newestFirst(), game, (each) => this._tally(each), this.controls.hidesEmpty);
    this.faults.draw();
    this.controls.following(this.isFollowing, this.clearedTo >= 0);
    this._drawTitles(game, failed);
    // Announce only verdicts that become final while the game is shown.
    if (settled.length > 0 && !isNew) this.announce(settled[0].headline);
  }

  _drawTitles(game, failed) {
    const name = !game ? "" : game.isAll ? "all games" : game.id === "" ? "no game" : shown(game.id);
    for (const id of ["diagram-game", "handshakes-game"]) setText(byId(id), name);
    const title = [failed > 0 ? `(${failed} failed)` : "", name && `${name} ·`, "poker-signal inspector"].filter(Boolean).join(" ");
    if (document.title !== title) document.title = title;
  }

  _drawDiagram(game) {
    this.controls.offerProbe((game?.rows ?? []).some((row) => row.kind === "probe"));
    const all = (game?.rows ?? []).filter((row) => this._isShown(row));
    const passes = filterOf(this.controls.filter());
    const gameOf = (row) => (game.isAll ? game.gameOf(row) : game);
    const rows = passes ? all.filter((row) => passes(row, gameOf(row))) : all;
    this.diagram.show(game, rows, passes !== null);
    this.controls.offer(game);
    const hidden = all.length - rows.length;
    setText(byId("count"), hidden > 0 ? `${rows.length} of ${many(all.length, "event")}` : many(all.length, "event"));
    byId("search-all").hidden = !this.controls.isSearching || game?.isAll === true || this.analysis.games.size < 2;
    this._drawEmpty(all.length, rows.length);
  }

  _drawEmpty(total, left) {
    const empty = byId("empty");
    empty.hidden = left > 0;
    if (left > 0) return;
    const url = this.about.url;
    const isCleared = total === 0 && this.clearedTo >= 0;
    const lines =
      total > 0
        ? [h("b", {}, "No event passes the filter.")]
        : isCleared
          ? [h("b", {}, "Cleared"), h("p", {}, "Events from before are hidden; “Undo” shows them again.")]
          : [
              h("b", {}, "No traffic yet"),
              h("p", {}, url ? "Connect a client to" : "Waiting for the emulator. You can also drop a recording here."),
              url ? h("code", {}, `${url}?playerId=HOST&gameId=AAAAAA`) : null,
              url ? h("p", {}, "or ", h("a", { href: "play", target: "play" }, "open test players"), " in this browser: a host and three players.") : null,
            ];
    const text = lines.filter(Boolean).map((each) => each.textContent).join("");
    if (empty.textContent !== text) empty.replaceChildren(...lines.filter(Boolean));
  }

  // Games with events that are not cleared; the game whose handshake began last is the first.
  _newestFirst() {
    const games = [...this.analysis.games.values()].filter((game) => (game.rows.at(-1)?.n ?? Infinity) > this.clearedTo);
    const news = new Map(games.map((game) => [game, newsOf(game)]));
    return games.sort((one, other) => news.get(other) - news.get(one) || other.firstSeen - one.firstSeen);
  }

  _chooseNewest() {
    const [newest = null] = this._newestFirst();
    if (newest === null || newest === this.chosen) return;
    this.chosen = newest;
    this.verdicts.soon();
    this.marked = null;
    this.drawn = -1;
  }

  // A ghost's socket is gone without a $disconnect: only the list of open connections tells it.
  _compare(ids, askedAt) {
    if (this.source !== "live" || this.paused || this.left > 0) return;
    const changed = this.analysis.compare(ids, askedAt + this.clockAhead - YOUNG_MS);
    if (changed) this._redraw();
  }

  _attemptsOf(game) {
    return this.verdicts.of(game).filter((attempt) => this._isCurrent(attempt));
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

// Time of a game's newest handshake. Entries without a game are news only if one was refused.
function newsOf(game) {
  const began = game.newestAt ?? 0;
  return game.id === "" ? began : Math.max(began, game.rows[0]?.at ?? 0);
}

export const inspector = new Inspector();
inspector.start();
