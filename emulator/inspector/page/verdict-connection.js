// Rules about connections, the gateway and its handlers. Pure.
//
// Each rule takes (attempt, facts, world) and returns {severity, code, text, hint} or nothing.

import { CLIENT, HOST } from "./handshake.js";
import { closeMeaning, isSimilar, quoted, seconds } from "./words.js";

const bad = (code, text, hint = "") => ({ severity: "bad", code, text, hint });
const warn = (code, text, hint = "") => ({ severity: "warn", code, text, hint });
const note = (code, text, hint = "") => ({ severity: "note", code, text, hint });

// Advice by the error code of our rules, else by HTTP status. The keys come from peers: without
// a prototype, “constructor” is a code like any other.
const REFUSALS = {
  __proto__: null,
  INVALID_CONNECT: "The query string needs playerId and gameId, both encoded with encodeURIComponent.",
  MISSING_TICKET: "This server requires a ticket: add &ticket=… to the URL. “poker-signal ticket” makes one.",
  INVALID_TICKET: "A ticket is valid for one player in one game, and it expires.",
  GAME_FULL: "All seats are taken. A broken connection keeps its seat until the gateway notices. --seats sets the number of seats.",
  ORIGIN_NOT_ALLOWED: "The origin of the web page is not in --allowed-origins.",
  HOST_PROTECTED: "The HOST of this game has a session and is connected: only a client with the same session can replace it.",
  SUPERSEDED: "A later connection with the same session was faster, and has taken over.",
  RATE_LIMITED: "API Gateway throttles the server: the client may try again in a moment.",
  400: "The query string needs playerId and gameId, both encoded with encodeURIComponent.",
  401: "The authorizer did not authenticate the client.",
  403: "The path is not that of the stage, or an authorizer denied the client access.",
  409: "The HOST of this game has a session and is connected: it cannot be replaced without the session.",
  429: "The limit of the emulator's --throttle-rate was reached.",
  500: "The handler could not be invoked.",
  502: "The handler of $connect raised, or returned an invalid response.",
  504: "The handler of $connect took too long.",
};

function refused(attempt) {
  const refusal = attempt.connection?.refused;
  if (!refusal) return null;
  const why = refusal.reason ? `: ${refusal.reason.slice(0, 200)}` : "";
  return bad(
    "REFUSED",
    `The connection of ${quoted(attempt.player)} was refused with ${refusal.status}${why}`,
    REFUSALS[refusal.code] ?? REFUSALS[refusal.status] ?? "",
  );
}

function tooLarge(attempt, facts) {
  const left = departure(attempt, facts);
  if (left?.code !== 1009) return null;
  return bad(
    "TOO_LARGE",
    `A message of ${quoted(left.who)} was too large: its connection was closed with 1009.`,
    "API Gateway accepts frames up to 32 KB and messages up to 128 KB. Trickle candidates, and remove codecs that are not needed.",
  );
}

function handlerFailed(attempt) {
  const failure = attempt.failures[0];
  if (!failure) return null;
  const what = {
    __proto__: null,
    raised: `The handler raised on the ${failure.about}`,
    "timed out": `The handler timed out on the ${failure.about}`,
    "not invokable": `The handler could not be invoked for the ${failure.about}`,
  }[failure.failure];
  const error = failure.error ? `: ${failure.error.slice(0, 200)}` : ".";
  return bad(
    "HANDLER_FAILED",
    `${what ?? `The handler failed on the ${failure.about}`}${error}`,
    "The client gets “Internal server error” at most. Open the row for the whole text.",
  );
}

function ghost(attempt, facts) {
  const ghosts = attempt.ghosts.filter((each) => each.at - facts.began <= CLIENT.giveUpMs);
  if (ghosts.length === 0 || facts.complete) return null;
  const { to, about } = ghosts[0];
  return bad(
    "GHOST",
    `${quoted(to)} is a ghost: its row exists, but its connection is gone (410). The ${about} was not delivered.`,
    to === HOST ? "The host's device went to sleep or lost its network. It has to connect again." : "",
  );
}

function hostNotFound(attempt, facts, world) {
  const error = errorOf(attempt, "HOST_NOT_FOUND");
  // After a complete handshake the error has no effect.
  if (!error || facts.complete) return null;
  // The rule `ghost` reports a host whose connection was found gone.
  if (attempt.ghosts.some((each) => each.to === HOST && each.at <= error.at)) return null;
  return hostStillThere(attempt, error) ?? hostElsewhen(attempt, error) ?? hostElsewhere(attempt, error, world);
}

