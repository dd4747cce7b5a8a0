// A peer of a game: a WebRTC client in small steps. A breakage is a function body that replaces
// steps of `client` before it connects; tests/inspector/breakages.py has them.
//
// The parts below `Truth` are never replaced. They write the log of this page, which the hall keeps
// (breakable-hall.html), so that it outlives a reload and the end of the page.

class Client {
  configuration = { iceServers: [] };
  peers = new Map();

  constructor({ name, game, url, turn, hosts }) {
    Object.assign(this, { name, game, url, turn, hosts });
  }

  // Signaling.

  query() {
    return `playerId=${encodeURIComponent(this.name)}&gameId=${encodeURIComponent(this.game)}`;
  }

  connect() {
    this.socket = new WebSocket(`${this.url}?${this.query()}`);
    observeSocket(this.socket);
    this.socket.onopen = () => this.onOpen();
    this.socket.onmessage = ({ data }) => this.onText(data);
  }

  /** Players join; a host waits for them. */
  onOpen() {
    if (this.hosts) return;
    this.send("join", "HOST", { playerName: this.name });
  }

  onText(text) {
    const { type, senderId, payload } = JSON.parse(text);
    note(`heard ${type}${payload?.code ? ` ${payload.code}` : ""}`);
    this.onMessage(type, senderId, payload).then(
      () => note(`done ${type}`),
      (error) => this.onError(error),
    );
  }

  async onMessage(type, from, payload) {
    if (type === "join") await this.onJoin(from);
    if (type === "offer") await this.onOffer(from, payload);
    if (type === "answer") await this.onAnswer(from, payload);
    if (type === "ice-candidate") await this.onCandidate(from, payload);
  }

  /** Most pages print an error and go on. */
  onError(error) {
    note(`error ${error.name}: ${error.message}`);
  }

  send(type, targetId, payload) {
    this.socket.send(this.encode(type, targetId, payload));
    note(`sent ${type}`);
  }

  encode(type, targetId, payload) {
    return JSON.stringify({ type, targetId, payload });
  }

  sendDescription(to, description) {
    this.send(description.type, to, description);
  }

  sendCandidate(to, candidate) {
    this.send("ice-candidate", to, candidate);
  }

  // WebRTC.

  newPeer(other) {
    const peer = new RTCPeerConnection(this.configuration);
    observePeer(peer);
    peer.early = []; // candidates that arrived before their description
    peer.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.sendCandidate(other, candidate);
    };
    peer.ondatachannel = ({ channel }) => this.use(channel);
    this.peers.set(other, peer);
    return peer;
  }

  peerOf(other) {
    return this.peers.get(other) ?? this.newPeer(other);
  }

  /** Create what the offer is about. */
  addContent(peer) {
    const channel = peer.createDataChannel("table");
    observeChannel(channel);
    this.use(channel);
  }

  use(channel) {
    channel.onmessage = ({ data }) => note(`message ${data}`);
    if (channel.readyState === "open") this.onChannel(channel);
    else channel.onopen = () => this.onChannel(channel);
  }

  onChannel(channel) {
    channel.send(`hello from ${this.name}`);
  }

  async onJoin(from) {
    const peer = this.newPeer(from);
    this.addContent(peer);
    await this.offer(from, peer);
  }

  async offer(to, peer) {
    await peer.setLocalDescription(await peer.createOffer());
    this.sendDescription(to, peer.localDescription);
  }

  async onOffer(from, offer) {
    const peer = this.peerOf(from);
    await peer.setRemoteDescription(offer);
    await this.addEarly(peer);
    await this.answer(from, peer);
  }

  async answer(to, peer) {
    await peer.setLocalDescription(await peer.createAnswer());
    this.sendDescription(to, peer.localDescription);
  }

  async onAnswer(from, answer) {
    const peer = this.peers.get(from);
    await peer.setRemoteDescription(answer);
    await this.addEarly(peer);
  }

  async onCandidate(from, candidate) {
    const peer = this.peerOf(from);
    if (peer.remoteDescription) await peer.addIceCandidate(candidate);
    else peer.early.push(candidate);
  }

  async addEarly(peer) {
    for (const candidate of peer.early.splice(0)) await peer.addIceCandidate(candidate);
  }
}

// Truth.

const { id, patch, ...seat } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
const note = (text) => window.parent.note(id, text);

/** Resolve as soon as the log has `count` lines that begin with `text`. */
const until = (text, count = 1) => window.parent.until(id, text, count);

/** Resolve when as many candidates were heard as a peer on this machine gathers. */
const heardAllCandidates = () => until("heard ice-candidate", window.parent.candidates);

/** Resolve after a handshake of two peers within one page. */
const whileOthersConnect = () => window.parent.handshake();

/** Close the socket; return whether it was open. The probe tells this last. */
function hangUp() {
  const isOpen = client.socket?.readyState === WebSocket.OPEN;
  if (isOpen) client.socket.close();
  return isOpen;
}

/** Close all: Chromium counts the open ones of pages that are gone, up to 500. */
function tidyUp() {
  for (const peer of observed) peer.close();
}

const closeTab = () => window.parent.leave(id);
const isReloaded = performance.getEntriesByType("navigation")[0].type === "reload";

function observeSocket(socket) {
  socket.addEventListener("open", () => note("socket open"));
  socket.addEventListener("close", ({ code }) => note(`socket closed ${code}`));
}

const observed = [];
function observePeer(peer) {
  observed.push(peer);
  peer.addEventListener("connectionstatechange", () => note(`peer ${peer.connectionState}`));
  peer.addEventListener("iceconnectionstatechange", () => note(`ice ${peer.iceConnectionState}`));
  peer.addEventListener("icegatheringstatechange", () => {
    if (peer.iceGatheringState === "complete") note("gathered");
  });
  peer.addEventListener("icecandidateerror", ({ errorCode }) => note(`candidate error ${errorCode}`));
  peer.addEventListener("datachannel", ({ channel }) => observeChannel(channel));
}

function observeChannel(channel) {
  const opened = () => note(`channel open ${channel.label}`);
  if (channel.readyState === "open") opened();
  else channel.addEventListener("open", opened);
  channel.addEventListener("close", () => note(`channel closed ${channel.label}`));
}

window.addEventListener("error", ({ error }) => note(`uncaught ${error.name}: ${error.message}`));
window.addEventListener("unhandledrejection", ({ reason }) =>
  note(`unhandled ${reason.name}: ${reason.message}`));

const client = new Client(seat);
new Function("client", patch)(client);
client.connect();
