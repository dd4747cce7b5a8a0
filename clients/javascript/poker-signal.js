/**
 * The client of poker-signal: from a URL and a code to an open data channel.
 *
 *     const table = await hostTable({ url, code });
 *     table.on("peer", (peer) => { peer.on("message", …); peer.send("hi"); });
 *     const seat = await joinTable({ url, code, name });
 *
 * Status of a seat: connecting → waiting-for-host → negotiating → connected ⇄ reconnecting → closed.
 * Every problem is a Problem: {code, message, retry, cause}.
 */
import { Emitter, Problem, random } from "./events.js";
import { Peer } from "./peer.js";
import { Signaling } from "./signaling.js";

export { Peer, Problem };

/**
 * @typedef {import("./signaling.js").Options} Options
 * @typedef {import("./signaling.js").Frame} Frame
 * @typedef {"connecting" | "waiting-for-host" | "negotiating" | "connected" | "reconnecting" | "closed"} Status
 */

const HOST = "HOST";
const PRESENCE = /^(player-joined|player-left|host-away|host-back)$/;
/** A join that is not answered by an offer is sent again. */
const ANSWER_MS = 5000;
const JOIN_MS = 2000;
const MAX_JOIN_MS = 30_000;
/** A negotiation that has not connected by then never will. */
const NEGOTIATION_MS = 60_000;
/** HOST forgets a player from whom it has heard nothing for this long: a seat is reserved as long. */
const GONE_MS = 60_000;
/** A join of a client without page ids within this time is the same join, delivered again. */
const SAME_JOIN_MS = 6000;
/** The server delivers a join again for 15 s, also to a host whose channel has opened meanwhile. */
const WATCHED_MS = 18_000;

/** @param {unknown} value @param {string} otherwise */
const textOr = (value, otherwise) => (typeof value === "string" ? value : otherwise);

/** A code of six letters that cannot be mistaken for each other. */
export const mintCode = () => random(6);

/**
 * Host a game, and wait until the server has let us in.
 * @param {Options} options without `code`, one is minted
 * @returns {Promise<Table>}
 */
export const hostTable = async (options) => new Table(options).ready;

/**
 * Join a game, and wait for the open data channel.
 * @param {Options & {code: string, name: string}} options
 * @returns {Promise<Seat>} rejects with a Problem
 */
export const joinTable = async (options) => new Seat(options).ready;

/**
 * Common part of table and seat: signaling, and its end.
 * @template {{status: any, problem: Problem, presence: Frame}} Events
 * @extends {Emitter<Events>}
 */
class Client extends Emitter {
  /** @type {any} */ #status = "connecting";
  /** The problem that ended it, or the last one. @type {Problem | undefined} */
  problem;
  /** @protected */ page = random(8);
  /** @protected @type {(value: any) => void} */ resolve = () => {};
  /** @type {(problem: Problem) => void} */ #reject = () => {};
  #isReady = false;
  /** @protected */ begunAt = Date.now();
  #wake = () => this.wake();
  #abort = () => this.end(new Problem("ABORTED", "The app ended it.", false, this.options.signal?.reason));

