// A table: without a name in the URL this page hosts it, with ?name=Alice it joins.
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { useTable } from "poker-signal/react";

const query = new URLSearchParams(location.search);
const url = query.get("url") ?? "ws://127.0.0.1:3001/prod";
const code = query.get("code") ?? "AAAAAA";
const name = query.get("name") ?? undefined;

function Game() {
  const [lines, setLines] = useState([]);
  const onMessage = (data, from) => setLines((before) => [...before, `${from}: ${data}`]);
  const { status, problem, peers, send } = useTable({ url, code, name, onMessage });
  const isOpen = name ? status === "connected" : peers.some((peer) => peer.status === "connected");
  return (
    <main>
      <h1>{name ?? "HOST"}</h1>
      <p role="status">{status}</p>
      {problem && <p role="alert">{problem.message}</p>}
      <ul aria-label="Players">{peers.map((peer) => <li key={peer.name}>{peer.name}: {peer.status}</li>)}</ul>
      <button disabled={!isOpen} onClick={() => send("hello")}>Say hello</button>
      <ol aria-label="Messages">{lines.map((line, index) => <li key={index}>{line}</li>)}</ol>
    </main>
  );
}

createRoot(document.getElementById("root")).render(<StrictMode><Game /></StrictMode>);
