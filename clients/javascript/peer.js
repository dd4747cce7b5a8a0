import { Emitter, Problem } from "./events.js";

/**
 * @typedef {"negotiating" | "connected" | "reconnecting" | "closed"} PeerStatus
 * @typedef {{
 *   message: any, status: PeerStatus, problem: Problem,
 *   connection: RTCPeerConnection, channel: RTCDataChannel,
 * }} PeerEvents
 *   `connection`: a new RTCPeerConnection, before its first description: add tracks here.
 *   `channel`: a data channel of the other side besides the peer's own.
 *
 * @typedef {object} Far what a peer needs of its table or seat
 * @property {string} page id of this client object
 * @property {boolean} hosts true: it makes the connections, and its offer wins in a collision
 * @property {typeof globalThis.RTCPeerConnection} RTCPeerConnection
 * @property {() => Promise<RTCConfiguration>} configuration
 * @property {() => void} expireIce
 * @property {(type: string, targetId: string, payload: any) => boolean} send
 * @property {(peer: Peer, wish: {anew?: boolean}) => void} ask ask HOST for an ICE restart, or a new connection
 * @property {(state: string, more: object) => void} report
 */

const DISCONNECTED_MS = 2000;
const STEP_MS = 15_000;
/** A first negotiation that takes longer has lost a message. */
const FIRST_MS = 8000;
/** A description waits for the candidates that are there at once; they travel in it. */
const GATHER_MS = 50;
/** Candidates of this time are one message. */
const BATCH_MS = 20;
/** A repeated join is answered with the same offer at most this often. */
const REPEAT_MS = 1000;
const TURN_MS = 1000;
const LABEL = "table";
const MAX_HELD = 200;
const MAX_QUEUED = 1000;
/** Pages of the other side that are remembered as over; its frames arrive for seconds, not for days. */
const MAX_PAGES = 20;
const MAX_SID = 64;

/** @param {string} sdp */
const fingerprintOf = (sdp) => /a=fingerprint:(\S+ \S+)/.exec(sdp)?.[1] ?? "";

/** @param {string} sdp */
const isFirefox = (sdp) => sdp.includes("o=mozilla");

/** @param {string} sdp */
const ufragsOf = (sdp) => [...sdp.matchAll(/a=ice-ufrag:(\S+)/g)].map(([, ufrag]) => ufrag);

/**
 * The other side of a connection: the same object over ICE restarts and new RTCPeerConnections.
 *
 * Descriptions and candidates carry `sid`, "page.number" of the RTCPeerConnection at HOST, and
 * descriptions `seq`, which counts offers; an answer has its offer's. A peer without them (the client
 * in the field, aiortc) is known by its DTLS fingerprint: a new one is a new RTCPeerConnection.
 * All that arrives is handled in one chain of promises, one after another.
 * @extends {Emitter<PeerEvents>}
 */
export class Peer extends Emitter {
  /** @type {Far} */ #far;
  /** @type {RTCPeerConnection | undefined} */ #pc;
  /** @type {RTCDataChannel | undefined} */ #channel;
  #chain = Promise.resolve();
  /** @type {PeerStatus} */ #status = "negotiating";
  /** @type {string | undefined} */ #sid;
  #seq = 0;
  #number = 0;
  /** Pages of the other side that are over. @type {Set<string>} */ #formerPages = new Set();
  /** True: the other side is this client too. */ #isOurs = false;
  /** Remote candidates that wait for their description. @type {{sid?: string, candidate: any}[]} */ #held = [];
  /** Own candidates of this generation. @type {RTCIceCandidate[]} */ #candidates = [];
  /** Of them, how many were sent or are in the description. */ #sent = 0;
  /** True while the description waits for candidates. */ #isGathering = false;
  /** @type {(() => void) | undefined} */ #gathered;
  /** @type {any[]} */ #queue = [];
  /** @type {Record<string, ReturnType<typeof setTimeout>>} */ #timers = {};
  #describedAt = 0;
  #madeAt = 0;
  #startedAt = 0;
  #turnError = 0;
  #hasRelay = false;
  #turnTries = 0;
  #mayOffer = true;
  #meetsFirefox = false;
  #isUndelivered = false;
  #wasLeft = false;
  /** Time of the last frame of the other side, epoch milliseconds. */
  heardAt = Date.now();

