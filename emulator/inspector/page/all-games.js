// The rows of all games, in the order of their entries, as one game for the diagram. Pure.

import { HOST } from "./handshake.js";

export class AllGames {
  constructor(analysis) {
    this._analysis = analysis;
    this._taken = new WeakMap();
    this._gameOf = new WeakMap();
    this._places = new WeakMap();
    this.isAll = true;
    this.id = null;
    this.rows = [];
    this.hasSignals = true;
    /** Three lanes: a lane for each player of each game would not fit. */
    this.lanes = [HOST, "players"].map((name) => ({ name, open: new Set(), spans: [] }));
  }

  get version() {
    return this._analysis.count;
  }

  get players() {
    return [];
  }

  wasHere() {
    return true;
  }

  gameOf(row) {
    return this._gameOf.get(row);
  }

  placeOf(row) {
    return this._places.get(row);
  }

  /** Take the rows that the games have got since the last call. */
  refresh() {
    const fresh = [];
    for (const game of this._analysis.games.values()) {
      for (let at = this._taken.get(game) ?? 0; at < game.added.length; at += 1) {
        this._gameOf.set(game.added[at], game);
        fresh.push(game.added[at]);
      }
      this._taken.set(game, game.added.length);
    }
    fresh.sort((one, other) => one.n - other.n);
    for (const row of fresh) {
      this._places.set(row, this.rows.length);
      this.rows.push(row);
    }
  }
}
