// Entries of a trace to games, lanes and the rows of a sequence diagram. Pure.
//
// A row has `from` and `to`: names of players, or null for the gateway. A relayed message is
// one arrow where it was delivered before anything else happened in its game; otherwise two,
// so that the diagram never hides an order.

import { Attempts, HOST, isSignal, readJson } from "./handshake.js";

const NORMAL_CLOSES = new Set([1000, 1001, 1005]);

export class Game {
  constructor(id) {
    this.id = id;
    /** In order of appearance, HOST first whether it is there or not. */
    this.lanes = [{ name: HOST, open: new Set(), spans: [] }];
    this.rows = [];
    this.attempts = new Attempts(this);
    this.hosts = new Map();
    /** Whether players here do what our protocol says; others' handlers have their own. */
    this.hasSignals = false;
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
  }

  /** Take the next entry of the trace. */
  add(entry) {
    if (!entry || typeof entry !== "object" || typeof entry.kind !== "string") return;
    this.count += 1;
    const at = Number.isFinite(entry.at) ? entry.at : this.lastAt;
    this.lastAt = Math.max(this.lastAt, at);
    const connection = this._connectionOf(entry, at);
    const game = this._gameOf(text(connection?.game ?? entry.gameId ?? ""));
    game.lastAt = at;
    game.version += 1;
    const take = TAKERS[entry.kind] ?? takeUnknown;
    take(this, { entry, at, game, connection, player: connection?.name ?? null });
  }

  _gameOf(id) {
    let game = this.games.get(id);
    if (!game) {
      game = new Game(id);
      game.firstSeen = this.games.size;
      this.games.set(id, game);
    }
    return game;
  }

