// Draws the sequence diagram. Only visible rows are in the document.

import { specsOf } from "./badges.js";
import { byId, h, shown } from "./dom.js";
import { HOST } from "./handshake.js";
import { Heights, isMinor } from "./heights.js";
import { previewOf } from "./previews.js";
import { bytes, clock, delta, resultOf, saidOf } from "./words.js";

/** Rows per step of scrolling; as many are drawn beyond the visible ones. */
const STEP = 4;
/** Pixels of a view below which outcomes stand below the arrows, not in a column. */
const NARROW = 640;
/** Pixels within which a view counts as scrolled to its end. */
const END = 34;

export class Diagram {
  /** `onselect(row)` is called when a row is opened, `ongame(game)` for the game of a row. */
  constructor(onselect, ongame) {
    this._scroller = byId("scroller");
    this._lanes = byId("lanes");
    this._list = byId("rows");
    this._onselect = onselect;
    this._ongame = ongame;
    this._heights = new Heights();
    this._drawn = new Map();
    this._rows = [];
    this._isFiltered = false;
    this._game = null;
    this._active = null;
    this._laneKey = "";
    this._atEnd = true;
    this._scroller.addEventListener("scroll", () => this._scrolled(), { passive: true });
    this._list.addEventListener("keydown", (event) => this._key(event));
    this._list.addEventListener("click", (event) => this._click(event));
    new ResizeObserver(() => this._resized()).observe(this._scroller);
  }

  /** Show rows of a game or of all games; `isFiltered`: a filter has left some out. */
  show(game, rows, isFiltered) {
    if (game !== this._game) {
      this._game = game;
      this._active = null;
      this._atEnd = true;
      this._laneKey = "";
      this._clear();
    }
    this._rows = rows;
    this._isFiltered = isFiltered;
    this._drawLanes();
    this._fit();
    if (this._atEnd) this._scroller.scrollTop = this._scroller.scrollHeight;
    this._stale = true;
    this.draw();
  }

  /** Mark a row, and bring it into view. */
  select(row) {
    this._active = row;
    const place = this._placeOf(row);
    if (place !== undefined) this._reveal(place);
    this._stale = true;
    this.draw();
  }

  _placeOf(row) {
    if (!row || !this._game) return undefined;
    const place = this._placeAfter(this._orderOf(row));
    return this._rows[place] === row ? place : undefined;
  }

  _orderOf(row) {
    return this._game.isAll ? (this._game.placeOf(row) ?? -1) : row.index;
  }

  _fit() {
    this._heights.fit(this._rows);
    this._list.style.height = `${this._heights.total}px`;
  }

  focus() {
    this._list.focus({ preventScroll: true });
  }

  draw() {
    const { scrollTop, clientHeight } = this._scroller;
    const step = (place) => Math.floor(place / STEP) * STEP;
    const first = Math.max(0, step(this._heights.at(scrollTop)) - STEP);
    const last = Math.min(this._rows.length, step(this._heights.at(scrollTop + clientHeight)) + 2 * STEP);
    // Scrolling within one step changes nothing.
    if (!this._stale && first === this._first && last === this._last) return;
    [this._first, this._last] = [first, last];
    const activePlace = this._placeOf(this._active);
    this._drawRows(first, last, activePlace);
    this._drawSpans(first, last);
    this._stale = false;
    if (activePlace === undefined) this._list.removeAttribute("aria-activedescendant");
    else this._list.setAttribute("aria-activedescendant", `row-${activePlace}`);
  }

  _drawRows(first, last, activePlace) {
    const isWanted = (place) => (place >= first && place < last) || place === activePlace;
    for (const [place, element] of this._drawn) {
      if (!this._stale && isWanted(place)) continue;
      element.remove();
      this._drawn.delete(place);
    }
    const fresh = document.createDocumentFragment();
    const draw = (place) => {
      if (this._drawn.has(place)) return;
      const element = this._row(this._rows[place], place);
      this._drawn.set(place, element);
      fresh.append(element);
    };
    for (let place = first; place < last; place += 1) draw(place);
    // The row that aria-activedescendant names must be in the document.
    if (activePlace !== undefined) draw(activePlace);
    this._list.append(fresh);
  }

  // Lanes: HOST, the gateway, then the players in order of appearance.

