// Draws the sequence diagram. Only visible rows are in the document.

import { byId, h, shown } from "./dom.js";
import { HOST } from "./handshake.js";
import { bytes, clock, delta, outcomeOf } from "./words.js";

const ROW_HEIGHT = 34;
/** Rows per step of scrolling; as many are drawn beyond the visible ones. */
const STEP = 4;

export class Diagram {
  /** `onselect(row)` is called when a row is opened. */
  constructor(onselect) {
    this._scroller = byId("scroller");
    this._lanes = byId("lanes");
    this._list = byId("rows");
    this._onselect = onselect;
    this._drawn = new Map();
    this._rows = [];
    this._places = null;
    this._game = null;
    this._active = null;
    this._laneKey = "";
    this._atEnd = true;
    this._scroller.addEventListener("scroll", () => this._scrolled(), { passive: true });
    this._list.addEventListener("keydown", (event) => this._key(event));
    this._list.addEventListener("click", (event) => this._click(event));
    new ResizeObserver(() => this._resized()).observe(this._scroller);
  }

  /** Show rows of a game: all of them, or those that pass the filter. */
  show(game, rows) {
    if (game !== this._game) {
      this._game = game;
      this._active = null;
      this._atEnd = true;
      this._clear();
    }
    this._rows = rows;
    // Without a filter, the place of a row is its index.
    this._places = rows === game?.rows ? null : new Map(rows.map((row, place) => [row.index, place]));
    this._drawLanes();
    this._list.style.height = `${rows.length * ROW_HEIGHT}px`;
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
    if (!row) return undefined;
    return this._places ? this._places.get(row.index) : row.index;
  }

  focus() {
    this._list.focus({ preventScroll: true });
  }

  draw() {
    const view = Math.floor(this._scroller.scrollTop / ROW_HEIGHT / STEP) * STEP;
    const first = Math.max(0, view - STEP);
    const count = Math.ceil(this._scroller.clientHeight / ROW_HEIGHT) + 3 * STEP;
    const last = Math.min(this._rows.length, first + count);
    // Scrolling within one step changes nothing.
    if (!this._stale && first === this._first && last === this._last) return;
    [this._first, this._last] = [first, last];
    const activePlace = this._placeOf(this._active);
    this._drawRows(first, last, activePlace);
    this._drawSpans(first, last);
    this._stale = false;
    if (activePlace === undefined) this._list.removeAttribute("aria-activedescendant");
    else this._list.setAttribute("aria-activedescendant", `row-${this._active.index}`);
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
    this._laneCount = names.length + 1;
    const open = this._shownLanes.map((lane) => lane.open.size);
    const key = JSON.stringify([names, open, this._game?.wasHere(HOST)]);
    if (key === this._laneKey) return;
    this._laneKey = key;
    const heads = this._shownLanes.map((lane) => this._head(lane));
    heads.splice(1, 0, h("div", { class: "lane gateway" }, h("b", {}, "gateway")));
    this._lanes.replaceChildren(h("div", { class: "gutter" }, "time"), ...heads, h("div", { class: "tail" }));
    this._measure();
    this._stale = true;
  }

  // Names without a lane are drawn at the gateway.
  _columnOf(name) {
    return this._at.get(name) ?? 1;
  }

  // Many lanes are wider than a screen: with a filter, show only the lanes of its rows.
  _lanesOfRows() {
    const all = this._game?.lanes ?? [];
    if (this._places === null || this._rows.length === 0) return all;
    const names = new Set([HOST, ...this._rows.flatMap((row) => [row.from, row.to])]);
    return all.filter((lane) => names.has(lane.name));
  }

  _head(lane) {
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
    const floor = last < this._rows.length ? last : Math.max(last, Math.ceil(this._list.clientHeight / ROW_HEIGHT));
    const add = (column, from, to, kind) => {
      const [top, end] = [Math.max(from, first), Math.min(to, floor)];
      if (end > top) this._lines.push(this._line(column, top, end, kind));
    };
    add(1, first, floor, "gateway");
    for (const lane of this._shownLanes) {
      const column = this._at.get(lane.name);
      add(column, first, floor, "absent");
      for (const span of this._visibleSpans(lane, first, last)) add(column, span.from, span.to, "present");
    }
    this._list.prepend(...this._lines);
  }