function hostStillThere(attempt, error) {
  if (attempt.game.hostsAt(error.at).length === 0) return null;
  return bad(
    "HOST_NOT_FOUND",
    `${quoted(error.to)} got HOST_NOT_FOUND for game ${quoted(attempt.game.id)}, although HOST was connected.`,
    "Its row was lost, for example after a 410, or the error frame was sent by hand. The host has to connect again.",
  );
}

// A code under which there was a host is not mistyped.
function hostElsewhen(attempt, error) {
  const code = attempt.game.id;
  const hosts = [...attempt.game.hosts.values()];
  const later = hosts.find((each) => each.connectAt > error.at);
  if (later) {
    return bad(
      "HOST_LATER",
      `No host in game ${quoted(code)} yet: HOST connected ${seconds(later.connectAt - error.at)} after the join.`,
      "The client sends its join once: the player has to try again.",
    );
  }
  const gone = hosts.filter((each) => each.closed).at(-1);
  if (!gone) return null;
  return bad(
    "HOST_GONE",
    `No host in game ${quoted(code)}: HOST left ${seconds(error.at - gone.closed.at)} before the join, with ${gone.closed.code}.`,
    closeMeaning(gone.closed.code),
  );
}

function hostElsewhere(attempt, error, world) {
  const code = attempt.game.id;
  const other = [...world.games.values()].find(
    (game) => game !== attempt.game && isSimilar(game.id, code) && game.hostsAt(error.at).length > 0,
  );
  if (other) {
    return bad(
      "WRONG_GAME",
      `No host in game ${quoted(code)}, but ${quoted(other.id)} has one: a wrong game code?`,
      "Game codes are compared exactly: case and spaces count, and O is not 0.",
    );
  }
  return bad(
    "HOST_NOT_FOUND",
    `No host in game ${quoted(code)}: no client is connected as HOST.`,
    "The host has to connect first, with the same game code.",
  );
}

function duplicateName(attempt, facts) {
  if (!errorOf(attempt, "DUPLICATE_NAME") || facts.complete) return null;
  return bad(
    "DUPLICATE_NAME",
    `The name ${quoted(attempt.player)} is taken: another open connection has it.`,
    "A client that reconnects with the same session parameter takes over from its old connection.",
  );
}

const SENTENCES = {
  __proto__: null,
  NOT_ALLOWED: ["The topology forbids it: players may send only to HOST, and only HOST offers.", "--topology mesh lets all players send to each other."],
  INVALID_JOIN: ["HOST sent a join to its own game: the client connected as HOST.", "A client that has stopped hosting may still use its old socket."],
  INVALID_MESSAGE: ["A message is not valid.", ""],
  UNKNOWN_TYPE: ["A message has an unknown type.", ""],
  NOT_CONNECTED: ["The sender is no longer in the game: its row expired, or another connection took over.", "It has to connect again."],
  RATE_LIMITED: ["A message was dropped because a rate limit was exceeded.", ""],
};

// Codes that other rules report.
const KNOWN = new Set([...Object.keys(SENTENCES), "HOST_NOT_FOUND", "DUPLICATE_NAME", "TARGET_NOT_FOUND"]);

function toldOff(attempt, facts) {
  const error = errorsOf(attempt).find((each) => each.code in SENTENCES);
  if (!error) return null;
  const [sentence, hint] = SENTENCES[error.code];
  const about = error.about ? `The ${error.about} of ${quoted(error.to)} was refused with ${error.code}. ` : "";
  // After a complete handshake the error has no effect.
  const finding = facts.complete ? note : bad;
  return finding(error.code, `${about}${sentence}`, error.message || hint);
}

function toldOtherwise(attempt, facts) {
  const error = errorsOf(attempt).find((each) => each.type !== "undelivered" && !KNOWN.has(each.code));
  if (!error || facts.complete) return null;
  const what = error.about ? ` for its ${error.about}` : "";
  return bad(
    "TOLD",
    `${quoted(error.to)} got the error ${quoted(error.code || "error")}${what}.`,
    error.message.slice(0, 300),
  );
}

function flooded(attempt, facts) {
  const left = departure(attempt, facts);
  if (left?.code !== 1008) return null;
  return bad(
    "FLOODED",
    `${quoted(left.who)} sent too many messages too fast: its connection was closed with 1008.`,
    "API Gateway closes a client that floods it. In the emulator, --flood-rate sets the limit.",
  );
}

function notRouted(attempt) {
  const dropped = attempt.unrouted[0];
  if (!dropped) return null;
  return bad(
    dropped.why === "throttled" ? "THROTTLED" : "NO_ROUTE",
    `The ${dropped.about} did not reach a handler: ${dropped.why}.`,
    dropped.why === "throttled" ? "The limit of --throttle-rate was reached." : "No route matches it, and there is no $default.",
  );
}