  /**
   * @param {Options} options
   * @param {string} name
   * @param {string | undefined} code undefined: mint one
   */
  constructor(options, name, code) {
    super();
    this.options = options;
    this.name = name;
    this.code = code ?? mintCode();
    /** @type {Promise<any>} */
    this.ready = new Promise((resolve, reject) => {
      this.resolve = (client) => {
        this.#isReady = true;
        resolve(client);
      };
      this.#reject = reject;
    });
    // The event and `problem` tell it too.
    this.ready.catch(() => {});
    /** @protected */
    this.signaling = new Signaling(options, () => {
      // Another code for each attempt: the refusal may say that this one is taken.
      if (code === undefined && this.#status === "connecting") this.code = mintCode();
      return { name, code: this.code };
    });
    this.signaling.on("frame", (frame) => this.#receive(frame));
    this.signaling.on("open", () => this.opened());
    this.signaling.on("down", () => this.down());
    this.signaling.on("end", (problem) => this.end(problem));
    this.signaling.on("problem", (problem) => {
      const isOver = problem.code === "CANNOT_CONNECT" && this.#status === "connecting" && this.isLate;
      this.tell(isOver ? new Problem(problem.code, "The server cannot be reached, or refuses the connection.", false, problem.cause) : problem);
    });
  }

  /** @protected */
  begin() {
    const { signal } = this.options;
    this.#check();
    if (signal?.aborted) this.#abort();
    if (this.#status === "closed") return;
    signal?.addEventListener("abort", this.#abort);
    for (const type of ["online", "pageshow"]) globalThis.addEventListener?.(type, this.#wake);
    this.signaling.connect();
  }

  /** @returns {any} */
  get status() {
    return this.#status;
  }

  /** @protected True once the first join has been tried for `waitForHost` seconds. */
  get isLate() {
    return Date.now() - this.begunAt >= (this.options.waitForHost ?? 30) * 1000;
  }

  /** Leave: close all connections. It can be called at any time, and again. */
  close() {
    if (this.#status === "closed") return;
    this.options.signal?.removeEventListener("abort", this.#abort);
    for (const type of ["online", "pageshow"]) globalThis.removeEventListener?.(type, this.#wake);
    this.closing();
    this.signaling.close();
    this.setStatus("closed");
    this.#reject(this.problem?.retry === false ? this.problem : new Problem("CLOSED", "It was closed before it was connected."));
  }

  /** Call it when the app comes back from sleep. Browsers tell it by the event "online". */
  wake() {
    this.signaling.wake();
  }

  #check() {
    const { url } = this.options;
    for (const [key, value] of Object.entries({ name: this.name, code: this.code })) {
      // The server's rule. It would refuse the handshake, whose reason no browser shows.
      const isName = typeof value === "string" && /\S/.test(value) && value.length <= 128 && !/[\0-\x1f\x7f-\x9f]/.test(value);
      if (!isName) this.end(new Problem("INVALID_OPTION", `“${key}” must be a text of 1 to 128 characters.`));
    }
    if (!/^wss?:\/\//.test(url ?? "")) this.end(new Problem("INVALID_OPTION", "“url” must begin with ws:// or wss://."));
    if (this.options.RTCPeerConnection === undefined && !("RTCPeerConnection" in globalThis)) {
      this.end(new Problem("NO_WEBRTC", "There is no RTCPeerConnection here: pass one as an option."));
    }
  }

  /** @param {Frame} frame */
  #receive(frame) {
    const { type, senderId, payload } = frame;
    if (typeof senderId === "string") {
      if (type !== "keepalive") this.relayed(type, senderId, payload);
    } else if (typeof type === "string" && PRESENCE.test(type)) {
      this.presence(frame);
      this.emit("presence", frame);
    } else if (type === "error" || type === "undelivered") {
      const code = textOr(payload?.code, "ERROR");
      const problem = new Problem(code, textOr(payload?.message, "The server reported an error."), true, frame);
      this.refused(type, code, problem, payload);
    } else if (type === undefined) {
      // API Gateway's own: {"message": "Internal server error", …}.
      this.refused("error", "SERVER_ERROR", new Problem("SERVER_ERROR", `The server says: ${textOr(frame.message, "nothing")}`, true, frame), null);
    }
  }

  /**
   * @param {Problem} problem
   * @protected
   */
  tell(problem) {
    if (this.#status === "closed") return;
    this.problem = problem;
    // The promise rejects with it.
    this.isTold = !problem.retry && !this.#isReady;
    this.emit("problem", problem);
    if (!problem.retry) this.close();
  }

  /**
   * @param {Problem} problem
   * @protected
   */
  end(problem) {
    this.tell(new Problem(problem.code, problem.message, false, problem.cause));
  }

  /**
   * @param {any} status
   * @protected
   */
  setStatus(status) {
    if (status === this.#status || this.#status === "closed") return;
    this.#status = status;
    this.emit("status", status);
  }

  /**
   * @param {boolean} hosts
   * @param {string} other
   * @returns {import("./peer.js").Far}
   * @protected
   */
  far(hosts, other) {
    const signaling = this.signaling;
    return {
      page: this.page,
      hosts,
      RTCPeerConnection: this.options.RTCPeerConnection ?? globalThis.RTCPeerConnection,
      configuration: () => signaling.configuration(),
      expireIce: () => signaling.expireIce(),
      send: (type, targetId, payload) => signaling.send(type, targetId, payload),
      ask: (_, wish) => this.ask(wish),
      report: (state, more) => {
        // An older server does not know it.
        if (signaling.isGreeted) signaling.send("report", other, { state, ...more });
      },
    };
  }

  // Parts of table and seat.

  /** @protected */ opened() {}
  /** @protected */ down() {}
  /** @protected */ closing() {}
  /** @protected @param {object} _wish */ ask(_wish) {}
  /** @protected @param {Frame} _frame */ presence(_frame) {}
  /** @protected @param {string | undefined} _type @param {string} _sender @param {any} _payload */
  relayed(_type, _sender, _payload) {}
  /** @protected @param {string} _type @param {string} _code @param {Problem} problem @param {any} _payload */
  refused(_type, _code, problem, _payload) {
    this.tell(problem);
  }
}

/**
 * The host's end of a game.
 * @extends {Client<{peer: Peer, status: "connecting" | "connected" | "reconnecting" | "closed", problem: Problem, presence: Frame}>}
 */
export class Table extends Client {
  /** Players by name, those that negotiate or reconnect included. @type {Map<string, Peer>} */
  peers = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */ #sweep;

  /** @param {Options} options */
  constructor(options) {
    super(options, HOST, options.code);
    this.#sweep = setInterval(() => this.#forget(), GONE_MS / 6);
    this.begin();
  }

  /**
   * Send to all players.
   * @param {any} data
   */
  broadcast(data) {
    for (const peer of this.peers.values()) peer.send(data);
  }

  wake() {
    super.wake();
    for (const peer of this.peers.values()) peer.wake();
  }

  /** @protected */
  opened() {
    this.setStatus("connected");
    for (const peer of this.peers.values()) peer.restore();
    this.resolve(this);
  }

  /** @protected */
  down() {
    this.setStatus("reconnecting");
  }

  /** @protected */
  closing() {
    clearInterval(this.#sweep);
    for (const peer of [...this.peers.values()]) peer.close();
  }

  /** @protected @param {string | undefined} type @param {string} sender @param {any} payload */
  relayed(type, sender, payload) {
    const peer = this.peers.get(sender);
    if (type === "join") {
      const page = typeof payload?.page === "string" ? payload.page : undefined;
      if (peer) peer.heardAt = Date.now();
      // A join that the server delivers again is no new page.
      const sameMs = peer?.status === "connected" ? WATCHED_MS : SAME_JOIN_MS;
      const isSame = peer && (page === undefined ? peer.page === undefined && peer.age < sameMs : page === peer.page);
      if (isSame) peer.joined(payload);
      else this.#seat(sender, page).offer();
    } else if (type === "offer" || type === "answer" || type === "ice-candidate") {
      // In a mesh a player may offer without a join.
      if (peer || type === "offer") (peer ?? this.#seat(sender)).receive(type, payload);
    }
  }

  /** @protected @param {Frame} frame */
  presence({ type, payload }) {
    const peer = this.peers.get(payload?.playerId);
    if (type === "player-left" && (payload?.reason === "left" || payload?.reason === "closed")) {
      // Its channel may still be closing; a page that is reloaded joins as a new peer.
      if (peer && peer.status !== "connected") peer.close();
    }
  }

  /** @protected @param {string} _type @param {string} _code @param {Problem} problem @param {any} payload */
  refused(_type, _code, problem, payload) {
    const peer = this.peers.get(payload?.targetId);
    if (peer) peer.undelivered(problem);
    else this.tell(problem);
  }

  /**
   * @param {string} name
   * @param {string} [page]
   */
  #seat(name, page) {
    this.peers.get(name)?.close();
    const peer = new Peer(this.far(true, name), name, page);
    this.peers.set(name, peer);
    peer.on("status", (status) => {
      if (status === "closed" && this.peers.get(name) === peer) this.peers.delete(name);
    });
    peer.on("problem", (problem) => {
      this.problem = problem;
      this.emit("problem", problem);
    });
    this.emit("peer", peer);
    return peer;
  }

  #forget() {
    for (const peer of this.peers.values()) {
      if (peer.status === "connected" || Date.now() - peer.heardAt < GONE_MS) continue;
      peer.fail(new Problem("PLAYER_GONE", `${peer.name} has been away for ${GONE_MS / 1000} seconds.`));
    }
  }
}

/**
 * A player's seat: the connection to HOST.
 * @extends {Client<{message: any, status: Status, problem: Problem, presence: Frame, connection: RTCPeerConnection, channel: RTCDataChannel}>}
 */
export class Seat extends Client {
  /** @type {Peer} */ #host;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #join;
  #joins = 0;
  #wasConnected = false;
  #negotiatesSince = 0;
  /** @type {object} */ #wish = {};

  /** @param {Options & {code: string, name: string}} options */
  constructor(options) {
    super(options, options.name, options.code ?? "");
    const host = (this.#host = new Peer(this.far(false, HOST), HOST));
    host.on("message", (data) => this.emit("message", data));
    host.on("channel", (channel) => this.emit("channel", channel));
    host.on("problem", (problem) => this.tell(problem));
    host.on("connection", (connection) => {
      if (!this.#wasConnected) this.setStatus("negotiating");
      this.#negotiatesSince ||= Date.now();
      this.emit("connection", connection);
    });
    host.on("status", (status) => {
      if (status === "connected") {
        clearTimeout(this.#join);
        this.#joins = 0;
        this.#wish = {};
        this.#wasConnected = true;
      }
      if (status !== "closed") this.setStatus(status);
      if (status === "connected") this.resolve(this);
    });
    if (options.name === HOST) this.end(new Problem("INVALID_OPTION", "HOST is the name of the host: choose another name."));
    this.begin();
  }

  /** The present RTCPeerConnection; a reconnect may replace it. */
  get connection() {
    return this.#host.connection;
  }

  /**
   * Send data to the host. Until the channel is open it waits.
   * @param {any} data
   * @returns {boolean} false: it will not be sent
   */
  send(data) {
    return this.#host.send(data);
  }

  wake() {
    super.wake();
    this.#host.wake();
  }

  /** @protected */
  opened() {
    if (this.status === "connecting") this.setStatus("waiting-for-host");
    this.#host.restore();
  }

  /** @protected */
  closing() {
    clearTimeout(this.#join);
    this.#host.close();
  }

  /** @protected @param {{anew?: boolean}} wish */
  ask(wish) {
    this.#wish = wish;
    clearTimeout(this.#join);
    const isOver = !this.#wasConnected && this.#negotiatesSince && Date.now() - this.#negotiatesSince > NEGOTIATION_MS;
    if (isOver) {
      const message = "The host is there, but no connection to it is possible from this network.";
      this.end(new Problem("NO_CONNECTION", message, false, this.problem));
      return;
    }
    if (!this.signaling.isOpen) return;
    this.signaling.send("join", undefined, { playerName: this.name, page: this.page, ...this.#host.known, ...wish });
    const what = new Problem("NO_ANSWER", "The host does not answer.", true);
    this.#join = setTimeout(() => this.#joinAgain(what, 0), Math.max(ANSWER_MS, this.#delay));
  }

  get #delay() {
    return Math.min(MAX_JOIN_MS, JOIN_MS * 1.5 ** Math.max(0, this.#joins - 15));
  }

  /**
   * @param {Problem} problem
   * @param {number} ms
   */
  #joinAgain(problem, ms) {
    if (this.#host.status === "connected") return;
    if (!this.#wasConnected && !this.#negotiatesSince && this.isLate) {
      this.end(problem);
      return;
    }
    // Once in an outage.
    if (this.problem?.code !== problem.code || this.#joins === 0) this.tell(problem);
    this.#joins += 1;
    clearTimeout(this.#join);
    this.#join = setTimeout(() => this.ask(this.#wish), ms);
  }

  /** @protected @param {string | undefined} type @param {string} sender @param {any} payload */
  relayed(type, sender, payload) {
    // No other player can pose as the host.
    if (sender !== HOST) return;
    if (type === "offer") clearTimeout(this.#join);
    if (type === "offer" || type === "answer" || type === "ice-candidate") this.#host.receive(type, payload);
  }

  /** @protected @param {Frame} frame */
  presence({ type }) {
    if (type === "host-back" && this.#host.status !== "connected") this.ask(this.#wish);
  }

  /** @protected @param {string} type @param {string} code @param {Problem} problem @param {any} _payload */
  refused(type, code, problem, _payload) {
    if (type === "undelivered") this.#host.undelivered(problem);
    else if (code === "HOST_NOT_FOUND") {
      if (this.status === "negotiating" && !this.#wasConnected) this.setStatus("waiting-for-host");
      this.#joinAgain(problem, this.#delay);
    } else if (code === "NO_ANSWER" || code === "RATE_LIMITED" || (code === "SERVER_ERROR" && this.#host.status !== "connected")) {
      this.#joinAgain(problem, this.#delay);
    } else if (code === "DUPLICATE_NAME" && !this.#wasConnected) {
      this.end(problem);
    } else if (code === "NOT_ALLOWED") {
      this.#host.mayNotOffer();
    } else this.tell(problem);
  }
}
