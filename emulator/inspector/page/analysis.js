// The analysis: entries of a trace in, games, rows, attempts and verdicts out.
//
// Pure, without the DOM: tests and other tools can import it.

import { Timeline } from "./timeline.js";
import { judge } from "./verdict.js";

export { CLIENT, HOST } from "./handshake.js";

export class Analysis {
  /** `ended`: true if the entries are a recording, which ends with its last entry. */
  constructor({ ended = false } = {}) {
    this.ended = ended;
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

  /** Judge an attempt at a time, by default that of the last entry. */
  verdict(attempt, now = this.lastAt) {
    const world = { now, ended: this.ended, games: this.games, game: attempt.game };
    return judge(attempt, world);
  }
}

/** Return the analysis of a list of entries. */
export function analyse(entries, options) {
  const analysis = new Analysis(options);
  for (const entry of entries) analysis.add(entry);
  return analysis;
}

/** Return all verdicts of a trace, for tests and scripts. */
export function verdicts(entries, options = {}) {
  const analysis = analyse(entries, options);
  return [...analysis.games.values()].flatMap((game) =>
    game.attempts.all.map((attempt) => ({
      game: game.id,
      host: attempt.host,
      player: attempt.player,
      number: attempt.number,
      ...analysis.verdict(attempt, options.now),
    })),
  );
}
