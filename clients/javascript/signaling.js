import { Emitter, Problem, random } from "./events.js";

/**
 * @typedef {object} Options
 * @property {string} url URL of the server, `wss://…/prod`
 * @property {string} [code] code of the game
 * @property {string} [name] name of the player
 * @property {string | (() => string | Promise<string>)} [ticket] join ticket, or a function that
 *   gets a fresh one for each connection
 * @property {string} [session] secret that keeps the seat; default: made up, and kept in `storage`
 * @property {AbortSignal} [signal] ends everything when it is aborted
 * @property {number} [waitForHost] seconds that a first join is tried again; default 30
 * @property {RTCConfiguration} [rtc] for each RTCPeerConnection. `iceServers` here replace the server's
 * @property {typeof globalThis.RTCPeerConnection} [RTCPeerConnection]
 * @property {any} [WebSocket] class with the browser's WebSocket interface
 * @property {Pick<Storage, "getItem" | "setItem"> | null} [storage] keeps the session over a reload;
 *   default: `sessionStorage`. null: nothing is kept
 *
 * @typedef {{type?: string, senderId?: string, payload?: any, id?: string, message?: string}} Frame
 * @typedef {{open: void, down: void, frame: Frame, problem: Problem, end: Problem}} SignalingEvents
 */

export const CLIENT = "poker-signal-js/0.2.0";

const OPEN_MS = 10_000;
const SILENCE_MS = 240_000;
const PONG_MS = 10_000;
const ICE_MS = 2000;
/** Age at which a socket counts as good: the next delay is short again. */
const GOOD_MS = 5000;
/** A second 1000 within this time ends the client: two of them would replace each other for ever. */
const REPLACED_MS = 60_000;
/** The first attempts of an outage are quiet. */
const QUIET_ATTEMPTS = 3;

/**
 * One player's connection to the server, which comes back until close().
 *
 * At most two sockets: `#socket` is open and in use, `#next` is opening. After a go-away both exist,
 * and the old one works until the new one is open. A handler of any other socket does nothing.
 * @extends {Emitter<SignalingEvents>}
 */
export class Signaling extends Emitter {
  /** @type {WebSocket | undefined} */ #socket;
  /** @type {WebSocket | object | undefined} */ #next;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #silence;
  #attempts = 0;
  #openedAt = 0;
  #replacedAt = -Infinity;
  #movedAt = -Infinity;
  #lostRow = false;
  #isClosed = false;
  /** @type {Record<string, string>} */ #kept = {};
  /** True once the server has answered `hello` with `welcome`. */
  isGreeted = false;
  /** @type {RTCIceServer[]} */ #iceServers = [];
  #iceExpiresAt = Infinity;
  #iceLife = Infinity;
  /** @type {Set<() => void>} */ #waiting = new Set();
  #awaitsIce = true;

  /**
   * @param {Options} options
   * @param {() => {name: string, code: string}} seat may mint another code for each attempt
   */
  constructor(options, seat) {
    super();
    this.options = options;
    this.seat = seat;
  }

  get isOpen() {
    return this.#socket?.readyState === 1;
  }

