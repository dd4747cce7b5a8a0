// Reads recordings: JSON lines, one entry of the trace per line. Pure.

const KNOWN_VERSION = 1;

/** A recording larger than this is not read: the page would not answer while it does. */
export const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Read a recording.
 *
 * Returns `{entries, problems, about}`: every line that can be read, a sentence for each reason
 * why others could not, and what the header tells of the emulator, as the API's `about` does.
 * A recording that was cut off in mid-line loses that line only. Of two in one file none is read:
 * their entries bear the same numbers.
 */
export function parseRecording(text) {
  const entries = [];
  const problems = [];
  const unreadable = [];
  const numbers = new Set();
  let about = {};
  let another = null;
  const lines = text.split(/\r?\n/);
  lines.forEach((line, index) => {
    if (line.trim() === "") return;
    let value;
    try {
      value = JSON.parse(line);
    } catch {
      unreadable.push(index + 1);
      return;
    }
    if (isHeader(value) ? numbers.size > 0 : isEntry(value) && numbers.has(value.n)) {
      another ??= index + 1;
    } else if (isHeader(value)) {
      if (value.version > KNOWN_VERSION) problems.push(newer(value.version));
      about = { ...value.settings, version: String(value.madeBy ?? "").replace(/^poker-signal /, "") };
    } else if (isEntry(value)) {
      entries.push(value);
      numbers.add(value.n);
    } else {
      unreadable.push(index + 1);
    }
  });
  if (another !== null) return { entries: [], problems: [several(another)], about };
  entries.sort((one, other) => one.n - other.n);
  if (entries.length === 0) problems.push("There is no entry in it: is this a recording?");
  else if (unreadable.length > 0) problems.push(explain(unreadable, lines));
  return { entries, problems, about };
}

function explain(unreadable, lines) {
  const last = lines.findLastIndex((line) => line.trim() !== "") + 1;
  if (unreadable.length === 1 && unreadable[0] === last) {
    return `The recording ends in the middle of line ${last}: that line is left out.`;
  }
  const shown = unreadable.slice(0, 5).join(", ");
  const more = unreadable.length > 5 ? `, and ${unreadable.length - 5} more` : "";
  return `Lines that are no entry are left out: ${shown}${more}.`;
}

const several = (line) =>
  `There is more than one recording in it: another begins in line ${line}. Open each in a file of its own.`;

const newer = (version) =>
  `The recording is of version ${version}, this page knows ${KNOWN_VERSION}: ` +
  "what it does not know is shown as it is.";

const isHeader = (value) =>
  value !== null && typeof value === "object" && typeof value.version === "number" && !("kind" in value);

const isEntry = (value) =>
  value !== null &&
  typeof value === "object" &&
  typeof value.kind === "string" &&
  Number.isFinite(value.n) &&
  Number.isFinite(value.at);
