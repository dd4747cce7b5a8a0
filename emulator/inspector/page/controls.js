// The controls: header, filter, files and keys.

import { byId, copy, h, setText, shown } from "./dom.js";
import { familyOf, parseSearch } from "./filter.js";
import { showKeys } from "./dialogs.js";

const THEMES = { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" };

export class Controls {
  constructor(inspector) {
    this._inspector = inspector;
    this._attempt = null;
    this._offered = "";
    this._search = { text: "", test: null, games: false, error: "" };
    this._header();
    this._sidebar();
    this._filters();
    this._files();
    document.addEventListener("keydown", (event) => this._key(event));
    for (const button of document.querySelectorAll(".views button")) {
      button.addEventListener("click", () => {
        inspector.closeRow();
        this.view(button.dataset.to);
      });
    }
  }

  // The header.

  _header() {
    byId("pause").addEventListener("click", () => this._inspector.setPaused(!this._inspector.paused));
    byId("live").addEventListener("click", () => this._inspector.backToLive());
    byId("save").addEventListener("click", (click) => {
      if (!["gone", "connecting"].includes(byId("status").dataset.state)) return;
      click.preventDefault();
      this._inspector.notice("The emulator does not answer. It is needed to save the recording.");
    });
    byId("help").addEventListener("click", showKeys);
    byId("theme").addEventListener("click", () => this._turnTheme());
    this._theme = stored("theme") in THEMES ? stored("theme") : "auto";
    this._drawTheme();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this._drawTheme());
  }

  // Games, and what can be copied.

  _sidebar() {
    const inspector = this._inspector;
    byId("follow").addEventListener("click", () => inspector.follow(!inspector.isFollowing));
    byId("probe-rows").addEventListener("click", ({ currentTarget }) => {
      currentTarget.setAttribute("aria-pressed", String(!this.showsProbe));
      inspector.showRows();
    });
    byId("clear-old").addEventListener("click", () => inspector.clearOld());
    byId("undo-clear").addEventListener("click", () => inspector.undoClear());
    byId("hide-empty").checked = stored("hide-empty") === "yes";
    byId("hide-empty").addEventListener("change", () => {
      store("hide-empty", byId("hide-empty").checked ? "yes" : "");
      inspector.drawSoon();
    });
    byId("copy-link").addEventListener("click", (click) => copy(inspector.link(), click.currentTarget));
    byId("copy-url").addEventListener("click", (click) => copy(inspector.about.url, click.currentTarget));
    byId("copy-line").addEventListener("click", (click) => copy(clientLine(inspector.about.url), click.currentTarget));
  }

  /** True unless reports of the probe are hidden, those of failures excepted. */
  get showsProbe() {
    return byId("probe-rows").getAttribute("aria-pressed") === "true";
  }

  /** Offer to hide the reports of the probe, if there are any. */
  offerProbe(hasReports) {
    byId("probe-rows").hidden = !hasReports;
  }

  get hidesEmpty() {
    return byId("hide-empty").checked;
  }

  /** Show whether the page follows the newest game, and whether events are hidden. */
  following(isFollowing, hasCleared) {
    byId("follow").setAttribute("aria-pressed", String(isFollowing));
    byId("undo-clear").hidden = !hasCleared;
  }

  /** Show the URL for clients; empty while there is none. */
  client(url) {
    byId("connect").hidden = !url;
    setText(byId("url"), url ?? "");
  }

  _turnTheme() {
    const names = Object.keys(THEMES);
    this._theme = names[(names.indexOf(this._theme) + 1) % names.length];
    store("theme", this._theme);
    this._drawTheme();
  }

  _drawTheme() {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = this._theme === "auto" ? (dark ? "dark" : "light") : this._theme;
    setText(byId("theme"), THEMES[this._theme]);
  }

  status(state, text) {
    const status = byId("status");
    status.dataset.state = state;
    status.title = text;
    setText(status, text);
    const isRecording = state === "recording";
    byId("live").hidden = !isRecording;
    byId("save").hidden = isRecording;
    byId("pause").hidden = isRecording;
    this.client(isRecording ? null : this._inspector.about.url);
  }

  paused(count) {
    const { paused, source } = this._inspector;
    byId("pause").setAttribute("aria-pressed", String(paused));
    setText(byId("pause"), paused ? (count > 0 ? `Resume (${count})` : "Resume") : "Pause");
    const state = byId("status").dataset.state;
    if (source === "live" && state !== "gone" && state !== "connecting") this._inspector.showStatus();
  }

  /** Show one of the three views; wide screens show all of them. */
  view(name) {
    document.body.dataset.view = name;
    for (const button of document.querySelectorAll(".views button")) {
      if (button.dataset.to === name) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    this._inspector.diagram?.draw();
  }

  // The filter.

  _filters() {
    const changed = () => {
      this._readSearch();
      this._inspector.drawn = -1;
      this._inspector.drawSoon();
      byId("clear").hidden = !this._isFiltering();
    };
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("filters").addEventListener("input", changed);
    byId("clear").addEventListener("click", () => this.clear());
    byId("search-all").addEventListener("click", () => this._inspector.chooseAll(true));
    this._changed = changed;
  }

  _readSearch() {
    const text = byId("search").value.trim();
    if (text === this._search.text) return;
    this._search = { text, ...parseSearch(text) };
    byId("search-error").hidden = this._search.error === "";
    setText(byId("search-error"), shown(this._search.error));
    byId("search").setAttribute("aria-invalid", String(this._search.error !== ""));
    // A term that names a game has no use within another one.
    if (this._search.games && !this._inspector.chosen?.isAll) this._inspector.chooseAll(true);
  }

  get isSearching() {
    return this._search.test !== null;
  }

  filter() {
    return {
      search: this._search.test,
      player: byId("by-player").value,
      type: byId("by-type").value,
      outcome: byId("by-outcome").value,
      attempt: this._attempt,
    };
  }

  _isFiltering() {
    return this._search.text !== "" || Object.values(this.filter()).some(Boolean);
  }

  /** The attempt to which the diagram is restricted, or null. */
  get attempt() {
    return this._attempt;
  }

  showOnly(attempt) {
    this.clear();
    this._attempt = attempt;
    this._changed();
    this.view("diagram");
  }

  clear(keepsSearch = false) {
    this._attempt = null;
    for (const id of ["by-player", "by-type", "by-outcome"]) byId(id).value = "";
    if (!keepsSearch) byId("search").value = "";
    this._changed();
  }

  /** Offer the players and types of a game. */
  offer(game) {
    const players = game && !game.isAll ? game.lanes.map((lane) => lane.name) : [];
    if (game && game.typesOf !== game.rows.length) {
      game.types ??= new Set();
      for (let at = game.typesOf ?? 0; at < game.rows.length; at += 1) game.types.add(familyOf(game.rows[at].type));
      game.typesOf = game.rows.length;
    }
    const types = game ? [...game.types].sort() : [];
    const key = JSON.stringify([players, types]);
    if (key === this._offered) return;
    this._offered = key;
    fill(byId("by-player"), players);
    fill(byId("by-type"), types);
  }

  // Files.

  _files() {
    const file = byId("file");
    byId("open").addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      if (file.files.length > 0) this._inspector.openRecording(file.files[0]);
      file.value = "";
    });
    const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    document.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) document.body.classList.remove("dropping");
    });
    document.addEventListener("drop", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      document.body.classList.remove("dropping");
      if (event.dataTransfer.files.length > 0) this._inspector.openRecording(event.dataTransfer.files[0]);
    });
  }

  // Keys.

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("dialog").open) return;
    const isTyping = event.target.closest("input, textarea, select");
    if (event.key === "Escape") {
      if (this._inspector.details.row) this._inspector.closeRow();
      else if (this._isFiltering()) this.clear();
      return;
    }
    if (isTyping) return;
    const act = {
      "/": () => byId("search").focus(),
      p: () => byId("pause").click(),
      d: () => this._inspector.diagram.focus(),
      f: () => byId("follow").click(),
      a: () => this._inspector.chooseAll(),
      c: () => this._inspector.clearOld(),
      "?": showKeys,
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

/** Return the line of a client's source that names the emulator. */
const clientLine = (url) => `const SIGNALING_URL = ${JSON.stringify(url)};`;

function fill(select, values) {
  const chosen = select.value;
  const all = select.options[0];
  select.replaceChildren(all, ...values.map((value) => h("option", { value }, shown(value))));
  select.value = values.includes(chosen) ? chosen : "";
}

// Storage may be disabled.
function stored(key) {
  try {
    return localStorage.getItem(`poker-signal-${key}`) ?? "";
  } catch {
    return "";
  }
}

function store(key, value) {
  try {
    localStorage.setItem(`poker-signal-${key}`, value);
  } catch {
    // Then the setting is lost when the page is closed.
  }
}
