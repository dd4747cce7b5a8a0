// Entries of a trace to games, lanes and the rows of a sequence diagram. Pure.
//
// A row has `from` and `to`: names of players, or null for the gateway. A relayed message is
// one arrow where it was delivered before anything else happened in its game; otherwise two,
// so that the diagram never hides an order.

import { Attempts, HOST } from "./handshake.js";
import { TAKERS, takeGap, takeUnknown, text } from "./takers.js";

export class Game {
  constructor(id) {
    this.id = id;
    /** In order of appearance, HOST first whether it is there or not. */
    this.lanes = [{ name: HOST, open: new Set(), spans: [] }];
    this.rows = [];
    this.attempts = new Attempts(this);
    this.hosts = new Map();
    /** Where entries are missing, the last of it: `{at, dropped}`. */
    this.gap = null;
    /** Whether players here do what our protocol says; others' handlers have their own. */
    this.hasSignals = false;
    /** Whether players signal to each other. */
    this.hasMesh = false;
    /** Counts changes: whoever draws compares. */
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

  /** Connections that were HOST at a time. */
  hostsAt(at) {
    return [...this.hosts.values()].filter(
      (each) => each.connectAt <= at && (each.closed === null || each.closed.at > at),
    );
  }

  /** Whether players connect to each other, and to no host. */
  get isHostless() {
    return this.hasMesh && !this.wasHere(HOST);
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
    this._requests = new Map();
    /** Where entries are missing, the last of it. */
    this._gap = null;
  }

  /** Take the next entry of the trace. */
  add(entry) {
    if (!entry || typeof entry !== "object" || typeof entry.kind !== "string") return;
    this.count += 1;
    const at = Number.isFinite(entry.at) ? entry.at : this.lastAt;
    this.lastAt = Math.max(this.lastAt, at);
    if (entry.kind === "gap") {
      this._takeGap(entry, at);
      return;
    }
    const connection = this._connectionOf(entry, at);
    // A game that begins otherwise than with a connection has lost its beginning.
    const gap = entry.kind === "connect" ? null : this._gap;
    const game = this._gameOf(text(connection?.game ?? entry.gameId ?? ""), gap);
    game.lastAt = at;
    game.version += 1;
    const take = TAKERS[entry.kind] ?? takeUnknown;
    take(this, { entry, at, game, connection, player: connection?.name ?? null });
  }

  // Nobody knows whose entries they were: any game may lack some.
  _takeGap(entry, at) {
    this._gap = { entry, at };
    for (const game of this.games.values()) {
      takeGap(this, { entry, at, game, connection: null, player: null });
      game.version += 1;
    }
  }

  /** Take a connection of which no entry tells that it was opened. */
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
      Object.assign(connection, { refused: null, closed: null, row: null, attempt: null, faults: [] });
      this.connections.set(id, connection);
    }
    if (entry.playerId !== undefined) connection.player ??= text(entry.playerId);
    if (entry.gameId !== undefined) connection.game ??= text(entry.gameId);
    // Other people's handlers may ask for no playerId: the connection's id has to do.
    connection.name = connection.player ?? `#${id.slice(0, 6)}`;
    return connection;
  }

  /** Add a row, and tell how long after the previous one of its handshake it comes. */
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
      player: happening.player,
      connection,
      entries: [entry],
      ...more,
    };
    game.rows.push(row);
    if (row.attempt) {
      const before = row.attempt.rows.at(-1);
      row.delta = before ? at - before.at : null;
      row.attempt.rows.push(row);
      row.attempt.lastAt = at;
    }
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
    if (player === HOST) game.hosts.set(connection.id, connection);
  }

  close(game, connection) {
    connection.isOpen = false;
    const lane = game.lane(connection.name);
    if (!lane?.open.delete(connection.id) || lane.open.size > 0) return;
    const span = lane.spans.at(-1);
    if (span) span.to = game.rows.length - 1;
  }
}