  /**
   * @param {Far} far
   * @param {string} name
   * @param {string} [page] page of the other side, from its join
   */
  constructor(far, name, page) {
    super();
    this.#far = far;
    this.name = name;
    this.page = page;
    this.#isOurs = page !== undefined;
  }

  get status() {
    return this.#status;
  }

  /** The present RTCPeerConnection. A reconnect may replace it: see the event "connection". */
  get connection() {
    return this.#pc;
  }

  /** The present data channel. */
  get channel() {
    return this.#channel;
  }

  /** The last description of the other side, for a join. */
  get known() {
    return this.#isOurs ? { sid: this.#sid, seq: this.#seq } : {};
  }

  /** Milliseconds since the RTCPeerConnection was made. */
  get age() {
    return this.#pc ? Date.now() - this.#madeAt : Infinity;
  }

  /**
   * Send data. Until the channel is open it waits, 1000 messages at most.
   * @param {any} data what RTCDataChannel.send takes
   * @returns {boolean} false: it will not be sent, and a problem says why
   */
  send(data) {
    let problem;
    if (this.#status === "closed") problem = new Problem("CLOSED", `The connection to ${this.name} is closed.`);
    else if (this.#channel && this.#isOpen) {
      try {
        this.#channel.send(data);
        return true;
      } catch (cause) {
        problem = new Problem("NOT_SENT", `A message to ${this.name} could not be sent.`, false, cause);
      }
    } else if (this.#queue.length < MAX_QUEUED) return this.#queue.push(data) > 0;
    else problem = new Problem("QUEUE_FULL", `Too many messages wait for the connection to ${this.name}.`);
    this.emit("problem", problem);
    return false;
  }

  /** End the connection. */
  close() {
    if (this.#status === "closed") return;
    this.#far.report("closed", {});
    this.#cancel("step");
    this.#drop();
    this.#queue = [];
    this.#tell("closed");
  }

  /**
   * End the connection with a problem.
   * @param {Problem} problem
   */
  fail(problem) {
    this.emit("problem", problem);
    if (!problem.retry) this.close();
  }

  /** HOST: make an RTCPeerConnection and offer it. */
  offer() {
    this.#do(async () => {
      await this.#make(`${this.#far.page}.${(this.#number += 1)}`);
      // Fires negotiationneeded.
      if (this.#pc) this.#adopt(this.#pc.createDataChannel(LABEL));
    });
  }

  /**
   * HOST: handle a join of the page that this connection is with.
   * @param {any} payload
   */
  joined(payload) {
    this.#do(async () => {
      const pc = this.#pc;
      if (!pc) return;
      const isPresent = payload?.sid === this.#sid && payload.seq === this.#seq;
      if (isPresent && payload.anew) this.offer();
      else if (pc.signalingState === "have-local-offer") {
        // The offer or its answer was lost.
        if (Date.now() - this.#describedAt > REPEAT_MS) this.#resend();
      } else if (isPresent) await this.#restart();
    });
  }

  /** Signaling is back: send again what may have been lost. */
  restore() {
    if (this.#far.hosts) this.#do(async () => this.#isOpen || this.#resend());
    else if (!this.#isOpen) this.#far.ask(this, {});
  }

  /** Check now, after a sleep. */
  wake() {
    if (this.#status === "connected" && this.#pc?.connectionState !== "connected") this.#recover();
  }

  /** The other side's page is gone for good, or HOST is back. */
  hurry() {
    if (!this.#isOpen && this.#status !== "closed") this.#recover(true);
  }

  /**
   * Handle an offer, an answer or candidates.
   * @param {string} type
   * @param {any} payload
   */
  receive(type, payload) {
    this.heardAt = Date.now();
    this.#do(async () => {
      if (type === "ice-candidate") await this.#takeCandidates(payload);
      else if (typeof (payload?.sdp ?? payload) !== "string") throw this.#invalid(type, payload);
      else await this.#takeDescription(type, typeof payload === "string" ? { sdp: payload } : payload);
    });
  }

  /** The game is a star: its players may not offer, and ask HOST to. */
  mayNotOffer() {
    this.#mayOffer = false;
    this.#do(async () => {
      const pc = this.#pc;
      if (pc?.signalingState !== "have-local-offer") return;
      this.#seq -= 1;
      await pc.setLocalDescription({ type: "rollback" });
      this.#far.ask(this, {});
    });
  }

  /**
   * A message to the other side did not arrive. Told once in an outage.
   * @param {Problem} problem
   */
  undelivered(problem) {
    if (this.#far.hosts && this.#wasLeft) this.close();
    else if (!this.#isUndelivered) this.emit("problem", problem);
    this.#isUndelivered = true;
  }

  get #isOpen() {
    return this.#channel?.readyState === "open" && this.#status === "connected";
  }

  /**
   * @param {string} type
   * @param {unknown} payload
   */
  #invalid(type, payload) {
    return new Problem("INVALID_FRAME", `${this.name} sent an ${type} that cannot be read.`, true, payload);
  }

  /** @param {() => Promise<unknown>} work */
  #do(work) {
    this.#chain = this.#chain.then(async () => {
      const pc = this.#pc;
      try {
        if (this.#status !== "closed") await work();
      } catch (cause) {
        // Of a connection that was closed or replaced meanwhile, nothing matters.
        if (this.#status === "closed" || (pc && pc !== this.#pc)) return;
        const text = cause instanceof Error ? cause.message : String(cause);
        const message = `The connection to ${this.name} met an error: ${text}`;
        this.fail(cause instanceof Problem ? cause : new Problem("WEBRTC", message, true, cause));
      }
    });
  }

