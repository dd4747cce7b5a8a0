// One attempt of two players to connect: what was sent, what arrived, who left. Pure.

import { candidateOf, parseSdp, sdpOf } from "./sdp.js";

export const HOST = "HOST";

/** What the client in the field does by its own clock. */
export const CLIENT = { joinDelayMs: 1000, giveUpMs: 5000 };

const SIGNALS = new Set(["join", "offer", "answer", "ice-candidate", "player-connected"]);

/** Tell whether messages of a type belong to a handshake. */
export const isSignal = (type) => SIGNALS.has(type);

/** Read JSON that a peer sent; undefined if it is none, or too deep to be read. */
export function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A message of the handshake: sent by one side, perhaps delivered to the other. */
class Step {
  constructor(row, from, to, payload) {
    this.row = row;
    this.type = row.type;
    this.from = from;
    this.to = to;
    this.at = row.at;
    this.deliveredAt = null;
    this.sdp = null;
    this.candidate = null;
    /** The end of candidates has no address; the client in the field never sends it. */
    this.isEnd = false;
    if (row.type === "offer" || row.type === "answer") {
      this.sdp = parseSdp(sdpOf(payload) ?? undefined);
    } else if (row.type === "ice-candidate") {
      this.candidate = candidateOf(payload);
      this.isEnd = this.candidate === null;
    }
  }
}

export class Attempt {
  /** `host` is whom the player wants to reach: HOST, or between players whoever offers. */
  constructor(game, host, player, number, at) {
    this.game = game;
    this.host = host;
    this.player = player;
    this.number = number;
    this.startAt = at;
    this.lastAt = at;
    /** The attempts of the same two before and after it. */
    this.before = null;
    this.next = null;
    /** Where entries are missing that may have been its own: `{at, dropped}`. */
    this.gap = null;
    /** The player's own connection: `{connectAt, openedAt, refused, closed}`. */
    this.connection = null;
    this.join = null;
    this.offers = [];
    this.answers = [];
    this.candidates = [];
    /** What the gateway told a side: `{at, to, type, code, message, about, targetId}`. */
    this.errors = [];
    /** What went wrong behind the gateway: `{at, failure, error, about}`. */
    this.failures = [];
    /** Posts that found nobody: `{at, to, about}`. */
    this.ghosts = [];
    /** Functions that answered with an error, which API Gateway tells nobody. */
    this.silent = [];
    this.unrouted = [];
    this.faults = [];
    /** The connection with which a side last said or heard something, by name. */
    this.seats = new Map();
    /** Sides whose connection ended: `{who, connection, at, code, reason}`. */
    this.left = [];
    this.rows = [];
  }

  get offerer() {
    return this.offers[0]?.from ?? this.host;
  }

  get answerer() {
    return this.offerer === this.host ? this.player : this.host;
  }

  get offer() {
    return this.offers[0] ?? null;
  }

  get answer() {
    return this.answers[0] ?? null;
  }

  /** When the client's clock started: the join arrived, or the offer was sent. */
  get beganAt() {
    if (this.join) return this.join.deliveredAt ?? this.join.at;
    return this.offer?.at ?? this.startAt;
  }

  /** When the next attempt took its place: what comes then is no longer its own. */
  get endAt() {
    const { next, connection } = this;
    if (!next) return Infinity;
    // Who has only connected under the same name may still be turned away.
    const isOver = next.join || next.offer || connection?.closed?.at >= next.startAt;
    return isOver ? next.startAt : Infinity;
  }

  /** When the answer arrived after an offer that did; null until then. */
  get completeAt() {
    const offer = this.offers.find((each) => each.deliveredAt !== null);
    const answer = this.answers.find((each) => each.deliveredAt !== null);
    return offer && answer ? answer.deliveredAt : null;
  }

  involves(player) {
    return player === this.host || player === this.player;
  }

  /** The connection that a side takes part with; null where that is not known. */
  seatOf(who) {
    return (who === this.player ? this.connection : null) ?? this.seats.get(who) ?? null;
  }

