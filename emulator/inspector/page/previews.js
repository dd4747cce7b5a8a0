// A short preview of a row's payload, for its label in the diagram. Pure.

import { payloadOf } from "./export.js";
import { readJson } from "./handshake.js";
import { candidateOf, parseSdp, sdpOf } from "./sdp.js";
import { many } from "./words.js";

/** Characters of a preview. */
const MAX = 120;
const known = new WeakMap();

/** Return the preview of a row; empty if it has no payload. */
export function previewOf(row) {
  const before = known.get(row);
  if (before?.entries === row.entries.length) return before.text;
  const text = made(row);
  known.set(row, { entries: row.entries.length, text });
  return text;
}

function made(row) {
  const payload = payloadOf(row);
  if (row.type === "ice-candidate") return ofCandidate(payload);
  const sdp = row.type === "offer" || row.type === "answer" ? sdpOf(payload) : null;
  if (sdp !== null) return ofDescription(sdp);
  if (payload !== undefined) return typeof payload?.message === "string" ? cut(payload.message) : cut(JSON.stringify(payload));
  // A message of another protocol may have no payload.
  const text = row.entries.map((entry) => entry.event?.body ?? entry.body ?? entry.frame).find((each) => typeof each === "string");
  if (text === undefined) return "";
  const value = readJson(text);
  const isBare = value && typeof value === "object" && Object.keys(value).every((key) => key === "type" || key === "targetId" || key === "senderId");
  return isBare ? "" : cut(text);
}

function ofCandidate(payload) {
  const candidate = candidateOf(payload);
  if (payload === null || payload?.candidate === "") return "end of candidates";
  if (candidate === null) return payload === undefined ? "" : cut(`no candidate: ${JSON.stringify(payload)}`);
  const { type, scope, transport, tcpType, address, port } = candidate;
  const isName = scope === "mdns";
  const place = isName ? `${address.slice(0, 8)}….local` : address.includes(":") ? `[${address}]` : address;
  return cut([type, isName ? "mDNS" : "", transport, tcpType ?? "", `${place}:${port}`].filter(Boolean).join(" "));
}

function ofDescription(text) {
  const { sections, setups, candidates } = parseSdp(text);
  const media = [...new Set(sections.map(({ kind }) => (kind === "application" ? "data channel" : kind)))];
  const setup = setups.length > 0 ? `setup ${setups.join(", ")}` : "";
  return cut([...media, setup, candidates.length > 0 ? many(candidates.length, "candidate") : ""].filter(Boolean).join(", "));
}

const cut = (text) => (text.length > MAX ? `${text.slice(0, MAX)}…` : text);