  _drawLanes() {
    this._shownLanes = this._lanesOfRows();
    const names = this._shownLanes.map((lane) => lane.name);
    this._at = new Map([[null, 1]]);
    names.forEach((name, index) => this._at.set(name, index === 0 ? 0 : index + 1));
    // Among all games, players share a lane, whatever their names are.
    if (this._game?.isAll) this._at.delete("players");
    this._laneCount = names.length + 1;
    const open = this._shownLanes.map((lane) => lane.open.size);
    const key = JSON.stringify([names, open, this._game?.wasHere(HOST), this._game?.isAll]);
    if (key === this._laneKey) return;
    this._laneKey = key;
    const heads = this._shownLanes.map((lane) => this._head(lane));
    heads.splice(1, 0, h("div", { class: "lane gateway" }, h("b", {}, "gateway")));
    this._lanes.replaceChildren(h("div", { class: "gutter" }, "time"), ...heads, h("div", { class: "tail" }));
    this._measure();
    this._stale = true;
  }

  // Names without a lane are drawn at the gateway; among all games, players have one lane.
  _columnOf(name) {
    return this._at.get(name) ?? (this._game?.isAll ? 2 : 1);
  }

  // Many lanes are wider than a screen: with a filter, show only the lanes of its rows.
  _lanesOfRows() {
    const all = this._game?.lanes ?? [];
    if (!this._isFiltered || this._rows.length === 0 || this._game.isAll) return all;
    const names = new Set([HOST, ...this._rows.flatMap((row) => [row.from, row.to])]);
    return all.filter((lane) => names.has(lane.name));
  }

  _head(lane) {
    if (this._game.isAll) return h("div", { class: "lane" }, h("b", {}, lane.name));
    const count = lane.open.size;
    const state = count > 0 ? "open" : "closed";
    const never = lane.name === HOST && !this._game.wasHere(HOST);
    const hint = never ? "not here" : count === 0 ? "gone" : count > 1 ? `×${count}` : "";
    return h(
      "div",
      { class: `lane ${state}`, title: shown(lane.name) },
      h("b", {}, shown(lane.name), hint ? h("small", {}, ` ${hint}`) : null),
    );
  }

  // Draw only the visible part: a dashed line of a million pixels is slow.
  _drawSpans(first, last) {
    for (const line of this._lines ?? []) line.remove();
    this._lines = [];
    if (!this._game) return;
    // Below the last row, lanes continue to the end of the view.
    const below = Math.max(0, this._list.clientHeight - this._heights.total) / END;
    const floor = last < this._rows.length ? last : last + Math.ceil(below);
    const add = (column, from, to, kind) => {
      const [top, end] = [Math.max(from, first), Math.min(to, floor)];
      if (end > top) this._lines.push(this._line(column, top, end, kind));
    };
    add(1, first, floor, "gateway");
    for (const lane of this._shownLanes) {
      const column = this._at.get(lane.name);
      add(column, first, floor, this._game.isAll ? "gateway" : "absent");
      for (const span of this._visibleSpans(lane, first, last)) add(column, span.from, span.to, "present");
    }
    this._list.prepend(...this._lines);
  }

  // A player may connect ten thousand times: draw only the visible spans.
  _visibleSpans(lane, first, last) {
    if (this._rows.length === 0) return [];
    if (this._game.isAll) return [];
    const from = this._rows[Math.min(first, this._rows.length - 1)].index;
    const to = this._rows[Math.min(last, this._rows.length) - 1]?.index ?? from;
    const spans = lane.spans.filter((span) => span.from <= to && (span.to === null || span.to >= from));
    return spans.map((span) => ({
      from: this._placeAfter(span.from) - 0.3,
      to: span.to === null ? Infinity : this._placeAfter(span.to) + 0.7,
    }));
  }

