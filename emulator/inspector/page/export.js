// Copies of an attempt or a row: Mermaid, an event file, a pytest test, a bug report. Pure.
//
// All data from peers is redacted in them, except in the event file, which is unchanged.

import { shown } from "./dom.js";
import { readJson } from "./handshake.js";
import { Redaction, escapeMarkup } from "./redact.js";
import { clock, delta, saidOf } from "./words.js";

const MAX_ROWS = 200;

/** Return rows as a Mermaid sequence diagram. */
export function mermaid(rows, redaction = new Redaction()) {
  // In Mermaid, ";" and a line break end a statement, "#…;" is an escape and "%%" a comment.
  const safe = (text) => {
    const line = shown(redaction.text(text).replace(/[\u0000-\u001f\u007f-\u009f]+/g, " "));
    const escaped = line.replace(/[#;<>"&%{}[\]\\`:]/g, (char) => `#${char.charCodeAt(0)};`);
    return escaped.trim().slice(0, 300) || " ";
  };
  const ids = new Map([[null, "G"]]);
  const lines = ["sequenceDiagram", "    participant G as gateway"];
  const first = rows.slice(0, MAX_ROWS);
  for (const name of first.flatMap((row) => [row.from, row.to])) {
    if (ids.has(name)) continue;
    ids.set(name, `P${ids.size}`);
    lines.push(`    participant ${ids.get(name)} as ${safe(name)}`);
  }
  for (const row of first) {
    const label = safe([row.type, delta(row.delta), row.note].filter(Boolean).join(" "));
    if (row.from === row.to) lines.push(`    Note over ${ids.get(row.from)}: ${label}`);
    else lines.push(`    ${ids.get(row.from)}${arrow(row)}${ids.get(row.to)}: ${label}`);
  }
  if (rows.length > MAX_ROWS) lines.push(`    Note over G: ${rows.length - MAX_ROWS} more`);
  return `${lines.join("\n")}\n`;
}

const arrow = (row) => (row.outcome === "bad" || row.outcome === "warn" ? "-x" : "->>");

/** Return the event of a row as a file for `poker-signal effects`; null if it has none. */
export function eventFile(row) {
  const entry = row.entries.find((each) => each.event);
  return entry ? `${JSON.stringify(entry.event, null, 2)}\n` : null;
}

/** Return a pytest test in which the peers of an attempt send and expect the same messages. */
export function pytestTest(attempt, rows, about) {
  const names = [...new Set([attempt.host, attempt.player])];
  const redaction = new Redaction();
  const python = (text) => pythonString(redaction.text(text));
  const comment = (text) => redaction.text(text).replace(/[\\"\u0000-\u001f]/g, "?");
  const variable = new Map(names.map((name, index) => [name, index === 0 ? "host" : "player"]));
  const steps = stepsOf(withTheirs(attempt, rows), variable, python);
  const fixtures = steps.some((line) => line.startsWith("signal_faults.")) ? "signal_peer, signal_faults" : "signal_peer";
  const star = about.topology === "star" ? '\n@pytest.mark.signal_emulator(topology="star")' : "";
  return `"""Handshake of ${comment(attempt.player)} and ${comment(attempt.host)}, as a test. It needs: pip install "path/to/poker-signal[pytest]"."""

import pytest

GAME = ${python(attempt.game.id)}


@pytest.mark.asyncio${star}
async def test_handshake(${fixtures}) -> None:
${[...seats(attempt, steps, variable, python), ...steps].map((line) => `    ${line}`).join("\n") || "    pass"}
`;
}

// Only peers that take part in the steps connect in the test.
function seats(attempt, steps, variable, python) {
  const takes = [...variable].filter(([, seat]) => steps.some((line) => line.includes(`await ${seat}.`)));
  const rival = attempt.errors.includes("DUPLICATE_NAME");
  return takes.flatMap(([name, seat]) => {
    const sit = `await signal_peer(${python(name)}, GAME)`;
    return rival && name === attempt.player ? [`${sit}  # owns the name`, `${seat} = ${sit}`] : [`${seat} = ${sit}`];
  });
}

// The end of HOST and the faults of its connection are rows of the game, not of an attempt: add
// those that concern this attempt.
function withTheirs(attempt, rows) {
  const ends = (row) => attempt.left.some((each) => each.player === row.from && each.at === row.at);
  const struck = new Set(attempt.faults);
  const strikes = (row) => row.faults.some(({ spec }) => struck.has(spec));
  const isTheirs = (row) => (row.kind === "disconnect" && ends(row)) || (row.kind === "fault" && strikes(row));
  const others = (attempt.game?.rows ?? []).filter((row) => isTheirs(row) && !rows.includes(row));
  return [...rows, ...others].sort((one, other) => one.index - other.index);
}

function stepsOf(rows, variable, python) {
  const lines = [];
  const test = { variable, python, away: new Set(), faults: new Set(), strikes: new Map() };
  let last = 0;
  for (const row of rows) {
    if (row.kind === "message") {
      last = lines.length;
      test.strikes.clear();
    }
    // A fault that struck a message must be active before the message is sent.
    const before = row.faults.filter(({ spec }) => !AT_CONNECTIONS.test(spec));
    const after = row.faults.filter(({ spec }) => AT_CONNECTIONS.test(spec));
    lines.splice(last, 0, ...before.flatMap((fault) => struck(row, fault, test)));
    lines.push(...(STEPS[row.kind]?.(row, test) ?? []));
    lines.push(...after.flatMap((fault) => struck(row, fault, test)));
  }
  return lines;
}

const STEPS = { message: said, post: told, disconnect: left };

function said(row, { variable, python, away }) {
  const sender = variable.get(row.from);
  if (!sender) return [];
  const target = row.deliveredAt !== null && row.target !== row.from ? variable.get(row.target) : null;
  // A peer that left before has connected again.
  const back = [row.from, ...(target ? [row.target] : [])].filter((name) => away.delete(name));
  const body = row.entries.find((each) => each.event)?.event.body ?? "";
  return [
    ...back.map((name) => `${variable.get(name)} = await signal_peer(${python(name)}, GAME)`),
    `await ${sender}.send_text(${python(body)})`,
    ...(target ? [`assert (await ${target}.expect(${python(row.type)})).sender == ${python(row.from)}`] : []),
  ];
}

function told(row, { variable, python }) {
  const [type, code] = row.type.split(" ");
  const listener = variable.get(row.to);
  if (!listener || !code || !["error", "undelivered"].includes(type)) return [];
  return [`assert (await ${listener}.expect(${python(type)})).code == ${python(code)}`];
}

function left(row, { variable, away }) {
  const name = row.from;
  if (!variable.has(name) || away.has(name)) return [];
  away.add(name);
  const { code } = row.entries[0];
  // A client can send no other code; for the other peers the code makes no difference.
  const isSendable = code === 1001 || (code >= 3000 && code <= 4999);
  return [`await ${variable.get(name)}.close(${isSendable ? code : ""})`];
}

// A fault with a number or a probability struck here: add it for the next matching event.
function struck(row, { spec: given }, test) {
  const [, kind, selector = "", nth, value = ""] = SPEC.exec(given) ?? [];
  if (!kind) return [];
  const parts = value.split(",").filter(Boolean);
  const durations = parts.filter((part) => /^[\d.]+m?s$/.test(part));
  const isAlways = nth === undefined && durations.length === parts.length;
  const late = durations.length > 0 && !AT_CONNECTIONS.test(kind) ? `=${durations.join(",")}` : "";
  const strikes = (test.strikes.get(row.type) ?? 0) + 1;
  test.strikes.set(row.type, strikes);
  const spec = test.python(`${kind}${selector}${isAlways ? "" : `#${strikes}`}${late}`);
  const isOn = test.faults.has(spec);
  test.faults.add(spec);
  if (kind === "ghost") test.away.add(row.to);
  return [
    // A fault that is added again counts from the start again.
    ...(isOn && !isAlways ? [`signal_faults.remove(${spec})`] : []),
    ...(isOn && isAlways ? [] : [`signal_faults.add(${spec})`]),
    // The trace has no entry for an end whose $disconnect is skipped.
    ...(kind === "miss-disconnect" ? left({ ...row, from: row.to }, test) : []),
  ];
}

const AT_CONNECTIONS = /^(ghost|go-away|miss-disconnect)\b/;
const SPEC = /^([^:#=]+)(:[^#=]*)?(#[^=]*)?(?:=(.*))?$/s;

// A JSON string is a valid Python string if surrogate pairs stay as characters.
const pythonString = (text) => JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, escaped);
const escaped = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** Return a bug report in Markdown, without SDP and payloads. */
export function bugReport(attempt, rows, about) {
  const redaction = new Redaction();
  const markdown = (text) => escapeMarkup(shown(redaction.text(text).replace(/[\r\n]+/g, " ")));
  const lines = [
    `## ${markdown(attempt.headline)}`,
    "",
    ...(attempt.hint ? [markdown(attempt.hint), ""] : []),
    ...attempt.findings.map((each) => `- ${markdown(each.text)}`),
    ...(attempt.findings.length > 0 ? [""] : []),
    "| what | |",
    "|---|---|",
    `| verdict | \`${attempt.code}\` |`,
    `| attempt | ${attempt.number}, ${markdown(attempt.player)} → ${markdown(attempt.host)} |`,
    `| began | ${new Date(attempt.startAt).toISOString()} |`,
    `| candidates | ${attempt.sides.map((each) => `${markdown(each.player)}: ${markdown(each.kinds)}`).join(" / ")} |`,
    `| poker-signal | ${markdown(about.version ?? "unknown")} |`,
    `| browser | ${escapeMarkup(about.userAgent ?? "unknown")} |`,
    "",
    "```mermaid",
    mermaid(rows, redaction).trimEnd(),
    "```",
    "",
    "| time | Δt | what | outcome |",
    "|---|---|---|---|",
    ...rows.slice(0, MAX_ROWS).map((row) => reportRow(row, markdown)),
  ];
  return `${lines.join("\n")}\n`;
}

function reportRow(row, markdown) {
  const who = `${markdown(row.from ?? "gateway")} → ${markdown(row.to ?? "gateway")}`;
  const outcome = markdown(saidOf(row));
  return `| ${clock(row.at)} | ${delta(row.delta)} | ${who} ${markdown(row.type)} | ${outcome} |`;
}

/** Return the parsed payload of a row's message or frame; undefined if it has none. */
export function payloadOf(row) {
  for (const entry of row.entries) {
    const value = readJson(entry.event?.body ?? entry.body ?? entry.frame);
    if (value && typeof value === "object" && "payload" in value) return value.payload;
  }
  return undefined;
}
