// The analysis: entries of a trace in, games with the rows of their diagram out.
//
// Pure, without the DOM: tests can import it. Attempts and verdicts come from the emulator
// (verdicts.js), which judges recordings as well.

import { Timeline } from "./timeline.js";

export class Analysis {
  constructor() {
    this._timeline = new Timeline();
  }

  add(entry) {
    this._timeline.add(entry);
  }

  /** Add connections that were open before the first entry, in the format of the API. */
  seed(connections) {
    for (const connection of connections) this._timeline.seed(connection);
  }

  /** Close the connections opened before `at` that are not in `open`; return true if there are any. */
  compare(open, at) {
    const isGone = (each) => each.isOpen && (each.openedAt ?? each.connectAt) < at && !open.has(each.id);
    const gone = [...this.connections.values()].filter(isGone);
    for (const each of gone) this._timeline.gone(each);
    return gone.length > 0;
  }

  /** Return the connections that were open at a time, in the format of `seed`. */
  openAt(at) {
    const wasOpen = (each) => each.connectAt <= at && (each.isOpen || each.closed?.at > at);
    const open = [...this.connections.values()].filter(wasOpen);
    return open.map(({ id, player, game, connectAt }) => ({
      connectionId: id,
      playerId: player ?? undefined,
      gameId: game ?? undefined,
      connectedAt: connectAt,
    }));
  }

  /** Games by id; "" has the entries that belong to no game. */
  get games() {
    return this._timeline.games;
  }

  get connections() {
    return this._timeline.connections;
  }

  get lastAt() {
    return this._timeline.lastAt;
  }

  get count() {
    return this._timeline.count;
  }

  /** The row of an entry; undefined if it has none, or none yet. */
  rowOf(n) {
    return this._timeline.rowOf.get(n);
  }

  /** Number of the oldest and of the newest entry. */
  get span() {
    return this._timeline.span;
  }
}

/** Return the analysis of a list of entries. */
export function analyse(entries) {
  const analysis = new Analysis();
  for (const entry of entries) analysis.add(entry);
  return analysis;
}
