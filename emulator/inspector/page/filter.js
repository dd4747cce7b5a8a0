// The filter of the diagram's rows. Pure.

import { readJson } from "./handshake.js";

/** Return a predicate for rows; null if all rows pass. */
export function filterOf({ text = "", player = "", type = "", outcome = "", attempt = null }) {
  const needle = text.trim().toLowerCase();
  if (!needle && !player && !type && !outcome && !attempt) return null;
  return (row) =>
    (!attempt || row.attempt === attempt) &&
    (!player || row.from === player || row.to === player || row.player === player) &&
    (!type || familyOf(row.type) === type) &&
    (!outcome || row.outcome === outcome) &&
    (!needle || haystack(row).includes(needle));
}

/** The first word of a type: "closed 1001" and "closed 1006" belong to the family "closed". */
export const familyOf = (type) => type.split(" ", 1)[0];

function haystack(row) {
  if (row.searched !== row.entries.length) {
    const raw = row.entries.flatMap((entry) => [entry.requestId ?? "", entry.event?.body ?? entry.body ?? entry.frame ?? ""]);
    const names = [row.type, row.from, row.to, row.note, row.connection?.id];
    row.haystack = [...names, ...raw.map(unescaped)].join("\n").toLowerCase();
    row.searched = row.entries.length;
  }
  return row.haystack;
}

// A search for "Zoë" also finds its JSON escapes. A recording may have any value in place of a
// text.
function unescaped(text) {
  if (typeof text !== "string") return JSON.stringify(text);
  if (!text.includes("\\u")) return text;
  const value = readJson(text);
  return value === undefined ? text : `${text}\n${JSON.stringify(value)}`;
}
