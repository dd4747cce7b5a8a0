// Adds each kind of entry to the diagram. Pure.
//
// Each taker gets the timeline and a happening: `{entry, at, game, connection, player}`.

import { HOST, isSignal, readJson } from "./handshake.js";
import { many } from "./words.js";

/** Rows in which a message is searched for that a fault struck. */
const MAX_BACK = 500;

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
  probe: takeProbe,
  later: takeLater,
  due: takeDue,
};

/** Outcome of a row by the type of the gateway's own frame. */
const FRAMES = { __proto__: null, error: "bad", undelivered: "warn" };
const RETURNS = { ...FRAMES, __proto__: null, refused: "bad", dropped: "bad" };

function takeConnect(timeline, happening) {
  const { game, connection, player, entry, at } = happening;
  if (!connection) return;
  connection.connectAt = at;
  if (player !== null) game.lane(player);
  connection.row = timeline.row(happening, { from: player, type: "connect", outcome: "pending" });
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
    timeline.addTo(connection.row, entry);
    connection.row.outcome = "ok";
    connection.row.note = "";
  } else {
    connection.row = timeline.row(happening, { to: happening.player, type: "open", outcome: "ok" });
  }
}

function takeRefused(timeline, happening) {
  const { connection, entry, at, player } = happening;
  const status = number(entry.status);
  const reason = text(entry.reason ?? "");
  if (connection) {
    connection.refused = { at, status, reason };
    if (connection.row) connection.row.outcome = "bad";
  }
  const where = `${text(entry.method ?? "")} ${text(entry.path ?? "")}`.trim();
  timeline.row(happening, {
    to: player,
    type: `refused ${status}`,
    outcome: "bad",
    note: [reason, where].filter(Boolean).join(" · "),
  });
}

function takeMessage(timeline, happening) {
  const { game, player, entry } = happening;
  timeline.open(happening);
  const body = readJson(entry.event?.body ?? entry.body);
  const type = text(entry.type ?? body?.type ?? "message");
  const target = type === "join" ? HOST : (entry.targetId ?? body?.targetId ?? null);
  const isHandshake = isSignal(type) && typeof target === "string" && player !== null;
  const row = timeline.row(happening, {
    from: player,
    target: typeof target === "string" ? target : null,
    type,
    outcome: "pending",
  });
  if (isHandshake && target !== player) {
    game.hasSignals = true;
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
}

function takeReturn(timeline, happening) {
  const { entry } = happening;
  const row = timeline._requests.get(entry.requestId);
  if (!row) {
    if (entry.failure) failed(timeline, happening, null);
    return;
  }
  timeline._requests.delete(entry.requestId);
  timeline.addTo(row, entry);
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
  } else if (row.outcome === "pending") {
    row.outcome = row.kind === "connect" ? "pending" : "ok";
  }
}

function failed(timeline, happening, row) {
  const { entry } = happening;
  if (row) row.outcome = "bad";
  const failure = text(entry.failure);
  timeline.row(happening, { type: `handler ${failure}`, outcome: "bad", note: text(entry.error ?? "") });
}

function takePost(timeline, happening) {
  const { game, entry, player } = happening;
  const type = text(entry.type ?? "frame");
  const delivered = entry.delivered !== false;
  // A delivered post proves that the connection is open, even if its `opened` was evicted.
  if (delivered && happening.connection?.closed === null) timeline.open(happening);
  if (!delivered && happening.connection) timeline.close(game, happening.connection);
  const sender = entry.senderId;
  if (typeof sender === "string") {
    const waiting = game._pending.get(pendingKey(sender, player, type));
    const message = waiting?.shift();
    if (waiting && waiting.length === 0) game._pending.delete(pendingKey(sender, player, type));
    relayed(timeline, happening, message ?? null, type, delivered);
    return;
  }
  const last = game.rows.at(-1);
  if (type === "pong" && last?.type === "ping" && last.connection === happening.connection) {
    timeline.addTo(last, entry);
    last.outcome = "ok";
    last.note = "pong";
    return;
  }
  const code = text(entry.code ?? "");
  timeline.row(happening, {
    to: player,
    type: code ? `${type} ${code}` : type,
    outcome: FRAMES[type] ?? (delivered ? "ok" : "bad"),
    note: delivered ? presence(type, entry.frame) : GONE,
  });
}

