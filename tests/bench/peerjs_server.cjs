// PeerJS server as its command line starts it, at any free port; prints its URL. Needs NODE_PATH.
const { PeerServer } = require("peer");
const options = { host: "127.0.0.1", port: 0, concurrent_limit: 100000, alive_timeout: 600000 };
PeerServer(options, (server) => {
  console.log(`ws://127.0.0.1:${server.address().port}/peerjs`);
});
process.on("SIGINT", () => process.exit(0));