  candidatesOf(who) {
    return this.candidates.filter((each) => each.from === who && !each.isEnd);
  }

  /** Descriptions that a side has sent, the latest last. */
  descriptionsOf(who) {
    return [...this.offers, ...this.answers]
      .filter((each) => each.from === who)
      .sort((one, other) => one.at - other.at);
  }

  /** Every candidate that a side has told of, also those within its description. */
  addressesOf(who) {
    const trickled = this.candidatesOf(who).map((each) => each.candidate);
    const within = this.descriptionsOf(who).flatMap((each) => each.sdp?.candidates ?? []);
    return [...within, ...trickled].filter(Boolean);
  }

  /** Note a message; returns the step. */
  take(row, from, to, payload) {
    const step = new Step(row, from, to, payload);
    if (row.type === "join") this.join ??= step;
    else if (row.type === "offer") this.offers.push(step);
    else if (row.type === "answer") this.answers.push(step);
    else if (row.type === "ice-candidate") this.candidates.push(step);
    this.lastAt = Math.max(this.lastAt, row.at);
    return step;
  }
}

/** The attempts of one game: which one does a message belong to? */
export class Attempts {
  constructor(game) {
    this.game = game;
    this.all = [];
    this._current = new Map();
    this._numbers = new Map();
  }

  of(one, other) {
    return this._current.get(keyOf(one, other)) ?? null;
  }

  /** Attempts of a player that are not over yet. */
  openOf(player) {
    return [...this._current.values()].filter((each) => each.involves(player));
  }

  /** Entries are missing: attempts that `mayGoOn` may have lost some. */
  interrupted(gap, mayGoOn) {
    for (const attempt of this._current.values()) {
      if (mayGoOn(attempt)) attempt.gap ??= gap;
    }
  }

  /** A player has connected: it wants to reach the host. */
  connected(player, connection, at) {
    const attempt = this._begin(HOST, player, at);
    attempt.connection = connection;
    return attempt;
  }

  /** The newcomer was turned away: the name is still that of whoever had it before. */
  restore(attempt) {
    const key = keyOf(attempt.host, attempt.player);
    if (attempt.before && this._current.get(key) === attempt) {
      this._current.set(key, attempt.before);
      attempt.before.next = null;
    }
  }

  /** Return the attempt that a message from one player to another belongs to. */
  forMessage(type, from, to, at, own) {
    const current = own?.involves(from) && own.involves(to) ? own : this._ownerOf(from, to);
    // Whoever joins again starts anew; so does an offer where nothing had begun.
    const again = type === "join" && (current?.join || current?.offer);
    if (current && !again) return current;
    const host = to === HOST || (type !== "offer" && from !== HOST) ? to : from;
    const attempt = this._begin(host, host === to ? from : to, at);
    attempt.connection = current?.connection ?? null;
    // Nothing begins with these: what did is missing.
    if (type !== "join" && type !== "offer") attempt.gap = this.game.gap;
    return attempt;
  }

  // Who has only connected under a name does not get what is sent to whoever has it.
  _ownerOf(one, other) {
    let attempt = this.of(one, other);
    while (attempt?.before && !attempt.join && !attempt.offer && isOpen(attempt.before.connection)) attempt = attempt.before;
    return attempt;
  }

  _begin(host, player, at) {
    const key = keyOf(host, player);
    const number = (this._numbers.get(key) ?? 0) + 1;
    this._numbers.set(key, number);
    const attempt = new Attempt(this.game, host, player, number, at);
    attempt.before = this._current.get(key) ?? null;
    if (attempt.before) attempt.before.next = attempt;
    this._current.set(key, attempt);
    this.all.push(attempt);
    return attempt;
  }
}

const isOpen = (connection) => Boolean(connection?.openedAt) && connection.closed === null;

// A name may hold any character but control characters.
const keyOf = (one, other) => (one < other ? `${one}\n${other}` : `${other}\n${one}`);
