// Observations of a page: scripts that do the same with and without the probe. Both must see the same.

/** Everything about the classes and their methods that a page can look at. */
async function looks() {
  const pc = new RTCPeerConnection();
  class Peer extends RTCPeerConnection {
    get own() { return 7; }
    close() { super.close(); return "closed"; }
  }
  class Socket extends WebSocket {}
  const peer = new Peer();
  const method = (name) => {
    const { value, get, set, ...more } = Object.getOwnPropertyDescriptor(RTCPeerConnection.prototype, name);
    const of = [get, set, value].filter((each) => typeof each === "function");
    return [name, more, ...of.map((each) => [each.name, each.length, String(each).includes("[native code]")])];
  };
  const { value, ...flags } = Object.getOwnPropertyDescriptor(globalThis, "RTCPeerConnection");
  const seen = {
    is: [pc instanceof RTCPeerConnection, {} instanceof RTCPeerConnection, RTCPeerConnection instanceof Function],
    constructors: [pc.constructor === RTCPeerConnection, WebSocket.prototype.constructor === WebSocket, value === RTCPeerConnection],
    prototypes: [Object.getPrototypeOf(pc) === RTCPeerConnection.prototype, Object.getPrototypeOf(RTCPeerConnection) === Function.prototype],
    text: [String(pc), typeof RTCPeerConnection, String(RTCPeerConnection).includes("[native code]")],
    names: [RTCPeerConnection.name, RTCPeerConnection.length, WebSocket.name, WebSocket.length, WebSocket.OPEN],
    flags,
    alias: globalThis.webkitRTCPeerConnection === RTCPeerConnection,
    keys: Object.getOwnPropertyNames(RTCPeerConnection.prototype),
    own: [Object.keys(pc), Object.getOwnPropertyNames(RTCPeerConnection)],
    globals: Object.getOwnPropertyNames(globalThis).filter((name) => /rtc|socket|probe/i.test(name)),
    methods: Object.getOwnPropertyNames(RTCPeerConnection.prototype).map(method),
    statics: typeof (await RTCPeerConnection.generateCertificate({ name: "ECDSA", namedCurve: "P-256" })).expires,
    sub: [peer instanceof Peer, peer instanceof RTCPeerConnection, peer.constructor === Peer, peer.own, peer.close(), peer.signalingState, Peer.name],
    reflected: Reflect.construct(RTCPeerConnection, [], Peer).own,
    socket: new Socket("ws://127.0.0.1:1/") instanceof WebSocket,
    same: pc.createOffer === RTCPeerConnection.prototype.createOffer,
    promise: [pc.createOffer() instanceof Promise, pc.createOffer().constructor === Promise],
  };
  pc.close();
  return seen;
}

