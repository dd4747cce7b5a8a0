// Converts entries of a trace to games, lanes and rows of a sequence diagram. Pure.
//
// A row has `from` and `to`: names of players, or null for the gateway. A relayed message is one
// arrow if there is no other row of its game between arrival and delivery, else two arrows, so
// that the diagram always shows the order.

import { Attempts, HOST } from "./handshake.js";
import { TAKERS, takeGap, takeUnknown, text } from "./takers.js";

export class Game {
  constructor(id) {
    this.id = id;
    /** Lanes in order of appearance; HOST is always the first, even if it never connects. */
    this.lanes = [{ name: HOST, open: new Set(), spans: [] }];
    this.rows = [];
    this.attempts = new Attempts(this);
    this.hosts = new Map();
    /** The last gap in the trace: `{at, dropped}`. */
    this.gap = null;
    /** True once a handshake message was sent; other handlers have protocols of their own. */
    this.hasSignals = false;
    /** True once a player's message was delivered to another player. */
    this.hasMesh = false;
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

  /** Connections that were HOST, and not closed, at a time. */
  hostsAt(at) {
    return [...this.hosts.values()].filter(
      (each) => each.connectAt <= at && (each.closed === null || each.closed.at > at),
    );
  }

  /** True if players connect to each other and there was no host. */
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
    /** The last gap in the trace, `{entry, at}`. */
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
      Object.assign(connection, { refused: null, closed: null, row: null, attempt: null, faults: [] });
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

  /** Add a row; `delta` is the time since the previous row of the same attempt. */
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
