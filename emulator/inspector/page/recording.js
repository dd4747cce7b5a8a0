// Reads recordings: JSON lines, with one trace entry per line. Pure.

const KNOWN_VERSION = 1;

/** Bytes of the largest recording that is read: the page does not respond while it reads. */
export const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Read a recording.
 *
 * Returns `{entries, problems, about}`: the entries of all valid lines, a sentence for each kind
 * of invalid lines, and the emulator's data from the header, in the format of the API's `about`.
 * If a recording was cut off within a line, only that line is lost. A file with two recordings
 * is not read, because their entries have the same numbers.
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
    return `The recording ends in the middle of line ${last}: this line is left out.`;
  }
  const shown = unreadable.slice(0, 5).join(", ");
  const more = unreadable.length > 5 ? `, and ${unreadable.length - 5} more` : "";
  return `Lines that are not entries are left out: ${shown}${more}.`;
}

const several = (line) =>
  `The file has more than one recording: another begins in line ${line}. Put each in its own file.`;

const newer = (version) =>
  `The recording is of version ${version}, this page supports version ${KNOWN_VERSION}: ` +
  "entries of unknown kinds are shown unchanged.";

const isHeader = (value) =>
  value !== null && typeof value === "object" && typeof value.version === "number" && !("kind" in value);

const isEntry = (value) =>
  value !== null &&
  typeof value === "object" &&
  typeof value.kind === "string" &&
  Number.isFinite(value.n) &&
  Number.isFinite(value.at);
