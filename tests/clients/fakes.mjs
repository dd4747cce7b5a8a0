// A WebSocket and an RTCPeerConnection without a network: the test plays server and other side.

export class FakeSocket {
  static all = [];
  static refuses = false;

  constructor(url) {
    this.url = url;
    this.readyState = 0;
    this.sent = [];
    FakeSocket.all.push(this);
    if (FakeSocket.refuses) queueMicrotask(() => this.end(1006));
  }

  static get last() {
    return FakeSocket.all.at(-1);
  }

  get query() {
    return Object.fromEntries(new URL(this.url).searchParams);
  }

  open() {
    this.readyState = 1;
    this.onopen();
  }

  send(text) {
    if (this.readyState !== 1) throw new Error("not open");
    this.sent.push(JSON.parse(text));
  }

  hear(frame) {
    this.onmessage({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }

  close(code) {
    this.closedWith = code;
    if (this.readyState < 2) this.readyState = 2;
  }

  end(code, reason = "") {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onerror?.();
    this.onclose({ code, reason });
  }

  types() {
    return this.sent.map(({ type }) => type);
  }

  of(type) {
    return this.sent.filter((each) => each.type === type);
  }
}

class FakeChannel {
  readyState = "connecting";
  sent = [];

  constructor(label) {
    this.label = label;
  }

  send(data) {
    this.sent.push(data);
  }

  open() {
    this.readyState = "open";
    this.onopen?.();
  }

  end() {
    this.readyState = "closed";
    this.onclose?.();
  }
}

export class FakePeer {
  static all = [];
  signalingState = "stable";
  connectionState = "new";
  iceGatheringState = "complete";
  localDescription = null;
  remoteDescription = null;
  candidates = [];
  isClosed = false;
  #generation = 1;

  constructor(configuration) {
    this.configuration = configuration;
    this.id = FakePeer.all.push(this);
  }

  static get last() {
    return FakePeer.all.at(-1);
  }

  #sdp() {
    return `v=0\r\na=ice-ufrag:own${this.id}-${this.#generation}\r\na=fingerprint:sha-256 OWN${this.id}\r\n`;
  }

  async createOffer({ iceRestart = false } = {}) {
    if (iceRestart) this.#generation += 1;
    return { type: "offer", sdp: this.#sdp() };
  }

  async createAnswer() {
    return { type: "answer", sdp: this.#sdp() };
  }

  async setLocalDescription(description) {
    if (description.type === "rollback") {
      this.signalingState = "stable";
      return;
    }
    this.localDescription = description;
    this.signalingState = description.type === "offer" ? "have-local-offer" : "stable";
  }

  async setRemoteDescription(description) {
    if (!description.sdp.startsWith("v=0")) throw new TypeError("no SDP");
    this.remoteDescription = description;
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
  }

  async addIceCandidate(candidate) {
    this.candidates.push(candidate.candidate);
  }

  createDataChannel(label) {
    this.channel = new FakeChannel(label);
    queueMicrotask(() => this.onnegotiationneeded?.());
    return this.channel;
  }

  setConfiguration(configuration) {
    this.configuration = configuration;
  }

  async getStats() {
    return new Map();
  }

  close() {
    this.isClosed = true;
    this.signalingState = "closed";
  }

  /** The other side's channel arrives, and everything is connected. */
  connect() {
    if (!this.channel) {
      this.channel = new FakeChannel("table");
      this.ondatachannel({ channel: this.channel });
    }
    this.change("connected");
    this.channel.open();
  }

  change(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

/** A description of the other side. */
export const sdp = (name, generation = 1) =>
  `v=0\r\na=ice-ufrag:${name}${generation}\r\na=fingerprint:sha-256 ${name}\r\n`;
