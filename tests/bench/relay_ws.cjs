// The same relay as bare_relay.py on Node's ws; prints its URL. Needs NODE_PATH.
const { WebSocketServer } = require("ws");
const TYPES = new Set(["join", "offer", "answer", "ice-candidate"]);
const games = new Map();
const options = { host: "127.0.0.1", port: 0, perMessageDeflate: false, backlog: 1024 };
const server = new WebSocketServer(options, () => {
  console.log(`ws://127.0.0.1:${server.address().port}`);
});
server.on("connection", (socket, request) => {
  const query = new URL(request.url, "ws://localhost").searchParams;
  const player = query.get("playerId");
  const gameId = query.get("gameId");
  if (!games.has(gameId)) games.set(gameId, new Map());
  const game = games.get(gameId);
  game.set(player, socket);
  socket.on("message", (text) => {
    const message = JSON.parse(text);
    if (!TYPES.has(message.type)) return;
    const target = game.get(message.targetId ?? "HOST");
    const { type, payload } = message;
    if (target) target.send(JSON.stringify({ type, senderId: player, payload }));
  });
  socket.on("close", () => {
    if (game.get(player) === socket) game.delete(player);
    if (game.size === 0 && games.get(gameId) === game) games.delete(gameId);
  });
});
process.on("SIGINT", () => process.exit(0));
