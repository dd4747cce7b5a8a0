// Redacts copies like recordings: secrets, host names, fingerprints and addresses. Pure. The
// emulator generates redaction-rules.js from emulator/recording/redaction.py.

import RULES from "./redaction-rules.js";
import { scopeOf } from "./sdp.js";

const FIND = Object.fromEntries(Object.entries(RULES.patterns).map(([name, source]) => [name, finder(source)]));
const SECRETS = RULES.secrets.map(([needle, source]) => [needle, finder(source)]);
const HOST_NAMES = RULES.hostNames.map(([needle, source]) => [needle, finder(source)]);
const IS_ADDRESS = whole(RULES.patterns.address);
const IS_FINGERPRINT = whole(RULES.patterns.fingerprint);

function finder(source) {
  return new RegExp(source, "gu");
}

function whole(source) {
  return new RegExp(`^(?:${source})$`, "u");
}

/** Redacts one copy; equal originals get equal pseudonyms. */
export class Redaction {
  #known = new Map();
  #counts = new Map();

  /** Return a text, such as a message, redacted. */
  text(value) {
    let text = String(value);
    text = sub(text, FIND.escaped, (match) => match[1] + String.fromCharCode(parseInt(match[2], 16)));
    for (const [needle, pattern] of SECRETS) {
      if (text.includes(needle)) text = sub(text, pattern, ({ groups }) => groups.before + this.#pseudonym("secret", groups.secret));
    }
    text = sub(text, FIND.userName, (match) => this.#userName(match));
    for (const [needle, pattern] of HOST_NAMES) {
      if (text.includes(needle)) text = sub(text, pattern, (match) => this.#hostName(match));
    }
    text = sub(text, FIND.fingerprint, (match) => this.#fingerprint(match));
    text = sub(text, FIND.four, (match) => this.#four(match));
    text = sub(text, FIND.mdns, ({ groups }) => (groups.escape ?? "") + this.#pseudonym("mdns", groups.name.toLowerCase()));
    return sub(text, FIND.six, (match) => {
      const [head, found] = withoutWord(match);
      return head + this.#address(found);
    });
  }

  #userName(match) {
    if (continues(match) || before(match, 1) === "=") return match[0];
    return `o=${this.#pseudonym("secret", match.groups.name)}`;
  }

  #hostName(match) {
    const host = match.groups.host.toLowerCase();
    if (IS_ADDRESS.test(host) || host.includes("%") || host === "localhost") return match[0];
    // The URLs of RTP header extensions are public constants.
    if (before(match, 30).includes("extmap:")) return match[0];
    return match.groups.before + this.#pseudonym("name", host);
  }

  #fingerprint(match) {
    const [head, found] = withoutWord(match);
    const isOne = head === "" || IS_FINGERPRINT.test(found);
    return head + (isOne ? this.#pseudonym("print", found.toUpperCase()) : found);
  }

  #four(match) {
    const [found] = match;
    const two = before(match, 2);
    // A version such as Chrome/120.0.0.0 looks like an address: a slash before, zeros at the end.
    const isVersion = /^\p{L}\/$/u.test(two) && found.endsWith(".0.0");
    return isVersion || two.endsWith(".") || continues(match) ? found : this.#address(found);
  }

  #address(found) {
    const address = canonical(found);
    if (address === null || address === "::" || address === "0.0.0.0") return found;
    const scope = scopeOf(address);
    if (scope === "loopback") return found;
    return this.#pseudonym(scope + (address.includes(":") ? "6" : "4"), address);
  }

  #pseudonym(kind, original) {
    const key = `${kind} ${original}`;
    if (!this.#known.has(key)) {
      const number = (this.#counts.get(kind) ?? 0) + 1;
      this.#counts.set(kind, number);
      this.#known.set(key, pseudonym(kind, number));
    }
    return this.#known.get(key);
  }
}

// Replace each match by the result of a function.
function sub(text, pattern, replace) {
  let done = "";
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    done += text.slice(end, match.index) + replace(match);
    end = match.index + match[0].length;
  }
  return done + text.slice(end);
}

const before = (match, count) => match.input.slice(Math.max(match.index - count, 0), match.index);

// Return true if the match is the end of a longer word.
function continues(match) {
  const two = before(match, 2);
  return !["\\n", "\\r", "\\t"].includes(two) && /[\p{L}\p{N}_]$/u.test(two);
}

// Split off a word's end and its colon before an address, as in "id:2001:db8::1".
function withoutWord(match) {
  const [found] = match;
  const end = continues(match) ? found.indexOf(":") + 1 : 0;
  return [found.slice(0, end), found.slice(end)];
}

// The canonical form of an address; null for text that is not one, such as a time of day.
function canonical(found) {
  if (!found.includes(":")) {
    const isOne = found.split(".").every((part) => /^(?:0|[1-9]\d*)$/.test(part) && Number(part) < 256);
    return isOne ? found : null;
  }
  // "::" stands for at least one group.
  if (found.includes("::") && found.split(":").filter(Boolean).length > 7) return null;
  try {
    return new URL(`http://[${found}]`).hostname.slice(1, -1);
  } catch {
    return null;
  }
}

function pseudonym(kind, number) {
  const [high, low] = [(number % 65536) >> 8, number & 255];
  const upper = (byte) => byte.toString(16).toUpperCase().padStart(2, "0");
  const hex = number.toString(16);
  const parts = { number, hex, twelve: hex.padStart(12, "0"), high, low, HIGH: upper(high), LOW: upper(low) };
  return RULES.pseudonyms[kind].replace(/\{(\w+)\}/g, (_, part) => parts[part]);
}

/** Escape Markdown's special characters. */
export const escapeMarkup = (text) =>
  String(text)
    .replace(/[\r\n]+/g, " ")
    .replace(/[\\`*_{}[\]<>()#+!|~]/g, "\\$&");
