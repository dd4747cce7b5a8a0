// Adds each kind of entry to the diagram and the handshakes. Pure.
//
// Each taker gets the timeline and a happening: `{entry, at, game, connection, player}`.

import { HOST, isSignal, readJson } from "./handshake.js";
import { judge } from "./verdict.js";
import { many } from "./words.js";

const NORMAL_CLOSES = new Set([1000, 1001, 1005]);

// Kinds and types come from peers and recordings: tables of them have no prototype, so that
// “constructor” is not found.
export const TAKERS = {
  __proto__: null,
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

/** Outcome of a row by the type of the gateway's own frame. */
const FRAMES = { __proto__: null, error: "bad", undelivered: "warn" };
const RETURNS = { ...FRAMES, __proto__: null, refused: "bad", dropped: "bad" };

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
  const status = number(entry.status);
  const code = connection?.row?.entries.find((each) => each.kind === "return")?.code;
  const refused = { at, status, reason: text(entry.reason ?? ""), code: text(code ?? "") };
  if (connection) {
    connection.refused = refused;
    if (connection.row) connection.row.outcome = "bad";
    connection.attempt ??= happening.game.attempts.connected(player, connection, at);
    happening.game.attempts.restore(connection.attempt);
  }
  const where = `${text(entry.method ?? "")} ${text(entry.path ?? "")}`.trim();
  timeline.row(happening, {
    to: player,
    type: `refused ${status}`,
    outcome: "bad",
    note: [refused.reason, where].filter(Boolean).join(" · "),
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
  if (type === "join" && player === HOST && happening.connection) {
    // A client that has stopped hosting may still use its old socket.
    happening.connection.attempt ??= game.attempts.connected(HOST, happening.connection, at);
  }
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
    attempt.seats.set(player, happening.connection);
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
  if (row.kind === "disconnect") {
    // The row keeps the close code and reason; only a failed $disconnect is added to them.
    if (status >= 400) row.note = [row.note, `returned ${status}`].filter(Boolean).join(" · ");
  } else if (entry.outcome) {
    row.outcome = RETURNS[text(entry.outcome)] ?? "ok";
    if (row.outcome !== "ok") noLongerAwaited(happening.game, row);
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
  // A delivered post proves that the connection is open, even if its `opened` was evicted.
  if (delivered && happening.connection?.closed === null) timeline.open(happening);
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
    outcome: FRAMES[type] ?? (delivered ? "ok" : "bad"),
    note: delivered ? "" : "410: the connection is gone",
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
  // A player whose join has arrived owns the name: such an error was sent by hand.
  const isIntruder = code === "DUPLICATE_NAME" && attempt && attempt.join?.deliveredAt == null;
  if (isIntruder) game.attempts.restore(attempt);
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
    game.hasMesh ||= player !== HOST && entry.senderId !== HOST;
    message.attempt?.seats.set(player, happening.connection);
  }
  if (message && !delivered) message.attempt?.ghosts.push({ at, to: player, about: type, connection: happening.connection });
  // One arrow only if there is no row between, so that the order stays visible.
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
    note: delivered ? `from ${entry.senderId}` : "410: the connection is gone",
    attempt: message?.attempt ?? game.attempts.of(entry.senderId, player ?? ""),
    deliveredAt: delivered ? at : null,
    sender: entry.senderId,
  });
  // After a ghost the core may post the message to the next owner of the name: keep it pending.
  if (message && !delivered) {
    const key = pendingKey(entry.senderId, player, type);
    game._pending.set(key, [message, ...(game._pending.get(key) ?? [])]);
  }
}

function takeDisconnect(timeline, happening) {
  const { game, connection, entry, at, player } = happening;
  const code = number(entry.code);
  const closed = { at, code, reason: text(entry.reason ?? "") };
  const open = player === null ? [] : game.attempts.openOf(player);
  for (const attempt of open) attempt.left.push({ who: player, connection, ...closed });
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
  const status = number(entry.status);
  const last = happening.game.rows.at(-1);
  // The post itself has its own row; this one shows the request that caused it.
  timeline.row(happening, {
    to: player,
    type: `@${text(entry.method ?? "connections")} ${status}`,
    outcome: status < 400 ? "ok" : "bad",
    note: status === 410 ? "410: the connection is gone" : "",
    attempt: last?.connection === connection ? (last?.attempt ?? null) : null,
  });
}

function takeFault(timeline, happening) {
  const { entry, at, connection } = happening;
  const spec = text(entry.fault ?? "fault");
  const detail = text(entry.detail ?? "");
  const attempt = struckBy(happening, detail);
  (attempt ?? connection)?.faults.push({ at, spec, detail });
  if (spec.startsWith("drop")) dropped(happening, detail);
  timeline.row(happening, {
    to: happening.player,
    type: `fault ${spec}`,
    outcome: "warn",
    note: detail,
    attempt,
  });
}

function dropped({ game, connection }, type) {
  const row = game._lastSentBy.get(connection?.id);
  if (row?.type !== type || row.outcome !== "pending") return;
  Object.assign(row, { outcome: "bad", note: "dropped" });
  noLongerAwaited(game, row);
}

// A dropped or refused message is not posted: the next delivery of its type is another message.
function noLongerAwaited(game, row) {
  const key = pendingKey(row.from, row.target, row.type);
  const others = game._pending.get(key)?.filter((each) => each !== row) ?? [];
  if (others.length > 0) game._pending.set(key, others);
  else game._pending.delete(key);
}

// The attempt that a fault struck; null if it struck the connection itself. A host has no attempt
// of its own: its last message decides.
function struckBy({ connection, game }, detail) {
  const last = game._lastSentBy.get(connection?.id);
  if (last?.attempt && detail.startsWith(last.type)) return last.attempt;
  if (connection?.attempt) return connection.attempt;
  const isOfConnection = detail === "" || detail.startsWith("$");
  return isOfConnection ? null : (game.rows.at(-1)?.attempt ?? null);
}

/** Add a gap: attempts in progress may have continued in the missing entries. */
export function takeGap(timeline, happening) {
  const { entry, at, game } = happening;
  const dropped = number(entry.dropped);
  game.gap = { at, dropped };
  game.attempts.interrupted(game.gap, (attempt) => {
    const world = { now: at, ended: false, games: timeline.games, game };
    return ["ok", "waiting"].includes(judge(attempt, world).state);
  });
  timeline.row(happening, {
    type: "gap",
    outcome: "warn",
    note: [`${many(dropped, "entry", "entries")} missing`, text(entry.why ?? "")].filter(Boolean).join(": "),
  });
}

// A newer version of the emulator may have more kinds of entries.
export function takeUnknown(timeline, happening) {
  timeline.row(happening, { from: happening.player, type: happening.entry.kind });
}

// Number() would throw for an object with its own “valueOf”.
const number = (value) => (Number.isFinite(value) ? value : 0);

const pendingKey = (from, to, type) => `${from}\n${to}\n${type}`;

export const text = (value) => (typeof value === "string" ? value : JSON.stringify(value) ?? "");
