// Converts entries of a trace to games, lanes and rows of a sequence diagram. Pure.
//
// A row has `from` and `to`: names of players, or null for the gateway. A relayed message is one
// arrow if there is no other row of its game between arrival and delivery, else two arrows, so
// that the diagram always shows the order.

import { HOST } from "./handshake.js";
import { TAKERS, takeGap, takeUnknown, text } from "./takers.js";

export class Game {
  constructor(id) {
    this.id = id;
    /** Lanes in order of appearance; HOST is always the first, even if it never connects. */
    this.lanes = [{ name: HOST, open: new Set(), spans: [] }];
    this.rows = [];
    /** The rows in the order of their entries. */
    this.added = [];
    /** True once a handshake message was sent; other handlers have protocols of their own. */
    this.hasSignals = false;
    /** Number of attempts by state, as the emulator judges them. */
    this.states = {};
    /** Number of changes; views compare it to find out if they are up to date. */
    this.version = 0;
    this.lastAt = 0;
    this._lanes = new Map([[HOST, this.lanes[0]]]);
    this._lastSentBy = new Map();
    this._pending = new Map();
  }

  lane(name) {
    let lane = this._lanes.get(name);
    if (!lane) {
      lane = { name, open: new Set(), spans: [] };
      this._lanes.set(name, lane);
      this.lanes.push(lane);
    }
    return lane;
  }

  get players() {
    return this.lanes.filter((lane) => lane.open.size > 0).map((lane) => lane.name);
  }

  wasHere(name) {
    return this._lanes.has(name) && (name !== HOST || this.lanes[0].spans.length > 0);
  }
}

export class Timeline {
  constructor() {
    this.games = new Map();
    this.connections = new Map();
    this.lastAt = 0;
    this.count = 0;
    /** Rows by the numbers of their entries. */
    this.rowOf = new Map();
    this.span = { first: Infinity, last: -1 };
    this._requests = new Map();
    /** The last gap in the trace, `{entry, at}`. */
    this._gap = null;
  }

  /** Take the next entry of the trace. */
  add(entry) {
    if (!entry || typeof entry !== "object" || typeof entry.kind !== "string") return;
    this.count += 1;
    if (Number.isFinite(entry.n)) {
      this.span.first = Math.min(this.span.first, entry.n);
      this.span.last = Math.max(this.span.last, entry.n);
    }
    const at = Number.isFinite(entry.at) ? entry.at : this.lastAt;
    this.lastAt = Math.max(this.lastAt, at);
    if (entry.kind === "gap") {
      this._takeGap(entry, at);
      return;
    }
    const connection = this._connectionOf(entry, at);
    // If the first entry of a game is not a connect, the gap may have held earlier ones.
    const gap = entry.kind === "connect" ? null : this._gap;
    const game = this._gameOf(text(connection?.game ?? entry.gameId ?? ""), gap);
    game.lastAt = at;
    game.version += 1;
    const take = TAKERS[entry.kind] ?? takeUnknown;
    take(this, { entry, at, game, connection, player: connection?.name ?? null });
  }

  // The missing entries may belong to any game.
  _takeGap(entry, at) {
    this._gap = { entry, at };
    for (const game of this.games.values()) {
      takeGap(this, { entry, at, game, connection: null, player: null });
      game.version += 1;
    }
  }

  /** Add a connection whose opening is in no entry. */
  seed({ connectedAt, ...whose }) {
    const connection = this._connectionOf(whose, connectedAt);
    connection.openedAt = connectedAt;
    const game = this._gameOf(text(connection.game ?? ""), null);
    game.version += 1;
    this.open({ game, player: connection.name, connection });
  }

  _gameOf(id, gap) {
    let game = this.games.get(id);
    if (!game) {
      game = new Game(id);
      game.firstSeen = this.games.size;
      this.games.set(id, game);
      if (gap) takeGap(this, { ...gap, game, connection: null, player: null });
    }
    return game;
  }

  _connectionOf(entry, at) {
    const id = entry.connectionId;
    if (typeof id !== "string") return null;
    let connection = this.connections.get(id);
    if (!connection) {
      connection = { id, player: null, game: null, connectAt: at, openedAt: null, isOpen: false };
      Object.assign(connection, { refused: null, closed: null, row: null });
      this.connections.set(id, connection);
    }
    if (entry.playerId !== undefined) connection.player ??= text(entry.playerId);
    if (entry.gameId !== undefined) connection.game ??= text(entry.gameId);
    // A refused client may have put its game into another parameter of the URL, or no player.
    const query = entry.kind === "connect" ? entry.event?.queryStringParameters : null;
    for (const [key, value] of Object.entries(query ?? {})) {
      if (/^player(_?id|_?name)?$/i.test(key)) connection.player ??= text(value);
      if (/^game(_?id)?$/i.test(key)) connection.game ??= text(value);
    }
    // Other handlers may not require a playerId: use the connection id.
    connection.name = connection.player ?? `#${id.slice(0, 6)}`;
    return connection;
  }

  /** Add another entry to a row. */
  addTo(row, entry) {
    row.entries.push(entry);
    this.rowOf.set(entry.n, row);
  }

  /**
   * Add a row; `attempt`, and `delta`, the time since its previous row, come with the verdicts.
   *
   * Reports of the probe come a little late: their rows go to their place in time.
   */
  row(happening, more) {
    const { entry, at, game, connection } = happening;
    const row = {
      index: game.rows.length,
      n: entry.n,
      at,
      kind: entry.kind,
      from: null,
      to: null,
      type: entry.kind,
      size: typeof entry.size === "number" ? entry.size : null,
      outcome: "info",
      note: "",
      attempt: null,
      delta: null,
      deliveredAt: null,
      relay: false,
      faults: [],
      player: happening.player,
      connection,
      entries: [entry],
      ...more,
    };
    this.rowOf.set(entry.n, row);
    let place = game.rows.length;
    while (entry.kind === "probe" && place > 0 && game.rows[place - 1].at > at) place -= 1;
    game.rows.splice(place, 0, row);
    game.added.push(row);
    for (let index = place; index < game.rows.length; index += 1) game.rows[index].index = index;
    return row;
  }

  open(happening) {
    const { game, player, connection } = happening;
    if (player === null) return;
    const lane = game.lane(player);
    if (lane.open.has(connection.id)) return;
    lane.open.add(connection.id);
    connection.isOpen = true;
    if (lane.open.size === 1) lane.spans.push({ from: game.rows.length, to: null });
  }

  /** Close a connection whose end has no entry. */
  gone(connection) {
    const game = this._gameOf(text(connection.game ?? ""), null);
    this.close(game, connection);
    game.version += 1;
  }

  close(game, connection) {
    connection.isOpen = false;
    const lane = game.lane(connection.name);
    if (!lane?.open.delete(connection.id) || lane.open.size > 0) return;
    const span = lane.spans.at(-1);
    if (span) span.to = game.rows.length - 1;
  }
}
