// The client of the README, examples/browser-client.js, as a module. A test holds both equal.
// A seat at the table: HOST offers a data channel to everybody who joins, a player joins HOST.
// onChannel(channel, name) gets each channel once it is open. onProblem(problem) gets frames of
// type "error" and "undelivered", the socket's "close" event, and what WebRTC throws.
function connectTable(url, { game, name, ticket, onChannel, onProblem, iceServers = [] }) {
  let query = `playerId=${encodeURIComponent(name)}&gameId=${encodeURIComponent(game)}`;
  if (ticket) query += `&ticket=${ticket}`; // where the server asks for one
  const socket = new WebSocket(`${url}?${query}`);
  const peers = new Map(); // by name; as a key of a plain object, "__proto__" would be lost
  const send = (type, targetId, payload) =>
    socket.send(JSON.stringify({ type, targetId, payload }));

  function connectTo(other) {
    const peer = new RTCPeerConnection({ iceServers });
    const announce = (channel) => { channel.onopen = () => onChannel(channel, other); };
    if (name === "HOST") announce(peer.createDataChannel("table"));
    peer.ondatachannel = ({ channel }) => announce(channel);
    peer.onicecandidate = ({ candidate }) => { // null or empty at the end: never sent
      if (candidate?.candidate) send("ice-candidate", other, candidate);
    };
    peer.early = []; // candidates that came before the description they belong to
    peers.get(other)?.close(); // who joins again starts anew
    peers.set(other, peer);
  }

  async function receive({ type, senderId, payload }) {
    if (type === "join") connectTo(senderId);
    const peer = peers.get(senderId);
    if (!peer) return; // a player listens to HOST only: nobody else can pose as the host
    if (type === "ice-candidate") {
      if (peer.remoteDescription) await peer.addIceCandidate(payload);
      else peer.early.push(payload);
    }
    if (type === "offer" || type === "answer") {
      await peer.setRemoteDescription(payload);
      await Promise.all(peer.early.splice(0).map((candidate) => peer.addIceCandidate(candidate)));
    }
    if (type === "offer" || type === "join") {
      await peer.setLocalDescription(); // makes the answer or the offer, whichever is due
      send(peer.localDescription.type, senderId, peer.localDescription);
    }
  }

  socket.onopen = () => {
    if (name === "HOST") return;
    connectTo("HOST");
    send("join", "HOST", { playerName: name });
  };
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.senderId) receive(frame).catch(onProblem);
    else onProblem(frame); // the gateway's own
  };
  socket.onclose = onProblem;
  return { socket, peers };
}

export { connectTable };