  _connectionOf(entry, at) {
    const id = entry.connectionId;
    if (typeof id !== "string") return null;
    let connection = this.connections.get(id);
    if (!connection) {
      connection = { id, player: null, game: null, connectAt: at, openedAt: null };
      Object.assign(connection, { refused: null, closed: null, row: null, attempt: null });
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
    if (lane.open.size === 1) lane.spans.push({ from: game.rows.length, to: null });
    if (player === HOST) game.hosts.set(connection.id, connection);
  }

  close(game, connection) {
    const lane = game.lane(connection.name);
    if (!lane?.open.delete(connection.id) || lane.open.size > 0) return;
    const span = lane.spans.at(-1);
    if (span) span.to = game.rows.length - 1;
  }
}

const TAKERS = {
  connect: takeConnect,
  authorizer: takeAuthorizer,
  opened: takeOpened,
  refused: takeRefused,
  message: takeMessage,
  unrouted: takeUnrouted,
  return: takeReturn,
  post: takePost,
  disconnect: takeDisconnect,
  management: takeManagement,
  fault: takeFault,
};

function takeConnect(timeline, happening) {
  const { game, connection, player, entry, at } = happening;
  if (!connection) return;
  connection.connectAt = at;
  if (connection.player !== null && player !== HOST) {
    connection.attempt = game.attempts.connected(player, connection, at);
  }
  if (player !== null) game.lane(player);
  connection.row = timeline.row(happening, {
    from: player,
    type: "connect",
    outcome: "pending",
    attempt: connection.attempt,
  });
  if (entry.requestId) timeline._requests.set(entry.requestId, connection.row);
}

function takeAuthorizer(timeline, happening) {
  const row = timeline.row(happening, { type: "authorizer", outcome: "pending" });
  if (happening.entry.requestId) timeline._requests.set(happening.entry.requestId, row);
}

function takeOpened(timeline, happening) {
  const { connection, entry, at } = happening;
  if (!connection) return;
  connection.openedAt = at;
  timeline.open(happening);
  if (connection.row) {
    connection.row.entries.push(entry);
    connection.row.outcome = "ok";
    connection.row.note = "";
  } else {
    connection.row = timeline.row(happening, { to: happening.player, type: "open", outcome: "ok" });
  }
}

function takeRefused(timeline, happening) {
  const { connection, entry, at, player } = happening;
  const status = Number(entry.status) || 0;
  const refused = { at, status, reason: text(entry.reason ?? "") };
  if (connection) {
    connection.refused = refused;
    if (connection.row) connection.row.outcome = "bad";
  }
  timeline.row(happening, {
    to: player,
    type: `refused ${status}`,
    outcome: "bad",
    note: refused.reason || `${text(entry.method ?? "")} ${text(entry.path ?? "")}`.trim(),
    attempt: connection?.attempt ?? null,
  });
}

function takeMessage(timeline, happening) {
  const { game, player, entry, at } = happening;
  timeline.open(happening);
  const body = readJson(entry.event?.body ?? entry.body);
  const type = text(entry.type ?? body?.type ?? "message");
  const target = type === "join" ? HOST : (entry.targetId ?? body?.targetId ?? null);
  const isHandshake = isSignal(type) && typeof target === "string" && player !== null;
  const attempt =
    isHandshake && target !== player
      ? game.attempts.forMessage(type, player, target, at, happening.connection?.attempt)
      : (happening.connection?.attempt ?? null);
  if (happening.connection && player !== HOST && target === HOST) {
    happening.connection.attempt = attempt;
  }
  const row = timeline.row(happening, {
    from: player,
    target: typeof target === "string" ? target : null,
    type,
    outcome: "pending",
    attempt,
  });
  if (isHandshake && target !== player) {
    game.hasSignals = true;
    row.step = attempt.take(row, player, target, body?.payload);
    const key = pendingKey(player, target, type);
    const waiting = game._pending.get(key) ?? [];
    waiting.push(row);
    game._pending.set(key, waiting);
  }
  game._lastSentBy.set(happening.connection?.id, row);
  if (entry.requestId) timeline._requests.set(entry.requestId, row);
  return row;
}

function takeUnrouted(timeline, happening) {
  const row = takeMessage(timeline, happening);
  row.outcome = "bad";
  row.note = text(happening.entry.why ?? "not routed");
  row.attempt?.unrouted.push({ at: row.at, why: row.note, about: row.type });
}

function takeReturn(timeline, happening) {
  const { entry, at } = happening;
  const row = timeline._requests.get(entry.requestId);
  if (!row) {
    if (entry.failure) failed(timeline, happening, null);
    return;
  }
  timeline._requests.delete(entry.requestId);
  row.entries.push(entry);
  row.ms = entry.ms;
  if (entry.failure) {
    failed(timeline, happening, row);
    return;
  }
  const status = entry.result?.statusCode;
  if (entry.outcome) {
    row.outcome = { refused: "bad", error: "bad", undelivered: "warn" }[entry.outcome] ?? "ok";
    row.note = [row.relay ? "" : text(entry.outcome), text(entry.code ?? "")].join(" ").trim();
  } else if (typeof status === "number" && status >= 400) {
    row.outcome = row.kind === "connect" ? "bad" : "warn";
    row.note = `returned ${status}`;
    if (row.kind === "message") row.attempt?.silent.push({ at, status, about: row.type });
  } else if (row.outcome === "pending") {
    row.outcome = row.kind === "connect" ? "pending" : "ok";
  }
}

function failed(timeline, happening, row) {
  const { entry, at } = happening;
  if (row) row.outcome = "bad";
  const attempt = row?.attempt ?? null;
  const about = row?.type ?? text(entry.of ?? "");
  const failure = text(entry.failure);
  attempt?.failures.push({ at, failure, error: text(entry.error ?? ""), about });
  timeline.row(happening, {
    type: `handler ${failure}`,
    outcome: "bad",
    note: text(entry.error ?? ""),
    attempt,
  });
}

function takePost(timeline, happening) {
  const { game, entry, at, player } = happening;
  const type = text(entry.type ?? "frame");
  const delivered = entry.delivered !== false;
  const sender = entry.senderId;
  if (typeof sender === "string") {
    const waiting = game._pending.get(pendingKey(sender, player, type));
    const message = waiting?.shift();
    if (waiting?.length === 0) game._pending.delete(pendingKey(sender, player, type));
    relayed(timeline, happening, message ?? null, type, delivered);
    return;
  }
  const last = game.rows.at(-1);
  if (type === "pong" && last?.type === "ping" && last.connection === happening.connection) {
    last.entries.push(entry);
    last.outcome = "ok";
    last.note = "pong";
    return;
  }
  const about = game._lastSentBy.get(happening.connection?.id) ?? null;
  const code = text(entry.code ?? "");
  const attempt = about?.attempt ?? happening.connection?.attempt ?? null;
  timeline.row(happening, {
    to: player,
    type: code ? `${type} ${code}` : type,
    outcome: { error: "bad", undelivered: "warn" }[type] ?? (delivered ? "ok" : "bad"),
    note: delivered ? "" : "410: nobody is there any more",
    attempt,
  });
  noteTold(attempt, entry, about, player, at, type, code, game);
}

function noteTold(attempt, entry, about, player, at, type, code, game) {
  const gatewaysOwn = type === "frame" || type === "message";
  if (type !== "error" && type !== "undelivered" && !gatewaysOwn) return;
  const frame = readJson(entry.frame) ?? {};
  const payload = frame.payload ?? {};
  if (gatewaysOwn && typeof frame.message !== "string") return;
  const targetId = typeof payload.targetId === "string" ? payload.targetId : about?.target;
  const pair = targetId && player !== null ? game.attempts.of(player, targetId) : null;
  if (code === "DUPLICATE_NAME" && attempt) game.attempts.restore(attempt);
  (type === "undelivered" ? (pair ?? attempt) : attempt)?.errors.push({
    at,
    to: player,
    type: gatewaysOwn ? "gateway" : type,
    code: gatewaysOwn ? frame.message : code,
    message: text(payload.message ?? ""),
    about: text(payload.type ?? about?.type ?? ""),
    targetId: targetId ?? null,
  });
}

function relayed(timeline, happening, message, type, delivered) {
  const { game, entry, at, player } = happening;
  if (message && delivered) {
    message.deliveredAt = at;
    message.deliveryN = entry.n;
    if (message.step) message.step.deliveredAt = at;
  }
  if (message && !delivered) message.attempt?.ghosts.push({ at, to: player, about: type });
  // One arrow only if nothing happened between: an order that matters stays visible.
  if (message && delivered && game.rows.at(-1) === message) {
    message.to = player;
    message.relay = true;
    message.outcome = "ok";
    message.entries.push(entry);
    message.size ??= entry.size ?? null;
    return;
  }
  if (message && delivered) message.outcome = "ok";
  timeline.row(happening, {
    to: player,
    type,
    outcome: delivered ? "ok" : "bad",
    note: delivered ? `from ${entry.senderId}` : "410: nobody is there any more",
    attempt: message?.attempt ?? game.attempts.of(entry.senderId, player ?? ""),
    deliveredAt: delivered ? at : null,
    sender: entry.senderId,
  });
  // A ghost does not end the search: the next owner of the name may be posted to.
  if (message && !delivered) {
    const key = pendingKey(entry.senderId, player, type);
    game._pending.set(key, [message, ...(game._pending.get(key) ?? [])]);
  }
}

function takeDisconnect(timeline, happening) {
  const { game, connection, entry, at, player } = happening;
  const code = Number(entry.code) || 0;
  const closed = { at, code, reason: text(entry.reason ?? "") };
  const open = player === null ? [] : game.attempts.openOf(player);
  for (const attempt of open) {
    const isAnother = attempt.player === player && attempt.connection !== connection;
    if (!(isAnother && attempt.connection)) attempt.left.push({ who: player, ...closed });
  }
  if (connection) connection.closed = closed;
  const row = timeline.row(happening, {
    from: player,
    type: `closed ${code}`,
    outcome: NORMAL_CLOSES.has(code) ? "info" : "bad",
    note: closed.reason,
    attempt: connection?.attempt ?? null,
  });
  if (entry.requestId) timeline._requests.set(entry.requestId, row);
  if (connection) timeline.close(game, connection);
}

function takeManagement(timeline, happening) {
  const { entry, player, connection } = happening;
  const status = Number(entry.status) || 0;
  const last = happening.game.rows.at(-1);
  // The post that it caused is a row of its own: this one says where it came from.
  timeline.row(happening, {
    to: player,
    type: `@${text(entry.method ?? "connections")} ${status}`,
    outcome: status < 400 ? "ok" : "bad",
    note: status === 410 ? "410: nobody is there any more" : "",
    attempt: last?.connection === connection ? (last?.attempt ?? null) : null,
  });
}

function takeFault(timeline, happening) {
  const attempt = happening.connection?.attempt ?? happening.game.rows.at(-1)?.attempt ?? null;
  const fault = happening.entry.fault;
  const spec = typeof fault === "string" ? fault : JSON.stringify(fault ?? "fault");
  attempt?.faults.push({ at: happening.at, spec, detail: text(happening.entry.detail ?? "") });
  timeline.row(happening, {
    to: happening.player,
    type: `fault ${spec}`,
    outcome: "warn",
    note: text(happening.entry.detail ?? ""),
    attempt,
  });
}

// A newer version may tell of more than this one knows.
function takeUnknown(timeline, happening) {
  timeline.row(happening, { from: happening.player, type: happening.entry.kind });
}

const pendingKey = (from, to, type) => `${from}\n${to}\n${type}`;

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value) ?? "");