  /**
   * Send a message; return whether there was a socket to send it on.
   * @param {string} type
   * @param {string} [targetId]
   * @param {unknown} [payload]
   * @param {string} [id]
   */
  send(type, targetId, payload, id) {
    if (!this.#socket || !this.isOpen) return false;
    this.#socket.send(JSON.stringify({ type, targetId, payload, id }));
    return true;
  }

  /** Check now whether the server still hears us: after a sleep, or a change of network. */
  wake() {
    if (this.isOpen) this.#ping(PONG_MS / 2);
    else if (!this.#next) this.connect();
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    const socket = this.#socket;
    const next = this.#next;
    this.#socket = this.#next = undefined;
    socket?.close(1000);
    if (next && "close" in next) next.close(1000);
    this.#settleIce();
  }

  /** Open a socket, beside the present one if there is one. */
  async connect() {
    clearTimeout(this.#retry);
    if (this.#next || this.#isClosed) return;
    const { ticket, WebSocket: Socket = globalThis.WebSocket } = this.options;
    const attempt = (this.#next = {});
    let shown;
    try {
      shown = typeof ticket === "function" ? await ticket() : ticket;
    } catch (cause) {
      if (attempt !== this.#next) return;
      this.#next = undefined;
      this.#again(new Problem("NO_TICKET", "No ticket for this game could be fetched. Trying again.", true, cause));
      return;
    }
    if (attempt !== this.#next) return;
    /** @type {WebSocket} */
    let socket;
    try {
      socket = new Socket(this.#address(shown));
    } catch (cause) {
      this.emit("end", new Problem("INVALID_URL", `${this.options.url} is not the URL of a WebSocket server.`, false, cause));
      return;
    }
    this.#next = socket;
    const tooLate = setTimeout(() => {
      if (socket !== this.#next) return;
      socket.close();
      this.#failed(socket, { code: 1006 });
    }, OPEN_MS);
    socket.onopen = () => {
      clearTimeout(tooLate);
      // It was closed or given up while it opened.
      if (socket !== this.#next) socket.close(1000);
      else this.#opened(socket);
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#receive(data);
    };
    socket.onclose = (event) => {
      clearTimeout(tooLate);
      this.#failed(socket, event);
    };
    // `close` follows, and has the reason.
    socket.onerror = () => {};
  }

  /** @param {string | undefined} ticket */
  #address(ticket) {
    const { name, code } = this.seat();
    const query = { playerId: name, gameId: code, session: this.#session(name, code), ticket, wants: "presence,go-away" };
    const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
    const text = pairs.map(([key, value]) => `${key}=${encodeURIComponent(/** @type {string} */ (value))}`).join("&");
    const url = this.options.url.replace(/\/$/, "");
    return `${url}${url.includes("?") ? "&" : "?"}${text}`;
  }

  /**
   * @param {string} name
   * @param {string} code
   */
  #session(name, code) {
    const { session, url } = this.options;
    if (session) return session;
    const key = `poker-signal ${JSON.stringify([url, code, name])}`;
    try {
      const storage = this.options.storage === undefined ? globalThis.sessionStorage : this.options.storage;
      this.#kept[key] ??= storage?.getItem(key) ?? random(24);
      storage?.setItem(key, this.#kept[key]);
    } catch {
      // A browser may forbid storage: then the seat does not outlive a reload.
      this.#kept[key] ??= random(24);
    }
    return this.#kept[key];
  }

  /** @param {WebSocket} socket */
  #opened(socket) {
    const former = this.#socket;
    this.#socket = socket;
    this.#next = undefined;
    this.#openedAt = Date.now();
    this.#lostRow = false;
    this.#awaitsIce = true;
    former?.close(1000);
    this.#listen();
    this.send("hello", undefined, { client: CLIENT }, "hello");
    setTimeout(() => this.#settleIce(), ICE_MS);
    this.emit("open", undefined);
  }

  /**
   * @param {WebSocket} socket
   * @param {{code: number, reason?: string}} event
   */
  #failed(socket, event) {
    const isInUse = socket === this.#socket;
    if (!isInUse && socket !== this.#next) return;
    if (isInUse) this.#socket = undefined;
    else this.#next = undefined;
    if (this.#isClosed || this.#socket || this.#next) return;
    clearTimeout(this.#silence);
    const now = Date.now();
    if (isInUse) {
      if (now - this.#openedAt > GOOD_MS) this.#attempts = 0;
      this.emit("down", undefined);
      if (event.code === 1000 && !this.#lostRow) {
        if (now - this.#replacedAt < REPLACED_MS) {
          const message = "Another window or device has taken this seat.";
          this.emit("end", new Problem("REPLACED", message, false, event));
          return;
        }
        this.#replacedAt = now;
      }
    }
    const why = event.reason ? ` (${event.code} ${event.reason})` : "";
    const message = `The server cannot be reached, or refuses the connection${why}. Trying again.`;
    this.#again(new Problem("CANNOT_CONNECT", message, true, event));
  }

  /** @param {Problem} problem */
  #again(problem) {
    this.#attempts += 1;
    if (this.#attempts >= QUIET_ATTEMPTS) this.emit("problem", problem);
    if (this.#isClosed) return;
    clearTimeout(this.#retry);
    const limit = Math.min(this.#openedAt ? 30_000 : 4000, 250 * 2 ** this.#attempts);
    this.#retry = setTimeout(() => this.connect(), limit * (0.5 + Math.random() / 2));
  }

  #move() {
    this.#movedAt = Date.now();
    this.connect();
  }

  /** Expect a frame at least every four minutes. */
  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#ping(PONG_MS), SILENCE_MS);
  }

  /** @param {number} patienceMs */
  #ping(patienceMs) {
    const socket = this.#socket;
    if (!socket || !this.send("ping")) return;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      socket.close();
      this.#failed(socket, { code: 1006, reason: "no answer to a ping" });
    }, patienceMs);
  }

  /** @param {unknown} data */
  #receive(data) {
    this.#listen();
    /** @type {Frame | undefined} */
    let frame;
    try {
      frame = JSON.parse(/** @type {string} */ (data));
    } catch {
      // Told below.
    }
    if (typeof frame !== "object" || frame === null || Array.isArray(frame)) {
      this.emit("problem", new Problem("INVALID_FRAME", "The server sent a frame that is no JSON object.", true, data));
    } else if (frame.type === "welcome" || frame.type === "ice-servers") {
      this.isGreeted ||= frame.type === "welcome";
      this.#takeIce(frame.payload);
      this.emit("frame", frame);
    } else if (frame.type === "error" && (frame.id === "hello" || frame.id === "ice-servers")) {
      // An older server, or one without ICE servers: it works without.
      this.#settleIce();
    } else if (frame.type !== undefined && typeof frame.type !== "string") {
      this.emit("problem", new Problem("INVALID_FRAME", "The server sent a frame whose type is no text.", true, data));
    } else if (frame.type === "go-away") {
      // A server that sends one to each new connection must not make the client connect all the time.
      clearTimeout(this.#retry);
      const waitMs = this.#movedAt + GOOD_MS - Date.now();
      if (waitMs > 0) this.#retry = setTimeout(() => this.#move(), waitMs);
      else this.#move();
    } else {
      if (frame.payload?.code === "NOT_CONNECTED") this.#lostRow = true;
      this.emit("frame", frame);
    }
  }

  /** @param {any} payload */
  #takeIce(payload) {
    if (Array.isArray(payload?.iceServers)) {
      this.#iceServers = payload.iceServers;
      this.#iceExpiresAt = typeof payload.iceExpiresAt === "number" ? payload.iceExpiresAt * 1000 : Infinity;
      this.#iceLife = this.#iceExpiresAt - Date.now();
    }
    this.#settleIce();
  }

  #settleIce() {
    this.#awaitsIce = false;
    for (const settled of this.#waiting) settled();
    this.#waiting.clear();
  }

  /** Forget the credentials: a TURN server has refused them. */
  expireIce() {
    this.#iceExpiresAt = 0;
  }

  /** The configuration of an RTCPeerConnection; credentials are fetched anew after 75 % of their life. */
  async configuration() {
    const own = this.options.rtc ?? {};
    if (own.iceServers) return own;
    const isOld = this.#iceExpiresAt - Date.now() < this.#iceLife / 4;
    if (isOld && this.send("ice-servers", undefined, undefined, "ice-servers")) this.#awaitsIce = true;
    if (this.#awaitsIce) {
      await /** @type {Promise<void>} */ (
        new Promise((resolve) => {
          this.#waiting.add(resolve);
          setTimeout(resolve, ICE_MS);
        })
      );
    }
    return { ...own, iceServers: this.#iceServers };
  }
}