  _placeAfter(index) {
    let [low, high] = [0, this._rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._orderOf(this._rows[middle]) < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  _line(column, from, to, kind) {
    const line = h("div", { class: `line ${kind}`, role: "presentation" });
    line.style.setProperty("--at", column);
    const top = this._heights.top(from);
    line.style.top = `${top}px`;
    line.style.height = `${this._heights.top(to) - top}px`;
    return line;
  }

  // One row.

  _row(row, place) {
    const game = this._game.isAll ? this._game.gameOf(row) : null;
    const element = h(
      "div",
      {
        id: `row-${place}`,
        class: `row ${row.outcome} kind-${row.kind} ${typeClass(row.type)}`,
        role: "option",
        "aria-selected": row === this._active ? "true" : "false",
        "aria-setsize": this._rows.length,
        "aria-posinset": place + 1,
        "aria-label": describe(row, game),
        "data-place": place,
      },
      h("span", { class: "time" }, clock(row.at), row.delta === null ? null : h("i", {}, delta(row.delta))),
      ...this._arrow(row, game),
      this._result(row),
    );
    element.style.top = `${this._heights.top(place)}px`;
    element.style.height = `${this._heights.of(place)}px`;
    this._place(element, row);
    return element;
  }

  // A label is centred above its arrow, as far as it fits between the diagram's edges, or stands
  // beside its pin, where there is more room. In a narrow view it has the whole line and is only
  // shifted to the side of its arrow.
  _place(element, row) {
    const [from, to] = this._columns(row);
    const at = (from + to) / 2;
    element.style.setProperty("--at", at);
    const middle = (this._laneCount - 1) / 2;
    element.style.setProperty("--align", at < middle ? "flex-start" : at > middle ? "flex-end" : "center");
    const { lane } = this._widths;
    const room = Math.min(Math.max(lengthOf(row), lane), lane * this._laneCount);
    const before = lane * (at + 0.5) - room / 2;
    element.style.setProperty("--room", `${room}px`);
    element.style.setProperty("--before", `${Math.max(before, 0)}px`);
    if (before < 0) element.classList.add("at-edge");
    if (from === to) {
      const isLeft = at > middle;
      element.classList.add(isLeft ? "pinned-left" : "pinned-right");
      element.style.setProperty("--beside", (isLeft ? at + 0.5 : this._laneCount - at - 0.5).toString());
    }
  }

  // A fault is no message: it is a pin on the lane of its connection.
  _columns(row) {
    const [from, to] = [row.from, row.to].map((name) => this._columnOf(name));
    return row.kind === "fault" ? [to, to] : [from, to];
  }

  _arrow(row, game) {
    const [from, to] = this._columns(row);
    const size = row.size === null || row.type === "ice-candidate" ? null : h("small", {}, `${bytes(row.size)} `);
    const names = row.kind === "fault" ? shown(row.to ?? "") : ends(row);
    const who = names ? h("span", { class: "who" }, ` ${names}`) : null;
    const remark = this._isNarrow && isMinor(row) ? resultOf(row) : "";
    const preview = [previewOf(row), remark].filter(Boolean).join(" · ");
    const label = h(
      "span",
      { class: "label" },
      game ? h("span", { class: "game", title: "Show this game" }, game.id === "" ? "no game" : shown(game.id)) : null,
      h("span", { class: "what" }, shown(row.type)),
      who,
      size || preview ? h("span", { class: "preview", title: shown(preview) || null }, size, shown(preview)) : null,
    );
    if (from === to) {
      const pin = h("span", { class: "pin", role: "presentation" });
      return [pin, label];
    }
    const arrow = h("span", { class: `arrow ${from < to ? "right" : "left"}`, role: "presentation" });
    arrow.style.setProperty("--from", Math.min(from, to));
    arrow.style.setProperty("--span", Math.abs(to - from));
    return [arrow, label];
  }

  _result(row) {
    if (this._isNarrow && isMinor(row)) return null;
    const text = resultOf(row);
    const badges = specsOf(row).map((spec) => h("span", { class: "struck" }, `⚡ ${shown(spec)}`));
    return text || badges.length > 0 ? h("span", { class: "note" }, text ? h("span", {}, shown(text)) : null, ...badges) : null;
  }

  // Navigation.

  _key(event) {
    const steps = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity };
    if (event.key === "Enter" || event.key === " ") {
      if (this._active) this._onselect(this._active);
    } else if (event.key in steps && !event.ctrlKey && !event.metaKey && !event.altKey) {
      this._move(steps[event.key]);
    } else {
      return;
    }
    event.preventDefault();
  }

  _move(step) {
    if (this._rows.length === 0) return;
    const place = this._placeOf(this._active) ?? -1;
    const next = Math.min(Math.max(place + step, 0), this._rows.length - 1);
    this.select(this._rows[next]);
    this._revealSideways(this._rows[next]);
  }

  _reveal(place) {
    const head = this._lanes.offsetHeight;
    const top = this._heights.top(place);
    const view = this._scroller;
    if (top < view.scrollTop) view.scrollTop = top;
    const bottom = top + this._heights.of(place) + head;
    if (bottom > view.scrollTop + view.clientHeight) view.scrollTop = bottom - view.clientHeight;
  }

  // Scroll to the whole arrow, or if it does not fit, to its head.
  _revealSideways(row) {
    const { gutter, tail, lane } = this._widths;
    const view = this._scroller;
    const room = view.clientWidth - gutter - tail;
    const [from, to] = this._columns(row);
    const isWhole = (Math.abs(to - from) + 1) * lane <= room;
    const [first, last] = isWhole ? [Math.min(from, to), Math.max(from, to)] : [to, to];
    const [left, right] = [first * lane, (last + 1) * lane];
    if (left < view.scrollLeft) view.scrollLeft = left;
    else if (right > view.scrollLeft + room) view.scrollLeft = right - room;
  }

  _click(event) {
    const place = event.target.closest(".row")?.dataset.place;
    if (place === undefined) return;
    const row = this._rows[Number(place)];
    if (event.target.closest(".game")) {
      this._ongame(this._game.gameOf(row), row);
      return;
    }
    this.select(row);
    this._onselect(row);
  }

  _scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this._scroller;
    this._atEnd = scrollTop + clientHeight > scrollHeight - END;
    this.draw();
  }

