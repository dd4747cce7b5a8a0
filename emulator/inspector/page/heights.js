// Heights of the diagram's rows: a row is as high as its outcome needs, so that none is cut off.

import { resultOf } from "./words.js";
import { specsOf } from "./badges.js";

/** True if the label of a narrow view has room for the result, which is only a remark. */
export const isMinor = (row) => !row.faults?.length && (row.outcome === "info" || (row.kind === "post" && row.outcome === "ok"));

const LEAST = 34;
const LINE = 16;
/** Widths measured before they are forgotten: outcomes may hold texts of peers. */
const MAX_KNOWN = 5000;

export class Heights {
  constructor() {
    this._context = document.createElement("canvas").getContext("2d");
    this._tops = new Float64Array(1);
    this._known = new Map();
    this._words = new Map();
  }

  /** `room`: pixels of a line of an outcome; `isBelow`: outcomes stand below the arrow. */
  measure(font, room, isBelow) {
    const key = `${font} ${room} ${isBelow}`;
    if (key === this._key) return;
    this._key = key;
    this._context.font = font;
    [this._room, this._isBelow] = [Math.max(room, 60), isBelow];
    this._known.clear();
    this._words.clear();
  }

  fit(rows) {
    const tops = new Float64Array(rows.length + 1);
    for (let place = 0; place < rows.length; place += 1) tops[place + 1] = tops[place] + this._of(rows[place]);
    this._tops = tops;
  }

  get total() {
    return this._tops.at(-1);
  }

  /** The upper edge of a row, in pixels; a fraction is a part of the row. */
  top(place) {
    const last = this._tops.length - 1;
    if (place >= last) return this.total + (place - last) * LEAST;
    if (place <= 0) return 0;
    const whole = Math.floor(place);
    return this._tops[whole] + (place - whole) * (this._tops[whole + 1] - this._tops[whole]);
  }

  of(place) {
    return this._tops[place + 1] - this._tops[place];
  }

  /** The place of the row at a height in pixels. */
  at(y) {
    let [low, high] = [0, this._tops.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this._tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  _of(row) {
    const text = resultOf(row);
    if ((text === "" && !row.faults?.length) || (this._isBelow && isMinor(row))) return LEAST;
    const badges = specsOf(row);
    const lines = this._lines(text) + badges.reduce((sum, each) => sum + this._lines(`⚡ ${each} MM`), 0);
    return this._isBelow ? LEAST + LINE * lines : Math.max(LEAST, LINE * lines + 4);
  }

  // Lines of a text, wrapped at spaces, and within words that are wider than a line.
  _lines(text) {
    if (text === "") return 0;
    const known = this._known.get(text);
    if (known !== undefined) return known;
    const space = this._width(" ");
    let [lines, used] = [1, 0];
    for (const word of text.split(/\s+/)) {
      const width = this._width(word);
      if (used > 0 && used + space + width > this._room) {
        lines += 1;
        used = 0;
      }
      used += (used > 0 ? space : 0) + width;
      while (used > this._room) {
        lines += 1;
        used -= this._room;
      }
    }
    if (this._known.size >= MAX_KNOWN) this._known.clear();
    this._known.set(text, lines);
    return lines;
  }

  _width(word) {
    let width = this._words.get(word);
    if (width === undefined) {
      width = this._context.measureText(word).width * 1.02;
      if (this._words.size >= MAX_KNOWN) this._words.clear();
      this._words.set(word, width);
    }
    return width;
  }
}