  // A player may connect ten thousand times: draw only the visible spans.
  _visibleSpans(lane, first, last) {
    if (this._rows.length === 0) return [];
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
      if (this._rows[middle].index < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  _line(column, from, to, kind) {
    const line = h("div", { class: `line ${kind}`, role: "presentation" });
    line.style.setProperty("--at", column);
    line.style.top = `${from * ROW_HEIGHT}px`;
    line.style.height = `${(to - from) * ROW_HEIGHT}px`;
    return line;
  }

  // One row.

  _row(row, place) {
    const element = h(
      "div",
      {
        id: `row-${row.index}`,
        class: `row ${row.outcome} kind-${row.kind} ${typeClass(row.type)}`,
        role: "option",
        "aria-selected": row === this._active ? "true" : "false",
        "aria-setsize": this._rows.length,
        "aria-posinset": place + 1,
        "aria-label": describe(row),
        "data-place": place,
      },
      h("span", { class: "time" }, clock(row.at), row.delta === null ? null : h("i", {}, delta(row.delta))),
      ...this._arrow(row),
      row.note ? h("span", { class: "note", title: shown(row.note) }, shown(row.note)) : null,
    );
    element.style.top = `${place * ROW_HEIGHT}px`;
    element.style.setProperty("--at", (this._columnOf(row.from) + this._columnOf(row.to)) / 2);
    return element;
  }

  _arrow(row) {
    const [from, to] = [row.from, row.to].map((name) => this._columnOf(name));
    const size = row.size === null ? null : h("small", {}, ` ${bytes(row.size)}`);
    const who = from === to ? null : h("small", { class: "who" }, ` ${ends(row)}`);
    const label = h("span", { class: "label" }, h("span", {}, shown(row.type), who, size));
    if (from === to) return [h("span", { class: "pin", role: "presentation" }), label];
    const arrow = h("span", { class: `arrow ${from < to ? "right" : "left"}`, role: "presentation" });
    arrow.style.setProperty("--from", Math.min(from, to));
    arrow.style.setProperty("--span", Math.abs(to - from));
    return [arrow, label];
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
    const top = place * ROW_HEIGHT;
    const view = this._scroller;
    if (top < view.scrollTop) view.scrollTop = top;
    const bottom = top + ROW_HEIGHT + head;
    if (bottom > view.scrollTop + view.clientHeight) view.scrollTop = bottom - view.clientHeight;
  }

  // Scroll to the whole arrow, or if it does not fit, to its head.
  _revealSideways(row) {
    const { gutter, tail, lane } = this._widths;
    const view = this._scroller;
    const room = view.clientWidth - gutter - tail;
    const [from, to] = [row.from, row.to].map((name) => this._columnOf(name));
    const isWhole = (Math.abs(to - from) + 1) * lane <= room;
    const [first, last] = isWhole ? [Math.min(from, to), Math.max(from, to)] : [to, to];
    const [left, right] = [first * lane, (last + 1) * lane];
    if (left < view.scrollLeft) view.scrollLeft = left;
    else if (right > view.scrollLeft + room) view.scrollLeft = right - room;
  }

  _click(event) {
    const place = event.target.closest(".row")?.dataset.place;
    if (place === undefined) return;
    this.select(this._rows[Number(place)]);
    this._onselect(this._active);
  }

  _scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this._scroller;
    this._atEnd = scrollTop + clientHeight > scrollHeight - ROW_HEIGHT;
    this.draw();
  }

  // Set widths in pixels, once: CSS would evaluate a formula for every part of every row.
  _measure() {
    const style = getComputedStyle(this._scroller);
    const [gutter, tail, least] = ["--gutter", "--tail", "--least"].map((name) => parseFloat(style.getPropertyValue(name)));
    const count = this._laneCount ?? 2;
    const free = Math.floor((this._scroller.clientWidth - gutter - tail) / count);
    const lane = Math.max(least, free);
    this._widths = { gutter, tail, lane };
    this._scroller.style.setProperty("--lane", `${lane}px`);
    this._scroller.style.setProperty("--width", `${gutter + tail + lane * count}px`);
    // If the lanes do not fit into the view, the labels show sender and target.
    this._scroller.classList.toggle("wide", free < least);
  }

  _resized() {
    this._measure();
    this._stale = true;
    if (this._atEnd) this._scroller.scrollTop = this._scroller.scrollHeight;
    this.draw();
  }

  _clear() {
    for (const element of this._drawn.values()) element.remove();
    this._drawn.clear();
    this._scroller.scrollTop = 0;
  }
}

const ends = (row) => `${shown(row.from ?? "gateway")} → ${shown(row.to ?? "gateway")}`;

/** Describe a row in one sentence, for screen readers. */
export function describe(row) {
  const who =
    row.from === row.to
      ? "at the gateway"
      : `from ${shown(row.from ?? "gateway")} to ${shown(row.to ?? "gateway")}`;
  const parts = [clock(row.at), `${shown(row.type)} ${who}`, outcomeOf(row), shown(row.note)];
  if (row.delta !== null) parts.push(`${delta(row.delta)} after the one before`);
  if (row.size !== null) parts.push(bytes(row.size));
  return parts.filter(Boolean).join(", ");
}

const typeClass = (type) => `type-${/^[a-z-]{1,20}$/.test(type) ? type : "other"}`;