function targetNotFound(attempt, facts) {
  const error = errorOf(attempt, "TARGET_NOT_FOUND");
  if (!error || facts.complete) return null;
  const similar = attempt.game.lanes.find(
    (lane) => lane.open.size > 0 && isSimilar(lane.name, error.targetId ?? ""),
  );
  const gone = attempt.left.find((each) => each.who === error.targetId && each.at <= error.at);
  if (gone) return null;
  return bad(
    "TARGET_NOT_FOUND",
    `The ${error.about || "message"} was not delivered: no player is called ${quoted(error.targetId ?? "")}` +
      (similar ? `, but ${quoted(similar.name)} is connected.` : "."),
    "Names are compared exactly: case and spaces count.",
  );
}

/** Return the side that left before the handshake was complete and before the host gave up. */
function departure(attempt, facts) {
  // In a complete handshake a side that left went on with another connection of the same name.
  if (facts.complete) return null;
  return attempt.left.find((each) => each.at < attempt.endAt && facts.since(each.at) <= CLIENT.giveUpMs && isMissed(attempt, each));
}

// A name may have several connections: only the end of the one that took part matters.
function isMissed(attempt, { who, connection, at }) {
  const seat = attempt.seatOf(who);
  if (seat) return seat === connection;
  return who !== HOST || attempt.game.hostsAt(at).length === 0;
}

function leftInTheMiddle(attempt, facts) {
  const left = departure(attempt, facts);
  if (!left || left.code === 1009 || left.code === 1008) return null;
  const begun = attempt.join || attempt.offer;
  if (!begun && (left.who === attempt.host || attempt.game.isHostless)) return null;
  const meaning = left.reason || closeMeaning(left.code);
  const when = begun ? `${seconds(facts.since(left.at))} after the ${attempt.join ? "join" : "offer"}` : "before its join";
  return bad(
    "LEFT",
    `${quoted(left.who)} left during the handshake, ${when}: closed with ${left.code}${meaning ? `, ${meaning}` : ""}.`,
  );
}

function twoHosts(attempt) {
  const { join } = attempt;
  if (!join) return null;
  const open = attempt.game.hostsAt(join.at);
  if (open.length < 2) return null;
  return warn(
    "TWO_HOSTS",
    `${open.length} connections are HOST of game ${quoted(attempt.game.id)}: the newest gets the join, the others do not.`,
    "All debug builds share one game code. A HOST with a session is protected.",
  );
}

function silentFunction(attempt, facts) {
  const silent = attempt.silent[0];
  if (!silent || facts.complete) return null;
  return warn(
    "SILENT",
    `The handler returned ${silent.status} for the ${silent.about}: API Gateway does not report this to the client.`,
    "To inform the client, post an error frame with @connections.",
  );
}

/** Return faults that struck an attempt, or the connection that got its messages to the host. */
export function faultsOf(attempt) {
  const began = attempt.beganAt;
  const end = Math.min(attempt.completeAt ?? began + CLIENT.giveUpMs, attempt.endAt);
  const connections = new Set(attempt.ghosts.map((each) => each.connection));
  if (attempt.host === HOST) {
    connections.add([...attempt.game.hosts.values()].findLast((each) => each.connectAt <= began));
    connections.add(attempt.seatOf(HOST));
  }
  const theirs = [...connections].flatMap((each) => each?.faults ?? []);
  // A fault after the attempt was complete changed nothing.
  const its = attempt.faults.filter((each) => each.at <= (attempt.completeAt ?? Infinity));
  return [...theirs.filter((each) => each.at <= end), ...its];
}

function faults(attempt) {
  const struck = faultsOf(attempt).map(({ spec, detail }) => spec + (detail ? ` (${detail})` : ""));
  if (struck.length === 0) return null;
  return note("FAULT", `An injected fault struck: ${[...new Set(struck)].slice(0, 5).join(", ")}.`);
}

const errorsOf = (attempt) => attempt.errors.filter((each) => each.at <= attempt.endAt);

const errorOf = (attempt, code) => errorsOf(attempt).find((each) => each.code === code);

export const CONNECTION_RULES = [
  refused,
  tooLarge,
  flooded,
  handlerFailed,
  ghost,
  hostNotFound,
  duplicateName,
  toldOff,
  notRouted,
  toldOtherwise,
  targetNotFound,
  leftInTheMiddle,
  twoHosts,
  silentFunction,
  faults,
];