// The player that a frame of presence is about, and why; empty for other frames.
function presence(type, frame) {
  if (!["player-joined", "player-left", "host-back", "host-away"].includes(type)) return "";
  const payload = readJson(frame)?.payload;
  return `${text(payload?.playerId ?? "")}: ${text(payload?.reason ?? "")}`;
}

const GONE = "410: the connection is gone";

function relayed(timeline, happening, message, type, delivered) {
  const { game, entry, at, player } = happening;
  if (message && delivered) {
    message.deliveredAt = at;
    message.outcome = "ok";
  }
  // One arrow only if there is no row between, so that the order stays visible.
  if (message && delivered && game.rows.at(-1) === message) {
    message.to = player;
    message.relay = true;
    timeline.addTo(message, entry);
    message.size ??= entry.size ?? null;
    return;
  }
  timeline.row(happening, {
    to: player,
    type,
    outcome: delivered ? "ok" : "bad",
    note: delivered ? `from ${entry.senderId}` : GONE,
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
  if (connection) connection.closed = closed;
  const row = timeline.row(happening, {
    from: player,
    type: `closed ${code}`,
    outcome: NORMAL_CLOSES.has(code) ? "info" : "bad",
    note: closed.reason,
  });
  if (entry.requestId) timeline._requests.set(entry.requestId, row);
  if (connection) timeline.close(game, connection);
}

function takeManagement(timeline, happening) {
  const { entry, player } = happening;
  const status = number(entry.status);
  // The post itself has its own row; this one shows the request that caused it.
  timeline.row(happening, {
    to: player,
    type: `@${text(entry.method ?? "connections")} ${status}`,
    outcome: status < 400 ? "ok" : "bad",
    note: status === 410 ? GONE : "",
  });
}

// A fault is a badge on the row that it struck; one that struck no row has a row of its own.
function takeFault(timeline, happening) {
  const { entry, at, connection } = happening;
  const spec = text(entry.fault ?? "fault");
  const detail = text(entry.detail ?? "");
  const row = struckRow(timeline, happening, detail);
  if (spec.startsWith("ghost") && connection) {
    // Its $disconnect is skipped: no other entry tells of its end.
    connection.closed ??= { at, code: 1006, reason: "" };
    timeline.close(happening.game, connection);
  }
  if (!row) {
    const added = timeline.row(happening, { from: happening.player, to: happening.player, type: `fault ${spec}`, outcome: "warn", note: detail });
    added.faults.push({ spec, detail });
    return;
  }
  row.faults.push({ spec, detail });
  timeline.addTo(row, entry);
  if (spec.startsWith("drop")) {
    Object.assign(row, { outcome: "bad", note: "dropped" });
    noLongerAwaited(happening.game, row);
  } else if (/^(delay|reorder)/.test(spec) && row.outcome === "pending") {
    row.note = "held back";
  }
}

function struckRow(timeline, { game, connection, entry, player }, detail) {
  const known = timeline._requests.get(entry.requestId);
  if (known) return known;
  if (detail === "$connect") return connection?.row ?? null;
  // A fault of a connection's @connections requests struck the message on its way there.
  if (detail.startsWith("@connections")) return onItsWay(game, player);
  const last = game._lastSentBy.get(connection?.id);
  return last?.type === detail.split(",", 1)[0] ? last : null;
}

function onItsWay({ rows }, player) {
  // It came a moment ago: do not search a long game.
  const recent = rows.slice(-MAX_BACK);
  return recent.findLast((row) => row.kind === "message" && row.target === player && row.outcome === "pending") ?? null;
}

// A dropped or refused message is not posted: the next delivery of its type is another message.
function noLongerAwaited(game, row) {
  const key = pendingKey(row.from, row.target, row.type);
  const others = game._pending.get(key)?.filter((each) => each !== row) ?? [];
  if (others.length > 0) game._pending.set(key, others);
  else game._pending.delete(key);
}

const NOTES = {
  __proto__: null,
  watch: ["watch over the join", "look"],
  lobby: ["lobby", "keep-alive"],
  farewell: ["age of the connection", "look"],
  presence: ["presence", "word to the others"],
};

// What waits is a row on the lane of its player, until what is due follows.
function takeLater(timeline, happening) {
  const { entry, at, player } = happening;
  const [name, act] = NOTES[entry.note] ?? [text(entry.note ?? ""), "step"];
  const seconds = Math.round((number(entry.until) - at) / 1000);
  timeline.row(happening, { from: player, to: player, type: name, note: `${act} ${number(entry.step)} in ${seconds} s` });
}

function takeDue(timeline, happening) {
  const { entry, player } = happening;
  const [name, act] = NOTES[entry.note] ?? [text(entry.note ?? ""), "step"];
  timeline.row(happening, { from: player, to: player, type: name, note: `${act} ${number(entry.step)} is due` });
}

/** States of an RTCPeerConnection that are good or bad news. */
const NEWS = { __proto__: null, connected: "ok", completed: "ok", open: "ok", failed: "bad", disconnected: "warn", error: "bad" };

// A report of the probe is a row on the lane of its page.
function takeProbe(timeline, happening) {
  const { entry } = happening;
  const [type, note, outcome] = sentenceOf(entry);
  const lane = happening.player ?? (typeof entry.playerId === "string" ? entry.playerId : null);
  timeline.row(happening, { from: lane, to: lane, type, note, outcome, player: lane });
}

function sentenceOf(entry) {
  const error = entry.error && typeof entry.error === "object" ? `${text(entry.error.name ?? "")}: ${text(entry.error.message ?? "")}` : "";
  const took = Number.isFinite(entry.ms) ? `${Math.round(entry.ms)} ms` : "";
  switch (entry.event) {
    case "call":
      return [`${text(entry.call ?? "call")}${error ? " failed" : ""}`, error || [text(entry.about ?? ""), took].filter(Boolean).join(" · "), error ? "bad" : "info"];
    case "state":
      return [`${text(entry.of ?? "state")}: ${text(entry.state ?? "")}`, took, NEWS[entry.state] ?? "info"];
    case "channel":
      return [`data channel ${text(entry.state ?? "")}`, [text(entry.label ?? ""), error].filter(Boolean).join(" · "), NEWS[entry.state] ?? "info"];
    case "candidate":
      return [entry.type === "end" ? "gathered all candidates" : "gathered a candidate", [text(entry.type ?? ""), text(entry.protocol ?? "")].filter(Boolean).join(" · "), "info"];
    case "icecandidateerror":
      return ["icecandidateerror", [entry.code, entry.text, entry.url].filter(Boolean).map(text).join(" · "), "warn"];
    case "pair":
      return ["selected pair", [entry.local, entry.remote].map((end) => [text(end?.type ?? ""), text(end?.protocol ?? "")].join("/")).join(" – "), "ok"];
    case "checks":
      return ["checks", `${number(entry.pairs)} pairs, ${number(entry.requestsSent)} sent, ${number(entry.responsesReceived)} answered`, "info"];
    case "error":
      return ["page error", `${text(entry.name ?? "Error")}: ${text(entry.message ?? "")} ${text(entry.where ?? "")}`.trim(), "bad"];
    case "socket":
      return [`socket ${text(entry.state ?? "")}`, [entry.code, entry.reason].filter(Boolean).map(text).join(" "), entry.state === "error" ? "bad" : "info"];
    case "created":
      return ["new RTCPeerConnection", [text(entry.policy ?? ""), Array.isArray(entry.servers) ? entry.servers.map(text).join(", ") : ""].filter(Boolean).join(" · "), "info"];
    case "lost":
      return ["probe", `${number(entry.count)} events were not sent`, "warn"];
    default:
      return [text(entry.event ?? "probe"), "", "info"];
  }
}

/** Add a gap, whose missing entries may belong to any game. */
export function takeGap(timeline, happening) {
  const { entry } = happening;
  timeline.row(happening, {
    type: "gap",
    outcome: "warn",
    note: [`${many(number(entry.dropped), "entry", "entries")} missing`, text(entry.why ?? "")].filter(Boolean).join(": "),
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
