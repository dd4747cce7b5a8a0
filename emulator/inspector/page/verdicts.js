// Attempts and their verdicts, as the emulator judges them: asked for when entries have come, and
// once a second while a verdict may change by itself.
//
// An attempt is one object for its whole life: the members of the API, its game, and its rows.

import { call } from "./live.js";

/** Least time between two requests. */
const LEAST_MS = 200;
/** Interval of requests while an attempt waits. */
const AGAIN_MS = 1000;
/** Characters of a piece of a recording; the emulator takes 256 kB at once. */
const PIECE = 60_000;

export class Verdicts {
  /** `listener`: `{analysis(), run(), judged()}`; `judged` is called with each answer. */
  constructor(listener) {
    this._listener = listener;
    this._source = "handshakes";
    this._timer = null;
    this._due = 0;
    this._asked = 0;
    this._attempts = new Map();
    this._sending = null;
    this.client = "";
    // A hidden page does not ask once a second: what it missed comes when it is looked at again.
    document.addEventListener("visibilitychange", () => document.hidden || !this._source || this.soon());
  }

  /** Follow the running emulator, from its next answer on. */
  followLive() {
    this._reset("handshakes");
  }

  /** Send a recording to the emulator, and follow its verdicts there. */
  followRecording(entries) {
    this._reset("");
    const sending = (this._sending = {});
    return this._send(entries, sending).catch(() => {});
  }

  /** Forget the rows of the attempts: the page has built its analysis anew. */
  forgetRows() {
    for (const attempt of this._attempts.values()) Object.assign(attempt, { rows: [], _taken: 0 });
    this.soon();
  }

  /** Ask again, because entries have come or another game is shown. */
  soon(afterMs = 0) {
    const at = Math.max(performance.now() + afterMs, this._asked + LEAST_MS);
    if (this._timer !== null && this._due <= at) return;
    clearTimeout(this._timer);
    this._due = at;
    this._timer = setTimeout(() => this._ask(), Math.max(at - performance.now(), 0));
  }

  /** The attempts of a game, the oldest first. */
  of(game) {
    if (!game) return [];
    const all = [...this._attempts.values()];
    if (game.isAll) return all.sort((one, other) => one.startAt - other.startAt);
    return all.filter((each) => each.gameId === game.id);
  }

  _reset(source) {
    this._source = source;
    this._sending = null;
    this._attempts = new Map();
    clearTimeout(this._timer);
    this._timer = null;
    if (source) this.soon();
  }

  async _send(entries, sending) {
    const { id } = await call("POST", "recordings", {});
    for (const piece of pieces(entries)) {
      if (this._sending !== sending) return;
      await call("POST", `recordings/${id}/entries`, piece);
    }
    if (this._sending !== sending) return;
    this._source = `recordings/${id}/handshakes`;
    this._entries = entries;
    this.soon();
  }

  async _ask() {
    this._timer = null;
    const source = this._source;
    if (!source) return;
    this._asked = performance.now();
    const game = this._listener.game();
    const query = new URLSearchParams();
    if (game !== null) query.set("game", game);
    if (this.client) query.set("client", this.client);
    try {
      const answer = await call("GET", `${source}?${query}`);
      const isOfRun = source !== "handshakes" || answer.run === this._listener.run();
      if (source !== this._source || !isOfRun) return;
      this._take(answer);
      if (answer.changes && !document.hidden) this.soon(AGAIN_MS);
    } catch {
      // The emulator is gone, or keeps the recording no more. The next entries ask again.
      if (source === this._source && source !== "handshakes") this.followRecording(this._entries);
      else this.soon(AGAIN_MS);
    }
  }

  _take(answer) {
    const analysis = this._listener.analysis();
    for (const { gameId, states, startAt } of answer.games) {
      const game = analysis.games.get(gameId);
      if (game) Object.assign(game, { states, newestAt: startAt });
    }
    for (const told of answer.attempts) {
      const attempt = this._attempts.get(told.id) ?? { rows: [], _taken: 0 };
      Object.assign(attempt, told, { game: analysis.games.get(told.gameId) ?? null, now: answer.now });
      this._attempts.set(told.id, attempt);
      takeRows(attempt, analysis);
    }
    this._listener.judged();
  }
}

// Assign the rows of its entries to an attempt; entries that the page has not loaded yet come later.
function takeRows(attempt, analysis) {
  const { first, last } = analysis.span;
  for (; attempt._taken < attempt.entries.length; attempt._taken += 1) {
    const n = attempt.entries[attempt._taken];
    if (n > last) return;
    const row = n < first ? undefined : analysis.rowOf(n);
    if (!row || row.attempt === attempt) continue;
    const before = attempt.rows.at(-1);
    row.attempt = attempt;
    row.delta = before ? row.at - before.at : null;
    attempt.rows.push(row);
    if (attempt.game) attempt.game.version += 1;
  }
}

function* pieces(entries) {
  let lines = [];
  let size = 0;
  for (const entry of entries) {
    let line = JSON.stringify(entry);
    // A message of 128 KB may be too large as JSON: without its text it is still a message.
    if (line.length > PIECE) line = JSON.stringify({ ...entry, event: undefined, frame: undefined, body: undefined });
    if (size + line.length > PIECE) {
      yield lines.join("\n");
      [lines, size] = [[], 0];
    }
    lines.push(line);
    size += line.length;
  }
  if (lines.length > 0) yield lines.join("\n");
}