/** Each wrong use: whether it throws or rejects, and with what. */
async function failures(sdp) {
  const told = [];
  const attempt = async (name, use) => {
    let result;
    const text = (error) => [error?.constructor?.name, error?.name, error?.message, error instanceof DOMException];
    try {
      result = use();
    } catch (error) {
      told.push([name, "throws", ...text(error)]);
      return;
    }
    if (!(result instanceof Promise)) {
      told.push([name, "returns", typeof result]);
      return;
    }
    await result.then((value) => told.push([name, "resolves", typeof value]), (error) => told.push([name, "rejects", ...text(error)]));
  };
  const made = [];
  const pc = () => made[made.push(new RTCPeerConnection()) - 1];
  const closed = pc();
  closed.close();
  const offered = pc();
  await offered.setRemoteDescription({ type: "offer", sdp });
  const { prototype } = RTCPeerConnection;
  const uses = {
    noNew: () => RTCPeerConnection(),
    number: () => new RTCPeerConnection(7),
    scheme: () => new RTCPeerConnection({ iceServers: [{ urls: "http://x" }] }),
    policy: () => new RTCPeerConnection({ iceTransportPolicy: "some" }),
    remoteNothing: () => pc().setRemoteDescription(),
    remoteUndefined: () => pc().setRemoteDescription(undefined),
    remoteNull: () => pc().setRemoteDescription(null),
    remoteText: () => pc().setRemoteDescription(sdp),
    remoteEmpty: () => pc().setRemoteDescription({}),
    remoteType: () => pc().setRemoteDescription({ type: "ofer", sdp }),
    remoteNoSdp: () => pc().setRemoteDescription({ type: "offer" }),
    remoteNested: () => pc().setRemoteDescription({ type: "offer", sdp: { type: "offer", sdp } }),
    remoteGarbage: () => pc().setRemoteDescription({ type: "offer", sdp: "garbage" }),
    remoteAnswer: () => pc().setRemoteDescription({ type: "answer", sdp }),
    remoteGetter: () => pc().setRemoteDescription({ get type() { throw new RangeError("mine"); } }),
    localNothing: () => pc().setLocalDescription(),
    localOther: () => pc().setLocalDescription({ type: "offer", sdp }),
    localAnswer: () => pc().setLocalDescription({ type: "answer", sdp: "" }),
    localRollback: () => pc().setLocalDescription({ type: "rollback" }),
    answerEarly: () => pc().createAnswer(),
    candidateEarly: () => pc().addIceCandidate({ candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", sdpMid: "0" }),
    candidateNothing: () => offered.addIceCandidate(),
    candidateText: () => offered.addIceCandidate("candidate:1 1 udp 1 192.0.2.1 9 typ host"),
    candidateNoMid: () => offered.addIceCandidate({ candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host" }),
    candidateGarbage: () => offered.addIceCandidate({ candidate: "garbage", sdpMid: "0" }),
    candidateMid: () => offered.addIceCandidate({ candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", sdpMid: "9" }),
    candidateEnd: () => offered.addIceCandidate({ candidate: "", sdpMid: "0" }),
    channelNothing: () => pc().createDataChannel(),
    channelBoth: () => pc().createDataChannel("x", { maxRetransmits: 1, maxPacketLifeTime: 1 }),
    channelSymbol: () => pc().createDataChannel(Symbol("x")),
    closedOffer: () => closed.createOffer(),
    closedRemote: () => closed.setRemoteDescription({ type: "offer", sdp }),
    closedCandidate: () => closed.addIceCandidate(null),
    closedChannel: () => closed.createDataChannel("x"),
    closedRestart: () => closed.restartIce(),
    closedAgain: () => closed.close(),
    configuration: () => pc().setConfiguration(7),
    configurationChange: () => pc().setConfiguration({ bundlePolicy: "max-bundle" }),
    noSocketUrl: () => new WebSocket(),
    socketUrl: () => new WebSocket("nonsense:///"),
    socketProtocol: () => new WebSocket("ws://127.0.0.1:1/", "a b"),
  };
  for (const name of ["createOffer", "setLocalDescription", "addIceCandidate", "createDataChannel", "close", "restartIce"]) {
    for (const [which, self] of Object.entries({ object: {}, nothing: undefined, prototype, text: "x" })) {
      uses[`${name} of ${which}`] = () => prototype[name].call(self, "x");
    }
  }
  for (const [name, use] of Object.entries(uses)) await attempt(name, use);
  for (const each of made) each.close();
  return told;
}

/** The old form with callbacks: their arguments, their `this`, and the promise. */
async function callbacks(sdp) {
  const told = [];
  const pc = new RTCPeerConnection();
  pc.createDataChannel("x");
  const old = (name, use) =>
    new Promise((resolve) => {
      const done = (kind) =>
        function (...given) {
          told.push([name, kind, this === globalThis || this === undefined, given.length, given[0]?.constructor?.name, given[0]?.name ?? given[0]?.type]);
          setTimeout(resolve);
        };
      use(done("success"), done("failure")).then((value) => told.push([name, "promise", typeof value]), (error) => {
        told.push([name, "rejected", error.name]);
        setTimeout(resolve);
      });
    });
  await old("offer", (ok, bad) => pc.createOffer(ok, bad));
  await old("offer with options", (ok, bad) => pc.createOffer(ok, bad, { iceRestart: true }));
  await old("answer", (ok, bad) => pc.createAnswer(ok, bad));
  const offer = await pc.createOffer();
  await old("local", (ok, bad) => pc.setLocalDescription(offer, ok, bad));
  await old("remote garbage", (ok, bad) => pc.setRemoteDescription({ type: "answer", sdp: "garbage" }, ok, bad));
  await old("candidate", (ok, bad) => pc.addIceCandidate({ candidate: "garbage", sdpMid: "0" }, ok, bad));
  const other = new RTCPeerConnection();
  await old("remote", (ok, bad) => other.setRemoteDescription({ type: "offer", sdp }, ok, bad));
  told.push(["function as options", typeof (await pc.createOffer(() => {}))]);
  pc.close();
  other.close();
  return told;
}

/** Return the unhandled rejections, by their form, and the uncaught errors. */
async function rejections() {
  const told = [];
  const on = (type) => addEventListener(type, (event) => {
    told.push([type, event.reason?.name ?? event.message, event.promise === undefined ? "" : event.promise === kept]);
    event.preventDefault();
  });
  ["unhandledrejection", "rejectionhandled", "error"].forEach(on);
  let kept;
  const turn = () => new Promise((resolve) => { setTimeout(resolve, 20); });
  const pc = () => new RTCPeerConnection();
  const steps = {
    ignored: () => { kept = pc().createAnswer(); },
    ignoredTwice: () => { pc().createAnswer(); pc().setRemoteDescription(); },
    caught: () => { pc().createAnswer().catch(() => {}); },
    awaited: async () => { try { await pc().setRemoteDescription("x"); } catch { told.push(["caught"]); } },
    followed: () => { pc().createAnswer().then(() => {}); },
    thrown: () => { pc().createOffer().then(() => { throw new RangeError("mine"); }); },
    fulfilled: () => { pc().createOffer(); },
    late: async () => { kept = pc().addIceCandidate("x"); await turn(); kept.catch(() => told.push(["late"])); },
    raced: () => { Promise.allSettled([pc().createAnswer(), pc().createOffer()]); },
    callback: () => { pc().createOffer(() => { throw new SyntaxError("mine"); }, () => {}); },
    closed: () => {
      const peer = pc();
      peer.close();
      setTimeout(() => peer.createDataChannel("x"));
    },
    noChannel: () => { setTimeout(() => pc().createDataChannel()); },
    noPeer: () => { setTimeout(() => new RTCPeerConnection(7)); },
    listener: () => {
      const peer = pc();
      peer.onnegotiationneeded = () => { throw new EvalError("mine"); };
      peer.createDataChannel("x");
    },
  };
  for (const [name, step] of Object.entries(steps)) {
    told.push([name]);
    await step();
    await turn();
    await turn();
  }
  return told;
}

/** Handshakes in two pages, one after the other: each side's log, and how many connections live on. */
var Handshakes = class {
  constructor(url, game, name) {
    this.name = name;
    this.logs = [];
    this.alive = 0;
    this.registry = new FinalizationRegistry(() => { this.alive -= 1; });
    this.socket = new WebSocket(`${url}?playerId=${name}&gameId=${game}`);
    this.socket.onmessage = ({ data }) => {
      const { type, payload } = JSON.parse(data);
      this.next = (this.next ?? Promise.resolve()).then(() => this.take(type, payload));
    };
    this.isOpen = new Promise((resolve) => { this.socket.onopen = resolve; });
  }

  get other() { return this.name === "HOST" ? "Alice" : "HOST"; }

  send(type, payload) {
    this.socket.send(JSON.stringify({ type, targetId: this.other, payload }));
  }

  /** Do a number of handshakes; the player starts each of them. */
  async run(count) {
    await this.isOpen;
    this.logs = [];
    const start = performance.now();
    for (let number = 0; number < count; number += 1) {
      const isOver = new Promise((resolve) => { this.over = resolve; });
      if (this.name !== "HOST") this.send("join", null);
      await isOver;
    }
    return { logs: this.logs, ms: (performance.now() - start) / count, alive: this.alive };
  }

  open() {
    const log = { order: [], events: {} };
    this.logs.push(log);
    const pc = new RTCPeerConnection();
    this.alive += 1;
    this.registry.register(pc);
    const noted = (type, of) => (event) => {
      if (type === "signalingstatechange") log.order.push(`${of} ${type} ${pc.signalingState}`);
      else (log.events[type] ??= []).push(`${of} ${pc[STATE_OF[type]] ?? event.channel?.label ?? (event.candidate?.candidate ? "one" : "end")}`);
    };
    for (const type of [...Object.keys(STATE_OF), "icecandidate", "datachannel", "signalingstatechange"]) {
      pc[`on${type}`] = noted(type, "on");
      pc.addEventListener(type, noted(type, "listener"));
    }
    pc.addEventListener("icecandidate", ({ candidate }) => { if (candidate?.candidate) this.send("ice-candidate", candidate); });
    pc.addEventListener("datachannel", ({ channel }) => this.opened(channel));
    this.pc = pc;
    this.log = log;
    this.early = [];
    this.isReady = false;
  }

  /** Call a method; the log has its start, its end, and the microtask that follows. */
  async call(name, ...given) {
    const { log, pc } = this;
    log.order.push(`${name}(`);
    const promise = pc[name](...given);
    log.order.push(`${name}…`);
    queueMicrotask(() => log.order.push(`${name} microtask`));
    try {
      const value = await promise;
      log.order.push(`${name}) ${value?.type ?? typeof value}`);
      return value;
    } catch (error) {
      log.order.push(`${name}! ${error.name}`);
      throw error;
    }
  }

  opened(channel) {
    const { log } = this;
    const note = (type) => { (log.events.channel ??= []).push(`${type} ${channel.readyState}`); };
    channel.onopen = () => {
      note("open");
      if (this.name === "HOST") return;
      channel.send("hello");
      // Again, because Chromium loses the first message in one of some hundred connections.
      this.again = setInterval(() => channel.send("hello"), 500);
    };
    let isHeard = false;
    channel.onclose = () => note("close");
    channel.onmessage = ({ data }) => {
      if (!isHeard) note(`message ${data}`);
      isHeard = true;
      if (this.name === "HOST") channel.send("hello");
      this.end();
    };
  }

  // The player ends a handshake, after the second message; the host hears of it by "player-connected".
  end() {
    if (this.name === "HOST" || !this.pc) return;
    this.send("player-connected", null);
    this.close();
  }

  close() {
    clearInterval(this.again);
    this.pc.close();
    this.pc.onicecandidate = null;
    this.pc = undefined;
    this.log = undefined;
    this.over();
  }

  ready() {
    this.isReady = true;
    for (const candidate of this.early.splice(0)) this.add(candidate);
  }

  // Not awaited: the promise is never settled if the connection is closed meanwhile.
  add(candidate) {
    this.pc?.addIceCandidate(candidate).catch(() => {});
  }

  async take(type, payload) {
    if (type === "join") {
      this.open();
      this.opened(this.pc.createDataChannel("table"));
      await this.call("setLocalDescription", await this.call("createOffer"));
      this.send("offer", this.pc.localDescription);
    } else if (type === "offer") {
      this.open();
      await this.call("setRemoteDescription", payload);
      await this.call("setLocalDescription", await this.call("createAnswer"));
      this.send("answer", this.pc.localDescription);
      this.ready();
    } else if (type === "answer") {
      await this.call("setRemoteDescription", payload);
      await this.call("setRemoteDescription", payload).catch(() => {});
      this.ready();
    } else if (type === "ice-candidate") {
      if (this.isReady) this.add(payload);
      else this.early.push(payload);
    } else if (type === "player-connected") {
      this.close();
    } else {
      throw new Error(`${type} ${JSON.stringify(payload)}`);
    }
  }
};

const STATE_OF = { connectionstatechange: "connectionState", iceconnectionstatechange: "iceConnectionState", icegatheringstatechange: "iceGatheringState" };