  /** @param {PeerStatus} status */
  #tell(status) {
    if (status === this.#status) return;
    this.#status = status;
    this.emit("status", status);
  }

  /**
   * @param {string} key
   * @param {number} ms
   * @param {() => void} work
   */
  #after(key, ms, work) {
    clearTimeout(this.#timers[key]);
    this.#timers[key] = setTimeout(work, ms);
  }

  /** @param {string[]} keys */
  #cancel(...keys) {
    for (const key of keys) clearTimeout(this.#timers[key]);
  }

  #drop() {
    this.#cancel("gather", "batch", "lost", "turn");
    this.#gathered?.();
    const pc = this.#pc;
    this.#pc = this.#channel = undefined;
    pc?.close();
  }

  /** @param {string} sid */
  async #make(sid) {
    const configuration = await this.#far.configuration();
    if (this.#status === "closed") return;
    this.#drop();
    this.#sid = sid;
    this.#seq = 0;
    this.#newGeneration();
    this.#madeAt = Date.now();
    this.#startedAt ||= this.#madeAt;
    let pc;
    try {
      pc = this.#pc = new this.#far.RTCPeerConnection(configuration);
    } catch (cause) {
      throw new Problem("NO_WEBRTC", "This device cannot make WebRTC connections with this configuration.", false, cause);
    }
    /** @param {(event: any) => void} work @returns {(event: any) => void} */
    const ours = (work) => (event) => {
      if (pc === this.#pc) work(event);
    };
    pc.onnegotiationneeded = ours(() => {
      if (this.#mayOffer) this.#do(() => this.#negotiate());
      else this.#far.ask(this, {});
    });
    pc.onicecandidate = ours(({ candidate }) => this.#gather(candidate));
    pc.onicecandidateerror = ours(({ errorCode, url = "" }) => {
      if (/^turn/.test(url) || errorCode === 401) this.#turnError = errorCode === 701 && this.#turnError ? this.#turnError : errorCode;
    });
    pc.onicegatheringstatechange = ours(() => {
      if (pc.iceGatheringState === "complete") this.#allGathered(configuration);
    });
    // Firefox before 113 has the state of ICE only.
    pc.onconnectionstatechange = pc.oniceconnectionstatechange = ours(() => this.#stateChanged(pc));
    pc.ondatachannel = ours(({ channel }) => {
      const isFirst = !this.#channel && (channel.label === LABEL || !this.#isOurs);
      if (isFirst) this.#adopt(channel);
      else this.emit("channel", channel);
    });
    if (this.#status === "connected") {
      this.#startedAt = this.#madeAt;
      this.#tell("reconnecting");
    }
    if (this.#step === 0) this.#after("step", FIRST_MS, () => this.#recover());
    this.emit("connection", pc);
  }

  /** @param {RTCPeerConnection} pc */
  #stateChanged(pc) {
    const state = pc.connectionState ?? pc.iceConnectionState;
    if (state === "connected") {
      this.#cancel("lost");
      this.#connected();
    } else if (state === "disconnected") {
      this.#after("lost", DISCONNECTED_MS, () => this.#recover());
    } else if (state === "failed") this.#recover();
  }

  /** @param {RTCDataChannel} channel */
  #adopt(channel) {
    this.#channel = channel;
    channel.binaryType = "arraybuffer";
    /** @param {(event: any) => void} work @returns {(event: any) => void} */
    const ours = (work) => (event) => {
      if (channel === this.#channel) work(event);
    };
    channel.onopen = ours(() => this.#connected());
    channel.onmessage = ours(({ data }) => {
      this.heardAt = Date.now();
      this.emit("message", data);
    });
    // The other page has closed the connection or is gone: an ICE restart would open nothing. A player
    // asks for a new connection; HOST waits for a join, and closes what it cannot reach.
    channel.onclose = ours(() => {
      this.#wasLeft = true;
      if (this.#status === "connected") this.#tell("reconnecting");
      if (this.#far.hosts) this.#after("lost", DISCONNECTED_MS, () => this.#recover(true));
      else this.#recover(true);
    });
    channel.onerror = () => {};
    if (channel.readyState === "open") queueMicrotask(() => channel === this.#channel && this.#connected());
  }

  /** After a restart the channel stays open; after a new connection it opens. */
  #connected() {
    const pc = this.#pc;
    if (!pc || this.#channel?.readyState !== "open" || this.#status === "connected") return;
    if (pc.connectionState && pc.connectionState !== "connected") return;
    this.#cancel("step", "lost");
    this.#step = 0;
    this.#turnTries = 0;
    this.#isUndelivered = this.#wasLeft = false;
    this.#tell("connected");
    for (const data of this.#queue.splice(0)) this.send(data);
    this.#measure(pc, Date.now() - this.#startedAt);
  }

  /**
   * @param {RTCPeerConnection} pc
   * @param {number} ms
   */
  async #measure(pc, ms) {
    /** @type {any[]} */
    const all = [];
    try {
      (await pc.getStats()).forEach((/** @type {any} */ each) => all.push(each));
    } catch {
      // Without figures the report is still worth sending.
    }
    const chosen = all.find((each) => each.type === "transport")?.selectedCandidatePairId;
    const pair = all.find(({ id, type, selected }) => (chosen ? id === chosen : type === "candidate-pair" && selected));
    const kinds = [pair?.localCandidateId, pair?.remoteCandidateId].map((end) => all.find(({ id }) => id === end)?.candidateType);
    if (pc === this.#pc) this.#far.report("connected", { ms, pair: kinds[0] ? kinds.join("/") : undefined });
  }

  // Reconnecting: an ICE restart, 15 s later a new connection, and so on until close().

  #step = 0;

  /** @param {boolean} [anew] true: an ICE restart cannot help */
  #recover(anew = false) {
    const isRunning = this.#step > 0;
    if (this.#status === "closed" || (isRunning && !(anew && this.#step === 1))) return;
    this.#cancel("lost");
    if (!isRunning) this.#startedAt = Date.now();
    this.#far.report(this.#pc?.connectionState === "failed" ? "failed" : "disconnected", {});
    if (this.#status === "connected") this.#tell("reconnecting");
    this.#step = anew ? 1 : 0;
    this.#recoverStep();
  }

  #recoverStep() {
    const anew = this.#step > 0;
    this.#step += 1;
    this.#after("step", STEP_MS, () => this.#recoverStep());
    if (!this.#far.hosts) this.#far.ask(this, { anew });
    else if (anew) this.offer();
    else this.#do(() => this.#restart());
  }

  async #restart() {
    if (this.#pc?.signalingState === "have-local-offer") this.#resend();
    else await this.#negotiate({ iceRestart: true });
  }

  // Descriptions.

  /** @param {RTCOfferOptions} [options] */
  async #negotiate(options = {}) {
    const pc = this.#pc;
    if (!pc || pc.signalingState !== "stable") return;
    const remote = pc.remoteDescription?.sdp;
    // Chromium and Firefox cannot do all of this together. After Chromium's restart its new sockets may
    // stay with Firefox's old ones, which Firefox drops; and Firefox answers an offer of the side that
    // had answered before with another DTLS role.
    const isMixed = this.#meetsFirefox && !isFirefox(pc.localDescription?.sdp ?? "");
    if (isMixed && !this.#far.hosts) return this.#far.ask(this, {});
    if (options.iceRestart) await this.#refresh(pc);
    const offer = await pc.createOffer(options);
    if (pc !== this.#pc || pc.signalingState !== "stable") return;
    const isRestart = remote !== undefined && ufragsOf(pc.localDescription?.sdp ?? "")[0] !== ufragsOf(offer.sdp ?? "")[0];
    if (isRestart && isMixed) return this.offer();
    this.#seq += 1;
    if (isRestart) this.#newGeneration();
    await this.#describe(pc, offer);
  }

  /** @param {RTCPeerConnection} pc */
  async #refresh(pc) {
    const configuration = await this.#far.configuration();
    if (pc === this.#pc && configuration.iceServers?.length) pc.setConfiguration?.(configuration);
  }

  #newGeneration() {
    this.#candidates = [];
    this.#sent = 0;
    this.#hasRelay = false;
    this.#turnError = 0;
  }

  /**
   * Set and send a description; the candidates of its first moment are in it.
   * @param {RTCPeerConnection} pc
   * @param {RTCLocalSessionDescriptionInit} description
   */
  async #describe(pc, description) {
    this.#isGathering = true;
    await pc.setLocalDescription(description);
    if (pc.iceGatheringState !== "complete") {
      await /** @type {Promise<void>} */ (
        new Promise((resolve) => {
          this.#gathered = resolve;
          this.#after("gather", GATHER_MS, resolve);
        })
      );
    }
    this.#isGathering = false;
    if (pc === this.#pc) this.#sendDescription();
  }

  #sendDescription() {
    const { type, sdp } = this.#pc?.localDescription ?? {};
    if (!type || !sdp) return;
    this.#sent = this.#candidates.length;
    this.#describedAt = Date.now();
    this.#far.send(type, this.name, { type, sdp, sid: this.#sid, seq: this.#seq });
  }

  /** Send the description and all candidates again: what arrives twice does no harm. */
  #resend() {
    const pc = this.#pc;
    const isOffer = pc?.signalingState === "have-local-offer";
    if (isOffer || (pc?.signalingState === "stable" && pc.localDescription?.type === "answer")) this.#sendDescription();
    this.#sent = 0;
    this.#sendCandidates();
  }

  /**
   * @param {string} type
   * @param {any} payload
   */
  async #takeDescription(type, payload) {
    const { sdp } = payload;
    const isOurs = typeof payload.sid === "string" && payload.sid.length <= MAX_SID && Number.isSafeInteger(payload.seq) && payload.seq > 0;
    const sid = isOurs ? payload.sid : fingerprintOf(sdp);
    if (type === "answer") {
      const isTheOne = this.#pc?.signalingState === "have-local-offer" && (!isOurs || (sid === this.#sid && payload.seq === this.#seq));
      if (isTheOne) await this.#setRemote(/** @type {RTCPeerConnection} */ (this.#pc), { type, sdp }, isOurs);
      return;
    }
    if (isOurs && this.#isPast(sid)) return;
    const remote = this.#pc?.remoteDescription?.sdp;
    const present = isOurs ? this.#sid : remote ? fingerprintOf(remote) : sid;
    if (!this.#pc || sid !== present) {
      // An offer of a new RTCPeerConnection: Firefox cannot take it on an old one.
      this.#rememberPage(sid);
      await this.#make(sid);
    } else if (isOurs) {
      const isStable = this.#pc.signalingState === "stable";
      // A repetition: the answer was lost.
      if (isStable && payload.seq === this.#seq && this.#pc.localDescription?.type === "answer") this.#resend();
      // A newer one overtook it.
      if (payload.seq < this.#seq || (isStable && payload.seq === this.#seq)) return;
    }
    const pc = this.#pc;
    if (!pc) return;
    // Perfect negotiation: of two offers, HOST's stays and the player's is rolled back.
    if (pc.signalingState !== "stable" && this.#far.hosts) return;
    if (pc.remoteDescription) await this.#refresh(pc);
    const isRestart = pc.remoteDescription && ufragsOf(pc.remoteDescription.sdp)[0] !== ufragsOf(sdp)[0];
    await this.#setRemote(pc, { type: "offer", sdp }, isOurs);
    if (isOurs) this.#seq = payload.seq;
    if (isRestart) this.#newGeneration();
    const answer = await pc.createAnswer();
    if (pc === this.#pc) await this.#describe(pc, answer);
  }

  /**
   * Set a remote description, and add the candidates that waited for it.
   * @param {RTCPeerConnection} pc
   * @param {any} description
   * @param {boolean} isOurs
   */
  async #setRemote(pc, description, isOurs) {
    await pc.setRemoteDescription(description);
    // Of the text as it came: pc.remoteDescription has another first line.
    this.#meetsFirefox = isFirefox(description.sdp);
    this.#isOurs = isOurs;
    await this.#addHeld();
  }

  // "page.number": a lower number of the same page, or a page before the present one.
  /** @param {string} sid */
  #isPast(sid) {
    const [page, number] = sid.split(".");
    const [present, last] = this.#sid?.split(".") ?? [];
    return this.#formerPages.has(page) || (page === present && Number(number) < Number(last));
  }

  /** @param {string} sid */
  #rememberPage(sid) {
    const former = this.#sid?.split(".")[0];
    if (former !== undefined && former !== sid.split(".")[0]) this.#formerPages.add(former);
    if (this.#formerPages.size > MAX_PAGES) this.#formerPages.delete([...this.#formerPages][0]);
  }

  // Candidates.

  /** @param {RTCIceCandidate | null} candidate */
  #gather(candidate) {
    // null or empty at the end: clients in the field cannot handle it.
    if (!candidate?.candidate) return;
    if (/ typ relay/.test(candidate.candidate)) this.#hasRelay = true;
    this.#candidates.push(candidate);
    if (!this.#isGathering) this.#after("batch", this.#isOurs ? BATCH_MS : 0, () => this.#sendCandidates());
  }

  #sendCandidates() {
    const fresh = this.#candidates.slice(this.#sent);
    this.#sent = this.#candidates.length;
    const sid = this.#sid;
    const plain = fresh.map((each) => (each.toJSON ? each.toJSON() : each));
    if (this.#isOurs && plain.length > 1) this.#far.send("ice-candidate", this.name, { candidates: plain, sid });
    else for (const each of plain) this.#far.send("ice-candidate", this.name, { ...each, sid });
  }

  /** @param {any} payload */
  async #takeCandidates(payload) {
    if (payload === null || payload?.candidate === "") return;
    for (const candidate of payload?.candidates ?? [payload]) {
      if (typeof candidate?.candidate !== "string") throw this.#invalid("ice-candidate", payload);
      this.#held.push({ sid: typeof payload.sid === "string" ? payload.sid : undefined, candidate });
    }
    if (this.#held.length > MAX_HELD) this.#held.splice(0, this.#held.length - MAX_HELD);
    await this.#addHeld();
  }

  async #addHeld() {
    const pc = this.#pc;
    const sdp = pc?.remoteDescription?.sdp;
    if (!pc || !sdp) return;
    const ufrags = ufragsOf(sdp);
    const held = this.#held;
    this.#held = [];
    for (const each of held) {
      const { sid, candidate } = each;
      const ufrag = candidate.usernameFragment ?? / ufrag (\S+)/.exec(candidate.candidate)?.[1];
      const waits = (sid !== undefined && sid !== this.#sid) || (ufrag && !ufrags.includes(ufrag));
      if (!waits) await pc.addIceCandidate(candidate);
      else if (sid === undefined || !this.#isPast(sid)) this.#held.push(each);
    }
  }

  /** @param {RTCConfiguration} configuration */
  #allGathered(configuration) {
    this.#gathered?.();
    const urls = (configuration.iceServers ?? []).flatMap(({ urls }) => urls);
    if (this.#hasRelay || !urls.some((url) => /^turn/.test(url))) return;
    const isRefused = this.#turnError > 0 && this.#turnError !== 701;
    if (isRefused && this.#turnTries === 0) {
      // The credentials may have expired: once more with fresh ones, unless it connects without.
      this.#far.expireIce();
      this.#after("turn", TURN_MS, () => {
        if (!this.#isOpen) this.#recover(true);
      });
    } else if (this.#turnTries < 2) {
      this.#turnTries = 2;
      const what = isRefused ? `refused the credentials (${this.#turnError})` : "could not be reached";
      const message = `The TURN server ${what}: behind some networks no connection is possible.`;
      const isOver = configuration.iceTransportPolicy === "relay" && this.#status === "negotiating";
      this.fail(new Problem(isRefused ? "TURN_REFUSED" : "TURN_UNREACHABLE", message, !isOver, urls));
    }
    this.#turnTries += 1;
  }
}
