// The filter of the diagram's rows, and the language of the search. Pure.
//
// A search is a list of terms that all must match: text, `from:NAME`, `to:NAME`, `type:TYPE`,
// `game:CODE`, `outcome:WORD`, `/regular expression/`. Quotes hold spaces together, a hyphen
// before a term excludes what it matches. Letter case is ignored.

import { specsOf } from "./badges.js";
import { readJson } from "./handshake.js";
import { outcomeOf, saidOf } from "./words.js";

const TERM = /(-?)(?:(from|to|type|game|outcome):)?(?:"([^"]*)"?|\/((?:\\.|[^\\/])+)\/([a-z]*)(?=\s|$)|(\S+))/giy;

/**
 * Parse a search.
 *
 * Returns `{test(row, game), games, error}`: `test` is null if the text is empty, `games` is true
 * if a term names a game, `error` a sentence about the first term that is not valid.
 */
export function parseSearch(text) {
  const tests = [];
  let games = false;
  TERM.lastIndex = 0;
  for (;;) {
    while (/\s/.test(text[TERM.lastIndex] ?? "")) TERM.lastIndex += 1;
    const start = TERM.lastIndex;
    const found = TERM.exec(text);
    if (!found) break;
    const [, minus, key, quoted, pattern, flags, word] = found;
    let matches;
    try {
      matches = pattern === undefined ? containing(quoted ?? word) : matching(pattern, flags);
    } catch (error) {
      return { test: null, games: false, error: `${text.slice(start, TERM.lastIndex)}: ${reasonOf(error)}` };
    }
    const values = VALUES[(key ?? "text").toLowerCase()];
    games ||= key?.toLowerCase() === "game";
    tests.push((row, game) => values(row, game).some(matches) !== (minus === "-"));
  }
  const test = tests.length === 0 ? null : (row, game) => tests.every((each) => each(row, game));
  return { test, games, error: "" };
}

const VALUES = {
  __proto__: null,
  text: (row) => [haystack(row)],
  from: (row) => [row.from ?? row.sender ?? "gateway"],
  to: (row) => [row.to ?? row.target ?? "gateway"],
  type: (row) => [row.type],
  game: (row, game) => [game.id],
  outcome: (row) => [row.outcome, outcomeOf(row), saidOf(row)],
};

function containing(word) {
  const needle = word.toLowerCase();
  return (value) => String(value).toLowerCase().includes(needle);
}

function matching(pattern, flags) {
  // With “g” or “y” a test would begin where the one before ended.
  const expression = new RegExp(pattern, [...new Set(`i${flags.replace(/[gy]/g, "")}`)].join(""));
  return (value) => expression.test(String(value));
}

// Browsers write “Invalid regular expression: /(/i: Unterminated group”.
const reasonOf = (error) => String(error.message).split(": ").at(-1).toLowerCase();

/** Return a predicate for rows and their games; null if all rows pass. */
export function filterOf({ search = null, player = "", type = "", outcome = "", attempt = null }) {
  if (!search && !player && !type && !outcome && !attempt) return null;
  return (row, game) =>
    (!attempt || row.attempt === attempt) &&
    (!player || row.from === player || row.to === player || row.player === player) &&
    (!type || familyOf(row.type) === type) &&
    (!outcome || row.outcome === outcome) &&
    (!search || search(row, game));
}

/** The first word of a type: "closed 1001" and "closed 1006" belong to the family "closed". */
export const familyOf = (type) => type.split(" ", 1)[0];

const haystacks = new WeakMap();

function haystack(row) {
  const faults = row.faults?.length ?? 0;
  let kept = haystacks.get(row);
  if (kept?.entries !== row.entries.length || kept.faults !== faults) {
    const raw = row.entries.flatMap((entry) => [entry.requestId ?? "", entry.event?.body ?? entry.body ?? entry.frame ?? ""]);
    const names = [row.type, row.from, row.to, row.note, row.connection?.id, ...specsOf(row)];
    kept = { text: [...names, ...raw.map(unescaped)].join("\n").toLowerCase(), entries: row.entries.length, faults };
    haystacks.set(row, kept);
  }
  return kept.text;
}

// A search for "Zoë" also finds its JSON escapes. A recording may have any value in place of a
// text.
function unescaped(text) {
  if (typeof text !== "string") return JSON.stringify(text);
  if (!text.includes("\\u")) return text;
  const value = readJson(text);
  return value === undefined ? text : `${text}\n${JSON.stringify(value)}`;
}
