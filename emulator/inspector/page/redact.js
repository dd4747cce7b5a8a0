// Redacts copies like recordings: secrets, host names, fingerprints and addresses. Pure. The
// emulator generates redaction-rules.js from emulator/recording/redaction.py.

import RULES from "./redaction-rules.js";
import { scopeOf } from "./sdp.js";

const FIND = Object.fromEntries(Object.entries(RULES.patterns).map(([name, source]) => [name, finder(source)]));
const SECRETS = RULES.secrets.map(([needle, source]) => [needle, finder(source)]);
const HOST_NAMES = RULES.hostNames.map(([needle, source]) => [needle, finder(source)]);
const IS_ADDRESS = whole(RULES.patterns.address);

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
    text = sub(text, FIND.percent, (match) => String.fromCharCode(parseInt(match[1], 16)));
    for (const [needle, pattern] of SECRETS) {
      if (text.includes(needle)) text = sub(text, pattern, ({ groups }) => groups.before + this.#pseudonym("secret", groups.secret));
    }
    text = sub(text, FIND.userName, ({ groups }) => `o=${this.#pseudonym("secret", groups.name)}`);
    for (const [needle, pattern] of HOST_NAMES) {
      if (text.includes(needle)) text = sub(text, pattern, (match) => this.#hostName(match));
    }
    text = sub(text, FIND.four, (match) => this.#four(match));
    text = sub(text, FIND.mdns, ({ groups }) => (groups.escape ?? "") + this.#pseudonym("mdns", groups.name.toLowerCase()));
    return sub(text, FIND.groups, (match) => this.#groups(match));
  }

  #hostName(match) {
    const host = match.groups.host.toLowerCase();
    if (IS_ADDRESS.test(host) || host.includes("%") || host === "localhost") return match[0];
    // The URLs of RTP header extensions are public constants.
    if (before(match, 30).includes("extmap:")) return match[0];
    return match.groups.before + this.#pseudonym("name", host);
  }

  #four(match) {
    const [found] = match;
    // A version such as Chrome/120.0.0.0 looks like an address: a slash before, zeros at the end.
    if (/^\p{L}\/$/u.test(before(match, 2)) && found.endsWith(".0.0")) return found;
    const numbers = found.split(".");
    if (numbers.length === 4) return this.#address(found);
    // With a number before or after the address, the whole chain is replaced.
    for (let start = 0; start < numbers.length - 3; start++) {
      const four = numbers.slice(start, start + 4).join(".");
      if (canonical(four) !== null) return this.#pseudonym("public4", found);
    }
    return found;
  }

  // Replace the address or the fingerprints in a chain of groups.
  #groups(match) {
    let [head, found] = withoutWord(match);
    if (/^:(?!:)/.test(found)) [head, found] = [`${head}:`, found.slice(1)];
    const tail = /(?<!:):$/.test(found) ? ":" : "";
    if (tail) found = found.slice(0, -1);
    const groups = found.split(":");
    const prints = groups.length > 15 ? this.#fingerprints(groups) : null;
    if (prints !== null) return head + prints + tail;
    // The rest of a word, or of an IPv4 address, that was replaced before.
    const end = match.index + match[0].length;
    if (!tail && /^(?:\.[0-9]|(?!_)[\p{L}\p{N}])/u.test(match.input.slice(end, end + 2))) return match[0];
    if (groups.length > 9 || (groups.length > 8 && !groups.includes(""))) {
      // Too many for an address: there may be one with a number before or after it.
      return groups.some(Boolean) ? head + this.#pseudonym("public6", found) + tail : match[0];
    }
    return head + this.#address(found) + tail;
  }

  // Replace each run of at least 16 bytes; null: there is none.
  #fingerprints(groups) {
    const found = [];
    let run = [];
    let isOne = false;
    for (const group of [...groups, ""]) {
      if (group.length === 2) {
        run.push(group);
        continue;
      }
      if (run.length > 15) {
        isOne = true;
        found.push(this.#pseudonym("print", run.join(":").toUpperCase()));
      } else {
        found.push(...run);
      }
      run = [];
      found.push(group);
    }
    return isOne ? found.slice(0, -1).join(":") : null;
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
    const parts = found.split(".");
    const isOne = parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d*)$/.test(part) && Number(part) < 256);
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