  // Set widths in pixels, once: CSS would evaluate a formula for every part of every row.
  _measure() {
    const isNarrow = this._scroller.clientWidth < NARROW;
    this._isNarrow = isNarrow;
    this._scroller.classList.toggle("narrow", isNarrow);
    const style = getComputedStyle(this._scroller);
    const [gutter, least] = ["--gutter", "--least"].map((name) => parseFloat(style.getPropertyValue(name)));
    const space = this._scroller.clientWidth - gutter;
    const tail = isNarrow ? 8 : Math.round(Math.min(Math.max(space * 0.27, 150), 280));
    const count = this._laneCount ?? 2;
    const free = Math.floor((space - tail) / count);
    const lane = Math.max(least, free);
    this._widths = { gutter, tail, lane };
    this._scroller.style.setProperty("--lane", `${lane}px`);
    this._scroller.style.setProperty("--tail", `${tail}px`);
    this._scroller.style.setProperty("--below", `${space - 8}px`);
    this._scroller.style.setProperty("--width", `${gutter + tail + lane * count}px`);
    // If the lanes do not fit into the view, the labels show sender and target.
    this._scroller.classList.toggle("wide", free < least || this._game?.isAll === true);
    this._heights.measure(`11.5px ${style.getPropertyValue("--sans")}`, isNarrow ? space - 24 : tail - 16, isNarrow);
  }

  _resized() {
    // A hidden view has no width; it is measured when it is shown.
    if (this._scroller.clientWidth === 0) return;
    const active = this._placeOf(this._active);
    const wasDrawn = active >= this._first && active < this._last;
    this._measure();
    this._fit();
    this._stale = true;
    if (this._atEnd) this._scroller.scrollTop = this._scroller.scrollHeight;
    // The details take their room from the diagram: the row that they show stays in view.
    if (wasDrawn) this._reveal(active);
    this.draw();
  }

  _clear() {
    for (const element of this._drawn.values()) element.remove();
    this._drawn.clear();
    this._scroller.scrollTop = 0;
  }
}

// Pixels that a label needs, roughly, and rather too many.
function lengthOf(row) {
  return 24 + row.type.length * 8 + (ends(row).length + previewOf(row).length + 7) * 6;
}

function ends({ from, to }) {
  if (from === to) return from === null ? "" : shown(from);
  return `${shown(from ?? "gateway")} → ${shown(to ?? "gateway")}`;
}

/** Describe a row in one sentence, for screen readers; with its game among all games. */
export function describe(row, game = null) {
  const at = row.kind === "fault" ? row.to : row.from;
  const who =
    row.from === row.to || row.kind === "fault"
      ? `at ${at === null ? "the gateway" : shown(at)}`
      : `from ${shown(row.from ?? "gateway")} to ${shown(row.to ?? "gateway")}`;
  const parts = [clock(row.at), `${shown(row.type)} ${who}`, shown(saidOf(row)), ...specsOf(row).map((spec) => `fault ${shown(spec)}`)];
  if (game !== null) parts.push(game.id === "" ? "no game" : `game ${shown(game.id)}`);
  parts.push(shown(previewOf(row)));
  if (row.delta !== null) parts.push(`${delta(row.delta)} after the one before`);
  if (row.size !== null) parts.push(bytes(row.size));
  return parts.filter(Boolean).join(", ");
}

const typeClass = (type) => `type-${/^[a-z-]{1,20}$/.test(type) ? type : "other"}`;
