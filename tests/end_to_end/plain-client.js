// A client in one function, without reconnects: the least that an app needs, for tests of the server.
// Connects one seat: HOST offers a data channel to each player who joins; a player joins HOST.
// onChannel(channel, name) is called with each channel when it is open. onProblem(problem) gets
// "error" and "undelivered" frames, the socket's "close" event, and exceptions of WebRTC.
function connectTable(url, { game, name, session, ticket, onChannel, onProblem, iceServers = [] }) {
  let query = `playerId=${encodeURIComponent(name)}&gameId=${encodeURIComponent(game)}`;
  if (session) query += `&session=${encodeURIComponent(session)}`; // takes the old connection over
  if (ticket) query += `&ticket=${ticket}`; // if the server requires one
  const socket = new WebSocket(`${url}?${query}`);
  const peers = new Map(); // by name; a plain object would lose the key "__proto__"
  const send = (type, targetId, payload) =>
    socket.send(JSON.stringify({ type, targetId, payload }));

  function connectTo(other) {
    const peer = new RTCPeerConnection({ iceServers });
    const announce = (channel) => { channel.onopen = () => onChannel(channel, other); };
    if (name === "HOST") announce(peer.createDataChannel("table"));
    peer.ondatachannel = ({ channel }) => announce(channel);
    peer.onicecandidate = ({ candidate }) => { // null or empty at the end: not sent
      if (candidate?.candidate) send("ice-candidate", other, candidate);
    };
    peer.early = []; // candidates that arrived before their description
    peers.get(other)?.close(); // a second join starts a new connection
    peers.set(other, peer);
  }

  async function receive({ type, senderId, payload }) {
    if (type === "join") connectTo(senderId);
    const peer = peers.get(senderId);
    if (!peer) return; // players accept HOST only, so no other player can pose as the host
    if (type === "ice-candidate") {
      if (peer.remoteDescription) await peer.addIceCandidate(payload);
      else peer.early.push(payload);
    }
    if (type === "offer" || type === "answer") {
      await peer.setRemoteDescription(payload);
      await Promise.all(peer.early.splice(0).map((candidate) => peer.addIceCandidate(candidate)));
    }
    if (type === "offer" || type === "join") {
      await peer.setLocalDescription(); // creates the answer or the offer, as needed
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
    else onProblem(frame); // a frame of the server itself
  };
  socket.onclose = onProblem;
  return { socket, peers };
}
