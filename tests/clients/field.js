// The client in the field, below its screens: tests/field/client.py has its rules, and why.
//
// Its host deletes by name: after 5 s without a channel, at `failed`, `disconnected` and `close`, and at
// the fourth ping that is missed. Its player joins once, and has one RTCPeerConnection for good.
// Pings travel as text "ping" and "pong" beside the game's messages.

const JOIN_MS = 1000;
const GIVE_UP_MS = 5000;
const PING_MS = 3000;
const MAX_MISSED = 3;

const address = (url, name, code) => `${url}?playerId=${encodeURIComponent(name)}&gameId=${encodeURIComponent(code)}`;

class Far {
  #listeners = [];
  channel;
  connection;

  on(type, listener) {
    if (type === "message") this.#listeners.push(listener);
  }

  emit(text) {
    for (const listener of this.#listeners) listener(text);
  }

  send(text) {
    if (this.channel?.readyState === "open") this.channel.send(text);
  }
}

function talking(socket) {
  return (type, targetId, payload) => {
    if (socket.readyState === 1) socket.send(JSON.stringify({ type, targetId, payload }));
  };
}

export function fieldHost(url, code) {
  const far = new Far();
  const socket = new WebSocket(address(url, "HOST", code));
  const send = talking(socket);
  const peers = new Map();

  const remove = (name) => {
    clearInterval(peers.get(name)?.beat);
    peers.delete(name);
  };
  const removeUnlessOpen = (name) => {
    if (peers.get(name)?.channel.readyState !== "open") remove(name);
  };

  async function offer(name) {
    const pc = new RTCPeerConnection({ iceServers: [] });
    const channel = pc.createDataChannel("game");
    const peer = { pc, channel, early: [], missed: 0, beat: 0 };
    peers.set(name, peer);
    setTimeout(() => removeUnlessOpen(name), GIVE_UP_MS);
    channel.onopen = () => {
      Object.assign(far, { channel, connection: pc });
      peer.beat = setInterval(() => {
        peer.missed += 1;
        if (peer.missed > MAX_MISSED) remove(name);
        else channel.send("ping");
      }, PING_MS);
    };
    channel.onmessage = ({ data }) => {
      if (data === "pong") peer.missed = 0;
      else far.emit(data);
    };
    channel.onclose = () => remove(name);
    pc.onconnectionstatechange = () => {
      if (/failed|disconnected/.test(pc.connectionState)) removeUnlessOpen(name);
    };
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) send("ice-candidate", name, candidate);
    };
    await pc.setLocalDescription(await pc.createOffer());
    send("offer", name, pc.localDescription);
  }

  socket.onmessage = async ({ data }) => {
    const { type, senderId, payload } = JSON.parse(data);
    if (!senderId) return;
    if (type === "join") {
      if (!peers.has(senderId)) await offer(senderId);
      return;
    }
    const peer = peers.get(senderId);
    if (!peer) return;
    if (type === "answer") {
      await peer.pc.setRemoteDescription(payload);
      for (const candidate of peer.early.splice(0)) await peer.pc.addIceCandidate(candidate);
    } else if (type === "ice-candidate") {
      if (peer.pc.remoteDescription) await peer.pc.addIceCandidate(payload);
      else peer.early.push(payload);
    }
  };
  return far;
}

export function fieldPlayer(url, code, name) {
  const far = new Far();
  const socket = new WebSocket(address(url, name, code));
  const send = talking(socket);
  let pc = null;
  let early = [];

  function make() {
    pc = new RTCPeerConnection({ iceServers: [] });
    early = [];
    pc.ondatachannel = ({ channel }) => {
      Object.assign(far, { channel, connection: pc });
      channel.onmessage = ({ data }) => {
        if (data === "ping") channel.send("pong");
        else far.emit(data);
      };
    };
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) send("ice-candidate", "HOST", candidate);
    };
  }

  setTimeout(() => {
    far.status = socket.readyState === 1 ? "joins in time" : "the socket was not open after a second";
    send("join", "HOST", { playerName: name });
  }, JOIN_MS);
  socket.onmessage = async ({ data }) => {
    const { type, payload } = JSON.parse(data);
    if (type === "error") {
      socket.close();
      pc?.close();
      pc = null;
    } else if (type === "offer") {
      if (!pc) make();
      await pc.setRemoteDescription(payload);
      for (const candidate of early.splice(0)) await pc.addIceCandidate(candidate);
      await pc.setLocalDescription(await pc.createAnswer());
      send("answer", "HOST", pc.localDescription);
    } else if (type === "ice-candidate") {
      if (pc?.remoteDescription) await pc.addIceCandidate(payload);
      else early.push(payload);
    }
  };
  return far;
}
