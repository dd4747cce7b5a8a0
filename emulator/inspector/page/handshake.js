// One attempt of two players to connect: messages sent and delivered, errors, ends. Pure.

import { candidateOf, parseSdp, sdpOf } from "./sdp.js";

export const HOST = "HOST";

/** Timing of the client in the field: the player's join after connecting, the host's time-out. */
export const CLIENT = { joinDelayMs: 1000, giveUpMs: 5000 };

const SIGNALS = new Set(["join", "offer", "answer", "ice-candidate", "player-connected"]);

/** Return true if messages of this type belong to a WebRTC handshake. */
export const isSignal = (type) => SIGNALS.has(type);

/** Parse JSON that a peer sent; undefined if it is not JSON or nested too deeply. */
export function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A message of the handshake, sent by one side; `deliveredAt` is null until it is delivered. */
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
    /** True for an end-of-candidates, which has no address; the client in the field sends none. */
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
  /** `host` is the side that `player` wants to reach: HOST, or between players the offerer. */
  constructor(game, host, player, number, at) {
    this.game = game;
    this.host = host;
    this.player = player;
    this.number = number;
    this.startAt = at;
    this.lastAt = at;
    /** The previous and the next attempt of the same two players. */
    this.before = null;
    this.next = null;
    /** Gap in the trace that may have held entries of this attempt: `{at, dropped}`. */
    this.gap = null;
    /** The player's own connection: `{connectAt, openedAt, refused, closed}`. */
    this.connection = null;
    this.join = null;
    this.offers = [];
    this.answers = [];
    this.candidates = [];
    /** Error frames to a side: `{at, to, type, code, message, about, targetId}`. */
    this.errors = [];
    /** Failures of a handler: `{at, failure, error, about}`. */
    this.failures = [];
    /** Posts that were answered with 410: `{at, to, about, connection}`. */
    this.ghosts = [];
    /** Error statuses of handlers, which API Gateway does not report: `{at, status, about}`. */
    this.silent = [];
    this.unrouted = [];
    this.faults = [];
    /** The connection on which a side last sent or received a message, by name. */
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

  /** Time at which the client's time-out starts: the join arrived, or the offer was sent. */
  get beganAt() {
    if (this.join) return this.join.deliveredAt ?? this.join.at;
    return this.offer?.at ?? this.startAt;
  }

  /** Time at which the next attempt took its place; later events belong to that one. */
  get endAt() {
    const { next, connection } = this;
    if (!next) return Infinity;
    // A newcomer that has only connected under the same name may still be refused.
    const isOver = next.join || next.offer || connection?.closed?.at >= next.startAt;
    return isOver ? next.startAt : Infinity;
  }

  /** Time at which an answer arrived, if an offer arrived too; else null. */
  get completeAt() {
    const offer = this.offers.find((each) => each.deliveredAt !== null);
    const answer = this.answers.find((each) => each.deliveredAt !== null);
    return offer && answer ? answer.deliveredAt : null;
  }

  involves(player) {
    return player === this.host || player === this.player;
  }

  /** The connection with which a side takes part; null if unknown. */
  seatOf(who) {
    return (who === this.player ? this.connection : null) ?? this.seats.get(who) ?? null;
  }

  candidatesOf(who) {
    return this.candidates.filter((each) => each.from === who && !each.isEnd);
  }

  /** Offers and answers that a side has sent, the latest last. */
  descriptionsOf(who) {
    return [...this.offers, ...this.answers]
      .filter((each) => each.from === who)
      .sort((one, other) => one.at - other.at);
  }

  /** All candidates that a side has sent, including those in its descriptions. */
  addressesOf(who) {
    const trickled = this.candidatesOf(who).map((each) => each.candidate);
    const within = this.descriptionsOf(who).flatMap((each) => each.sdp?.candidates ?? []);
    return [...within, ...trickled].filter(Boolean);
  }

  /** Add a message; return its step. */
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

/** The attempts of one game; assigns messages to them. */
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

  /** The current attempts of a player. */
  openOf(player) {
    return [...this._current.values()].filter((each) => each.involves(player));
  }

  /** Note a gap in the trace in the attempts that `mayGoOn` selects: they may lack entries. */
  interrupted(gap, mayGoOn) {
    for (const attempt of this._current.values()) {
      if (mayGoOn(attempt)) attempt.gap ??= gap;
    }
  }

  /** Begin an attempt of a player that has connected, to reach HOST. */
  connected(player, connection, at) {
    const attempt = this._begin(HOST, player, at);
    attempt.connection = connection;
    return attempt;
  }

  /** Make the previous attempt current again, after a newcomer with its name was refused. */
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
    // A second join begins a new attempt; so does an offer if there is no attempt.
    const again = type === "join" && (current?.join || current?.offer);
    if (current && !again) return current;
    const host = to === HOST || (type !== "offer" && from !== HOST) ? to : from;
    const attempt = this._begin(host, host === to ? from : to, at);
    attempt.connection = current?.connection ?? null;
    // Other types do not begin a handshake: its beginning is missing in the trace.
    if (type !== "join" && type !== "offer") attempt.gap = this.game.gap;
    return attempt;
  }

  // A newcomer that has only connected does not get the messages for the name's owner.
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
