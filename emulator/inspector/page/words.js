// Formats durations, sizes, times and close codes as text. Pure.

/** "0.4 s"; below 100 ms with two decimals, so that a short time is not shown as 0.0 s. */
export function seconds(ms) {
  const s = ms / 1000;
  return `${s.toFixed(Math.abs(s) < 0.1 ? 2 : 1)} s`;
}

/** "+3 ms", "+1.24 s": time since the previous row. */
export function delta(ms) {
  if (ms === null || ms === undefined) return "";
  const rounded = Math.round(ms);
  if (rounded < 1000) return `+${rounded} ms`;
  return rounded < 60_000 ? `+${(ms / 1000).toFixed(2)} s` : `+${Math.round(ms / 1000)} s`;
}

/** "54 B", "1.2 KB". */
export function bytes(size) {
  if (size === null || size === undefined) return "";
  if (size < 1000) return `${size} B`;
  return size < 1_000_000 ? `${(size / 1000).toFixed(1)} KB` : `${(size / 1e6).toFixed(1)} MB`;
}

/** "18:23:27.403", in the browser's time zone. */
export function clock(at) {
  const date = new Date(at);
  const two = (number) => String(number).padStart(2, "0");
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

/** "1 candidate", "3 candidates". */
export const many = (count, noun, plural = `${noun}s`) => `${count} ${count === 1 ? noun : plural}`;

const OUTCOMES = { __proto__: null, ok: "delivered", bad: "failed", warn: "warning", pending: "pending", info: "" };
// Recordings may hold any kind.
const ACCEPTED = { __proto__: null, connect: "accepted", open: "accepted", authorizer: "allowed", management: "done" };

/** True for a message whose arrow ends at the gateway, because its delivery is another row. */
const isSplit = (row) => row.kind === "message" && !row.relay && row.deliveredAt !== null && row.deliveredAt !== undefined;

/** The outcome of a row as text. */
export function outcomeOf(row) {
  if (isSplit(row)) return `received; delivered ${delta(row.deliveredAt - row.at).slice(1)} later`;
  return (row.outcome === "ok" && ACCEPTED[row.kind]) || (OUTCOMES[row.outcome] ?? "");
}

/** The outcome of a row and its note, without saying one thing twice. */
export function saidOf(row) {
  const outcome = outcomeOf(row);
  return [outcome, noteOf(row)].filter(Boolean).join(": ");
}

/** The text in the diagram's column of outcomes; empty if the arrow tells it. */
export function resultOf(row) {
  if (isSplit(row)) return saidOf(row);
  const note = noteOf(row);
  if (note !== "") return note;
  if (row.kind === "disconnect" && row.outcome === "bad") return closeMeaning(Number(row.type.split(" ")[1]));
  return row.kind === "message" && row.outcome !== "ok" ? (OUTCOMES[row.outcome] ?? "") : "";
}

// The note of a message may be its outcome once more.
function noteOf(row) {
  const note = row.note ?? "";
  return note === "delivered" || note === outcomeOf(row) ? "" : note;
}

const CLOSES = {
  __proto__: null,
  1000: "normal closure",
  1001: "going away: the page was left, or the idle or lifetime limit was reached",
  1002: "protocol error",
  1003: "a binary frame, which API Gateway does not accept",
  1005: "closed without a code",
  1006: "the connection broke without a close frame",
  1007: "text that is not UTF-8",
  1008: "policy violation",
  1009: "a message too large",
  1011: "internal error",
  1012: "the emulator was stopped",
};

/** Meaning of a close code; empty if unknown. */
export const closeMeaning = (code) => CLOSES[code] ?? "";
